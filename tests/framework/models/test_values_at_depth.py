"""Values below the top level: exact numbers, the rules of the top level, and errors with the path."""

from datetime import datetime, timezone
from decimal import Decimal
from enum import Enum

import pytest
from pynamodb.attributes import (
    BinaryAttribute,
    BinarySetAttribute,
    BooleanAttribute,
    DynamicMapAttribute,
    JSONAttribute,
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    NumberSetAttribute,
    TTLAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
    UTCDateTimeAttribute,
    VersionAttribute,
)

from singletable import EnumAttribute, IntegerAttribute, Key, Table, plan
from singletable.engine import embedded
from singletable.errors import InvalidKeyValueError, InvalidUpdateError, InvalidValueError, ItemTooLargeError

NAIVE = datetime(2026, 1, 1, 12)
AWARE = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
LONG = Decimal("1.123456789012345678")


class Size(Enum):
    S = "S"


class Slot(MapAttribute):
    starts_at = UTCDateTimeAttribute(attr_name="at", null=True)
    label = UnicodeAttribute()
    done = BooleanAttribute(default=False)
    price = NumberAttribute(null=True)


class Private(MapAttribute):
    """A map that is personal in every entity."""

    starts_at = UTCDateTimeAttribute(null=True)
    label = UnicodeAttribute()


class Day(MapAttribute):
    slots = ListAttribute(of=Slot, null=True)
    first = Slot(null=True, attr_name="f")


class Loose(DynamicMapAttribute):
    at = UTCDateTimeAttribute(null=True)


class PlanTable(Table):
    class Meta:
        table_name = "plans"


class Doc(PlanTable, discriminator="DOC"):
    ident = UnicodeAttribute(attr_name="id")
    file_name = UnicodeAttribute(attr_name="fileName", null=True)
    amount = NumberAttribute(null=True)
    whole = IntegerAttribute(null=True)
    size = EnumAttribute(Size, null=True)
    flag = BooleanAttribute(null=True)
    data = BinaryAttribute(null=True, legacy_encoding=False)
    tags = UnicodeSetAttribute(null=True)
    numbers = NumberSetAttribute(null=True)
    blobs = BinarySetAttribute(null=True, legacy_encoding=False)
    document = JSONAttribute(null=True)
    lasting = TTLAttribute(null=True)
    at = UTCDateTimeAttribute(null=True)
    first_slot = Slot(null=True, attr_name="firstSlot")
    all_slots = ListAttribute(of=Slot, null=True, attr_name="slots")
    day = Day(null=True)
    times = ListAttribute(of=UTCDateTimeAttribute, null=True)
    raw = MapAttribute(null=True)
    rows = ListAttribute(null=True)
    loose = Loose(null=True)

    key = Key(pk="DOC#{ident}", sk="DOC")


class Person(PlanTable, discriminator="PERSON"):
    class Meta:
        personal = ("facts", "slot")

    ident = UnicodeAttribute(attr_name="id")
    facts = MapAttribute(null=True)
    slot = Private(null=True)

    key = Key(pk="PERSON#{ident}", sk="PERSON")


class Counted(PlanTable, discriminator="COUNTED"):
    ident = UnicodeAttribute(attr_name="id")
    version = VersionAttribute()

    key = Key(pk="COUNTED#{ident}", sk="COUNTED")


@pytest.fixture(scope="module", autouse=True)
def table():
    with embedded(PlanTable):
        yield


def stored(**values):
    """Return the item of an instance with these values."""
    return plan.create(Doc(ident="1", **values)).item


def refusal(act):
    with pytest.raises(InvalidValueError) as caught:
        act()
    return caught.value


REFUSED = [
    # values, attribute, path, reason
    ({"file_name": 3}, "file_name", (), "expected str, got int"),
    ({"file_name": "\ud800"}, "file_name", (), "half a surrogate pair"),
    ({"flag": "false"}, "flag", (), "expected bool, got str"),
    ({"flag": 1}, "flag", (), "expected bool, got int"),
    ({"data": "text"}, "data", (), "expected bytes, got str"),
    ({"tags": "abc"}, "tags", (), "expected set, got str"),
    ({"tags": {"a", 1}}, "tags", (), "expected str, got int"),
    ({"numbers": {1, "2"}}, "numbers", (), "expected a number, got str"),
    ({"numbers": {True}}, "numbers", (), "expected a number, got bool"),
    ({"numbers": {float("nan")}}, "numbers", (), "not a finite number"),
    ({"blobs": b"ab"}, "blobs", (), "expected set, got bytes"),
    ({"blobs": {"ab"}}, "blobs", (), "expected bytes, got str"),
    ({"rows": "abc"}, "rows", (), "expected list, got str"),
    ({"rows": {"a": 1}}, "rows", (), "expected list, got dict"),
    ({"rows": [1, AWARE]}, "rows", (1,), "DynamoDB has no type for a datetime"),
    ({"rows": [{"x": [float("inf")]}]}, "rows", (0, "x", 0), "not a finite number"),
    ({"rows": [{1: "x"}]}, "rows", (0,), "a name within a map is a int"),
    ({"rows": [set()]}, "rows", (0,), "DynamoDB does not store empty sets"),
    ({"rows": [{1, "a"}]}, "rows", (0,), "no type for a set of int, str"),
    ({"raw": {"x": {"y": "\udfff"}}}, "raw", ("x", "y"), "half a surrogate pair"),
    ({"raw": {"x": object()}}, "raw", ("x",), "DynamoDB has no type for a object"),
    ({"raw": [1]}, "raw", (), "expected a map, got list"),
    ({"times": [AWARE, NAIVE]}, "times", (1,), "it has no time zone"),
    ({"first_slot": {"label": "a", "starts_at": NAIVE}}, "first_slot", ("starts_at",), "it has no time zone"),
    ({"first_slot": Slot(label="a", starts_at=NAIVE)}, "first_slot", ("starts_at",), "it has no time zone"),
    ({"first_slot": {"lable": "a"}}, "first_slot", ("lable",), "Slot does not declare it"),
    ({"first_slot": {}}, "first_slot", ("label",), "it is missing"),
    ({"first_slot": Slot(label="a", price=float("nan"))}, "first_slot", ("price",), "not a finite number"),
    ({"first_slot": Slot(label="a", done="no")}, "first_slot", ("done",), "expected bool, got str"),
    ({"all_slots": [Slot(label="a"), {"label": 3}]}, "all_slots", (1, "label"), "expected str, got int"),
    ({"all_slots": [{"label": "a", "more": 1}]}, "all_slots", (0, "more"), "Slot does not declare it"),
    ({"all_slots": [3]}, "all_slots", (0,), "expected Slot or a dict, got int"),
    ({"all_slots": [Day()]}, "all_slots", (0,), "expected Slot, got Day"),
    ({"day": {"slots": [{"label": "a"}, {"label": "b", "price": "x"}]}}, "day", ("slots", 1, "price"), "got str"),
    ({"day": Day(first=Slot())}, "day", ("first", "label"), "it is missing"),
    ({"loose": Loose(at=NAIVE)}, "loose", ("at",), "it has no time zone"),
    ({"loose": {"other": {"x": AWARE}}}, "loose", ("other", "x"), "DynamoDB has no type for a datetime"),
    ({"document": {"x": [AWARE]}}, "document", ("x", 0), "JSON has no datetime"),
    ({"document": [float("nan")]}, "document", (0,), "not a finite number"),
    ({"document": {1: "x"}}, "document", (), "a name in JSON is a int"),
    ({"lasting": NAIVE}, "lasting", (), "it has no time zone"),
    ({"lasting": "x"}, "lasting", (), "expected datetime or timedelta, got str"),
    ({"whole": Decimal("1.5")}, "whole", (), "it is not a whole number"),
    ({"whole": 1.0}, "whole", (), "expected int, got float"),
    ({"size": "L"}, "size", (), "it is not one of 'S'"),
]


@pytest.mark.parametrize(("values", "attribute", "path", "reason"), REFUSED, ids=map(str, range(len(REFUSED))))
def test_a_refusal_names_the_entity_the_attribute_and_the_place_below_it(values, attribute, path, reason):
    """Creation, an update by values and setting the attribute raise the same error."""

    def by_setting():
        made = Doc(ident="1")
        for name, value in values.items():
            setattr(made, name, value)
        plan.save(made)

    made = Doc.from_raw_data(stored())
    for act in (lambda: stored(**values), lambda: plan.update(made, **values), by_setting):
        error = refusal(act)
        # Invalid UTF-8 is found in the finished item, and its error has no `reason`.
        assert reason in (error.reason or error.what)
        assert ("Doc", attribute, path) == (error.entity, error.attribute, error.path)
        assert error.remedy
        assert str(error).endswith(error.remedy)


def test_a_message_reads_as_a_sentence():
    """The message has the path, the value, the reason and the remedy."""
    error = refusal(lambda: stored(all_slots=[{"label": "a"}, {"label": 3}]))
    assert "Doc.all_slots[1].label=3 cannot be stored or compared: expected str, got int. Give a str." == str(error)
    error = refusal(lambda: stored(first_slot={"lable": "a"}))
    assert "Doc.first_slot.lable: Slot does not declare it. It has: done, label, price, starts_at." == str(error)


OPERANDS = [
    (lambda: Doc.first_slot.starts_at == NAIVE, "first_slot", ("starts_at",)),
    (lambda: Doc.first_slot.starts_at.set(NAIVE), "first_slot", ("starts_at",)),
    (lambda: Doc.first_slot.set(Slot(label="a", starts_at=NAIVE)), "first_slot", ("starts_at",)),
    (lambda: Doc.first_slot == Slot(label="a", price=float("nan")), "first_slot", ("price",)),
    (lambda: Doc.first_slot.done.set("no"), "first_slot", ("done",)),
    (lambda: Doc.all_slots[2].starts_at.set(NAIVE), "all_slots", (2, "starts_at")),
    (lambda: Doc.all_slots[2].price.is_in(1, "2"), "all_slots", (2, "price")),
    (lambda: Doc.all_slots.append([Slot(label=3)]), "all_slots", (0, "label")),
    (lambda: Doc.day.first.label.set(3), "day", ("first", "label")),
    (lambda: Doc.times[0] < NAIVE, "times", (0,)),
    (lambda: Doc.times.append([NAIVE]), "times", (0,)),
    (lambda: Doc.raw["x"].set(NAIVE), "raw", ("x",)),
    (lambda: Doc.raw["x"]["y"].between(1, float("nan")), "raw", ("x", "y")),
    (lambda: Doc.raw["x"][1].set({"a": "\ud800"}), "raw", ("x", 1, "a")),
    (lambda: Doc.rows[0]["a"] == NAIVE, "rows", (0, "a")),
    (lambda: Doc.tags.add("abc"), "tags", ()),
    (lambda: Doc.numbers.contains("1"), "numbers", ()),
    (lambda: Doc.flag == "no", "flag", ()),
    (lambda: Doc.at.between(NAIVE, AWARE), "at", ()),
    (lambda: Doc.document == {"x": NAIVE}, "document", ("x",)),
]


@pytest.mark.parametrize(("act", "attribute", "path"), OPERANDS)
def test_operands_hold_to_the_same(act, attribute, path):
    """Conditions, filters and actions on attributes and on paths below them have the same rules."""
    error = refusal(act)
    assert ("Doc", attribute, path) == (error.entity, error.attribute, error.path)
    assert error.remedy


@pytest.mark.parametrize(
    "values",
    [
        {"amount": LONG},
        {"whole": Decimal(5)},
        {"numbers": {LONG, Decimal(2), 3, 0.5}},
        {"raw": {"a": LONG, "b": [LONG, {"c": {LONG}}]}},
        {"rows": [LONG, {"a": LONG}]},
        {"first_slot": Slot(label="a", price=LONG)},
        {"all_slots": [{"label": "a", "price": LONG}]},
        {"loose": {"x": LONG}},
        {"document": {"x": [LONG, 1.5, 10**30]}},
    ],
    ids=lambda values: next(iter(values)),
)
def test_numbers_are_exact_at_every_depth(values):
    """A Decimal is accepted for every number, and read with the same digits."""
    Doc(ident="n", **values).save()
    read = Doc.get(ident="n")
    assert Doc(ident="n", **values) == read
    read.save()
    assert read == Doc.get(ident="n")


def test_json_is_read_and_written_exactly():
    """This holds also for a number that a float cannot hold, and for one with a trailing zero."""
    item = {**stored(), "document": {"S": '{"a": 1.10, "b": 0.1234567890123456789012345, "c": 1.0}'}}
    read = Doc.from_raw_data(item)
    assert {"a": 1.1, "b": Decimal("0.1234567890123456789012345"), "c": 1.0} == read.document
    read.document["d"] = Decimal("1E-7")
    assert '{"a": 1.1, "b": 0.1234567890123456789012345, "c": 1.0, "d": 1E-7}' == plan.save(read).item["document"]["S"]


def test_a_dict_given_for_a_map_gets_its_defaults():
    """It gets them at the top level, in lists and in maps. An entry without a value and a default is missing."""
    item = stored(first_slot={"label": "a"}, all_slots=[{"label": "b"}], day={"slots": [{"label": "c"}]})
    expected = {"BOOL": False}
    assert expected == item["firstSlot"]["M"]["done"]
    assert expected == item["slots"]["L"][0]["M"]["done"]
    assert expected == item["day"]["M"]["slots"]["L"][0]["M"]["done"]


def test_a_dynamic_map_stores_exactly_its_entries():
    """PynamoDB's map adds an entry `attribute_values` to a map that it reads."""
    Doc(ident="d", loose={"x": 1, "at": AWARE}).save()
    read = Doc.get(ident="d")
    assert {"x": 1, "at": AWARE} == read.loose.attribute_values
    read.loose["y"] = [LONG]
    read.save()
    assert {"x", "y", "at"} == Doc.get(ident="d").loose.attribute_values.keys()
    error = refusal(lambda: plan.save(Doc(ident="d", loose={"at": AWARE, "when": 1, "x": {1: 2}})))
    assert ("x",) == error.path


def test_an_update_by_a_path_of_an_untyped_map_stores_what_is_given():
    """It stores a dict with one type key, a Decimal, and names with brackets and dots exactly."""
    made = Doc(ident="p", raw={"a[0]": {"b.c": 1}, "size": 2})
    made.create()
    made.update(
        actions=[
            Doc.raw["a[0]"]["b.c"].set({"S": "x"}),
            Doc.raw["size"].set(LONG),
            Doc.raw["new"].set((Doc.raw["count"] | 0) + Decimal(2)),
        ],
        condition=(Doc.raw["a[0]"]["b.c"] == 1) & (Doc.raw["size"].is_in(2, 3)),
    )
    assert {"a[0]": {"b.c": {"S": "x"}}, "size": LONG, "new": 2} == made.raw.as_dict()
    found = Doc.query(ident="p", filter=Doc.raw["a[0]"]["b.c"] == {"S": "x"}).one()
    assert made == found


def test_names_within_a_personal_map_are_not_shown():
    """Its names and values are hidden at every depth."""
    for act in (
        lambda: Person(ident="1", facts={"secret": {"kestrel": NAIVE}}),
        lambda: plan.create(Person(ident="1", facts={"secret": [{"kestrel": NAIVE}]})),
        lambda: plan.create(Person(ident="1", facts={"secret": Slot(label="kestrel", starts_at=NAIVE)})),
        lambda: Person.facts["secret"]["kestrel"].set(NAIVE),
        lambda: Person(ident="1", slot={"secret": "kestrel"}),
        lambda: plan.create(Person(ident="1", slot=Private(label="kestrel", starts_at=NAIVE))),
    ):
        try:
            plan.create(act())
        except InvalidValueError as error:
            assert "Person" == error.entity
            for each in (str(error), repr(error.path), repr(error.value), repr(vars(error))):
                assert "secret" not in each
                assert "kestrel" not in each
        except TypeError:
            pytest.fail("an action is not an entity: the operand was taken")
        else:
            pytest.fail("it was taken")


@pytest.mark.parametrize("act", [lambda label: label.remove(), lambda label: label.set(Doc.amount)])
def test_an_action_that_a_part_cannot_have_names_the_part_in_python(act):
    with pytest.raises(InvalidValueError, match=r"Doc\.day\.first\.label ") as caught:
        plan.update(Doc(ident="1"), actions=[act(Doc.day.first.label)])
    assert (caught.value.attribute, caught.value.path) == ("day", ("first", "label"))


def test_an_update_of_what_the_item_does_not_have_names_the_action():
    """The error has a remedy, while DynamoDB returns a ValidationException."""
    made = Doc(ident="u")
    made.create()
    PlanTable._get_connection().connection.client.update_item(
        TableName="plans",
        Key={"PK": {"S": "DOC#u"}, "SK": {"S": "DOC"}},
        UpdateExpression="SET amount = :null",
        ExpressionAttributeValues={":null": {"NULL": True}},
    )
    for action, attribute, path, remedy in (
        (Doc.raw["x"]["y"].set(1), "raw", ("x", "y"), "Set the whole attribute"),
        (Doc.first_slot.label.set("x"), "first_slot", ("label",), "Set the whole attribute"),
        (Doc.rows.set(Doc.rows.append([1])), "rows", (), "Give a default: "),
        (Doc.whole.set(Doc.whole + 1), "whole", (), "Give a default: "),
        (Doc.amount.add(1), "amount", (), "It is stored as NULL"),
    ):
        with pytest.raises(InvalidUpdateError) as caught:
            made.update(actions=[action])
        assert ("Doc", attribute) == (caught.value.entity, caught.value.attribute)
        assert path == caught.value.path or attribute == "first_slot"
        assert remedy in caught.value.remedy
        assert not caught.value.uncertain


def test_errors_of_keys_and_sizes_name_the_entity_and_have_a_remedy():
    """This holds also for errors that do not concern a value's type."""
    error = refusal(lambda: plan.create(Doc(ident=3)))
    assert isinstance(error, InvalidKeyValueError)
    assert ("Doc", "ident") == (error.entity, error.attribute)
    assert error.remedy
    error = refusal(lambda: plan.create(Doc(ident="")))
    assert ("Doc", "ident") == (error.entity, error.attribute)
    assert error.remedy
    error = refusal(lambda: plan.create(Doc(ident="1", file_name="x" * 420_000)))
    assert isinstance(error, ItemTooLargeError)
    assert "Doc" == error.entity
    assert error.remedy


def test_a_version_takes_whole_numbers_alone():
    """PynamoDB truncates 1.5 to 1, and accepts a text."""
    for value in (1.5, "5", True, Decimal("0.5")):
        error = refusal(lambda value=value: Counted(ident="1", version=value))
        assert ("Counted", "version") == (error.entity, error.attribute)
        assert error.remedy
    assert 2 == Counted(ident="1", version=Decimal(2)).version
