"""Records: DynamoDB's description of one change, in the single form that the rest of the package reads.

Lambda and GetRecords have different forms. A Lambda event is JSON: bytes are base64, times are epoch seconds, and the
names in the user's identity begin with small letters. botocore returns bytes, datetimes, and names with capitals.
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
"""The kinds of events (API Reference, "Record")."""


@attrs.frozen
class StreamRecord:
    """One change of one item.

    Args:
        event_id: The event's id, which is the same each time that the event is delivered.
        event: `INSERT`, `MODIFY` or `REMOVE`.
        sequence_number: The position of the record in its shard.
        at: The time of the change, precise to about a second; None if the record has no time.
        view: The view type of the stream; None if the record does not name it.
        expired: Whether time to live removed the item. On the replicas of a global table this is unknown: their records
            do not show who removed the item (Developer Guide, "DynamoDB Streams and Time to Live").
        key: The item's primary key, as stored.
        new: The item after the change, as stored; None if it was removed, or the stream does not show it.
        old: The item before the change, as stored; None if it was inserted, or the stream does not show it.
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
    """Refuse a Lambda event, which contains records, in the place of a record.

    Raises:
        MalformedRecordError: The value has `Records`.
    """
    if isinstance(raw, Mapping) and "Records" in raw:
        raise MalformedRecordError(
            "This is a whole Lambda event, not a record.", remedy="Give it to router.lambda_handler."
        )


@unchained
def read_record(raw: Any) -> StreamRecord:
    """Parse a record in the form of Lambda or of GetRecords. Base64 text is decoded in place.

    Raises:
        MalformedRecordError: It is not a valid record; `sequence_number` and `event_id` identify it, if they are known.
    """
    refuse_event(raw)
    try:
        body = raw["dynamodb"]
        decode_binary(body)
        record = StreamRecord(
            event_id=_text(raw["eventID"]),
            event=raw["eventName"],
            sequence_number=_text(body["SequenceNumber"]),
            at=_moment(body.get("ApproximateCreationDateTime")),
            view=None if body.get("StreamViewType") is None else _text(body["StreamViewType"]),
            expired=_by_time_to_live(raw.get("userIdentity") or {}),
            key=_item(body["Keys"]),
            new=_item(body["NewImage"]) if body.get("NewImage") else None,
            old=_item(body["OldImage"]) if body.get("OldImage") else None,
        )
        if record.event not in EVENTS:
            raise ValueError(f"the event {record.event!r} is not one of {', '.join(EVENTS)}")
    except (AttributeError, KeyError, OSError, OverflowError, RecursionError, TypeError, ValueError) as error:
        raise MalformedRecordError(
            "The stream record could not be parsed: "
            + (f"it has no {error.args[0]!r}." if isinstance(error, KeyError) else f"{error}."),
            remedy="It is not a record of a DynamoDB stream, or it was damaged in transit.",
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
    """Return a record of entities in the form of Lambda, for tests: `router.process(record_of(new=order))`.

    Args:
        new: The entity after the change; None for a removed entity.
        old: The entity before the change; None for an inserted entity.
        view: The view type of the stream, which decides the images that the record shows.
        expired: Whether time to live removed the entity.
        event_id: The event's id; by default a new one.
        sequence_number: The position of the record in its shard.

    Raises:
        MalformedRecordError: No such change is possible: neither entity is given, they have different keys, are the
            same instance or not instances of entities, or an expired entity is not removed.
    """
    given = new if new is not None else old
    if given is None:
        raise MalformedRecordError(
            "record_of() got neither new= nor old=.", remedy="Give the entity as new=, as old=, or as both."
        )
    for each in (new, old):
        if each is not None and (isinstance(each, type) or not hasattr(each, "extra_attributes")):
            name = each.__name__ if isinstance(each, type) else type(each).__name__
            raise MalformedRecordError(
                f"record_of() got {name}, which is not an instance of an entity.", remedy="Give an instance."
            )
    if new is old:
        raise MalformedRecordError(
            "new= and old= are the same instance, so nothing has changed.",
            remedy="Give two instances, or a copy that was made before the change.",
        )
    if new is not None and old is not None and key_of(new) != key_of(old):
        raise MalformedRecordError(
            f"{old!r} and {new!r} have different primary keys, and no change alters a primary key.",
            remedy="Give both the same attributes of the key; defaults such as times differ from instance to instance.",
        )
    if expired and new is not None:
        raise MalformedRecordError("expired=True means that the item was removed.", remedy="Give only old=.")
    body: dict[str, Any] = {
        "ApproximateCreationDateTime": datetime.now(timezone.utc).timestamp(),
        "Keys": key_of(given),
        "SequenceNumber": sequence_number,
        "SizeBytes": 0,
        "StreamViewType": view,
    }
    shown = STREAM_VIEWS.get(view, frozenset())
    if new is not None and "new" in shown:
        body["NewImage"] = new.serialize()
    if old is not None and "old" in shown:
        body["OldImage"] = old.serialize()
    record = {
        "eventID": event_id or uuid4().hex,
        "eventName": "INSERT" if old is None else "REMOVE" if new is None else "MODIFY",
        "eventSource": "aws:dynamodb",
        "dynamodb": body,
    }
    return {**record, "userIdentity": {"type": "Service", "principalId": _SERVICE}} if expired else record


_SERVICE = "dynamodb.amazonaws.com"
_LATEST_SECOND = 100_000_000_000


def _by_time_to_live(who: Mapping[str, Any]) -> bool:
    kind, principal = (who.get(name, who.get(name[0].upper() + name[1:])) for name in ("type", "principalId"))
    return bool(kind == "Service" and principal == _SERVICE)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("an id or a sequence number is not text")
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
    # DynamoDB Streams counts seconds, Kinesis milliseconds or microseconds. The ranges do not overlap for 3,000 years.
    while value > _LATEST_SECOND:
        value /= 1000
    return datetime.fromtimestamp(value, tz=timezone.utc)


def _item(image: Any) -> Item:
    if not isinstance(image, dict) or not all(isinstance(each, dict) and len(each) == 1 for each in image.values()):
        raise TypeError("an image is not an item of typed values")
    return cast(Item, image)


def found(raw: Any, *names: str) -> str | None:
    """Return the text at a path of names in a value that may be malformed; None if there is no text."""
    for name in names:
        raw = raw.get(name) if isinstance(raw, Mapping) else None
    return raw if isinstance(raw, str) else None
