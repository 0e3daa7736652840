"""Injected faults: throttling, unprocessed items, lost responses, crashes and rivals, the same for the same seed.

::

    with inject(ShopTable, Unprocessed(rate=0.3), Rival(other.save, calls={2}), seed=7) as injected:
        place_order(...)
    assert injected.calls == ["GetItem", "TransactWriteItems"]

The faults are injected between the framework and any engine, into the table's connection at the time of the call. The
SDK is below this place, so its retries do not see the faults; each fault imitates their effect.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from copy import deepcopy
from threading import Lock
from typing import Any, TypeAlias

import attrs
from botocore.exceptions import ClientError, ReadTimeoutError

from singletable.errors import InvalidValueError
from singletable.models import Table
from singletable.models.binding.binding import connection_of
from singletable.models.schema.table_schema import table_schema
from singletable.requests.attempts import is_read, lose
from singletable.requests.calls import Call
from singletable.steps import Blocking, Steps, run

__all__ = [
    "Crash",
    "Fault",
    "InjectedCrash",
    "Injection",
    "LostResponse",
    "Rival",
    "Throttling",
    "Unprocessed",
    "inject",
]


Send: TypeAlias = Callable[[str, dict[str, Any]], dict[str, Any]]
"""A function that sends one operation with its arguments, and returns the answer."""


class InjectedCrash(BaseException):
    """A simulated end of the process. An `except Exception` of the code under test does not catch it."""


_OPERATIONS = frozenset(
    [
        "BatchExecuteStatement",
        "BatchGetItem",
        "BatchWriteItem",
        "CreateTable",
        "DeleteItem",
        "DeleteTable",
        "DescribeTable",
        "DescribeTimeToLive",
        "GetItem",
        "PutItem",
        "Query",
        "Scan",
        "TransactGetItems",
        "TransactWriteItems",
        "UpdateItem",
        "UpdateTable",
        "UpdateTimeToLive",
    ]
)
"""The operations that a table's connection sends."""


def _are_operations(fault: object, field: object, names: Collection[str]) -> None:
    unknown = sorted({names} if isinstance(names, str) else {*names} - _OPERATIONS)
    if unknown:
        raise InvalidValueError(
            f"operations={names!r} is not a list of operations that can get a fault; wrong: {', '.join(unknown)}.",
            remedy="Give a list of: " + ", ".join(sorted(_OPERATIONS)) + ".",
            value=names,
        )


@attrs.frozen(kw_only=True)
class Fault:
    """A fault of some of the calls.

    Args:
        rate: The probability with which a call gets the fault, from 0 to 1.
        calls: The numbers of the calls that may get it, counted from 1 among the calls of `operations`; None for all.
        operations: The DynamoDB operations that may get it, as a list; an empty list for all.
    """

    rate: float = attrs.field(default=1.0, validator=[attrs.validators.ge(0), attrs.validators.le(1)])
    calls: Collection[int] | None = None
    operations: Collection[str] = attrs.field(default=(), validator=_are_operations)

    def befall(self, send: Send, operation: str, params: dict[str, Any], rng: random.Random) -> dict[str, Any]:
        """Answer a call in place of the engine."""
        raise NotImplementedError

    def concerns(self, operation: str) -> bool:
        """Whether an operation may get the fault."""
        return not self.operations or operation in self.operations


@attrs.frozen(kw_only=True)
class Throttling(Fault):
    """The request is throttled, as after the last of the SDK's retries, and not applied."""

    def befall(self, send: Send, operation: str, params: dict[str, Any], rng: random.Random) -> dict[str, Any]:
        raise _client_error(operation, "ProvisionedThroughputExceededException", "Injected.")


@attrs.frozen(kw_only=True)
class Unprocessed(Fault):
    """Some entries of a batch are not processed: each with the probability `rate`. Other operations do not get it."""

    def concerns(self, operation: str) -> bool:
        return operation in ("BatchWriteItem", "BatchGetItem") and Fault.concerns(self, operation)

    def befall(self, send: Send, operation: str, params: dict[str, Any], rng: random.Random) -> dict[str, Any]:
        reading = operation == "BatchGetItem"
        kept, left = deepcopy(params["RequestItems"]), {}
        for table, request in params["RequestItems"].items():
            entries = request["Keys"] if reading else request
            undone = [entry for entry in entries if rng.random() < self.rate]
            done = [entry for entry in entries if entry not in undone]
            if undone:
                left[table] = {**request, "Keys": undone} if reading else undone
            kept[table] = {**request, "Keys": done} if reading else done
            if not done:
                del kept[table]
        answer = send(operation, {**params, "RequestItems": kept}) if kept else {}
        return {"Responses": {}, **answer, "UnprocessedKeys" if reading else "UnprocessedItems": left}


@attrs.frozen(kw_only=True)
class LostResponse(Fault):
    """The request is applied and its answer lost; the SDK sends it again, unless it must not be applied twice.

    Args:
        for_good: Whether the answers to the SDK's retries are also lost, so that the caller gets no answer.
    """

    for_good: bool = False

    def befall(self, send: Send, operation: str, params: dict[str, Any], rng: random.Random) -> dict[str, Any]:
        send(operation, deepcopy(params))
        fault = ReadTimeoutError(endpoint_url="injected")
        if self.for_good:
            raise fault
        if not is_read(operation):
            lose(fault)
        return send(operation, params)


@attrs.frozen(kw_only=True)
class Crash(Fault):
    """The process ends before the request is sent or after it was applied.

    Args:
        after: Whether the request is applied first.
    """

    after: bool = False

    def befall(self, send: Send, operation: str, params: dict[str, Any], rng: random.Random) -> dict[str, Any]:
        if self.after:
            send(operation, params)
        raise InjectedCrash(f"{'after' if self.after else 'before'} {operation}")


@attrs.frozen
class Rival(Fault):
    """Another writer is faster: a function is called before the request is sent. The function's calls get no faults.

    Args:
        write: The function of the other writer.
    """

    write: Callable[[], Any]

    def befall(self, send: Send, operation: str, params: dict[str, Any], rng: random.Random) -> dict[str, Any]:
        self.write()
        return send(operation, params)


class Injection:
    """The record of an `inject` block: `calls` has every operation, `befallen` those with a fault."""

    def __init__(self, faults: tuple[Fault, ...], seed: int) -> None:
        self.calls: list[str] = []
        self.befallen: list[tuple[str, str]] = []
        """The operations that got a fault, each with the name of the fault's class."""
        self._faults = faults
        self._counts: list[int] = [0] * len(faults)
        self._rng = random.Random(seed)  # noqa: S311 - not a secret
        self._lock = Lock()
        # A context variable, because the threads of a batch inherit it.
        self._inside: ContextVar[bool] = ContextVar("inside", default=False)

    def __call__(self, send: Call, operation: str, params: dict[str, Any]) -> Steps[dict[str, Any]]:
        if self._inside.get():
            return (yield from send(operation, params))
        due = []
        with self._lock:
            self.calls.append(operation)
            for number, fault in enumerate(self._faults):
                if self._is_due(number, fault, operation):
                    self.befallen.append((operation, type(fault).__name__))
                    due.append(fault)
        if not due:
            return (yield from send(operation, params))
        # On an event loop the faults run in a thread, since they may wait for a rival.
        answer: dict[str, Any] = yield Blocking(lambda: self._befall(due, send, operation, params))
        return answer

    def _befall(self, due: list[Fault], send: Call, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        call: Send = lambda *sent: run(send(*sent))  # noqa: E731 - it has no name of its own
        for fault in due:
            call = _befalling(fault, call, self._rng)
        token = self._inside.set(True)
        try:
            return call(operation, params)
        finally:
            self._inside.reset(token)

    def _is_due(self, number: int, fault: Fault, operation: str) -> bool:
        if not fault.concerns(operation):
            return False
        self._counts[number] += 1
        if fault.calls is not None and self._counts[number] not in fault.calls:
            return False
        # `Unprocessed` applies its rate to each entry of a batch, not to the call.
        return isinstance(fault, Unprocessed) or self._rng.random() < fault.rate


def _befalling(fault: Fault, call: Send, rng: random.Random) -> Send:
    return lambda operation, params: fault.befall(call, operation, params, rng)


@contextmanager
def inject(table: type[Table], *faults: Fault, seed: int = 0) -> Iterator[Injection]:
    """Inject faults into the requests of a table's connection during the block.

    Args:
        table: The table class, with its current binding.
        faults: The faults. If one call gets several, the later ones are applied first.
        seed: The seed of the random choices; the same seed and the same calls give the same faults.
    """
    injection = Injection(faults, seed)
    connection = connection_of(table_schema(table).table).connection
    before = connection.around
    connection.around = (*before, injection)
    try:
        yield injection
    finally:
        connection.around = before


def _client_error(operation: str, code: str, message: str) -> ClientError:
    response: Mapping[str, Any] = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"RetryAttempts": 3},
    }
    return ClientError(response, operation)
