"""Time in keys: timestamps, dates, and buckets that divide a timeline into partitions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from typing import Any

import attrs

from singletable.keys.encoding import DIGIT, SEPARATOR, Encoding, EncodingError, Inline
from singletable.keys.generated import Names
from singletable.keys.language import Alt, Language, Seq, chars, literal, repeat

__all__ = ["Bucket", "Date", "Timestamp"]

_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


@attrs.frozen
class Timestamp(Encoding):
    """A point in time in UTC, always with six decimals: `2026-11-23T12:00:00.000000Z`."""

    ceiling = "["

    def encode(self, value: Any) -> str:
        return in_utc(value).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"

    def inline(self, value: str, names: Names) -> Inline:
        moment, utc = names.bind("datetime", datetime), names.bind("utc", timezone.utc)
        text = f"{value}.isoformat('T', 'microseconds')[:26] + 'Z'"
        return Inline(text, f"type({value}) is {moment} and {value}.tzinfo is {utc}")

    def decode(self, text: str) -> datetime:
        if not _TIMESTAMP.fullmatch(text):
            raise EncodingError("it is not a UTC timestamp with six decimals")
        try:
            return datetime.fromisoformat(text[:-1]).replace(tzinfo=timezone.utc)
        except ValueError:
            raise EncodingError("the day or the time does not exist") from None

    def language(self) -> Language:
        sixty = Seq((chars("05"), DIGIT))
        clock = Seq((_HOUR, literal(":"), sixty, literal(":"), sixty, literal("."), repeat(DIGIT, 6)))
        return Seq((_calendar("-", "-"), literal("T"), clock, literal("Z")))


@attrs.frozen
class Date(Encoding):
    """A calendar day: `2026-11-23`."""

    ceiling = ":"

    def encode(self, value: Any) -> str:
        if isinstance(value, datetime) or not isinstance(value, date):
            raise EncodingError(f"expected a date, got {type(value).__name__}", "Use value.date() of a point in time.")
        return value.isoformat()

    def inline(self, value: str, names: Names) -> Inline:
        return Inline(f"{value}.isoformat()", f"type({value}) is {names.bind('date', date)}")

    def decode(self, text: str) -> date:
        if not _DATE.fullmatch(text):
            raise EncodingError("it is not a date")
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise EncodingError("the day does not exist") from None

    def language(self) -> Language:
        return _calendar("-", "-")


_LADDER = ("%Y", "%m", "%d", "%H", "%M", "%S")
_UNITS = ("days", "hours", "minutes", "seconds")
_DIRECTIVE = re.compile(r"%(.)")


@attrs.frozen
class Bucket(Encoding):
    """The period that contains a point in time: `%Y-%m` of `2026-11-23T12:00Z` is `2026-11`.

    A projection: many values have the same text. The format names %Y %m %d %H %M %S from the left without a gap, so
    the buckets of an interval are known and in order.
    """

    format: str
    projection = True
    ceiling = None

    def __attrs_post_init__(self) -> None:
        found = tuple("%" + directive for directive in _DIRECTIVE.findall(self.format))
        if not found or found != _LADDER[: len(found)]:
            raise EncodingError(
                f"the format {self.format!r} does not name {' '.join(_LADDER)} from the left without a gap",
                "Use for example %Y, %Y-%m, %Y-%m-%d or %Y-%m-%dT%H.",
            )
        if SEPARATOR in self.format:
            raise EncodingError(f"the format {self.format!r} holds the separator {SEPARATOR!r}")

    @property
    def describe(self) -> str:
        return f"bucket {self.format}"

    @property
    def depth(self) -> int:
        """The number of directives in the format: 1 for years, 2 for months, ..., 6 for seconds."""
        return len(_DIRECTIVE.findall(self.format))

    def encode(self, value: Any) -> str:
        return self._label(_moment(value))

    def decode(self, text: str) -> Any:
        raise EncodingError("a bucket cannot be read back")

    def between(self, first: Any, last: Any) -> Iterator[str]:
        """Yield the buckets of all times from `first` to `last`, both included, in order.

        Args:
            first: An aware datetime, or a date.
            last: An aware datetime, or a date, not before `first`.
        """
        current, end = _moment(first), _moment(last)
        label, last_label = self._label(current), self._label(end)
        while True:
            yield label
            if label == last_label:
                return
            current = self._next(current)
            label = self._label(current)

    def count(self, first: Any, last: Any) -> int:
        """Return the number of buckets that `between` yields, without building them."""
        return self._number(_moment(last)) - self._number(_moment(first)) + 1

    def _number(self, moment: datetime) -> int:
        """Return the number of a moment's bucket, counted from the year 1."""
        if self.depth <= 2:
            return moment.year if self.depth == 1 else 12 * moment.year + moment.month
        since = moment - datetime.min.replace(tzinfo=timezone.utc)
        return since // timedelta(**{_UNITS[self.depth - 3]: 1})

    def _label(self, moment: datetime) -> str:
        # strftime is not used: its %Y is not padded below the year 1000 on every platform.
        parts = {
            "Y": f"{moment.year:04d}",
            "m": f"{moment.month:02d}",
            "d": f"{moment.day:02d}",
            "H": f"{moment.hour:02d}",
            "M": f"{moment.minute:02d}",
            "S": f"{moment.second:02d}",
        }
        return _DIRECTIVE.sub(lambda match: parts[match[1]], self.format)

    def _next(self, moment: datetime) -> datetime:
        if self.depth == 1:
            return moment.replace(year=moment.year + 1, month=1, day=1)
        if self.depth == 2:
            first = moment.replace(day=1)
            return first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
        return moment + timedelta(**{_UNITS[self.depth - 3]: 1})

    def language(self) -> Language:
        literals = _DIRECTIVE.split(self.format)[::2]
        first, second = (*literals[1:-1], "-", "-")[:2]
        day: Language = (
            _YEAR
            if self.depth == 1
            else Seq((_YEAR, literal(first), _MONTH))
            if self.depth == 2
            else _calendar(first, second)
        )
        sixty = Seq((chars("05"), DIGIT))
        parts: list[Language] = [literal(literals[0]), day]
        for position in range(3, self.depth):
            parts += [literal(literals[position]), _HOUR if position == 3 else sixty]
        return Seq((*parts, literal(literals[-1])))


def in_utc(value: Any) -> datetime:
    """Return a datetime in UTC; a naive datetime is refused, because its time is ambiguous."""
    if not isinstance(value, datetime):
        raise EncodingError(f"expected a datetime, got {type(value).__name__}")
    if value.tzinfo is None or value.utcoffset() is None:
        raise EncodingError("it has no time zone", "Use datetime.now(timezone.utc), or value.replace(tzinfo=...).")
    try:
        return value.astimezone(timezone.utc)
    except OverflowError:
        raise EncodingError("in UTC it is outside of the years 1 to 9999") from None


def _moment(value: Any) -> datetime:
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=timezone.utc)
    return in_utc(value)


_YEAR = Alt(tuple(Seq((*([literal("0")] * zeros), chars("19"), repeat(DIGIT, 3 - zeros))) for zeros in range(4)))
_MONTH = Alt((Seq((literal("0"), chars("19"))), Seq((literal("1"), chars("02")))))
_HOUR = Alt((Seq((chars("01"), DIGIT)), Seq((literal("2"), chars("03")))))


def _any(*options: str) -> Language:
    return Alt(tuple(literal(option) for option in options))


def _calendar(first: str, second: str) -> Language:
    """Return the language of all days from 0001-01-01 to 9999-12-31, with these separators; 30 February is not one."""
    to_28 = Alt((Seq((literal("0"), chars("19"))), Seq((literal("1"), DIGIT)), Seq((literal("2"), chars("08")))))
    to_30 = Alt((to_28, _any("29", "30")))
    to_31 = Alt((to_30, literal("31")))
    months = Alt(
        (
            Seq((_any("01", "03", "05", "07", "08", "10", "12"), literal(second), to_31)),
            Seq((_any("04", "06", "09", "11"), literal(second), to_30)),
            Seq((literal("02"), literal(second), to_28)),
        )
    )
    fours = Alt(
        (
            Seq((literal("0"), chars("4", "8"))),
            Seq((chars("2", "4", "6", "8"), chars("0", "4", "8"))),
            Seq((chars("1", "3", "5", "7", "9"), chars("2", "6"))),
        )
    )
    # Years divisible by 4 and not by 100, or by 400. The year 0000 does not exist.
    leap = Alt((Seq((DIGIT, DIGIT, fours)), Seq((fours, literal("00")))))
    leap_day = Seq((leap, literal(first), literal("02"), literal(second), literal("29")))
    return Alt((Seq((_YEAR, literal(first), months)), leap_day))
