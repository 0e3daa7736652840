"""Transactions: writes and checks of mixed entities, all or nothing; and reads of one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

import attrs
from botocore.exceptions import ClientError
from pynamodb.expressions.condition import Condition as PynamoCondition
from pynamodb.expressions.update import Action

from singletable.errors import InvalidTransactionError, RequestFailed, SingletableError, TransactionCancelled
from singletable.models.items.internal_items import is_beside
from singletable.models.reading.targets import TableSender, load, require_member, stored_item
from singletable.models.schema.table_schema import table_schema
from singletable.models.writing import plan
from singletable.models.writing.applied import Record, adopt, record_of
from singletable.models.writing.writes import Write, outcome, too_contended
from singletable.requests import Get
from singletable.requests.attempts import Attempts
from singletable.requests.batch_requests import identity
from singletable.requests.retry import ATTEMPTS, pause
from singletable.requests.sending import TOKEN_TAKEN, cancellation_reasons, error_code, token_taken
from singletable.requests.transaction_requests import TransactGet, TransactWrite, check_token, new_token, next_token
from singletable.requests.types import Handling, Item, Params
from singletable.requests.unreadable import check_handling, tolerant

if TYPE_CHECKING:
    from singletable.models.items.item import StoredItem

__all__ = ["CancellationReason", "Transaction", "read_together"]

_INVALID = "ValidationError"
"""The reason for an operation that DynamoDB cannot do to the stored item."""

_PASSING = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
"""Reasons that are gone when the transaction is sent again (API reference, "TransactWriteItems")."""


@attrs.frozen
class CancellationReason:
    """Why one operation of a transaction was in the way, or was not.

    Args:
        position: Its place among the operations, from 0.
        verb: What it was: `create`, `save`, `update`, `delete`, `check`, `get`.
        entity: The instance, or the request for an item.
        code: DynamoDB's code; None where the operation was not in the way.
        error: The error that the same write would have raised alone; None where it was not in the way.
        current_item: The entity (or `UnknownItem`, or `MalformedItem`) that stood in the way; None if there is none.
    """

    position: int
    verb: str
    entity: Any
    code: str | None = None
    error: Exception | None = attrs.field(default=None, eq=False)
    current_item: Any = None


class Transaction:
    """Writes that are done together when the block ends, or not at all; nothing is sent if it raises.

    ::

        with ShopTable.transaction() as transaction:
            transaction.create(order)
            transaction.update(product, actions=[Product.stock.set(Product.stock - 1)], condition=Product.stock >= 1)
            transaction.check(user, User.status == UserStatus.ACTIVE)

    Each write is planned when it is given, as it would be alone: keys, expiry, times and versions follow.
    If keys must be derived again since another writer was faster, or DynamoDB reports a conflict, it is
    sent again a bounded number of times. The client request token lets DynamoDB do it once even if the SDK
    sends it twice because an answer was lost.

    Afterwards the instances are what was written. Of an update DynamoDB says nothing then: attributes that
    other writers changed meanwhile are seen after `refresh()`.

    A transaction goes to the place to which the table is bound when it is made, whatever is bound when writes are
    added.

    Args:
        table: The table class.
        token: The client request token; one is made if none is given. A caller's token names the operations: the same
            ones, planned again with other times, ids and versions, are applied once, and others are refused. If plans
            carry such values, a record of the operations is written along (see `applied`).
        sender: The sender; None for the place to which the table is bound now.
    """

    def __init__(self, table: type[StoredItem], token: str | None = None, sender: TableSender | None = None) -> None:
        self._table = table
        self._sender = TableSender(table) if sender is None else sender
        self._token = new_token() if token is None else token
        self._is_named = token is not None
        check_token(self._token)
        self._writes: list[Write[Any]] = []
        self._ended = False

    # --- what it is made of -------------------------------------------------------

    def create(self, *entities: StoredItem) -> None:
        """Put entities that must not be there yet."""
        self._take(*[plan.create(self._mine(entity)) for entity in entities])

    def put(self, entity: StoredItem, condition: PynamoCondition | None = None) -> None:
        """Put an entity, replacing what is there."""
        self._take(plan.save(self._mine(entity), condition))

    save = put
    """PynamoDB's name for it."""

    def update(
        self,
        entity: StoredItem,
        actions: Sequence[Action] | None = None,
        condition: PynamoCondition | None = None,
        **values: Any,
    ) -> None:
        """Change attributes of a stored entity, by values or by actions."""
        self._take(plan.update(self._mine(entity), actions, condition, **values))

    def upsert(
        self,
        entity: StoredItem,
        actions: Sequence[Action] | None = None,
        condition: PynamoCondition | None = None,
        **values: Any,
    ) -> None:
        """Change attributes of a stored entity, or create it; `refresh()` then shows the stored item."""
        self._take(plan.upsert(self._mine(entity), actions, condition, **values))

    def delete(
        self,
        entity: StoredItem,
        condition: PynamoCondition | None = None,
        *,
        missing: Literal["ignore", "raise"] = "ignore",
    ) -> None:
        """Delete an entity; `missing` decides whether one that does not exist is ignored or cancels the transaction."""
        self._take(plan.delete(self._mine(entity), condition, missing=missing))

    def check(self, entity: StoredItem, condition: PynamoCondition | None = None) -> None:
        """Go through only if a condition holds on an entity that is not written; that it exists, if none is given."""
        self._take(plan.check(self._mine(entity), condition))

    def add(self, *writes: Write[Any]) -> None:
        """Take writes that were planned before, by the functions of `singletable.plan`.

        Raises:
            InvalidTransactionError: One is not a write of this table, or was planned for another place.
        """
        for write in writes:
            if not isinstance(write, Write):
                raise InvalidTransactionError(
                    f"A transaction takes writes, not a {type(write).__name__}.",
                    remedy="Write transaction.add(plan.delete(order)), or transaction.delete(order).",
                )
            if is_beside(self._table, write.entity):
                self._require_open()
            else:
                self._mine(write.entity)
            self._sender.require(write.request, InvalidTransactionError, "A transaction")
        self._take(*writes)

    def _take(self, *writes: Write[Any]) -> None:
        self._writes += [write.through(self._sender) for write in writes]

    def _require_open(self) -> None:
        if self._ended:
            raise InvalidTransactionError(
                "The transaction was sent, or its block has ended; nothing can be added.",
                remedy="Open another transaction().",
            )

    def _mine(self, entity: StoredItem) -> StoredItem:
        self._require_open()
        require_member(self._table, entity, InvalidTransactionError)
        return entity

    # --- sending it ---------------------------------------------------------------

    @property
    def ended(self) -> bool:
        """Whether it was sent, or its block has ended; nothing can be added then."""
        return self._ended

    def params(self) -> Params:
        """The request, as the arguments of TransactWriteItems; nothing is sent.

        Raises:
            InvalidTransactionError: It has over 100 operations, over 4 MB, or two on one item.
        """
        record = self._record()
        return self._request([*self._writes, *([record.write] if record else [])], self._token).params()

    def _record(self) -> Record | None:
        return record_of(self._table, self._sender, self._token, self._writes) if self._is_named else None

    def send(self) -> None:
        """Send it; done by the end of the block.

        Raises:
            InvalidTransactionError: It has over 100 operations, over 4 MB, or two on one item.
            TransactionCancelled: `reasons` say why, in the order of the operations. Nothing was written, unless
                `uncertain` is True.
            RequestFailed: It failed; `uncertain` is True if it may have been applied all the same. Sent again under
                the same token, it is applied once. Or the token was used for other operations.
        """
        self._require_open()
        self._ended = True
        if not self._writes:
            return
        record, token = self._record(), self._token
        writes = [*self._writes, *([record.write] if record else [])]
        blamed: list[str | None] = []
        attempts = Attempts()
        for attempt in range(ATTEMPTS):
            pause(attempt)
            try:
                self._request(writes, token).send(attempts)
            except ClientError as error:
                if error_code(error) != "TransactionCanceledException":
                    # Another transaction conflicts with this one, and DynamoDB names no operation.
                    blamed = ["TransactionConflict"] * len(writes)
                    continue
                if record is not None and _code(cancellation_reasons(error)[-1]) == "ConditionalCheckFailed":
                    self._repeat(record, error)
                    return
                if "ConditionalCheckFailed" in map(_code, cancellation_reasons(error)):
                    # If an earlier attempt had been applied, DynamoDB would have answered for its token as it did then;
                    # but one without any answer may still arrive.
                    attempts.lost = attempts.late
                again, reasons = self._judge(writes, error)
                if again is None:
                    raise _cancelled(reasons[: len(self._writes)], lost=attempts.lost) from error
                # There is one for each operation, or there would have been no use in another attempt.
                blamed = [_code(each) for each in cancellation_reasons(error)]
                if any(one is not other for one, other in zip(again, writes, strict=True)):
                    if attempts.lost:
                        # Under another token both could be applied.
                        break
                    # DynamoDB takes a token for one request only; the same one again must end as this one does.
                    writes, token = again, next_token(token)
            except RequestFailed as error:
                if record is not None and error.code == TOKEN_TAKEN:
                    self._repeat(record, error)
                    return
                # Some servers refuse the whole request, and DynamoDB gives a reason for one operation.
                reasons = self._misfits(self._writes) if error.code == "ValidationException" else []
                if not any(reason.error for reason in reasons):
                    raise
                raise _cancelled(reasons, lost=attempts.lost) from error
            else:
                for write in writes:
                    write.finish(None)
                return
        raise _cancelled(
            [
                CancellationReason(
                    position,
                    write.verb,
                    write.entity,
                    "TransactionConflict",
                    too_contended(write.entity, lost=attempts.lost),
                )
                if code
                else CancellationReason(position, write.verb, write.entity)
                for position, (write, code) in enumerate(zip(self._writes, blamed, strict=False))
            ],
            lost=attempts.lost,
        )

    def _repeat(self, record: Record, error: Exception) -> None:
        """Take over the stored values if this transaction was applied before under its token.

        Raises:
            RequestFailed: The token was used for other operations.
        """
        current_item = record.stored(self._sender)
        if not record.is_of(current_item):
            raise error if isinstance(error, RequestFailed) else token_taken(self._sender.table_name) from error
        adopt(self._writes, current_item or {}, self._sender)

    def _misfits(self, writes: Sequence[Write[Any]]) -> list[CancellationReason]:
        """Return a reason for each operation, with an error for those that cannot be done to the stored item."""
        errors = [write.misfit(stored_item(write.entity, self._sender)) for write in writes]
        return [
            CancellationReason(position, write.verb, write.entity, _INVALID if error else None, error)
            for position, (write, error) in enumerate(zip(writes, errors, strict=True))
        ]

    def _request(self, writes: Sequence[Write[Any]], token: str) -> TransactWrite:
        primary = table_schema(self._table).layout.primary
        seen: dict[tuple[str, ...], Write[Any]] = {}
        for write in writes:
            key = identity(write.request.item_or_key, primary)
            if key in seen:
                raise InvalidTransactionError(
                    f"The transaction has two operations on {write.entity!r}: {seen[key].verb} and {write.verb}.",
                    remedy="DynamoDB takes one operation an item: put both changes into one update.",
                    entity=type(write.entity).__name__,
                )
            seen[key] = write
        return TransactWrite(self._sender, [write.request for write in writes], token)

    def _judge(
        self, writes: Sequence[Write[Any]], error: ClientError
    ) -> tuple[list[Write[Any]] | None, list[CancellationReason]]:
        """The writes to send again, or None if there is no use; and why the transaction was cancelled."""
        again: list[Write[Any]] = []
        reasons: list[CancellationReason] = []
        told = cancellation_reasons(error) or [{}] * len(writes)
        codes = [_code(each) for each in told]
        for position, (write, reason, code) in enumerate(zip(writes, told, codes, strict=True)):
            verdict: Any = write
            current_item: Item | None = None
            if code == "ConditionalCheckFailed":
                current_item = reason.get("Item") or stored_item(write.entity, self._sender)
                verdict = write.judge(current_item, lost=False)
            elif code is not None and code not in _PASSING:
                misfit = write.misfit(stored_item(write.entity, self._sender)) if code == _INVALID else None
                verdict = misfit or SingletableError(f"{write!r}: {reason.get('Message') or code}")
            if isinstance(verdict, Exception):
                # One that cannot be read must not hide why the transaction was cancelled.
                found = tolerant(partial(load, self._table), "yield", "yield")(current_item) if current_item else None
                reasons.append(CancellationReason(position, write.verb, write.entity, code, verdict, found))
                again.append(write)
            else:
                # A conflict passes, and a stale key is derived anew: neither is why it was cancelled for good.
                reasons.append(CancellationReason(position, write.verb, write.entity))
                again.append(verdict)
        # Nothing is to be gained where one is refused for good, or where DynamoDB blames none.
        hopeless = any(reason.error for reason in reasons) or not any(codes)
        return (None if hopeless else again), reasons

    def __enter__(self) -> Transaction:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and not self._ended:
            self.send()
        self._ended = True

    def __len__(self) -> int:
        return len(self._writes)


def _code(told: Mapping[str, Any]) -> str | None:
    """What DynamoDB says of an operation; None where it was not in the way."""
    code = told.get("Code")
    return None if code in (None, "None") else str(code)


def _cancelled(reasons: Sequence[CancellationReason], *, lost: bool) -> TransactionCancelled:
    blamed = [reason for reason in reasons if reason.code is not None]
    lines = [
        f"{reason.verb} of {reason.entity!r} ({reason.code}): {_briefly(reason.error)}"
        for reason in blamed
        if reason.error is not None
    ]
    return TransactionCancelled(
        f"The transaction was cancelled; {outcome(lost)}. " + ("; ".join(lines) or "DynamoDB gave no reason") + ".",
        remedy="The error's reasons field has one entry an operation, in their order.",
        reasons=tuple(reasons),
        uncertain=lost,
    )


def _briefly(error: Exception | None) -> str:
    """What an error says, but for what is said of the whole transaction already."""
    return str(getattr(error, "what", error)).removesuffix(".").removesuffix("; nothing was written")


def read_together(
    table: type[StoredItem], requests: Sequence[Get[Any]], unknown: Handling = "raise", malformed: Handling = "raise"
) -> list[Any]:
    """Items as they were at one moment, in the order asked; see `Table.transact_get`."""
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
        raise InvalidTransactionError("A read transaction asks for one item twice.", remedy="Ask for each item once.")
    reading = TransactGet(sender, keys, [request.target.only for request in requests])
    for attempt in range(ATTEMPTS):
        pause(attempt)
        try:
            items = reading.send()
        except ClientError as error:
            told = cancellation_reasons(error)
            codes = [_code(reason) for reason in told]
            if error_code(error) != "TransactionCanceledException":
                raise
            if not codes or any(code not in (None, *_PASSING) for code in codes):
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
        remedy="Other writers are in the way; try again.",
        reasons=reasons,
    )
