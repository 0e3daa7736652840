"""An operation that changes primary keys: each item is copied and deleted in one transaction."""

from __future__ import annotations

from typing import Any

import attrs

from singletable.migrations.change_expressions import MOST_PINS
from singletable.migrations.custom_text import CustomText
from singletable.migrations.derived import Derived
from singletable.migrations.operations.base import Change, Edit, ItemOperation
from singletable.migrations.sources import UnfitItemError
from singletable.migrations.state import Entity, TableState
from singletable.requests.stored_values import same_value
from singletable.requests.types import Item

__all__ = ["Rekey"]


def _known(entity: Entity) -> frozenset[str]:
    return frozenset((*entity.attributes, *entity.derived, *([entity.stamp] if entity.stamp else [])))


@attrs.frozen(init=False)
class Rekey(ItemOperation):
    """Give the items of an entity another primary key.

    DynamoDB cannot change a key. Each item is put under the new key and deleted under the old key, in one transaction.
    Its conditions are that the item has not changed since it was read and that the new key is free.

    Args:
        entity: The discriminator.
        key: The new partition key and the new sort key.
    """

    key: tuple[Derived, ...] = ()

    def __init__(self, entity: str, /, *key: Derived) -> None:
        self.__attrs_init__(entity, key)

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.entity, *self.key), {}

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(each.stored_name for each in self.key)

    def describe(self) -> str:
        return f"Move the items of {self.entity} to " + " / ".join(each.describe() for each in self.key)

    def apply(self, state: TableState) -> TableState:
        entity = state.entity(self.entity)
        if self.targets != state.key_names:
            raise self.fail(
                f"It defines {', '.join(self.targets) or 'no key'}; the table's key is"
                f" {' and '.join(state.key_names)}.",
                "Give a KeyText for each of them, in this order.",
            )
        if any(isinstance(each, CustomText) for each in self.key):
            raise self.fail("Only code of the project can compute this key.", "Move the items with RunPython.")
        return state.with_entity(attrs.evolve(entity, key=self.key))

    def compile(self, before: TableState, later: TableState | None = None) -> Change:
        known = _known(before.entity(self.entity))
        if later is not None and self.entity in later.entities:
            # The deployed models write the attributes that a later migration declares.
            known |= _known(later.entities[self.entity])
        known -= frozenset(before.key_names)
        if len(known | {before.type_name}) > MOST_PINS:
            raise self.fail(
                f"{self.entity} has {len(known)} known attributes. The condition of a move compares each of them, and"
                f" DynamoDB accepts {MOST_PINS}.",
                "Remove unused attributes, or move the items with RunPython while no code writes them.",
            )

        def change(item: Item) -> Edit | None:
            new = {each.stored_name: each.derive(item) for each in self.key}
            for name, value in new.items():
                if value is None:
                    raise UnfitItemError(f"it lacks a source of {name}")
            if all(same_value(item[name], value) for name, value in new.items()):
                return None
            # The whole item is copied, so nothing of it may have changed since it was read.
            return Edit(new, known | frozenset(item))

        return change

    def read_names(self, before: TableState) -> frozenset[str]:
        return frozenset(source.stored_name for each in self.key for source in each.sources)

    def reverse(self, before: TableState) -> ItemOperation:
        return Rekey(self.entity, *before.entity(self.entity).key)
