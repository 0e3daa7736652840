"""Stored values: a canonical form, comparison, and checks of values and items that DynamoDB would refuse."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, Inexact, InvalidOperation
from typing import TYPE_CHECKING, Any, TypeAlias

from singletable.errors import InvalidValueError, ItemTooLargeError
from singletable.requests.capacity import CONTAINER, item_size, value_size

if TYPE_CHECKING:
    from singletable.requests.types import Item

__all__ = [
    "DIGITS",
    "ITEM_BYTES",
    "NESTING",
    "canonical",
    "check_item",
    "check_value",
    "is_too_deep",
    "number_fault",
    "number_text",
    "number_value",
    "read_number",
    "same_item",
    "same_value",
]

ITEM_BYTES = 400 * 1024
"""The largest item, in bytes, including names (DynamoDB, "Service, account, and table quotas")."""

DIGITS = 38
"""The most significant digits of a DynamoDB number (Developer Guide, "Data types")."""

LARGEST, SMALLEST = 125, -130
"""The exponents of the largest and of the smallest number other than 0 (Developer Guide, "Data types")."""

NESTING = 32
"""The most levels of a nested value, including itself (Developer Guide, "Supported data types": document types)."""

_WHOLE = Context(prec=400)
_WITHOUT_LOSS = Context(prec=DIGITS, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[Inexact, InvalidOperation])
_MOST_BITS = 432
"""The most bits of an int within 10^130; the conversion of a longer one to a Decimal may take minutes."""
_MOST_READ = 4300
"""The most digits of a text that Python converts to an int by default."""
# No part can begin with a character that the part before it ends with, so that a match takes linear time.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_SHORT = 19
"""The number of digits below which a whole number is converted directly."""
_SHOWN = 3
_WIDEST = 4
"""The most bytes of one character in UTF-8."""
_WORDS = ("true", "false", "nan", "-nan", "infinity", "-infinity")
_HIDDEN = "‹personal›"


def number_text(value: Decimal | str) -> str:
    """Return a number as DynamoDB returns it, without trailing zeros, so that all engines agree."""
    number = Decimal(value)
    if not number:
        return "0"
    if abs(number.adjusted()) >= DIGITS:
        return str(_WHOLE.normalize(number))
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def number_fault(number: Decimal | int) -> str | None:
    """Return the reason for which DynamoDB cannot store a number; None if it can."""
    if isinstance(number, int):
        if number.bit_length() > _MOST_BITS:
            return _BEYOND
        number = Decimal(number)
    if not number.is_finite():
        return "it is not a finite number"
    try:
        _WITHOUT_LOSS.plus(number)
    except (Inexact, InvalidOperation):
        return f"it has more than {DIGITS} significant digits"
    return _BEYOND if number and not SMALLEST <= number.adjusted() <= LARGEST else None


_BEYOND = f"it is beyond 1E{SMALLEST} and 9.99E+{LARGEST}"


def read_number(text: str) -> Decimal:
    """Return a stored number that has few enough digits to be converted to an int.

    Raises:
        ValueError: The text is not a finite number, or its exponent is beyond all bounds.
    """
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError("it is not a number") from None
    if not number.is_finite() or abs(number.adjusted()) >= _MOST_READ:
        raise ValueError("it is not a finite number, or has too many digits")
    return number


def number_value(text: str) -> int | float | Decimal:
    """Return a stored number without loss: an int, a float whose text has the same digits, or a Decimal.

    Raises:
        ValueError: The text is not a finite number, or its exponent is beyond all bounds.
    """
    if len(text) < _SHORT and text.isdecimal() and text.isascii():
        return int(text)
    exact = read_number(text)
    if exact == exact.to_integral_value():
        return int(exact)
    near = float(text)
    return near if Decimal(repr(near)) == exact else exact


def canonical(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored value in the form that all equal values share: 1.50 becomes 1.5, and sets are sorted."""
    ((kind, content),) = value.items()
    if kind == "N":
        content = _same_number(content)
    elif kind == "NS":
        content = sorted(map(_same_number, content))
    elif kind in ("SS", "BS"):
        content = sorted(content)
    elif kind == "L":
        content = [canonical(each) for each in content]
    elif kind == "M":
        content = {name: canonical(each) for name, each in content.items()}
    return {kind: content}


def _same_number(text: str) -> str:
    try:
        return number_text(text)
    except ArithmeticError:
        return text  # DynamoDB cannot store such a number, so no other text is equal to it


def same_value(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> bool:
    """Return whether DynamoDB would consider two values equal; None stands for an attribute that is not stored."""
    if one is None or other is None:
        return one is other
    return one == other or canonical(one) == canonical(other)


def same_item(one: Item, other: Item) -> bool:
    """Return whether DynamoDB would consider all values of two items equal."""
    return one.keys() == other.keys() and all(same_value(value, other[name]) for name, value in one.items())


def check_item(owner: object, item: Item, personal: Container[str] = ()) -> None:
    """Refuse an item that DynamoDB would refuse.

    Args:
        owner: The item's name in messages, which do not show its values.
        item: The item.
        personal: The stored attributes whose names within maps are not shown.

    Raises:
        InvalidValueError: A value at any depth is invalid, such as NaN or an empty set.
        ItemTooLargeError: It is larger than 400 KB.
    """
    # Most values are short and simple. They are always valid, and an upper bound of their size is enough.
    at_most = sum(
        check_value(owner, name, value, personal=name in personal) + _WIDEST * len(name) for name, value in item.items()
    )
    size = item_size(item) if at_most > ITEM_BYTES else at_most
    if size > ITEM_BYTES:
        sizes = sorted(((name, item_size({name: value})) for name, value in item.items()), key=lambda each: -each[1])
        largest = tuple(sizes[:_SHOWN])
        raise ItemTooLargeError(
            f"{owner} would be {size:,} bytes; DynamoDB stores {ITEM_BYTES:,}. The largest attributes are "
            + ", ".join(f"{name} ({count:,})" for name, count in largest)
            + ".",
            remedy="Split it into several items of one partition, or store the large part in S3 and its address here.",
            size=size,
            limit=ITEM_BYTES,
            largest=largest,
        )


def _plain_size(value: Any) -> int | None:
    """Return the size of a value that is always valid, such as a short text; None if the value must be checked."""
    if type(value) is not dict or len(value) != 1:
        return None
    ((kind, content),) = value.items()
    if kind == "S":
        return len(content) if type(content) is str and content.isascii() else None
    if kind == "N":
        digits = type(content) is str and content.isascii() and content.replace(".", "", 1).isdigit()
        return len(content) + 1 if digits and len(content) < DIGITS else None
    return 1 if kind == "BOOL" and type(content) is bool else None


def check_value(owner: object, name: str, value: Mapping[str, Any], *, personal: bool = False) -> int:
    """Refuse a value that DynamoDB would refuse at any depth: NaN, `true` for a number, an empty set, invalid text.

    Returns:
        An upper bound of the value's size, in bytes.
    """
    size = _plain_size(value)
    return _look_at(owner, (None, name), value, 1, personal) if size is None else size


_BYTES = (bytes, bytearray, str)
_MANY = (list, tuple, set, frozenset)
_CONTENTS: Mapping[str, Any] = {
    "S": object,
    "N": object,
    "B": _BYTES,
    "BOOL": bool,
    "NULL": bool,
    "M": Mapping,
    "L": (list, tuple),
    "SS": _MANY,
    "NS": _MANY,
    "BS": _MANY,
}

_Path: TypeAlias = "tuple[_Path | None, str | int]"
"""The place of a value: the place of the map or list that contains it, and its name or position there.

Only errors convert it to text. A text for each value would copy a long name for every value below it.
"""


def _place(path: _Path) -> tuple[str, dict[str, Any]]:
    """Return a place as text, and as the fields of an error."""
    steps: list[str | int] = []
    outer: _Path | None = path
    while outer is not None:
        outer, step = outer
        steps.append(step)
    top, *inside = reversed(steps)
    text = str(top) + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in inside)
    return text, {"attribute": str(top), "path": tuple(inside)}


def _look_at(owner: object, path: _Path, value: Mapping[str, Any], level: int, personal: bool) -> int:
    if not isinstance(value, Mapping) or len(value) != 1 or not _holds_its_type(value):
        name, parts = _place(path)
        raise InvalidValueError(
            f"{owner}: {name} is not a DynamoDB value.",
            remedy='One is a type and its content, such as {"S": "text"}.',
            **parts,
        )
    ((kind, content),) = value.items()
    size = CONTAINER
    # PynamoDB writes an empty set as NULL; DynamoDB refuses any other empty set.
    if kind in ("SS", "NS", "BS") and not content:
        name, parts = _place(path)
        raise InvalidValueError(
            f"{owner}: {name} is an empty set, which DynamoDB does not store.",
            remedy="Leave the attribute None.",
            **parts,
        )
    if kind in ("L", "M") and content and level >= NESTING:
        raise _too_deep(owner, path)
    if kind in ("N", "NS"):
        for number in [content] if kind == "N" else content:
            _check_number(owner, path, number)
    elif kind == "M":
        for inner, each in content.items():
            _check_text(owner, (path, ""), inner)
            inside = _plain_size(each)
            size += 1 + _WIDEST * len(inner)
            size += (
                _look_at(owner, (path, _HIDDEN if personal else inner), each, level + 1, personal)
                if inside is None
                else inside
            )
    elif kind == "L":
        for position, each in enumerate(content):
            inside = _plain_size(each)
            size += 1 + (_look_at(owner, (path, position), each, level + 1, personal) if inside is None else inside)
    elif kind in ("S", "SS"):
        for text in [content] if kind == "S" else content:
            _check_text(owner, path, text, empty=kind == "S")
    return size if kind in ("L", "M") else value_size(dict(value))


def _holds_its_type(value: Mapping[str, Any]) -> bool:
    """Return whether DynamoDB has a value's type, and botocore can send its content as that type.

    Other functions check texts and numbers, with their own messages.
    """
    ((kind, content),) = value.items()
    if kind not in _CONTENTS or not isinstance(content, _CONTENTS[kind]):
        return False
    return kind != "BS" or all(isinstance(each, _BYTES) for each in content)


def is_too_deep(value: Any) -> bool:
    """Return whether a stored value has more levels than DynamoDB stores; malformed values are not inspected."""
    left = [(value, 1)]
    while left:
        each, level = left.pop()
        for kind, content in each.items() if isinstance(each, Mapping) else ():
            inside = (
                content.values() if kind == "M" and isinstance(content, Mapping) else content if kind == "L" else ()
            )
            if inside and level >= NESTING:
                return True
            left += ((inner, level + 1) for inner in inside)
    return False


def _too_deep(owner: object, path: _Path) -> InvalidValueError:
    while path[0] is not None:
        path = path[0]
    return InvalidValueError(
        f"{owner}: {path[1]} is nested over {NESTING} levels; DynamoDB would refuse it.",
        remedy="Store the inner part as JSON text, or in items of its own.",
        attribute=str(path[1]),
    )


def _check_text(owner: object, path: _Path, text: Any, *, empty: bool = False) -> None:
    reason = None
    if not isinstance(text, str):
        reason = f"it is a {type(text).__name__}, not a text"
    elif not text and not empty:
        reason = "an element of a set, or a name within a map, is empty"
    elif not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            reason = "it holds half a surrogate pair, which UTF-8 cannot store"
    if reason is not None:
        name, parts = _place(path)
        raise InvalidValueError(
            f"{owner}: {name}: {reason}; DynamoDB would refuse it.", remedy="Give another text.", **parts
        )


def _fault_of(number: Any) -> str | None:
    """Return the reason for which a text is not a number that DynamoDB can store; None if it is one."""
    if not isinstance(number, str) or _NUMBER.fullmatch(number) is None:
        # A bool is sent as `true`, and a float may be NaN: neither is personal. Any other text may be personal.
        word = str(number) if isinstance(number, (bool, float, str)) else ""
        return f"{word if word.lower() in _WORDS else 'it'} is not a number"
    try:
        return number_fault(Decimal(number))
    except InvalidOperation:
        return _BEYOND  # the exponent has about twenty digits


def _check_number(owner: object, path: _Path, number: Any) -> None:
    reason = _fault_of(number)
    if reason is not None:
        name, parts = _place(path)
        raise InvalidValueError(
            f"{owner}: {name}: {reason}; DynamoDB would refuse it.",
            remedy="Give an int, a Decimal or a finite float.",
            **parts,
        )
