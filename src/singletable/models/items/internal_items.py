"""Internal items: the items that the framework itself stores in the application's table.

They are records of migrations, marks of handled events, and records of applied transactions. Their discriminators begin
with `INTERNAL_TYPES` and their partition keys with `INTERNAL_KEYS`. Reads of entities skip them.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from pynamodb.attributes import DiscriminatorAttribute, UnicodeAttribute

from singletable.models.binding.home import FixedHome, Home
from singletable.models.schema.layout import INTERNAL_TYPES
from singletable.models.schema.metaclass import root_of
from singletable.models.schema.table_schema import table_schema
from singletable.requests.connection import TableConnection

if TYPE_CHECKING:
    from singletable.models.items.item import StoredItem
    from singletable.models.schema.entity_schema import EntitySchema

__all__ = [
    "INTERNAL_KEYS",
    "INTERNAL_TYPES",
    "MARKS",
    "TOKENS",
    "internal_entity",
    "internal_table",
    "internal_table_beside",
    "is_beside",
]

INTERNAL_KEYS = "SINGLETABLE#"
"""The prefix of the partition keys of internal items."""

TOKENS = f"{INTERNAL_KEYS}TOKEN"
"""The prefix of the partition keys of records of applied transactions."""

MARKS = f"{INTERNAL_KEYS}HANDLED"
"""The prefix of the partition keys of marks of handled events."""


def internal_table(
    base: type[Any],
    partition: str,
    sort: str,
    type_name: str,
    name: str,
    home: Home | TableConnection | None = None,
) -> Any:
    """Return a new table class for internal items, without entities; each table needs one, as PynamoDB binds a class.

    Args:
        base: The class `Table`.
        partition: The stored attribute of the partition key.
        sort: The stored attribute of the sort key.
        type_name: The stored attribute of the discriminator.
        name: The table's name.
        home: The home of a table class whose bindings the new class shares, or the only connection of the new class;
            None for a new home.
    """

    class InternalItems(base):  # type: ignore[misc]  # Table, or a class of the same kind
        class Meta:
            table_name = name

        pk = UnicodeAttribute(hash_key=True, attr_name=partition)
        sk = UnicodeAttribute(range_key=True, attr_name=sort)
        entity_type = DiscriminatorAttribute(attr_name=type_name)

    if isinstance(home, TableConnection):
        InternalItems._home = FixedHome(InternalItems, home)
    elif home is not None:
        InternalItems._home = home
    return InternalItems


def internal_table_beside(table: type[StoredItem], name: str) -> Any:
    """Return a new table class for internal items in a table, which shares the bindings of the table's class.

    Args:
        table: The table class.
        name: The name of the new class's table, if the bindings do not name one.
    """
    layout = table_schema(table).layout
    return internal_table(root_of(table), *layout.primary, layout.type_name, name, table._home)


def internal_entity(table: Any, declaration: type, discriminator: str, **members: Any) -> Any:
    """Return an entity class for one table, from a declaration that is used for every table.

    Args:
        table: The table class, as `internal_table` returns it.
        declaration: A plain class with the entity's attributes, which are copied: PynamoDB binds an attribute to one
            class. It has the entity's name, after an optional underscore.
        discriminator: The stored value of the discriminator.
        members: The members that differ from table to table, such as the key.
    """
    shared = {name: deepcopy(each) for name, each in vars(declaration).items() if name not in _OF_PLAIN_CLASSES}
    name = declaration.__name__.lstrip("_")
    return type(table)(name, (table,), {**shared, **members}, discriminator=discriminator)


_OF_PLAIN_CLASSES = ("__dict__", "__weakref__")
"""Members that Python adds to a class without bases, and that no other class may have."""


def is_beside(table: type[StoredItem], entity: object) -> bool:
    """Return whether an instance is an internal item in a table; `internal_table_beside` made its class."""
    schema: EntitySchema | None = getattr(type(entity), "_schema", None)
    internal = schema is not None and schema.discriminator.startswith(INTERNAL_TYPES)
    return internal and type(entity)._home is table._home  # type: ignore[attr-defined]  # it is an entity
