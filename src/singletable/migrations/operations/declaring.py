"""Operations that only change the state, to follow the models. They touch neither items nor the table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from singletable.migrations.declared import Stored, StoredAttributes, as_stored, as_stored_attributes
from singletable.migrations.derived import Derived
from singletable.migrations.operations.base import Operation
from singletable.migrations.state import Entity, TableState
from singletable.models.schema.layout import INTERNAL_TYPES

__all__ = ["AddEntity", "DeclareAttributes", "RemoveEntity"]


@attrs.frozen(init=False)
class AddEntity(Operation):
    """Add an entity: its primary key, and its other derived attributes.

    Existing items do not change. If the table has items of the entity, leave out the derived attributes here, and
    write them with a `Backfill` after it.

    Args:
        entity: Its discriminator.
        derived: The two parts of the primary key, under the stored names of the table's key, and other derived
            attributes: index keys and the expiry.
        attributes: Its declared attributes by stored name: a `Stored`, or only its form.
        stamp: The stored attribute that every write sets to its time. The plan finds recent items by it.
    """

    entity: str
    derived: tuple[Derived, ...]
    attributes: StoredAttributes = attrs.field(converter=as_stored_attributes)
    stamp: str | None

    def __init__(
        self,
        entity: str,
        /,
        *derived: Derived,
        attributes: Mapping[str, str | Stored] | None = None,
        stamp: str | None = None,
    ) -> None:
        self.__attrs_init__(entity, derived, attributes or {}, stamp)

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        plain = {name: each.plain for name, each in self.attributes.items()}
        options = {"attributes": plain, "stamp": self.stamp}
        return (self.entity, *self.derived), {name: value for name, value in options.items() if value}

    def describe(self) -> str:
        return f"Add the entity {self.entity}"

    def apply(self, state: TableState) -> TableState:
        if self.entity in state.entities:
            raise self.fail(f"The entity {self.entity!r} exists already.", "Change it with Backfill or Rekey.")
        refuse_own_type(self, self.entity)
        found = {each.stored_name: each for each in self.derived}
        missing = [name for name in state.key_names if name not in found]
        if missing:
            raise self.fail(
                f"{self.entity} does not define {' and '.join(missing)}.",
                f'Add KeyText("{missing[0]}", ...) for the primary key of the table.',
            )
        key = tuple(found.pop(name) for name in state.key_names)
        refuse_derived_sources(self, self.entity, found.values(), {*found, *state.key_names})
        return state.with_entity(Entity(self.entity, key, found, self.attributes, self.stamp))

    def reverse(self, before: TableState) -> Operation:
        return RemoveEntity(self.entity)


@attrs.frozen
class RemoveEntity(Operation):
    """Remove an entity that the models no longer have. Its items stay.

    Args:
        entity: Its discriminator.
    """

    entity: str

    def describe(self) -> str:
        return f"Forget the entity {self.entity}; its items stay"

    def apply(self, state: TableState) -> TableState:
        return state.without_entity(self.entity)

    def reverse(self, before: TableState) -> Operation:
        entity = before.entity(self.entity)
        return AddEntity(entity.name, *entity.all_derived, attributes=entity.attributes, stamp=entity.stamp)


def _declarations(values: Mapping[str, str | Stored | None]) -> Mapping[str, Stored | None]:
    return {name: None if each is None else as_stored(each) for name, each in values.items()}


@attrs.frozen
class DeclareAttributes(Operation):
    """Declare attributes of an entity as the models do. Items do not change; `RemoveAttribute` removes their values.

    Args:
        entity: The discriminator.
        attributes: Declarations by stored name: a `Stored`, or only its form; None for an attribute that is no longer
            declared.
        stamp: The stored attribute that every write sets to its time; None if it does not change.
    """

    entity: str
    attributes: Mapping[str, Stored | None] = attrs.field(converter=_declarations)
    stamp: str | None = None

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        plain = {name: each and each.plain for name, each in self.attributes.items()}
        return (self.entity, plain), {"stamp": self.stamp} if self.stamp else {}

    def describe(self) -> str:
        added = [name for name, stored in self.attributes.items() if stored is not None]
        gone = [name for name, stored in self.attributes.items() if stored is None]
        parts = [f"has {', '.join(added)}" if added else "", f"no longer declares {', '.join(gone)}" if gone else ""]
        return f"{self.entity} " + (" and ".join(filter(None, parts)) or f"is stamped by {self.stamp}")

    def apply(self, state: TableState) -> TableState:
        entity = state.entity(self.entity)
        declared = entity.declaring(self.attributes)
        stamp = self.stamp or entity.stamp
        # A write sets it only while it is declared.
        gone = stamp in self.attributes and stamp not in declared.attributes
        return state.with_entity(attrs.evolve(declared, stamp=None if gone else stamp))

    def reverse(self, before: TableState) -> Operation:
        entity = before.entity(self.entity)
        old = {name: entity.attributes.get(name) for name in self.attributes}
        return DeclareAttributes(self.entity, old, entity.stamp)


def refuse_own_type(operation: Operation, name: str) -> None:
    """Refuse a discriminator with the prefix of the framework's own items."""
    if name.startswith(INTERNAL_TYPES):
        raise operation.fail(f"{name!r} has the prefix of the framework's own items.", "Choose another discriminator.")


def refuse_derived_sources(operation: Operation, entity: str, derived: Any, names: set[str]) -> None:
    """Refuse an attribute that would be derived from a derived one: the two would never settle."""
    for each in derived:
        bad = [source.stored_name for source in each.sources if source.stored_name in names]
        if bad:
            raise operation.fail(
                f"{each.stored_name} of {entity} is computed from {', '.join(bad)}, which is itself derived.",
                "Name the attributes that the model declares.",
            )
