"""Attribute classes that PynamoDB lacks, and strict twins of those that it has.

An attribute can stand in a key if its class says which kind of values it holds, as `key_kind`. A
class of your own takes part by setting it; `to_key` and `from_key` convert where the Python value is
not what the key's encoding expects.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import partial
from math import isfinite
from typing import Any, ClassVar, TypeVar, cast
from uuid import UUID

from pynamodb.attributes import (
    Attribute,
    BinaryAttribute,
    BinarySetAttribute,
    BooleanAttribute,
    JSONAttribute,
    NumberAttribute,
    NumberSetAttribute,
    TTLAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
    UTCDateTimeAttribute,
    VersionAttribute,
)
from pynamodb.constants import NUMBER, STRING
from pynamodb.expressions.operand import Value

from singletable.chains import unchained
from singletable.errors import InvalidValueError, SingletableError, UnexpectedAttributesError
from singletable.keys import ValueKind
from singletable.keys.text import plain
from singletable.models.declare.faults import fault, guarded, settled, stepped
from singletable.requests.stored_values import number_fault, number_text, number_value, read_number

__all__ = [
    "SCALAR_TWINS",
    "DateAttribute",
    "DecimalAttribute",
    "DerivedAttribute",
    "EnumAttribute",
    "IntegerAttribute",
    "Scalar",
    "StrictBinaryAttribute",
    "StrictBinarySetAttribute",
    "StrictBooleanAttribute",
    "StrictJSONAttribute",
    "StrictNumberAttribute",
    "StrictNumberSetAttribute",
    "StrictTTLAttribute",
    "StrictUTCDateTimeAttribute",
    "StrictUnicodeAttribute",
    "StrictUnicodeSetAttribute",
    "StrictVersionAttribute",
    "UUIDAttribute",
    "derived",
    "from_key",
    "hiding",
    "is_standard",
    "json_text",
    "key_converter",
    "key_kind",
    "not_to_be_set",
    "number_content",
    "refused",
    "standard_attribute",
    "taking_maps",
    "to_key",
    "typed",
    "utf8",
]

_MOST_DIGITS = 4000
"""Digits of a number in JSON, fewer than Python converts from text."""

_OF_ITS_TYPE = "Give a value of the attribute's type."

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
        raise refused(self, values[0], f"an attribute of type {self.attr_type} has no {name} with it", _OF_ITS_TYPE)

    operator.__name__ = name
    return operator


def _is_empty(value: Any) -> bool:
    return isinstance(value, (AbstractSet, list, tuple)) and not value


def _without_dicts(name: str) -> Callable[..., Any]:
    pynamodbs = hiding(Attribute, name)

    def operator(self: Attribute[Any], *values: Any) -> Any:
        if name != "set" and isinstance(self, _StrictSet) and (not values or any(map(_is_empty, values))):
            raise refused(self, None, "DynamoDB stores no empty set", "Use does_not_exist(), or give elements.")
        for value in values:
            if isinstance(value, dict):
                self.serialize(value)
                raise refused(self, value, "expected a value, got dict", _OF_ITS_TYPE)
        return pynamodbs(self, *values)

    operator.__name__ = name
    return operator


def typed(operand: Any, stored: Callable[[Any], dict[str, Any]]) -> Any:
    """Let an operand such as `Doc.total | 0` take values as its attribute stores them.

    Args:
        operand: The operand; PynamoDB's forgets the attribute.
        stored: From a value to the stored one, with its type.
    """
    operand._to_value = lambda value: Value(stored(value))
    return operand


def _or(self: Scalar[Any], other: Any) -> Any:
    return typed(_without_dicts("__or__")(self, other), lambda value: {self.attr_type: self.serialize(value)})


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
setattr(Scalar, "__or__", _or)  # noqa: B010 - as the others


def taking_maps(kind: type[Attribute[Any]], *names: str, by: str = "_operand") -> None:
    """Let operators of a class take a map as a value, and never as one that is stored already.

    Args:
        kind: The class.
        names: The names of the operators.
        by: The name of the method that makes an operand of a value.
    """
    for name in names:
        pynamodbs = getattr(Attribute, name)

        def operator(self: Any, *values: Any, _pynamodbs: Any = pynamodbs) -> Any:
            return _pynamodbs(self, *map(getattr(self, by), values))

        operator.__name__ = name
        setattr(kind, name, operator)


class IntegerAttribute(Scalar[int]):
    """A whole number; a bool, a float, a fraction or text is refused. A whole Decimal becomes an int."""

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
            choices = ", ".join(map(repr, self.choices))
            raise refused(self, value, f"it is none of {choices}", f"Give a {self.enum.__name__}.") from None

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
        return guarded(self, number_content, value, self)

    def deserialize(self, value: str) -> Any:
        return number_value(value)


class StrictUTCDateTimeAttribute(Scalar[datetime], UTCDateTimeAttribute):
    """PynamoDB's UTC datetime, without its traps: naive times are refused, `Z` is read."""

    def serialize(self, value: Any) -> str:
        if not isinstance(value, datetime):
            raise refused(self, value, "expected datetime, got " + type(value).__name__, _AWARE)
        if value.tzinfo is None or value.utcoffset() is None:
            raise refused(self, value, "it has no time zone", _AWARE)
        return cast(str, super().serialize(value))  # type: ignore[no-untyped-call]

    def deserialize(self, value: str) -> datetime:
        if value.endswith("Z"):
            value = value[:-1] + "+0000"
        if len(value) == len("2026-11-23T12:00:00+0000"):
            value = f"{value[:19]}.000000{value[19:]}"
        return cast(datetime, super().deserialize(value))  # type: ignore[no-untyped-call]


_AWARE = "Use datetime.now(timezone.utc), or value.replace(tzinfo=...)."


class StrictTTLAttribute(Scalar[datetime], TTLAttribute):
    """PynamoDB's time to live, whose errors name the attribute."""

    def __set__(self, instance: Any, value: Any) -> None:
        super().__set__(instance, self._checked(value))  # type: ignore[no-untyped-call]

    def serialize(self, value: Any) -> str:
        return cast(str, super().serialize(self._checked(value)))  # type: ignore[no-untyped-call]

    def _checked(self, value: Any) -> Any:
        if value is not None and not isinstance(value, (datetime, timedelta)):
            raise refused(self, value, "expected datetime or timedelta, got " + type(value).__name__, _AWARE)
        if isinstance(value, datetime) and (value.tzinfo is None or value.utcoffset() is None):
            raise refused(self, value, "it has no time zone", _AWARE)
        return value


class StrictUnicodeAttribute(Scalar[str], UnicodeAttribute):
    """PynamoDB's text, without its trap: what is no text is refused here, and not by DynamoDB later."""

    def serialize(self, value: Any) -> str:
        if not isinstance(value, str):
            raise refused(self, value, "expected str, got " + type(value).__name__, "Give a str.")
        return guarded(self, utf8, value, self)


class StrictBooleanAttribute(Scalar[bool], BooleanAttribute):
    """PynamoDB's bool, which takes True and False alone: to it, the text "false" is true."""

    def serialize(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise refused(self, value, "expected bool, got " + type(value).__name__, "Give True or False.")
        return value


class StrictBinaryAttribute(Scalar[bytes], BinaryAttribute):
    """PynamoDB's binary value, which takes bytes alone."""

    def serialize(self, value: Any) -> bytes:
        if not isinstance(value, (bytes, bytearray)):
            raise refused(self, value, "expected bytes, got " + type(value).__name__, "Give bytes.")
        return cast(bytes, super().serialize(value))  # type: ignore[no-untyped-call]


class _StrictSet(Scalar[Any]):
    """A set, which refuses a text or bytes: to PynamoDB, "abc" is a set of three letters."""

    _elements: ClassVar[str]

    def serialize(self, value: Any) -> list[Any] | None:
        # Expressions give lists and tuples: `Doc.tags.add("a", "b")`.
        if not isinstance(value, (AbstractSet, list, tuple)):
            raise refused(self, value, "expected set, got " + type(value).__name__, f"Give a set of {self._elements}.")
        # DynamoDB stores no empty set.
        return list(dict.fromkeys(guarded(self, self._element, each) for each in value)) or None

    def _element(self, value: Any) -> Any:
        raise NotImplementedError


class StrictUnicodeSetAttribute(_StrictSet, UnicodeSetAttribute):
    """PynamoDB's set of texts, which takes texts alone."""

    _elements = "str"

    def _element(self, value: Any) -> str:
        if not isinstance(value, str):
            raise fault(self, value, "expected str, got " + type(value).__name__, "Give a set of str.")
        return utf8(value, self)


class StrictNumberSetAttribute(_StrictSet, NumberSetAttribute):
    """PynamoDB's set of numbers, exactly: no digit is lost, and no bool is taken."""

    _elements = "numbers"

    def _element(self, value: Any) -> str:
        return number_content(value, self)

    def deserialize(self, value: Any) -> set[Any]:
        return set(map(number_value, value))


class StrictBinarySetAttribute(_StrictSet, BinarySetAttribute):
    """PynamoDB's set of binary values, which takes bytes alone."""

    _elements = "bytes"

    def _element(self, value: Any) -> bytes:
        if not isinstance(value, (bytes, bytearray)):
            raise fault(self, value, "expected bytes, got " + type(value).__name__, "Give a set of bytes.")
        return b64encode(value) if self.legacy_encoding else bytes(value)


class StrictJSONAttribute(JSONAttribute):
    """PynamoDB's JSON text, exactly: numbers keep their digits, and values that JSON lacks are refused."""

    def serialize(self, value: Any) -> str | None:
        return None if value is None else guarded(self, json_text, value, self)

    def deserialize(self, value: str) -> Any:
        return json.loads(value, strict=False, parse_float=_json_number, parse_constant=_refuse_constant)

    def _operand(self, value: Any) -> Any:
        return {STRING: self.serialize(value)} if isinstance(value, Mapping) else value


taking_maps(StrictJSONAttribute, "__eq__", "__ne__", "is_in", "set")


def _json_number(text: str) -> float | Decimal:
    near = float(text)
    return near if isfinite(near) and Decimal(repr(near)) == Decimal(text) else Decimal(text)


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"JSON has no {text}")


def json_text(value: Any, owner: Attribute[Any]) -> str:
    """Return a value as JSON text, as `json.dumps` writes it; a Decimal is a number.

    Raises:
        InvalidValueError: JSON has no such value; `path` is the place within it.
    """
    if isinstance(value, Mapping):
        parts = []
        for name, each in value.items():
            if not isinstance(name, str):
                raise fault(owner, name, f"a name in JSON is a {type(name).__name__}", "Names in JSON are texts.")
            parts.append(f"{json.dumps(plain(name))}: {stepped(owner, name, json_text, each, owner)}")
        return "{" + ", ".join(parts) + "}"
    if isinstance(value, (list, tuple)):
        return (
            "["
            + ", ".join(stepped(owner, position, json_text, each, owner) for position, each in enumerate(value))
            + "]"
        )
    if value is None or isinstance(value, (bool, str)):
        return json.dumps(plain(value))
    if isinstance(value, (int, float, Decimal)):
        if isinstance(value, Decimal):
            if value.is_finite() and abs(value.adjusted()) < _MOST_DIGITS:
                return str(value)
        elif isinstance(value, float):
            if isfinite(value):
                return float.__repr__(value)
        elif value.bit_length() < _MOST_DIGITS:
            return int.__repr__(value)
        raise fault(owner, value, "it is not a finite number, or has too many digits", "Give a smaller number.")
    raise fault(
        owner, value, f"JSON has no {type(value).__name__}", "Give texts, numbers, bools, None, lists and dicts."
    )


class StrictVersionAttribute(VersionAttribute):
    """PynamoDB's version, which takes whole numbers in range alone: `int(Decimal("1E+999999999"))` takes gigabytes."""

    def __set__(self, instance: Any, value: Any) -> None:
        super().__set__(instance, self._in_range(value))  # type: ignore[no-untyped-call]

    def serialize(self, value: Any) -> str:
        return cast(str, super().serialize(self._in_range(value)))  # type: ignore[no-untyped-call]

    def deserialize(self, value: str) -> int:
        number = number_value(value)
        if number != int(number):
            raise ValueError("not a whole number")
        return int(number)

    def _in_range(self, value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
            raise refused(self, value, "expected int, got " + type(value).__name__, _VERSION)
        number = Decimal(float.__repr__(value)) if isinstance(value, float) else value
        reason = number_fault(number)
        if reason is None and number != int(number):
            reason = "it is not a whole number"
        if reason is not None:
            raise refused(self, value, reason, _VERSION)
        return value


_VERSION = "A version counts by itself: leave it out, or give one that was read."


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


SCALAR_TWINS: dict[type[Attribute[Any]], type[Attribute[Any]]] = {
    BinaryAttribute: StrictBinaryAttribute,
    BinarySetAttribute: StrictBinarySetAttribute,
    BooleanAttribute: StrictBooleanAttribute,
    JSONAttribute: StrictJSONAttribute,
    NumberAttribute: StrictNumberAttribute,
    NumberSetAttribute: StrictNumberSetAttribute,
    TTLAttribute: StrictTTLAttribute,
    UnicodeAttribute: StrictUnicodeAttribute,
    UnicodeSetAttribute: StrictUnicodeSetAttribute,
    UTCDateTimeAttribute: StrictUTCDateTimeAttribute,
    VersionAttribute: StrictVersionAttribute,
}
"""For each class of PynamoDB's, but for lists and maps, the class that takes its place."""

# Not numbers: Decimal("0.1") is stored as 0.1 is, and the two are not equal.
_STORED_AS_GIVEN = {
    StrictUnicodeAttribute,
    StrictUTCDateTimeAttribute,
    StrictBinaryAttribute,
    StrictBooleanAttribute,
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
    ValueKind.BOOLEAN: StrictBooleanAttribute,
    ValueKind.BYTES: StrictBinaryAttribute,
}


def standard_attribute(kind: ValueKind) -> Attribute[Any]:
    """An attribute that stores values of a kind as the framework does; a choice is read as its text."""
    if kind is ValueKind.BYTES:
        return StrictBinaryAttribute(legacy_encoding=False)
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


def number_content(value: Any, owner: object) -> str:
    """Return a number as it is stored: an int, a Decimal or a finite float, and not a bool.

    Raises:
        InvalidValueError: It is not a number, or not one that DynamoDB stores.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise fault(owner, value, "expected a number, got " + type(value).__name__, _NUMBER)
    # A float is the number that it is written as, not the binary one behind it.
    number = Decimal(float.__repr__(value)) if isinstance(value, float) else value
    reason = number_fault(number)
    if reason is not None:
        raise fault(owner, value, reason, _NUMBER)
    return number_text(Decimal(number))


_NUMBER = "Give an int, a Decimal or a finite float."


def utf8(value: str, owner: object) -> str:
    """Return a text as it is stored.

    Raises:
        InvalidValueError: UTF-8 cannot store it.
    """
    text = str.__str__(value)
    if text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text):
        return text
    raise fault(owner, value, "it holds half a surrogate pair, which UTF-8 cannot store", "Give valid text.")


def refused(attribute: Attribute[Any], value: Any, reason: str, remedy: str) -> InvalidValueError:
    """Return the error for a value that an attribute cannot store; see `fault`."""
    return settled(attribute, fault(attribute, value, reason, remedy))
