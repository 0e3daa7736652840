"""Instances: equality and unknown attributes; and classes that could not work."""

import copy
import pickle
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from pynamodb.attributes import (
    JSONAttribute,
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
    UTCDateTimeAttribute,
    VersionAttribute,
)

from singletable import Key, Table
from singletable.engine import embedded
from singletable.errors import DeclarationError, ItemDoesNotExist, MalformedItemError, UnexpectedAttributesError
from singletable.models.schema.table_schema import table_schema

MOMENT = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


class Place(MapAttribute):
    city = UnicodeAttribute(null=True)


class NoteTable(Table):
    class Meta:
        table_name = "notes"


class Note(NoteTable, discriminator="NOTE"):
    ident = UnicodeAttribute(attr_name="id")
    title = UnicodeAttribute(null=True)
    number = NumberAttribute(null=True)
    tags = UnicodeSetAttribute(null=True)
    place = Place(null=True)
    raw = MapAttribute(null=True)
    places = ListAttribute(of=Place, null=True)
    document = JSONAttribute(null=True)
    at = UTCDateTimeAttribute(null=True)

    key = Key(pk="NOTE#{ident}", sk="NOTE")


class Counted(NoteTable, discriminator="COUNTED"):
    ident = UnicodeAttribute(attr_name="id")
    version = VersionAttribute()

    key = Key(pk="COUNTED#{ident}", sk="COUNTED")


@pytest.fixture(autouse=True)
def table():
    with embedded(NoteTable):
        yield


VALUES = {
    "title": "t",
    "number": Decimal("1.5"),
    "tags": {"a", "b"},
    "place": {"city": "x"},
    "raw": {"a": {"b": [1, {"c": Decimal("0.1")}]}},
    "places": [{"city": "y"}],
    "document": {"a": [1.5]},
    "at": MOMENT,
}


def test_entities_that_hold_the_same_are_equal():
    """They are equal before and after they are stored, read, copied and pickled."""
    made = Note(ident="1", **VALUES)
    assert made == Note(ident="1", **VALUES)
    made.create()
    read = Note.get(ident="1")
    for other in (made, copy.copy(read), copy.deepcopy(read), pickle.loads(pickle.dumps(read)), *Note.scan().all()):
        assert read == other
    assert [read] == [Note.get(ident="1")]
    read.at = MOMENT.astimezone(timezone(timedelta(hours=9)))
    assert made == read, "it is the same moment"


@pytest.mark.parametrize("name", VALUES)
def test_entities_with_another_value_are_not_equal(name):
    """Another or missing value of any attribute makes them unequal."""
    others = {
        **VALUES,
        "number": 2,
        "tags": {"a"},
        "place": {"city": "z"},
        "raw": {"a": 1},
        "places": [],
        "document": 1,
    }
    others |= {"title": "u", "at": MOMENT + timedelta(microseconds=1)}
    made = Note(ident="1", **VALUES)
    assert made != Note(ident="1", **{**VALUES, name: others[name]})
    assert made != Note(ident="1", **{**VALUES, name: None})


def test_equality_looks_at_types_and_unknown_attributes():
    """Equality compares only types, declared and unknown attributes."""
    made = Note(ident="1")
    assert made != Counted(ident="1")
    assert made != {"ident": "1"}
    other = Note(ident="1")
    other.extra_attributes = {"legacy": {"N": "1.0"}}
    assert made != other
    made.extra_attributes = {"legacy": {"N": "1"}}
    assert made == other
    counted = Counted(ident="1")
    counted.create()
    assert counted == Counted.get(ident="1")
    assert counted != Counted(ident="1")


def test_an_entity_with_a_value_that_cannot_be_stored_can_be_compared():
    """The unconverted values are compared."""
    assert Note(ident="1", number="x") == Note(ident="1", number="x")
    assert Note(ident="1", number="x") != Note(ident="1", number="y")
    assert Note(ident="1", number="x") != Note(ident="1", number=1)


def test_an_entity_cannot_be_hashed():
    """An entity is mutable, so it cannot be hashed."""
    with pytest.raises(TypeError, match="unhashable"):
        hash(Note(ident="1"))


def test_an_attribute_that_does_not_exist_cannot_be_set():
    """The error names the nearest one."""
    made = Note(ident="1")
    with pytest.raises(
        UnexpectedAttributesError, match="Note has no attribute 'tittle'. Did you mean 'title'?"
    ) as caught:
        made.tittle = "x"
    assert ("Note", ("tittle",)) == (caught.value.entity, caught.value.unexpected)
    with pytest.raises(UnexpectedAttributesError, match="has no attribute 'zzz'. It has: at, document, ident, "):
        made.zzz = 1
    made.create()
    with pytest.raises(UnexpectedAttributesError, match="has no attribute 'tittle'"):
        Note.get(ident="1").tittle = "x"
    made._mine = "a private name is the class's own business"
    assert "a private name is the class's own business" == made._mine


def declared(**body):
    """Return an entity with its own table."""
    base = type("OwnTable", (Table,), {"Meta": type("Meta", (), {"table_name": "own"})})
    body = {"ident": UnicodeAttribute(), "key": Key(pk="X#{ident}", sk="X"), "__qualname__": "X", **body}
    return type(base)("X", (base,), body, discriminator="X")


def test_class_variables_and_properties_can_be_set():
    """Setting them is not refused, because they exist."""

    def set_shown(self, value):
        self.title = value

    entity = declared(
        title=UnicodeAttribute(null=True), shown=property(lambda self: self.title, set_shown), retries=3, _cache=None
    )
    made = entity(ident="1")
    made.shown, made.retries, made._cache = "x", 4, {}
    assert ("x", 4, 3) == (made.title, made.retries, entity.retries)


def test_an_own_init_may_add_attributes():
    """A new instance and a read one get the attributes, which can be changed later."""

    def __init__(self, **attributes):
        super(entity, self).__init__(**attributes)
        self.seen = 0

    entity = declared(__init__=__init__)
    with embedded(table_schema(entity).table):
        entity(ident="1").create()
        read = entity.get(ident="1")
        read.seen += 1
        assert 1 == read.seen
        with pytest.raises(UnexpectedAttributesError, match="has no attribute 'seem'"):
            read.seem = 1


@pytest.mark.parametrize(
    ("init", "reason"),
    [
        (lambda self, ident: None, r"TypeError: .*unexpected keyword argument '_user_instantiated'"),
        (lambda self: None, r"TypeError: .*unexpected keyword argument"),
        (lambda self, **attributes: attributes["ident"], "KeyError: 'ident'"),
        (lambda self, **attributes: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_an_own_init_that_reading_cannot_call_is_refused(init, reason):
    """Its items could be written, but not read."""
    with pytest.raises(
        DeclarationError, match=rf"X.__init__ cannot be called as X\(_user_instantiated=False\).*{reason}"
    ):
        declared(__init__=init)


@pytest.mark.parametrize("annotation", [int, "int", UnicodeAttribute, "UnicodeAttribute"])
def test_a_bare_annotation_is_refused(annotation):
    """It looks like an attribute, but is not one."""
    with pytest.raises(
        DeclarationError, match=r"X.total is annotated and has no value, so it is not an attribute"
    ) as caught:
        declared(__annotations__={"total": annotation})
    assert ("ST113", "total") == (caught.value.rule, caught.value.attribute)


def test_other_annotations_are_allowed():
    """Annotations of private names, class variables, and attributes with a value or inherited ones are allowed."""
    from typing import ClassVar

    declared(
        __annotations__={
            "_cache": dict,
            "retries": ClassVar[int],
            "shared": "ClassVar[dict[str, int]]",
            "typed": "typing.ClassVar[int]",
            "ident": UnicodeAttribute,
            "extra_attributes": dict,
        }
    )


def test_a_bare_annotation_of_a_table_class_is_refused():
    """A table class is checked like an entity."""
    with pytest.raises(DeclarationError, match="by_owner is annotated and has no value"):
        type("T", (Table,), {"Meta": type("Meta", (), {"table_name": "t"}), "__annotations__": {"by_owner": "Index"}})


def test_the_earlier_class_of_a_reloaded_module_is_refused():
    """It would not find its items, because they are read as the new class."""
    old = declared()
    table = table_schema(old).table
    with embedded(table):
        instance = old(ident="1")
        instance.create()
        body = {"ident": UnicodeAttribute(), "key": Key(pk="X#{ident}", sk="X"), "__qualname__": "X"}
        new = type(table)("X", (table,), body, discriminator="X")
        for act in (
            lambda: old.get(ident="1"),
            lambda: old.query(ident="1"),
            lambda: old.scan(),
            lambda: old(ident="2"),
            lambda: old.batch_get([{"ident": "1"}]),
            lambda: table.collection(old, ident="1"),
            lambda: old.from_raw_data({}),
            instance.save,
            instance.delete,
            lambda: instance.refresh(),
            lambda: repr(instance),
        ):
            with pytest.raises(
                DeclarationError, match="X was declared again, since .* was run again; this is the earlier"
            ):
                act()
        assert new(ident="1") == new.get(ident="1")


def test_a_class_that_is_refused_leaves_the_earlier_one_in_its_place():
    """In a notebook, a cell is corrected and run again."""
    old = declared()
    table = table_schema(old).table
    with embedded(table):
        old(ident="1").create()
        body = {"ident": UnicodeAttribute(), "key": Key(pk="X#{other}", sk="X"), "__qualname__": "X"}
        with pytest.raises(DeclarationError):
            type(table)("X", (table,), body, discriminator="X")
        assert "1" == old.get(ident="1").ident


def test_what_was_read_is_read_without_a_look_at_unknown_attributes(monkeypatch):
    """Unknown attributes are copied only when they are used."""
    client = NoteTable._get_connection().connection.client
    item = {"PK": {"S": "NOTE#1"}, "SK": {"S": "NOTE"}, "entityType": {"S": "NOTE"}, "id": {"S": "1"}}
    client.put_item(TableName="notes", Item={**item, "legacy": {"M": {"a": {"L": [{"S": "x"}]}}}})
    copied = []
    monkeypatch.setattr(
        "singletable.models.items.instance.deepcopy", lambda value: copied.append(value) or copy.deepcopy(value)
    )
    read = Note.get(ident="1")
    read.title = "t"
    read.save()
    assert [] == copied
    read.extra_attributes["legacy"]["M"]["a"]["L"].append({"S": "y"})
    read.save()
    assert 1 == len(copied)
    stored = client.get_item(TableName="notes", Key={"PK": item["PK"], "SK": item["SK"]})["Item"]
    assert {"M": {"a": {"L": [{"S": "x"}, {"S": "y"}]}}} == stored["legacy"]


def test_a_malformed_item_does_not_exist_for_nobody():
    """The item exists, but cannot be read."""
    client = NoteTable._get_connection().connection.client
    item = {"PK": {"S": "NOTE#1"}, "SK": {"S": "NOTE"}, "entityType": {"S": "NOTE"}, "id": {"N": "1"}}
    client.put_item(TableName="notes", Item=item)
    with pytest.raises(MalformedItemError, match="holds 'id' as N, which UnicodeAttribute cannot read") as caught:
        Note.get(ident="1")
    assert not isinstance(caught.value, ItemDoesNotExist)
    assert ("Note", "ident") == (caught.value.entity, caught.value.attribute)
