"""A compiled key equals the one of the slow path, or both are refused with the same message."""

import itertools
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from singletable.errors import DeclarationError, SingletableError
from singletable.keys import CompositeKey, Source, ValueKind, parse_template
from singletable.testing.strategies import SOURCES, nasty_text

FIELDS = {
    "text": ("", "shard(3)"),
    "name": ("",),
    "hidden": ("",),
    "status": ("", "shard(7)"),
    "line": ("", "01d", "03d", "012d", "0140d", "shard(12)"),
    "count": ("", "02d", "08.2f", "05.0f"),
    "price": ("", "04.1f", "012.2f", "038d"),
    "at": ("", "%Y", "%Y-%m", "%Y-%m-%dT%H", "shard(3)"),
    "day": ("", "%Y-%m"),
    "ident": ("", "shard(1000)"),
    "flag": ("",),
    "raw_bytes": ("", "shard(2)"),
}
"""Every kind of value with every kind of specification."""

ATTRIBUTES = {**SOURCES, "hidden": Source(ValueKind.TEXT, personal=True)}
LITERALS = (
    "",
    "USER",
    "{{",
    "}}",
    "{{x}}",
    "'",
    '"',
    "\\",
    "\\N{{DASH}}",
    "\\'",
    "\n",
    "\0",
    "日",
    "é",
    "%23",
    "f'",
    "\U0001f600",
)


class Plain(str):
    """Text of a subclass."""

    __slots__ = ()


class Agreeable(str):
    """Text that equals every value."""

    __slots__ = ()

    def __eq__(self, other):
        return True

    def __hash__(self):
        return hash("PAID")


class Status(str, Enum):
    PAID = "PAID"
    OTHER = "PENDING"


class Whole(int):
    """A number of a subclass."""


class Count(int, Enum):
    ONE = 1


TEXTS = st.one_of(
    nasty_text(min_size=0),
    nasty_text().map(Plain),
    st.sampled_from(
        (
            "PAID",
            "PAID IN FULL",
            "%",
            "#",
            "\ud800",
            "a\udfff",
            "\ud83d\ude00",
            "a" * 600,
            "é" * 511,
            " ",
            "\x7f",
            "\xa0",
        )
    ),
    st.sampled_from((*Status, Agreeable("x"), Plain("PAID"))),
    st.builds(
        lambda char, times, tail: char * times + tail,
        st.sampled_from("a#é日😀"),
        st.integers(200, 2050),
        nasty_text(0, 3),
    ),
)
NUMBERS = st.one_of(
    st.integers(-1000, 1000),
    st.integers(-(10**145), 10**145),
    st.booleans(),
    st.floats(),
    st.decimals(),
    st.sampled_from(
        (10**18, 10**18 - 1, -(10**18), 999, 1000, -0.0, Decimal("-0"), Decimal("1E+130"), 10**130, 10**129)
    ),
    st.sampled_from((Whole(5), Count.ONE, 10**5000, "5")),
)
ZONES = st.sampled_from(
    (timezone.utc, timezone(timedelta(0)), timezone(timedelta(hours=-5)), ZoneInfo("Europe/Berlin"), None)
)
TIMES = st.one_of(
    st.builds(
        lambda value, zone, fold: value.replace(tzinfo=zone, fold=fold), st.datetimes(), ZONES, st.integers(0, 1)
    ),
    st.datetimes().map(lambda value: value.replace(tzinfo=timezone.utc)),
    st.dates(),
    st.sampled_from((datetime.min, datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))), "2026-01-01")),
)
OTHERS = st.one_of(
    st.none(),
    st.booleans(),
    st.uuids(),
    st.binary(max_size=4),
    st.binary(max_size=4).map(bytearray),
    st.sampled_from(([], {}, object, UUID(int=0).hex, date(2026, 1, 1), b"x" * 1030)),
)
RIGHT = {
    "text": TEXTS,
    "name": TEXTS,
    "hidden": TEXTS,
    "status": TEXTS,
    "line": NUMBERS,
    "count": NUMBERS,
    "price": NUMBERS,
    "at": TIMES,
    "day": TIMES,
    "ident": st.uuids(),
    "flag": st.booleans(),
    "raw_bytes": OTHERS,
}


@st.composite
def keys(draw):
    """Draw a key of one or two templates over any fields, escaped or raw."""
    raw = draw(st.booleans())
    halves = []
    for sort_key in (False, True)[: draw(st.integers(1, 2))]:
        segments = []
        for _ in range(draw(st.integers(0, 3))):
            name = draw(st.sampled_from(sorted(FIELDS)))
            # A number in a sort key needs a width.
            numeric = name in ("line", "count", "price")
            spec = draw(
                st.sampled_from([each for each in FIELDS[name] if each or not (numeric and sort_key and not raw)])
            )
            if spec.startswith("shard") and numeric and sort_key:
                spec = "03d"
            segments.append(f"{draw(st.sampled_from(LITERALS))}{{{name}{':' * bool(spec)}{spec}}}")
        segments.append(draw(st.sampled_from(LITERALS[1:])))
        halves.append(parse_template("#".join(segments), ATTRIBUTES, raw=raw, sort_key=sort_key))
    return CompositeKey("key", None, halves[0], halves[1] if len(halves) > 1 else None, owner="Order")


@st.composite
def values_of(draw, key):
    """Draw values of a key: mostly of the right kind, sometimes one is missing or superfluous."""
    values = {name: draw(st.one_of(RIGHT[name], RIGHT[name], RIGHT[name], OTHERS, TEXTS)) for name in key.attributes}
    if values and draw(st.integers(0, 9)) == 0:
        values.pop(draw(st.sampled_from(sorted(values))))
    if draw(st.integers(0, 9)) == 0:
        values["other"] = draw(OTHERS)
    return values


def outcome(build, values):
    """Return the texts and their types, or the error with its message and fields."""
    try:
        return [(type(text), text) for text in build(values)]
    except Exception as error:
        said = vars(error) if isinstance(error, SingletableError) else {}
        return type(error), str(error), {name: (type(each), repr(each)) for name, each in said.items()}


@given(st.data())
def test_a_compiled_key_equals_that_of_the_slow_path(data):
    """Both paths agree for values of any kind and size, and for templates with any literals."""
    key = data.draw(keys())
    for _ in range(4):
        values = data.draw(values_of(key))
        assert outcome(key.build_carefully, values) == outcome(key.build, values)


@pytest.mark.parametrize("name", FIELDS)
@given(data=st.data())
def test_a_single_field_is_built_as_by_the_slow_path(name, data):
    """Both paths agree for every kind of value with every specification, as the only field of a partition key."""
    spec, raw = data.draw(st.sampled_from(FIELDS[name])), data.draw(st.booleans())
    key = CompositeKey("key", None, parse_template(f"X#{{{name}{':' * bool(spec)}{spec}}}", ATTRIBUTES, raw=raw), None)
    for _ in range(2):
        value = data.draw(st.one_of(RIGHT[name], RIGHT[name], OTHERS, TEXTS, NUMBERS, TIMES))
        assert outcome(key.build_carefully, {name: value}) == outcome(key.build, {name: value})


@pytest.mark.parametrize(("name", "value"), [("text", "a"), ("status", "PAID"), ("line", 7), ("day", date(2026, 1, 1))])
@pytest.mark.parametrize("literal", LITERALS)
def test_a_usual_key_does_not_take_the_slow_path(name, value, literal):
    """Without this test, generated code that always raises would stay unnoticed, because the slow path replaces it."""
    spec = ":03d" if name == "line" else ""
    key = CompositeKey("key", None, parse_template(f"{literal}#{literal}{{{name}{spec}}}#{literal}X", ATTRIBUTES), None)

    def refuse(values):
        raise AssertionError("the slow path")

    assert key.build_carefully({name: value}) == key.compile({}, refuse)({name: value})


@pytest.mark.parametrize("width", [130, 131, 140, 5000])
@pytest.mark.parametrize("value", [0, 10**129, 10**130 - 1, 10**130, -(10**130), 10**135])
def test_a_field_that_is_wider_than_any_number(width, value):
    """DynamoDB's numbers end at 130 digits, however wide the field is."""
    key = CompositeKey("key", None, parse_template(f"{{line:0{width}d}}", ATTRIBUTES), None)
    assert outcome(key.build_carefully, {"line": value}) == outcome(key.build, {"line": value})


@given(
    st.sampled_from("aé日😀"), st.integers(0, 3), st.sampled_from((512, 256, 1024, 2048, 682, 341)), st.integers(-2, 2)
)
@example("a", 0, 2048, 0)
@example("a", 0, 2048, 1)
def test_keys_near_the_limits_are_built_or_refused_alike(char, before, size, around):
    """Sizes are counted in characters if that is sufficient, and in bytes if not."""
    partition = parse_template("{text}", ATTRIBUTES)
    sort = parse_template("{name}", ATTRIBUTES, sort_key=True)
    key = CompositeKey("key", None, partition, sort, owner="Order")
    long = char * (max(size + around - before, 1)) + "a" * before
    for text, name in itertools.permutations((long, "x"), 2):
        values = {"text": text, "name": name}
        assert outcome(key.build_carefully, values) == outcome(key.build, values)


def test_a_template_that_is_not_a_text_is_refused():
    """No path can build a key from it."""
    with pytest.raises(DeclarationError, match="ud800.* cannot be used: it holds half a surrogate pair"):
        parse_template("\ud800{text}", ATTRIBUTES)
