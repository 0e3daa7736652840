"""Hypothesis strategies for keys: values for every encoding, and templates of fields with these encodings.

They need the extra `testing`. The values contain many special cases on purpose: separators, `%`, spaces and control
characters, the neighbors of characters with a meaning, characters above U+FFFF, the last character, time zones,
negative and wide numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from singletable.keys import SEPARATOR, Encoding, Source, Template, ValueKind, parse_template
from singletable.keys.encoding import Boolean, Choice, Hex, RawText, Text, Uuid
from singletable.keys.numbers import FixedPoint, Integer, PlainInteger, PlainNumber
from singletable.keys.shard import Shard
from singletable.keys.time import Bucket, Date, Timestamp

__all__ = ["SOURCES", "STRATEGIES", "nasty_text", "templates", "tuples_for", "values_for"]

_NASTY = "#%$&!\"' \0\t\n\x1f\x7f~{}/-0a09AZé日ß\u0130\ud7ff\ue000\ufffd\uffff\U00010000\U0001f600\U0010ffff"


def nasty_text(min_size: int = 1, max_size: int = 12, exclude: str = "") -> st.SearchStrategy[str]:
    """Return a strategy of text with any characters; special characters of keys are far more frequent than others."""
    alphabet = st.one_of(
        st.sampled_from([each for each in _NASTY if each not in exclude]),
        st.characters(exclude_categories=["Cs"], exclude_characters=exclude),
    )
    return st.text(alphabet, min_size=min_size, max_size=max_size)


def _moments() -> st.SearchStrategy[datetime]:
    # A day away from both ends, so that a time in every time zone can be converted to UTC.
    naive = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30))
    zones = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
    return st.builds(lambda moment, zone: moment.replace(tzinfo=zone), naive, zones)


def _fixed(encoding: FixedPoint) -> st.SearchStrategy[Any]:
    digits = encoding.width - (encoding.places > 0)
    scaled = st.integers(-(10**digits) + 1, 10**digits - 1)
    if encoding.binary:
        # No more digits than a float holds, so that the float is exact.
        scaled = st.integers(-(10 ** min(digits, 15)) + 1, 10 ** min(digits, 15) - 1)
        return scaled.map(lambda value: float(Decimal(value).scaleb(-encoding.places)))
    return scaled.map(lambda value: Decimal(value).scaleb(-encoding.places))


def _bucketed(encoding: Bucket) -> st.SearchStrategy[Any]:
    return st.one_of(_moments(), st.dates()) if encoding.depth <= 3 else _moments()


STRATEGIES: dict[type[Encoding], Callable[[Any], st.SearchStrategy[Any]]] = {
    Text: lambda _: nasty_text(),
    RawText: lambda _: nasty_text(exclude="#"),
    Choice: lambda encoding: st.sampled_from(encoding.choices),
    Boolean: lambda _: st.booleans(),
    Uuid: lambda _: st.uuids(),
    Hex: lambda _: st.binary(min_size=1, max_size=8),
    Integer: lambda encoding: st.integers(-(10**encoding.width) + 1, 10**encoding.width - 1),
    PlainInteger: lambda _: st.integers(-(10**30), 10**30),
    PlainNumber: lambda encoding: (
        st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15).map(lambda x: round(x, 6))
        if encoding.binary
        else st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=6)
    ),
    FixedPoint: _fixed,
    Timestamp: lambda _: _moments(),
    Date: lambda _: st.dates(),
    Bucket: _bucketed,
    Shard: lambda encoding: values_for(encoding.of),
}
"""The strategies of values for each class of encoding."""


def values_for(encoding: Encoding) -> st.SearchStrategy[Any]:
    """Return a strategy of values that an encoding can encode."""
    return STRATEGIES[type(encoding)](encoding)


SOURCES: Mapping[str, Source] = {
    "text": Source(ValueKind.TEXT),
    "name": Source(ValueKind.TEXT),
    "status": Source(ValueKind.CHOICE, ("PAID", "PAID IN FULL", "PENDING", "%", "#")),
    "line": Source(ValueKind.INTEGER),
    "count": Source(ValueKind.NUMBER),
    "price": Source(ValueKind.DECIMAL),
    "at": Source(ValueKind.DATETIME),
    "day": Source(ValueKind.DATE),
    "ident": Source(ValueKind.UUID),
    "flag": Source(ValueKind.BOOLEAN),
    "raw_bytes": Source(ValueKind.BYTES),
}
"""Attributes of every kind, by name."""

_SPECS: Mapping[str, tuple[str, ...]] = {
    "line": ("01d", "03d", "012d"),
    "count": ("02d", "08.2f"),
    "price": ("04.1f", "012.2f", "05.0f"),
}
_PLAIN_SPECS = {"line": ("",), "count": ("",), "price": ("",)}
_PROJECTIONS = {"at": ("%Y", "%Y-%m", "%Y-%m-%dT%H"), "day": ("%Y-%m",), "text": ("shard(3)",), "line": ("shard(12)",)}
_LITERALS = ("", "USER", "ORDER", "O", "ORDER ", "%23", "0", "-", "a", "2026-01", "日")


@st.composite
def templates(draw: st.DrawFn, *, projections: bool = False, sort_key: bool = True, max_fields: int = 3) -> Template:
    """Draw a template over `SOURCES`, with each attribute at most once.

    Args:
        draw: The function that Hypothesis passes.
        projections: Whether buckets and shards may appear.
        sort_key: Whether it is the template of a sort key, in which numbers have a width.
        max_fields: The maximum number of fields.
    """
    names = draw(st.lists(st.sampled_from(sorted(SOURCES)), max_size=max_fields, unique=True))
    segments = []
    for name in names:
        if draw(st.booleans()):
            segments.append(draw(st.sampled_from(_LITERALS)))
        specs = _SPECS.get(name, ("",)) + (() if sort_key else _PLAIN_SPECS.get(name, ()))
        if projections:
            specs += _PROJECTIONS.get(name, ())
        spec = draw(st.sampled_from(specs))
        head = draw(st.sampled_from(_LITERALS))
        segments.append(f"{head}{{{name}:{spec}}}" if spec else f"{head}{{{name}}}")
    if not segments or draw(st.booleans()):
        segments.append(draw(st.sampled_from(_LITERALS[1:])))
    text = SEPARATOR.join(segments)
    return parse_template(text or "X", SOURCES, sort_key=sort_key)


def tuples_for(template: Template) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy of values for every attribute of a template."""
    return st.fixed_dictionaries({field.attribute: values_for(field.encoding) for field in template.fields})
