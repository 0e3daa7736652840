"""Limits of expressions: a request over a limit is refused before it is sent, and IN without values matches no item."""

from functools import reduce
from operator import and_, or_

import pytest
from pynamodb.attributes import ListAttribute, MapAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.operand import Path

from singletable import Key, Table, plan
from singletable.engine import embedded
from singletable.errors import ConditionFailed, InvalidConditionError, InvalidUpdateError
from singletable.requests.expressions import Placeholders
from singletable.testing import inject


class LimitTable(Table):
    class Meta:
        table_name = "limits"


class Doc(LimitTable, discriminator="DOC"):
    ident = UnicodeAttribute(attr_name="id")
    number = NumberAttribute(null=True)
    size = NumberAttribute(null=True, attr_name="a name with spaces")
    status = UnicodeAttribute(null=True, attr_name="a.b")
    raw = MapAttribute(null=True)
    rows = ListAttribute(null=True)

    key = Key(pk="DOC#{ident}", sk="DOC")


@pytest.fixture(autouse=True)
def table():
    with embedded(LimitTable):
        Doc(ident="1", number=1, size=2, status="x", raw={"values": 1}).create()
        yield


def test_in_of_nothing_matches_nothing():
    """It does so in filters of queries and scans, in conditions, negated, and among other terms."""
    none = Doc.number.is_in()
    made = Doc.get(ident="1")
    assert [] == Doc.query(ident="1", filter=none).all() == Doc.scan(filter=none).all()
    assert 0 == Doc.query(ident="1", filter=none).count()
    assert [made] == Doc.query(ident="1", filter=~none).all() == Doc.scan(filter=none | (Doc.number == 1)).all()
    assert [] == Doc.scan(filter=Doc.raw["values"].is_in() | Doc.rows.is_in()).all()
    for act in (
        lambda: made.update(number=2, condition=none),
        lambda: made.save(none),
        lambda: made.delete(none & (Doc.number == 1)),
    ):
        with pytest.raises(ConditionFailed):
            act()
    assert 1 == Doc.get(ident="1").number


def many(count, join=or_):
    return reduce(join, (Doc.number == each for each in range(count)))


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (
            Doc.number.is_in(*range(101)),
            "is_in.. was given 101 values; DynamoDB accepts at most 100. Give 100 values at a time",
        ),
        ((Doc.number == 1) | ~Doc.number.is_in(*range(150)), "is_in.. was given 150 values"),
        (many(151), "has 30. operators and functions in .* bytes; DynamoDB accepts at most 300 in 4,096"),
        (many(151, and_), "has 30. operators"),
        (
            reduce(and_, (Doc.raw["x" * 9].exists() for _ in range(147))),
            "has 29. operators and functions in 4,... bytes",
        ),
    ],
)
def test_what_is_too_long_is_refused_before_sending(condition, message):
    """Queries, scans and every write refuse it."""
    made = Doc.get(ident="1")

    def transact():
        with LimitTable.transaction() as transaction:
            transaction.update(made, number=2, condition=condition)

    with inject(LimitTable) as injected:
        for act in (
            lambda: Doc.query(ident="1", filter=condition).all(),
            lambda: Doc.scan(filter=condition).all(),
            lambda: made.update(number=2, condition=condition),
            lambda: made.save(condition),
            lambda: made.delete(condition),
            transact,
        ):
            with pytest.raises(InvalidConditionError, match=message) as caught:
                act()
            assert caught.value.remedy
    assert [] == injected.calls


def test_what_is_long_enough_is_sent():
    """The limits themselves are accepted: the last operator and the last operand."""
    assert 1 == Doc.query(ident="1", filter=many(150)).count()
    assert 1 == Doc.query(ident="1", filter=Doc.number.is_in(*range(100))).count()


def test_an_update_with_a_long_expression_is_refused():
    """DynamoDB accepts 4 KB."""
    actions = [Path([f"x{number}"]).set({"S": "x"}) for number in range(400)]
    with pytest.raises(
        InvalidUpdateError, match="An update's expression has [4-9],... bytes; DynamoDB accepts at most 4,096"
    ):
        plan.update(Doc.get(ident="1"), actions=actions).params()


@pytest.mark.parametrize(
    "actions",
    [
        [Doc.number.set(1), Doc.number.add(1)],
        [Doc.raw.set({"a": 1}), Doc.raw["a"].set(2)],
        [Doc.raw["a"]["b"].set(1), Doc.raw["a"].remove()],
        [Doc.rows[0].set(1), Doc.rows[0]["x"].set(2)],
        [Doc.status.set("x"), Path(["a.b"]).remove()],
    ],
)
def test_overlapping_paths_are_refused(actions):
    """Some engines apply the last one."""
    with (
        inject(LimitTable) as injected,
        pytest.raises(InvalidUpdateError, match="Doc: the update changes .* twice") as caught,
    ):
        Doc.get(ident="1").update(actions=actions)
    assert "Doc" == caught.value.entity
    assert caught.value.remedy
    assert ["GetItem"] == injected.calls


def test_paths_beside_each_other_are_not_taken_for_overlapping():
    """They do not overlap, even if one name begins with another."""
    made = Doc.get(ident="1")
    made.update(actions=[Doc.raw["a"].set(1), Doc.raw["ab"].set(2), Doc.raw["a.b"].set(3), Doc.raw["a[0]"].set(4)])
    assert {"values": 1, "a": 1, "ab": 2, "a.b": 3, "a[0]": 4} == made.raw.as_dict()


def test_odd_stored_names_work_everywhere():
    """Dots, spaces and reserved words work in filters, conditions and actions."""
    made = Doc.get(ident="1")
    made.update(actions=[Doc.size.add(1), Doc.status.set("y")], condition=(Doc.status == "x") & (Doc.size == 2))
    assert [made] == Doc.query(ident="1", filter=(Doc.status == "y") & Doc.size.is_in(3)).all()
    assert (3, "y") == (made.size, made.status)


def test_never_is_counted_among_the_operators():
    """It counts as three operators."""
    text = Placeholders().condition(Doc.number.is_in())
    assert "(attribute_exists (#0) AND attribute_not_exists (#0))" == text
    with pytest.raises(InvalidConditionError, match="has 303 operators"):
        Placeholders().condition(many(150) | Doc.number.is_in())
