"""Faults on purpose: throttling, unprocessed items, lost responses, crashes, rivals; the same ones for the same seed.

::

    with inject(ShopTable, Unprocessed(rate=0.3), Rival(other.save, calls={2}), seed=7) as injected:
        place_order(...)
    assert injected.calls == ["GetItem", "TransactWriteItems"]

They stand between the framework and the engine, whichever it is, at the table's connection as it is bound at
that moment: where the SDK has done its retries, and what it does is imitated.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from copy import deepcopy
from threading import Lock
from typing import Any

import attrs
from botocore.exceptions import ClientError, ReadTimeoutError

from singletable.errors import InvalidValueError
from singletable.models import Table
from singletable.models.binding.binding import connection_of
from singletable.models.schema.table_schema import table_schema
from singletable.requests.attempts import is_read, lose
from singletable.requests.connection import Call

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


class InjectedCrash(BaseException):
    """The process "ends" here. No `except Exception` of the code under test catches it."""


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
"""What a table's connection sends."""


def _are_operations(fault: object, field: object, names: Collection[str]) -> None:
    unknown = sorted({names} if isinstance(names, str) else {*names} - _OPERATIONS)
    if unknown:
        raise InvalidValueError(
            f"{', '.join(unknown)}: no operations that a fault can befall.",
            remedy="Give a list of: " + ", ".join(sorted(_OPERATIONS)) + ".",
            value=names,
        )


@attrs.frozen(kw_only=True)
class Fault:
    """Something that goes wrong.

    Args:
        rate: How many of the calls it befalls, from 0 to 1.
        calls: Which of them may be befallen, counted from 1 among those that `operations` names; None for all.
        operations: The DynamoDB operations that it befalls, as a list; none for all.
    """

    rate: float = attrs.field(default=1.0, validator=[attrs.validators.ge(0), attrs.validators.le(1)])
    calls: Collection[int] | None = None
    operations: Collection[str] = attrs.field(default=(), validator=_are_operations)

    def befall(self, send: Call, operation: str, params: dict[str, Any], dice: random.Random) -> dict[str, Any]:
        """Answer a call, in place of the engine."""
        raise NotImplementedError

    def concerns(self, operation: str) -> bool:
        """Whether it may befall an operation."""
        return not self.operations or operation in self.operations


@attrs.frozen(kw_only=True)
class Throttling(Fault):
    """The request is refused for its speed, as after the last of the SDK's retries; nothing is done."""

    def befall(self, send: Call, operation: str, params: dict[str, Any], dice: random.Random) -> dict[str, Any]:
        raise _client_error(operation, "ProvisionedThroughputExceededException", "Injected.")


@attrs.frozen(kw_only=True)
class Unprocessed(Fault):
    """A part of a batch is left undone: each of its entries with probability `rate`. Other operations pass."""

    def concerns(self, operation: str) -> bool:
        return operation in ("BatchWriteItem", "BatchGetItem") and Fault.concerns(self, operation)

    def befall(self, send: Call, operation: str, params: dict[str, Any], dice: random.Random) -> dict[str, Any]:
        reading = operation == "BatchGetItem"
        kept, left = deepcopy(params["RequestItems"]), {}
        for table, request in params["RequestItems"].items():
            entries = request["Keys"] if reading else request
            undone = [entry for entry in entries if dice.random() < self.rate]
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
    """The request is applied and its answer lost; the SDK sends it again, unless a second application would do harm.

    Args:
        for_good: Whether the answers to the SDK's retries are lost, too, so that the caller gets no answer.
    """

    for_good: bool = False

    def befall(self, send: Call, operation: str, params: dict[str, Any], dice: random.Random) -> dict[str, Any]:
        send(operation, deepcopy(params))
        fault = ReadTimeoutError(endpoint_url="injected")
        if self.for_good:
            raise fault
        if not is_read(operation):
            lose(fault)
        return send(operation, params)


@attrs.frozen(kw_only=True)
class Crash(Fault):
    """The process ends, before the request is sent or after it was done.

    Args:
        after: Whether the request is done first.
    """

    after: bool = False

    def befall(self, send: Call, operation: str, params: dict[str, Any], dice: random.Random) -> dict[str, Any]:
        if self.after:
            send(operation, params)
        raise InjectedCrash(f"{'after' if self.after else 'before'} {operation}")


@attrs.frozen
class Rival(Fault):
    """Another writer is faster: a function is called before the request is sent. Its own calls are not befallen.

    Args:
        write: What the other writer does.
    """

    write: Callable[[], Any]

    def befall(self, send: Call, operation: str, params: dict[str, Any], dice: random.Random) -> dict[str, Any]:
        self.write()
        return send(operation, params)


class Injection:
    """What happened within an `inject` block: `calls` has every operation, `befallen` what went wrong with which."""

    def __init__(self, faults: tuple[Fault, ...], seed: int) -> None:
        self.calls: list[str] = []
        self.befallen: list[tuple[str, str]] = []
        self._faults = faults
        self._counts: list[int] = [0] * len(faults)
        self._dice = random.Random(seed)  # noqa: S311 - not a secret
        self._lock = Lock()
        # A variable of the context, which the threads of a batch inherit.
        self._inside: ContextVar[bool] = ContextVar("inside", default=False)

    def __call__(self, send: Call, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        if self._inside.get():
            return send(operation, params)
        call = send
        with self._lock:
            self.calls.append(operation)
            for number, fault in enumerate(self._faults):
                if self._is_due(number, fault, operation):
                    self.befallen.append((operation, type(fault).__name__))
                    call = _befalling(fault, call, self._dice)
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
        # A part of a batch is chosen entry by entry.
        return isinstance(fault, Unprocessed) or self._dice.random() < fault.rate


def _befalling(fault: Fault, call: Call, dice: random.Random) -> Call:
    return lambda operation, params: fault.befall(call, operation, params, dice)


@contextmanager
def inject(table: type[Table], *faults: Fault, seed: int = 0) -> Iterator[Injection]:
    """Let faults befall what a table's connection sends, for the block.

    Args:
        table: The table class, bound to whatever it is bound to.
        faults: What goes wrong; of several that befall one call, the later ones come first.
        seed: The same seed and the same calls give the same faults.
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
