"""Preparation of the class body of a table or an entity: it is completed and checked before the class is created.

A table class gets the stored attributes of every index. A nested `Meta` inherits from the `Meta` of the base. An
invalid body is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any, cast

from pynamodb.attributes import Attribute, DiscriminatorAttribute, UnicodeAttribute
from pynamodb.indexes import Index, LocalSecondaryIndex
from pynamodb.models import MetaModel

from singletable.errors import DeclarationError, ItemDoesNotExist
from singletable.models.binding.table_names import CHARACTERS, EnvironmentName, declared_name, index_fault, name_fault
from singletable.models.declare.stamps import WriteTokenAttribute
from singletable.models.schema.layout import PRIMARY, index_attribute
from singletable.models.schema.names import (
    make_plain,
)
from singletable.models.schema.options import refuse_entity_options, refuse_table_options
from singletable.models.schema.table_schema import TableSchema

if TYPE_CHECKING:
    from pynamodb.models import Model

__all__ = ["prepare"]

_ENCODINGS = ("escaped", "raw")
_ONE_KEY = "Keep one, on the table class. An entity declares key = Key(pk=..., sk=...) instead."
_TOKEN = "write_token"  # noqa: S105 - the name of an attribute


def prepare(
    name: str,
    bases: tuple[type, ...],
    base: type[Any],
    namespace: dict[str, Any],
    discriminator: str | None,
    abstract: bool,
) -> None:
    """Complete the class body of a table or an entity, in place.

    Args:
        name: The name of the class.
        bases: Its bases.
        base: The first base that is a table, an entity, or `Table` itself.
        namespace: The class body.
        discriminator: The discriminator; None for a table or an abstract base.
        abstract: Whether the class is a base that is not an entity.

    Raises:
        DeclarationError: The class breaks a rule, which `rule` names.
    """
    make_plain(namespace)
    _inherit_meta(base, namespace)
    _add_error_class(name, base, namespace)
    if _is_table_class(base, namespace):
        _prepare_table(name, namespace)
    else:
        _prepare_entity(name, base, namespace, discriminator, abstract)
    _own_copies(bases, namespace)
    make_plain(namespace)


def _inherit_meta(base: type[Any], namespace: dict[str, Any]) -> None:
    """Make a nested Meta inherit from the base's Meta; without that, PynamoDB loses the region and the billing mode."""
    meta = namespace.get("Meta")
    inherited = getattr(base, "Meta", None)
    if meta is None or inherited is None or issubclass(meta, inherited):
        return
    namespace["Meta"] = type(
        "Meta", (meta, inherited), {"__module__": meta.__module__, "__qualname__": meta.__qualname__}
    )


def _add_error_class(name: str, base: type[Any], namespace: dict[str, Any]) -> None:
    """Add an error class such as `Order.DoesNotExist`, so that an except clause catches only this entity's errors."""
    parent = getattr(base, "DoesNotExist", ItemDoesNotExist)
    if not issubclass(parent, ItemDoesNotExist):
        parent = ItemDoesNotExist
    qualname = f"{namespace.get('__qualname__', name)}.DoesNotExist"
    namespace.setdefault(
        "DoesNotExist",
        type("DoesNotExist", (parent,), {"__module__": namespace.get("__module__"), "__qualname__": qualname}),
    )


def _own_copies(bases: tuple[type, ...], namespace: dict[str, Any]) -> None:
    """Copy the attributes of plain mixins, since they are made strict and other models may share the originals."""
    for base in bases:
        if isinstance(base, MetaModel):
            continue
        for owner in base.__mro__:
            for name, value in vars(owner).items():
                if isinstance(value, Attribute):
                    namespace.setdefault(name, deepcopy(value))


def _is_table_class(base: type[Any], namespace: Mapping[str, Any]) -> bool:
    """Return whether a class is a table class: the first class below `Table` with a table name."""
    below = getattr(base, "_owns_table", False)
    return not below and bool(declared_name(namespace.get("Meta")))


def _prepare_table(name: str, namespace: dict[str, Any]) -> None:
    """Add the attributes of every item: the keys, the discriminator, and the stored attributes of the indexes."""
    _check_name(name, "the table name", declared_name(namespace["Meta"]))
    namespace["_owns_table"] = True
    declared = [value for value in namespace.values() if isinstance(value, Attribute)]
    # A new one for each table: a discriminator attribute keeps a register of its classes.
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
            f"{name}: a key of the table is not text, but derived keys are text.",
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
            remedy=f"Use one of: {', '.join(STREAM_VIEWS)}.",
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
                    remedy="Use another name.",
                    rule="ST110",
                    entity=table,
                )
            namespace[mine] = UnicodeAttribute(null=True, attr_name=key.attr_name)
            derived.add(mine)
            stored.add(key.attr_name)
    return frozenset(derived)


def _refuse_declared(table: str, attribute: str, index: Any, declared: str, own: set[str]) -> None:
    """Refuse an index on a declared attribute other than the table's own keys and the discriminator."""
    if declared not in own:
        raise DeclarationError(
            f"{table}.{attribute}: the index {index.Meta.index_name!r} is on {declared}, a declared attribute.",
            remedy="Give the index its own key attribute; a template derives it from the declared attribute.",
            rule="ST107",
            entity=table,
            index=index.Meta.index_name,
        )


def _check_name(owner: str, what: str, text: Any, fault: str | None = None) -> None:
    """Refuse a name that DynamoDB refuses; a name from the environment is checked later, when it is read."""
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
            f"{where}: the index class {type(index).__name__} has no Meta.index_name. PynamoDB would permanently name"
            " it after the first attribute to which it is assigned.",
            remedy=f'Add index_name = "{attribute}" to its Meta.',
            rule="ST107",
            entity=table,
        )
    name = index.Meta.index_name
    _check_name(where, "the index name", name, index_fault(name))
    if name in names:
        raise DeclarationError(
            f"{where}: the index {name!r} is declared twice, also as {names[name]}.",
            remedy="Give each index class its own index_name.",
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
            f"{where}: {', '.join(wrong)} of the index {name!r} is not text, but derived keys are text.",
            remedy="Use UnicodeAttribute; a number in a key is padded by its template ({line:03d}).",
            rule="ST107",
            entity=table,
            index=name,
        )


def _prepare_entity(
    name: str, base: type[Any], namespace: dict[str, Any], discriminator: str | None, abstract: bool
) -> None:
    if not getattr(base, "_owns_table", False):
        if discriminator is not None:
            raise DeclarationError(
                f"{name}: {base.__name__} is not a table, since its Meta has no table_name.",
                remedy='Add `class Meta: table_name = "..."` to the table class.',
                rule="ST107",
                entity=name,
            )
        return
    for attribute, value in namespace.items():
        if isinstance(value, Index):
            raise DeclarationError(
                f"{name}.{attribute}: an index is declared on an entity, but belongs to the table.",
                remedy="Declare it on the table class; entities use it with Key(index=...).",
                rule="ST107",
                entity=name,
                index=attribute,
            )
    table_name = vars(namespace["Meta"]).get("table_name") if "Meta" in namespace else None
    own = declared_name(namespace.get("Meta"))
    shared = declared_name(base.Meta)
    if own is not None and own != shared:
        raise DeclarationError(
            f"{name}: Meta.table_name is {own!r}, but the entity's table is {shared!r}.",
            remedy="Leave table_name out; an entity is stored in its table.",
            rule="ST107",
            entity=name,
            value=table_name,
        )
    if "Meta" in namespace:
        refuse_entity_options(name, namespace["Meta"], base.Meta)
    if abstract == (discriminator is not None):
        raise DeclarationError(
            f"{name}: "
            + ("an abstract class has a discriminator." if abstract else "the entity has no discriminator."),
            remedy=f'Write `class {name}({base.__name__}, discriminator="{name.upper()}")`, or abstract=True for a'
            " base class that is not an entity.",
            rule="ST117" if abstract else "ST108",
            entity=name,
        )
    if discriminator is not None and (not isinstance(discriminator, str) or not discriminator):
        raise DeclarationError(
            f"{name}: the discriminator is {discriminator!r}.", remedy="Use a text.", rule="ST108", entity=name
        )
    _add_write_token(name, base, namespace)
    siblings: TableSchema | None = base._table_schema
    clash = set(namespace) & (frozenset() if siblings is None else siblings.derived)
    if clash:
        raise DeclarationError(
            f"{name}: {', '.join(sorted(clash))} is derived and cannot be declared.",
            remedy=f"Declare a key from which it is derived: {PRIMARY} = Key(pk=..., sk=...).",
            rule="ST110",
            entity=name,
        )


def _add_write_token(name: str, base: type[Any], namespace: dict[str, Any]) -> None:
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
    inherited = cast("type[Model]", base).get_attributes()
    if any(isinstance(each, WriteTokenAttribute) for each in (*inherited.values(), *namespace.values())):
        return
    if _TOKEN in namespace or _TOKEN in inherited:
        raise DeclarationError(
            f"{name}: an attribute is named {_TOKEN!r}, which is the name of the attribute that Meta.write_token"
            " declares.",
            remedy=f"Give it another name, and keep its stored name with attr_name={_TOKEN!r}.",
            rule="ST110",
            entity=name,
            attribute=_TOKEN,
        )
    namespace[_TOKEN] = WriteTokenAttribute(attr_name=stored)
