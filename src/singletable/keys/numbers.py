"""Numbers in keys: padded, so that text order is number order, or plain if order does not matter.

A negative number is written as `-` and the nines' complement of its digits. So a lower number has a smaller text, and
`-` sorts before every digit.
"""

from __future__ import annotations

import math
import re
from decimal import Context, Decimal
from typing import Any

import attrs

from singletable.keys.encoding import DIGIT, Encoding, EncodingError, Inline
from singletable.keys.generated import Names
from singletable.keys.language import EMPTY, Alt, Language, Seq, Star, chars, literal, repeat

__all__ = ["FixedPoint", "Integer", "PlainInteger", "PlainNumber"]

# Python's default context rounds to 28 digits. DynamoDB's numbers have 38, and a user's numbers may have more.
_WIDE = Context(prec=2000, Emin=-999999, Emax=999999)
_MOST_DIGITS = 130
_MOST_BITS = 432
"""An int with more bits has more than `_MOST_DIGITS` digits. Its conversion to a Decimal may take minutes."""
_COMPLEMENT = str.maketrans("0123456789", "9876543210")


@attrs.frozen
class Integer(Encoding):
    """A whole number, zero-padded to `width` digits; a negative number has a sign in addition."""

    width: int
    ceiling = ":"

    @property
    def describe(self) -> str:
        return f"integer of {self.width} digits"

    def encode(self, value: Any) -> str:
        return _pad(whole(value), self.width)

    def inline(self, value: str, names: Names) -> Inline:
        digits = min(self.width, _MOST_DIGITS)
        return Inline(f"f'{{{value}:0{self.width}d}}'", f"type({value}) is int and 0 <= {value} < {10**digits}")

    def decode(self, text: str) -> int:
        if not re.fullmatch(rf"-?[0-9]{{{self.width}}}", text):
            raise EncodingError(f"it is not a number of {self.width} digits")
        return _unpad(text)

    def language(self) -> Language:
        return _padded(self.width)


@attrs.frozen
class FixedPoint(Encoding):
    """A number with exactly `places` decimals and `width` characters in all, including the point.

    The text of a positive number is that of Python's format specification, such as `012.2f`. If `binary` is True, the
    value is read back as a float (a PynamoDB number), otherwise as a Decimal.
    """

    width: int
    places: int
    binary: bool = False
    ceiling = ":"

    @property
    def describe(self) -> str:
        return f"decimal of {self.width} characters, {self.places} places"

    @property
    def _digits(self) -> int:
        return self.width - 1 if self.places else self.width

    def encode(self, value: Any) -> str:
        number = exact(value)
        scaled = number.scaleb(self.places, _WIDE).to_integral_value(context=_WIDE)
        # Compared with the number itself, which is exact: every context rounds a number of thousands of digits.
        if scaled.scaleb(-self.places, _WIDE) != number:
            raise EncodingError(
                f"it has more than {self.places} decimals, and rounding could make two keys equal",
                "Round the value, or give the field more decimals.",
            )
        text = _pad(int(scaled), self._digits)
        return f"{text[: -self.places]}.{text[-self.places :]}" if self.places else text

    def decode(self, text: str) -> int | float | Decimal:
        whole_digits = self._digits - self.places
        point = rf"\.[0-9]{{{self.places}}}" if self.places else ""
        if not re.fullmatch(rf"-?[0-9]{{{whole_digits}}}{point}", text):
            raise EncodingError(f"it is not a decimal of {self.width} characters with {self.places} places")
        scaled = _unpad(text.replace(".", ""))
        value = Decimal(scaled).scaleb(-self.places, _WIDE)
        return as_number(value) if self.binary else value

    def language(self) -> Language:
        if not self.places:
            return _padded(self.width)
        return _padded(self._digits, point_before=self.places)


@attrs.frozen
class PlainInteger(Encoding):
    """A whole number without padding; only in a partition key, where order does not matter."""

    ordered = False

    def encode(self, value: Any) -> str:
        return str(whole(value))

    def inline(self, value: str, names: Names) -> Inline:
        return Inline(f"str({value})", f"type({value}) is int and {-(10**18)} < {value} < {10**18}")

    def decode(self, text: str) -> int:
        if not re.fullmatch(r"0|-?[1-9][0-9]*", text):
            raise EncodingError("it is not a plain whole number")
        return int(text)

    def language(self) -> Language:
        return _plain_whole(EMPTY, zero=True)


@attrs.frozen
class PlainNumber(Encoding):
    """A number in its shortest fixed-point form, which is `1` also for `1.0`; only in a partition key."""

    binary: bool = False
    ordered = False

    def encode(self, value: Any) -> str:
        text = format(exact(value), "f")
        if "." in text:
            text = text.rstrip("0").rstrip(".")
        return text

    def decode(self, text: str) -> int | float | Decimal:
        if not re.fullmatch(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?", text) or text == "-0":
            raise EncodingError("it is not a plain number")
        return as_number(Decimal(text)) if self.binary else Decimal(text)

    def language(self) -> Language:
        fraction = Seq((literal("."), Star(DIGIT), chars("19")))
        zero = Seq((Alt((EMPTY, literal("-"))), literal("0"), fraction))
        return Alt((_plain_whole(Alt((EMPTY, fraction)), zero=True), zero))


def as_number(value: Decimal) -> int | float | Decimal:
    """Return a number as an int if it is whole, as a float if that is exact, otherwise as a Decimal."""
    if value == value.to_integral_value(context=_WIDE):
        return int(value)
    near = float(value)
    return near if Decimal(repr(near)) == value else value


def whole(value: Any) -> int:
    """Return a value as an int: `1.0` is 1; `1.5`, True and NaN are refused."""
    number = exact(value)
    integral = int(number)
    if integral != number:
        raise EncodingError(
            "it is not a whole number", "Round the value, or use a number with decimals ({price:012.2f})."
        )
    return integral


def exact(value: Any) -> Decimal:
    """Return a value as a finite Decimal; a float as the decimal of its shortest representation."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise EncodingError(f"expected a number, got {type(value).__name__}")
    if isinstance(value, float):
        if not math.isfinite(value):
            raise EncodingError("it is not a finite number")
        value = float.__repr__(value)
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        raise EncodingError(_TOO_WIDE)
    number = Decimal(value)
    if not number.is_finite():
        raise EncodingError("it is not a finite number")
    if not number:
        # The exponent of a zero may be any number. As text it would become that many zeros.
        return Decimal(0)
    if not -_MOST_DIGITS <= number.adjusted() < _MOST_DIGITS:
        raise EncodingError(_TOO_WIDE)
    return number


_TOO_WIDE = "it is too wide: DynamoDB's numbers reach from 1E-130 to 9.9E+125"


def _pad(value: int, width: int) -> str:
    digits = str(abs(value)).zfill(width)
    if len(digits) > width:
        raise EncodingError(
            f"it is too wide: {len(digits)} digits in a field of {width}",
            "Make the field wider. That changes keys and needs a migration.",
        )
    return "-" + digits.translate(_COMPLEMENT) if value < 0 else digits


def _unpad(text: str) -> int:
    if not text.startswith("-"):
        return int(text)
    value = -int(text[1:].translate(_COMPLEMENT))
    if value == 0:
        raise EncodingError("it is a negative zero, which is never written")
    return value


def _padded(width: int, point_before: int = 0) -> Language:
    """Return the texts of `width` digits, or a minus and `width` digits that are not all nines (which would be -0)."""
    head = width - point_before
    point = literal(".") if point_before else EMPTY
    positive = Seq((repeat(DIGIT, head), point, repeat(DIGIT, point_before)))
    negative = []
    for position in range(width):
        places: list[Language] = [DIGIT] * width
        places[position] = chars("08")
        places[:position] = [literal("9")] * position
        negative.append(Seq((literal("-"), *places[:head], point, *places[head:])))
    return Alt((positive, *negative))


def _plain_whole(tail: Language, *, zero: bool) -> Language:
    nonzero = Seq((Alt((EMPTY, literal("-"))), chars("19"), Star(DIGIT), tail))
    return Alt((literal("0"), nonzero)) if zero else nonzero
