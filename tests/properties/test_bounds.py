"""Range bounds compared with an oracle on tuples of attributes: exactly the right rows are read."""

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from singletable.errors import InvalidConditionError, InvalidKeyValueError, KeyTooLongError
from singletable.keys import CompositeKey, Condition, parse_template, sort_range
from singletable.keys.encoding import RawText, Text
from singletable.testing.strategies import SOURCES, nasty_text, values_for

HEADS = ("", "ORDER#", "X", "A#{name}#", "A#{name}#B")
FIELDS = (
    "{text}",
    "{line:03d}",
    "{count:02d}",
    "{price:08.2f}",
    "{at}",
    "{day}",
    "{ident}",
    "{flag}",
    "{raw_bytes}",
    "{status}",
)
TAILS = ("", "#{price:012.2f}", "#TAIL")
OPERATORS = ("=", "<", "<=", ">", ">=", "between", "startswith")

ORACLE = {
    "=": lambda value, other: value == other,
    "<": lambda value, other: value < other,
    "<=": lambda value, other: value <= other,
    ">": lambda value, other: value > other,
    ">=": lambda value, other: value >= other,
    "between": lambda value, lower, upper: lower <= value <= upper,
    "startswith": lambda value, prefix: value.startswith(prefix),
}


def sort_key(text, *, raw=False):
    """Return an index key with this sort key."""
    return CompositeKey(
        "by_it", "GSI1", parse_template("P", SOURCES), parse_template(text, SOURCES, raw=raw, sort_key=True), owner="E"
    )


@st.composite
def questions(draw, raw=False):
    """Draw a key, values of its leading attributes, a condition on the next attribute, and rows to compare."""
    tail = "" if raw else draw(st.sampled_from(TAILS))
    field = "{text}" if raw else draw(st.sampled_from(FIELDS))
    assume("price" not in field or "price" not in tail)
    key = sort_key(draw(st.sampled_from(HEADS)) + field + tail, raw=raw)
    encodings = {each.attribute: each.encoding for each in key.sort.fields}
    name = field.strip("{}").partition(":")[0]
    operator = draw(st.sampled_from(OPERATORS))
    textual = isinstance(encodings[name], (Text, RawText)) or name == "status"
    assume(operator != "startswith" or textual)
    values = values_for(encodings[name])
    if operator == "between":
        given_values = tuple(sorted((draw(values), draw(values))))
    elif operator == "startswith":
        given_values = (draw(nasty_text(min_size=0, max_size=2, exclude="#" if raw else "")),)
    else:
        given_values = (draw(values),)
    # Rows near the bounds find the faults: the bound itself, its prefixes, the bound with further characters.
    near = [value for value in given_values if operator != "startswith" or value]
    if textual and name != "status":
        near += [value[:1] for value in near] + [value + tail for value in near for tail in ("a", " ", "\U0010ffff")]
        if raw:
            near = [value for value in near if "#" not in value]
    rows = draw(
        st.lists(st.one_of(values, *([st.sampled_from(near)] if near and name != "status" else [])), max_size=8)
    )
    equals = {each: draw(values_for(encoding)) for each, encoding in encodings.items() if each == "name"}
    extra = {
        each: draw(values_for(encoding)) for each, encoding in encodings.items() if each == "price" and each != name
    }
    return key, equals, Condition(name, operator, given_values), rows, extra


def check(question):
    key, equals, condition, rows, extra = question
    keys = sort_range(key, equals, condition)
    for value in rows:
        stored = key.sort.build({**equals, **extra, condition.attribute: value})
        assert ORACLE[condition.operator](value, *condition.values) == (stored in keys), (value, condition, keys)


@given(questions())
def test_seven_conditions_read_the_right_rows(question):
    """Conditions read the right rows with or without a leading attribute and a tail, for every kind of value."""
    check(question)


@given(questions(raw=True))
def test_raw_text_without_a_tail(question):
    """Values that are not escaped have the right order if they are last in the key."""
    check(question)


@given(questions(), nasty_text())
def test_no_row_of_another_leading_value_is_read(question, other):
    """A condition never reads a row with other values of the given attributes."""
    key, equals, condition, rows, extra = question
    assume("name" in equals and other != equals["name"])
    keys = sort_range(key, equals, condition)
    for value in rows:
        assert key.sort.build({**extra, "name": other, condition.attribute: value}) not in keys


@given(st.data())
def test_reversed_between_is_refused(data):
    """The error is the same on every engine; without it, some engines return an empty answer."""
    field = data.draw(st.sampled_from(FIELDS))
    key = sort_key("ORDER#" + field)
    name = key.sort.fields[0].attribute
    values = values_for(key.sort.fields[0].encoding)
    lower, upper = sorted((data.draw(values), data.draw(values)))
    assume(lower != upper)
    with pytest.raises(InvalidConditionError, match="reversed"):
        sort_range(key, {}, Condition(name, "between", (upper, lower)))


@given(nasty_text(), st.sampled_from(["<", "<=", ">", ">=", "between"]))
def test_raw_text_with_a_tail_is_refused(value, operator):
    """A space sorts before the separator, so a range over such a field would be wrong."""
    assume("#" not in value)
    key = sort_key("{text}#TAIL", raw=True)
    values = (value, value) if operator == "between" else (value,)
    with pytest.raises(InvalidConditionError, match="are not in the order of the values"):
        sort_range(key, {}, Condition("text", operator, values))


@given(
    st.sampled_from(["{text}", "{text}#TAIL", "T#{text}", "T#{text}#{price:012.2f}"]),
    st.sampled_from([operator for operator in OPERATORS if operator != "between"]),
    st.integers(1000, 1030),
    st.lists(st.tuples(st.integers(985, 1024), st.sampled_from(["", "%", "b", "\U0010ffff"])), max_size=6),
    st.sampled_from("ab\U0010ffff"),
)
def test_values_as_long_as_keys_can_be(sk, operator, size, rows, char):
    """Near 1024 bytes a condition is answered exactly, or refused because its bound is too long for a key."""
    key = sort_key(sk)
    extra = {"price": Decimal(1)}
    width = len(char.encode())
    value = char * (size // width)
    try:
        keys = sort_range(key, {}, Condition("text", operator, (value,)))
    except KeyTooLongError:
        assert len(key.sort.build({"text": value, **extra}).encode()) + 1 > 1024
        return
    assert all(len(operand.encode()) <= 1024 for operand in keys.operands)
    for length, end in rows:
        row = char * (length // width) + end
        stored = key.sort.build({"text": row, **extra})
        if len(stored.encode()) <= 1024:
            assert ORACLE[operator](row, value) == (stored in keys)


@given(st.sampled_from(FIELDS), st.sampled_from(OPERATORS))
def test_an_empty_value_is_refused(field, operator):
    """None and "" are refused as values; startswith("") matches every row."""
    key = sort_key("T#" + field)
    name = key.sort.fields[0].attribute
    if operator == "startswith":
        assume(field in ("{text}", "{status}"))
        assert sort_range(key, {}, Condition(name, operator, ("",))).operands == ("T#",)
        return
    for empty in ("", b""):
        with pytest.raises(InvalidKeyValueError):
            sort_range(key, {}, Condition(name, operator, (empty,) * (1 + (operator == "between"))))
