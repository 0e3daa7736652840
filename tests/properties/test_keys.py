"""The promises of keys for all values and templates: injective, round trip, order, isolation, disjointness, size."""

import inspect
from decimal import Decimal

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

import singletable.keys.encoding
import singletable.keys.numbers
import singletable.keys.shard
import singletable.keys.time
from singletable.errors import KeyParseError, KeyTooLongError
from singletable.keys import CompositeKey, Encoding, overlap, parse_template, prefix_overlap
from singletable.testing.strategies import SOURCES, STRATEGIES, nasty_text, templates, tuples_for


def comparable(template, values):
    """Return the values in the order of the template, which is the order of the keys."""
    return tuple(values[name] for name in template.attributes)


def utf8(text):
    """Return the bytes that DynamoDB compares."""
    return text.encode()


def all_encodings():
    """Return every class of encoding."""
    modules = (
        singletable.keys.encoding,
        singletable.keys.numbers,
        singletable.keys.shard,
        singletable.keys.time,
    )
    found = {
        member
        for module in modules
        for _, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, Encoding) and member is not Encoding
    }
    return sorted(found, key=lambda encoding: encoding.__name__)


@pytest.mark.parametrize("encoding", all_encodings())
def test_every_encoding_has_a_strategy(encoding):
    """A new encoding must join the shared strategies, so that every property below covers it."""
    assert encoding in STRATEGIES


@given(st.data())
def test_injective(data):
    """Two different tuples of values never have the same key."""
    template = data.draw(templates(sort_key=False))
    one, other = data.draw(tuples_for(template)), data.draw(tuples_for(template))
    assume(one != other)
    assert template.build(one) != template.build(other)


@given(nasty_text(), nasty_text(), nasty_text(), nasty_text())
@example("1#b_2", "3", "1", "2#b_3")
@example("a#", "b", "a", "#b")
@example("a%23", "b", "a#", "b")
def test_injective_over_neighboring_texts(a, b, c, d):
    """Separators and escapes in values do not move the border between two fields."""
    template = parse_template("{text}#{name}", SOURCES)
    assume((a, b) != (c, d))
    assert template.build({"text": a, "name": b}) != template.build({"text": c, "name": d})


@given(st.data())
def test_round_trip(data):
    """parse(build(v)) == v."""
    template = data.draw(templates(sort_key=False))
    values = data.draw(tuples_for(template))
    assert values == template.parse(template.build(values))


@given(st.data())
def test_round_trip_beside_projections(data):
    """Fields that are not projections are parsed back, and the projections are compared with them."""
    template = data.draw(templates(projections=True, sort_key=False))
    values = data.draw(tuples_for(template))
    parsed = template.parse(template.build(values))
    assert {name: values[name] for name in template.recoverable} == parsed


@given(st.data())
def test_parse_accepts_only_keys_that_build_writes(data):
    """A text that can be parsed is exactly the key of the parsed values."""
    template = data.draw(templates())
    key = data.draw(nasty_text()) if data.draw(st.booleans()) else template.build(data.draw(tuples_for(template)))
    position = data.draw(st.integers(0, len(key)))
    mangled = key[:position] + data.draw(nasty_text(min_size=0, max_size=2)) + key[position:]
    try:
        values = template.parse(mangled)
    except KeyParseError:
        return
    assert mangled == template.build(values)


@given(st.data())
def test_byte_order_is_tuple_order(data):
    """Sorting keys by their UTF-8 bytes sorts the tuples of values."""
    template = data.draw(templates(sort_key=True))
    rows = data.draw(st.lists(tuples_for(template), min_size=2, max_size=6))
    by_key = sorted(rows, key=lambda values: utf8(template.build(values)))
    by_value = sorted(rows, key=lambda values: comparable(template, values))
    assert [comparable(template, values) for values in by_value] == [comparable(template, values) for values in by_key]


@given(nasty_text(), nasty_text())
@example("1", "10")
@example("a", "a!")
@example("staff", "staffing")
def test_prefix_isolation(mine, other):
    """The prefix of a query for user 1 is never a prefix of a key of user 10."""
    template = parse_template("USER#{text}#ORDER#{name}", SOURCES)
    assume(mine != other)
    prefix = template.build({"text": mine, "name": "x"})[: -len("x")]
    assert not template.build({"text": other, "name": "x"}).startswith(prefix)


@given(st.data())
def test_an_overlap_has_a_witness_that_both_can_write(data):
    """If the proof finds an overlap of two templates, its example is a key of both."""
    one, other = data.draw(templates()), data.draw(templates())
    witness = overlap(one, other)
    if witness is not None:
        assert witness == one.build(one.parse(witness))
        assert witness == other.build(other.parse(witness))


@given(st.data())
def test_a_collision_that_a_search_finds_is_never_proved_away(data):
    """If values of one template give a key of the other, the proof does not call the templates disjoint."""
    one = data.draw(templates())
    key = one.build(data.draw(tuples_for(one)))
    # Templates similar to the key: some of its parts are literals, others are fields.
    parts = []
    for part in key.split("#"):
        literal = part.replace("{", "{{").replace("}", "}}")
        parts.append(data.draw(st.sampled_from([literal, "{text}", "{status}", "{line:03d}", "{at}", "{ident}"])))
    text = "#".join(parts)
    assume(text)
    other = parse_template(text, SOURCES)
    try:
        other.parse(key)
    except KeyParseError:
        return
    assert overlap(one, other) is not None


@given(st.data())
def test_a_row_that_a_prefix_would_read_is_never_proved_away(data):
    """If a key of one template begins with the query prefix of another, the proof reports it."""
    one, other = data.draw(templates()), data.draw(templates())
    given_names = set(one.attributes[: data.draw(st.integers(0, len(one.attributes)))])
    witness = prefix_overlap(one, other, given_names)
    if witness is not None:
        assert witness == other.build(other.parse(witness))
    if overlap(one, other) is not None:
        assert witness is not None


@given(st.sampled_from("a#é日\U0001f600"), st.integers(200, 1200), st.sampled_from(["", "a", "é"]))
def test_size_limits_are_in_bytes(char, times, tail):
    """A key of more than 2048 or 1024 bytes of UTF-8 is refused; a key of exactly that size is accepted."""
    text = char * times + tail
    size = len(text.replace("#", "%23").encode())
    constant = parse_template("X", SOURCES)
    field, sort_field = parse_template("{text}", SOURCES), parse_template("{text}", SOURCES, sort_key=True)
    for key, limit in (
        (CompositeKey("key", None, field, constant, owner="Order"), 2048),
        (CompositeKey("key", None, constant, sort_field, owner="Order"), 1024),
    ):
        if size > limit:
            with pytest.raises(KeyTooLongError) as caught:
                key.build({"text": text})
            assert (caught.value.size, caught.value.limit) == (size, limit)
        else:
            assert text.replace("#", "%23") in key.build({"text": text})


@given(st.integers(-999, 999), st.integers(-999, 999))
def test_padded_numbers_sort_as_numbers(one, other):
    """Negative numbers do also: the nines' complement reverses their order."""
    template = parse_template("{line:03d}", SOURCES)
    texts = [template.build({"line": value}) for value in (one, other)]
    assert (one < other) == (texts[0] < texts[1])


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-99999, max_value=99999))
def test_a_positive_decimal_is_written_as_python_formats_it(value):
    """{price:012.2f} gives the text of Python's format()."""
    assume(value >= 0)
    template = parse_template("{price:012.2f}", SOURCES)
    assert f"{value.copy_abs():012.2f}" == template.build({"price": value})


@given(st.integers(-(10**8), 10**8))
def test_one_number_gives_one_key(value):
    """1, 1.0 and Decimal('1.00') have the same key."""
    template = parse_template("{count}", SOURCES)
    texts = {template.build({"count": each}) for each in (value, float(value), Decimal(value), Decimal(f"{value}.00"))}
    assert {str(value)} == texts
