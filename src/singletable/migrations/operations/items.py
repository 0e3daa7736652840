"""Operations that remove and rename attributes in the items of an entity."""

from __future__ import annotations

import attrs

from singletable.migrations.custom_text import CustomText
from singletable.migrations.operations.backfilling import Backfill
from singletable.migrations.operations.base import Change, Edit, ItemOperation
from singletable.migrations.script import as_names
from singletable.migrations.sources import UnfitItemError
from singletable.migrations.state import TableState
from singletable.requests.stored_values import same_value
from singletable.requests.types import Item

__all__ = ["RemoveAttribute", "RenameAttribute"]


@attrs.frozen
class RemoveAttribute(ItemOperation):
    """Remove attributes from the items of an entity.

    Args:
        entity: The discriminator.
        names: The stored attributes.
    """

    names: tuple[str, ...] = attrs.field(converter=as_names)

    @property
    def targets(self) -> tuple[str, ...]:
        return self.names

    def describe(self) -> str:
        return f"Remove {', '.join(self.names)} from {self.entity}"

    def apply(self, state: TableState) -> TableState:
        entity = state.entity(self.entity)
        if any(name in (*state.key_names, state.type_name) for name in self.names):
            raise self.fail("The primary key and the type cannot be removed.")
        left = {name: each for name, each in entity.derived.items() if name not in self.names}
        used = [
            f"{each.stored_name} is computed from {source.stored_name}"
            for each in (*entity.key, *left.values())
            for source in each.sources
            if source.stored_name in self.names
        ]
        if used:
            raise self.fail(f"{used[0]}.", "Change the derived attribute first.")
        attributes = {name: kind for name, kind in entity.attributes.items() if name not in self.names}
        return state.with_entity(attrs.evolve(entity, derived=left, attributes=attributes))

    def compile(self, before: TableState, later: TableState | None = None) -> Change:
        def change(item: Item) -> Edit | None:
            found = [name for name in self.names if name in item]
            return Edit(dict.fromkeys(found), frozenset(found)) if found else None

        return change

    def reverse(self, before: TableState) -> ItemOperation | None:
        derived = before.entity(self.entity).derived
        back = [derived[name] for name in self.names if name in derived]
        if len(back) < len(self.names) or any(isinstance(each, CustomText) for each in back):
            return None
        return Backfill(self.entity, *back)


@attrs.frozen
class RenameAttribute(ItemOperation):
    """Give an attribute another stored name, in every item of an entity.

    Args:
        entity: The discriminator.
        old: The old name.
        new: The new name.
    """

    old: str
    new: str

    @property
    def targets(self) -> tuple[str, ...]:
        return (self.old, self.new)

    def describe(self) -> str:
        return f"Rename {self.old} of {self.entity} to {self.new}"

    def apply(self, state: TableState) -> TableState:
        entity = state.entity(self.entity)
        taken = (*state.key_names, state.type_name, *entity.derived)
        if self.old in taken or self.new in taken:
            raise self.fail("A key, the type or a derived attribute cannot be renamed.")
        if self.new in entity.attributes:
            raise self.fail(f"{self.entity} has an attribute {self.new!r} already.")
        return state.with_entity(entity.renamed(self.old, self.new))

    def compile(self, before: TableState, later: TableState | None = None) -> Change:
        def change(item: Item) -> Edit | None:
            if self.old not in item:
                return None
            if self.new in item and not same_value(item[self.new], item[self.old]):
                raise UnfitItemError(f"{self.old} and {self.new} both exist, with different values")
            return Edit({self.old: None, self.new: item[self.old]}, frozenset(self.targets))

        return change

    def reverse(self, before: TableState) -> ItemOperation:
        return RenameAttribute(self.entity, self.new, self.old)
