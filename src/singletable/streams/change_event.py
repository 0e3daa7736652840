"""Changes: a record of a stream, with its images as entities."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs

from singletable.chains import unchained
from singletable.errors import (
    ImageMissingError,
    InvalidTransactionError,
    KeyParseError,
    MalformedItemError,
)
from singletable.models.items.internal_items import INTERNAL_KEYS, INTERNAL_TYPES
from singletable.models.items.rows import primary_attributes, primary_key_reader
from singletable.models.schema.entity_schema import EntitySchema
from singletable.models.schema.table_schema import table_schema
from singletable.requests.types import Item
from singletable.streams.images import Images, damaged
from singletable.streams.records import Event, StreamRecord

if TYPE_CHECKING:
    from singletable.models import Table, Transaction
    from singletable.streams.marks import Delivery

__all__ = ["Change", "is_own", "key_identifies", "read_change"]

T = TypeVar("T", bound="Table")

_LACKS: Mapping[Event, str] = {"INSERT": "old", "REMOVE": "new", "MODIFY": ""}


@attrs.frozen(eq=False)
class Change(Generic[T]):
    """A change of an entity.

    `new` and `old` are the entity after the change and before it. Each is read when it is first used. For an item of an
    unknown type both are `UnknownItem`, and `entity` is None. With `StreamRouter(malformed="yield")`, an image that the
    model cannot read is a `MalformedItem`.

    Args:
        record: The record of the stream.
        entity: The entity's class; None for an item of an unknown type.
        key: The attributes of its primary key, by name; for an unknown item the key as it is stored.
        images: The images, which are read when they are first used.
    """

    record: StreamRecord
    entity: type[T] | None
    key: Mapping[str, Any] = attrs.field(repr=False)
    images: Images = attrs.field(repr=False)
    _delivery: Delivery | None = attrs.field(default=None, repr=False)

    @property
    def event(self) -> Event:
        """`INSERT`, `MODIFY` or `REMOVE`."""
        return self.record.event

    @property
    def event_id(self) -> str:
        """The event's id, which is the same each time that the event is delivered."""
        return self.record.event_id

    @property
    def expired(self) -> bool:
        """Whether time to live removed the item."""
        return self.record.expired

    @property
    def at(self) -> datetime | None:
        """The time of the change, precise to about a second; None if the record has no time."""
        return self.record.at

    @property
    def changed(self) -> frozenset[str] | None:
        """The names of the attributes whose values differ; all of them for an INSERT or a REMOVE.

        None if the stream does not show both images.
        """
        return self.images.changed

    @property
    def new(self) -> T:
        """The entity after the change.

        Raises:
            ImageMissingError: The entity was removed, or the stream does not show new images.
            MalformedItemError: The model cannot read the image.
        """
        return self._image("new", self.images.new)

    @property
    def old(self) -> T:
        """The entity before the change.

        Raises:
            ImageMissingError: The entity was inserted, or the stream does not show old images.
            MalformedItemError: The model cannot read the image.
        """
        return self._image("old", self.images.old)

    def transaction(self) -> Transaction:
        """Return a transaction of the table that is executed at most once for this event and this handler.

        The mark that this handler has handled this event is written with it. If the mark exists already, nothing is
        written and the event counts as handled.

        Raises:
            InvalidTransactionError: The handler has sent a transaction for this event already, or no router gave this
                change to a handler.
        """
        if self._delivery is None:
            raise InvalidTransactionError(
                "This change did not come from a router, so its event cannot be marked as handled.",
                remedy="Let router.process(record_of(new=...)) call the handler, also in a test.",
            )
        return self._delivery.transaction()

    def _image(self, which: str, image: T | None) -> T:
        if image is not None:
            return image
        name = self.entity.__name__ if self.entity else "item"
        if _LACKS[self.event] == which:
            raise ImageMissingError(
                f"{'An' if self.event == 'INSERT' else 'A'} {self.event} of {name} has no {which} image.",
                remedy=f"Use change.{'new' if which == 'old' else 'old'}.",
                entity=name,
                image=which,
            )
        raise ImageMissingError(
            f"The stream shows {self.record.view}: the {which} image of the {self.event} of {name} is missing.",
            remedy="Switch the stream to NEW_AND_OLD_IMAGES (Meta.stream_view_type), or read the entity by change.key.",
            entity=name,
            image=which,
        )


def is_own(table: type[Table], record: StreamRecord) -> bool:
    """Return whether a record is of one of the framework's own items, such as a migration's record."""
    layout = table_schema(table).layout
    image = record.new or record.old
    if image is not None:
        return str(image.get(layout.type_name, {}).get("S", "")).startswith(INTERNAL_TYPES)
    return str(record.key.get(layout.partition_name, {}).get("S", "")).startswith(INTERNAL_KEYS)


def key_identifies(table: type[Table], entity: type[Table]) -> bool:
    """Return whether a key alone shows that an item is of a class, or of a class that inherits from it."""
    schemas = table_schema(table).entities.values()
    # If several classes share a key, the key only shows in which class it was declared.
    return not any(issubclass(each.entity, entity) and not issubclass(each.key_owner, entity) for each in schemas)


@unchained
def read_change(table: type[Table], record: StreamRecord, *, tolerate: bool = False) -> Change[Any]:
    """Return a record as a change with its entity and key. Its images are read when they are needed.

    Args:
        table: The table class.
        record: The record.
        tolerate: Whether an image that its model cannot read becomes a `MalformedItem`.

    Raises:
        MalformedItemError: The keys are not those of the entity that an image names.
        MalformedRecordError: An image or a key is not an item.
    """
    images = Images(table, record, tolerate=tolerate)
    try:
        shown = record.new if record.new is not None else record.old
        if shown is None:
            found = primary_key_reader(table)(record.key)
            return Change(record, None, record.key, images) if found is None else Change(record, *found, images)
        schema = _schema_of(table, shown)
        if schema is None:
            return Change(record, None, record.key, images)
        try:
            key = primary_attributes(schema, record.key)
        except KeyParseError:
            raise MalformedItemError(
                f"The keys of a record of {schema.name} do not match the keys of its model.",
                remedy="Other code wrote the item. Fix the item.",
                entity=schema.name,
            ) from None
        return Change(record, schema.entity, key, images)
    except MalformedItemError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise damaged(record, error) from None


def _schema_of(table: type[Table], image: Item) -> EntitySchema | None:
    """Return the schema of the entity that an image names; None for a type that the table does not know."""
    kind = image.get(table_schema(table).layout.type_name, {}).get("S")
    if kind is not None and not isinstance(kind, str):
        raise TypeError("a discriminator is not text")
    return None if kind is None else table_schema(table).entities.get(kind)
