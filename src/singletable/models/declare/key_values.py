"""Values of attributes in keys: which attributes can be part of a key, and how their values are converted.

Your own attribute class can be part of a key if it names its kind of values as `key_kind`. Its `to_key` and `from_key`
convert its values if they differ from the values that the key's encoding expects.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pynamodb.attributes import (
    Attribute,
    BinaryAttribute,
    BooleanAttribute,
    JSONAttribute,
    NumberAttribute,
    TTLAttribute,
    UnicodeAttribute,
    UTCDateTimeAttribute,
    VersionAttribute,
)

from singletable.keys import ValueKind
from singletable.models.declare.attributes import (
    DateAttribute,
    DecimalAttribute,
    EnumAttribute,
    IntegerAttribute,
    UUIDAttribute,
)
from singletable.models.declare.strict import (
    StrictBinaryAttribute,
    StrictBooleanAttribute,
    StrictNumberAttribute,
    StrictUnicodeAttribute,
    StrictUTCDateTimeAttribute,
)

__all__ = ["from_key", "is_standard", "key_converter", "key_kind", "standard_attribute", "to_key"]

# Without numbers: Decimal("0.1") and 0.1 are stored alike, and are not equal.
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


def key_kind(attribute: Attribute[Any]) -> ValueKind | None:
    """Return the kind of an attribute's values; None if the attribute cannot be part of a key."""
    declared = getattr(attribute, "key_kind", None)
    if declared is not None:
        return ValueKind(declared)
    # PynamoDB increments a version when it writes, after the keys were derived.
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
    """Return an attribute that stores values of a kind as the framework does; a choice is read as its text."""
    if kind is ValueKind.BYTES:
        return StrictBinaryAttribute(legacy_encoding=False)
    return StrictUnicodeAttribute() if kind is ValueKind.CHOICE else _STANDARD[kind]()


def is_standard(attribute: Attribute[Any]) -> bool:
    """Return whether an attribute stores values as the framework's own class of its kind does."""
    kind = key_kind(attribute)
    if kind is None or getattr(attribute, "legacy_encoding", False):
        return False
    known = _STANDARD[kind]
    return all(
        getattr(type(attribute), method, None) is getattr(known, method, None)
        for method in ("serialize", "deserialize", "to_key", "from_key")
    )


def to_key(attribute: Attribute[Any], value: Any) -> Any:
    """Return a value as the key's encoding expects it.

    A user's own attribute class may store another value than the given one. The key is made of the stored value.
    """
    convert = key_converter(attribute)
    return value if convert is None else convert(value)


def key_converter(attribute: Attribute[Any]) -> Callable[[Any], Any] | None:
    """Return the conversion of an attribute's values that `to_key` applies; None if it leaves them unchanged."""
    convert = getattr(attribute, "to_key", None)
    if convert is not None:
        return lambda value: None if value is None else convert(value)
    if type(attribute) in _STORED_AS_GIVEN:
        return None
    return lambda value: None if value is None else attribute.deserialize(attribute.serialize(value))


def from_key(attribute: Attribute[Any], value: Any) -> Any:
    """Return the attribute's value from the value that the key's encoding read."""
    convert = getattr(attribute, "from_key", None)
    return value if convert is None else convert(value)
