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

_OPTIONS = ("actions", "condition", "consistent", "descending", "filter", "index", "limit", "unknown")


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


def entity_schema(entity: type[Table], discriminator: str, layout: TableLayout, public: frozenset[str]) -> EntitySchema:
    """Check an entity class and work out its schema.

    Args:
        entity: The class.
        discriminator: What its items say they are.
        layout: Its table's layout.
        public: The names that `Table` itself needs.

    Raises:
        DeclarationError: It could not work; `rule` says which rule it breaks.
    """
    with _naming(entity):
        _refuse_shadows(entity, public)
        attributes = _declared(entity, layout)
        _refuse_unknown_marks(entity, attributes)
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
        _refuse_lone_projection(keys[PRIMARY])
        _check_one_key_per_index(keys)
        _check_shared_attributes(keys, layout)
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
                f"The attribute name {name!r} is an option of query() or update().",
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


def _personal(entity: type[Table]) -> frozenset[str]:
    """What any Meta in the line of inheritance marks: nobody can take a mark away by adding another."""
    marked: set[str] = set()
    for meta in entity.Meta.__mro__:
        names = vars(meta).get("personal", ())
        if isinstance(names, str):
            raise DeclarationError(
                f"Meta.personal is the text {names!r}.", remedy=f'Write personal = ("{names}",).', rule="ST110"
            )
        marked |= set(names)
    return frozenset(marked)


def _refuse_unknown_marks(entity: type[Table], attributes: Mapping[str, Attribute[Any]]) -> None:
    unknown = sorted(_personal(entity) - set(attributes))
    if unknown:
        raise DeclarationError(
            f"Meta.personal marks {', '.join(unknown)}, which is no attribute.",
            remedy=f"Use the Python names: {', '.join(attributes)}.",
            rule="ST101",
            attribute=unknown[0],
        )


def _refuse_shadows(entity: type[Table], public: frozenset[str]) -> None:
    """An attribute or a key called like a method would take its place."""
    for name in vars(entity):
        if name in public and isinstance(vars(entity)[name], (Attribute, Key, Expiry)):
            raise DeclarationError(
                f"{name!r} is the name of a method of Table.",
                remedy="Call it something else; an attribute keeps its stored name with attr_name.",
                rule="ST110",
                attribute=name,
            )


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
    primary = declarations[PRIMARY][0]
    fixed: dict[str | None, str | None] = {
        layout.partition_name: primary.pk,
        layout.sort_name: primary.sk,
        layout.type_name: discriminator.replace("{", "{{").replace("}", "}}"),
    }
    partition_text, sort_text = key.pk, key.sk
    if index is not None:
        partition_text = _fixed(name, "pk", key.pk, layout.names_at(index)[0], fixed)
        sort_text = _fixed(name, "sk", key.sk, layout.names_at(index)[1], fixed)
    if partition_text is None:
        raise DeclarationError(f"{name}: the key has no pk.", remedy="Give pk a template.", rule="ST106")
    wants_sort = layout.names_at(index)[1] is not None
    if wants_sort != (sort_text is not None):
        where = f"the index {index}" if index else "the table"
        raise DeclarationError(
            f"{name}: {where} has {'a' if wants_sort else 'no'} sort key, and the key says otherwise.",
            remedy="Give sk a template." if wants_sort else "Leave sk out.",
            rule="ST106",
            index=index,
        )
    _refuse_unusable(key, sources, attributes)
    partition = parse_template(partition_text, sources, raw=layout.raw)
    sort = None if sort_text is None else parse_template(sort_text, sources, raw=layout.raw, sort_key=True)
    return CompositeKey(name, index, partition, sort, _when(name, key, attributes), entity.__name__)


def _fixed(
    name: str, half: str, given: str | None, stored: str | None, fixed: Mapping[str | None, str | None]
) -> str | None:
    """The template of an index's key that the table has already: its own keys, or the discriminator."""
    if stored not in fixed:
        return given
    if given not in (None, fixed[stored]):
        raise DeclarationError(
            f"{name}: the index shares {stored!r} with the table.", remedy=f"Leave {half} out.", rule="ST106"
        )
    return fixed[stored]


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
        if attribute not in attributes or key_kind(attributes[attribute]) is None:
            raise DeclarationError(
                f"{name}: when= names {attribute!r}, which is no attribute that a key can depend on.",
                remedy=f"Use one of: {', '.join(each for each in attributes if key_kind(attributes[each]))}.",
                rule="ST101",
                attribute=attribute,
            )
        values = tuple(allowed) if isinstance(allowed, (tuple, list, set, frozenset)) else (allowed,)
        if not values:
            raise DeclarationError(
                f"{name}: when= allows {attribute!r} no value.", remedy="Give at least one.", rule="ST109"
            )
        try:
            texts = [attributes[attribute].serialize(value) for value in values]
            allowed_values = tuple(to_key(attributes[attribute], value) for value in values)
        except (ArithmeticError, AttributeError, TypeError, ValueError):
            texts = [None]
        if None in texts:
            raise DeclarationError(
                f"{name}: when= gives {attribute!r} a value that it cannot have.",
                remedy=f"Give values that a {type(attributes[attribute]).__name__} holds.",
                rule="ST109",
                attribute=attribute,
            )
        conditions.append((attribute, allowed_values))
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


def _refuse_lone_projection(primary: CompositeKey) -> None:
    for name in primary.attributes:
        if name not in primary.recoverable:
            raise DeclarationError(
                f"The primary key holds {name} only as a bucket or a shard: two values could give one key.",
                remedy=f"Put {{{name}}} itself into the key as well, or leave it out.",
                rule="ST111",
                attribute=name,
            )


def _check_shared_attributes(keys: Mapping[str, CompositeKey], layout: TableLayout) -> None:
    """Two indexes may be on one stored attribute; then both keys must derive the same text for it."""
    written: dict[str, tuple[str, Any]] = {}
    for name, key in keys.items():
        for stored, template in zip(layout.names_at(key.index), (key.partition, key.sort), strict=True):
            if stored is None or template is None or stored in (layout.partition_name, layout.sort_name):
                continue
            mine = (template.segments, key.when, frozenset(key.sources))
            other, theirs = written.setdefault(stored, (name, mine))
            if theirs != mine:
                raise DeclarationError(
                    f"{other} and {name} are on indexes that share the stored attribute {stored!r}, and derive"
                    " different texts for it.",
                    remedy="Give one of the indexes another attr_name, or both keys the same template and condition.",
                    rule="ST106",
                    index=key.index,
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
