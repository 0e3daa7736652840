"""Schemas: what an entity class declares, checked once when the class is made.

Everything that acts on an entity (deriving, reading, describing) reads its schema, and never the
metaclass's internals.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from string import Formatter
from typing import TYPE_CHECKING, Any

import attrs
from pynamodb.attributes import Attribute, DiscriminatorAttribute

from singletable.errors import DeclarationError, InvalidKeyValueError, UnexpectedAttributesError
from singletable.keys import CompositeKey, Source, ValueKind, parse_template
from singletable.models.attributes import from_key, key_kind, to_key
from singletable.models.expiry import Expiry, ExpiryRule
from singletable.models.key import Key
from singletable.models.layout import TableLayout

if TYPE_CHECKING:
    from singletable.models.table import Table

__all__ = ["PRIMARY", "EntitySchema", "entity_schema"]

PRIMARY = "key"
"""The name under which every entity declares its primary key."""

_OPTIONS = ("consistent", "descending", "filter", "limit", "unknown")


@attrs.frozen(eq=False)
class EntitySchema:
    """An entity, as the rest of the framework sees it.

    Args:
        entity: The class.
        name: The class's name.
        discriminator: What its items say they are.
        attributes: The attributes that it declares, without derived ones, by Python name.
        sources: Those of them that can stand in a key.
        keys: Its keys, by name.
        declared_by: The class that each key was declared in, by name.
        expiry: Its expiry, if any.
        layout: Its table's layout.
    """

    entity: type[Table]
    name: str
    discriminator: str
    attributes: Mapping[str, Attribute[Any]]
    sources: Mapping[str, Source]
    keys: Mapping[str, CompositeKey]
    declared_by: Mapping[str, type]
    expiry: ExpiryRule | None
    layout: TableLayout

    @property
    def primary(self) -> CompositeKey:
        """The primary key."""
        return self.keys[PRIMARY]

    @property
    def stored_names(self) -> Mapping[str, str]:
        """The declared attributes' Python names, by stored name."""
        return {attribute.attr_name: name for name, attribute in self.attributes.items()}

    def to_keys(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Attribute values as the keys' encodings expect them.

        Raises:
            InvalidKeyValueError: A value is none of its attribute's.
        """
        return {name: self._to_key(name, value) for name, value in values.items()}

    def _to_key(self, name: str, value: Any) -> Any:
        attribute = self.attributes.get(name)
        if attribute is None:
            raise UnexpectedAttributesError(
                f"{self.name} has no attribute {name!r}.", entity=self.name, unexpected=(name,)
            )
        try:
            return to_key(attribute, value)
        except (TypeError, ValueError):
            shown = "‹personal›" if self.sources[name].personal else repr(value)
            raise InvalidKeyValueError(
                f"{name}={shown} cannot stand in a key of {self.name}: it is no value of {type(attribute).__name__}.",
                remedy="It has: " + ", ".join(self.sources[name].choices) if self.sources[name].choices else "",
                entity=self.name,
                attribute=name,
                value=None if self.sources[name].personal else value,
            ) from None

    def from_keys(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Attribute values, from what the keys' encodings read."""
        return {name: from_key(self.attributes[name], value) for name, value in values.items()}

    def key_values(self, instance: object) -> dict[str, Any]:
        """The values that decide an instance's keys."""
        names = {name for key in self.keys.values() for name in key.sources}
        return self.to_keys({name: getattr(instance, name) for name in names})

    def is_personal(self, name: str) -> bool:
        """Whether an attribute's values must never be shown."""
        return name in _personal(self.entity)


def entity_schema(entity: type[Table], discriminator: str, layout: TableLayout) -> EntitySchema:
    """Check an entity class and work out its schema.

    Raises:
        DeclarationError: It could not work; `rule` says which rule it breaks.
    """
    with _naming(entity):
        attributes = _declared(entity, layout)
        sources = {
            name: source for name, attribute in attributes.items() if (source := _source(entity, name, attribute))
        }
        declarations = dict(_declarations(entity))
        if PRIMARY not in declarations:
            raise _no_primary_key(entity)
        keys = {
            name: _composite(entity, name, key, sources, attributes, layout, declarations, discriminator)
            for name, (key, _) in declarations.items()
        }
        _refuse_nullable_key(keys[PRIMARY], sources)
        _check_one_key_per_index(keys)
        return EntitySchema(
            entity=entity,
            name=entity.__name__,
            discriminator=discriminator,
            attributes=attributes,
            sources=sources,
            keys=keys,
            declared_by={name: owner for name, (_, owner) in declarations.items()},
            expiry=_expiry(entity, sources, layout, attributes),
            layout=layout,
        )


@contextlib.contextmanager
def _naming(entity: type) -> Iterator[None]:
    """Put the entity's name in front of whatever is wrong with it."""
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


def _declared(entity: type[Table], layout: TableLayout) -> dict[str, Attribute[Any]]:
    attributes: dict[str, Attribute[Any]] = {}
    derived = set(layout.key_names)
    internal = entity._derived_names()
    for name, attribute in entity.get_attributes().items():
        if name in internal or isinstance(attribute, DiscriminatorAttribute):
            continue
        if attribute.attr_name in derived or attribute.attr_name == layout.type_name:
            raise DeclarationError(
                f"The attribute {name} is stored as {attribute.attr_name!r}, which the table derives.",
                remedy="Give it another attr_name; keys are derived from templates and never written by hand.",
                rule="ST110",
                attribute=name,
            )
        if name in _OPTIONS:
            raise DeclarationError(
                f"The attribute name {name!r} is an option of query().",
                remedy=f"Call it something else, and keep the stored name with attr_name={name!r}.",
                rule="ST110",
                attribute=name,
            )
        # Read by the attribute's own messages, which must not show a personal value.
        attribute.personal = getattr(attribute, "personal", False) or name in _personal(entity)  # type: ignore[attr-defined]
        attributes[name] = attribute
    stored = [attribute.attr_name for attribute in attributes.values()]
    for name, attribute in attributes.items():
        if stored.count(attribute.attr_name) > 1:
            raise DeclarationError(
                f"Two attributes are stored as {attribute.attr_name!r}.",
                remedy="Give each its own attr_name.",
                rule="ST110",
                attribute=name,
            )
    return attributes


def _source(entity: type[Table], name: str, attribute: Attribute[Any]) -> Source | None:
    kind = key_kind(attribute)
    if kind is None:
        return None
    choices = tuple(getattr(attribute, "choices", ())) if kind is ValueKind.CHOICE else ()
    return Source(kind, choices, nullable=bool(attribute.null), personal=name in _personal(entity))


def _personal(entity: type[Table]) -> tuple[str, ...]:
    return tuple(getattr(entity.Meta, "personal", ()))


def _declarations(entity: type[Table]) -> Iterator[tuple[str, tuple[Key, type]]]:
    """The keys of a class and of its bases, the nearest first; None takes an inherited one away."""
    seen: set[str] = set()
    for owner in entity.__mro__:
        for name, value in vars(owner).items():
            if name in seen:
                continue
            if isinstance(value, Key):
                yield name, (value, owner)
            seen.add(name)


def _composite(
    entity: type[Table],
    name: str,
    key: Key,
    sources: Mapping[str, Source],
    attributes: Mapping[str, Attribute[Any]],
    layout: TableLayout,
    declarations: Mapping[str, tuple[Key, type]],
    discriminator: str,
) -> CompositeKey:
    index = _index_name(name, key, layout, entity)
    partition_text = key.pk
    if index is not None and layout.indexes[index].partition_name in (layout.partition_name, layout.type_name):
        by_type = layout.indexes[index].partition_name == layout.type_name
        shared = discriminator.replace("{", "{{").replace("}", "}}") if by_type else declarations[PRIMARY][0].pk
        if key.pk not in (None, shared):
            owner = "is on the discriminator" if by_type else "shares the table's partition key"
            raise DeclarationError(f"{name}: the index {index} {owner}.", remedy="Leave pk out.", rule="ST106")
        partition_text = shared
    if partition_text is None:
        raise DeclarationError(f"{name}: the key has no pk.", remedy="Give pk a template.", rule="ST106")
    wants_sort = layout.names_at(index)[1] is not None
    if wants_sort != (key.sk is not None):
        where = f"the index {index}" if index else "the table"
        raise DeclarationError(
            f"{name}: {where} has {'a' if wants_sort else 'no'} sort key, and the key says otherwise.",
            remedy="Give sk a template." if wants_sort else "Leave sk out.",
            rule="ST106",
            index=index,
        )
    _refuse_unusable(key, sources, attributes)
    partition = parse_template(partition_text, sources, raw=layout.raw)
    sort = None if key.sk is None else parse_template(key.sk, sources, raw=layout.raw, sort_key=True)
    return CompositeKey(name, index, partition, sort, _when(name, key, attributes), entity.__name__)


def _index_name(name: str, key: Key, layout: TableLayout, entity: type[Table]) -> str | None:
    if key.index is None:
        if name != PRIMARY:
            raise DeclarationError(
                f"The key {name!r} names no index, and the primary key is called {PRIMARY!r}.",
                remedy=f"Add index=..., or call it {PRIMARY!r}.",
                rule="ST106",
            )
        return None
    if name == PRIMARY:
        raise DeclarationError(
            f"The primary key {PRIMARY!r} names an index.", remedy="Give the index key another name.", rule="ST106"
        )
    index: Any = key.index
    found = index if isinstance(index, str) else index.Meta.index_name
    if found not in layout.indexes:
        known = ", ".join(layout.indexes) or "none"
        raise DeclarationError(
            f"{name}: {found!r} is no index of {entity._table_class().__name__}.",
            remedy=f"Declare it on the table class. It has: {known}.",
            rule="ST107",
            index=found,
        )
    return str(found)


def _refuse_unusable(key: Key, sources: Mapping[str, Source], attributes: Mapping[str, Attribute[Any]]) -> None:
    """A field whose attribute exists but cannot stand in a key deserves a better word than "unknown"."""
    named: list[str | None] = []
    for text in (key.pk, key.sk):
        # A malformed template is for parse_template to tell.
        with contextlib.suppress(ValueError):
            named += [name for _, name, _, _ in Formatter().parse(text or "")]
    for name in named:
        if name is not None and name in attributes and name not in sources:
            raise DeclarationError(
                f"{{{name}}}: a {type(attributes[name]).__name__} cannot stand in a key.",
                remedy="Keys take text, numbers, times, dates, UUIDs, bools, bytes and enumerations; a class"
                " of your own says which with key_kind.",
                rule="ST105",
                attribute=name,
            )


def _when(name: str, key: Key, attributes: Mapping[str, Attribute[Any]]) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    conditions = []
    for attribute, allowed in key.when.items():
        if attribute not in attributes:
            raise DeclarationError(
                f"{name}: when= names {attribute!r}, which is no attribute.",
                remedy=f"Use one of: {', '.join(attributes)}.",
                rule="ST101",
                attribute=attribute,
            )
        values = tuple(allowed) if isinstance(allowed, (tuple, list, set, frozenset)) else (allowed,)
        if not values:
            raise DeclarationError(
                f"{name}: when= allows {attribute!r} no value.", remedy="Give at least one.", rule="ST109"
            )
        try:
            conditions.append((attribute, tuple(to_key(attributes[attribute], value) for value in values)))
        except ValueError as error:
            raise DeclarationError(
                f"{name}: when= gives {attribute!r} a value that it cannot have: {error}.",
                rule="ST109",
                attribute=attribute,
            ) from None
    if conditions and key.index is None:
        raise DeclarationError(
            f"{name}: the primary key cannot depend on a condition.",
            remedy="when= is for index keys.",
            rule="ST109",
        )
    return tuple(conditions)


def _no_primary_key(entity: type[Table]) -> DeclarationError:
    return DeclarationError(
        "The entity has no primary key.",
        remedy=f'Declare one: {PRIMARY} = Key(pk="{entity.__name__.upper()}#{{...}}", sk="...").',
        rule="ST106",
    )


def _refuse_nullable_key(primary: CompositeKey, sources: Mapping[str, Source]) -> None:
    for name in primary.attributes:
        if sources[name].nullable:
            raise DeclarationError(
                f"The primary key uses {name}, which may be None.",
                remedy="Take null=True away, or use another attribute: an item without a primary key cannot be.",
                rule="ST102",
                attribute=name,
            )


def _check_one_key_per_index(keys: Mapping[str, CompositeKey]) -> None:
    by_index: dict[str | None, str] = {}
    for name, key in keys.items():
        other = by_index.setdefault(key.index, name)
        if other != name:
            raise DeclarationError(
                f"Both {other} and {name} are keys of the index {key.index}, and an item has only one there.",
                remedy="Use another index for one of them.",
                rule="ST106",
                index=key.index,
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
            f"The entity has {len(found)} expiries: {', '.join(found)}.", remedy="Keep one.", rule="ST109"
        )
    expiry = next(iter(found.values()))
    source = sources.get(expiry.after)
    if source is None or source.kind is not ValueKind.DATETIME:
        raise DeclarationError(
            f"Expiry(after={expiry.after!r}): there is no datetime attribute of this name.",
            remedy="Name a UTCDateTimeAttribute of the entity.",
            rule="ST109",
            attribute=expiry.after,
        )
    taken = {attribute.attr_name for attribute in attributes.values()} | {*layout.key_names, layout.type_name}
    if expiry.attr_name in taken:
        raise DeclarationError(
            f"The expiry is stored as {expiry.attr_name!r}, which is taken.",
            remedy="Give it another attr_name.",
            rule="ST109",
        )
    return expiry.rule
