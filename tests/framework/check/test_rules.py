"""Each rule on a planted fault: the finding has the rule's id, the place and a remedy."""

import attrs
import pytest
from pynamodb.attributes import NumberAttribute, UnicodeAttribute, UTCDateTimeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, KeysOnlyProjection

from singletable import EnumAttribute, Expiry, Key, Query, Table
from singletable.check import RULES, Severity, check, check_description
from singletable.patterns import AccessPattern
from tests.framework.app import Account, AppTable, Event, Level


class GSI1(GlobalSecondaryIndex):
    class Meta:
        index_name = "GSI1"
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="GSI1PK")
    sk = UnicodeAttribute(range_key=True, attr_name="GSI1SK")


class GSI2(GlobalSecondaryIndex):
    class Meta:
        index_name = "GSI2"
        projection = KeysOnlyProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="GSI2PK")
    sk = UnicodeAttribute(range_key=True, attr_name="GSI2SK")


def new_table(**meta):
    body = {"Meta": type("Meta", (), {"table_name": "t", **meta}), "gsi1": GSI1(), "gsi2": GSI2()}
    return type(Table)("T", (Table,), body)


def entity(table, name, key, **body):
    body = {"ident": UnicodeAttribute(), "at": UTCDateTimeAttribute(), "key": key, **body}
    return type(Table)(name, (table,), body, discriminator=name.upper())


def pattern(function, entity, sentence="1. A question", permanent=False, **parameters):
    """Return an access pattern that is not registered."""
    function.__annotations__["return"] = Query[entity]
    return AccessPattern(function, sentence, parameters, permanent)


def findings(table, *patterns, without=("ST301", "ST308")):
    """Return the ids and places of all findings, except those that any table without patterns has."""
    found = check_description(table.describe(), patterns)
    return [(each.rule.id, each.where) for each in found if each.rule.id not in without]


def test_colliding_entities():
    """The later write overwrites the other item, and the wrong entity is read back."""
    table = new_table()
    entity(table, "One", Key(pk="X#{ident}", sk="X"))
    entity(table, "Two", Key(pk="X#{ident}", sk="X"))
    (found,) = (each for each in check(table) if each.rule.id == "ST201")
    assert found.severity is Severity.ERROR
    assert found.where == "One, Two"
    assert "can both have the key 'X#a' / 'X'" in found.message


def test_no_collision_between_a_class_and_its_base():
    """A subclass that inherits its base's key shares its key space on purpose."""
    table = new_table()
    base = entity(table, "Base", Key(pk="X#{ident}", sk="X"))
    type(Table)("Special", (base,), {}, discriminator="SPECIAL")
    assert findings(table) == []


def test_nullable_primary_key_in_a_description():
    """The class cannot be declared, but a description from elsewhere can have one."""
    table = new_table()
    entity(table, "One", Key(pk="X#{ident}", sk="X"))
    described = table.describe()
    (one,) = described.entities
    nullable = [attrs.evolve(each, nullable=each.name == "ident") for each in one.attributes]
    planted = attrs.evolve(described, entities=(attrs.evolve(one, attributes=tuple(nullable)),))
    assert ("ST102", "One.key") in [(each.rule.id, each.where) for each in check_description(planted)]


def test_ambiguous_and_unpadded_keys_of_raw_tables():
    """Escaped tables refuse them; for raw tables they are a warning."""
    table = new_table(key_encoding="raw")
    entity(table, "One", Key(pk="X#{ident}#{other}", sk="{n}"), other=UnicodeAttribute(), n=NumberAttribute())
    assert findings(table) == [("ST103", "One.key"), ("ST104", "One.key")]
    assert {each.severity for each in check(table)} == {Severity.WARNING}


@pytest.mark.parametrize(
    ("pk", "hot"),
    [
        ("ORDER_BY_DATE", True),
        ("STATUS#{status}", True),
        ("LEVEL#{level}", True),
        ("LEVEL#{level}#{status}", True),
        ("STATUS#{order_status}", True),
        ("STATUS#{status}#{ident:shard(4)}", False),
        ("BY_DATE#{at:%Y-%m}", False),
        ("EMAIL#{ident}", False),
        ("STATUS#{status}#{ident}", False),
    ],
)
def test_hot_partitions(pk, hot):
    """A constant, an enumeration, or a text whose name suggests few values, without a bucket or a shard."""
    table = new_table()
    entity(
        table,
        "One",
        Key(pk="X#{ident}", sk="X"),
        status=UnicodeAttribute(),
        order_status=UnicodeAttribute(),
        level=EnumAttribute(Level),
        by_it=Key(index=GSI1, pk=pk, sk="{at}"),
    )
    assert findings(table) == ([("ST203", "One.by_it")] if hot else [])


def test_queries_that_read_other_entities_rows():
    """`begins_with(ORDER#)` reads the lines after the orders; two literals separate them."""
    table = new_table()
    order = entity(table, "Order", Key(pk="U#{ident}", sk="ORDER#{at}"))
    entity(table, "Line", Key(pk="U#{ident}", sk="ORDER#{at}#{n:03d}"), n=NumberAttribute())

    def orders(ident: str):
        return order.query(ident=ident)

    def one_order(ident: str, at):
        return order.query(ident=ident, at=at)

    assert findings(table, pattern(orders, order)) == [("ST202", "orders")]
    assert findings(table, pattern(one_order, order)) == []


def test_an_index_that_no_pattern_uses():
    """Every write to it costs as much as the write to the table."""
    table = new_table()
    one = entity(table, "One", Key(pk="X#{ident}", sk="X"), by_it=Key(index=GSI1, pk="I#{ident}", sk="X"))

    def ones(ident: str):
        return one.by_it.query(ident=ident)

    assert findings(table, pattern(ones, one), without=()) == [("ST301", "GSI2")]


def test_a_pattern_that_needs_a_scan():
    """It does not have the partition key."""
    table = new_table()
    one = entity(table, "One", Key(pk="X#{ident}", sk="{at}"))

    def since(at):
        return one.query(one.at >= at)

    assert findings(table, pattern(since, one)) == [("ST302", "since")]


def test_attributes_that_the_index_does_not_hold():
    """The filter would silently match nothing."""
    table = new_table()
    one = entity(
        table, "One", Key(pk="X#{ident}", sk="X"), size=NumberAttribute(), by_it=Key(index=GSI2, pk="I#{ident}", sk="X")
    )

    def large(ident: str):
        return one.by_it.query(ident=ident, filter=one.size > 3)

    (found,) = (each for each in check_description(table.describe(), [pattern(large, one)]) if each.rule.id == "ST303")
    assert "reads 'size', which the index GSI2 does not hold" in found.message


def test_a_permanent_answer_that_expires():
    """The tutorial's one-year TTL would delete customers."""
    table = new_table()
    one = entity(table, "One", Key(pk="X#{ident}", sk="X"), gone=Expiry(after="at", days=365))

    def it(ident: str):
        return one.query(ident=ident)

    assert findings(table, pattern(it, one, permanent=True)) == [("ST304", "it")]
    assert findings(table, pattern(it, one)) == []


def test_a_pattern_that_cannot_be_asked():
    """Any error is a finding, and the next pattern is still checked."""
    table = new_table()
    one = entity(table, "One", Key(pk="X#{ident}", sk="X"))

    def broken(ident: str):
        return 1 / 0

    def list_of_items(ident: str):
        return ["no request"]

    def unknown_parameter(nothing):
        return one.query(ident=nothing)

    found = findings(table, pattern(broken, one), pattern(list_of_items, one), pattern(unknown_parameter, one))
    assert found == [("ST305", "broken"), ("ST305", "list_of_items"), ("ST305", "unknown_parameter")]


def test_a_pattern_that_scans():
    """It returns a request that reads the whole table."""
    table = new_table()
    one = entity(table, "One", Key(pk="X#{ident}", sk="X"))

    def everything():
        return one.scan()

    assert findings(table, pattern(everything, one)) == [("ST302", "everything")]


def test_a_parameter_that_changes_nothing():
    """Of any type, also one end of an interval; a pattern that refuses another value has no finding."""
    table = new_table()
    one = entity(table, "One", Key(pk="X#{ident}", sk="{at}"))

    def constant(ident):
        return one.query(ident="always")

    def one_ended(ident, first, last):
        return one.query(one.at >= first, ident=ident)

    def right(ident, first, last):
        return one.query(one.at.between(first, last), ident=ident)

    def particular(ident):
        if ident != "x":
            raise ValueError
        return one.query(ident=ident)

    ends = {"first": "at", "last": "at"}
    interval = (pattern(each, one, **ends) for each in (one_ended, right))
    idle = findings(table, pattern(constant, one), *interval, pattern(particular, one))
    assert idle == [("ST307", "constant"), ("ST307", "one_ended")]


def test_accepted_findings_stay_visible():
    """With the reason for which the project accepts them."""
    table = new_table()
    entity(table, "One", Key(pk="X#{ident}", sk="X"), by_it=Key(index=GSI1, pk="ALL", sk="{at}"))
    (found,) = (each for each in check(table, {("ST203", "One.by_it"): "few items"}) if each.rule.id == "ST203")
    assert found.accepted == "few items"


def test_without_patterns_the_check_reports_what_it_did_not_check():
    """ST308 replaces the rules for patterns, and names the remedy; the index rule is not checked."""
    table = new_table()
    one = entity(table, "One", Key(pk="X#{ident}", sk="X"))
    accept = {("ST301", "GSI1"): "soon", ("ST203", "One.key"): "never found"}
    found = check(table, accept)
    assert [("ST306", "One.key"), ("ST308", "T")] == [(each.rule.id, each.where) for each in found]
    assert {Severity.WARNING} == {each.severity for each in found}
    assert "ST202, ST301, ST302, ST303, ST304, ST305, ST307 were not checked" in found[1].message
    remedy = found[1].to_dict()["remedy"]
    assert "import patterns" in remedy
    assert "setup.cfg: patterns = patterns" in remedy
    (accepted,) = check(table, {("ST308", "T"): "a table of a test"})
    assert "a table of a test" == accepted.accepted

    def ones(ident: str):
        return one.query(ident=ident)

    assert [("ST301", "GSI1"), ("ST301", "GSI2")] == findings(table, pattern(ones, one), without=())


def test_an_accepted_index_is_not_reported_as_useless_if_a_pattern_failed():
    """The index rule was not checked, because the pattern may use the index."""
    table = new_table()
    one = entity(table, "One", Key(pk="X#{ident}", sk="X"))

    def broken(ident: str):
        return 1 / 0

    found = check_description(table.describe(), [pattern(broken, one)], {("ST301", "GSI1"): "soon"})
    assert ["ST305"] == [each.rule.id for each in found]


def test_an_unknown_name_in_the_tables_own_list_of_personal_attributes():
    """An entity need not have each name, but a name that no entity has is a mistake."""
    table = new_table(personal=("ident", "emial"))
    entity(table, "One", Key(pk="X#{ident}", sk="X"))
    (found,) = (each for each in check(table) if each.rule.id == "ST115")
    assert ("T", Severity.ERROR) == (found.where, found.severity)
    assert "names 'emial', but no entity of T has such an attribute" in found.message
    assert "at, ident" in found.remedy


def test_the_tests_own_table():
    """It has no false findings: its accounts and events have different keys."""
    assert findings(AppTable) == []
    assert Account.describe() is not None
    assert Event.describe() == AppTable.describe()


def test_every_rule_is_complete():
    """Each has an id, a reason and a remedy."""
    for rule_id, rule in RULES.items():
        assert rule_id == rule.id
        assert rule.title
        assert rule.reason.endswith(".")
        assert rule.remedy.endswith(".")
