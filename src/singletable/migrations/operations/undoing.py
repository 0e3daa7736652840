"""An operation that reverses a backfill."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from singletable.migrations.custom_text import derived_by
from singletable.migrations.operations.base import Change, Edit, ItemOperation
from singletable.migrations.state import Entity, TableState
from singletable.requests.stored_values import same_value
from singletable.requests.types import Item

__all__ = ["Undo"]


@attrs.frozen
class Undo(ItemOperation):
    """Restore the values before a backfill, of attributes that still have the values it wrote.

    Args:
        entity: The discriminator.
        given: Returns the values that the backfill gives an item, by stored name.
        before: The entity before it.
        names: The stored attributes that it wrote.
        sources: The stored attributes from which they were computed.
    """

    given: Callable[[Item], Mapping[str, dict[str, Any] | None]] = attrs.field(eq=False)
    before: Entity
    names: tuple[str, ...]
    sources: tuple[str, ...]

    @property
    def targets(self) -> tuple[str, ...]:
        return self.names

    def read_names(self, before: TableState) -> frozenset[str]:
        return frozenset(self.sources)

    def describe(self) -> str:
        return f"Take back {', '.join(self.names)} of {self.entity}"

    def apply(self, state: TableState) -> TableState:
        return state.with_entity(self.before)

    def compile(self, before: TableState, later: TableState | None = None) -> Change:
        old = [self.before.derived[name] for name in self.names if name in self.before.derived]
        pins = frozenset((*self.names, *self.sources, *(source.stored_name for each in old for source in each.sources)))

        def change(item: Item) -> Edit | None:
            values: dict[str, dict[str, Any] | None] = {}
            for name, value in self.given(item).items():
                was = self.before.derived.get(name)
                back = None if was is None else derived_by(was, item)
                if value is not None and same_value(item.get(name), value) and not same_value(back, value):
                    if was is not None and back is not None:
                        was.refuse(back)
                    values[name] = back
            return Edit(values, pins) if values else None

        return change
