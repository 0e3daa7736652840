"""The reasons for which DynamoDB cancels a transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from singletable.errors import TransactionCancelled

__all__ = ["INVALID", "PASSING", "CancellationReason", "cancelled", "reason_code"]

INVALID = "ValidationError"
"""The code of an operation that DynamoDB cannot apply to the stored item."""

PASSING = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
"""The codes of operations that may succeed in another attempt (API reference, "TransactWriteItems")."""


@attrs.frozen
class CancellationReason:
    """One operation of a cancelled transaction, and its part in the cancellation.

    Args:
        position: Its position among the operations, from 0.
        verb: Its kind: `create`, `save`, `update`, `upsert`, `delete`, `check`, `get`.
        entity: The instance, or the request for an item.
        code: DynamoDB's code; None if the operation did not cause the cancellation.
        error: The error that the same write would have raised alone; None if it did not cause the cancellation.
        current_item: The entity (or `UnknownItem`, or `MalformedItem`) that is stored and caused the cancellation; None
            if no item is stored.
    """

    position: int
    verb: str
    entity: Any
    code: str | None = None
    error: Exception | None = attrs.field(default=None, eq=False)
    current_item: Any = None


def reason_code(reason: Mapping[str, Any]) -> str | None:
    """Return the code in DynamoDB's reason for one operation; None if the operation did not cause the cancellation."""
    code = reason.get("Code")
    return None if code in (None, "None") else str(code)


def cancelled(reasons: Sequence[CancellationReason], *, outcome: str, uncertain: bool) -> TransactionCancelled:
    """Return the error for a cancelled transaction.

    Args:
        reasons: A reason for each operation, in their order.
        outcome: The known outcome of the transaction, for the message.
        uncertain: Whether the transaction may have been applied.
    """
    lines = [
        f"{reason.verb} of {reason.entity!r} ({reason.code}): {_briefly(reason.error)}"
        for reason in reasons
        if reason.code is not None and reason.error is not None
    ]
    return TransactionCancelled(
        f"The transaction was cancelled; {outcome}. " + ("; ".join(lines) or "DynamoDB gave no reason") + ".",
        remedy="The error's reasons field has one entry for each operation, in their order.",
        reasons=tuple(reasons),
        uncertain=uncertain,
    )


def _briefly(error: Exception) -> str:
    """Return the message of an operation's error, without the outcome, which the transaction's message has already."""
    return str(getattr(error, "what", error)).removesuffix(".").removesuffix("; nothing was written")
