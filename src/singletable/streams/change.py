"""Changes: a record as entities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs

from singletable.chains import unchained
from singletable.errors import (
    ImageMissing,
    InvalidTransactionError,
    MalformedItemError,
    MalformedRecordError,
)
from singletable.models.own import OWN_KEYS, OWN_TYPES
from singletable.models.rows import primary_attributes, primary_key_reader
from singletable.models.targets import load
from singletable.requests.types import Handling, Item, MalformedItem, UnknownItem
from singletable.requests.unreadable import tolerant
from singletable.requests.values import same_value
from singletable.streams.records import Event, Record

if TYPE_CHECKING:
    from singletable.models import Table, Transaction
    from singletable.streams.marks import Delivery

__all__ = ["Change", "is_own", "keys_tell", "read_change"]

T = TypeVar("T", bound="Table")

_LACKS: Mapping[Event, str] = {"INSERT": "old", "REMOVE": "new", "MODIFY": ""}


@attrs.frozen(eq=False)
class Change(Generic[T]):
    """A change of an entity.

    `new` and `old` are the entity after the change and before it. Of an item of an unknown type both are
    `UnknownItem`, and `entity` is None. With `StreamRouter(malformed="yield")`, an image that the model cannot read is
    a `MalformedItem`.

    Args:
        record: What the stream said.
        entity: The entity's class; None for an item of no known type.
        key: The attributes of its primary key, by name; of an unknown item the key as it is stored.
        changed: The names of the attributes whose values differ; all of them of an INSERT or a REMOVE. None where the
            stream does not show both images.
    """

    record: Record
    entity: type[T] | None
    key: Mapping[str, Any] = attrs.field(repr=False)
    changed: frozenset[str] | None = attrs.field(repr=False)
    _new: T | None = attrs.field(repr=False)
    _old: T | None = attrs.field(repr=False)
    _delivery: Delivery | None = attrs.field(default=None, repr=False)

    @property
    def event(self) -> Event:
        """`INSERT`, `MODIFY` or `REMOVE`."""
        return self.record.event

    @property
    def event_id(self) -> str:
        """The event's id: the same one each time that the event is delivered."""
        return self.record.event_id

    @property
    def expired(self) -> bool:
        """Whether time to live removed the item, and not a user."""
        return self.record.expired

    @property
    def at(self) -> datetime | None:
        """When it was, to about a second."""
        return self.record.at

    @property
    def new(self) -> T:
        """The entity behind the change.

        Raises:
            ImageMissing: The entity was removed, or the stream does not show new images.
        """
        return self._image("new", self._new)

    @property
    def old(self) -> T:
        """The entity before the change.

        Raises:
            ImageMissing: The entity was inserted, or the stream does not show old images.
        """
        return self._image("old", self._old)

    def transaction(self) -> Transaction:
        """A transaction of the table that is done once for this event and this handler, however often both come.

        The mark that this handler has handled this event is written with it. Where the mark is there already,
        nothing is written and the event counts as handled.

        Raises:
            InvalidTransactionError: The handler has sent one before: the mark would be in the way of a second.
        """
        if self._delivery is None:
            raise InvalidTransactionError(
                "This change was not given to a handler by a router; there is nothing to mark.",
                remedy="Let router.process(record_of(new=...)) call the handler, in a test, too.",
            )
        return self._delivery.transaction()

    def _image(self, which: str, image: T | None) -> T:
        if image is not None:
            return image
        name = self.entity.__name__ if self.entity else "item"
        if _LACKS[self.event] == which:
            raise ImageMissing(
                f"{'An' if self.event == 'INSERT' else 'A'} {self.event} of {name} has no {which} image.",
                remedy=f"Use change.{'new' if which == 'old' else 'old'}.",
                entity=name,
                image=which,
            )
        raise ImageMissing(
            f"The stream shows {self.record.view}; the {which} image of the {self.event} of {name} is missing.",
            remedy="Switch the stream to NEW_AND_OLD_IMAGES (Meta.stream_view_type), or read the entity by change.key.",
            entity=name,
            image=which,
        )


def is_own(table: type[Table], record: Record) -> bool:
    """Whether a record is of an item of the framework's own, such as a migration's record."""
    layout = table._layout_of()
    image = record.new or record.old
    if image is not None:
        return str(image.get(layout.type_name, {}).get("S", "")).startswith(OWN_TYPES)
    return str(record.key.get(layout.partition_name, {}).get("S", "")).startswith(OWN_KEYS)


def keys_tell(table: type[Table], entity: type[Table]) -> bool:
    """Whether a key alone says that an item is of a class, or of one that inherits from it."""
    schemas = table._schemas().values()
    # Of a key that several share it is only said in which class it was declared.
    return not any(issubclass(each.entity, entity) and not issubclass(each.key_owner, entity) for each in schemas)


@unchained
def read_change(table: type[Table], record: Record, *, tolerate: bool = False) -> Change[Any]:
    """A record as entities.

    Args:
        table: The table class.
        record: The record.
        tolerate: Whether an image that its model cannot read becomes a `MalformedItem`.

    Raises:
        MalformedItemError: An image holds what its model cannot read, or the keys are not of its entity.
        MalformedRecordError: An image or a key is no item at all.
    """
    try:
        return _read_change(table, record, "yield" if tolerate else "raise")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, MalformedItemError):
            raise
        # What it is may quote a value.
        raise MalformedRecordError(
            f"A record of the stream has a key or an image that is no item ({type(error).__name__}).",
            remedy="It was damaged on its way, or the keys of the table are not those of its models.",
            event_id=record.event_id,
            sequence_number=record.sequence_number,
        ) from None


def _read_change(table: type[Table], record: Record, malformed: Handling) -> Change[Any]:
    read: Callable[[Item], Any] = tolerant(partial(load, table), "yield", malformed)
    new, old = (None if image is None else read(image) for image in (record.new, record.old))
    if isinstance(new, MalformedItem) or isinstance(old, MalformedItem):
        return _partly_read(table, record, new, old)
    shown: Any = new if new is not None else old
    if shown is None:
        found = primary_key_reader(table)(record.key)
        if found is None:
            return Change(record, None, record.key, None, None, None)
        return Change(record, found[0], found[1], None, None, None)
    if isinstance(shown, UnknownItem):
        return Change(record, None, record.key, None, new, old)
    entity = type(shown)
    names = entity._schema_of().primary.attributes
    changed = _changed(record, new, old)
    return Change(record, entity, {name: getattr(shown, name) for name in names}, changed, new, old)


def _partly_read(table: type[Table], record: Record, new: Any, old: Any) -> Change[Any]:
    """Return a change of which at least one image cannot be read."""
    image = next(each.item for each in (new, old) if isinstance(each, MalformedItem))
    schema = table._schemas()[image[table._layout_of().type_name]["S"]]
    before, after = record.old or {}, record.new or {}
    places = {name: each.attr_name for name, each in schema.attributes.items()}
    changed = frozenset(name for name, place in places.items() if not same_value(before.get(place), after.get(place)))
    whole = record.event != "MODIFY"
    compared = frozenset(places) if whole else changed if record.new and record.old else None
    return Change(record, schema.entity, primary_attributes(schema, record.key), compared, new, old)


def _changed(record: Record, new: Any, old: Any) -> frozenset[str] | None:
    """The attributes whose values differ, of images that show enough to say so."""
    there = [each for each in (new, old) if each is not None and not isinstance(each, UnknownItem)]
    stored = {name: each.attr_name for one in there for name, each in type(one)._schema_of().attributes.items()}
    if record.event != "MODIFY" or (len(there) == 1 and (isinstance(new, UnknownItem) or isinstance(old, UnknownItem))):
        return frozenset(stored)
    if record.new is None or record.old is None or len(there) < 2:
        return None
    missing = object()
    return frozenset(
        name
        for name, place in stored.items()
        if getattr(new, name, missing) != getattr(old, name, missing)
        # PynamoDB's maps are equal to nothing but themselves.
        and not same_value(record.new.get(place), record.old.get(place))
    )
