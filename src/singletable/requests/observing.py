"""Observing: what a table is asked, how long it took and what it cost, told to callbacks request by request.

::

    def tell(request: RequestEvent) -> None:
        histogram(request.pattern or request.operation, request.seconds)

    observe(ShopTable, tell)

Requests are told apart by the access pattern that they are of. What is no access pattern is given a name where it is
called: `with request_name("place_order"): ...`. Nothing that is told holds a key or a value of an item.
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

__all__ = ["Observer", "RequestEvent", "RequestStats", "Totals", "request_name", "watched"]

_log = logging.getLogger("singletable")
_name: ContextVar[str | None] = ContextVar("singletable_name", default=None)


@attrs.frozen
class RequestEvent:
    """A request that was answered, or that failed.

    Args:
        operation: DynamoDB's operation: `Query`.
        table: The table's name.
        index: The index that was asked; None for the table itself.
        pattern: The access pattern that it is of, or the name that `request_name` gave.
        started: When it was sent, in epoch seconds.
        seconds: How long it took, with the SDK's own attempts and the pauses between them.
        read_units: The read capacity units that it consumed, as DynamoDB reported them, or estimated from the items'
            sizes where the engine does not meter (the embedded one).
        write_units: The write capacity units, likewise.
        attempts: How often the SDK sent it; 1 where that is not known.
        error: DynamoDB's code for why it failed, or the name of the exception; None where it was answered.
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
"""Called behind each request, in the thread that sent it. What it raises is logged, and does not reach the request."""


@contextmanager
def request_name(name: str) -> Iterator[None]:
    """Give the requests of a block, or of a function that it decorates, a name; those of access patterns have one."""
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
    call: Callable[[], dict[str, Any]],
    units: Callable[[dict[str, Any]], tuple[float, float]],
) -> dict[str, Any]:
    """Do a call, and tell the observers of it.

    Args:
        observers: Who is told.
        table: The table's name.
        operation: The operation.
        params: Its arguments.
        call: Does it.
        units: The read and write units of an answer.
    """
    started, clock = time.time(), time.perf_counter()
    answer: dict[str, Any] = {}
    failure: BaseException | None = None
    try:
        answer = call()
        read, write = units(answer)
        told: dict[str, Any] = {"read_units": read, "write_units": write, "attempts": _attempts(answer)}
    except BaseException as error:
        failure = error
        response = getattr(error.__cause__ or error, "response", None) or getattr(error, "response", None) or {}
        told = {
            "error": response.get("Error", {}).get("Code") or type(error).__name__,
            "attempts": _attempts(response),
        }
    # Not while the request's error is handled: it would be logged with an observer's, and may quote an item.
    seconds = time.perf_counter() - clock
    sent = RequestEvent(operation, table, params.get("IndexName"), _name.get(), started, seconds, **told)
    for observer in observers:
        try:
            observer(sent)
        except Exception as error:  # it is somebody's metrics, and no reason for a request to fail
            _log.warning("An observer of %s failed: %s.", table, type(error).__name__, exc_info=True)
    if failure is None:
        return answer
    try:
        raise failure
    finally:
        # The error's traceback has this frame, which must not have the error.
        failure = None


def _attempts(answer: dict[str, Any]) -> int:
    return 1 + int(answer.get("ResponseMetadata", {}).get("RetryAttempts", 0))


@attrs.define
class Totals:
    """What the requests of one name came to.

    Args:
        requests: How many there were.
        failed: How many of them failed.
        seconds: How long they took together.
        slowest: How long the slowest took.
        read_units: The read capacity units that they consumed.
        write_units: The write capacity units.
    """

    requests: int = 0
    failed: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    read_units: float = 0.0
    write_units: float = 0.0


class RequestStats:
    """An observer that adds up what each access pattern asked: `observe(ShopTable, tally)`, then `tally.totals`."""

    def __init__(self) -> None:
        self.totals: dict[str | None, Totals] = {}

    def __call__(self, sent: RequestEvent) -> None:
        # One step of the interpreter: threads share it.
        totals = self.totals.setdefault(sent.pattern, Totals())
        totals.requests += 1
        totals.failed += sent.error is not None
        totals.seconds += sent.seconds
        totals.slowest = max(totals.slowest, sent.seconds)
        totals.read_units += sent.read_units
        totals.write_units += sent.write_units

    def __repr__(self) -> str:
        lines = (
            f"{name}: {each.requests} requests, {each.failed} failed, {each.seconds:.3f} s,"
            f" {each.read_units:g} read and {each.write_units:g} write units"
            for name, each in self.totals.items()
        )
        return f"<RequestStats {'; '.join(lines) or 'of nothing'}>"
