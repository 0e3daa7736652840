"""Workloads: how often each access pattern is called and each entity written, and the capacity that this takes.

Sources: Developer Guide, "DynamoDB read and write operations", "Global secondary indexes" (write considerations),
"Time to Live" (deletions take no write units), "Understanding AWS billing" (storage has an overhead for each item).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

import attrs

from singletable.errors import OperatingError

__all__ = [
    "GIGABYTE",
    "HOURS",
    "OVERHEAD",
    "SECONDS",
    "Call",
    "Footprint",
    "Load",
    "Workload",
    "billed_bytes",
    "bytes_after",
    "loads_of",
]

HOURS = Decimal(730)
"""Hours of a month: a twelfth of 365 days, as the AWS Pricing Calculator has it."""

SECONDS = HOURS * 3600
GIGABYTE = Decimal(2**30)
"""Bytes of a gigabyte (Developer Guide, "Quotas": all sizes are binary)."""

OVERHEAD = 100
"""Bytes that are billed for each item, on the table and on each index, beyond its own (DynamoDB, "Pricing")."""

T = TypeVar("T")
_DAY = Decimal(86_400)


@attrs.frozen
class Call:
    """What one call of an access pattern asks for.

    Args:
        name: The pattern's name.
        title: Its number and sentence.
        items: How many items it returns.
        requests: How many requests it sends.
        units: Read units on the table and on indexes, by name.
        consistent: Whether a request of it is strongly consistent.
    """

    name: str
    title: str
    items: int
    requests: int
    units: Mapping[str, Decimal]
    consistent: bool = False

    @property
    def total(self) -> Decimal:
        """Its read units, wherever."""
        return sum(self.units.values(), Decimal(0))


@attrs.frozen
class Footprint:
    """What one item of an entity takes, on average.

    Args:
        name: The entity's name.
        sampled: Of how many items this is the average.
        size: Its bytes on the table.
        units: Write units of its insertion on the table and on indexes, by name.
        stored: Bytes that are billed, on the table and all indexes, overheads included.
        days: After how many days it expires; None where it never does.
    """

    name: str
    sampled: int
    size: Decimal
    units: Mapping[str, Decimal]
    stored: Decimal
    days: Decimal | None = None

    @property
    def total(self) -> Decimal:
        """Its write units, wherever."""
        return sum(self.units.values(), Decimal(0))


@attrs.frozen
class Workload:
    """What is asked in a second, on average.

    Args:
        reads: Calls, by access pattern.
        writes: New items, by entity.
        transactions: New items that are written in transactions, by entity.
        updates: Changes of items that are there, by entity.
    """

    reads: Mapping[str, Decimal] = attrs.field(factory=dict)
    writes: Mapping[str, Decimal] = attrs.field(factory=dict)
    transactions: Mapping[str, Decimal] = attrs.field(factory=dict)
    updates: Mapping[str, Decimal] = attrs.field(factory=dict)

    @property
    def empty(self) -> bool:
        """Whether nothing is asked."""
        return not any(any(each.values()) for each in attrs.astuple(self, recurse=False))

    def written(self, entity: str) -> Decimal:
        """New items of an entity in a second."""
        return self.writes.get(entity, Decimal(0)) + self.transactions.get(entity, Decimal(0))


@attrs.frozen
class Load:
    """Capacity units that a place is asked for in a second.

    Args:
        place: `table`, or a global index's name.
        reads: Read units, on average.
        writes: Write units, on average.
        peak_reads: Read units for which there must be capacity.
        peak_writes: Write units for which there must be capacity.
    """

    place: str
    reads: Decimal
    writes: Decimal
    peak_reads: Decimal
    peak_writes: Decimal


def loads_of(
    workload: Workload,
    calls: Iterable[Call],
    footprints: Iterable[Footprint],
    places: Iterable[str],
    *,
    peak: Decimal = Decimal(1),
) -> tuple[Load, ...]:
    """What a workload asks of the table and of each global index.

    Every write puts a whole new item. In a transaction it takes twice the units on the table, where it is prepared and
    committed, and once on indexes, which follow it. An update takes what a new item does, and once on each index.

    Args:
        workload: The workload.
        calls: What a call of each pattern asks for.
        footprints: What an item of each entity takes.
        places: The table and its global indexes.
        peak: How much more the highest load is than the average.

    Raises:
        OperatingError: It names a pattern or an entity of which nothing is known.
    """
    by_call, by_entity = {each.name: each for each in calls}, {each.name: each for each in footprints}
    table, *indexes = places
    reads: dict[str, Decimal] = dict.fromkeys((table, *indexes), Decimal(0))
    writes = dict(reads)
    for name, rate in workload.reads.items():
        for place, units in _known(by_call, name, "access pattern").units.items():
            reads[place] += rate * units
    for rates, twice in ((workload.writes, 1), (workload.transactions, 2), (workload.updates, 1)):
        for name, rate in rates.items():
            for place, units in _known(by_entity, name, "entity").units.items():
                writes[place] += rate * units * (twice if place == table else 1)
    return tuple(Load(place, reads[place], writes[place], reads[place] * peak, writes[place] * peak) for place in reads)


def bytes_after(workload: Workload, footprint: Footprint, months: int | None) -> Decimal | None:
    """The billed bytes of an entity that a workload has written after some months, without what has expired.

    Args:
        workload: The workload.
        footprint: What an item of the entity takes.
        months: How many months; None for what it comes to in the end, which is None where nothing expires.
    """
    kept = None if months is None else months * SECONDS
    if footprint.days is not None:
        life = max(footprint.days, Decimal(0)) * _DAY
        kept = life if kept is None else min(kept, life)
    return None if kept is None else workload.written(footprint.name) * kept * footprint.stored


def billed_bytes(described: Mapping[str, Any]) -> Decimal:
    """The bytes that are billed for a table and its indexes.

    Args:
        described: What DescribeTable says of it, which leaves the overhead of each item out.
    """
    indexes = [*(described.get("GlobalSecondaryIndexes") or ()), *(described.get("LocalSecondaryIndexes") or ())]
    total = int(described.get("TableSizeBytes") or 0) + sum(int(each.get("IndexSizeBytes") or 0) for each in indexes)
    items = sum(int(each.get("ItemCount") or 0) for each in (described, *indexes))
    return Decimal(total + items * OVERHEAD)


def _known(found: Mapping[str, T], name: str, what: str) -> T:
    if name not in found:
        raise OperatingError(
            f"The sample says nothing of the {what} {name!r}.",
            remedy=f"It tells of: {', '.join(found)}. Choose another sample with --sample, or leave the rate out.",
            value=name,
        )
    return found[name]
