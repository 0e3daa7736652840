"""Operations that add or change the discriminator of items."""

from __future__ import annotations

import attrs

from singletable.migrations.custom_text import CustomText, reads_of
from singletable.migrations.derived import KeyText
from singletable.migrations.operations.base import Change, Edit, ItemOperation
from singletable.migrations.operations.declaring import refuse_own_type
from singletable.migrations.sources import UnfitItemError
from singletable.migrations.state import Entity, TableState
from singletable.requests.stored_values import same_value
from singletable.requests.types import Item

__all__ = ["RenameEntity", "StampType", "entities_by_key"]


def entities_by_key(item: Item, state: TableState) -> list[Entity]:
    """Return the entities whose primary key matches an item's key and attributes."""
    return [each for each in state.entities.values() if _has_key(item, each)]


def _has_key(item: Item, entity: Entity) -> bool:
    for half in entity.key:
        text = item.get(half.stored_name, {}).get("S")
        if not isinstance(half, KeyText) or text is None or not half.fits(text):
            return False
        try:
            if not same_value(half.derive(item), item[half.stored_name]):
                return False
        except UnfitItemError:
            return False
    return True


@attrs.frozen
class StampType(ItemOperation):
    """Give items the discriminator of an entity, if they have none and their primary key and attributes match.

    The same write sets all derived attributes of the entity. An item whose key fits several entities is quarantined.
    The operation cannot be reversed, since the items that had no discriminator are not recorded.

    Args:
        entity: The discriminator.
    """

    @property
    def targets(self) -> tuple[str, ...]:
        return ()

    @property
    def stamps_untyped(self) -> bool:
        return True

    def read_names(self, before: TableState) -> frozenset[str]:
        return frozenset(before.key_names).union(*map(reads_of, before.entity(self.entity).all_derived))

    def changed_names(self, before: TableState) -> frozenset[str]:
        # For the entity all sources of the item are new, so that all derived attributes follow.
        return self.read_names(before)

    def written_names(self, before: TableState) -> frozenset[str]:
        return frozenset((before.type_name, *before.entity(self.entity).derived))

    def concerns_untyped(self, item: Item, before: TableState) -> bool:
        return before.entity(self.entity) in entities_by_key(item, before)

    def describe(self) -> str:
        return f"Give the discriminator {self.entity} to items that have its key and no discriminator"

    def apply(self, state: TableState) -> TableState:
        entity = state.entity(self.entity)
        if any(isinstance(half, CustomText) for half in entity.key):
            raise self.fail(
                f"Only code of the project can compute the primary key of {self.entity}.",
                "Store the discriminator with RunPython.",
            )
        return state

    def compile(self, before: TableState, later: TableState | None = None) -> Change:
        values = {before.type_name: {"S": self.entity}}
        pins = self.read_names(before) | frozenset(values)

        def change(item: Item) -> Edit | None:
            if before.type_name in item:
                return None
            fitting = [each.name for each in entities_by_key(item, before)]
            if self.entity not in fitting:
                return None
            if len(fitting) > 1:
                raise UnfitItemError(f"its key fits several entities: {', '.join(sorted(fitting))}")
            return Edit(values, pins)

        return change


@attrs.frozen
class RenameEntity(ItemOperation):
    """Give the items of an entity another discriminator.

    Keys do not change. If the key templates of the renamed entity differ, add `Rekey` and `Backfill` after it.

    Args:
        entity: The old discriminator.
        new: The new discriminator.
    """

    new: str

    @property
    def targets(self) -> tuple[str, ...]:
        return ()

    @property
    def discriminators(self) -> tuple[str, ...]:
        return (self.entity, self.new)

    def read_names(self, before: TableState) -> frozenset[str]:
        return frozenset((before.type_name,))

    def written_names(self, before: TableState) -> frozenset[str]:
        return frozenset((before.type_name,))

    def describe(self) -> str:
        return f"Rename the entity {self.entity} to {self.new}"

    def apply(self, state: TableState) -> TableState:
        entity = state.entity(self.entity)
        if self.new in state.entities:
            raise self.fail(f"The entity {self.new!r} exists already.", "Choose a discriminator that no entity has.")
        refuse_own_type(self, self.new)
        return state.without_entity(self.entity).with_entity(attrs.evolve(entity, name=self.new))

    def compile(self, before: TableState, later: TableState | None = None) -> Change:
        renamed = {before.type_name: {"S": self.new}}
        return lambda item: Edit(renamed, frozenset(renamed))

    def reverse(self, before: TableState) -> ItemOperation:
        return RenameEntity(self.new, self.entity)
