"""Format specifications: the encoding for a kind of value and a specification, such as `shard(4)` or `03d`."""

from __future__ import annotations

import re

import attrs

from singletable.keys.encoding import Boolean, Choice, Encoding, EncodingError, Hex, RawText, Text, Uuid
from singletable.keys.kinds import ValueKind
from singletable.keys.numbers import FixedPoint, Integer, PlainInteger, PlainNumber
from singletable.keys.shard import Shard
from singletable.keys.time import Bucket, Date, Timestamp

__all__ = ["Source", "encoding_for"]


@attrs.frozen
class Source:
    """An attribute, as a source of key values.

    Args:
        kind: The kind of its values.
        choices: All its values, for `ValueKind.CHOICE`.
        nullable: Whether an item may lack it.
        personal: Whether its values must never be shown.
    """

    kind: ValueKind
    choices: tuple[str, ...] = ()
    nullable: bool = False
    personal: bool = False


_NUMBERS = (ValueKind.INTEGER, ValueKind.NUMBER, ValueKind.DECIMAL)
_SHARD = re.compile(r"shard\((\d+)\)", re.ASCII)
_INTEGER = re.compile(r"0([1-9]\d*)d", re.ASCII)
_FIXED = re.compile(r"0([1-9]\d*)\.(\d+)f", re.ASCII)


def encoding_for(source: Source, spec: str, *, raw: bool = False, sort_key: bool = False) -> Encoding:
    """Return the encoding of a field.

    Args:
        source: The attribute.
        spec: The specification after the colon; empty without one.
        raw: Whether text is not escaped (`Meta.key_encoding = "raw"`).
        sort_key: Whether the field is in a sort key, where a number needs a width.

    Raises:
        EncodingError: The specification does not fit the kind of value.
    """
    if shard := _SHARD.fullmatch(spec):
        return Shard(int(shard[1]), encoding_for(source, "", raw=raw))
    if spec.startswith("%") and source.kind in (ValueKind.DATETIME, ValueKind.DATE):
        bucket = Bucket(spec)
        if source.kind is ValueKind.DATE and bucket.depth > 3:
            raise EncodingError(f"a date has no {spec!r}")
        return bucket
    if source.kind in _NUMBERS:
        return _number(source.kind, spec, plain=raw or not sort_key)
    if spec:
        raise EncodingError(f"{spec!r} is not a specification for a {source.kind.value}", _SPECS)
    return _without_spec(source, raw=raw)


_PLAIN: dict[ValueKind, Encoding] = {
    ValueKind.DATETIME: Timestamp(),
    ValueKind.DATE: Date(),
    ValueKind.UUID: Uuid(),
    ValueKind.BOOLEAN: Boolean(),
    ValueKind.BYTES: Hex(),
}

_SPECS = (
    "Use 08d or 012.2f for numbers, a bucket such as %Y-%m for points in time, shard(n) for any, otherwise nothing."
)


def _without_spec(source: Source, *, raw: bool) -> Encoding:
    text: Text | RawText = RawText() if raw else Text()
    if source.kind is ValueKind.TEXT:
        return text
    if source.kind is ValueKind.CHOICE:
        return Choice(source.choices, text)
    return _PLAIN[source.kind]


def _number(kind: ValueKind, spec: str, *, plain: bool) -> Encoding:
    binary = kind is ValueKind.NUMBER
    if padded := _INTEGER.fullmatch(spec):
        return Integer(int(padded[1]))
    if fixed := _FIXED.fullmatch(spec):
        width, places = int(fixed[1]), int(fixed[2])
        if kind is ValueKind.INTEGER or width - places - (places > 0) < 1:
            raise EncodingError(
                f"{spec!r} leaves no digits before the point" if places else f"{spec!r} is for decimals", _SPECS
            )
        return FixedPoint(width, places, binary)
    if spec:
        raise EncodingError(f"{spec!r} is not a specification for a number", _SPECS)
    if not plain:
        raise UnpaddedNumberError(
            "it is a number without a width in a sort key, where 10 would sort before 9",
            "Give it a width: {attribute:08d}, or {attribute:012.2f} for decimals.",
        )
    return PlainInteger() if kind is ValueKind.INTEGER else PlainNumber(binary)


class UnpaddedNumberError(EncodingError):
    """A number in a sort key without a width."""
