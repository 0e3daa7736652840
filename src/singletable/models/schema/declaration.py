"""Declarations: check an entity class when it is created, and compute its schema."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pynamodb.attributes import Attribute, DiscriminatorAttribute

from singletable.errors import DeclarationError
from singletable.keys import Source, ValueKind
from singletable.keys.text import plain
from singletable.models.declare.expiry import Expiry, ExpiryRule
from singletable.models.declare.key import Key
from singletable.models.declare.key_values import key_kind
from singletable.models.declare.personal import mark_personal
from singletable.models.schema.declared_keys import composite_keys, key_declarations, refuse_wavering
from singletable.models.schema.entity_schema import EntitySchema
from singletable.models.schema.layout import PRIMARY, TableLayout
from singletable.models.schema.names import OPTIONS, PARAMETERS, refuse_unusable_name
from singletable.models.schema.table_schema import table_schema

if TYPE_CHECKING:
    from singletable.models.table import Table

__all__ = ["make_entity_schema"]

_INSTANCE = ("attribute_values", "extra_attributes")


def make_entity_schema(
    entity: type[Table], discriminator: str, layout: TableLayout, public: frozenset[str]
) -> EntitySchema:
    """Check an entity class and compute its schema.

    Args:
        entity: The class.
        discriminator: The entity type that its items store.
        layout: Its table's layout.
        public: The names of the public methods of `Table`.

    Raises:
        DeclarationError: The class breaks a rule, which `rule` names.
    """
    with _naming(entity):
        _refuse_shadows(entity, public)
        personal = _personal(entity)
        attributes = _declared(entity, layout, personal)
        _refuse_unknown_marks(entity, personal, attributes)
        sources = {
            name: source
            for name, attribute in attributes.items()
            if (source := _source(attribute, personal=name in personal))
        }
        declared = key_declarations(entity)
        keys = composite_keys(entity, declared, discriminator, attributes, sources, layout)
        expiry = _expiry(entity, sources, layout, attributes)
        depended = [name for key in keys.values() for name in key.sources]
        refuse_wavering([*depended, *([expiry.after] if expiry else [])], attributes)
        return EntitySchema(
            entity=entity,
            name=entity.__name__,
            discriminator=discriminator,
            attributes=attributes,
            sources=sources,
            keys=keys,
            declared_by={name: owner for name, (_, owner) in declared.items()},
            personal=personal & frozenset(attributes),
            expiry=expiry,
            layout=layout,
            first_version=_first_version(entity),
        )


@contextlib.contextmanager
def _naming(entity: type) -> Iterator[None]:
    """Put the entity's name in front of the message of a declaration error."""
    try:
        yield
    except DeclarationError as error:
        parts = {"attribute": error.attribute, "index": error.index, "value": error.value, "rule": error.rule}
        raise DeclarationError(
            f"{entity.__module__}.{entity.__qualname__}: {error.what}",
            remedy=error.remedy,
            entity=entity.__name__,
            **parts,
        ) from None


def _refuse_shadows(entity: type[Table], public: frozenset[str]) -> None:
    """Refuse attributes and keys that have the name of a method and would replace it, inherited ones included."""
    declared = {name: value for owner in reversed(entity.__mro__) for name, value in vars(owner).items()}
    for name, value in declared.items():
        if name in (*public, *_INSTANCE) and isinstance(value, (Attribute, Key, Expiry)):
            raise DeclarationError(
                f"{name!r} is the name of a method of Table.",
                remedy="Use another name; an attribute keeps its stored name with attr_name.",
                rule="ST110",
                attribute=name,
            )


def _declared(entity: type[Table], layout: TableLayout, personal: frozenset[str]) -> dict[str, Attribute[Any]]:
    attributes: dict[str, Attribute[Any]] = {}
    derived = set(layout.key_names)
    internal = table_schema(entity).derived
    for name, attribute in entity.get_attributes().items():
        if name in internal or isinstance(attribute, DiscriminatorAttribute):
            continue
        if attribute.attr_name in derived or attribute.attr_name == layout.type_name:
            raise DeclarationError(
                f"The attribute {name} is stored as {attribute.attr_name!r}, which the table derives.",
                remedy="Give it another attr_name; keys are derived from templates and never set directly.",
                rule="ST110",
                attribute=name,
            )
        if name == PRIMARY:
            raise DeclarationError(
                f"An attribute is named {PRIMARY!r}, which is the name of the primary key.",
                remedy=f"Use another name, and keep the stored name with attr_name={name!r}.",
                rule="ST110",
                attribute=name,
            )
        if name in (*OPTIONS, *PARAMETERS):
            raise DeclarationError(
                f"The attribute name {name!r} is an option of query() or update()."
                if name in OPTIONS
                else f"The attribute name {name!r} is a parameter of the constructor or of update().",
                remedy=f"Use another name, and keep the stored name with attr_name={name!r}.",
                rule="ST110",
                attribute=name,
            )
        if name in personal:
            mark_personal(attribute)
        attributes[name] = attribute
    stored = [attribute.attr_name for attribute in attributes.values()]
    for name, attribute in attributes.items():
        if stored.count(attribute.attr_name) > 1:
            raise DeclarationError(
                f"Two attributes are stored as {attribute.attr_name!r}.",
                remedy="Give each attribute its own attr_name.",
                rule="ST110",
                attribute=name,
            )
    return attributes


def _first_version(entity: type[Table]) -> int | None:
    declared = getattr(entity.Meta, "first_version", "random")
    if declared not in ("random", 1) or isinstance(declared, bool):
        raise DeclarationError(
            f"Meta.first_version is {declared!r}.",
            remedy='Use "random", or 1 as in PynamoDB; with 1, a stale instance can write to an item that was deleted'
            " and created again.",
            rule="ST116",
            value=declared,
        )
    return None if declared == "random" else 1


def _source(attribute: Attribute[Any], *, personal: bool) -> Source | None:
    kind = key_kind(attribute)
    if kind is None:
        return None
    choices = tuple(getattr(attribute, "choices", ())) if kind is ValueKind.CHOICE else ()
    return Source(kind, choices, nullable=bool(attribute.null), personal=personal)


def _personal(owner: type[Table]) -> frozenset[str]:
    """Return the attributes that the Meta of the class or of any base marks; a subclass cannot remove a mark."""
    marked: set[str] = set()
    for meta in owner.Meta.__mro__:
        names = vars(meta).get("personal", ())
        if isinstance(names, str):
            raise DeclarationError(
                f"Meta.personal is the text {names!r}.", remedy=f'Write personal = ("{names}",).', rule="ST116"
            )
        marked |= set(map(plain, names))
    return frozenset(marked)


def _refuse_unknown_marks(
    entity: type[Table], personal: frozenset[str], attributes: Mapping[str, Attribute[Any]]
) -> None:
    # A mark on the table class is for all entities that have the attribute.
    unknown = sorted(personal - _personal(entity._table_class()) - set(attributes))
    if unknown:
        raise DeclarationError(
            f"Meta.personal names {', '.join(map(repr, unknown))}, but the entity has no such attribute.",
            remedy=f"Use the Python names: {', '.join(attributes)}.",
            rule="ST115",
            attribute=unknown[0],
        )


def _expiry(
    entity: type[Table],
    sources: Mapping[str, Source],
    layout: TableLayout,
    attributes: Mapping[str, Attribute[Any]],
) -> ExpiryRule | None:
    found = {
        name: value
        for owner in reversed(entity.__mro__)
        for name, value in vars(owner).items()
        if isinstance(value, Expiry) and isinstance(getattr(entity, name, None), Expiry)
    }
    if not found:
        return None
    if len(found) > 1:
        raise DeclarationError(
            f"The entity has {len(found)} expiries: {', '.join(found)}.", remedy="Keep one.", rule="ST120"
        )
    name, expiry = next(iter(found.items()))
    refuse_unusable_name(entity.__name__, expiry.attr_name, name)
    source = sources.get(expiry.after)
    if source is None or source.kind is not ValueKind.DATETIME:
        wrong = (
            "the entity has no such attribute"
            if source is None
            else f"it is of kind {source.kind.value}, not a datetime"
        )
        raise DeclarationError(
            f"Expiry(after={expiry.after!r}): {wrong}.",
            remedy="Name a UTCDateTimeAttribute of the entity.",
            rule="ST109",
            attribute=expiry.after,
        )
    taken = {attribute.attr_name for attribute in attributes.values()} | {*layout.key_names, layout.type_name}
    if expiry.attr_name in taken:
        raise DeclarationError(
            f"The expiry is stored as {expiry.attr_name!r}, the stored name of another attribute.",
            remedy="Give it another attr_name.",
            rule="ST110",
        )
    return expiry.rule
