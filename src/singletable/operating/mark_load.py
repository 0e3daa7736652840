"""Load of marks: the capacity and the storage that the marks of stream handlers take.

The router reads the marks of a record before it calls handlers, and each called handler writes its mark; see
`singletable.streams.marks`.

Source: Developer Guide, "DynamoDB read consistency" and "Read operations" (a consistent read of no item takes a unit).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

import attrs

from singletable.operating.workload import (
    DAY,
    SECONDS,
    Footprint,
    Load,
    Workload,
    WriteRate,
    kept_bytes,
    units_of,
)

__all__ = ["MarkLoad", "MarkRate", "MarkedHandler", "mark_load_of"]

_EVENTS = {"create": "INSERT", "update": "MODIFY", "delete": "REMOVE"}
_READ = Decimal(1)
"""Read units of the consistent query for the marks of a record. At its first delivery, a record has no marks yet."""


@attrs.frozen
class MarkedHandler:
    """A stream handler that marks the events that it has handled.

    Args:
        name: The handler's name.
        entities: The names of the entities for whose events it is called.
        events: The events: `INSERT`, `MODIFY`, `REMOVE`.
        expired: For REMOVE: whether it is called only for removals by time to live (True), only for other removals
            (False), or for both (None).
        mark: The footprint of a mark.
        transactional: Whether the handler writes its mark in a transaction.
    """

    name: str
    entities: frozenset[str]
    events: frozenset[str]
    expired: bool | None
    mark: Footprint
    transactional: bool = False


@attrs.frozen
class MarkRate:
    """The marks of one handler.

    Args:
        handler: The handler.
        rate: The number of its marks in a second.
    """

    handler: MarkedHandler
    rate: Decimal

    @property
    def writes(self) -> dict[str, Decimal]:
        """The write units in a second, by place."""
        handler = self.handler
        operation = WriteRate(handler.name, "create", self.rate, handler.transactional)
        return units_of(operation, handler.mark, next(iter(handler.mark.units)))


@attrs.frozen
class MarkLoad:
    """The load of the marks of all handlers.

    Args:
        records: The number of records in a second that have at least one marked handler.
        rates: The marks of each handler that is called.
    """

    records: Decimal = Decimal(0)
    rates: tuple[MarkRate, ...] = ()

    @property
    def reads(self) -> Decimal:
        """The read units in a second, on the table."""
        return self.records * _READ

    @property
    def writes(self) -> Decimal:
        """The write units in a second, on the table and all indexes."""
        return sum((load.writes for load in self.loads), Decimal(0))

    @property
    def loads(self) -> tuple[Load, ...]:
        """The load of each place."""
        writes: dict[str, Decimal] = {}
        for each in self.rates:
            for place, units in each.writes.items():
                writes[place] = writes.get(place, Decimal(0)) + units
        return tuple(
            Load(place, self.reads if not number else Decimal(0), units, Decimal(0), Decimal(0))
            for number, (place, units) in enumerate(writes.items())
        )

    def bytes_after(self, months: int) -> Decimal:
        """Return the billed bytes of marks after some months; the deletion of expired marks is free."""
        kept = (kept_bytes(each.rate, each.handler.mark, months) for each in self.rates)
        return sum((each for each in kept if each is not None), Decimal(0))


def mark_load_of(
    workload: Workload, handlers: Iterable[MarkedHandler], footprints: Iterable[Footprint], months: int
) -> MarkLoad:
    """Return the load of the marks that a workload causes.

    Assumptions: each event is delivered once, and an update changes an attribute that each update handler waits for.

    Args:
        workload: The workload.
        handlers: The handlers that mark their events.
        footprints: The footprint of each entity. The expiry of an item is also an event.
        months: The number of months after which the marks are counted. Items with a longer life do not expire yet.
    """
    handlers = tuple(handlers)
    rates = [Decimal(0) for _ in handlers]
    records = Decimal(0)
    for entity, event, expired, rate in _events(workload, footprints, months):
        called = [number for number, each in enumerate(handlers) if _fits(each, entity, event, expired)]
        records += rate if called else 0
        for number in called:
            rates[number] += rate
    return MarkLoad(records, tuple(MarkRate(each, rate) for each, rate in zip(handlers, rates, strict=True) if rate))


def _events(
    workload: Workload, footprints: Iterable[Footprint], months: int
) -> Iterator[tuple[str, str, bool, Decimal]]:
    """Yield the entity, the event, whether it is an expiry, and the rate."""
    for each in workload.operations:
        if each.verb != "check":
            yield each.entity, _EVENTS[each.verb], False, each.rate
    for footprint in footprints:
        if footprint.days is not None and footprint.days * DAY <= months * SECONDS:
            yield footprint.name, "REMOVE", True, workload.written(footprint.name)


def _fits(handler: MarkedHandler, entity: str, event: str, expired: bool) -> bool:
    if entity not in handler.entities or event not in handler.events:
        return False
    return event != "REMOVE" or handler.expired in (None, expired)
