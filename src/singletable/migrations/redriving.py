"""Redriving: the passes that a quarantined item has missed change it now."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from singletable.migrations.checking import ItemChecks
from singletable.migrations.item_writer import ItemWriter
from singletable.migrations.lease import Lease
from singletable.migrations.live_table import LiveTable
from singletable.migrations.passes import Pass
from singletable.migrations.segments import first_fault
from singletable.migrations.throttle import Throttle
from singletable.requests.types import Item

__all__ = ["attempt_with"]


def attempt_with(
    table: LiveTable,
    lease: Lease,
    throttle: Throttle,
    passes: Mapping[int, Sequence[Pass]],
    final: ItemChecks | None = None,
) -> Callable[[Item, int], str | None]:
    """Return a function that changes one item by the pass that quarantined it, and by all later ones.

    Args:
        table: The table.
        lease: The lease of the run.
        throttle: The limits of the capacity to consume.
        passes: The passes by the number of the step that quarantined it.
        final: The checks of the state after all of them. If a later pass writes an attribute that an earlier one
            reads or writes, an item without a finding is not changed: newer code may have corrected it.
    """

    def attempt(key: Item, step: int) -> str | None:
        if step not in passes:
            return f"step {step} of the migration is no longer a pass over the items"
        reasons: list[str] = []
        if final is not None and _overlap(passes[step]):
            item = table.item(key)
            if item is None or not any(final.findings(item)):
                return None
        for work in passes[step]:
            item = table.item(key)
            if item is None:
                return None
            writer = ItemWriter(
                table,
                work,
                throttle,
                lambda _, reason: reasons.append(reason),
                before_again=lease.assert_held,
            )
            key = writer.bring(item)
            if reasons:
                return reasons[0]
        return _fault(table, key, passes[step][-1])

    return attempt


def _fault(table: LiveTable, key: Item, work: Pass) -> str | None:
    """Return the first fault of an item after a pass; None if it has none."""
    item = table.item(key)
    found = None if item is None else first_fault(item, work)
    return None if found is None else found.why


def _overlap(passes: Sequence[Pass]) -> bool:
    """Return whether a later pass writes an attribute that the first one reads or writes."""
    first, *later = passes
    return any(first.touched & each.written for each in later)
