"""Reads of many items by their primary keys, in few requests."""

from __future__ import annotations

from typing import Any

from singletable.errors import InvalidBatchError
from singletable.models.reading.targets import TableSender
from singletable.models.schema.table_schema import table_schema
from singletable.requests import Get
from singletable.requests.batch_requests import fetch_items
from singletable.requests.types import Handling
from singletable.requests.unreadable import check_handling
from singletable.steps import Steps

__all__ = ["get_items"]


def get_items(
    sender: TableSender,
    requests: list[Get[Any]],
    workers: int = 1,
    *,
    consistent: bool | None = None,
    unknown: Handling = "raise",
    malformed: Handling = "raise",
) -> Steps[list[Any]]:
    """Return, in steps, the items of requests, in their order; None for an item that does not exist, or is skipped.

    Args:
        sender: The sender of the requests.
        requests: Requests for one item each.
        workers: The number of HTTP requests that may be in progress at once.
        consistent: Whether to read consistently; None to leave it to each request.
        unknown: What to do with an item of an unknown type.
        malformed: What to do with an item that its model cannot read.

    Raises:
        UnknownItemError: The table does not know the type of an item.
        MalformedItemError: The model of an item cannot read it.
        BatchIncompleteError: DynamoDB left keys unprocessed after ten attempts.
        InvalidBatchError: A request was made for another place.
    """
    check_handling(unknown=unknown, malformed=malformed)
    for request in requests:
        sender.require(request.target, InvalidBatchError, "A batch")
    if not requests:
        return []
    # DynamoDB takes one projection for all keys: the union of the projections of all requests.
    chosen = [request.target.place.only for request in requests]
    only = None if None in chosen else tuple(dict.fromkeys(name for names in chosen for name in names or ()))
    items = yield from fetch_items(
        sender,
        [request.params()["Key"] for request in requests],
        table_schema(sender.table).layout.primary,
        consistent=any(request.consistent for request in requests) if consistent is None else consistent,
        workers=workers,
        subjects=requests,
        only=only,
    )
    return [request.loaded(item, unknown, malformed) for request, item in zip(requests, items, strict=True)]
