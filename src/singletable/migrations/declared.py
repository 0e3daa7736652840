"""Declared attributes, frozen into scripts: how each is stored, whether an item may lack it, and its allowed values."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import attrs
from boto3.dynamodb.types import TypeDeserializer

from singletable.errors import InvalidValueError, MigrationError
from singletable.keys import ValueKind
from singletable.migrations.returned_values import stored_value
from singletable.migrations.script import Frozen, as_names
from singletable.migrations.sources import SOURCES, Choice, Source, UnfitItemError
from singletable.requests.types import Item

__all__ = ["ANY", "Stored", "StoredAttributes", "as_stored", "as_stored_attributes"]

ANY = "any"
"""The form of an attribute whose form is unknown."""

_TYPES = ("S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS")
_KINDS = {each.value: each for each in ValueKind}
_deserializer = TypeDeserializer()


@attrs.frozen
class Stored(Frozen):
    """A declared attribute, as it is stored.

    ::

        Stored("datetime", required=True)
        Stored("choice", required=True, choices=("OPEN", "DONE"))
        Stored("M")

    Args:
        form: The kind of a value that the framework's own attribute classes store (`text`, `choice`, `integer`,
            `number`, `decimal`, `datetime`, `date`, `uuid`, `boolean`, `bytes`); or DynamoDB's type (`S`, `N`, `M`,
            ...) for a class of the project; `any` if neither is known.
        required: Whether an item without it cannot be read; None if that is not known.
        choices: The allowed texts of a `choice`.
    """

    form: str = attrs.field()
    required: bool | None = attrs.field(default=None, kw_only=True)
    choices: tuple[str, ...] = attrs.field(default=(), converter=as_names, kw_only=True)

    @form.validator
    def _is_known(self, field: object, form: Any) -> None:
        if form not in (ANY, *_TYPES, *_KINDS):
            raise MigrationError(
                f"{form!r} is not the form of a stored attribute.",
                remedy=f"One of: {', '.join((*_KINDS, *_TYPES, ANY))}.",
            )

    @property
    def kind(self) -> ValueKind | None:
        """The kind of its values; None if only a class of the project knows."""
        return _KINDS.get(self.form)

    @property
    def type(self) -> str | None:
        """DynamoDB's type; None if it is not known."""
        if self.form == ANY:
            return None
        return SOURCES[self.kind].type_of_kind() if self.kind else self.form

    @property
    def plain(self) -> str | Stored:
        """The shortest equivalent value in a script."""
        return self.form if self == Stored(self.form) else self

    def source(self, name: str, like: Source | None = None) -> Source:
        """Return the source that reads it.

        Args:
            name: The stored attribute.
            like: A source whose privacy it gets.
        """
        return _source(self, name, like is not None and like.personal)

    def describe(self) -> str:
        """Return its form for people: `text`, `choice of OPEN, DONE`, `S`."""
        return f"{self.form} of {', '.join(self.choices)}" if self.choices else self.form

    def fault(self, name: str, item: Item) -> str | None:
        """Return why a stored value cannot be read, without the value; None if it can, or if it is absent or NULL."""
        stored = item.get(name)
        if stored is None or "NULL" in stored or self.type is None:
            return None
        if self.type not in stored:
            return f"{name} is stored as {next(iter(stored))}, not as {self.type}"
        if self.kind is None:
            return None
        try:
            value = self.source(name).read(item)
        except UnfitItemError as unfit:
            return unfit.reason
        if self.choices and value not in self.choices:
            return f"{name} is not one of its {len(self.choices)} allowed values"
        return None

    def read(self, name: str, item: Item) -> Any:
        """Return the Python value in an item, which must have one.

        Raises:
            UnfitItemError: The stored value is of another form.
        """
        reason = self.fault(name, item)
        if reason:
            raise UnfitItemError(reason)
        return self.source(name).read(item) if self.kind else _deserializer.deserialize(item[name])

    def store(self, name: str, value: Any) -> dict[str, Any]:
        """Return a Python value as it is stored.

        Raises:
            UnfitItemError: It is not of this form.
        """
        try:
            stored = self.source(name).store(value) if self.kind else stored_value(name, value)
        except (InvalidValueError, TypeError, ValueError, ArithmeticError, AttributeError):
            raise UnfitItemError(f"{name} would be a {type(value).__name__}, which is not a {self.form}") from None
        if stored is None or (self.type is not None and self.type not in stored):
            raise UnfitItemError(f"{name} would be a {type(value).__name__}, which is not a {self.form}")
        reason = self.fault(name, {name: stored})
        if reason:
            raise UnfitItemError(reason)
        return stored


StoredAttributes = Mapping[str, Stored]


@lru_cache(maxsize=4096)
def _source(stored: Stored, name: str, personal: bool) -> Source:
    """Return a source. It is cached, since a verification reads every attribute of every item by one."""
    assert stored.kind is not None
    if stored.kind is ValueKind.CHOICE:
        return Choice(name, stored.choices, personal=personal)
    return SOURCES[stored.kind](name, personal=personal)


def as_stored(value: str | Stored) -> Stored:
    """Return the declaration in a script, which may be only the form."""
    return value if isinstance(value, Stored) else Stored(value)


def as_stored_attributes(values: Mapping[str, str | Stored]) -> StoredAttributes:
    """Return the declarations of a script by stored name."""
    return {name: as_stored(value) for name, value in values.items()}
