"""Attribute classes that PynamoDB does not have: integers, decimals, dates, UUIDs, enumerations."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import Any, ClassVar, TypeVar, cast
from uuid import UUID

from pynamodb.constants import NUMBER, STRING

from singletable.chains import unchained
from singletable.keys import ValueKind
from singletable.keys.text import plain
from singletable.models.declare.contents import number_content, refused
from singletable.models.declare.operators import Scalar
from singletable.models.declare.value_faults import guarded
from singletable.requests.stored_values import number_fault, read_number

__all__ = ["DateAttribute", "DecimalAttribute", "EnumAttribute", "IntegerAttribute", "UUIDAttribute"]

EnumT = TypeVar("EnumT", bound=Enum)


class IntegerAttribute(Scalar[int]):
    """A whole number; a bool, a float, a fraction or a text is refused, and a whole Decimal becomes an int."""

    attr_type = NUMBER
    key_kind: ClassVar[ValueKind] = ValueKind.INTEGER

    def __set__(self, instance: Any, value: Any) -> None:
        if isinstance(value, Decimal) and number_fault(value) is None and value == value.to_integral_value():
            value = int(value)
        super().__set__(instance, value)

    def serialize(self, value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
            raise refused(self, value, "expected int, got " + type(value).__name__, "Give an int.")
        if isinstance(value, Decimal) and number_fault(value) is None and value != value.to_integral_value():
            raise refused(self, value, "it is not a whole number", "Give an int, or declare a DecimalAttribute.")
        return guarded(self, number_content, value, self)

    def deserialize(self, value: str) -> int:
        number = read_number(value)
        if number != number.to_integral_value():
            raise ValueError("not a whole number")
        return int(number)


class DecimalAttribute(Scalar[Decimal]):
    """An exact decimal number, for prices and amounts; a float is refused, since it is not exact."""

    attr_type = NUMBER
    key_kind: ClassVar[ValueKind] = ValueKind.DECIMAL

    def serialize(self, value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
            raise refused(self, value, "expected Decimal, got " + type(value).__name__, 'Write Decimal("1.50").')
        return guarded(self, number_content, value, self)

    def deserialize(self, value: str) -> Decimal:
        return Decimal(value)


class DateAttribute(Scalar[date]):
    """A calendar day, stored as `2026-11-23`."""

    attr_type = STRING
    key_kind: ClassVar[ValueKind] = ValueKind.DATE

    def serialize(self, value: Any) -> str:
        if isinstance(value, datetime) or not isinstance(value, date):
            raise refused(self, value, "expected date, got " + type(value).__name__, "Give a datetime.date.")
        return value.isoformat()

    def deserialize(self, value: str) -> date:
        return date.fromisoformat(value)


class UUIDAttribute(Scalar[UUID]):
    """A UUID, stored in its canonical lower-case form."""

    attr_type = STRING
    key_kind: ClassVar[ValueKind] = ValueKind.UUID

    def serialize(self, value: Any) -> str:
        if not isinstance(value, UUID):
            raise refused(self, value, "expected UUID, got " + type(value).__name__, "Give a uuid.UUID.")
        return str(value)

    def deserialize(self, value: str) -> UUID:
        return UUID(value)


class EnumAttribute(Scalar[EnumT]):
    """A member of an enumeration with text values, stored as the value.

    Args:
        enum: The enumeration. The value of each member must be a non-empty str.
    """

    attr_type = STRING
    key_kind: ClassVar[ValueKind] = ValueKind.CHOICE

    def __init__(self, enum: type[EnumT], **options: Any) -> None:
        bad = [member.name for member in enum if not isinstance(member.value, str) or not plain(member.value)]
        if bad:
            raise TypeError(f"{enum.__name__}: the value of {', '.join(bad)} is not a non-empty str")
        for name in ("default", "default_for_new"):
            if isinstance(options.get(name), Enum):
                # PynamoDB treats only built-in types as immutable. A member is also immutable.
                options[name] = partial(enum, options[name].value)
        super().__init__(**options)
        self.enum = enum

    @property
    def choices(self) -> tuple[str, ...]:
        """The values of all members, in the order of their definition."""
        return tuple(plain(member.value) for member in self.enum)

    def __set__(self, instance: Any, value: Any) -> None:
        # A member's text is converted to the member. Any other text is refused when it is stored.
        if type(value) is str and value in self.choices:
            value = self.enum(value)
        super().__set__(instance, value)

    @unchained
    def serialize(self, value: Any) -> str:
        try:
            return cast(str, self.to_key(value))
        except ValueError:
            choices = ", ".join(map(repr, self.choices))
            raise refused(self, value, f"it is not one of {choices}", f"Give a {self.enum.__name__}.") from None

    def deserialize(self, value: str) -> EnumT:
        return self.enum(value)

    def to_key(self, value: Any) -> Any:
        """Return the text of a member, which may be given as its text."""
        return plain(self.enum(value).value)

    def from_key(self, value: Any) -> EnumT:
        """Return the member with this text."""
        return self.enum(value)
