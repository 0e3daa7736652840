"""Attributes that are derived from an attribute that an operation changes: the same write updates them."""

from __future__ import annotations

from collections.abc import Callable

from singletable.migrations.custom_text import derived_by, explains, reads_of, unexplained
from singletable.migrations.derived import Derived
from singletable.migrations.operations.base import Edit
from singletable.migrations.sources import UnfitItemError
from singletable.migrations.state import Entity, TableState, known_derived
from singletable.requests.stored_values import same_value
from singletable.requests.types import Item

__all__ = ["Rederive", "rederiving"]

Rederive = Callable[[Item, Item], "Edit | None"]
"""Takes an item before and after an operation; returns the edit that updates the derived attributes."""


def rederiving(
    before: Entity, after: Entity, changed: frozenset[str], ttl: str | None, later: TableState | None
) -> Rederive | None:
    """Return a function that updates the attributes derived from changed ones; None if no source changes.

    Args:
        before: The entity before the operation.
        after: The entity after it.
        changed: The stored attributes that the operation changes.
        ttl: The attribute of the time to live before the operation, if it is on.
        later: The state of the whole history. Values that its code would write are not changed.
    """

    dependents = [each for name, each in after.derived.items() if name not in changed and changed & {*reads_of(each)}]
    halves = [each for each in after.key if changed & {*reads_of(each)}]
    if not dependents and not halves:
        return None
    newest = known_derived(later, after.name)
    pins = frozenset(name for each in dependents for name in (each.stored_name, *_sources(each, before)))

    def rederive(was: Item, now: Item) -> Edit | None:
        for half in halves:
            if not same_value(half.derive(now), now.get(half.stored_name)):
                raise UnfitItemError(f"its {half.stored_name} would change; move the items of {after.name} with Rekey")
        values = {}
        for each in dependents:
            name, stored = each.stored_name, now.get(each.stored_name)
            value = derived_by(each, now)
            if same_value(stored, value):
                continue
            if stored is not None and explains(newest.get(name), now, stored):
                continue
            if stored is not None and not explains(before.derived.get(name), was, stored):
                raise unexplained(name)
            # If the time to live is on by an attribute with this value, DynamoDB deletes the item in any case.
            if value is not None and not (ttl is not None and same_value(value, now.get(ttl))):
                each.refuse(value)
            values[name] = value
        return Edit(values, pins) if values else None

    return rederive


def _sources(derived: Derived, before: Entity) -> set[str]:
    both = [derived, before.derived.get(derived.stored_name)]
    return {name for each in both if each is not None for name in reads_of(each)}
