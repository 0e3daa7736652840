"""Images: the states of an item before and after a change, each read as an entity when it is first needed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from singletable.chains import unchained
from singletable.errors import MalformedRecordError
from singletable.models.reading.targets import load
from singletable.models.schema.table_schema import entity_schema, table_schema
from singletable.requests.stored_values import same_value
from singletable.requests.types import Item, MalformedItem, UnknownItem
from singletable.requests.unreadable import tolerant
from singletable.streams.records import StreamRecord

if TYPE_CHECKING:
    from singletable.models import Table

__all__ = ["Images", "damaged"]


class Images:
    """The new and the old image of one record.

    An image is read when it is first used, so that an unreadable image affects only the handlers that use it.

    Args:
        table: The table class.
        record: The record.
        tolerate: Whether an image that its model cannot read becomes a `MalformedItem`; otherwise reading it raises.
    """

    def __init__(self, table: type[Table], record: StreamRecord, *, tolerate: bool = False) -> None:
        self._table = table
        self._record = record
        self._tolerate = tolerate
        self.faults: list[Exception] = []

    @property
    def new(self) -> Any:
        """The image after the change; None without such an image.

        Raises:
            MalformedItemError: Its model cannot read it.
            MalformedRecordError: It is not an item.
        """
        return self._readable(self._new)

    @property
    def old(self) -> Any:
        """The image before the change; None without such an image.

        Raises:
            MalformedItemError: Its model cannot read it.
            MalformedRecordError: It is not an item.
        """
        return self._readable(self._old)

    @cached_property
    def changed(self) -> frozenset[str] | None:
        """The names of the attributes whose values differ; None if the record does not show both images.

        An attribute has changed if both its stored values and its Python values differ. If a model cannot read one of
        the images, the stored values decide.
        """
        try:
            images = self._new, self._old
        except MalformedRecordError:
            return None  # an image that is not an item
        there = [each for each in images if each is not None and not isinstance(each, UnknownItem)]
        stored = {name: each.attr_name for one in there for name, each in self._attributes(one).items()}
        record = self._record
        # A change of type changes every attribute.
        if record.event != "MODIFY" or (len(there) == 1 and record.new is not None and record.old is not None):
            return frozenset(stored)
        if record.new is None or record.old is None or not there:
            return None
        differing = {name for name, place in stored.items() if _differ(record.new.get(place), record.old.get(place))}
        if any(isinstance(each, MalformedItem) for each in there):
            return frozenset(differing)
        missing = object()
        return frozenset(
            name for name in differing if getattr(self._new, name, missing) != getattr(self._old, name, missing)
        )

    def incomplete(self) -> MalformedRecordError:
        """Return the error for a MODIFY whose images cannot be compared: one is missing or not an item."""
        fault = MalformedRecordError(
            "A MODIFY lacks an image, or an image is not an item: whether an attribute has changed is unknown.",
            remedy="Switch the stream to NEW_AND_OLD_IMAGES (Meta.stream_view_type).",
            event_id=self._record.event_id,
            sequence_number=self._record.sequence_number,
        )
        self.faults.append(fault)
        return fault

    def _attributes(self, image: Any) -> Any:
        if not isinstance(image, MalformedItem):
            return entity_schema(type(image)).attributes
        return (
            table_schema(self._table).entities[image.item[table_schema(self._table).layout.type_name]["S"]].attributes
        )

    @cached_property
    def _new(self) -> Any:
        return self._read(self._record.new)

    @cached_property
    def _old(self) -> Any:
        return self._read(self._record.old)

    @unchained
    def _read(self, image: Item | None) -> Any:
        read: Callable[[Item], Any] = tolerant(partial(load, self._table), "yield", "yield")
        try:
            return None if image is None else read(image)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            fault = damaged(self._record, error)
            self.faults.append(fault)
            raise fault from None

    def _readable(self, image: Any) -> Any:
        if isinstance(image, MalformedItem) and not self._tolerate:
            self.faults.append(image.error)
            raise image.error
        return image


def _differ(new: Any, old: Any) -> bool:
    try:
        return not same_value(new, old)
    except (TypeError, ValueError):  # at least one is not a value of DynamoDB
        return bool(new != old)


def damaged(record: StreamRecord, error: Exception) -> MalformedRecordError:
    """Return the error for a record whose key or image is not an item. Only the kind of `error` is safe to quote."""
    return MalformedRecordError(
        f"A record of the stream has a key or an image that is not an item ({type(error).__name__}).",
        remedy="It was damaged in transit, or the keys of the table do not match those of its models.",
        event_id=record.event_id,
        sequence_number=record.sequence_number,
    )
