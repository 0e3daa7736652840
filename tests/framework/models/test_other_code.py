"""Values of other code are kept and cause no errors; an instance's defaults are not stored without a reason."""

import pytest
from pynamodb.attributes import (
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
    UTCDateTimeAttribute,
    VersionAttribute,
)
from pynamodb.expressions.operand import Path

from singletable import Expiry, Key, Table
from singletable.engine import embedded
from singletable.errors import (
    ConcurrentUpdateError,
    ConditionFailed,
    InvalidValueError,
    StaleKeyError,
    TransactionCancelled,
)
from singletable.models.reading.targets import TableSender
from singletable.testing.faults import Rival, inject
from singletable.testing.invariants import check_fresh
from tests.framework.ledger import GSI1
from tests.framework.stored import stored_item


class OtherTable(Table):
    class Meta:
        table_name = "other"

    gsi1 = GSI1()


class Place(MapAttribute):
    city = UnicodeAttribute(null=True)


class Note(OtherTable, discriminator="NOTE"):
    class Meta:
        personal = ("text",)

    ident = UnicodeAttribute()
    total = NumberAttribute(default_for_new=0)
    text = UnicodeAttribute(null=True)
    state = UnicodeAttribute(null=True)
    sort = UnicodeAttribute(default="none")
    place = Place(null=True)
    detail = MapAttribute(null=True)
    lines = ListAttribute(null=True)
    labels = UnicodeSetAttribute(null=True)

    key = Key(pk="N#{ident}", sk="N")
    by_state = Key(index=GSI1, pk="S#{state}", sk="{sort}#{ident}")


class Doc(OtherTable, discriminator="DOC"):
    ident = UnicodeAttribute()
    text = UnicodeAttribute(null=True)
    version = VersionAttribute()

    key = Key(pk="D#{ident}", sk="D")


@pytest.fixture(autouse=True)
def table():
    """Give an empty table; assert after the test that every item is fresh."""
    with embedded(OtherTable) as bound:
        yield bound
        check_fresh(bound)


def read(ident="1", **attributes):
    """Return a note that was stored and read."""
    Note(ident=ident, **attributes).create()
    return Note.get(ident=ident)


def rewrite(entity, **changes):
    """Store the item as other code would, with other attributes; None leaves an attribute out."""
    item = {name: value for name, value in {**stored_item(entity), **changes}.items() if value is not None}
    TableSender(OtherTable).send("PutItem", {"TableName": "other", "Item": item})


def test_a_move_takes_what_was_added_since_it_was_read():
    """The stored item is moved with its changes, without the instance's defaults."""
    note = read()
    rewrite(note, legacy={"S": "kept"}, text={"S": "theirs"})
    note.total = 9
    note.move(ident="2")
    moved = stored_item(note)
    assert ({"S": "kept"}, {"S": "theirs"}, {"N": "0"}) == (moved["legacy"], moved["text"], moved["total"])
    rival = Note.get(ident="2")
    with inject(OtherTable, Rival(lambda: rival.update(total=5), operations=["TransactWriteItems"], calls={1})):
        note.move(ident="3")
    assert 5 == note.total == Note.get(ident="3").total


def test_a_version_goes_on_counting_when_an_item_moves():
    """An instance that was read with the old key is stale, even if the item is moved back to that key."""
    Doc(ident="1", text="1").create()
    stale, mover = Doc.get(ident="1"), Doc.get(ident="1")
    first = stale.version
    mover.move(ident="2")
    mover.move(ident="1")
    with pytest.raises(ConcurrentUpdateError):
        stale.save()
    assert first + 2 == Doc.get(ident="1").version


def test_a_collection_writes_what_was_changed_and_nothing_else():
    """It keeps attributes that other code has added, and does not write defaults that were never stored."""
    note = read(sort="x")
    rewrite(note, sort=None)
    assert 0 == OtherTable.load_collection(Note, ident="1").save()
    unit = OtherTable.load_collection(Note, ident="1")
    rewrite(note, sort=None, legacy={"S": "kept"})
    unit.one(Note).text = "t"
    unit.one(Note).extra_attributes["own"] = {"L": [{"S": "o"}]}
    assert 1 == unit.save()
    stored = stored_item(note)
    assert ({"S": "kept"}, {"S": "t"}) == (stored["legacy"], stored["text"])
    assert "sort" not in stored
    unit.one(Note).extra_attributes["own"]["L"].append({"S": "p"})
    assert 1 == unit.save()
    assert {"L": [{"S": "o"}, {"S": "p"}]} == stored_item(note)["own"]


def test_what_a_map_holds_beyond_its_model_is_kept():
    """Saves, moves and changes of other entries of the map keep it."""
    note = read(place=Place(city="x"), detail={"a": 1}, lines=[1, "b"])
    whole = {"M": {"city": {"S": "x"}, "zip": {"S": "1"}}}
    rewrite(note, place=whole)
    note = Note.get(ident="1")
    note.text = "t"
    note.save()
    assert whole == stored_item(note)["place"]
    note.move(ident="2")
    assert whole == stored_item(note)["place"]
    note.place.city = "y"
    note.save()
    assert {"M": {"city": {"S": "y"}, "zip": {"S": "1"}}} == stored_item(note)["place"]


def test_a_stored_null_and_a_strange_name_are_in_nobodys_way():
    """They do not affect reads and writes of other attributes."""
    note = read()
    rewrite(note, text={"NULL": True}, **{"a[0]": {"S": "v"}, "b.c": {"S": "w"}})
    note.mutate(lambda each: setattr(each, "total", 3))
    note.update(state="s", text="given")
    assert {"S": "given"} == stored_item(note)["text"]
    rewrite(note, text={"NULL": True})
    note.move(ident="2")
    unit = OtherTable.load_collection(Note, ident="2")
    unit.one(Note).total = 4
    unit.save()
    stored = stored_item(note)
    assert ({"N": "4"}, {"S": "v"}, {"S": "w"}) == (stored["total"], stored["a[0]"], stored["b.c"])
    unit.one(Note).total = 5
    rewrite(note, text={"S": "changed"})
    with pytest.raises(TransactionCancelled):
        unit.save()


class Person(OtherTable, discriminator="PERSON"):
    ident = UnicodeAttribute()
    key = Key(pk="P#{ident}", sk="P")


class Admin(Person, discriminator="ADMIN"):
    level = NumberAttribute(null=True)


class Session(OtherTable, discriminator="SESSION"):
    ident = UnicodeAttribute()
    ends_at = UTCDateTimeAttribute()
    key = Key(pk="E#{ident}", sk="E")
    expires = Expiry(after="ends_at")


def test_an_item_that_became_another_entity_is_neither_replaced_nor_deleted():
    """An instance that was read as the earlier entity cannot write it; a new instance replaces the item."""
    Person(ident="1").create()
    person = Person.get(ident="1")
    Admin(ident="1", level=9).save()
    for write in (person.save, person.delete):
        with pytest.raises(ConditionFailed, match="is now another entity; nothing was written"):
            write()
    assert {"N": "9"} == stored_item(person)["level"]
    Admin.get(ident="1").delete()
    assert stored_item(person) is None


def test_an_expiry_of_an_entity_that_never_expires_is_stale():
    """It is found, and the next write removes it, because DynamoDB would delete the item by it."""
    note = read()
    for write in (lambda: Note.get(ident="1").save(), lambda: Note.get(ident="1").update(text="t")):
        rewrite(note, ttl={"N": "1000000000"})
        with pytest.raises(AssertionError, match="is stored with stale ttl"):
            check_fresh(OtherTable)
        write()
        assert "ttl" not in stored_item(note)
    with pytest.raises(StaleKeyError, match="'ttl' is derived"):
        note.update(actions=[Path(["ttl"]).set({"N": "1"})])


def test_a_default_is_the_declared_one():
    """The default does not depend on the instance's values, and is not stored."""
    note = read()
    rewrite(note, sort=None)
    note = Note.get(ident="1")
    note.sort = "unsaved"
    note.update(state="s")
    assert ("none", {"S": "none"}) == (note.sort, stored_item(note)["sort"])


def test_an_update_that_changes_nothing_is_one():
    """Setting the primary key's attributes to their values, or emptying a set, changes nothing."""
    note = read(labels={"x"})
    note.update(ident="1")
    note.mutate(lambda each: each.labels.discard("x"))
    assert "labels" not in stored_item(note)


def test_a_failed_check_of_an_entity_with_a_version_is_no_other_writer():
    """A check does not compare the version."""
    doc = Doc(ident="1", text="x")
    doc.create()
    with pytest.raises(TransactionCancelled) as caught, OtherTable.transaction() as transaction:
        transaction.check(doc, Doc.text == "y")
    assert ConditionFailed is type(caught.value.reasons[0].error)


def test_a_deleted_instance_is_as_good_as_new():
    """It can be saved again, also with another key."""
    doc, note = Doc(ident="1"), Note(ident="1")
    doc.create()
    doc.update(text="x")
    before = doc.version
    doc.delete()
    doc.save()
    assert doc.version not in (before - 1, before, before + 1), "another first version"
    note.create()
    note.delete()
    note.ident = "2"
    note.save()
    assert "2" == Note.get(ident="2").ident


def test_an_attribute_is_not_given_a_value_of_another_type():
    """The value could not be read again."""
    note = read(text="t")
    with pytest.raises(InvalidValueError, match="Note.total is of type N, but would be set to a value of type S"):
        note.update(actions=[Note.total.set(Note.text)])
    with pytest.raises(InvalidValueError, match="Note.state is of type S, but would be set to a value of type N"):
        note.update(actions=[Note.state.set(Note.total)])
    for extra in ({}, "v", {"S": "x", "N": "1"}):
        note.extra_attributes = {"x": extra}
        with pytest.raises(InvalidValueError, match="x is not a DynamoDB value"):
            note.save()
    for extra in ({"a": {"S": "x"}}, {"M": "v"}, {"L": 1}, {"SS": "v"}, {"BS": [1]}, {"BOOL": "v"}, {"NULL": "v"}):
        note.extra_attributes = {"x": {"L": [{"M": {"y": extra}}]}}
        with pytest.raises(InvalidValueError, match=r"x\[0\].y is not a DynamoDB value"):
            note.save()
    note.update(actions=[Note.detail.set({"M": {"a": 1}})])
    assert {"M": {"M": {"M": {"a": {"N": "1"}}}}} == stored_item(note)["detail"], "a dict is a map of this attribute"
    assert {"N": "0"} == stored_item(note)["total"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"text": "555\ud800"}, "text.*: it holds half a surrogate pair"),
        ({"detail": {"a": ["\udfff"]}}, r"Note.detail.a\[0\]='.udfff' cannot be .*: it holds half a surrogate pair"),
        ({"labels": {""}}, "labels: an element of a set, or a name within a map, is empty"),
        ({"detail": {"": 1}}, "detail.: an element of a set, or a name within a map, is empty"),
        ({"labels": {1}}, "Note.labels=1 cannot be .*: expected str, got int. Give a set of str."),
    ],
)
def test_text_that_dynamodb_would_refuse(values, message):
    """The text is refused before sending, and the error does not show it."""
    note = read()
    for write in (lambda: Note(ident="2", **values).create(), lambda: note.update(**values)):
        with pytest.raises(InvalidValueError, match=message) as caught:
            write()
        assert "555" not in repr(caught.value)
        assert caught.value.__cause__ is None
