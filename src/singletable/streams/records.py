"""Records: what DynamoDB says of one change, in the one form that the rest of the package reads.

Lambda and GetRecords say the same in two ways: Lambda's event is JSON, in which bytes are base64, times are epoch
seconds and the user's identity is in small letters; botocore gives bytes, datetimes and capitals.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast
from uuid import uuid4

import attrs

from singletable.chains import unchained
from singletable.errors import MalformedRecordError
from singletable.models.items.item import key_of
from singletable.models.schema.layout import STREAM_VIEWS
from singletable.requests.types import Item
from singletable.requests.wire import decode_binary

if TYPE_CHECKING:
    from singletable.models import Table

__all__ = ["EVENTS", "Event", "StreamRecord", "found", "read_record", "record_of", "refuse_event"]

Event: TypeAlias = Literal["INSERT", "MODIFY", "REMOVE"]

EVENTS: tuple[Event, ...] = ("INSERT", "MODIFY", "REMOVE")
"""What can happen to an item (API Reference, "Record")."""


@attrs.frozen
class StreamRecord:
    """One change of one item.

    Args:
        event_id: The event's id; the same one each time that the event is delivered.
        event: `INSERT`, `MODIFY` or `REMOVE`.
        sequence_number: Its place in its shard.
        at: When it was, to about a second; None where that is not said.
        view: What the stream shows; None where that is not said.
        expired: Whether time to live removed the item. On the replicas of a global table this is not to be seen: their
            records say nothing of who removed the item (Developer Guide, "DynamoDB Streams and Time to Live").
        key: The item's primary key, as stored.
        new: The item behind the change, as stored; None where there is none, or the stream does not show it.
        old: The item before the change, likewise.
    """

    event_id: str
    event: Event
    sequence_number: str
    at: datetime | None
    view: str | None
    expired: bool
    key: Item = attrs.field(repr=False)
    new: Item | None = attrs.field(default=None, repr=False)
    old: Item | None = attrs.field(default=None, repr=False)


def refuse_event(raw: Any) -> None:
    """Refuse a whole event of Lambda in the place of a record.

    Raises:
        MalformedRecordError: It has `Records`.
    """
    if isinstance(raw, Mapping) and "Records" in raw:
        raise MalformedRecordError(
            "This is a whole event of Lambda, and not a record.", remedy="Give it to router.lambda_handler."
        )


@unchained
def read_record(raw: Any) -> StreamRecord:
    """A record, from what Lambda or GetRecords gives. Bytes that are base64 are decoded in place.

    Raises:
        MalformedRecordError: It is not a valid record; `sequence_number` and `event_id` identify it, if they are known.
    """
    refuse_event(raw)
    try:
        told = raw["dynamodb"]
        decode_binary(told)
        record = StreamRecord(
            event_id=_text(raw["eventID"]),
            event=raw["eventName"],
            sequence_number=_text(told["SequenceNumber"]),
            at=_moment(told.get("ApproximateCreationDateTime")),
            view=None if told.get("StreamViewType") is None else _text(told["StreamViewType"]),
            expired=_by_time_to_live(raw.get("userIdentity") or {}),
            key=_item(told["Keys"]),
            new=_item(told["NewImage"]) if told.get("NewImage") else None,
            old=_item(told["OldImage"]) if told.get("OldImage") else None,
        )
        if record.event not in EVENTS:
            raise ValueError(f"the event {record.event!r} is none of {', '.join(EVENTS)}")
    except (AttributeError, KeyError, OSError, OverflowError, RecursionError, TypeError, ValueError) as error:
        raise MalformedRecordError(
            "A record of the stream cannot be read: "
            + (f"it has no {error.args[0]!r}." if isinstance(error, KeyError) else f"{error}."),
            remedy="It is no record of a DynamoDB stream, or was damaged on its way.",
            event_id=found(raw, "eventID"),
            sequence_number=found(raw, "dynamodb", "SequenceNumber"),
        ) from None
    return record


def record_of(
    *,
    new: Table | None = None,
    old: Table | None = None,
    view: str = "NEW_AND_OLD_IMAGES",
    expired: bool = False,
    event_id: str | None = None,
    sequence_number: str = "1",
) -> dict[str, Any]:
    """A record as Lambda gives it, of entities: for tests of handlers, `router.process(record_of(new=order))`.

    Args:
        new: The entity behind the change; None for one that was removed.
        old: The entity before it; None for one that was inserted.
        view: What the stream shows.
        expired: Whether time to live removed it.
        event_id: The event's id; a new one where none is given.
        sequence_number: Its place in its shard.
    """
    there = new if new is not None else old
    if there is None:
        raise MalformedRecordError("A record of nothing.", remedy="Give the entity as new=, as old=, or as both.")
    for each in (new, old):
        if each is not None and (isinstance(each, type) or not hasattr(each, "extra_attributes")):
            name = each.__name__ if isinstance(each, type) else type(each).__name__
            raise MalformedRecordError(f"A record of {name}, which is no entity.", remedy="Give an instance.")
    if new is old:
        raise MalformedRecordError(
            "new= and old= are one instance: nothing has changed.", remedy="Make two, or a copy before the change."
        )
    if new is not None and old is not None and key_of(new) != key_of(old):
        raise MalformedRecordError(
            f"{old!r} and {new!r} have different primary keys: no change makes the one of the other.",
            remedy="Give both the same attributes of the key; defaults such as times differ from instance to instance.",
        )
    if expired and new is not None:
        raise MalformedRecordError("An item that has expired is removed.", remedy="Give old= alone.")
    told: dict[str, Any] = {
        "ApproximateCreationDateTime": datetime.now(timezone.utc).timestamp(),
        "Keys": key_of(there),
        "SequenceNumber": sequence_number,
        "SizeBytes": 0,
        "StreamViewType": view,
    }
    shown = STREAM_VIEWS.get(view, frozenset())
    if new is not None and "new" in shown:
        told["NewImage"] = new.serialize()
    if old is not None and "old" in shown:
        told["OldImage"] = old.serialize()
    record = {
        "eventID": event_id or uuid4().hex,
        "eventName": "INSERT" if old is None else "REMOVE" if new is None else "MODIFY",
        "eventSource": "aws:dynamodb",
        "dynamodb": told,
    }
    return {**record, "userIdentity": {"type": "Service", "principalId": _SERVICE}} if expired else record


_SERVICE = "dynamodb.amazonaws.com"
_LATEST_SECOND = 100_000_000_000


def _by_time_to_live(who: Mapping[str, Any]) -> bool:
    kind, principal = (who.get(name, who.get(name[0].upper() + name[1:])) for name in ("type", "principalId"))
    return bool(kind == "Service" and principal == _SERVICE)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("an id or a sequence number is no text")
    return value


def _moment(value: Any) -> datetime | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=timezone.utc)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError("the time of the change is not a number")
    if not math.isfinite(value):
        raise ValueError("the time of the change is not finite")
    # DynamoDB Streams count seconds; Kinesis milliseconds or microseconds. Their ranges do not meet for 3,000 years.
    while value > _LATEST_SECOND:
        value /= 1000
    return datetime.fromtimestamp(value, tz=timezone.utc)


def _item(image: Any) -> Item:
    if not isinstance(image, dict) or not all(isinstance(each, dict) and len(each) == 1 for each in image.values()):
        raise TypeError("an image is no item of typed values")
    return cast(Item, image)


def found(raw: Any, *names: str) -> str | None:
    """The text at a path of names in what may be no record; None where there is none."""
    for name in names:
        raw = raw.get(name) if isinstance(raw, Mapping) else None
    return raw if isinstance(raw, str) else None
