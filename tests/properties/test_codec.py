"""Generated readers and writers of entities give the same results as the slow path, which follows PynamoDB's rules."""

import copy
import pickle
import threading
from datetime import datetime, timezone
from enum import Enum

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from pynamodb.attributes import MapAttribute, NumberAttribute, UnicodeAttribute, UTCDateTimeAttribute
from pynamodb.models import Model

from singletable import Expiry, Key, Table
from singletable.errors import SingletableError
from singletable.models.items.codec import source
from singletable.models.schema.table_schema import entity_schema
from tests.properties import zoo
from tests.properties.zoo import ENTITIES, Everything, Simple, Special, instances, items, pynamodbs

PLAIN = type(
    "Plain",
    (Model,),
    {
        **pynamodbs(),
        "ident": UnicodeAttribute(hash_key=True, attr_name="id"),
        "Meta": type("Meta", (), {"table_name": "plain"}),
    },
)
"""A PynamoDB model with the same attributes."""

LEFT_ALONE = frozenset(
    name
    for name, attribute in pynamodbs().items()
    if type(Everything.get_attributes()[name]) is type(attribute) and not isinstance(attribute, MapAttribute)
)
"""The attributes that the framework does not make strict."""

MOST = settings.default.max_examples
FEWER, FEW = settings(max_examples=MOST // 2), settings(max_examples=MOST // 8)
"""A property that runs for each class or attribute needs fewer examples than the others."""


def form(value):
    """Return a value and everything in it with types and order, so that only identical values are equal."""
    if isinstance(value, (type, Enum)) or value is None:
        return value
    if isinstance(value, MapAttribute):
        inside = {name: each for name, each in vars(value).items() if name != "attribute_values"}
        return type(value), form(inside), form(value.attribute_values)
    if isinstance(value, dict):
        return type(value), [(name, form(each)) for name, each in value.items()]
    if isinstance(value, (list, tuple)):
        return type(value), [form(each) for each in value]
    if isinstance(value, (set, frozenset)):
        return type(value), sorted(map(repr, map(form, value)))
    if isinstance(value, datetime):
        return type(value), value.isoformat(), value.tzinfo is timezone.utc
    return type(value), repr(value)


def state(instance):
    """Return everything that an instance holds."""
    return type(instance), {name: form(value) for name, value in vars(instance).items() if name != "_outgoing"}


def outcome(act):
    """Return the result of a function: a value, or an error with its message."""
    try:
        return act()
    except Exception as error:
        said = vars(error) if isinstance(error, SingletableError) else ()
        return type(error), str(error), form(said)


def carefully(entity, item):
    """Return an instance that the slow path made and read."""
    made = entity(_user_instantiated=False)
    made._read_carefully(item)
    return made


def written(item):
    """Return an item in canonical form: its sets have one order."""
    return {
        name: {
            kind: written(content)
            if kind == "M"
            else [written({"": each}) for each in content]
            if kind == "L"
            else sorted(content)
            if kind in ("SS", "NS", "BS")
            else form(content)
            for kind, content in value.items()
        }
        for name, value in item.items()
    }


def both_ways(entity, item):
    """Return the results of the fast path and the slow path for an item."""
    fast = outcome(lambda: state(entity._from_item(item)))
    return outcome(lambda: state(carefully(entity, item))), fast


def read_usual(entity, item):
    """Read an item by generated code alone, which raises an error for an unusual item."""
    made = entity.__new__(entity)
    entity._codec().read(made, item)
    return made


# --- reading ---------------------------------------------------------------------------


@pytest.mark.parametrize("entity", ENTITIES)
@given(data=st.data())
def test_an_item_is_read_as_by_the_slow_path(entity, data):
    """Both paths give the same values, types and order, or the same error; the item is not changed."""
    item = data.draw(items(entity))
    before = copy.deepcopy(item)
    expected, actual = both_ways(entity, item)
    assert expected == actual
    assert form(before) == form(item)


@pytest.mark.parametrize("name", sorted(zoo.STORED))
@FEW
@given(data=st.data())
def test_a_single_attribute_is_read_as_by_the_slow_path(name, data):
    """Any stored value is read alike; the item has no other attribute, because its error would come first."""
    entity = Special if name in Special.get_attributes() else Everything
    stored = data.draw(st.one_of(zoo.STORED[name], zoo.STORED[name], zoo.STORED[name], zoo.ANY, zoo.ODD))
    item = {"PK": {"S": "P"}, "SK": {"S": "S"}, entity.get_attributes()[name].attr_name: stored}
    expected, actual = both_ways(entity, item)
    assert expected == actual


@pytest.mark.parametrize("entity", [Everything, Simple])
@FEWER
@given(data=st.data())
def test_an_instance_reads_another_item_as_by_the_slow_path(entity, data):
    """Nothing of its earlier values is left, even if the new item is malformed."""
    first = data.draw(items(entity, odd=False))
    second = data.draw(items(entity))
    instances = []
    for read in (entity._read_carefully, entity.deserialize):
        made = entity(_user_instantiated=False)
        outcome(lambda made=made: made._read_carefully(first))
        instances.append((outcome(lambda made=made, read=read: read(made, second)), state(made)))
    assert instances[0] == instances[1]


@given(items(Everything, odd=False))
def test_an_item_is_read_as_pynamodb_reads_it(item):
    """Every attribute that is not strict has PynamoDB's value, or an error if PynamoDB raises one."""
    for name, attribute in Everything.get_attributes().items():
        if name not in LEFT_ALONE:
            item.pop(attribute.attr_name, None)
    item |= {"PK": {"S": "P"}, "SK": {"S": "S"}}
    item.pop("GSI1PK", None)

    def read(model):
        made = model(_user_instantiated=False)
        made.deserialize(item)
        return form({name: value for name, value in made.attribute_values.items() if name in LEFT_ALONE})

    try:
        expected = read(PLAIN)
    except Exception as error:
        # PynamoDB confuses a key such as `self` of an untyped map with its own argument; singletable reads such maps.
        assume("got multiple values for argument" not in str(error))
        with pytest.raises(Exception):  # noqa: B017, PT011 - PynamoDB raises errors of any class
            read(Everything)
    else:
        assert expected == read(Everything)


@given(st.lists(st.sampled_from(("colour", "size", "note", "at", "level", "x", "y")), unique=True))
@example(["x"])
def test_unknown_attributes_are_kept_beside_defaults(names):
    """Unknown attributes are kept, however many attributes are missing and get their defaults."""
    values = {"at": {"S": "2026-01-01T00:00:00.000000+0000"}, "size": {"N": "1"}, "level": {"N": "1"}}
    item = {"PK": {"S": "S#1"}, "SK": {"S": "SIMPLE"}, "entityType": {"S": "SIMPLE"}, "id": {"S": "1"}}
    item |= {name: values.get(name, {"S": "x"}) for name in names}
    read = read_usual(Simple, item)
    assert {name: {"S": "x"} for name in names if name in "xy"} == read.extra_attributes
    assert item.items() <= read._container_serialize().items()


@FEWER
@given(items(Simple, odd=False), st.sampled_from((Simple, Special)))
def test_unknown_attributes_are_copies(item, entity):
    """A change of an unknown attribute's value changes neither the item nor the instance."""
    item |= {"PK": {"S": "P"}, "SK": {"S": "S"}, "x": {"L": [{"S": "one"}]}}
    read = outcome(lambda: entity._from_item(item))
    if isinstance(read, entity):
        read.extra_attributes["x"]["L"].append({"S": "two"})
        assert {"L": [{"S": "one"}]} == item["x"] == read._raw["x"]


def test_usual_items_and_instances_do_not_take_the_slow_path():
    """Without this test, generated code that always raises would stay unnoticed, because the slow path replaces it."""
    item = {
        "PK": {"S": "Z#1"},
        "SK": {"S": "t#EVERYTHING"},
        "entityType": {"S": "EVERYTHING"},
        "id": {"S": "1"},
        "text": {"S": "t"},
        "n": {"N": "1.5"},
        "mood": {"S": "GOOD"},
        "spelled": {"S": "GOOD"},
        "time": {"S": "2026-01-01T00:00:00.000000+0000"},
        "whole": {"N": "12"},
        "uuid": {"S": "12345678-1234-1234-1234-123456789abc"},
        "day": {"S": "2026-01-01"},
        "lenient_must": {"S": "x"},
        "list_outer": {"L": [{"M": {"in": {"M": {"zip": {"S": "1"}}}, "version": {"N": "1"}}}]},
        "outer_default": {"M": {"version": {"N": "1"}}},
        "raw": {"M": {"a": {"N": "1"}}},
        "tree": {"M": {"children": {"L": [{"M": {"name": {"S": "leaf"}}}]}}},
        "untyped": {"L": [{"M": {"a": {"L": [{"N": "1"}]}}}]},
        "x": {"S": "unknown"},
    }
    read = read_usual(Everything, item)
    assert state(carefully(Everything, item)) == state(read)
    assert "leaf" == read.tree.children[0].name
    read.nothing = True
    assert written(read._write_carefully(True)) == written(Everything._codec().write(read))


# --- writing ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(zoo.STORED))
@FEW
@given(data=st.data())
def test_a_single_attribute_is_written_as_by_the_slow_path(name, data):
    """Usual and other values are written alike; another attribute is not set, because its error would come first."""
    entity = Special if name in Special.get_attributes() else Everything
    value = data.draw(st.one_of(zoo.right(entity.get_attributes()[name]), zoo.VALUES))
    instance = zoo.complete(entity)
    outcome(lambda: setattr(instance, name, value))
    other = copy.copy(instance)
    expected = outcome(lambda: written(other._write_carefully(True)))
    assert expected == outcome(lambda: written(instance._container_serialize(null_check=True)))
    assert state(other) == state(instance)


@pytest.mark.parametrize("entity", [Everything, Simple])
@given(data=st.data())
def test_an_instance_is_written_as_by_the_slow_path(entity, data):
    """Both paths give the same item or the same error, and leave the instance in the same state."""
    instance = data.draw(instances(entity))
    other = copy.copy(instance)
    expected = outcome(lambda: written(other._write_carefully(True)))
    assert expected == outcome(lambda: written(instance._container_serialize(null_check=True)))
    assert state(other) == state(instance)


@pytest.mark.parametrize("entity", [Everything, Special])
@FEWER
@given(data=st.data())
def test_a_read_instance_is_written_as_by_the_slow_path(entity, data):
    """Unknown attributes, also within maps, and the key with which the item was read are written alike."""
    instance = data.draw(instances(entity, wild=False))
    item = outcome(lambda: instance._write_carefully(True))
    item = {**item, **data.draw(items(entity, odd=False))} if isinstance(item, dict) else data.draw(items(entity))
    if data.draw(st.booleans()) and isinstance(item.get("PK"), dict):
        item["PK"], item["SK"] = {"S": f"S#{instance.ident}"}, {"S": "SIMPLE"}
    instance = outcome(lambda: carefully(entity, item))
    if not isinstance(instance, entity):
        return
    for name in data.draw(st.lists(st.sampled_from(sorted(entity_schema(entity).attributes)), max_size=2)):
        value = data.draw(zoo.right(entity_schema(entity).attributes[name]))
        outcome(lambda name=name, value=value: setattr(instance, name, value))
    instance.extra_attributes |= data.draw(st.sampled_from(({}, {"id": {"S": "known"}}, {"ttl": {"N": "1"}})))
    other = copy.copy(instance)
    expected = outcome(lambda: written(other._write_carefully(True)))
    assert expected == outcome(lambda: written(instance._container_serialize(null_check=True)))
    assert state(other) == state(instance)


@given(instances(Simple, wild=False))
def test_a_written_instance_is_read_again(instance):
    """Generated code writes an item and reads it again."""
    item = outcome(lambda: instance._container_serialize(null_check=True))
    if isinstance(item, dict):
        assert state(carefully(Simple, item)) == state(Simple._from_item(item))


# --- classes that override methods ----------------------------------------------------


def table():
    """Return a new table class for a test that declares entities."""
    return type("Own", (Table,), {"Meta": type("Meta", (), {"table_name": "own"}), "__qualname__": "Own"})


def simple_item(name="x", **attributes):
    """Return an item of an entity whose key is its text."""
    return {"PK": {"S": name}, "SK": {"S": "X"}, "entityType": {"S": "X"}, "text": {"S": name}, **attributes}


def declared(base, **namespace):
    """Return an entity with one text attribute and the given members."""
    body = {"text": UnicodeAttribute(), "key": Key(pk="{text}", sk="X"), "__qualname__": "X", **namespace}
    return type(base)("X", (base,), body, discriminator="X")


def test_an_entity_with_an_own_setattr_gets_each_attribute():
    """Its __setattr__ is called for every attribute that is read, as on the slow path."""
    seen = []

    def __setattr__(self, name, value):
        seen.append(name)
        object.__setattr__(self, name, value)

    entity = declared(table(), size=NumberAttribute(default=3), __setattr__=__setattr__)
    carefully(entity, simple_item())
    expected, seen[:] = list(seen), []
    entity._from_item(simple_item())
    assert "text" in expected
    assert expected == seen


def test_an_entity_with_an_own_init_is_made_by_it():
    """Every instance that was read has the attributes that the __init__ adds."""

    def __init__(self, **options):
        super(entity, self).__init__(**options)
        self.mine = "made"

    entity = declared(table(), __init__=__init__)
    assert "made" == entity._from_item(simple_item()).mine
    assert state(carefully(entity, simple_item())) == state(entity._from_item(simple_item()))


@pytest.mark.parametrize("name", ["deserialize", "_container_deserialize"])
def test_an_entity_may_override_reading(name):
    """The entity may override either of PynamoDB's two methods."""

    def read(self, attribute_values):
        getattr(super(entity, self), name)(attribute_values)
        self.text += "!"

    entity = declared(table(), **{name: read})
    assert "x!" == entity._from_item(simple_item()).text


def test_an_entity_may_override_new():
    """The entity may override __new__."""

    def __new__(cls, *arguments, **options):
        made = object.__new__(cls)
        made.mine = "new"
        return made

    entity = declared(table(), __new__=__new__)
    assert "new" == entity._from_item(simple_item()).mine


def test_a_key_attribute_of_an_own_class_is_read_and_not_set():
    """A derived value is never set, with any class of the attribute that holds it."""

    class Refusing(UnicodeAttribute):
        def __set__(self, instance, value):
            raise AssertionError("it is derived")

    meta = type("Meta", (), {"table_name": "own"})
    own = type("Own", (Table,), {"Meta": meta, "pk": Refusing(hash_key=True, attr_name="PK"), "__qualname__": "Own"})
    entity = declared(own)
    assert "x" == read_usual(entity, simple_item()).pk
    assert state(carefully(entity, simple_item())) == state(entity._from_item(simple_item()))


def test_names_that_python_takes_for_one_are_kept_apart():
    """Python normalizes the compatibility forms of an identifier to one name; for DynamoDB they are two attributes."""

    class Up(UnicodeAttribute):
        def deserialize(self, value):
            return value.upper()

    class Down(UnicodeAttribute):
        def deserialize(self, value):
            return value.lower()

    entity = declared(table(), one=Up(attr_name="fi"), two=Down(attr_name="\ufb01"))
    item = simple_item() | {"fi": {"S": "aA"}, "\ufb01": {"S": "bB"}}
    assert ("AA", "bb") == (read_usual(entity, item).one, read_usual(entity, item).two)


def test_the_expiry_of_an_entity_that_is_declared_later_is_no_extra():
    """The expiry is not an extra attribute of any item, even if the entity's reader was made before the declaration."""
    own = table()
    entity = declared(own)
    item = simple_item(ttl={"N": "1"})
    assert {"ttl": {"N": "1"}} == entity._from_item(item).extra_attributes
    body = {"at": UTCDateTimeAttribute(), "key": Key(pk="{at}", sk="E"), "gone_at": Expiry(after="at")}
    type(own)("E", (own,), {**body, "__qualname__": "E"}, discriminator="E")
    assert {} == entity._from_item(item).extra_attributes
    assert state(carefully(entity, item)) == state(entity._from_item(item))


def test_the_expiry_of_an_entity_that_was_declared_anew_without_it_is_an_extra_again():
    """In a notebook a cell may be run again, which declares the class again."""
    own = table()
    body = {"at": UTCDateTimeAttribute(), "key": Key(pk="{at}", sk="E"), "__qualname__": "E"}
    type(own)("E", (own,), {**body, "gone_at": Expiry(after="at")}, discriminator="E")
    entity = declared(own)
    item = simple_item(ttl={"N": "1"})
    assert {} == entity._from_item(item).extra_attributes
    type(own)("E", (own,), {**body, "at": UTCDateTimeAttribute()}, discriminator="E")
    assert {"ttl": {"N": "1"}} == entity._from_item(item).extra_attributes


def test_an_instance_of_a_class_that_was_declared_anew_is_not_written():
    """Its keys may differ from the table's current keys."""
    own = table()
    old = declared(own)
    instance = old(text="x")
    assert simple_item() == instance._container_serialize()
    new = declared(own)
    assert simple_item() == new(text="x")._container_serialize()
    with pytest.raises(
        SingletableError, match="X was declared again, since .* was run again; this is the earlier class"
    ):
        instance._container_serialize()


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
@FEWER
@given(item=items(Everything, odd=False))
def test_a_read_instance_can_be_copied_and_pickled(again, item):
    """A copy and a pickled instance equal the original."""
    read = outcome(lambda: Everything._from_item(item))
    if isinstance(read, Everything):
        expected = outcome(lambda: state(again(carefully(Everything, item))))
        assert expected == outcome(lambda: state(again(read)))


@pytest.mark.parametrize("attempt", range(3))
def test_many_threads_may_be_the_first_to_read_a_class(attempt):
    """Each thread gets the same result as a single thread."""
    attributes = {**pynamodbs(), "size": NumberAttribute(default=lambda: attempt)}
    entity = declared(table(), **attributes)
    item = simple_item(raw={"M": {"a": {"N": "1"}}}, list_outer={"L": [{"M": {"amt": {"N": "1"}}}]}, y={"S": "y"})
    start, found = threading.Barrier(8), []

    def read():
        start.wait()
        found.extend(state(entity._from_item(item)) for _ in range(20))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [state(carefully(entity, item))] * 160 == found


def test_the_source_is_the_running_code():
    """The shown source is the running code, also for classes that override reading."""
    assert "def read(self, item):" in source(Everything)
    assert "def write(self):" in source(declared(table(), __setattr__=object.__setattr__))
