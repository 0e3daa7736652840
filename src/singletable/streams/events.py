"""Lambda events: parses the records of one table's stream, delivered directly or wrapped by Kinesis.

Kinesis Data Streams for DynamoDB puts each change, as JSON, into the data of a Kinesis record. Such a change has no
sequence number and no view type of its own. Its sequence number is that of the Kinesis record, and it shows both images
(Developer Guide of DynamoDB, "Using Kinesis Data Streams to capture changes to DynamoDB").
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from singletable.errors import MalformedRecordError
from singletable.models.binding.table_names import own_name
from singletable.streams.records import found

if TYPE_CHECKING:
    from singletable.models import Table

__all__ = ["Delivered", "records_of", "require_own"]

_DYNAMODB, _KINESIS = "aws:dynamodb", "aws:kinesis"
_VIEW = "NEW_AND_OLD_IMAGES"
"""The images in a change that Kinesis delivers."""

_PARTS = {"dynamodb": _DYNAMODB, "kinesis": _KINESIS}
"""The part of a record that only one service has."""

_ARN = re.compile(r"(?P<table>arn:[^:]+:dynamodb:[^:]*:[^:]*:table/[^/]+)/stream/.+", re.DOTALL)
_REMEDY = "Give the function an event source mapping of the table's stream, or of its Kinesis data stream."


@attrs.frozen
class Delivered:
    """A record of an event.

    Args:
        raw: The change, in the form that `StreamRouter.process` takes; anything at all if it is damaged.
        number: The sequence number from which Lambda delivers it again; None for a damaged record without a number.
    """

    raw: Any = attrs.field(repr=False)
    number: str | None


def records_of(event: Any, table: type[Table]) -> list[Delivered]:
    """Return the records of an event, in their order.

    Args:
        event: The event, in the form of Lambda.
        table: The table class, where it is bound now.

    Raises:
        MalformedRecordError: The event, or a record in it, is of another service or of another table.
    """
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list):
        raise MalformedRecordError("The event has no Records, so it is not from a DynamoDB stream.", remedy=_REMEDY)
    sources = [_source(each) for each in records]
    foreign = sorted({*sources} - {_DYNAMODB, _KINESIS, None}, key=str)
    if foreign:
        raise MalformedRecordError(f"The event is from {foreign[0]!r}, not from a DynamoDB stream.", remedy=_REMEDY)
    if records and not any(sources):
        raise MalformedRecordError("The event has no record of a DynamoDB stream.", remedy=_REMEDY)
    delivered = [
        _unwrapped(each) if source == _KINESIS else _direct(each) for each, source in zip(records, sources, strict=True)
    ]
    for each in delivered:
        require_own(each.raw, table)
    return delivered


def require_own(raw: Any, table: type[Table]) -> None:
    """Refuse a record that names another table. Records of GetRecords do not name a table and are accepted.

    Raises:
        MalformedRecordError: The record is of another table.
    """
    arn = found(raw, "eventSourceARN")
    match = _ARN.fullmatch(arn or "")
    if arn is not None and match is None:
        raise MalformedRecordError(
            f"A record is from {arn!r}, which is not the stream of a table.",
            remedy=_REMEDY,
            event_id=found(raw, "eventID"),
        )
    named = match["table"] if match else found(raw, "tableName")
    if named is None:
        return
    mine = table.bound().table_name
    # A bare name means a table in the region and the account of the function; an ARN names region and account.
    same = named == mine if own_name(mine) != mine and match else own_name(named) == own_name(mine)
    if not same:
        shown = own_name(named) if own_name(mine) == mine else named
        raise MalformedRecordError(
            f"A record is of the table {shown!r}, but the router's table is {mine!r}.",
            remedy="Bind the router's table to the table of the stream, or give the function its own stream. If a"
            " Kinesis data stream has several tables, let the event source mapping filter by data.tableName.",
            event_id=found(raw, "eventID"),
            sequence_number=found(raw, "dynamodb", "SequenceNumber"),
        )


def _source(record: Any) -> str | None:
    """Return the service that a record is from; None for a damaged record that does not name one."""
    if not isinstance(record, Mapping):
        return None
    for name in ("eventSource", "EventSource"):
        if isinstance(record.get(name), str):
            return str(record[name])
    return next((source for part, source in _PARTS.items() if part in record), None)


def _direct(record: Any) -> Delivered:
    return Delivered(record, found(record, "dynamodb", "SequenceNumber"))


def _unwrapped(record: Any) -> Delivered:
    """Return the change in a record of Kinesis.

    Raises:
        MalformedRecordError: Its data is JSON, but not a change of a DynamoDB table.
    """
    number = found(record, "kinesis", "sequenceNumber")
    damaged = {"eventID": found(record, "eventID"), "dynamodb": {"SequenceNumber": number}}
    try:
        change = json.loads(base64.b64decode(record["kinesis"]["data"], validate=True))
    except (KeyError, RecursionError, TypeError, ValueError):
        return Delivered(damaged, number)
    if not isinstance(change, dict) or not isinstance(change.get("dynamodb"), dict):
        raise MalformedRecordError(
            "A record of the Kinesis data stream is not a change of a DynamoDB table.",
            remedy="Give the function a Kinesis data stream of its own, or let the event source mapping filter by"
            " data.tableName.",
            event_id=found(record, "eventID"),
            sequence_number=number,
        )
    body = {**change["dynamodb"], "SequenceNumber": number, "StreamViewType": _VIEW}
    return Delivered({**change, "dynamodb": body}, number)
