"""The dangers of a run, found in its scripts, in the table and in a sample of the items."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import attrs

from singletable.migrations.derived import Expires, KeyText
from singletable.migrations.graph import Graph
from singletable.migrations.item_change import ItemChange
from singletable.migrations.operations import (
    Backfill,
    ConvertAttribute,
    CreateIndex,
    DeleteIndex,
    DisableTTL,
    EnableTTL,
    ItemOperation,
    Operation,
    Rekey,
    RemoveAttribute,
    RenameAttribute,
    RenameEntity,
    RunPython,
)
from singletable.migrations.passes import Pass, Step
from singletable.migrations.sources import DateTime, UnfitItemError
from singletable.requests.types import Item

__all__ = ["Safety", "of_migration", "of_pass", "of_table", "of_unfit"]

_FRESH = timedelta(days=1)
_HOT_SHARE = 0.2
_HOT_LEAST = 20


@attrs.frozen
class Safety:
    """One danger.

    Args:
        title: The danger in a few words.
        message: The observation.
        remedy: The remedy.
    """

    title: str
    message: str
    remedy: str


def of_table(described: Mapping[str, Any], recovery: bool | None, written: int) -> Iterator[Safety]:
    """Return the dangers of the table in its present state.

    Args:
        described: The answer of DescribeTable.
        recovery: Whether point-in-time recovery is on; None if that is not known.
        written: About how many items the run writes.
    """
    if not written:
        return
    stream = described.get("StreamSpecification") or {}
    if stream.get("StreamEnabled"):
        yield Safety(
            "stream consumers fire",
            f"The stream is on ({stream.get('StreamViewType')}). It sends about {written:,} records of this run to"
            " every consumer.",
            "Make sure that consumers ignore changes of derived attributes, and can handle the rate.",
        )
    replicas = [each.get("RegionName", "?") for each in described.get("Replicas") or ()]
    if replicas:
        yield Safety(
            "global table",
            f"The table has replicas ({', '.join(replicas)}): the last writer wins, and no condition holds across"
            " regions. A write in another region may be lost, or undo writes of this run.",
            "Let only this region write until the run and its verification are done.",
        )
    if recovery is False:
        yield Safety(
            "no point-in-time recovery",
            "Point-in-time recovery is off: the table cannot be restored to the moment before this run.",
            "Switch it on, or make an on-demand backup first.",
        )


def of_migration(graph: Graph, name: str) -> Iterator[Safety]:
    """Return the dangers that one script shows."""
    operations = graph.scripts[name].migration.operations
    for each in operations:
        if type(each) in _OF_OPERATIONS:
            title, danger, remedy = _OF_OPERATIONS[type(each)]
            yield Safety(title, f"{name}: {each.describe()}. {danger}", remedy)
    yield from _ttl_gap(name, operations)
    yield from _wrong_order(name, operations)


_OF_OPERATIONS: Mapping[type[Operation], tuple[str, str, str]] = {
    DeleteIndex: (
        "index deleted",
        "From then on, every query of the index fails.",
        "Deploy code that does not read it first. Creating it again costs a write for each of its rows.",
    ),
    RemoveAttribute: (
        "attribute deleted",
        "Its values are lost, unless they are derived.",
        "Deploy code that does not read it first, and keep a backup.",
    ),
    RenameAttribute: (
        "attribute renamed",
        "From then on, code with the old name does not find the attribute.",
        "Deploy code that reads both names first.",
    ),
    ConvertAttribute: (
        "form changes",
        "Code that reads the old form fails on converted items. Code that reads the new form fails on the others.",
        "Deploy code that reads both forms first.",
    ),
    RenameEntity: (
        "entity renamed",
        "From then on, code with the old discriminator does not read its items.",
        "Deploy code that reads both first.",
    ),
    Rekey: (
        "primary keys change",
        "Code with the old keys does not find moved items. If it saves an item that it read before the move, two"
        " copies exist. An attribute that no model declares, added between read and move, is lost.",
        "Stop code with the old keys before the run, or make it read-only.",
    ),
    RunPython: (
        "code that the plan cannot follow",
        "The figures of this plan do not include the requests of the function.",
        "Read the function.",
    ),
}
"""For operations that are dangerous by themselves: a title, the danger, and a remedy."""


def _ttl_gap(name: str, operations: Iterable[Operation]) -> Iterator[Safety]:
    off = next((each for each in operations if isinstance(each, DisableTTL)), None)
    on = next((each for each in operations if isinstance(each, EnableTTL)), None)
    if off is not None and on is not None:
        yield Safety(
            "no time to live for a while",
            f"{name}: the time to live changes from {off.name} to {on.name}. DynamoDB accepts about one change per"
            " hour. Nothing expires between the two changes, and the run waits.",
            "Let code that reads expired items filter them, as it must in any case.",
        )
    elif off is not None:
        yield Safety(
            "time to live switched off",
            f"{name}: {off.describe()}. From then on, no item expires.",
            "Make sure that other code removes old items.",
        )


def of_pass(
    name: str, step: Step, work: Pass, items: list[Item], total: float, changes: list[ItemChange], now: datetime
) -> Iterator[Safety]:
    """Return the dangers of a pass that the sample shows.

    Args:
        name: The migration's name.
        step: Its step.
        work: The pass.
        items: The sampled items, in their state before the pass.
        total: About how many items the table has.
        changes: The changes of these items.
        now: The present time.
    """
    yield from _no_dual_writing(name, work, changes, items, now)
    for operation in step.operations:
        if isinstance(operation, Backfill):
            for derived in operation.derived:
                if isinstance(derived, Expires):
                    yield from _in_the_past(name, operation, derived, items, total, work, now)
                if isinstance(derived, KeyText) and not derived.sort:
                    yield from _hot(name, derived, [c for c in changes if work.type_of(c.item) == operation.entity])


def _no_dual_writing(
    name: str, work: Pass, changes: list[ItemChange], items: list[Item], now: datetime
) -> Iterator[Safety]:
    for entity in work.entities:
        known = work.after.entities.get(entity) or work.before.entities.get(entity)
        stamp = known.stamp if known else None
        if stamp is None:
            continue
        lacking = [change for change in changes if work.type_of(change.item) == entity and _age(change, stamp, now)]
        fresh = [item for item in items if work.type_of(item) == entity and _age(item, stamp, now)]
        if lacking:
            names = sorted({each for change in lacking for each in (*change.sets, *change.removes)})
            yield Safety(
                "no dual writing",
                f"{name}: {len(lacking)} of the {len(fresh)} sampled items of {entity} that were written within a day"
                f" lack {', '.join(names)} or have their old values.",
                "First deploy the models that write them, everywhere. Otherwise live code keeps writing items without"
                " them during the run.",
            )


def _age(item: ItemChange | Item, stamp: str, now: datetime) -> bool:
    stored = item.item if isinstance(item, ItemChange) else item
    try:
        moment = DateTime(stamp).read(stored)
    except UnfitItemError:
        return False
    return moment is not None and now - moment < _FRESH


def _in_the_past(
    name: str,
    operation: ItemOperation,
    derived: Expires,
    items: list[Item],
    total: float,
    work: Pass,
    now: datetime,
) -> Iterator[Safety]:
    past = 0
    mine = [item for item in items if work.type_of(item) == operation.entity]
    for item in mine:
        try:
            value = derived.derive(item)
        except UnfitItemError:
            continue
        past += value is not None and int(value["N"]) <= now.timestamp()
    if past:
        scale = total / len(items)
        yield Safety(
            "expiry in the past",
            f"{name}: {past} of {len(mine)} sampled items of {operation.entity}, about {round(past * scale):,} in all,"
            f" would get a {derived.stored_name} in the past."
            + (" DynamoDB deletes them." if derived.expire_past else " They are quarantined, and not written."),
            "To keep them, increase `days` or remove expire_past=True."
            if derived.expire_past
            else "To let DynamoDB delete them, set expire_past=True. To keep them, increase `days`.",
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
                "A partition accepts 1,000 write units per second. Spread the key with {id:shard(10)}, or by time.",
            )


def of_unfit(name: str, unfit: Mapping[str, int]) -> Iterator[Safety]:
    """Return the reasons why sampled items cannot be changed."""
    for reason, count in unfit.items():
        if "in the past" in reason:
            continue
        title = "items that cannot be changed"
        if reason.startswith("the item would have "):
            title = "over 400 KB"
        elif "its condition would" in reason or "Expression would" in reason:
            title = "condition too long"
        yield Safety(
            title,
            f"{name}: {count} sampled item{'s' if count > 1 else ''}: {reason}.",
            "They will be quarantined. Correct the items or the script first.",
        )


def _wrong_order(name: str, operations: Iterable[Operation]) -> Iterator[Safety]:
    created: dict[str, str] = {}
    for operation in operations:
        if isinstance(operation, CreateIndex):
            created |= dict.fromkeys(operation.index.names, operation.name)
        elif isinstance(operation, ItemOperation):
            late = sorted({created[target] for target in operation.targets if target in created})
            if late:
                yield Safety(
                    "index before backfill",
                    f"{name}: {', '.join(late)} is created before {operation.describe()!r}: every item is then written"
                    " to it individually, at the cost of the index, and items with invalid keys are omitted silently.",
                    "Put CreateIndex after the backfill of its keys.",
                )
