"""Schemas: the declarations of an entity class, as a value.

All code that acts on an entity (deriving, reading, describing) reads its schema, and never the metaclass's internals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs
from pynamodb.attributes import Attribute, VersionAttribute

from singletable.errors import InvalidKeyValueError, InvalidValueError, UnexpectedAttributesError
from singletable.keys import CompositeKey, Source
from singletable.keys.shown import kept, shown
from singletable.models.declare.defaults import is_made_for_new
from singletable.models.declare.expiry import ExpiryRule
from singletable.models.declare.key_values import from_key, key_converter
from singletable.models.declare.stamps import Stamp, WriteTokenAttribute, random_version
from singletable.models.declare.strictness import python_steps
from singletable.models.declare.value_faults import Steps, hidden, spelled
from singletable.models.schema.layout import PRIMARY, TableLayout

if TYPE_CHECKING:
    from singletable.keys.compiled import Build
    from singletable.models.table import Table

__all__ = ["EntitySchema"]


@attrs.frozen(eq=False)
class EntitySchema:
    """An entity, as the rest of the framework sees it.

    Args:
        entity: The class.
        name: The class's name.
        discriminator: The entity type that its items store.
        attributes: The attributes that it declares, without derived ones, by Python name.
        sources: The attributes that can be part of a key.
        keys: Its keys, by name.
        declared_by: The class that declares each key, by the key's name.
        personal: The names of the attributes whose values must never be shown.
        expiry: Its expiry; None if it does not expire.
        layout: Its table's layout.
        first_version: The version of a new item; None for a random one.
    """

    entity: type[Table]
    name: str
    discriminator: str
    attributes: Mapping[str, Attribute[Any]]
    sources: Mapping[str, Source]
    keys: Mapping[str, CompositeKey]
    declared_by: Mapping[str, type]
    personal: frozenset[str]
    expiry: ExpiryRule | None
    layout: TableLayout
    first_version: int | None = None
    key_sources: tuple[str, ...] = attrs.field(init=False)
    """All attributes from which keys are derived; computed once, since each item that is read needs them."""

    @key_sources.default
    def _all_sources(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for key in self.keys.values() for name in key.sources))

    version: str | None = attrs.field(init=False)
    """The name of its PynamoDB VersionAttribute; None if it has none."""

    stamps: Mapping[str, Stamp] = attrs.field(init=False)
    """The attributes that every write sets by itself, by name: timestamps and the write token."""

    token: str | None = attrs.field(init=False)
    """The name of its write token; None if it has none."""

    personal_stored: frozenset[str] = attrs.field(init=False)
    """The stored names of the personal attributes."""

    @version.default
    def _its_version(self) -> str | None:
        return next((name for name, each in self.attributes.items() if isinstance(each, VersionAttribute)), None)

    @stamps.default
    def _its_stamps(self) -> Mapping[str, Stamp]:
        return {name: each for name, each in self.attributes.items() if isinstance(each, Stamp)}

    @token.default
    def _its_token(self) -> str | None:
        return next((name for name, each in self.attributes.items() if isinstance(each, WriteTokenAttribute)), None)

    @cached_property
    def set_by_writes(self) -> tuple[str, ...]:
        """The names of the attributes that each write sets by itself: those of `stamps`, and the version."""
        return (*self.stamps, *([self.version] if self.version else []))

    @cached_property
    def foreign_keys(self) -> frozenset[str]:
        """The stored key attributes of indexes on which the entity has no key; an item keeps them for other code."""
        own = {name for key in self.keys.values() for name in self.layout.names_at(key.index)}
        return frozenset(self.layout.key_names) - own - {self.layout.type_name}

    @cached_property
    def defaulted(self) -> tuple[str, ...]:
        """The attributes with a default for items that lack them, except for sources of keys and of the expiry."""
        sources = {*self.key_sources, *([self.expiry.after] if self.expiry else [])}
        return tuple(name for name, each in self.attributes.items() if each.default is not None and name not in sources)

    @cached_property
    def made_by_default(self) -> tuple[str, ...]:
        """The attributes whose values a new instance makes by calling a default."""
        return tuple(name for name, each in self.attributes.items() if is_made_for_new(each))

    @cached_property
    def stored_attributes(self) -> frozenset[str]:
        """The stored names of all attributes that an item may have, without the expiry of other entities."""
        declared = {each.attr_name for each in self.entity.get_attributes().values()}
        expiry = {self.expiry.stored_name} if self.expiry else set()
        return frozenset(declared | expiry | {self.layout.type_name})

    def next_version(self, version: int | None) -> int | None:
        """Return the version after a given one, or the first version for None; None if the entity has no version."""
        if self.version is None:
            return None
        if version is not None:
            return version + 1
        return random_version() if self.first_version is None else self.first_version

    @personal_stored.default
    def _its_personal_stored(self) -> frozenset[str]:
        return frozenset(self.attributes[name].attr_name for name in self.personal)

    @cached_property
    def converters(self) -> Mapping[str, Callable[[Any], Any]]:
        """The functions that convert attribute values for the keys' encodings, by name, if a value changes."""
        found = {name: key_converter(attribute) for name, attribute in self.attributes.items()}
        return {name: convert for name, convert in found.items() if convert is not None}

    @property
    def primary(self) -> CompositeKey:
        """The primary key."""
        return self.keys[PRIMARY]

    @property
    def key_owner(self) -> type:
        """The class that declares its primary key; entities with the same owner share their keys."""
        return self.declared_by[PRIMARY]

    @cached_property
    def stored_names(self) -> Mapping[str, str]:
        """The Python names of the declared attributes, by stored name."""
        return {attribute.attr_name: name for name, attribute in self.attributes.items()}

    def place_of(self, steps: Sequence[str | int]) -> tuple[str, Steps]:
        """Return the attribute of a path and the place below it, by Python names, as an error shows them.

        Args:
            steps: The path by stored names; names within a personal attribute are hidden.
        """
        stored, *inside = steps
        name = self.stored_names.get(str(stored), str(stored))
        if stored in self.personal_stored:
            return name, hidden(inside)
        return name, python_steps(self.attributes.get(name), inside)

    def builder(self, name: str) -> Build:
        """Return a function that builds a key from attribute values; it raises the errors of `CompositeKey.build`."""
        key = self.keys[name]

        def carefully(values: Mapping[str, Any]) -> tuple[str, str | None]:
            key.refuse_unexpected(values, key.attributes)
            return key.build(self.to_keys(values))

        return key.compile(
            {each: self.converters[each] for each in key.attributes if each in self.converters}, carefully
        )

    def to_keys(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return attribute values as the keys' encodings expect them.

        Raises:
            InvalidKeyValueError: A value is not valid for its attribute.
        """
        return {name: self._to_key(name, value) for name, value in values.items()}

    def _to_key(self, name: str, value: Any) -> Any:
        attribute = self.attributes.get(name)
        if attribute is None:
            raise UnexpectedAttributesError(
                f"{self.name} has no attribute {name!r}.", entity=self.name, unexpected=(name,)
            )
        try:
            return self.converters[name](value) if name in self.converters else value
        except (ArithmeticError, RecursionError, TypeError, ValueError):
            pass  # the error may quote the value, so the error below must not refer to it
        text = "‹personal›" if self.sources[name].personal else shown(value)
        raise InvalidKeyValueError(
            f"{name}={text} cannot be part of a key of {self.name}: it is not a value of {type(attribute).__name__}.",
            remedy="It has: " + ", ".join(self.sources[name].choices) if self.sources[name].choices else "",
            entity=self.name,
            attribute=name,
            value=None if self.sources[name].personal else kept(value),
        )

    def from_keys(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return attribute values from the values that the keys' encodings read."""
        return {name: from_key(self.attributes[name], value) for name, value in values.items()}

    def key_values(self, instance: object) -> dict[str, Any]:
        """Return the values of an instance from which its keys are derived."""
        return self.to_keys({name: getattr(instance, name) for name in self.key_sources})

    def named(self, error: InvalidValueError) -> InvalidValueError:
        """Add the entity and the attribute to an error about a stored value, and return the error."""
        error.entity = self.name
        stored = error.attribute
        name = self.stored_names.get(str(stored))
        if stored is None or name is None:
            return error
        path = python_steps(self.attributes[name], error.path)
        error.what = error.what.replace(spelled(stored, error.path), spelled(name, path), 1)
        error.args = (f"{error.what} {error.remedy}".strip(),)
        error.attribute, error.path = name, path
        return error

    def is_personal(self, name: str) -> bool:
        """Return whether an attribute's values must never be shown."""
        return name in self.personal
