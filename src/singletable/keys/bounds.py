"""Range bounds: the range of sort keys for a condition on an attribute.

A condition is about an attribute: `placed_at <= day 31` includes day 31, with any text after it in the key. The stored
key continues after the attribute (`2026-01-31#o-17`), so this module calculates the exact bound that is sent: no key of
the range is missed, and no key outside of it is read.

Why it is exact, for escaped text: every character of an encoded value is greater than `#`, and `$` is the character
after `#`. So all keys whose field is exactly `v` lie in [`v`, `v#...`] and below `v$`, and every greater value lies
above `v$`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from singletable.chains import unchained
from singletable.errors import InvalidConditionError, UnexpectedAttributesError
from singletable.keys.composite import SORT_KEY_BYTES, CompositeKey
from singletable.keys.encoding import SEPARATOR, Choice, EncodingError, RawText, Text
from singletable.keys.template import Field

__all__ = ["Condition", "KeyRange", "Position", "locate", "sort_range"]

_AFTER_SEPARATOR = chr(ord(SEPARATOR) + 1)


@attrs.frozen
class Condition:
    """One condition on one attribute.

    Args:
        attribute: The attribute's Python name.
        operator: One of `=`, `<`, `<=`, `>`, `>=`, `between`, `startswith`.
        values: One value, or two for `between`.
    """

    attribute: str
    operator: str
    values: tuple[Any, ...] = attrs.field(repr=False)


@attrs.frozen
class KeyRange:
    """A set of sort keys, in the form of a key condition of DynamoDB.

    Args:
        operator: `all`, `=`, `<=`, `>=`, `between` (both ends included) or `begins_with`.
        operands: The key texts that the operator takes.
    """

    operator: str
    operands: tuple[str, ...] = attrs.field(default=(), repr=False)

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, str):
            return False
        first, last = (self.operands[0], self.operands[-1]) if self.operands else ("", "")
        if self.operator == "begins_with":
            return key.startswith(first)
        # Code points compare like UTF-8 bytes, which is DynamoDB's order.
        above = self.operator in ("all", "<=") or first <= key
        below = self.operator in ("all", ">=") or key <= last
        return above and below


@attrs.frozen
class Position:
    """The part of a sort key that equalities on leading attributes determine.

    Args:
        prefix: The text with which every matching key begins; the whole key if `field` is None.
        field: The first field that is not determined; None if all are.
        tail: Whether more of the template follows after that field.
        used: The attributes from which the prefix was built.
    """

    prefix: str = attrs.field(repr=False)
    field: Field | None
    tail: bool
    used: tuple[str, ...]


def locate(key: CompositeKey, equals: Mapping[str, Any]) -> Position:
    """Fill a sort key's template from the left with the given attributes."""
    assert key.sort is not None
    parts: list[str] = []
    used: list[str] = []
    segments = key.sort.segments
    for position, segment in enumerate(segments):
        field = segment.field
        if field is None:
            parts.append(segment.literal)
        elif equals.get(field.attribute) is None:
            parts.append(segment.literal)
            return Position(SEPARATOR.join(parts), field, position + 1 < len(segments), tuple(used))
        else:
            parts.append(segment.literal + field.encode(equals[field.attribute], key.sort.text))
            used.append(field.attribute)
    return Position(SEPARATOR.join(parts), None, False, tuple(used))


def sort_range(key: CompositeKey, equals: Mapping[str, Any], condition: Condition | None = None) -> KeyRange:
    """Return the sort keys of items whose attributes equal `equals` and meet `condition`.

    Args:
        key: The composite key; it must have a sort key.
        equals: Leading attributes of the sort key, by name. Attributes of the partition key may also be given; they
            fill the fields of the sort key that name them.
        condition: A condition on the next attribute after those.

    Raises:
        UnexpectedAttributesError: An attribute was given, but one before it was not.
        InvalidConditionError: The condition is not on the next attribute, or its bounds are reversed.
        InvalidKeyValueError: A value cannot be part of a key.
    """
    if condition is not None and condition.operator == "=":
        equals = {**equals, condition.attribute: condition.values[0]}
        condition = None
    position = locate(key, equals)
    _refuse_gaps(key, equals, position)
    if condition is None:
        return _whole_prefix(key, position)
    return _bounded(key, position, condition)


def _refuse_gaps(key: CompositeKey, equals: Mapping[str, Any], position: Position) -> None:
    assert key.sort is not None
    inside_partition = key.partition.attributes
    stranded = tuple(
        name for name in key.sort.attributes if name in equals and name not in (*position.used, *inside_partition)
    )
    if stranded and position.field is not None:
        raise UnexpectedAttributesError(
            f"{key.label} was given {', '.join(stranded)}, but not {position.field.attribute}, which comes before.",
            remedy="Give the sort key's attributes from the left, without a gap. Use filter= for others.",
            entity=key.owner,
            index=key.index,
            unexpected=stranded,
        )


def _whole_prefix(key: CompositeKey, position: Position) -> KeyRange:
    if position.field is None:
        key.check_sort_size(position.prefix)
        return KeyRange("=", (position.prefix,))
    return _begins_with(key, position.prefix)


def _begins_with(key: CompositeKey, prefix: str) -> KeyRange:
    key.check_sort_size(prefix)
    return KeyRange("begins_with", (prefix,)) if prefix else KeyRange("all")


def _bounded(key: CompositeKey, position: Position, condition: Condition) -> KeyRange:
    assert key.sort is not None
    field = position.field
    if field is None or field.attribute != condition.attribute or field.encoding.projection:
        raise _not_next(key, condition, field)
    if condition.operator == "startswith":
        return _begins_with(key, position.prefix + _encode_prefix(key, field, condition))
    raw = isinstance(field.encoding, RawText) or getattr(field.encoding, "inner", None) == RawText()
    if not field.encoding.ordered and (position.tail or not raw):
        raise InvalidConditionError(
            f"{key.label}: {condition.attribute} {condition.operator} ... is not possible, because the texts in the key"
            " are not in the order of the values.",
            remedy='Values that are not escaped (key_encoding = "raw") or have no width allow only == and startswith.',
            entity=key.owner,
            index=key.index,
            attribute=condition.attribute,
        )
    texts = [field.encode(value, key.sort.text) for value in condition.values]
    for text in texts:
        key.check_sort_size(position.prefix + text)
    return _interval(key, position, field, condition, texts, raw=raw)


def _interval(
    key: CompositeKey, position: Position, field: Field, condition: Condition, texts: list[str], *, raw: bool
) -> KeyRange:
    operator, prefix = condition.operator, position.prefix
    lower: str | None = prefix or None
    upper: str | None = _last_after(prefix, field) if prefix else None
    if operator == "between":
        if texts[0] > texts[1]:
            shown = " and ".join(field.show(value) for value in condition.values)
            raise InvalidConditionError(
                f"{condition.attribute} between {shown}: the bounds are reversed.",
                remedy="Give the lower bound first. DynamoDB also refuses such a query.",
                attribute=condition.attribute,
            )
        lower, upper = prefix + texts[0], _last_equal(prefix + texts[1], position)
    elif operator == ">=":
        lower = prefix + texts[0]
    elif operator == ">":
        lower = prefix + texts[0] + ("\0" if raw else _AFTER_SEPARATOR)
    elif operator == "<=":
        upper = _last_equal(prefix + texts[0], position)
    else:
        # With a tail, every key of the value itself is longer than the bound, so the bound excludes it.
        upper = prefix + texts[0] if position.tail else _last_before(prefix + texts[0], field)
    return _checked(key, lower, upper)


def _checked(key: CompositeKey, lower: str | None, upper: str | None) -> KeyRange:
    """Return the range with bounds that DynamoDB accepts: not longer than a key, not empty, not reversed."""
    if upper is not None and len(upper.encode()) > SORT_KEY_BYTES:
        # The character that was added is for keys that are too long to exist.
        upper = upper[:-1]
    if lower is not None:
        key.check_sort_size(lower)
    if upper == "" or (lower is not None and upper is not None and lower > upper):
        raise InvalidConditionError(
            f"{key.label}: no key can meet the condition.",
            remedy="Use another value: this one is the first or the last possible value.",
            entity=key.owner,
            index=key.index,
        )
    if lower is None:
        return KeyRange("<=", (str(upper),))
    return KeyRange(">=", (lower,)) if upper is None else KeyRange("between", (lower, upper))


def _last_equal(text: str, position: Position) -> str:
    """Return the upper bound of all keys whose field is exactly `text`; the bound includes them."""
    return text + _AFTER_SEPARATOR if position.tail else text


def _last_after(prefix: str, field: Field) -> str:
    """Return the upper bound of all keys that begin with `prefix` and continue with the field."""
    return prefix + field.encoding.ceiling if field.encoding.ceiling else _filled(prefix)


def _last_before(text: str, field: Field) -> str:
    """Return the upper bound of all keys before `text`, if nothing follows the field."""
    code = ord(text[-1]) - 1
    if code < 0:
        return text[:-1]
    if 0xD800 <= code <= 0xDFFF:
        code = 0xD7FF
    before = text[:-1] + chr(code)
    return before + field.encoding.ceiling if field.encoding.ceiling else _filled(before)


def _filled(prefix: str) -> str:
    """Return the last sort key that begins with `prefix`: the greatest characters up to the size limit."""
    room = SORT_KEY_BYTES - len(prefix.encode())
    if room < 0:
        return prefix
    return prefix + "\U0010ffff" * (room // 4) + ("", "\x7f", "\u07ff", "\uffff")[room % 4]


@unchained
def _encode_prefix(key: CompositeKey, field: Field, condition: Condition) -> str:
    encoding = field.encoding
    if not isinstance(encoding, (Text, RawText, Choice)):
        raise InvalidConditionError(
            f"{key.label}: startswith is for text, and {condition.attribute} is written as {encoding.describe}.",
            remedy="Use between for an interval of times or numbers.",
            entity=key.owner,
            index=key.index,
            attribute=condition.attribute,
        )
    try:
        return encoding.encode_prefix(condition.values[0])
    except EncodingError as refusal:
        raise InvalidConditionError(
            f"{key.label}: {condition.attribute} startswith {field.show(condition.values[0])}: {refusal.reason}.",
            remedy=refusal.remedy,
            attribute=condition.attribute,
        ) from None


def _not_next(key: CompositeKey, condition: Condition, field: Field | None) -> InvalidConditionError:
    if field is None:
        reason = "the sort key is already determined"
    elif field.encoding.projection:
        reason = f"the sort key continues with {field}, which holds a projection"
    else:
        reason = f"the sort key continues with {field.attribute}"
    return InvalidConditionError(
        f"{key.label} does not allow the condition {condition.attribute} {condition.operator} ...: {reason}.",
        remedy="Put the condition on the next attribute after the given ones. Use filter= for any other.",
        entity=key.owner,
        index=key.index,
        attribute=condition.attribute,
    )
