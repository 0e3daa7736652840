"""Reads of several items as they were at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from singletable.errors import InvalidTransactionError, TransactionCancelled
from singletable.models.reading.targets import TableSender
from singletable.models.schema.table_schema import table_schema
from singletable.requests.batch_requests import identity
from singletable.requests.cancellation import PASSING, CancellationReason, reason_code
from singletable.requests.get import Get
from singletable.requests.retry import CONTENTION
from singletable.requests.sending import cancellation_reasons, error_code
from singletable.requests.transaction_requests import TransactGet
from singletable.requests.types import Handling
from singletable.requests.unreadable import check_handling
from singletable.steps import Steps

if TYPE_CHECKING:
    from singletable.models.items.item import StoredItem

__all__ = ["read_together"]


def read_together(
    table: type[StoredItem], requests: Sequence[Get[Any]], unknown: Handling = "raise", malformed: Handling = "raise"
) -> Steps[list[Any]]:
    """Return items as they were at one moment, in the order of the requests, in steps; see `Table.transact_get`."""
    check_handling(unknown=unknown, malformed=malformed)
    for request in requests:
        if not isinstance(request, Get):
            raise InvalidTransactionError(
                f"transact_get() takes requests for items, not a {type(request).__name__}.",
                remedy="Write transact_get(Order.item(user_id=..., order_id=...), ...).",
            )
    sender = TableSender(table)
    for request in requests:
        sender.require(request.target, InvalidTransactionError, "A read transaction")
    if not requests:
        return []
    keys = [request.params()["Key"] for request in requests]
    primary = table_schema(table).layout.primary
    if len({identity(key, primary) for key in keys}) < len(keys):
        raise InvalidTransactionError("A read transaction requests one item twice.", remedy="Request each item once.")
    reading = TransactGet(sender, keys, [request.target.place.only for request in requests])
    for attempt in range(CONTENTION.attempts):
        yield from CONTENTION.before(attempt)
        try:
            items = yield from reading.steps()
        except ClientError as error:
            told = cancellation_reasons(error)
            codes = [reason_code(reason) for reason in told]
            if error_code(error) != "TransactionCanceledException":
                raise
            if not codes or any(code not in (None, *PASSING) for code in codes):
                raise _unreadable(requests, codes) from error
        else:
            return [request.loaded(item, unknown, malformed) for request, item in zip(requests, items, strict=True)]
    raise _unreadable(requests, ["TransactionConflict"] * len(requests))


def _unreadable(requests: Sequence[Get[Any]], codes: Sequence[str | None]) -> TransactionCancelled:
    reasons = tuple(
        CancellationReason(position, "get", request, code)
        for position, (request, code) in enumerate(zip(requests, codes, strict=False))
    )
    return TransactionCancelled(
        "The read transaction was cancelled: "
        + (", ".join(f"{reason.entity!r} ({reason.code})" for reason in reasons if reason.code) or "no reason given"),
        remedy="Other writers changed the items; try again.",
        reasons=reasons,
    )
