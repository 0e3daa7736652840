"""Unfinished requests: cancellations and interrupts after which a request may have been executed.

A cancelled task raises `asyncio.CancelledError`, and it must stay that error: `asyncio.timeout()` recognizes no other.
So the facts are attributes of the error.
"""

from __future__ import annotations

__all__ = ["mark_sent", "was_sent"]


def mark_sent(error: BaseException) -> None:
    """Note on a cancellation that the request was sent, at least in part."""
    error.sent = True  # type: ignore[attr-defined]


def was_sent(error: BaseException) -> bool:
    """Return whether a request may have been executed before a cancellation or an interrupt."""
    return getattr(error, "sent", False)
