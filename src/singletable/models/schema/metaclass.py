"""The metaclass of tables and entities.

It completes and checks the class body, creates PynamoDB's class, and adds the entity to the schema of its table. An
invalid class is never created.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from pynamodb.models import MetaModel

import singletable.models.declare.lists  # noqa: F401  # it registers the strict classes of maps and lists
from singletable.errors import DeclarationError
from singletable.keys.text import plain
from singletable.models.declare.strict import derived
from singletable.models.declare.strictness import inner_attributes, strict
from singletable.models.declare.value_faults import place_attributes
from singletable.models.schema.layout import layout_of
from singletable.models.schema.names import (
    refuse_bare_annotations,
    refuse_private,
    refuse_uncallable_init,
    refuse_unusable_name,
)
from singletable.models.schema.preparing import prepare
from singletable.models.schema.table_schema import TableSchema, table_schema

if TYPE_CHECKING:
    from singletable.models.schema.entity_schema import EntitySchema
    from singletable.models.table import Table

__all__ = ["TableMeta", "root_of"]

_ONE_KEY = "Keep one, on the table class. An entity declares key = Key(pk=..., sk=...) instead."
_PYNAMODBS = {
    "discriminator": ("ST108", "Give each entity its own discriminator."),
    "hash key": ("ST107", _ONE_KEY),
    "range key": ("ST107", _ONE_KEY),
    "TTL attribute": ("ST120", "Keep one of them."),
}
"""The rule and the remedy for an error that PynamoDB raises when a class is created, by a word of its message."""


class TableMeta(MetaModel):
    """The metaclass of `Table`, of table classes (with a table name), and of entities (with a discriminator)."""

    def __new__(
        mcs,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        discriminator: str | None = None,
        abstract: bool = False,
    ) -> TableMeta:
        discriminator = plain(discriminator)
        tables = [base for base in bases if isinstance(base, TableMeta)]
        if tables:
            refuse_private(name, namespace, tables)
            prepare(name, bases, tables[0], namespace, discriminator, abstract)
            refuse_private(name, namespace, tables)
            refuse_bare_annotations(name, namespace, bases)
            if "__init__" in namespace or "__new__" in namespace:
                namespace["_makes_instances"] = True
        made = super().__new__(mcs, name, bases, namespace, discriminator)  # type: ignore[no-untyped-call]
        return cast(TableMeta, made)

    def __call__(cls, /, *args: Any, **kwargs: Any) -> Any:
        made = super().__call__(*args, **kwargs)
        if cls._makes_instances:  # type: ignore[attr-defined]  # of StoredItem
            # From here on, setting an attribute that does not exist raises an error.
            vars(made)["_made"] = True
        return made

    def __init__(
        cls,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        discriminator: str | None = None,
        abstract: bool = False,
    ) -> None:
        table = cast("type[Table]", cls)
        discriminator = plain(discriminator)
        earlier = _make_way(table, discriminator)
        try:
            cls._make(table, name, bases, namespace, discriminator)
        except Exception:
            # PynamoDB may have registered the failed class already. Unregister it, so that the corrected class can be
            # declared, and restore the class that it was to replace.
            if discriminator is not None and not namespace.get("_owns_table"):
                _forget(table, discriminator)
            if earlier is not None:
                _restore(earlier)
            raise

    def _make(
        cls,
        table: type[Table],
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        discriminator: str | None,
    ) -> None:
        try:
            super().__init__(name, bases, namespace, discriminator)
        except ValueError as error:
            raise DeclarationError(f"{name}: {error}", remedy=_remedy(error), rule=_rule(error), entity=name) from None
        for python_name, attribute in table.get_attributes().items():
            strict(attribute)
            if python_name in namespace:
                place_attributes(name, python_name, attribute)
            for each in (attribute, *inner_attributes(attribute)):
                refuse_unusable_name(name, each.attr_name, python_name)
        if namespace.get("_owns_table"):
            from singletable.models.binding.home import Home

            for key in namespace["_derived"]:
                derived(table.get_attributes()[key])
            table._table_schema = TableSchema(table, layout_of(table), namespace["_derived"])
            table._home = Home(table)
        elif discriminator is not None:
            public = frozenset(name for name in dir(root_of(cls)) if not name.startswith("_"))
            from singletable.models.schema.declaration import make_entity_schema

            siblings = table_schema(table)
            schema = make_entity_schema(table, _stored_discriminator(table), siblings.layout, public)
            _refuse_second_expiry(siblings, schema)
            table._schema = schema
            refuse_uncallable_init(table)
            siblings.table._table_schema = siblings.with_entity(schema)


def root_of(cls: TableMeta) -> TableMeta:
    """Return `Table` itself, the base of all table classes."""
    owner = next(base for base in cls.__mro__ if vars(base).get("_owns_table"))
    return next(base for base in owner.__mro__[1:] if isinstance(base, TableMeta))


def _rule(error: ValueError) -> str:
    return next((rule for word, (rule, _) in _PYNAMODBS.items() if word in str(error)), "ST100")


def _remedy(error: ValueError) -> str:
    return next((remedy for word, (_, remedy) in _PYNAMODBS.items() if word in str(error)), "Keep one of them.")


def _stored_discriminator(table: type[Table]) -> str:
    attribute = table._get_discriminator_attribute()
    assert attribute is not None
    return str(attribute.get_discriminator(table))


def _make_way(table: type[Table], discriminator: str | None) -> EntitySchema | None:
    """Unregister an earlier class with the same name and discriminator, such as a notebook's cell that is run again.

    Returns:
        The schema of the earlier class, or None.
    """
    siblings: TableSchema | None = getattr(table, "_table_schema", None)
    earlier = siblings.entities.get(discriminator) if siblings is not None and discriminator is not None else None
    if siblings is None or earlier is None or discriminator is None:
        return None
    old = earlier.entity
    if (old.__module__, old.__qualname__) != (table.__module__, table.__qualname__):
        return None
    _forget(old, discriminator)
    siblings.table._table_schema = siblings.without_entity(discriminator)
    # The earlier class would read none of its items, which now belong to the new class.
    old._schema, old._is_replaced = None, True
    return earlier


def _restore(earlier: EntitySchema) -> None:
    attribute = earlier.entity._get_discriminator_attribute()
    assert attribute is not None
    attribute.register_class(earlier.entity, earlier.discriminator)
    earlier.entity._schema, earlier.entity._is_replaced = earlier, False
    siblings = table_schema(earlier.entity)
    siblings.table._table_schema = siblings.with_entity(earlier)


def _forget(table: type[Table], discriminator: str) -> None:
    """Unregister a class in PynamoDB's discriminator attribute."""
    attribute = table._get_discriminator_attribute()
    if attribute is not None and attribute._class_map.pop(table, None) is not None:
        attribute._discriminator_map.pop(discriminator, None)


def _refuse_second_expiry(siblings: TableSchema, schema: EntitySchema) -> None:
    for other in siblings.entities.values():
        mine, theirs = schema.expiry, other.expiry
        if mine and theirs and mine.stored_name != theirs.stored_name:
            raise DeclarationError(
                f"{schema.name} expires by {mine.stored_name!r} and {other.name} by {theirs.stored_name!r};"
                " a DynamoDB table has one such attribute.",
                remedy="Use the same attr_name for both.",
                rule="ST120",
                entity=schema.name,
            )
    everyone = [*siblings.entities.values(), schema]
    expiring = {each.expiry.stored_name for each in everyone if each.expiry}
    for each in everyone:
        taken = sorted(expiring & set(each.stored_names))
        if taken:
            raise DeclarationError(
                f"{each.name} stores an attribute as {taken[0]!r}, the table's time to live, by which DynamoDB would"
                " expire its items.",
                remedy="Give it another attr_name.",
                rule="ST110",
                entity=schema.name,
            )
