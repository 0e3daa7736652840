"""Strict twins of PynamoDB's attribute classes: they store a value exactly, or refuse it."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any, ClassVar, cast

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
from pynamodb.constants import STRING

from singletable.errors import UnexpectedAttributesError
from singletable.keys.text import plain
from singletable.models.declare.contents import number_content, refused, utf8
from singletable.models.declare.operators import ConvertedOperands, Scalar
from singletable.models.declare.value_faults import fault, guarded, stepped
from singletable.requests.stored_values import number_fault, number_value

__all__ = [
    "SCALAR_TWINS",
    "DerivedAttribute",
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
    "derived",
    "json_text",
    "not_to_be_set",
]

_MOST_DIGITS = 4000
"""The most digits of a number in JSON, fewer than Python converts from text."""


class StrictNumberAttribute(Scalar[Any], NumberAttribute):
    """PynamoDB's number, stored exactly: it accepts Decimals, refuses bools and NaN, and keeps all digits.

    A number with more digits than a float holds is read as a Decimal instead of being rounded.
    """

    def serialize(self, value: Any) -> str:
        return guarded(self, number_content, value, self)

    def deserialize(self, value: str) -> Any:
        return number_value(value)


_AWARE = "Use datetime.now(timezone.utc), or value.replace(tzinfo=...)."


class StrictUTCDateTimeAttribute(Scalar[datetime], UTCDateTimeAttribute):
    """PynamoDB's UTC datetime, which refuses naive datetimes and can read times that end with `Z`."""

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


class StrictTTLAttribute(Scalar[datetime], TTLAttribute):
    """PynamoDB's time to live, with errors that name the attribute."""

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
    """PynamoDB's text, which refuses any other type immediately instead of in the response of DynamoDB."""

    def serialize(self, value: Any) -> str:
        if not isinstance(value, str):
            raise refused(self, value, "expected str, got " + type(value).__name__, "Give a str.")
        return guarded(self, utf8, value, self)


class StrictBooleanAttribute(Scalar[bool], BooleanAttribute):
    """PynamoDB's bool, which accepts only True and False; PynamoDB stores the text "false" as true."""

    def serialize(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise refused(self, value, "expected bool, got " + type(value).__name__, "Give True or False.")
        return value


class StrictBinaryAttribute(Scalar[bytes], BinaryAttribute):
    """PynamoDB's binary value, which accepts only bytes."""

    def serialize(self, value: Any) -> bytes:
        if not isinstance(value, (bytes, bytearray)):
            raise refused(self, value, "expected bytes, got " + type(value).__name__, "Give bytes.")
        return cast(bytes, super().serialize(value))  # type: ignore[no-untyped-call]


class _StrictSet(Scalar[Any]):
    """A set, which refuses a text or bytes; PynamoDB stores "abc" as a set of three letters."""

    _elements: ClassVar[str]

    def serialize(self, value: Any) -> list[Any] | None:
        # Expressions pass lists and tuples: `Doc.tags.add("a", "b")`.
        if not isinstance(value, (AbstractSet, list, tuple)):
            raise refused(self, value, "expected set, got " + type(value).__name__, f"Give a set of {self._elements}.")
        # DynamoDB does not store empty sets.
        return list(dict.fromkeys(guarded(self, self._element, each) for each in value)) or None

    def _element(self, value: Any) -> Any:
        raise NotImplementedError

    def _check_operands(self, operator: str, values: tuple[Any, ...]) -> None:
        if operator != "set" and (not values or any(map(_is_empty, values))):
            raise refused(self, None, "DynamoDB does not store empty sets", "Use does_not_exist(), or give elements.")


def _is_empty(value: Any) -> bool:
    return isinstance(value, (AbstractSet, list, tuple)) and not value


class StrictUnicodeSetAttribute(_StrictSet, UnicodeSetAttribute):
    """PynamoDB's set of texts, which accepts only texts."""

    _elements = "str"

    def _element(self, value: Any) -> str:
        if not isinstance(value, str):
            raise fault(self, value, "expected str, got " + type(value).__name__, "Give a set of str.")
        return utf8(value, self)


class StrictNumberSetAttribute(_StrictSet, NumberSetAttribute):
    """PynamoDB's set of numbers, stored exactly: it keeps all digits and refuses bools."""

    _elements = "numbers"

    def _element(self, value: Any) -> str:
        return number_content(value, self)

    def deserialize(self, value: Any) -> set[Any]:
        return set(map(number_value, value))


class StrictBinarySetAttribute(_StrictSet, BinarySetAttribute):
    """PynamoDB's set of binary values, which accepts only bytes."""

    _elements = "bytes"

    def _element(self, value: Any) -> bytes:
        if not isinstance(value, (bytes, bytearray)):
            raise fault(self, value, "expected bytes, got " + type(value).__name__, "Give a set of bytes.")
        return b64encode(value) if self.legacy_encoding else bytes(value)


class StrictJSONAttribute(ConvertedOperands, JSONAttribute):
    """PynamoDB's JSON text, stored exactly: numbers keep their digits, and values that JSON lacks are refused."""

    def serialize(self, value: Any) -> str | None:
        return None if value is None else guarded(self, json_text, value, self)

    def deserialize(self, value: str) -> Any:
        return json.loads(value, strict=False, parse_float=_json_number, parse_constant=_refuse_constant)

    def _operand(self, value: Any) -> Any:
        return {STRING: self.serialize(value)} if isinstance(value, Mapping) else value


def _json_number(text: str) -> float | Decimal:
    near = float(text)
    return near if isfinite(near) and Decimal(repr(near)) == Decimal(text) else Decimal(text)


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"JSON has no {text}")


def json_text(value: Any, owner: Attribute[Any]) -> str:
    """Return a value as JSON text, as `json.dumps` writes it; a Decimal becomes a number.

    Raises:
        InvalidValueError: JSON has no such value; `path` is its place within the given value.
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
    """PynamoDB's version, which accepts only whole numbers in range: `int(Decimal("1E+999999999"))` takes gigabytes."""

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


_VERSION = "Each write increments the version: leave it out, or give a version that was read."


class DerivedAttribute(StrictUnicodeAttribute):
    """The partition or sort part of a stored key, which is derived from other attributes and never set."""

    def __set__(self, instance: Any, value: Any) -> None:
        raise not_to_be_set(instance, self.attr_name)


def not_to_be_set(instance: object, name: str) -> UnexpectedAttributesError:
    """Return the error for setting a derived attribute."""
    entity = type(instance).__name__
    return UnexpectedAttributesError(
        f"{entity}.{name} is derived, and cannot be set.",
        remedy="Set the attributes that it is derived from.",
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
"""The class that replaces each of PynamoDB's classes, except for those of lists and maps."""


def derived(attribute: Attribute[Any]) -> None:
    """Make a strict text attribute a derived attribute, in place."""
    if type(attribute) is StrictUnicodeAttribute:
        attribute.__class__ = DerivedAttribute
