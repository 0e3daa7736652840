"""The request of an update: its actions, the derived ones, and no others; and the messages of refusals."""

import pytest
from pynamodb.attributes import UnicodeAttribute, VersionAttribute
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import RemoveAction
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from singletable import Key, Table, plan
from singletable.engine import embedded
from singletable.errors import InvalidValueError, StaleKeyError, UnexpectedAttributesError
from singletable.models.reading.targets import TableSender
from singletable.testing.invariants import check_fresh
from tests.framework.ledger import GSI1, GSI2, Doc, State, Task, task


def changed(write):
    """Return the stored names that an update's request changes."""
    return {action.values[0].path[0] for action in write.request.actions}


class ChainTable(Table):
    class Meta:
        table_name = "chain"

    gsi1 = GSI1()
    gsi2 = GSI2()


class Link(ChainTable, discriminator="LINK"):
    """An entity with dependent defaults: storing `two` for the second key affects the first key, which needs `one`."""

    ident = UnicodeAttribute()
    one = UnicodeAttribute(default="1")
    two = UnicodeAttribute(default="2")
    three = UnicodeAttribute(null=True)
    other = UnicodeAttribute(null=True)

    key = Key(pk="L#{ident}", sk="L")
    first = Key(index=GSI1, pk="F#{one}", sk="{two}")
    second = Key(index=GSI2, pk="S#{two}", sk="{three}")


@pytest.fixture
def link():
    """Return an entity that was stored without its defaults."""
    with embedded(ChainTable):
        item = {"PK": {"S": "L#1"}, "SK": {"S": "L"}, "entityType": {"S": "LINK"}, "ident": {"S": "1"}}
        TableSender(ChainTable).send("PutItem", {"TableName": "chain", "Item": item})
        yield Link.get(ident="1")


def test_defaults_that_hang_together_are_stored_together(link):
    """Storing one default affects a key that is declared earlier and contains another default."""
    write = plan.update(link, three="x")
    assert {"three", "one", "two", "GSI1PK", "GSI1SK", "GSI2PK", "GSI2SK"} == changed(write)
    write.send()
    check_fresh(ChainTable)
    assert ["1"] == [each.ident for each in Link.first.query(one="1")]


def test_an_update_that_touches_no_key_sends_nothing_else(link):
    """It does not send the defaults of keys that it does not affect."""
    assert {"other"} == changed(plan.update(link, other="x"))
    assert {"one", "GSI1PK", "GSI1SK", "GSI2PK", "GSI2SK", "two"} == changed(plan.update(link, one="x"))


def test_none_by_an_action_removes():
    """set(None) removes the attribute; PynamoDB's set(None) would write NULL."""
    made = task(1, title="t")
    for write in (plan.update(made, [Task.title.set(None)]), plan.update(made, title=None)):
        (action,) = (each for each in write.request.actions if each.values[0].path == ["title"])
        assert isinstance(action, RemoveAction)


def test_an_index_on_the_types_own_attribute_leaves_it_alone():
    """A key attribute that the table already writes is not written again."""

    class ByType(GlobalSecondaryIndex):
        class Meta:
            index_name = "ByType"
            projection = AllProjection()

        kind = UnicodeAttribute(hash_key=True, attr_name="entityType")
        at = UnicodeAttribute(range_key=True, attr_name="TypedSK")

    class TypedTable(Table):
        class Meta:
            table_name = "typed"

        by_type = ByType()

    class Thing(TypedTable, discriminator="THING"):
        ident = UnicodeAttribute()
        at = UnicodeAttribute(null=True)
        key = Key(pk="T#{ident}", sk="T")
        listed = Key(index=ByType, sk="{at}")

    made = Thing(ident="1")
    assert {"at", "TypedSK"} == changed(plan.update(made, at="x")) == changed(plan.update(made, at=None))


def test_what_is_refused_is_named_with_the_remedy():
    """The message has every part."""
    made = task(1)
    for values, error, message in (
        (
            {"wrong": 1, "bad": 2},
            UnexpectedAttributesError,
            "Task has no attribute wrong, bad. It has: created_at, detail, ",
        ),
        ({"points": None}, InvalidValueError, "Task.points cannot be None. Give a value, or declare the attribute"),
        ({"detail": {"a": float("nan")}}, InvalidValueError, r"Task.detail.a=nan cannot .*: it is not a finite number"),
    ):
        with pytest.raises(error, match=message):
            plan.update(made, **values)
    for action, error, message in (
        (
            Path(["GSI1PK"]).set({"S": "x"}),
            StaleKeyError,
            r"'GSI1PK' is derived.* Update those \(project, points, number\)\.",
        ),
        (Path(["GSI2SK"]).remove(), StaleKeyError, r"'GSI2SK' .* Update those \(project, title, number, state\)\."),
        (Path(["ttl"]).set({"N": "1"}), StaleKeyError, r"'ttl' .* Update those \(project, number, points, "),
        (
            Path(["unknown"]).set({"L": [{"N": "nan"}]}),
            InvalidValueError,
            r"unknown\[0\]: nan is not a number",
        ),
        (Path(["detail"])["x"].set({"N": "nan"}), InvalidValueError, "Task: detail: nan is not a number"),
        (
            Path(["likes"]).set(Path(["likes"]) + {"N": "nan"}),
            InvalidValueError,
            "Task: likes: nan is not a number",
        ),
    ):
        with pytest.raises(error, match=message):
            plan.update(made, [action])
    text = "Doc.version is a version, and every write increments it. Leave it out"
    with pytest.raises(UnexpectedAttributesError, match=text):
        plan.update(Doc(ident="1"), version=3)


def test_a_table_without_keys_of_that_name_tells_no_sources():
    """If keys have no fields, the type is not derived from an attribute that could be updated."""

    class BareTable(Table):
        class Meta:
            table_name = "bare"

    class Only(BareTable, discriminator="ONLY"):
        text = UnicodeAttribute(null=True)
        version = VersionAttribute()
        key = Key(pk="ONLY", sk="ONLY")

    with pytest.raises(StaleKeyError) as caught:
        plan.update(Only(), [Path(["entityType"]).set({"S": "X"})])
    assert "" == caught.value.remedy


def test_a_condition_of_a_key_alone_moves_it():
    """Only the state is changed, and both attributes of the key are removed."""
    assert {"state", "GSI2PK", "GSI2SK", "updatedAt"} == changed(plan.update(task(1, title="t"), state=State.DONE))
