"""The plan: what a run would do, what it would cost and how long it would take, and what is dangerous about it.

It is worked out from a sample: the first pages of some segments, spread over the table. Nothing is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from math import ceil
from typing import Any

import attrs

from singletable.migrations.derived import Expires, KeyText
from singletable.migrations.graph import Graph
from singletable.migrations.live import LiveTable
from singletable.migrations.operations import Backfill, CreateIndex, ItemOperation, Operation
from singletable.migrations.passes import ItemChange, Pass, Step
from singletable.migrations.sources import DateTime, Unfit
from singletable.migrations.state import Index, TableState
from singletable.requests.capacity import item_size
from singletable.requests.types import Item

__all__ = ["Plan", "PlannedStep", "Prices", "Safety", "difference", "make_plan"]

_SAMPLE_SEGMENTS = 8
_SAMPLE_PAGE = 200
_FRESH = timedelta(days=1)
_HOT_SHARE = 0.2
_HOT_LEAST = 20
_EXAMPLES = 2


@attrs.frozen
class Prices:
    """What a million units cost, in US dollars, on demand; `singletable.operating.prices` has a file of them."""

    million_reads: float
    million_writes: float


@attrs.frozen
class Safety:
    """Something dangerous.

    Args:
        title: What, in a word or two.
        message: What was seen.
        remedy: What to do.
    """

    title: str
    message: str
    remedy: str


@attrs.frozen
class PlannedStep:
    """What a step would do.

    Args:
        migration: The migration's name.
        describe: What it does.
        items: About how many items it would change; None for a step that goes through none.
        looked: About how many items it would look at.
        size: About how many bytes they have.
        reads: Read capacity units.
        writes: Write capacity units of the table.
        index_writes: Write capacity units of indexes, by name.
        examples: Some of the changes of the sample.
        unfit: Reasons why items of the sample could not be changed, with how many.
        operations: Its operations.
    """

    migration: str
    describe: str
    items: int | None = None
    looked: int = 0
    size: int = 0
    reads: float = 0.0
    writes: float = 0.0
    index_writes: Mapping[str, float] = attrs.field(factory=dict)
    examples: tuple[ItemChange, ...] = attrs.field(default=(), repr=False)
    unfit: Mapping[str, int] = attrs.field(factory=dict)
    operations: tuple[Operation, ...] = attrs.field(default=(), repr=False)

    def dollars(self, prices: Prices) -> float:
        """What it costs on demand."""
        writes = self.writes + sum(self.index_writes.values())
        return self.reads / 1e6 * prices.million_reads + writes / 1e6 * prices.million_writes

    def seconds(self, rate: float | None) -> float | None:
        """How long it takes at a rate, in units per second of the table and of each index; None for no rate."""
        if not rate:
            return None
        return max([self.reads, self.writes, *self.index_writes.values()]) / rate


@attrs.frozen
class Plan:
    """What a run would do.

    Args:
        steps: The steps, in order.
        safety: What is dangerous about them.
        sampled: How many items were looked at.
        counted: How many items the table has, as DynamoDB counted them some hours ago.
    """

    steps: tuple[PlannedStep, ...]
    safety: tuple[Safety, ...]
    sampled: int
    counted: int


def make_plan(table: LiveTable, graph: Graph, names: list[str], *, now: datetime | None = None) -> Plan:
    """Plan the migrations with these names, in this order.

    Args:
        table: The table.
        graph: The scripts.
        names: What is not applied yet.
        now: The moment, for what counts as fresh or past.
    """
    described = table.describe()
    now = now or datetime.now(timezone.utc)
    counted = int((described or {}).get("ItemCount") or 0)
    size = int((described or {}).get("TableSizeBytes") or 0)
    sample = _Sample(table, counted) if described else None
    steps: list[PlannedStep] = []
    safety: list[Safety] = []
    for name in names:
        for step in graph.steps(name):
            if not step.is_pass or sample is None:
                steps.append(PlannedStep(name, step.describe()))
                continue
            work = step.compile()
            planned, changes = sample.plan(name, step, work, size, graph.state)
            steps.append(planned)
            safety += _dangers(name, step, work, sample, changes, graph, now)
            safety += _of_unfit(name, planned)
        safety += _wrong_order(graph, name)
    return Plan(tuple(steps), tuple(safety), len(sample.items) if sample else 0, counted)


class _Sample:
    """Items of a table: the first page of some segments."""

    def __init__(self, table: LiveTable, counted: int) -> None:
        self.items: list[Item] = []
        self.whole = True
        segments = _SAMPLE_SEGMENTS if counted > _SAMPLE_SEGMENTS * _SAMPLE_PAGE else 1
        for segment in range(segments):
            parts = {"Segment": segment, "TotalSegments": segments} if segments > 1 else {}
            limit = _SAMPLE_PAGE if segments > 1 else _SAMPLE_PAGE * _SAMPLE_SEGMENTS
            answer = table.send("Scan", {"TableName": table.name, "Limit": limit, **parts})
            self.items += answer.get("Items", [])
            self.whole = self.whole and "LastEvaluatedKey" not in answer
        self.total = len(self.items) if self.whole else max(counted, len(self.items))

    def plan(
        self, name: str, step: Step, work: Pass, size: int, state: TableState
    ) -> tuple[PlannedStep, list[ItemChange]]:
        """What a pass would do to all items, worked out from those of the sample."""
        changes: list[ItemChange] = []
        unfit: Counter[str] = Counter()
        for item in self.items:
            try:
                change = work.change(item)
            except Unfit as error:
                unfit[error.reason] += 1
            else:
                changes += [change] if change else []
        scale = self.total / len(self.items) if self.items else 0.0
        bytes_read = sum(map(item_size, self.items)) * scale if self.whole or not size else size
        # The pass reads once, eventually consistent; verifying reads once more, consistently.
        reads = ceil(bytes_read / 4096) * 1.5
        writes = sum(_units(change.image) * (4 if change.moves else 1) for change in changes) * scale
        indexes: Counter[str] = Counter()
        for index in state.indexes.values():
            indexes[index.name] = round(sum(_index_units(change, index) for change in changes) * scale)
        planned = PlannedStep(
            name,
            step.describe(),
            round(len(changes) * scale),
            round(self.total),
            round(bytes_read),
            float(reads),
            float(round(writes)),
            {key: float(units) for key, units in indexes.items() if units},
            tuple(_examples(changes, work)),
            dict(unfit),
            step.operations,
        )
        return planned, changes


def _examples(changes: list[ItemChange], work: Pass) -> Iterator[ItemChange]:
    """A few of each entity."""
    seen: Counter[str | None] = Counter()
    for change in changes:
        kind = work.type_of(change.item)
        seen[kind] += 1
        if seen[kind] <= _EXAMPLES:
            yield change


def difference(change: ItemChange, personal: frozenset[str] = frozenset()) -> Iterator[tuple[str, str, str]]:
    """What a change does to an item: names with the value before and after it, `-` for none.

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


def _index_units(change: ItemChange, index: Index) -> int:
    """An index writes a row that comes, goes or changes; one whose key changes is deleted and put."""
    names = index.names
    before, after = ([each.get(name) for name in names] for each in (change.item, change.image))
    if before == after and (index.projection == "KEYS_ONLY" or not change.sets):
        return 0
    was, is_ = None not in before, None not in after
    if not was and not is_:
        return 0
    units = _units(change.image) if index.projection == "ALL" else 1
    return units * (2 if was and is_ and before != after else 1)


# --- dangers --------------------------------------------------------------------------


def _dangers(
    name: str, step: Step, work: Pass, sample: _Sample, changes: list[ItemChange], graph: Graph, now: datetime
) -> Iterator[Safety]:
    yield from _no_dual_writing(name, work, changes, sample, now)
    for operation in step.operations:
        if isinstance(operation, Backfill):
            for derived in operation.derived:
                if isinstance(derived, Expires):
                    yield from _in_the_past(name, operation, derived, sample, work, now)
                if isinstance(derived, KeyText) and not derived.sort:
                    yield from _hot(name, derived, [c for c in changes if work.type_of(c.item) == operation.entity])


def _no_dual_writing(
    name: str, work: Pass, changes: list[ItemChange], sample: _Sample, now: datetime
) -> Iterator[Safety]:
    for entity in work.entities:
        stamp = (work.after.entities.get(entity) or work.before.entity(entity)).stamp
        if stamp is None:
            continue
        lacking = [change for change in changes if work.type_of(change.item) == entity and _age(change, stamp, now)]
        fresh = [item for item in sample.items if work.type_of(item) == entity and _age(item, stamp, now)]
        if lacking:
            names = sorted({each for change in lacking for each in (*change.sets, *change.removes)})
            yield Safety(
                "no dual writing",
                f"{name}: {len(lacking)} of the {len(fresh)} sampled items of {entity} that were written within a day"
                f" lack {', '.join(names)} or hold them as they were.",
                "Deploy the models that write them everywhere first; else items stay behind as fast as they are done.",
            )


def _age(item: ItemChange | Item, stamp: str, now: datetime) -> bool:
    stored = item.item if isinstance(item, ItemChange) else item
    try:
        moment = DateTime(stamp).read(stored)
    except Unfit:
        return False
    return moment is not None and now - moment < _FRESH


def _in_the_past(
    name: str, operation: ItemOperation, derived: Expires, sample: _Sample, work: Pass, now: datetime
) -> Iterator[Safety]:
    past = 0
    mine = [item for item in sample.items if work.type_of(item) == operation.entity]
    for item in mine:
        try:
            value = derived.derive(item)
        except Unfit:
            continue
        past += value is not None and int(value["N"]) <= now.timestamp()
    if past:
        scale = sample.total / len(sample.items)
        yield Safety(
            "expiry in the past",
            f"{name}: {past} of {len(mine)} sampled items of {operation.entity}, about {round(past * scale):,} in all,"
            f" would get a {derived.stored_name} that has passed."
            + (" DynamoDB deletes them." if derived.expire_past else " They are quarantined, and not written."),
            "If they are to stay: more days, or no expire_past=True."
            if derived.expire_past
            else "If DynamoDB is to delete them: expire_past=True. If not: more days.",
        )


def _hot(name: str, derived: KeyText, changes: list[ItemChange]) -> Iterator[Safety]:
    values = Counter(
        change.image[derived.stored_name]["S"] for change in changes if derived.stored_name in change.image
    )
    for value, count in values.most_common(1):
        if count >= _HOT_LEAST and count > _HOT_SHARE * values.total():
            yield Safety(
                "hot partition",
                f"{name}: {count} of {values.total()} sampled items get {derived.stored_name} ="
                f" {derived.mask(value)!r}.",
                "A partition takes 1,000 write units a second. Spread the key: {id:shard(10)}, or a bucket of time.",
            )


def _of_unfit(name: str, planned: PlannedStep) -> Iterator[Safety]:
    for reason, count in planned.unfit.items():
        if "in the past" in reason:
            continue
        title = "over 400 KB" if "bytes large" in reason else "items that cannot be changed"
        yield Safety(
            title,
            f"{name}: {count} sampled item{'s' if count > 1 else ''}: {reason}.",
            "They will be quarantined. Correct them first, or the script.",
        )


def _wrong_order(graph: Graph, name: str) -> Iterator[Safety]:
    created: dict[str, str] = {}
    for operation in graph.scripts[name].migration.operations:
        if isinstance(operation, CreateIndex):
            created |= dict.fromkeys(operation.index.names, operation.name)
        elif isinstance(operation, ItemOperation):
            late = sorted({created[target] for target in operation.targets if target in created})
            if late:
                yield Safety(
                    "index before backfill",
                    f"{name}: {', '.join(late)} is created before {operation.describe()!r}: every item is then written"
                    " to it one by one, at the index's own cost, and items with invalid keys are left out silently.",
                    "Put CreateIndex behind the backfill of its keys.",
                )
