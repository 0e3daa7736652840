"""The state of a table: the result of a history of migrations, or the description of models, in a comparable form."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cached_property

import attrs

from singletable.errors import MigrationError
from singletable.keys import CompositeKey, ValueKind, encoding_for
from singletable.migrations.custom_text import CustomText
from singletable.migrations.declared import Stored, StoredAttributes, as_stored_attributes
from singletable.migrations.derived import Derived, Expires, KeyText
from singletable.migrations.script import Frozen
from singletable.migrations.sources import SOURCES, Choice, Source
from singletable.models import EntityDescription, TableDescription
from singletable.models.schema.description import AttributeDescription
from singletable.models.schema.layout import INTERNAL_TYPES
from singletable.requests.types import Item

__all__ = ["Entity", "Index", "TableState", "known_derived", "state_of"]


def _in_order(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(names))


@attrs.frozen
class Index(Frozen):
    """A global secondary index.

    Args:
        name: Its name in DynamoDB.
        partition: The stored attribute of its partition key, a String.
        sort: The stored attribute of its sort key, a String; None if it has no sort key.
        projection: `ALL`, `KEYS_ONLY` or `INCLUDE`.
        included: The stored attributes that an `INCLUDE` projection adds.
        local: Whether it is a local index, which can only be created with the table.
    """

    name: str
    partition: str
    sort: str | None = None
    projection: str = "ALL"
    included: tuple[str, ...] = attrs.field(default=(), converter=_in_order)
    local: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Its key attributes."""
        return (self.partition, self.sort) if self.sort else (self.partition,)


@attrs.frozen
class Entity:
    """An entity.

    Args:
        name: Its discriminator.
        key: Its partition key and its sort key.
        derived: Its other derived attributes, by stored name.
        attributes: Its declared attributes, by stored name.
        stamp: The stored attribute that every write sets to its time.
        filled: The functions of the history that filled declared attributes, by stored name.
    """

    name: str
    key: tuple[Derived, ...]
    derived: Mapping[str, Derived] = attrs.field(factory=dict)
    attributes: StoredAttributes = attrs.field(factory=dict, converter=as_stored_attributes)
    stamp: str | None = None
    filled: Mapping[str, Derived] = attrs.field(factory=dict, eq=False, repr=False)

    @property
    def all_derived(self) -> Iterator[Derived]:
        """Yield its primary key and its other derived attributes."""
        yield from self.key
        yield from self.derived.values()

    def with_derived(self, *derived: Derived) -> Entity:
        """Return the entity with derived attributes added, or replaced if it has their names."""
        return attrs.evolve(self, derived={**self.derived, **{each.stored_name: each for each in derived}})

    def renamed(self, old: str, new: str) -> Entity:
        """Return the entity with another name of an attribute, also in its sources."""
        attributes = {new if name == old else name: kind for name, kind in self.attributes.items()}

        def change(source: Source) -> Source:
            return attrs.evolve(source, stored_name=new) if source.stored_name == old else source

        stamp = new if self.stamp == old else self.stamp
        return attrs.evolve(self._with_sources(change), attributes=attributes, stamp=stamp)

    def converted(self, name: str, stored: Stored) -> Entity:
        """Return the entity with another form of an attribute, also in its sources."""

        def change(source: Source) -> Source:
            return stored.source(name, source) if source.stored_name == name and stored.kind else source

        return self._with_sources(change).declaring({name: stored})

    def declaring(self, attributes: Mapping[str, Stored | None]) -> Entity:
        """Return the entity with other declarations; None for an attribute that is no longer declared.

        The allowed values of a choice change also in sources, which does not change a key.
        """

        def change(source: Source) -> Source:
            stored = attributes.get(source.stored_name)
            if isinstance(source, Choice) and stored is not None and stored.kind is ValueKind.CHOICE:
                # A removed value stays readable: items may have it until they are converted.
                return attrs.evolve(source, choices=tuple(dict.fromkeys((*stored.choices, *source.choices))))
            return source

        merged = {**self.attributes, **attributes}
        declared = {name: stored for name, stored in merged.items() if stored is not None}
        return attrs.evolve(self._with_sources(change), attributes=declared)

    def _with_sources(self, change: Callable[[Source], Source]) -> Entity:
        return attrs.evolve(
            self,
            key=tuple(each.with_sources(change) for each in self.key),
            derived={name: each.with_sources(change) for name, each in self.derived.items()},
        )


@attrs.frozen
class TableState:
    """A table as migrations see it.

    Args:
        partition: The stored attribute of the partition key.
        sort: The stored attribute of the sort key.
        type_name: The stored attribute of the discriminator.
        indexes: Its indexes, by name.
        entities: Its entities, by discriminator.
        ttl: The stored attribute of the time to live, if it is on.
        stream: The view of its stream, if it has one.
    """

    partition: str
    sort: str
    type_name: str
    indexes: Mapping[str, Index] = attrs.field(factory=dict)
    entities: Mapping[str, Entity] = attrs.field(factory=dict)
    ttl: str | None = None
    stream: str | None = None

    @property
    def key_names(self) -> tuple[str, str]:
        """The stored attributes of the primary key."""
        return self.partition, self.sort

    @cached_property
    def owned_names(self) -> tuple[str, ...]:
        """The stored attributes that only a derived value may have: the keys of indexes and the expiry."""
        names = [name for index in self.indexes.values() for name in index.names]
        taken = (*self.key_names, self.type_name)
        return tuple(name for name in dict.fromkeys([*names, *([self.ttl] if self.ttl else [])]) if name not in taken)

    def entity(self, name: str) -> Entity:
        """Return the entity with a discriminator.

        Raises:
            MigrationError: The history has no such entity.
        """
        if name not in self.entities:
            known = ", ".join(sorted(self.entities)) or "none yet"
            raise MigrationError(
                f"The entity {name!r} does not exist at this point of the history.",
                remedy=f"It has: {known}. Name an entity by its discriminator, and add it first with AddEntity.",
            )
        return self.entities[name]

    def type_of(self, item: Item) -> str | None:
        """Return the discriminator of an item; None if it has none, or one that is not a String."""
        return item.get(self.type_name, {}).get("S")

    def is_own(self, item: Item) -> bool:
        """Return whether an item is one of the framework's own records."""
        return (self.type_of(item) or "").startswith(INTERNAL_TYPES)

    def show_key(self, key: Item, entity: str | None = None) -> str:
        """Return a primary key as text for people, without personal values.

        Args:
            key: The key.
            entity: The discriminator of its item, if it is known.
        """
        texts = {name: str(next(iter(value.values()))) for name, value in key.items()}
        known = self.entities.get(entity or "")
        candidates = [known] if known else list(self.entities.values())
        keys = [[half for half in each.key if isinstance(half, KeyText)] for each in candidates]
        secret = [halves for halves in keys if any(half.personal for half in halves)]
        fitting = [halves for halves in keys if all(half.fits(texts[half.stored_name]) for half in halves)]
        for halves in fitting:
            if halves in secret:
                texts |= {half.stored_name: half.mask(texts[half.stored_name]) for half in halves}
                break
        if secret and not fitting:
            # A key of unknown shape may be an old or a wrong key with personal values.
            return "‹personal›"
        return " / ".join(texts[name] for name in self.key_names if name in texts)

    def with_entity(self, entity: Entity) -> TableState:
        """Return the state with an entity added, or replaced if it has the name."""
        return attrs.evolve(self, entities={**self.entities, entity.name: entity})

    def without_entity(self, name: str) -> TableState:
        """Return the state without an entity."""
        self.entity(name)
        return attrs.evolve(self, entities={key: each for key, each in self.entities.items() if key != name})

    def with_index(self, index: Index) -> TableState:
        """Return the state with an index added, or replaced if it has the name."""
        return attrs.evolve(self, indexes={**self.indexes, index.name: index})

    def without_index(self, name: str) -> TableState:
        """Return the state without an index."""
        return attrs.evolve(self, indexes={key: each for key, each in self.indexes.items() if key != name})


def known_derived(state: TableState | None, entity: str) -> Mapping[str, Derived]:
    """Return the derived and the filled attributes of an entity, by stored name; nothing if it is not known."""
    found = state.entities.get(entity) if state else None
    return {**found.filled, **found.derived} if found else {}


def state_of(description: TableDescription) -> TableState:
    """Return the state that models describe, which a history should lead to."""
    sorts = {description.sort_name, *(index.sort_name for index in description.indexes if index.sort_name)}
    reader = _Reader(description, frozenset(sorts))
    return TableState(
        partition=description.partition_name,
        sort=description.sort_name,
        type_name=description.type_name,
        indexes={
            each.name: Index(each.name, each.partition_name, each.sort_name, each.projection, each.included, each.local)
            for each in description.indexes
        },
        entities={each.discriminator: reader.entity(each) for each in description.entities},
        ttl=description.ttl,
        stream=description.stream,
    )


@attrs.frozen
class _Reader:
    table: TableDescription
    sorts: frozenset[str]

    def entity(self, entity: EntityDescription) -> Entity:
        derived: dict[str, Derived] = {}
        for key in entity.keys[1:]:
            derived |= {each.stored_name: each for each in self._key(entity, key)}
        if entity.expiry is not None:
            after = entity.attribute(entity.expiry.after)
            name = entity.expiry.stored_name
            source = _source(after)
            derived[name] = (
                Expires(name, source, days=entity.expiry.days)
                if source
                else CustomText(name, f"{entity.expiry.days:g} days after {after.stored_name}")
            )
        # The key of an index may be an attribute that every item has: the discriminator, or half of the primary key.
        for name in (self.table.partition_name, self.table.sort_name, self.table.type_name):
            derived.pop(name, None)
        return Entity(
            name=entity.discriminator,
            key=self._key(entity, entity.primary),
            derived=derived,
            attributes={each.stored_name: _stored(each) for each in entity.attributes},
            stamp=entity.stamp,
        )

    def _key(self, entity: EntityDescription, key: CompositeKey) -> tuple[Derived, ...]:
        names = self._names(key.index)
        described = {name: entity.attribute(name) for name in key.sources}
        sources = {name: _source(each) for name, each in described.items()}
        made: list[Derived] = []
        for stored_name, template in zip(names, key.templates, strict=False):
            if any(source is None for source in sources.values()):
                kinds = ", ".join(f"{name}: {each.stored_name}, {each.kind}" for name, each in described.items())
                made.append(CustomText(stored_name, f"{template.text} ({kinds})"))
                continue
            when = {name: tuple(_plain(described[name], each) for each in values) for name, values in key.when}
            # Both halves of an index key exist, or none; a primary key always exists.
            mine = key.sources if key.index else template.attributes
            safe = {_safe(name, sources): sources[name] for name in mine}
            made.append(
                KeyText(
                    stored_name,
                    _rename_fields(template.text, sources),
                    when={_safe(name, sources): values for name, values in when.items()},
                    raw=self.table.key_encoding == "raw",
                    sort=stored_name in self.sorts,
                    **safe,  # type: ignore[arg-type]  # none is None here
                )
            )
        return tuple(made)

    def _names(self, index: str | None) -> tuple[str, ...]:
        if index is None:
            return self.table.partition_name, self.table.sort_name
        layout = next(each for each in self.table.indexes if each.name == index)
        return (layout.partition_name, layout.sort_name) if layout.sort_name else (layout.partition_name,)


_TAKEN = frozenset({"when", "raw", "sort"})


def _safe(name: str, names: Collection[str]) -> str:
    """Return a field's name in a script that differs from KeyText's options and from the other fields."""
    while name in _TAKEN:
        name += "_"
        while name in names:
            name += "_"
    return name


def _rename_fields(template: str, names: Collection[str]) -> str:
    for name in names:
        if name in _TAKEN:
            safe = _safe(name, names)
            template = template.replace(f"{{{name}}}", f"{{{safe}}}").replace(f"{{{name}:", f"{{{safe}:")
    return template


def _source(attribute: AttributeDescription) -> Source | None:
    """Return the source of an attribute; None if only its own class can read it."""
    if attribute.kind is None or not attribute.standard:
        return None
    kind = ValueKind(attribute.kind)
    options = {"default": attribute.default, "personal": attribute.personal}
    if kind is ValueKind.CHOICE:
        return Choice(attribute.stored_name, attribute.choices, **options)  # type: ignore[arg-type]
    return SOURCES[kind](attribute.stored_name, **options)  # type: ignore[arg-type]


def _stored(attribute: AttributeDescription) -> Stored:
    known = attribute.kind is not None and attribute.standard
    form = str(attribute.kind) if known else attribute.type
    return Stored(form, required=attribute.required, choices=attribute.choices if known else ())


def _plain(attribute: AttributeDescription, value: object) -> str:
    source = attribute.source
    assert source is not None
    return encoding_for(source, "").encode(value)
