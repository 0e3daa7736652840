"""Rows of an index: the entity of a row and the attributes in its keys, without fetching the item."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from singletable.chains import unchained
from singletable.errors import KeyParseError, MalformedItemError
from singletable.keys import CompositeKey
from singletable.models.schema.entity_schema import EntitySchema
from singletable.models.schema.layout import INTERNAL_TYPES, TableLayout
from singletable.models.schema.table_schema import table_schema
from singletable.requests.types import Item, UnknownItem

if TYPE_CHECKING:
    from singletable.models.items.item import StoredItem

__all__ = ["key_reader", "keys_tell_apart", "primary_attributes", "primary_key_reader", "unknown_of"]


def key_reader(
    table: type[StoredItem], types: Sequence[str], index: str | None
) -> Callable[[Item], dict[str, Any] | UnknownItem | None]:
    """Return a function that reads the attributes in the keys of a row.

    The function returns None for a row of another known entity, and `UnknownItem` for a row that no entity could have
    written. It raises `MalformedItemError` if the keys do not match the entity that the row names.

    Args:
        table: The table class.
        types: The discriminators of the requested entities.
        index: The index that is read; None for the table itself.
    """
    layout = table_schema(table).layout

    def read(row: Item) -> dict[str, Any] | UnknownItem | None:
        schemas = table_schema(table).entities
        says = row.get(layout.type_name, {}).get("S")
        if says is not None:
            if says not in schemas:
                if says.startswith(INTERNAL_TYPES):
                    return None
                return unknown_of(layout, row)
            return _attributes_or_error(schemas[says], row, index) if says in types else None
        fitting = [name for name, schema in schemas.items() if _fits(schema, row)]
        mine = next((name for name in fitting if name in types), None)
        if mine is not None:
            return _attributes_or_error(schemas[mine], row, index)
        return None if fitting else unknown_of(layout, row)

    return read


def primary_key_reader(table: type[StoredItem]) -> Callable[[Item], tuple[type[StoredItem], dict[str, Any]] | None]:
    """Return a function that reads the entity class and the attributes from a primary key; None for an unknown key.

    For entities that share a key, it returns the class that declares the key: the key does not distinguish them.
    """

    def read(key: Item) -> tuple[type[StoredItem], dict[str, Any]] | None:
        fitting = [schema for schema in table_schema(table).entities.values() if _fits(schema, key)]
        if not fitting:
            return None
        schema = next((each for each in fitting if each.entity is each.key_owner), fitting[0])
        return schema.entity, _attributes(schema, key, None)

    return read


def primary_attributes(schema: EntitySchema, key: Item) -> dict[str, Any]:
    """Return the attributes in the primary key of an entity.

    Raises:
        KeyParseError: The key is not a key of this entity.
    """
    return _attributes(schema, key, None)


def keys_tell_apart(table: type[StoredItem], types: Sequence[str]) -> bool:
    """Return whether primary keys alone distinguish the given entities from all others; not if a class shares a key."""
    schemas = table_schema(table).entities
    owners = {schemas[name].key_owner for name in types}
    return not any(schema.key_owner in owners for name, schema in schemas.items() if name not in types)


def unknown_of(layout: TableLayout, item: Item) -> UnknownItem:
    """Return the value for an item or a row that belongs to no entity."""
    names = (layout.partition_name, layout.sort_name)
    partition, sort = (next(iter(item.get(name, {"S": None}).values())) for name in names)
    return UnknownItem(item.get(layout.type_name, {}).get("S"), (partition, sort), item)


def _fits(schema: EntitySchema, row: Item) -> bool:
    try:
        _parse(schema.primary, row, schema.layout)
    except KeyParseError:
        return False
    return True


@unchained
def _attributes_or_error(schema: EntitySchema, row: Item, index: str | None) -> dict[str, Any]:
    try:
        return _attributes(schema, row, index)
    except (ArithmeticError, KeyError, TypeError, ValueError):
        # The error may quote the key.
        raise MalformedItemError(
            f"The keys of a row of {schema.name} do not match its model.",
            remedy='Other code wrote it: fix the item, or read with malformed="skip".',
            entity=schema.name,
            index=index,
            key=unknown_of(schema.layout, row).key,
        ) from None


def _attributes(schema: EntitySchema, row: Item, index: str | None) -> dict[str, Any]:
    """Return the attributes in the keys of a row; `KeyParseError` if the keys are not keys of the row's entity."""
    values = _parse(schema.primary, row, schema.layout)
    for key in schema.keys.values():
        if index is not None and key.index == index:
            values |= _parse(key, row, schema.layout)
    return schema.from_keys(values)


def _parse(key: CompositeKey, row: Item, layout: TableLayout) -> dict[str, Any]:
    partition_name, sort_name = layout.names_at(key.index)
    return key.parse(row[partition_name]["S"], row[sort_name]["S"] if sort_name else None)
