"""The schema of a table class: its layout and its entities, as one frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import attrs

from singletable.errors import DeclarationError

if TYPE_CHECKING:
    from singletable.models.schema.entity_schema import EntitySchema
    from singletable.models.schema.layout import TableLayout
    from singletable.models.table import Table

__all__ = ["TableSchema", "entity_schema", "table_schema"]


def _frozen(entities: Mapping[str, EntitySchema]) -> Mapping[str, EntitySchema]:
    return MappingProxyType({**entities})


@attrs.frozen(eq=False)
class TableSchema:
    """The schema of a table class, with the entities that are declared so far.

    It is frozen: an entity that is declared later makes a new schema. `table_schema()` returns the current one.

    Args:
        table: The table class.
        layout: The stored names of the key attributes of the table and of its indexes.
        derived: The Python names of the attributes that are derived from keys.
        entities: The schemas of the entities, by discriminator.
    """

    table: type[Table]
    layout: TableLayout
    derived: frozenset[str]
    entities: Mapping[str, EntitySchema] = attrs.field(factory=dict, converter=_frozen)
    kept: dict[Any, Any] = attrs.field(factory=dict, init=False, repr=False)
    """Values that were derived from this state of the table, such as the places of keys; they end with it."""

    expiry_name: str | None = attrs.field(init=False)
    """The stored name of the table's time to live, which is the same for all entities; None if no entity expires."""

    @expiry_name.default
    def _its_expiry_name(self) -> str | None:
        return next((each.expiry.stored_name for each in self.entities.values() if each.expiry), None)

    def with_entity(self, schema: EntitySchema) -> TableSchema:
        """Return a copy of the schema with an entity added."""
        return attrs.evolve(self, entities={**self.entities, schema.discriminator: schema})

    def without_entity(self, discriminator: str) -> TableSchema:
        """Return a copy of the schema with an entity removed."""
        return attrs.evolve(
            self, entities={name: each for name, each in self.entities.items() if name != discriminator}
        )


def table_schema(model: Any) -> TableSchema:
    """Return the schema of a table.

    Args:
        model: The table class, an entity class of it, or an instance.

    Raises:
        DeclarationError: The class does not belong to a table.
    """
    schema: TableSchema | None = model._table_schema
    if schema is None:
        name = (model if isinstance(model, type) else type(model)).__name__
        raise DeclarationError(
            f"{name} is not a table, since its Meta has no table_name.",
            remedy='Add `class Meta: table_name = "..."`.',
            rule="ST107",
            entity=name,
        )
    return schema


def entity_schema(model: Any) -> EntitySchema:
    """Return the schema of an entity.

    Args:
        model: The entity class, or an instance.

    Raises:
        DeclarationError: The class is a table or an abstract base, or it was replaced by a class that was declared
            later with the same name.
    """
    schema: EntitySchema = model._schema_of()
    return schema
