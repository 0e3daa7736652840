"""Proofs by example: whether keys can be equal, decided from the templates alone."""

import pytest

from singletable.keys import CompositeKey, keys_collide, overlap, parse_template, prefix_overlap, reads_foreign
from singletable.keys.language import ANYTHING, common, literal
from tests.framework.keys.test_template import KINDS


def template(text, **options):
    return parse_template(text, KINDS, **options)


def key(pk, sk=None):
    return CompositeKey("key", None, template(pk), template(sk, sort_key=True) if sk else None)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("USER#{text}", "USERS#{text}"),
        ("USER#{text}", "USER#{text}#X"),
        ("USER", "USER#{text}"),
        ("{text}", "a b"),
        ("{line:03d}", "{line:04d}"),
        ("{at}", "{day}"),
        ("{day}", "2026-02-30"),
        ("{day}", "1900-02-29"),
        ("{at:%Y-%m}", "2026-13"),
        ("{status}", "CLOSED"),
        ("{ident}", "{line:012d}"),
        ("{flag}", "2"),
        ("{text:shard(3)}", "3"),
        ("{line:02d}", "-99"),
    ],
)
def test_proved_apart(one, other):
    """None is a proof, in both directions."""
    assert overlap(template(one), template(other)) is None
    assert overlap(template(other), template(one)) is None


@pytest.mark.parametrize(
    ("one", "other", "witness"),
    [
        ("USER#{text}", "USER#{other}", "USER#a"),
        ("USER#{text}", "USER#PROFILE", "USER#PROFILE"),
        ("{day}", "2000-02-29", "2000-02-29"),
        ("{line:03d}", "-000", "-000"),
        ("{text:shard(3)}", "2", "2"),
        ("{status}", "{text}", None),
        ("{at}", "{text}", None),
        ("X{text}", "{other}", None),
    ],
)
def test_can_meet(one, other, witness):
    """With an example that both templates can produce."""
    found = overlap(template(one), template(other))
    assert found is not None
    assert witness in (None, found)


def test_prefixes():
    """`begins_with` on orders reads the lines after them, but not keys that only look similar."""
    assert "ORDER#a#LINE#000" == prefix_overlap(template("ORDER#{text}"), template("ORDER#{text}#LINE#{line:03d}"))
    assert prefix_overlap(template("ORDER#{text}"), template("ORDERS#{text}")) is None
    assert prefix_overlap(template("ORDER#{text}"), template("ORDER")) is None
    assert prefix_overlap(template("A#{text}#B#{other}"), template("A#{text}#C"), {"text"}) is None
    assert prefix_overlap(template("A#{text}#B#{other}"), template("A#{text}#C")) is not None


def test_keys_collide_only_where_both_halves_meet():
    """One partition may hold many types, which differ in their sort keys."""
    assert keys_collide(key("U#{text}", "PROFILE"), key("U#{text}", "ORDER#{other}")) is None
    assert keys_collide(key("U#{text}", "PROFILE"), key("V#{text}", "PROFILE")) is None
    assert ("U#a", "PROFILE") == keys_collide(key("U#{text}", "PROFILE"), key("U#{other}", "{text}"))


def test_reads_foreign():
    """A query on the staff of an account does not read its staffing."""
    staff = key("A#{text}", "STAFF#{other}")
    assert reads_foreign(staff, {"text"}, key("A#{text}", "STAFFING#{other}")) is None
    assert reads_foreign(staff, {"text"}, key("A#{text}", "STAFF#{other}#DAY#{day}")) is not None


@pytest.mark.parametrize(("sk", "other_sk"), [(None, None), ("STAFF", None), (None, "STAFF")])
def test_without_a_sort_key_the_partition_decides(sk, other_sk):
    """A key is compared with an index without a sort key."""
    assert ("A#a", None) == keys_collide(key("A#{text}", sk), key("A#{other}", other_sk))
    assert ("A#a", None) == reads_foreign(key("A#{text}", sk), {"text"}, key("A#{other}", other_sk))
    assert keys_collide(key("A#{text}", sk), key("B#{other}", other_sk)) is None
    assert reads_foreign(key("A#{text}", sk), {"text"}, key("B#{other}", other_sk)) is None


def test_a_shortest_member_is_found():
    """The empty text is also a member."""
    assert "" == common(ANYTHING, ANYTHING)
    assert "abc" == common(ANYTHING, literal("abc"))
    assert common(literal("abc"), literal("abd")) is None
