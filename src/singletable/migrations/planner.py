"""The planner: it estimates the changes, the cost, the duration and the dangers of a run.

It computes them from a sample: the first pages of some segments, spread over the table. It writes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from math import ceil
from typing import Any

import attrs

from singletable.errors import SingletableError
from singletable.migrations.dangers import Safety, of_migration, of_pass, of_table, of_unfit
from singletable.migrations.graph import Graph
from singletable.migrations.item_change import ItemChange
from singletable.migrations.live_table import LiveTable
from singletable.migrations.operations import CreateIndex, Operation
from singletable.migrations.passes import Pass, Step
from singletable.migrations.sources import UnfitItemError
from singletable.migrations.state import Index, TableState
from singletable.requests.capacity import item_size
from singletable.requests.types import Item

__all__ = ["Plan", "PlannedStep", "Safety", "UnitPrices", "difference", "make_plan"]

_SAMPLE_SEGMENTS = 8
_SAMPLE_PAGE = 200
_EXAMPLES = 2

_NONE_SEEN = 3.0
"""If a sample of n items has no item of a kind, at most about 3/n of all items are, with 95 % confidence (rule of
three)."""

_WRITTEN_PER_CPU_SECOND = {False: 1261.0, True: 7378.0}
"""Items that one CPU reads, changes and writes per second: single, or with statements (docs/benchmarks)."""


@attrs.frozen
class UnitPrices:
    """The prices of a million units on demand, in US dollars; `singletable.operating.prices` has a file of them."""

    million_reads: float
    million_writes: float


@attrs.frozen
class PlannedStep:
    """The estimates for one step.

    Args:
        migration: The migration's name.
        describe: A description of the step.
        items: The approximate number of items that it would change, or of rows that an index would have; None for
            other steps.
        most: If the sample has no item to change, the most items that it may change nevertheless; else None.
        looked: The approximate number of items that it would read.
        size: Their approximate size in bytes.
        reads: Read capacity units.
        writes: Write capacity units of the table.
        index_writes: Write capacity units of indexes, by name.
        examples: Some of the changes of the sample.
        unfit: The reasons why items of the sample could not be changed, with the number of items.
        operations: The operations of the step.
    """

    migration: str
    describe: str
    items: int | None = None
    most: int | None = None
    looked: int = 0
    size: int = 0
    reads: float = 0.0
    writes: float = 0.0
    index_writes: Mapping[str, float] = attrs.field(factory=dict)
    examples: tuple[ItemChange, ...] = attrs.field(default=(), repr=False)
    unfit: Mapping[str, int] = attrs.field(factory=dict)
    operations: tuple[Operation, ...] = attrs.field(default=(), repr=False)

    def dollars(self, prices: UnitPrices) -> float:
        """Return its cost on demand."""
        writes = self.writes + sum(self.index_writes.values())
        return self.reads / 1e6 * prices.million_reads + writes / 1e6 * prices.million_writes

    def seconds(self, rate: float | None) -> float | None:
        """Return its duration at a rate, in units per second of the table and of each index; None for no rate."""
        if not rate:
            return None
        return max([self.reads, self.writes, *self.index_writes.values()]) / rate

    def cpu_seconds(self, *, statements: bool) -> float:
        """Return the CPU time of a pass, which no rate makes shorter.

        Args:
            statements: Whether one request writes 25 items instead of one.
        """
        return 0.0 if not self.writes else (self.items or 0) / _WRITTEN_PER_CPU_SECOND[statements]


@attrs.frozen
class Plan:
    """The estimates for a run.

    Args:
        steps: The steps, in order.
        safety: Their dangers.
        sampled: The number of sampled items.
        counted: The number of items of the table, as DynamoDB counted them some hours ago.
        not_checked: The facts that could not be checked, one sentence each.
    """

    steps: tuple[PlannedStep, ...]
    safety: tuple[Safety, ...]
    sampled: int
    counted: int
    not_checked: tuple[str, ...] = ()


def make_plan(table: LiveTable, graph: Graph, names: list[str], *, now: datetime | None = None) -> Plan:
    """Plan the migrations with these names, in this order.

    Each step is computed on the sample in its state after the steps before it.

    Args:
        table: The table.
        graph: The scripts.
        names: The migrations that are not applied yet.
        now: The present time; None for that of the clock.
    """
    described = table.describe() or {}
    now = now or datetime.now(timezone.utc)
    counted = int(described.get("ItemCount") or 0)
    size = int(described.get("TableSizeBytes") or 0)
    sample = _Sample(table, counted, size, graph.state) if described else None
    steps: list[PlannedStep] = []
    safety: list[Safety] = []
    for name in names:
        for step in graph.steps(name):
            if sample is None:
                steps.append(PlannedStep(name, step.describe()))
            elif step.is_pass:
                work = step.compile()
                before = sample.items
                planned, changes = sample.plan(name, step, work)
                steps.append(planned)
                safety += of_pass(name, step, work, before, sample.total, changes, now)
                safety += of_unfit(name, planned.unfit)
            else:
                steps.append(sample.plan_other(name, step))
        safety += of_migration(graph, name)
    written = sum(each.items or 0 for each in steps if each.writes)
    recovery, not_checked = _recovery(table) if described and written else (None, ())
    safety += of_table(described, recovery, written)
    return Plan(tuple(steps), tuple(safety), len(sample.items) if sample else 0, counted, not_checked)


def _recovery(table: LiveTable) -> tuple[bool | None, tuple[str, ...]]:
    """Return whether point-in-time recovery is on, or the reason why that is not known."""
    try:
        said = table.send("DescribeContinuousBackups", {"TableName": table.name})["ContinuousBackupsDescription"]
    except SingletableError as error:
        return None, (f"Whether point-in-time recovery is on: {error.what.rstrip('.')}.",)
    status = said.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
    return status == "ENABLED", ()


class _Sample:
    """Items of a table: the first page of some segments; each planned pass changes them."""

    def __init__(self, table: LiveTable, counted: int, size: int, state: TableState) -> None:
        self.items: list[Item] = []
        read = 0
        self.whole = True
        segments = _SAMPLE_SEGMENTS if counted > _SAMPLE_SEGMENTS * _SAMPLE_PAGE else 1
        for segment in range(segments):
            parts = {"Segment": segment, "TotalSegments": segments} if segments > 1 else {}
            limit = _SAMPLE_PAGE if segments > 1 else _SAMPLE_PAGE * _SAMPLE_SEGMENTS
            answer = table.send("Scan", {"TableName": table.name, "Limit": limit, **parts})
            page = answer.get("Items", [])
            read += len(page)
            self.items += [item for item in page if not state.is_own(item)]
            self.whole = self.whole and "LastEvaluatedKey" not in answer
        # The framework's own records are read, and no pass changes them.
        self.scale = 1.0 if self.whole or not read else max(counted, read) / read
        self.total = len(self.items) * self.scale
        self.size = sum(map(item_size, self.items)) * self.scale if self.whole or not size else float(size)

    def plan(self, name: str, step: Step, work: Pass) -> tuple[PlannedStep, list[ItemChange]]:
        """Plan a pass, and change the sample as it would."""
        changes: list[ItemChange] = []
        unfit: Counter[str] = Counter()
        left: list[Item] = []
        for item in self.items:
            try:
                change = work.change(item) if work.concerns(item) else None
            except UnfitItemError as error:
                unfit[error.reason] += 1
                change = None
            changes += [change] if change else []
            left.append(change.image if change else item)
        self.items = left
        # The pass reads once, eventually consistent; the verification reads again, consistently.
        reads = ceil(self.size / 4096) * 1.5
        writes = sum(map(_table_units, changes)) * self.scale
        indexes = {
            index.name: float(round(sum(_index_units(change, index, step.before) for change in changes) * self.scale))
            for index in step.before.indexes.values()
        }
        planned = PlannedStep(
            migration=name,
            describe=step.describe(),
            items=round(len(changes) * self.scale),
            most=None if changes or self.whole else ceil(_NONE_SEEN / len(self.items) * self.total),
            looked=round(self.total),
            size=round(self.size),
            reads=float(reads),
            writes=float(round(writes)),
            index_writes={key: units for key, units in indexes.items() if units},
            examples=tuple(_examples(changes, work)),
            unfit=dict(unfit),
            operations=step.operations,
        )
        return planned, changes

    def plan_other(self, name: str, step: Step) -> PlannedStep:
        """Plan a step that is not a pass. DynamoDB itself fills a new index, with one write of the index per row."""
        (operation,) = step.operations
        if not isinstance(operation, CreateIndex):
            return PlannedStep(name, step.describe(), operations=step.operations)
        index = operation.index
        rows = [row for row in (_row(item, index, step.before) for item in self.items) if row is not None]
        return PlannedStep(
            migration=name,
            describe=step.describe(),
            items=round(len(rows) * self.scale),
            most=None if rows or self.whole else ceil(_NONE_SEEN / len(self.items) * self.total),
            looked=round(self.total),
            size=round(self.size),
            index_writes={index.name: float(round(sum(map(_units, rows)) * self.scale))},
            operations=step.operations,
        )


def _examples(changes: list[ItemChange], work: Pass) -> Iterator[ItemChange]:
    """Yield a few changes of each entity."""
    seen: Counter[str | None] = Counter()
    for change in changes:
        kind = work.type_of(change.item)
        seen[kind] += 1
        if seen[kind] <= _EXAMPLES:
            yield change


def difference(change: ItemChange, personal: frozenset[str] = frozenset()) -> Iterator[tuple[str, str, str]]:
    """Yield the changed attributes of an item: name, old value and new value, with `-` for an absent value.

    Args:
        change: The change.
        personal: The stored attributes that must not be shown.
    """
    for name in [*change.sets, *change.removes]:
        if name in personal:
            before, after = ("‹personal›" if name in each else "-" for each in (change.item, change.image))
            yield name, before, after
        else:
            yield name, _shown(change.item.get(name)), _shown(change.image.get(name))


def _shown(value: Mapping[str, Any] | None) -> str:
    if value is None:
        return "-"
    ((kind, content),) = value.items()
    text = str(content) if kind in ("S", "N") else f"{kind} {content}"
    return text if len(text) <= 60 else f"{text[:57]}..."


def _units(item: Item) -> int:
    return max(1, ceil(item_size(item) / 1024))


def _table_units(change: ItemChange) -> int:
    """Return the write units of a change: those of the larger item, or twice a put and a delete for a move."""
    before, after = _units(change.item), _units(change.image)
    return 2 * (before + after) if change.moves else max(before, after)


def _row(item: Item, index: Index, state: TableState) -> Item | None:
    """Return the row of an item in an index; None if it is not in the index."""
    if any("S" not in item.get(name, {}) for name in index.names):
        return None
    if index.projection == "ALL":
        return item
    names = (*state.key_names, *index.names, *(index.included if index.projection == "INCLUDE" else ()))
    return {name: item[name] for name in names if name in item}


def _index_units(change: ItemChange, index: Index, state: TableState) -> int:
    """Return the write units of an index. A row whose key changes is deleted and put, which counts twice."""
    before, after = _row(change.item, index, state), _row(change.image, index, state)
    if before == after:
        return 0
    if before is None or after is None:
        return _units(before or after or {})
    keys = (*index.names, *state.key_names)
    if any(before.get(name) != after.get(name) for name in keys):
        return _units(before) + _units(after)
    return max(_units(before), _units(after))
