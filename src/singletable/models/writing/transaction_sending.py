"""The attempts to send a transaction, until it is applied or cancelled for good."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from singletable.errors import InvalidTransactionError, RequestFailedError, SingletableError
from singletable.models.reading.targets import TableSender, load, stored_item
from singletable.models.schema.table_schema import table_schema
from singletable.models.writing.applied import Record, adopt
from singletable.models.writing.writes import Write, outcome, too_contended
from singletable.requests.attempts import Attempts
from singletable.requests.batch_requests import identity
from singletable.requests.cancellation import INVALID, PASSING, CancellationReason, cancelled, reason_code
from singletable.requests.results import MOST_AT_ONCE
from singletable.requests.retry import CONTENTION
from singletable.requests.sending import TOKEN_TAKEN, cancellation_reasons, error_code, token_taken
from singletable.requests.transaction_requests import TransactWrite, next_token
from singletable.requests.unreadable import tolerant
from singletable.steps import Steps, Together

__all__ = ["TransactionSending", "transaction_request"]


def transaction_request(sender: TableSender, writes: Sequence[Write[Any]], token: str) -> TransactWrite:
    """Return the request of a transaction.

    Raises:
        InvalidTransactionError: Two operations are on one item.
    """
    primary = table_schema(sender.table).layout.primary
    seen: dict[tuple[str, ...], Write[Any]] = {}
    for write in writes:
        key = identity(write.request.item_or_key, primary)
        if key in seen:
            raise InvalidTransactionError(
                f"The transaction has two operations on {write.entity!r}: {seen[key].verb} and {write.verb}.",
                remedy="DynamoDB accepts one operation for each item: put both changes into one update.",
                entity=type(write.entity).__name__,
            )
        seen[key] = write
    return TransactWrite(sender, [write.request for write in writes], token)


class TransactionSending:
    """The attempts of one transaction, which plan writes with stale keys again and repeat the request after conflicts.

    Args:
        sender: The sender.
        writes: The caller's operations.
        record: The record of a transaction under a caller's token, which is written with it; None without one.
        token: The client request token.
    """

    def __init__(self, sender: TableSender, writes: Sequence[Write[Any]], record: Record | None, token: str) -> None:
        self._sender = sender
        self._given = writes
        self._record = record
        self._token = token
        self._writes = [*writes, *([record.write] if record else [])]
        self._attempts = Attempts()
        self._blamed: list[str | None] = []
        self._applied_before = False

    def steps(self) -> Steps[None]:
        """Send the transaction in steps, and repeat it after conflicts.

        Raises:
            SingletableError: The errors of `Transaction.send`.
        """
        for attempt in range(CONTENTION.attempts):
            yield from CONTENTION.before(attempt)
            try:
                yield from transaction_request(self._sender, self._writes, self._token).steps(self._attempts)
            except ClientError as error:
                if not (yield from self._can_be_sent_again(error)):
                    break
            except RequestFailedError as error:
                yield from self._take_failure(error)
                return
            else:
                for write in self._writes:
                    write.finish(None)
                return
        if not self._applied_before:
            raise self._cancelled(self._contended())

    def _can_be_sent_again(self, error: ClientError) -> Steps[bool]:
        """Return whether another attempt may succeed after a cancellation; prepare that attempt.

        Raises:
            TransactionCancelled: The transaction was cancelled for good.
        """
        if error_code(error) != "TransactionCanceledException":
            # Another transaction conflicts with this one, and DynamoDB names no operation.
            self._blamed = ["TransactionConflict"] * len(self._writes)
            return True
        codes = [reason_code(each) for each in cancellation_reasons(error)]
        if self._record is not None and codes[-1] == "ConditionalCheckFailed":
            yield from self._repeat(self._record, error)
            self._applied_before = True
            return False
        if "ConditionalCheckFailed" in codes:
            # If an earlier attempt had been applied, DynamoDB would have repeated the answer for its token. But an
            # attempt without any answer may still arrive.
            self._attempts.lost = self._attempts.late
        again, reasons = yield from self._judge(error)
        if any(reason.error for reason in reasons) or not any(codes):
            # An operation is refused for good, or DynamoDB names none.
            raise self._cancelled(reasons[: len(self._given)]) from error
        self._blamed = codes
        if all(one is other for one, other in zip(again, self._writes, strict=True)):
            return True
        if self._attempts.lost:
            # With another token both attempts could be applied.
            return False
        # DynamoDB accepts a token for one request only; the same request again must end as this one did.
        self._writes, self._token = again, next_token(self._token)
        return True

    def _judge(self, error: ClientError) -> Steps[tuple[list[Write[Any]], list[CancellationReason]]]:
        """Return the writes to send in the next attempt, and the reasons of the cancellation."""
        again: list[Write[Any]] = []
        reasons: list[CancellationReason] = []
        given = cancellation_reasons(error) or [{}] * len(self._writes)
        for position, (write, reason) in enumerate(zip(self._writes, given, strict=True)):
            code = reason_code(reason)
            verdict: Any = write
            current_item = None
            if code == "ConditionalCheckFailed":
                current_item = reason.get("Item") or (yield from stored_item(write.entity, self._sender))
                verdict = write.judge(current_item, lost=False)
            elif code is not None and code not in PASSING:
                misfit = (yield from self._misfit(write)) if code == INVALID else None
                verdict = misfit or SingletableError(f"{write!r}: {reason.get('Message') or code}")
            if isinstance(verdict, Exception):
                # An item that cannot be read must not hide the reason of the cancellation.
                read = tolerant(partial(load, self._sender.table), "yield", "yield")
                found = read(current_item) if current_item else None
                reasons.append(CancellationReason(position, write.verb, write.entity, code, verdict, found))
                again.append(write)
            else:
                # A conflict passes, and a stale key is derived again: neither ends the transaction.
                reasons.append(CancellationReason(position, write.verb, write.entity))
                again.append(verdict)
        return again, reasons

    def _take_failure(self, error: RequestFailedError) -> Steps[None]:
        """Take over the result if the transaction was applied before under its token.

        Raises:
            TransactionCancelled: An operation cannot be applied to the stored item.
            RequestFailedError: The request failed for another reason.
        """
        if self._record is not None and error.code == TOKEN_TAKEN:
            yield from self._repeat(self._record, error)
            return
        # Some servers refuse the whole request, while DynamoDB gives a reason for one operation.
        reasons = (yield from self._misfits()) if error.code == "ValidationException" else []
        if not any(reason.error for reason in reasons):
            raise error
        raise self._cancelled(reasons) from error

    def _misfit(self, write: Write[Any]) -> Steps[SingletableError | None]:
        """Return the error if an operation cannot be applied to the stored item."""
        return write.misfit((yield from stored_item(write.entity, self._sender)))

    def _misfits(self) -> Steps[list[CancellationReason]]:
        """Return a reason for each operation, with an error for those that cannot be applied to the stored item."""
        errors = yield Together([self._misfit(write) for write in self._given], MOST_AT_ONCE)
        return [
            CancellationReason(position, write.verb, write.entity, INVALID if error else None, error)
            for position, (write, error) in enumerate(zip(self._given, errors, strict=True))
        ]

    def _contended(self) -> list[CancellationReason]:
        """Return the reasons of a transaction whose operations other writers changed at every attempt."""
        return [
            CancellationReason(
                position,
                write.verb,
                write.entity,
                "TransactionConflict",
                too_contended(write.entity, lost=self._attempts.lost),
            )
            if code
            else CancellationReason(position, write.verb, write.entity)
            for position, (write, code) in enumerate(zip(self._given, self._blamed, strict=False))
        ]

    def _cancelled(self, reasons: Sequence[CancellationReason]) -> SingletableError:
        lost = self._attempts.lost
        return cancelled(reasons, outcome=outcome(lost), uncertain=lost)

    def _repeat(self, record: Record, error: Exception) -> Steps[None]:
        """Take over the stored values if this transaction was applied before under its token.

        Raises:
            RequestFailedError: The token was used for other operations.
        """
        current_item = yield from record.stored(self._sender)
        if not record.is_of(current_item):
            raise error if isinstance(error, RequestFailedError) else token_taken(self._sender.table_name) from error
        yield from adopt(self._given, current_item or {}, self._sender)
