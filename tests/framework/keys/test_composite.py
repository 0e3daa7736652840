"""Composite keys by example: two halves that are built, parsed and refused together."""

from datetime import date

import attrs
import pytest

from singletable.errors import KeyParseError, KeyTooLongError, MissingAttributesError, UnexpectedAttributesError
from singletable.keys import CompositeKey, parse_template
from tests.framework.keys.test_template import KINDS


def key(pk, sk=None, **options):
    options = {"name": "by_it", "index": "GSI1", "owner": "Order", **options}
    sort = parse_template(sk, KINDS, sort_key=True) if sk else None
    return CompositeKey(partition=parse_template(pk, KINDS), sort=sort, **options)


def test_a_key_is_called_after_its_entity():
    """If it has an owner. The entity's name is only for messages; two keys do not differ by it."""
    mine = key("{text}")
    nobodys = CompositeKey("by_it", "GSI1", mine.partition, None)
    assert ("Order.by_it", "by_it") == (mine.label, nobodys.label)
    assert mine == nobodys
    assert mine != attrs.evolve(mine, name="by_other")


def test_both_halves_are_built():
    """The sort key is None if the index does not have one."""
    assert ("U#a", "O#b") == key("U#{text}", "O#{other}").build({"text": "a", "other": "b"})
    assert ("U#a", None) == key("U#{text}").build({"text": "a"})


def test_missing_attributes_of_both_halves_are_named():
    """None is also missing."""
    message = r"Order.by_it needs text, other\. Give text, line, other\."
    with pytest.raises(MissingAttributesError, match=message) as caught:
        key("{text}#{line}", "{other}").build({"text": None, "line": 0})
    assert ("text", "other") == caught.value.missing
    assert ("Order", "GSI1") == (caught.value.entity, caught.value.index)


@pytest.mark.parametrize(
    ("pk", "remedy"), [("{text}#{other}", r"It uses text, other\."), ("CONSTANT", r"It is constant\.")]
)
def test_attributes_that_the_key_does_not_use_are_refused(pk, remedy):
    """Given values are never dropped silently."""
    message = rf"Order.by_it does not use line, day\. {remedy}"
    with pytest.raises(UnexpectedAttributesError, match=message) as caught:
        key(pk).build({"text": "a", "other": "b", "line": 1, "day": 2} if "{" in pk else {"line": 1, "day": 2})
    assert ("line", "day") == caught.value.unexpected


def test_a_key_that_is_too_long_is_refused():
    """Each half by its own limit."""
    mine = key("{text}", "{other}")
    assert ("a" * 2048, "b" * 1024) == mine.build({"text": "a" * 2048, "other": "b" * 1024})
    with pytest.raises(KeyTooLongError, match="The partition key of Order.by_it would be 2,049 .* 2,048. Shorten"):
        mine.build({"text": "a" * 2049, "other": "b"})
    with pytest.raises(KeyTooLongError, match="The sort key of Order.by_it would be 1,025 .* 1,024. Shorten"):
        mine.build({"text": "a", "other": "b" * 1025})


@pytest.mark.parametrize(
    ("pk", "sk", "given", "fixed"),
    [
        ("{text}", "O#{other}#{line:03d}", ("text", "other", "line"), ("text", "other", "line")),
        ("{text}", "O#{other}#{line:03d}", ("line", "text", "other"), ("line", "text", "other")),
        ("{text}", "O#{other}#{line:03d}", ("text", "line"), ("text",)),
        ("{text}", "O#{other}#{line:03d}", ("text",), ("text",)),
        ("{text:shard(3)}", "{at:%Y}#{at}", ("text",), ()),
        ("{text}", "{day:%Y}#{line:03d}", ("text", "day", "line"), ("text", "line")),
        ("{text}", None, ("text", "line"), ("text",)),
    ],
)
def test_what_a_query_fixes(pk, sk, given, fixed):
    """The given values that all rows have: not buckets or shards, and not values after a gap."""
    assert fixed == key(pk, sk).fixed_by(given)


def test_the_attributes_of_a_key():
    """Each once: those of both halves, those that can be read back, and those that decide on the key."""
    mine = key("{text}#{at:%Y}", "{text}#{line:03d}", when=(("status", ("PAID",)),))
    assert ("text", "at", "line") == mine.attributes
    assert ("text", "line") == mine.recoverable
    assert ("text", "at", "line", "status") == mine.sources
    assert {"text": "a", "at": None, "line": 1} == mine.pick({"text": "a", "line": 1, "status": "PAID"})


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ({"text": "a", "other": "b", "status": "PAID", "flag": True}, ("a", "b")),
        ({"text": "a", "other": "b", "status": "OPEN"}, ("a", "b")),
        ({"text": "a", "other": "b", "status": "GONE"}, None),
        ({"text": "a", "other": "b"}, None),
        ({"text": "a", "status": "PAID"}, None),
        ({"text": None, "other": "b", "status": "PAID"}, None),
    ],
)
def test_when_an_item_is_in_an_index(values, wanted):
    """If every attribute has a value and the conditions of `when` are met."""
    assert wanted == key("{text}", "{other}", when=(("status", ("PAID", "OPEN")),)).derive(values)


@pytest.mark.parametrize(
    ("pk", "sk", "stored", "values"),
    [
        ("U#{text}", None, ("U#a",), {"text": "a"}),
        ("U#{text}", "O#{other}", ("U#a", "O#b"), {"text": "a", "other": "b"}),
        ("U#{text}", "O#{text}", ("U#a", "O#a"), {"text": "a"}),
        ("{day:%Y}", "{day}", ("2026", "2026-11-23"), {"day": date(2026, 11, 23)}),
        ("{text:shard(3)}", "{other}", ("2", "b"), {"other": "b"}),
    ],
)
def test_both_halves_are_read_back(pk, sk, stored, values):
    """The attributes of both halves, without projections."""
    assert values == key(pk, sk).parse(*stored)


@pytest.mark.parametrize(
    ("pk", "sk", "stored", "message"),
    [
        ("U#{text}", None, ("V#a",), r"Not a key of Order.by_it\. The key is not one of .* It belongs to another"),
        ("U#{text}", "O", ("U#a", "P"), r"Not a key of Order.by_it\. The key is not one of 'O'"),
        ("U#{text}", "O#{text}", ("U#a", "O#b"), "The two halves of the key disagree about text"),
        ("{day:%Y}", "{day}", ("2025", "2026-11-23"), r"The two halves of the key disagree\."),
        ("U#{text}", None, ("U#a", "O"), r"^Order.by_it is only a partition key\."),
        ("U#{text}", "O", ("U#a",), r"^Order.by_it is a partition key and a sort key\."),
        ("U#{text}", None, (7,), r"^Order.by_it is only a partition key\."),
    ],
)
def test_foreign_pairs_are_refused(pk, sk, stored, message):
    """A pair that build() could not have written is not parsed."""
    with pytest.raises(KeyParseError, match=message) as caught:
        key(pk, sk).parse(*stored)
    assert ("Order", "GSI1") == (caught.value.entity, caught.value.index)
