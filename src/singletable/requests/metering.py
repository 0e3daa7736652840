"""Metering: the requests that a block of code sends, and the capacity units that they consume."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import attrs

from singletable.requests.capacity import estimate_units

__all__ = ["Usage", "measure", "record", "units_of"]

_READS = frozenset({"GetItem", "Query", "Scan", "BatchGetItem", "TransactGetItems"})
_UNCOUNTED = frozenset(
    {"CreateTable", "DeleteTable", "DescribeTable", "DescribeTimeToLive", "UpdateTable", "UpdateTimeToLive"}
)
_measured: ContextVar[tuple[Usage, ...]] = ContextVar("singletable_usage", default=())


@attrs.define
class Usage:
    """The requests of a block, and their capacity units.

    Args:
        requests: The number of requests.
        read_units: Read capacity units: as DynamoDB reported them, or estimated from the items' sizes if
            the engine does not report them (the embedded one).
        write_units: Write capacity units, reported or estimated in the same way.
        read_units_at: The read units by place: the name of the index, or None for the table.
    """

    requests: int = 0
    read_units: float = 0.0
    write_units: float = 0.0
    read_units_at: dict[str | None, float] = attrs.field(factory=dict)


@contextmanager
def measure() -> Iterator[Usage]:
    """Count the requests that this thread or task sends within the block."""
    usage = Usage()
    token = _measured.set((*_measured.get(), usage))
    try:
        yield usage
    finally:
        _measured.reset(token)


def record(operation: str, params: dict[str, Any], answer: dict[str, Any], *, metered: bool) -> None:
    """Add one answered request to every open measurement."""
    measured = _measured.get()
    if not measured:
        return
    read, write = units_of(operation, params, answer, metered=metered)
    place = params.get("IndexName")
    for usage in measured:
        usage.requests += 1
        if read:
            usage.read_units_at[place] = usage.read_units_at.get(place, 0.0) + read
        usage.read_units += read
        usage.write_units += write


def units_of(operation: str, params: dict[str, Any], answer: dict[str, Any], *, metered: bool) -> tuple[float, float]:
    """Return the read and the write capacity units of one answered request."""
    consumed = answer.get("ConsumedCapacity") or []
    if isinstance(consumed, dict):
        consumed = [consumed]
    units = sum(each.get("CapacityUnits") or 0.0 for each in consumed)
    if not metered and operation not in _UNCOUNTED:
        units = estimate_units(operation, params, answer)
    return (units, 0.0) if operation in _READS else (0.0, units)
