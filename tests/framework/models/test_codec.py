"""The generated code of an entity: the time of its generation, its form, and safe names."""

import ast
import traceback

import pytest
from pynamodb.attributes import ListAttribute, MapAttribute, NumberAttribute, UnicodeAttribute

from models import Order, ShopTable
from singletable import Key, Table
from singletable.models.items.codec import source
from singletable.models.schema.table_schema import entity_schema, table_schema


class Address(MapAttribute):
    street = UnicodeAttribute()
    number = NumberAttribute(null=True)


class PlaceTable(Table):
    class Meta:
        table_name = "places"


class Place(PlaceTable, discriminator="PLACE"):
    name = UnicodeAttribute(attr_name='it\'s "a" name\n{x} = 1 #')
    height = NumberAttribute()
    address = Address()
    visits = ListAttribute(of=Address)
    key = Key(pk="PLACE#it's {{quoted}}\"\\n'''#{name}", sk="P")


def test_the_source_is_python_with_a_function_for_each_thing():
    functions = [node.name for node in ast.parse(source(Order)).body]
    assert functions == ["build"] * len(entity_schema(Order).keys) + ["read", "write"]
    functions = [node.name for node in ast.parse(source(Place)).body]
    assert functions == ["build", "read", "read", "write"]  # one of them reads addresses


def test_every_attribute_has_its_line():
    text = source(Order)
    for name, attribute in Order.get_attributes().items():
        assert repr(attribute.attr_name) in text
        assert repr(name) in text


def test_names_and_literals_are_data():
    """Names of attributes and literals of any form stay data, and do not become code."""
    place = Place(name="x", height=1, address={"street": "s"}, visits=[Address(street="t", number=2)])
    item = place.serialize()
    assert item["PK"] == {"S": "PLACE#it's {quoted}\"\\n'''#x"}
    assert item['it\'s "a" name\n{x} = 1 #'] == {"S": "x"}
    again = Place.from_raw_data(item)
    assert (again.name, again.height, again.address.street, again.visits[0].number) == ("x", 1, "s", 2)
    assert again.serialize() == item


def test_nothing_is_generated_before_a_class_is_used(monkeypatch):
    made = []
    monkeypatch.setattr("singletable.keys.generated.generate", lambda *args: made.append(args))
    monkeypatch.setattr("singletable.keys.compiled.generate", lambda *args: made.append(args))
    monkeypatch.setattr("singletable.models.items.codec.generate", lambda *args: made.append(args))

    class Late(PlaceTable, discriminator="LATE"):
        name = UnicodeAttribute()
        key = Key(pk="LATE#{name}", sk="P")

    assert made == []
    PlaceTable._table_schema = table_schema(PlaceTable).without_entity("LATE")


def test_a_traceback_shows_generated_lines():
    """Tracebacks find the source of generated code, as with attrs."""
    read = Order._codec().read
    with pytest.raises(KeyError) as caught:
        read(Order(_user_instantiated=False), {"createdAt": {"N": "1"}})
    shown = "".join(traceback.format_exception(caught.value))
    assert "<singletable: reading Order>" in shown
    assert "if (text := value['S'])" in shown


def test_a_codec_belongs_to_one_class():
    schemas = table_schema(ShopTable).entities.values()
    assert len({id(schema.entity._codec().read) for schema in schemas}) == len(schemas)
