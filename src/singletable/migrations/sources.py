"""Sources: the way a stored attribute is read, frozen into a script, so that the script does not depend on a model.

Each class is one kind of value, in the form in which the framework's own attribute of that kind stores it.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import InvalidOperation
from enum import Enum
from typing import Any, ClassVar

import attrs

from singletable.keys import Source as KeySource
from singletable.keys import ValueKind
from singletable.migrations.script import Frozen, as_names
from singletable.models.declare.key_values import standard_attribute
from singletable.requests.types import Item

__all__ = [
    "SOURCES",
    "Boolean",
    "Bytes",
    "Choice",
    "Date",
    "DateTime",
    "Decimal",
    "Integer",
    "Number",
    "Source",
    "Text",
    "UnfitItemError",
    "Uuid",
]


class UnfitItemError(Exception):
    """The reason why a migration cannot change an item, without the values of the item."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@attrs.frozen
class Source(Frozen):
    """A stored attribute from which others are derived.

    Args:
        stored_name: Its name in the item.
        default: The stored value to assume for an item without it, such as `{"S": "NEW"}`; None for no default.
        personal: Whether its values must never be shown.
    """

    kind: ClassVar[ValueKind]

    stored_name: str
    default: Mapping[str, Any] | None = attrs.field(default=None, kw_only=True)
    personal: bool = attrs.field(default=False, kw_only=True)

    @property
    def for_keys(self) -> KeySource:
        """The description that key templates need."""
        return KeySource(self.kind, self._choices(), nullable=True, personal=self.personal)

    @property
    def type(self) -> str:
        """DynamoDB's type: `S`, `N`, `B`, `BOOL`."""
        return self.type_of_kind()

    @classmethod
    def type_of_kind(cls) -> str:
        """Return DynamoDB's type of this kind of value."""
        return _ATTRIBUTES[cls.kind].attr_type

    def store(self, value: Any) -> dict[str, Any]:
        """Return a value as the framework's own attribute of this kind stores it.

        Raises:
            InvalidValueError: It is not of this kind.
        """
        attribute = _ATTRIBUTES[self.kind]
        value = value.value if isinstance(value, Enum) else value
        return {attribute.attr_type: attribute.serialize(value)}

    def read(self, item: Item) -> Any:
        """Return the value in an item, as keys contain it; None if the item lacks it.

        Raises:
            UnfitItemError: The stored value is not of this kind.
        """
        stored = item.get(self.stored_name, self.default)
        if stored is None or "NULL" in stored:
            return None
        if self.type not in stored:
            raise UnfitItemError(f"{self.stored_name} is stored as {next(iter(stored))}, not as {self.type}")
        try:
            return _ATTRIBUTES[self.kind].deserialize(stored[self.type])
        except (TypeError, ValueError, InvalidOperation):
            raise UnfitItemError(f"{self.stored_name} is not a valid {self.kind.value}") from None

    def _choices(self) -> tuple[str, ...]:
        return ()


@attrs.frozen
class Text(Source):
    """Text."""

    kind = ValueKind.TEXT


@attrs.frozen
class Choice(Source):
    """One of a known set of texts."""

    kind = ValueKind.CHOICE

    choices: tuple[str, ...] = attrs.field(default=(), converter=as_names)

    def _choices(self) -> tuple[str, ...]:
        return self.choices


@attrs.frozen
class Integer(Source):
    """A whole number."""

    kind = ValueKind.INTEGER


@attrs.frozen
class Number(Source):
    """A number, whole or with a fraction."""

    kind = ValueKind.NUMBER


@attrs.frozen
class Decimal(Source):
    """An exact decimal number."""

    kind = ValueKind.DECIMAL


@attrs.frozen
class DateTime(Source):
    """A point in time, stored as PynamoDB's UTCDateTimeAttribute stores it."""

    kind = ValueKind.DATETIME


@attrs.frozen
class Date(Source):
    """A calendar day."""

    kind = ValueKind.DATE


@attrs.frozen
class Uuid(Source):
    """A UUID."""

    kind = ValueKind.UUID


@attrs.frozen
class Boolean(Source):
    """True or False."""

    kind = ValueKind.BOOLEAN


@attrs.frozen
class Bytes(Source):
    """Bytes."""

    kind = ValueKind.BYTES


SOURCES: Mapping[ValueKind, type[Source]] = {
    each.kind: each for each in (Text, Choice, Integer, Number, Decimal, DateTime, Date, Uuid, Boolean, Bytes)
}
"""The class of each kind."""

_ATTRIBUTES = {kind: standard_attribute(kind) for kind in ValueKind}
