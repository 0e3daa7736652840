"""The writes of a run: an item is changed only while it is the one that was read, and a deleted item stays deleted.

If the condition of a change fails, the change is computed again from the current item, a bounded number of times. If
that item does not need a change, an earlier attempt or another writer has made it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Literal, Protocol

from botocore.exceptions import ClientError

from singletable.errors import RequestFailedError, ThrottledError
from singletable.migrations.change_expressions import (
    can_be_stated,
    move_params,
    quoted,
    statement_params,
    update_params,
)
from singletable.migrations.item_change import ItemChange
from singletable.migrations.live_table import LiveTable
from singletable.migrations.sources import UnfitItemError
from singletable.migrations.throttle import Throttle
from singletable.requests.retry import CONTENTION, TRANSIENT_FAULTS
from singletable.requests.sending import cancellation_reasons, current_item_of, error_code
from singletable.requests.types import Item, Params

__all__ = ["STATEMENTS", "ItemWriter", "WriteMode", "knows_statements"]

WriteMode = Literal["auto", "single", "statements"]
"""How items are written: `single` UpdateItem requests, up to 25 PartiQL `statements` per request, or `auto`: statements
if the server supports them."""

STATEMENTS = 25
"""The most statements of one BatchExecuteStatement (API Reference)."""

_AGAIN = {
    "InternalServerError",
    "ProvisionedThroughputExceeded",
    "RequestLimitExceeded",
    "ThrottlingError",
    "TransactionConflict",
}
"""DynamoDB's codes for a statement that may be sent again (API Reference, "BatchStatementError")."""


_CONFLICTS = {"TransactionConflict", "TransactionInProgressException"}

_NO_FAULT = {None, "None", "ConditionalCheckFailed"}
"""Reasons for a cancelled transaction that do not mean a fault of the item."""


def _throttling(error: ClientError) -> str | None:
    """Return the code of a temporary refusal (throttling, or another transaction on the item), or None."""
    code = error_code(error)
    if code == "TransactionConflictException":
        return code
    if code != "TransactionCanceledException":
        return None
    codes = [str(each.get("Code")) for each in cancellation_reasons(error)]
    if "ConditionalCheckFailed" in codes:
        return None
    return next((each for each in codes if each in _AGAIN | _CONFLICTS), None)


class Work(Protocol):
    """A pass or a repair: it computes the change of an item."""

    @property
    def key_names(self) -> tuple[str, str]:
        """The stored attributes of the primary key."""

    def change(self, item: Item) -> ItemChange | None:
        """Return the change of an item; None if it needs no change.

        Raises `UnfitItemError` if it cannot be computed.
        """


class ItemWriter:
    """Writes the changes of a pass.

    Args:
        table: The table.
        work: The pass or the repair.
        throttle: The limits of the capacity to consume.
        quarantine: Called with the key of an item that cannot be changed, and the reason.
        statements: Whether to send up to 25 changes in one request.
        before_again: Called before a change is computed again from a newer item; raises if another runner has taken
            over, whose migrations may have changed the item since.
    """

    def __init__(
        self,
        table: LiveTable,
        work: Work,
        throttle: Throttle,
        quarantine: Callable[[Item, str], None],
        *,
        statements: bool = False,
        before_again: Callable[[], None] = lambda: None,
    ) -> None:
        self._table = table
        self._work = work
        self._throttle = throttle
        self._quarantine = quarantine
        self._statements = statements
        self._before_again = before_again

    def write(self, items: Iterable[Item]) -> Counter[str]:
        """Change items, and count the outcomes.

        The outcomes are `written`, `already` (no change needed), `gone` and `quarantined`. `conflicts` counts the
        changes that were computed again.
        """
        counts: Counter[str] = Counter()
        changes: list[ItemChange] = []
        for item in items:
            change = self._change(item, counts)
            if change is not None:
                changes.append(change)
        if self._statements:
            together = [each for each in changes if can_be_stated(each)]
            self._write_together(together, counts)
            changes = [each for each in changes if not can_be_stated(each)]
        for change in changes:
            self._write_one(change, counts)
        return counts

    def bring(self, item: Item) -> Item:
        """Change one item. Return its primary key after the pass, or the old one if the item is gone."""
        counts: Counter[str] = Counter()
        change = self._change(item, counts)
        if change is None:
            return {name: item[name] for name in self._work.key_names}
        self._write_one(change, counts)
        return {name: (change.image if counts["written"] else change.item)[name] for name in self._work.key_names}

    def _change(self, item: Item, counts: Counter[str]) -> ItemChange | None:
        try:
            change = self._work.change(item)
        except UnfitItemError as unfit:
            self._set_aside(item, unfit.reason, counts)
            return None
        if change is None:
            counts["already"] += 1
        return change

    def _set_aside(self, item: Item, reason: str, counts: Counter[str]) -> None:
        self._quarantine({name: item[name] for name in self._work.key_names}, reason)
        counts["quarantined"] += 1

    # --- one at a time --------------------------------------------------------------

    def _write_one(self, change: ItemChange, counts: Counter[str]) -> None:
        refusal: ClientError | None = None
        current = change
        for _ in CONTENTION:
            if refusal is not None:
                again = self._again(current, refusal, counts)
                if again is None:
                    return
                current = again
            try:
                self._send(current)
            except ClientError as error:
                refusal = error
            except RequestFailedError as error:
                if error.code != "ValidationException":
                    raise
                self._set_aside(change.item, "DynamoDB refuses the change as invalid", counts)
                return
            else:
                counts["written"] += 1
                return
        # The item is read again after the last attempt: it may be deleted, or changed already.
        if refusal is not None and self._again(current, refusal, counts) is not None:
            often = f"other writers changed it at each of {CONTENTION.attempts} attempts"
            self._set_aside(change.item, often, counts)

    def _send(self, change: ItemChange) -> None:
        if change.moves:
            self._write("TransactWriteItems", lambda: move_params(self._table.name, change))
        else:
            self._write("UpdateItem", lambda: update_params(self._table.name, change))

    def _write(self, operation: str, make: Callable[[], Params]) -> dict[str, Any]:
        # The parameters are made for each attempt, since sending changes them. If a response is lost, the condition of
        # the next attempt shows whether the write was applied.
        def send() -> dict[str, Any]:
            try:
                return self._table.send(operation, {**make(), "ReturnConsumedCapacity": "INDEXES"})
            except ClientError as error:
                code = _throttling(error)
                if code is None:
                    raise
                raise ThrottledError(
                    f"{operation} on {self._table.name!r} was throttled ({code}).",
                    remedy="Send fewer requests at a time, or raise the capacity of the table.",
                    operation=operation,
                    code=code,
                    table=self._table.name,
                ) from error

        return self._throttle.metered("write", send)

    def _again(self, change: ItemChange, error: ClientError, counts: Counter[str]) -> ItemChange | None:
        """Return the change to try next after a failed condition; None if nothing is left to do."""
        if error_code(error) == "TransactionCanceledException":
            put, delete = ([each.get("Code") for each in cancellation_reasons(error)] + [None, None])[:2]
            refused = next((each for each in (put, delete) if each not in _NO_FAULT), None)
            if refused is not None:
                self._set_aside(change.item, f"DynamoDB refuses to move the item ({refused})", counts)
                return None
            if "ConditionalCheckFailed" not in (put, delete):
                return change  # the server gives no reason
            current = self._table.item(change.key)
            if put == "ConditionalCheckFailed" and current is not None:
                self._set_aside(change.item, "another item has the key that it would get", counts)
                return None
        else:
            current = current_item_of(error) or self._table.item(change.key)
        return self._anew(current, counts)

    def _anew(self, current: Item | None, counts: Counter[str]) -> ItemChange | None:
        if current is None:
            counts["gone"] += 1
            return None
        counts["conflicts"] += 1
        self._before_again()
        return self._change(current, counts)

    # --- many in one request --------------------------------------------------------

    def _write_together(self, changes: Sequence[ItemChange], counts: Counter[str]) -> None:
        pending = list(changes)
        for attempt in range(CONTENTION.attempts):
            left: list[ItemChange] = []
            throttled = False
            for change, error in self._errors(pending):
                if error is None:
                    counts["written"] += 1
                    continue
                throttled |= error["Code"] in _AGAIN
                more = self._after_refusal(change, error, counts)
                left += [more] if more else []
            if not left:
                return
            pending = left
            if throttled:
                # Only throttled statements need a pause.
                TRANSIENT_FAULTS.pause(attempt + 1)
        for change in pending:
            self._write_one(change, counts)

    def _errors(self, changes: Sequence[ItemChange]) -> Iterator[tuple[ItemChange, dict[str, Any] | None]]:
        """Send changes as statements, and yield each with its error; None for a change that was made."""
        for start in range(0, len(changes), STATEMENTS):
            chunk = changes[start : start + STATEMENTS]
            answers = self._write(
                "BatchExecuteStatement",
                partial(self._statement_params, chunk),
            )
            for change, result in zip(chunk, answers["Responses"], strict=True):
                yield change, result.get("Error")

    def _statement_params(self, changes: Sequence[ItemChange]) -> Params:
        return {"Statements": [statement_params(self._table.name, each) for each in changes]}

    def _after_refusal(self, change: ItemChange, error: Mapping[str, Any], counts: Counter[str]) -> ItemChange | None:
        """Return the change to send again after an error; None if nothing is left to send."""
        code = error["Code"]
        if code == "ConditionalCheckFailed":
            return self._anew(error.get("Item") or self._table.item(change.key), counts)
        if code in _AGAIN:
            if code in ("ThrottlingError", "ProvisionedThroughputExceeded"):
                self._throttle.cut(None)
            return change
        # Sent alone, the change raises a specific error.
        self._write_one(change, counts)
        return None


def knows_statements(table: LiveTable, key: Item, name: str) -> bool:
    """Return whether the server supports PartiQL as this writer needs it: a statement with a false condition must fail.

    moto 5.2 reports success for such a statement, and dynalite does not support PartiQL.

    Args:
        table: The table.
        key: The key of an item that exists.
        name: An attribute that it does not have.
    """
    where = " AND ".join(f"{quoted(each)} = ?" for each in key)
    statement = {
        # Names are quoted, values are parameters.
        "Statement": f"UPDATE {quoted(table.name)} SET {quoted(name)} = ? WHERE {where} AND {quoted(name)} = ?",  # noqa: S608
        "Parameters": [{"S": "probe"}, *key.values(), {"S": "a value that it does not have"}],
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    try:
        answer = table.send("BatchExecuteStatement", {"Statements": [statement]})
    except (ClientError, RequestFailedError):
        return False
    responses = answer.get("Responses") or [{}]
    error = responses[0].get("Error") or {}
    return error.get("Code") == "ConditionalCheckFailed" and bool(error.get("Item"))
