"""The metaclass: what happens when a table or an entity class is made.

It does three things to PynamoDB's own: it adds the stored attributes of every index to the table class,
it lets a nested `Meta` inherit its base's, and it checks an entity's declarations, so that a class that
could not work is never made.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any, cast

from pynamodb.attributes import Attribute, DiscriminatorAttribute, UnicodeAttribute
from pynamodb.indexes import Index, LocalSecondaryIndex
from pynamodb.models import MetaModel

from singletable.errors import DeclarationError, ItemDoesNotExist
from singletable.keys.text import plain
from singletable.models.binding.table_names import CHARACTERS, EnvironmentName, declared_name, index_fault, name_fault
from singletable.models.declare.attributes import derived
from singletable.models.declare.containers import inner_attributes, strict
from singletable.models.declare.faults import place_attributes
from singletable.models.declare.stamps import WriteTokenAttribute
from singletable.models.schema.declaration import make_entity_schema
from singletable.models.schema.layout import PRIMARY, index_attribute, layout_of
from singletable.models.schema.names import (
    make_plain,
    refuse_bare_annotations,
    refuse_private,
    refuse_uncallable_init,
    refuse_unusable_name,
)
from singletable.models.schema.options import refuse_entity_options, refuse_table_options
from singletable.models.schema.table_schema import TableSchema, table_schema

if TYPE_CHECKING:
    from singletable.models.schema.entity_schema import EntitySchema
    from singletable.models.table import Table

__all__ = ["TableMeta", "root_of"]

_ENCODINGS = ("escaped", "raw")
_ONE_KEY = "Keep one, on the table class. An entity declares key = Key(pk=..., sk=...) instead."
_PYNAMODBS = {
    "discriminator": ("ST108", "Give each entity a discriminator of its own."),
    "hash key": ("ST107", _ONE_KEY),
    "range key": ("ST107", _ONE_KEY),
    "TTL attribute": ("ST120", "Keep one of them."),
}
"""The rule and the remedy for an error that PynamoDB raises when a class is made, by a word of its message."""

_TOKEN = "write_token"  # noqa: S105 - the name of an attribute


class TableMeta(MetaModel):
    """Makes `Table`, table classes (they have a table name), and entities (they have a discriminator)."""

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
            make_plain(namespace)
            _inherit_meta(tables[0], namespace)
            _add_error_class(name, tables[0], namespace)
            if _is_table_class(tables[0], namespace):
                _prepare_table(name, namespace)
            else:
                _prepare_entity(name, tables[0], namespace, discriminator, abstract)
            _own_copies(bases, namespace)
            make_plain(namespace)
            refuse_private(name, namespace, tables)
            refuse_bare_annotations(name, namespace, bases)
            if "__init__" in namespace or "__new__" in namespace:
                namespace["_makes_instances"] = True
        made = super().__new__(mcs, name, bases, namespace, discriminator)  # type: ignore[no-untyped-call]
        return cast(TableMeta, made)

    def __call__(cls, /, *args: Any, **kwargs: Any) -> Any:
        made = super().__call__(*args, **kwargs)
        if cls._makes_instances:  # type: ignore[attr-defined]  # of StoredItem
            # From now on, an attribute that does not exist cannot be set.
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
            # PynamoDB may have registered it already. The mended class must be able to take its place, and
            # the one that it was to replace is still there.
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
            siblings = table_schema(table)
            schema = make_entity_schema(table, _stored_discriminator(table), siblings.layout, public)
            _refuse_second_expiry(siblings, schema)
            table._schema = schema
            refuse_uncallable_init(table)
            siblings.table._table_schema = siblings.with_entity(schema)


def _own_copies(bases: tuple[type, ...], namespace: dict[str, Any]) -> None:
    """Copy the attributes of plain mixins: they are made strict, and other models may share the originals."""
    for base in bases:
        if isinstance(base, MetaModel):
            continue
        for owner in base.__mro__:
            for name, value in vars(owner).items():
                if isinstance(value, Attribute):
                    namespace.setdefault(name, deepcopy(value))


def root_of(cls: TableMeta) -> TableMeta:
    """`Table` itself: the class above the table class."""
    owner = next(base for base in cls.__mro__ if vars(base).get("_owns_table"))
    return next(base for base in owner.__mro__[1:] if isinstance(base, TableMeta))


def _rule(error: ValueError) -> str:
    return next((rule for word, (rule, _) in _PYNAMODBS.items() if word in str(error)), "ST100")


def _remedy(error: ValueError) -> str:
    return next((remedy for word, (_, remedy) in _PYNAMODBS.items() if word in str(error)), "Keep one of them.")


def _inherit_meta(base: TableMeta, namespace: dict[str, Any]) -> None:
    """Let a nested Meta inherit the base's: PynamoDB's own loses region and billing mode without that."""
    meta = namespace.get("Meta")
    inherited = getattr(base, "Meta", None)
    if meta is None or inherited is None or issubclass(meta, inherited):
        return
    namespace["Meta"] = type(
        "Meta", (meta, inherited), {"__module__": meta.__module__, "__qualname__": meta.__qualname__}
    )


def _add_error_class(name: str, base: TableMeta, namespace: dict[str, Any]) -> None:
    """`Order.DoesNotExist`, so that an except clause catches only this entity's."""
    parent = getattr(base, "DoesNotExist", ItemDoesNotExist)
    if not issubclass(parent, ItemDoesNotExist):
        parent = ItemDoesNotExist
    qualname = f"{namespace.get('__qualname__', name)}.DoesNotExist"
    namespace.setdefault(
        "DoesNotExist",
        type("DoesNotExist", (parent,), {"__module__": namespace.get("__module__"), "__qualname__": qualname}),
    )


def _is_table_class(base: TableMeta, namespace: Mapping[str, Any]) -> bool:
    """A table class is the first one down from `Table` that has a table name."""
    below = getattr(base, "_owns_table", False)
    return not below and bool(declared_name(namespace.get("Meta")))


def _prepare_table(name: str, namespace: dict[str, Any]) -> None:
    """Add what every item has: the keys, the discriminator, and the stored attributes of the indexes."""
    _check_name(name, "the table name", declared_name(namespace["Meta"]))
    namespace["_owns_table"] = True
    declared = [value for value in namespace.values() if isinstance(value, Attribute)]
    # Fresh for each table: a discriminator attribute keeps the classes that it knows.
    if not any(attribute.is_hash_key for attribute in declared):
        namespace["pk"] = UnicodeAttribute(hash_key=True, attr_name="PK")
    if not any(attribute.is_range_key for attribute in declared):
        namespace["sk"] = UnicodeAttribute(range_key=True, attr_name="SK")
    if not any(isinstance(attribute, DiscriminatorAttribute) for attribute in declared):
        namespace["entity_type"] = DiscriminatorAttribute(attr_name="entityType")
    keys = [
        each for each in namespace.values() if isinstance(each, Attribute) and (each.is_hash_key or each.is_range_key)
    ]
    if any(key.attr_type != "S" for key in keys):
        raise DeclarationError(
            f"{name}: a key of the table is not text; derived keys are text.",
            remedy="Use UnicodeAttribute; a number in a key is padded by its template ({line:03d}).",
            rule="ST107",
            entity=name,
        )
    encoding = getattr(namespace["Meta"], "key_encoding", "escaped")
    if encoding not in _ENCODINGS:
        raise DeclarationError(
            f"{name}: Meta.key_encoding is {encoding!r}.", remedy='Use "escaped" or "raw".', rule="ST116", entity=name
        )
    from singletable.models.schema.layout import STREAM_VIEWS

    view = getattr(namespace["Meta"], "stream_view_type", None)
    if view is not None and view not in STREAM_VIEWS:
        raise DeclarationError(
            f"{name}: Meta.stream_view_type is {view!r}.",
            remedy=f"A stream shows {', '.join(STREAM_VIEWS)}.",
            rule="ST116",
            entity=name,
        )
    refuse_table_options(name, namespace["Meta"])
    namespace["_derived"] = _add_index_attributes(name, namespace)


def _add_index_attributes(table: str, namespace: dict[str, Any]) -> frozenset[str]:
    hash_key = next(key for key, value in namespace.items() if isinstance(value, Attribute) and value.is_hash_key)
    range_key = next(key for key, value in namespace.items() if isinstance(value, Attribute) and value.is_range_key)
    derived = {hash_key, range_key}
    own = {key for key, value in namespace.items() if isinstance(value, DiscriminatorAttribute)} | derived
    declared = {value.attr_name or key: key for key, value in namespace.items() if isinstance(value, Attribute)}
    stored: set[str] = set()
    names: dict[str, str] = {}
    for attribute, index in [(key, value) for key, value in namespace.items() if isinstance(value, Index)]:
        _check_index(table, attribute, index, names, str(namespace[hash_key].attr_name or hash_key))
        for name, key in index.Meta.attributes.items():
            if not (key.is_hash_key or key.is_range_key) or key.attr_name in stored:
                continue
            if key.attr_name in declared:
                _refuse_declared(table, attribute, index, declared[key.attr_name], own)
                continue
            mine = index_attribute(attribute, name)
            if mine in namespace:
                raise DeclarationError(
                    f"{table}.{mine} is declared, and is also the name of a key attribute of {attribute}.",
                    remedy="Call it something else.",
                    rule="ST110",
                    entity=table,
                )
            namespace[mine] = UnicodeAttribute(null=True, attr_name=key.attr_name)
            derived.add(mine)
            stored.add(key.attr_name)
    return frozenset(derived)


def _refuse_declared(table: str, attribute: str, index: Any, declared: str, own: set[str]) -> None:
    """Of what is declared, an index can be on the table's own keys and on the discriminator."""
    if declared not in own:
        raise DeclarationError(
            f"{table}.{attribute}: the index {index.Meta.index_name!r} is on {declared}, a declared attribute.",
            remedy="Give the index a key attribute of its own; a template derives it from the attribute.",
            rule="ST107",
            entity=table,
            index=index.Meta.index_name,
        )


def _check_name(owner: str, what: str, text: Any, fault: str | None = None) -> None:
    """Refuse a name that DynamoDB refuses. A name from the environment is checked when it is read."""
    if isinstance(text, EnvironmentName):
        return
    fault = fault or (name_fault(text) if isinstance(text, str) else "is not a text")
    if fault:
        raise DeclarationError(
            f"{owner}: {what} {text!r} {fault}.",
            remedy=f"Use {CHARACTERS}.",
            rule="ST107",
            entity=owner,
            value=text,
        )


def _check_index(table: str, attribute: str, index: Any, names: dict[str, str], hash_name: str) -> None:
    where = f"{table}.{attribute}"
    if "index_name" not in vars(index.Meta):
        raise DeclarationError(
            f"{where}: the index class {type(index).__name__} has no Meta.index_name; PynamoDB would name it after"
            " the first attribute that it is assigned to, for ever.",
            remedy=f'Add index_name = "{attribute}" to its Meta.',
            rule="ST107",
            entity=table,
        )
    name = index.Meta.index_name
    _check_name(where, "the index name", name, index_fault(name))
    if name in names:
        raise DeclarationError(
            f"{where}: the index {name!r} is declared twice, as {names[name]} too.",
            remedy="Give each index class an index_name of its own.",
            rule="ST107",
            entity=table,
            index=name,
        )
    names[name] = attribute
    keys = list(index.Meta.attributes.values())
    if sum(key.is_hash_key for key in keys) != 1 or sum(key.is_range_key for key in keys) > 1:
        raise DeclarationError(
            f"{where}: the index {name!r} needs one hash_key and at most one range_key.",
            remedy="Declare pk = UnicodeAttribute(hash_key=True, attr_name=...) in its class.",
            rule="ST107",
            entity=table,
            index=name,
        )
    partition = next(key for key in keys if key.is_hash_key)
    if isinstance(index, LocalSecondaryIndex) and partition.attr_name != hash_name:
        raise DeclarationError(
            f"{where}: a local index has the table's partition key, {hash_name!r}, not {partition.attr_name!r}.",
            remedy=f"Give its hash key attr_name={hash_name!r}, or make it a GlobalSecondaryIndex.",
            rule="ST107",
            entity=table,
            index=name,
        )
    wrong = [key.attr_name for key in keys if (key.is_hash_key or key.is_range_key) and key.attr_type != "S"]
    if wrong:
        raise DeclarationError(
            f"{where}: {', '.join(wrong)} of the index {name!r} is not text; derived keys are text.",
            remedy="Use UnicodeAttribute; a number in a key is padded by its template ({line:03d}).",
            rule="ST107",
            entity=table,
            index=name,
        )


def _prepare_entity(
    name: str, base: TableMeta, namespace: dict[str, Any], discriminator: str | None, abstract: bool
) -> None:
    if not getattr(base, "_owns_table", False):
        if discriminator is not None:
            raise DeclarationError(
                f"{name}: {base.__name__} is no table, since its Meta has no table_name.",
                remedy='Add `class Meta: table_name = "..."` to the table class.',
                rule="ST107",
                entity=name,
            )
        return
    for attribute, value in namespace.items():
        if isinstance(value, Index):
            raise DeclarationError(
                f"{name}.{attribute}: an index is declared on an entity; a connection made before would not know it.",
                remedy="Declare it on the table class; entities use it with Key(index=...).",
                rule="ST107",
                entity=name,
                index=attribute,
            )
    table_name = vars(namespace["Meta"]).get("table_name") if "Meta" in namespace else None
    own = declared_name(namespace.get("Meta"))
    shared = declared_name(base.Meta)  # type: ignore[attr-defined]  # set by PynamoDB
    if own is not None and own != shared:
        raise DeclarationError(
            f"{name}: Meta.table_name is {own!r}, and the entity's table is {shared!r}.",
            remedy="Leave table_name out; an entity lives in its table.",
            rule="ST107",
            entity=name,
            value=table_name,
        )
    if "Meta" in namespace:
        refuse_entity_options(name, namespace["Meta"], base.Meta)  # type: ignore[attr-defined]  # set by PynamoDB
    if abstract == (discriminator is not None):
        raise DeclarationError(
            f"{name}: "
            + ("an abstract class has a discriminator." if abstract else "the entity has no discriminator."),
            remedy=f'Write `class {name}({base.__name__}, discriminator="{name.upper()}")`, or abstract=True for a'
            " base that is no entity.",
            rule="ST117" if abstract else "ST108",
            entity=name,
        )
    if discriminator is not None and (not isinstance(discriminator, str) or not discriminator):
        raise DeclarationError(
            f"{name}: the discriminator is {discriminator!r}.", remedy="Use a text.", rule="ST108", entity=name
        )
    _add_write_token(name, base, namespace)
    siblings: TableSchema | None = base._table_schema  # type: ignore[attr-defined]  # of StoredItem
    clash = set(namespace) & (frozenset() if siblings is None else siblings.derived)
    if clash:
        raise DeclarationError(
            f"{name}: {', '.join(sorted(clash))} is derived and cannot be declared.",
            remedy=f"Declare what it is made of: {PRIMARY} = Key(pk=..., sk=...).",
            rule="ST110",
            entity=name,
        )


def _add_write_token(name: str, base: TableMeta, namespace: dict[str, Any]) -> None:
    """Declare the write token that `Meta.write_token` names, unless the entity or a base has one."""
    stored = getattr(namespace.get("Meta", getattr(base, "Meta", None)), "write_token", None)
    if stored is None:
        return
    if not isinstance(stored, str) or not stored:
        raise DeclarationError(
            f"{name}: Meta.write_token is {stored!r}.",
            remedy='Name the stored attribute: write_token = "writeToken".',
            rule="ST116",
            entity=name,
            value=stored,
        )
    inherited = cast("type[Table]", base).get_attributes()
    if any(isinstance(each, WriteTokenAttribute) for each in (*inherited.values(), *namespace.values())):
        return
    if _TOKEN in namespace or _TOKEN in inherited:
        raise DeclarationError(
            f"{name}: {_TOKEN!r} is the name of the attribute that Meta.write_token declares, and another has it.",
            remedy=f"Call the other one something else, and keep its stored name with attr_name={_TOKEN!r}.",
            rule="ST110",
            entity=name,
            attribute=_TOKEN,
        )
    namespace[_TOKEN] = WriteTokenAttribute(attr_name=stored)


def _stored_discriminator(table: type[Table]) -> str:
    attribute = table._get_discriminator_attribute()
    assert attribute is not None
    return str(attribute.get_discriminator(table))


def _make_way(table: type[Table], discriminator: str | None) -> EntitySchema | None:
    """Let a class take the place of an earlier one with its own name: a notebook's cell, run again.

    Returns what the earlier one was, if there was one.
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
    # It would read none of its items, which are of the new class.
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
    """Take a class out of what PynamoDB's discriminator attribute knows."""
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
                f"{each.name} stores an attribute as {taken[0]!r}, which is the table's time to live: DynamoDB would"
                " expire its items by it.",
                remedy="Give it another attr_name.",
                rule="ST110",
                entity=schema.name,
            )
