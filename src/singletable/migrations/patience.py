"""Patience: a request that is sent again through throttling and faults that pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from singletable.errors import EndpointUnreachable, NoResponse, RequestFailed, Throttled
from singletable.migrations.throttle import Throttle
from singletable.requests.retry import pause
from singletable.requests.types import Item, Params

__all__ = ["metered", "pages", "patiently"]

T = TypeVar("T")

_ATTEMPTS = 8
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 5.0
_PASSING = ("InternalServerError", "ServiceUnavailable", "500", "503")


def patiently(send: Callable[[], T], slow: Callable[[str | None], object] = lambda index: None) -> T:
    """What a request gives, in one of eight attempts.

    Args:
        send: Sends it; done twice, it must do no harm.
        slow: Called with the index that throttled, or None for the table.
    """
    for attempt in range(_ATTEMPTS):
        pause(attempt, _FIRST_PAUSE, _LONGEST_PAUSE)
        try:
            return send()
        except (Throttled, NoResponse, EndpointUnreachable, RequestFailed) as error:
            if isinstance(error, Throttled):
                slow(error.index)
            if attempt == _ATTEMPTS - 1 or not _passes(error):
                raise
    raise AssertionError("the last attempt returns or raises")


def metered(throttle: Throttle, kind: str, send: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a request gives that waits for its turn, and whose capacity is counted.

    Args:
        throttle: How fast.
        kind: `read` or `write`.
        send: Sends it; done twice, it must do no harm.
    """

    def once() -> dict[str, Any]:
        throttle.wait(kind)
        answer = send()
        throttle.spend(answer, kind)
        return answer

    return patiently(once, throttle.cut)


def pages(ask: Callable[[Params], dict[str, Any]], params: Params) -> Iterator[list[Item]]:
    """Yield the pages of a scan or a query, to its end.

    Args:
        ask: Sends the request for one page, and returns the answer.
        params: The request for the first page.
    """
    start: Item | None = None
    while True:
        answer = ask({**params, "ExclusiveStartKey": start} if start else params)
        yield answer.get("Items", [])
        start = answer.get("LastEvaluatedKey")
        if not start:
            return


def _passes(error: Exception) -> bool:
    """Whether a fault may be over by the next attempt."""
    return isinstance(error, (Throttled, NoResponse, EndpointUnreachable)) or getattr(error, "code", None) in _PASSING
