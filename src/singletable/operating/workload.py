"""Workloads: the rates of access patterns and writes, and the capacity that they need.

Sources: Developer Guide, "DynamoDB read and write operations", "Global secondary indexes" (write considerations),
"Time to Live" (deletions are free), "Understanding AWS billing" (storage has an overhead for each item),
"Amazon DynamoDB Transactions: How it works" (each item of a transaction is written twice).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Literal, TypeVar, get_args

import attrs

from singletable.errors import OperatingError

__all__ = [
    "DAY",
    "GIGABYTE",
    "HOURS",
    "OVERHEAD",
    "SECONDS",
    "VERBS",
    "Companion",
    "Footprint",
    "Load",
    "PatternCall",
    "Verb",
    "Workload",
    "WriteRate",
    "billed_bytes",
    "bytes_after",
    "kept_bytes",
    "loads_of",
    "units_of",
]

HOURS = Decimal(730)
"""Hours of a month: a twelfth of 365 days, as in the AWS Pricing Calculator."""

SECONDS = HOURS * 3600
DAY = Decimal(86_400)
"""Seconds of a day."""

GIGABYTE = Decimal(2**30)
"""Bytes of a gigabyte (Developer Guide, "Quotas": all sizes are binary)."""

OVERHEAD = 100
"""Bytes that are billed for each item in addition to its size, on the table and on each index (DynamoDB, "Pricing")."""

Verb = Literal["create", "update", "delete", "check"]
VERBS: tuple[Verb, ...] = get_args(Verb)
"""The effects of a write on an item. A check is a condition of a transaction on an item that it does not change."""

T = TypeVar("T")


@attrs.frozen
class PatternCall:
    """The results and the units of one call of an access pattern.

    Args:
        name: The pattern's name.
        title: The pattern's number and sentence.
        items: The number of items that it returns.
        requests: The number of requests that it sends.
        units: The read units on the table and on indexes, by name.
        consistent: Whether one of its requests is strongly consistent.
    """

    name: str
    title: str
    items: int
    requests: int
    units: Mapping[str, Decimal]
    consistent: bool = False

    @property
    def total(self) -> Decimal:
        """The read units on the table and all indexes."""
        return sum(self.units.values(), Decimal(0))


@attrs.frozen
class Footprint:
    """The average size and units of one item of an entity.

    Args:
        name: The entity's name.
        sampled: The number of items of which this is the average.
        size: The bytes of the item on the table.
        units: The write units of its insertion on the table and on indexes, by name.
        stored: The billed bytes on the table and all indexes, with overheads.
        days: The number of days after which it expires; None if it never does.
    """

    name: str
    sampled: int
    size: Decimal
    units: Mapping[str, Decimal]
    stored: Decimal
    days: Decimal | None = None

    @property
    def total(self) -> Decimal:
        """The write units on the table and all indexes."""
        return sum(self.units.values(), Decimal(0))


@attrs.frozen
class Companion:
    """An operation on another item, in the transaction that writes a new item.

    Args:
        entity: The other item's entity.
        verb: The operation.
        count: The number of such operations for each new item, on average.
    """

    entity: str
    verb: Verb = "create"
    count: Decimal = Decimal(1)

    def __str__(self) -> str:
        count = "" if self.count == 1 else f"{self.count:f} "
        return f"{count}{'' if self.verb == 'create' else f'{self.verb} '}{self.entity}"


@attrs.frozen
class WriteRate:
    """The rate of one kind of write.

    Args:
        entity: The entity of the items.
        verb: The operation.
        rate: The number of writes in a second.
        transactional: Whether the writes are in transactions.
    """

    entity: str
    verb: Verb
    rate: Decimal
    transactional: bool = False


@attrs.frozen
class Workload:
    """The average numbers of calls and writes in a second.

    Args:
        reads: Calls, by access pattern.
        writes: New items, by entity.
        transactions: New items that are written in transactions, by entity.
        updates: Updates of existing items, by entity.
        deletes: Deletions, by entity, without those by time to live.
        together: The operations in one transaction with each new item, by the new item's entity.
    """

    reads: Mapping[str, Decimal] = attrs.field(factory=dict)
    writes: Mapping[str, Decimal] = attrs.field(factory=dict)
    transactions: Mapping[str, Decimal] = attrs.field(factory=dict)
    updates: Mapping[str, Decimal] = attrs.field(factory=dict)
    deletes: Mapping[str, Decimal] = attrs.field(factory=dict)
    together: Mapping[str, tuple[Companion, ...]] = attrs.field(factory=dict)

    @property
    def empty(self) -> bool:
        """Whether all rates are zero."""
        return not any(self.reads.values()) and not any(each.rate for each in self.operations)

    @property
    def operations(self) -> tuple[WriteRate, ...]:
        """All writes. A new item with companions counts as transactional, because they share a transaction."""
        found = []
        for rates, transactional in ((self.writes, False), (self.transactions, True)):
            for name, rate in rates.items():
                companions = self.together.get(name, ())
                found.append(WriteRate(name, "create", rate, transactional or bool(companions)))
                found += [WriteRate(each.entity, each.verb, rate * each.count, True) for each in companions]
        found += [WriteRate(name, "update", rate) for name, rate in self.updates.items()]
        found += [WriteRate(name, "delete", rate) for name, rate in self.deletes.items()]
        return tuple(found)

    def of(self, entity: str) -> tuple[WriteRate, ...]:
        """Return the writes of an entity."""
        return tuple(each for each in self.operations if each.entity == entity)

    def written(self, entity: str) -> Decimal:
        """Return the number of new items of an entity in a second."""
        return sum((each.rate for each in self.of(entity) if each.verb == "create"), Decimal(0))


@attrs.frozen
class Load:
    """The capacity units that a place needs in a second.

    Args:
        place: `table`, or a global index's name.
        reads: The average read units.
        writes: The average write units.
        peak_reads: The read units of the peak.
        peak_writes: The write units of the peak.
    """

    place: str
    reads: Decimal
    writes: Decimal
    peak_reads: Decimal
    peak_writes: Decimal


def loads_of(
    workload: Workload,
    calls: Iterable[PatternCall],
    footprints: Iterable[Footprint],
    places: Iterable[str],
    *,
    peak: Decimal = Decimal(1),
    more: Iterable[Load] = (),
) -> tuple[Load, ...]:
    """Return the load that a workload puts on the table and on each global index.

    Args:
        workload: The workload.
        calls: The units of a call of each pattern.
        footprints: The footprint of an item of each entity.
        places: The names of the table and its global indexes.
        peak: The factor by which the highest load exceeds the average.
        more: Loads to add, such as the load of marks. Their own peaks are not used.

    Raises:
        OperatingError: The sample has no data for a pattern or an entity of the workload.
    """
    by_call, by_entity = {each.name: each for each in calls}, {each.name: each for each in footprints}
    table, *indexes = places
    reads: dict[str, Decimal] = dict.fromkeys((table, *indexes), Decimal(0))
    writes = dict(reads)
    for name, rate in workload.reads.items():
        for place, units in _known(by_call, name, "access pattern").units.items():
            reads[place] += rate * units
    for operation in workload.operations:
        for place, units in units_of(operation, _known(by_entity, operation.entity, "entity"), table).items():
            writes[place] += units
    for load in more:
        reads[load.place] += load.reads
        writes[load.place] += load.writes
    return tuple(Load(place, reads[place], writes[place], reads[place] * peak, writes[place] * peak) for place in reads)


def units_of(operation: WriteRate, footprint: Footprint, table: str) -> dict[str, Decimal]:
    """Return the write units in a second that writes consume, by place.

    Every write consumes the units of a whole item. In a transaction it consumes twice the units on the table, where it
    is prepared and committed, and once the units on indexes, which follow the table. A check does not change an index.

    Args:
        operation: The writes.
        footprint: The footprint of their entity.
        table: The name of the place that is the table itself.
    """
    twice = 2 if operation.transactional else 1
    return {
        place: operation.rate * units * (twice if place == table else 1)
        for place, units in footprint.units.items()
        if place == table or operation.verb != "check"
    }


def bytes_after(workload: Workload, footprint: Footprint, months: int | None) -> Decimal | None:
    """Return the billed bytes of an entity that a workload has written after some months, without expired items.

    Each deletion cancels one new item.

    Args:
        workload: The workload.
        footprint: The footprint of an item of the entity.
        months: The number of months; None for the bytes in the end, which is None if the items never expire.
    """
    deleted = sum((each.rate for each in workload.of(footprint.name) if each.verb == "delete"), Decimal(0))
    return kept_bytes(max(workload.written(footprint.name) - deleted, Decimal(0)), footprint, months)


def kept_bytes(rate: Decimal, footprint: Footprint, months: int | None) -> Decimal | None:
    """Return the billed bytes of items that are written at a rate, without those that have expired.

    Args:
        rate: New items in a second.
        footprint: The footprint of an item.
        months: The number of months; None for the bytes in the end, which is None if the items never expire.
    """
    kept = None if months is None else months * SECONDS
    if footprint.days is not None:
        life = max(footprint.days, Decimal(0)) * DAY
        kept = life if kept is None else min(kept, life)
    return None if kept is None else rate * kept * footprint.stored


def billed_bytes(described: Mapping[str, Any]) -> Decimal:
    """Return the bytes that are billed for a table and its indexes.

    Args:
        described: The table that DescribeTable describes; its sizes do not have the overhead of each item.
    """
    indexes = [*(described.get("GlobalSecondaryIndexes") or ()), *(described.get("LocalSecondaryIndexes") or ())]
    total = int(described.get("TableSizeBytes") or 0) + sum(int(each.get("IndexSizeBytes") or 0) for each in indexes)
    items = sum(int(each.get("ItemCount") or 0) for each in (described, *indexes))
    return Decimal(total + items * OVERHEAD)


def _known(found: Mapping[str, T], name: str, kind: str) -> T:
    if name not in found:
        raise OperatingError(
            f"The sample has no data for the {kind} {name!r}.",
            remedy=f"It has: {', '.join(found)}. Choose another sample with --sample, or leave the rate out.",
            value=name,
        )
    return found[name]
