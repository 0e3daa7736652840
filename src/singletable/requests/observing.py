"""Observing: callbacks that receive each request of a table, with its duration and its capacity units.

::

    def report(event: RequestEvent) -> None:
        histogram(event.pattern or event.operation, event.seconds)

    observe(ShopTable, report)

An event names the access pattern of its request. Give other requests a name in the calling code:
`with request_name("place_order"): ...`. An event contains no key and no value of an item.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

if TYPE_CHECKING:
    from singletable.requests.types import Params
    from singletable.steps import Steps

__all__ = ["Observer", "RequestEvent", "RequestStats", "Totals", "request_name", "watched"]

_log = logging.getLogger("singletable")
_name: ContextVar[str | None] = ContextVar("singletable_name", default=None)


@attrs.frozen
class RequestEvent:
    """A request that succeeded or failed.

    Args:
        operation: The DynamoDB operation: `Query`.
        table: The table's name.
        index: The index that was read; None for the table itself.
        pattern: The name of its access pattern, or the name that `request_name` gave; None if it has neither.
        started: The time at which it was sent, in epoch seconds.
        seconds: Its duration, including all attempts of the SDK and the pauses between them.
        read_units: The read capacity units that it consumed, as DynamoDB reported them, or estimated from the items'
            sizes if the engine does not report them (the embedded one).
        write_units: The write capacity units, reported or estimated in the same way.
        attempts: The number of times that the SDK sent it; 1 if that is unknown.
        error: DynamoDB's error code, or the name of the exception; None if it succeeded.
    """

    operation: str
    table: str
    index: str | None
    pattern: str | None
    started: float
    seconds: float
    read_units: float = 0.0
    write_units: float = 0.0
    attempts: int = 1
    error: str | None = None


Observer: TypeAlias = Callable[[RequestEvent], object]
"""A function that is called after each request, in the thread that sent it; its exceptions are logged, not raised."""


@contextmanager
def request_name(name: str) -> Iterator[None]:
    """Name the requests of a block, or of a decorated function; requests of access patterns keep the pattern's name."""
    token = _name.set(name)
    try:
        yield
    finally:
        _name.reset(token)


def watched(
    observers: tuple[Observer, ...],
    table: str,
    operation: str,
    params: Params,
    call: Steps[dict[str, Any]],
    units: Callable[[dict[str, Any]], tuple[float, float]],
) -> Steps[dict[str, Any]]:
    """Send a request, and report it to the observers.

    Args:
        observers: The observers.
        table: The table's name.
        operation: The operation.
        params: Its arguments.
        call: The steps that send the request, and return the answer.
        units: Returns the read and write units of an answer.
    """
    started, clock = time.time(), time.perf_counter()
    answer: dict[str, Any] = {}
    failure: BaseException | None = None
    try:
        answer = yield from call
        read, write = units(answer)
        outcome: dict[str, Any] = {"read_units": read, "write_units": write, "attempts": _attempts(answer)}
    except BaseException as error:
        failure = error
        response = getattr(error.__cause__ or error, "response", None) or getattr(error, "response", None) or {}
        outcome = {
            "error": response.get("Error", {}).get("Code") or type(error).__name__,
            "attempts": _attempts(response),
        }
    # Outside of the except block. Inside, a log of an observer's error would contain the request's error, which may
    # quote an item.
    seconds = time.perf_counter() - clock
    event = RequestEvent(operation, table, params.get("IndexName"), _name.get(), started, seconds, **outcome)
    for observer in observers:
        try:
            observer(event)
        except Exception as error:  # a fault of an observer must not make the request fail
            _log.warning("An observer of %s failed: %s.", table, type(error).__name__, exc_info=True)
    if failure is None:
        return answer
    try:
        raise failure
    finally:
        # The error's traceback refers to this frame. A reference from the frame to the error would be a cycle.
        failure = None


def _attempts(answer: dict[str, Any]) -> int:
    return 1 + int(answer.get("ResponseMetadata", {}).get("RetryAttempts", 0))


@attrs.define
class Totals:
    """The sums over all requests with one name.

    Args:
        requests: The number of requests.
        failed: The number of those that failed.
        seconds: Their total duration.
        slowest: The duration of the slowest.
        read_units: The read capacity units that they consumed.
        write_units: The write capacity units that they consumed.
    """

    requests: int = 0
    failed: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    read_units: float = 0.0
    write_units: float = 0.0


class RequestStats:
    """An observer that adds up the requests of each access pattern.

    `observe(ShopTable, stats)` starts it; `stats.totals` has the sums by name, and under None those without a name.
    """

    def __init__(self) -> None:
        self.totals: dict[str | None, Totals] = {}

    def __call__(self, event: RequestEvent) -> None:
        # setdefault is atomic, so threads share one Totals for each name.
        totals = self.totals.setdefault(event.pattern, Totals())
        totals.requests += 1
        totals.failed += event.error is not None
        totals.seconds += event.seconds
        totals.slowest = max(totals.slowest, event.seconds)
        totals.read_units += event.read_units
        totals.write_units += event.write_units

    def __repr__(self) -> str:
        lines = (
            f"{name}: {each.requests} requests, {each.failed} failed, {each.seconds:.3f} s,"
            f" {each.read_units:g} read and {each.write_units:g} write units"
            for name, each in self.totals.items()
        )
        return f"<RequestStats: {'; '.join(lines) or 'no requests'}>"
