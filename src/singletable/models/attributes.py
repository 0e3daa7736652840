"""Attribute classes that PynamoDB lacks, and strict twins of three that it has.

An attribute can stand in a key if its class says which kind of values it holds, as `key_kind`. A
class of your own takes part by setting it; `to_key` and `from_key` convert where the Python value is
not what the key's encoding expects.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import Any, ClassVar, TypeVar, cast
from uuid import UUID

from pynamodb.attributes import (
    Attribute,
    BinaryAttribute,
    BooleanAttribute,
    JSONAttribute,
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    TTLAttribute,
    UnicodeAttribute,
    UTCDateTimeAttribute,
    VersionAttribute,
)
from pynamodb.constants import NUMBER, STRING

from singletable.chains import unchained
from singletable.errors import InvalidValueError, SingletableError, UnexpectedAttributesError
from singletable.keys import ValueKind
from singletable.keys.shown import kept, shown
from singletable.keys.text import plain
from singletable.models.containers import RawMapAttribute, StrictListAttribute, inner_attributes
from singletable.requests.values import number_fault, number_text, read_number

__all__ = [
    "DateAttribute",
    "DecimalAttribute",
    "DerivedAttribute",
    "EnumAttribute",
    "IntegerAttribute",
    "Scalar",
    "StrictNumberAttribute",
    "StrictUTCDateTimeAttribute",
    "StrictUnicodeAttribute",
    "StrictVersionAttribute",
    "UUIDAttribute",
    "class_name",
    "derived",
    "from_key",
    "hiding",
    "is_standard",
    "key_converter",
    "key_kind",
    "not_to_be_set",
    "standard_attribute",
    "strict",
    "to_key",
]

EnumT = TypeVar("EnumT", bound=Enum)
_T = TypeVar("_T")


class Scalar(Attribute[_T]):
    """Refuses a dict as the value of a condition or an action: PynamoDB takes `{"S": "x"}` for already serialised."""


def hiding(kind: type[Attribute[Any]], name: str) -> Callable[..., Any]:
    """Return an operator of an attribute class whose errors hide personal values; PynamoDB's errors quote them."""
    pynamodbs = getattr(kind, name)

    def operator(self: Attribute[Any], *values: Any) -> Any:
        try:
            return pynamodbs(self, *values)
        except SingletableError:
            raise
        except ValueError:
            pass  # the error quotes the value, and the one below must not lead to it
        raise _refused(self, values[0], f"an attribute of type {self.attr_type} has no {name} with it")

    operator.__name__ = name
    return operator


def _without_dicts(name: str) -> Callable[..., Any]:
    pynamodbs = hiding(Attribute, name)

    def operator(self: Attribute[Any], *values: Any) -> Any:
        for value in values:
            if isinstance(value, dict):
                self.serialize(value)
                raise _refused(self, value, "expected a value, got dict")
        return pynamodbs(self, *values)

    operator.__name__ = name
    return operator


for _operator in (
    "__eq__",
    "__ne__",
    "__lt__",
    "__le__",
    "__gt__",
    "__ge__",
    "__add__",
    "__sub__",
    "__radd__",
    "__rsub__",
    "__or__",
    "between",
    "is_in",
    "startswith",
    "contains",
    "set",
    "add",
    "delete",
    "append",
    "prepend",
):
    setattr(Scalar, _operator, _without_dicts(_operator))


class IntegerAttribute(Scalar[int]):
    """A whole number; a bool, a float or text is refused."""

    attr_type = NUMBER
    key_kind: ClassVar[ValueKind] = ValueKind.INTEGER

    def serialize(self, value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, int):
            raise _refused(self, value, "expected int, got " + type(value).__name__)
        return _number_text(self, value)

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
            raise _refused(self, value, "expected Decimal, got " + type(value).__name__, 'Write Decimal("1.50").')
        return _number_text(self, value)

    def deserialize(self, value: str) -> Decimal:
        return Decimal(value)


class DateAttribute(Scalar[date]):
    """A calendar day, stored as `2026-11-23`."""

    attr_type = STRING
    key_kind: ClassVar[ValueKind] = ValueKind.DATE

    def serialize(self, value: Any) -> str:
        if isinstance(value, datetime) or not isinstance(value, date):
            raise _refused(self, value, "expected date, got " + type(value).__name__)
        return value.isoformat()

    def deserialize(self, value: str) -> date:
        return date.fromisoformat(value)


class UUIDAttribute(Scalar[UUID]):
    """A UUID, stored in its canonical lower-case form."""

    attr_type = STRING
    key_kind: ClassVar[ValueKind] = ValueKind.UUID

    def serialize(self, value: Any) -> str:
        if not isinstance(value, UUID):
            raise _refused(self, value, "expected UUID, got " + type(value).__name__)
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
                # PynamoDB takes only built-in types for immutable; a member is as immutable as they are.
                options[name] = partial(enum, options[name].value)
        super().__init__(**options)
        self.enum = enum

    @property
    def choices(self) -> tuple[str, ...]:
        """The values of all members, in the order of their definition."""
        return tuple(plain(member.value) for member in self.enum)

    def __set__(self, instance: Any, value: Any) -> None:
        # The text of a member stands for it; text that is none is refused when it is to be stored.
        if type(value) is str and value in self.choices:
            value = self.enum(value)
        super().__set__(instance, value)

    @unchained
    def serialize(self, value: Any) -> str:
        try:
            return cast(str, self.to_key(value))
        except ValueError:
            raise _refused(self, value, "it is none of " + ", ".join(map(repr, self.choices))) from None

    def deserialize(self, value: str) -> EnumT:
        return self.enum(value)

    def to_key(self, value: Any) -> Any:
        """The member's text; the text of a member stands for it."""
        return plain(self.enum(value).value)

    def from_key(self, value: Any) -> EnumT:
        """The member with this text."""
        return self.enum(value)


class StrictNumberAttribute(Scalar[Any], NumberAttribute):
    """PynamoDB's number, without its traps: no bool, no NaN, Decimals accepted, no digit lost.

    A number with more digits than a float holds is read as a Decimal instead of being rounded.
    """

    def serialize(self, value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
            raise _refused(self, value, "expected a number, got " + type(value).__name__)
        return _number_text(self, value)

    def deserialize(self, value: str) -> Any:
        exact = read_number(value)
        if exact == exact.to_integral_value():
            return int(exact)
        near = float(value)
        return near if Decimal(repr(near)) == exact else exact


class StrictUTCDateTimeAttribute(Scalar[datetime], UTCDateTimeAttribute):
    """PynamoDB's UTC datetime, without its traps: naive times are refused, `Z` is read."""

    def serialize(self, value: Any) -> str:
        if not isinstance(value, datetime):
            raise _refused(self, value, "expected datetime, got " + type(value).__name__)
        if value.tzinfo is None or value.utcoffset() is None:
            raise _refused(
                self,
                value,
                "it has no time zone",
                "Use datetime.now(timezone.utc), or value.replace(tzinfo=...).",
            )
        return cast(str, super().serialize(value))  # type: ignore[no-untyped-call]

    def deserialize(self, value: str) -> datetime:
        if value.endswith("Z"):
            value = value[:-1] + "+0000"
        if len(value) == len("2026-11-23T12:00:00+0000"):
            value = f"{value[:19]}.000000{value[19:]}"
        return cast(datetime, super().deserialize(value))  # type: ignore[no-untyped-call]


class StrictUnicodeAttribute(Scalar[str], UnicodeAttribute):
    """PynamoDB's text, without its trap: what is no text is refused here, and not by DynamoDB later."""

    def serialize(self, value: Any) -> str:
        if not isinstance(value, str):
            raise _refused(self, value, "expected str, got " + type(value).__name__)
        return str.__str__(value)


class StrictVersionAttribute(VersionAttribute):
    """PynamoDB's version, which refuses a number out of range: `int(Decimal("1E+999999999"))` takes gigabytes."""

    def __set__(self, instance: Any, value: Any) -> None:
        super().__set__(instance, self._in_range(value) if isinstance(value, Decimal) else value)  # type: ignore[no-untyped-call]

    def serialize(self, value: Any) -> str:
        return cast(str, super().serialize(self._in_range(value)))  # type: ignore[no-untyped-call]

    def _in_range(self, value: Any) -> Any:
        number = Decimal(float.__repr__(value)) if isinstance(value, float) else value
        fault = number_fault(number) if isinstance(number, (int, Decimal)) else None
        if fault is not None:
            raise _refused(self, value, fault)
        return value


class DerivedAttribute(StrictUnicodeAttribute):
    """One half of a key, as it is stored: it follows what it is made of, and is never set."""

    def __set__(self, instance: Any, value: Any) -> None:
        raise not_to_be_set(instance, self.attr_name)


def not_to_be_set(instance: object, name: str) -> UnexpectedAttributesError:
    """The error for setting what is derived."""
    entity = type(instance).__name__
    return UnexpectedAttributesError(
        f"{entity}.{name} is derived, and cannot be set.",
        remedy="Set the attributes that it is made of.",
        entity=entity,
        unexpected=(name,),
    )


_TWINS: dict[type[Attribute[Any]], type[Attribute[Any]]] = {
    ListAttribute: StrictListAttribute,
    MapAttribute: RawMapAttribute,
    NumberAttribute: StrictNumberAttribute,
    UnicodeAttribute: StrictUnicodeAttribute,
    UTCDateTimeAttribute: StrictUTCDateTimeAttribute,
    VersionAttribute: StrictVersionAttribute,
}

# Not numbers: Decimal("0.1") is stored as 0.1 is, and the two are not equal.
_STORED_AS_GIVEN = {
    StrictUnicodeAttribute,
    StrictUTCDateTimeAttribute,
    BinaryAttribute,
    BooleanAttribute,
    DateAttribute,
    DecimalAttribute,
    IntegerAttribute,
    UUIDAttribute,
}

_KINDS: tuple[tuple[type[Attribute[Any]], ValueKind], ...] = (
    (NumberAttribute, ValueKind.NUMBER),
    (UTCDateTimeAttribute, ValueKind.DATETIME),
    (BooleanAttribute, ValueKind.BOOLEAN),
    (BinaryAttribute, ValueKind.BYTES),
    (UnicodeAttribute, ValueKind.TEXT),
)


def strict(attribute: Attribute[Any]) -> None:
    """Make a plain PynamoDB text, number, datetime, version, list or untyped map strict, in place.

    Only the exact classes change; a subclass keeps its own methods. Of a typed map only the lists and untyped
    maps inside it change.
    """
    twin = _TWINS.get(type(attribute))
    if twin is not None:
        attribute.__class__ = twin
    for each in inner_attributes(attribute):
        if type(each) in (ListAttribute, MapAttribute):
            each.__class__ = _TWINS[type(each)]


def class_name(attribute: Attribute[Any]) -> str:
    """Return the name of the class that a list, a map or a version was declared with, not of its strict twin."""
    declared: dict[type, type] = {twin: known for known, twin in _TWINS.items() if not issubclass(twin, Scalar)}
    return declared.get(type(attribute), type(attribute)).__name__


def derived(attribute: Attribute[Any]) -> None:
    """Make a text that was made strict one that is derived, in place."""
    if type(attribute) is StrictUnicodeAttribute:
        attribute.__class__ = DerivedAttribute


def key_kind(attribute: Attribute[Any]) -> ValueKind | None:
    """What kind of values an attribute holds, or None where it cannot stand in a key."""
    declared = getattr(attribute, "key_kind", None)
    if declared is not None:
        return ValueKind(declared)
    # PynamoDB raises a version behind the back of whoever derives keys from it.
    if isinstance(attribute, (JSONAttribute, TTLAttribute, VersionAttribute)):
        return None
    return next((kind for known, kind in _KINDS if isinstance(attribute, known)), None)


_STANDARD: dict[ValueKind, type[Attribute[Any]]] = {
    ValueKind.TEXT: StrictUnicodeAttribute,
    ValueKind.CHOICE: EnumAttribute,
    ValueKind.INTEGER: IntegerAttribute,
    ValueKind.NUMBER: StrictNumberAttribute,
    ValueKind.DECIMAL: DecimalAttribute,
    ValueKind.DATETIME: StrictUTCDateTimeAttribute,
    ValueKind.DATE: DateAttribute,
    ValueKind.UUID: UUIDAttribute,
    ValueKind.BOOLEAN: BooleanAttribute,
    ValueKind.BYTES: BinaryAttribute,
}


def standard_attribute(kind: ValueKind) -> Attribute[Any]:
    """An attribute that stores values of a kind as the framework does; a choice is read as its text."""
    if kind is ValueKind.BYTES:
        return BinaryAttribute(legacy_encoding=False)
    return StrictUnicodeAttribute() if kind is ValueKind.CHOICE else _STANDARD[kind]()


def is_standard(attribute: Attribute[Any]) -> bool:
    """Whether an attribute is stored as the framework's own class of its kind stores it."""
    kind = key_kind(attribute)
    if kind is None or getattr(attribute, "legacy_encoding", False):
        return False
    known = _STANDARD[kind]
    return all(
        getattr(type(attribute), method, None) is getattr(known, method, None)
        for method in ("serialize", "deserialize", "to_key", "from_key")
    )


def to_key(attribute: Attribute[Any], value: Any) -> Any:
    """The value as the key's encoding expects it.

    A class of a user's own may store another value than it is given; the key is made of what is stored.
    """
    convert = key_converter(attribute)
    return value if convert is None else convert(value)


def key_converter(attribute: Attribute[Any]) -> Callable[[Any], Any] | None:
    """What `to_key` does with an attribute's values; None where it leaves them as they are."""
    convert = getattr(attribute, "to_key", None)
    if convert is not None:
        return lambda value: None if value is None else convert(value)
    if type(attribute) in _STORED_AS_GIVEN:
        return None
    return lambda value: None if value is None else attribute.deserialize(attribute.serialize(value))


def from_key(attribute: Attribute[Any], value: Any) -> Any:
    """The attribute's value, from what the key's encoding read."""
    convert = getattr(attribute, "from_key", None)
    return value if convert is None else convert(value)


def _number_text(attribute: Attribute[Any], value: Decimal | float) -> str:
    # A float is the number that it is written as, not the binary one behind it.
    number = Decimal(float.__repr__(value)) if isinstance(value, float) else value
    fault = number_fault(number)
    if fault is not None:
        raise _refused(attribute, value, fault)
    return number_text(Decimal(number))


def _refused(attribute: Attribute[Any], value: Any, reason: str, remedy: str = "") -> InvalidValueError:
    personal = getattr(attribute, "personal", False)
    text = "‹personal›" if personal else shown(value)
    return InvalidValueError(
        f"{attribute.attr_name}={text} cannot be stored or compared: {reason}.",
        remedy=remedy,
        attribute=attribute.attr_name,
        value=None if personal else kept(value),
    )
