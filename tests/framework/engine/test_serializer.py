"""The serializer for the values of items, held against moto's own."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.core import serialize
from moto.core.serialize import JSONSerializer, XFormedAttributePicker
from moto.core.utils import get_service_model

from singletable.engine.serializer import quick_serializer, serialize_quickly
from singletable.testing.strategies import nasty_text

TEXTS = nasty_text(min_size=0, max_size=6)
NAMES = st.one_of(st.sampled_from(("S", "s", "B", "M", "L", "NULL", "null", "Items", "key", "Value")), TEXTS)
VALUES = st.recursive(
    st.one_of(
        st.builds(lambda content: {"S": content}, TEXTS),
        st.builds(lambda content: {"N": content}, st.integers().map(str)),
        st.builds(lambda content: {"B": content}, st.one_of(st.binary(max_size=6), TEXTS)),
        st.builds(lambda content: {"BOOL": content}, st.booleans()),
        st.just({"NULL": True}),
        st.builds(lambda content: {"SS": content}, st.lists(TEXTS, max_size=2)),
        st.builds(lambda content: {"BS": content}, st.lists(st.binary(max_size=3), max_size=2)),
        st.sampled_from(({}, {"S": None}, {"s": "x"}, {"S": "x", "new": 1}, {"N": "1", "S": "x"}, None)),
    ),
    lambda inner: st.one_of(
        st.builds(lambda content: {"L": content}, st.lists(inner, max_size=3)),
        st.builds(lambda content: {"M": content}, st.dictionaries(NAMES, inner, max_size=3)),
    ),
    max_leaves=8,
)
PAGES = st.fixed_dictionaries(
    {"Items": st.lists(st.dictionaries(NAMES, VALUES, max_size=4), max_size=3), "Count": st.integers(0, 9)},
    optional={"LastEvaluatedKey": st.dictionaries(NAMES, VALUES, max_size=2), "ConsumedCapacity": st.none()},
)
QUERY = get_service_model("dynamodb").operation_model("Query")


def answer(serializer, result):
    """Return an answer as moto makes it, its body parsed, or the type of the error."""
    try:
        made = serializer(operation_model=QUERY, value_picker=XFormedAttributePicker()).serialize(result)
    except Exception as error:
        return type(error)
    return {**made, "body": json.loads(made["body"])}


@given(PAGES)
def test_items_are_serialized_as_by_moto(page):
    """Values of every type at any depth, and malformed values, give the same answer as moto's serializer."""
    assert answer(JSONSerializer, page) == answer(quick_serializer(), page)


def test_values_are_not_looked_up_member_by_member(monkeypatch):
    """An item of 100 values adds no look-ups to those of the answer itself."""
    looked_up = []
    real = serialize.ResponseSerializer.get_value
    monkeypatch.setattr(
        serialize.ResponseSerializer,
        "get_value",
        lambda self, value, key, shape: looked_up.append(key) or real(self, value, key, shape),
    )
    answer(quick_serializer(), {"Items": [{str(number): {"L": [{"S": "x"}]} for number in range(100)}]})
    assert sorted(QUERY.output_shape.members) == sorted(looked_up)


def test_a_version_of_moto_without_the_registry_keeps_its_serializer(monkeypatch):
    """The embedded engine works without the faster serializer."""
    monkeypatch.delattr(serialize, "SERVICE_SPECIFIC_SERIALIZERS")
    serialize_quickly()


@pytest.mark.parametrize("service", ["dynamodb", "dynamodbstreams"])
def test_a_serializer_of_motos_own_is_kept(monkeypatch, service):
    """A serializer that moto registers for DynamoDB itself is not replaced."""
    monkeypatch.setattr(serialize, "SERVICE_SPECIFIC_SERIALIZERS", {service: {"json": JSONSerializer}})
    serialize_quickly()
    assert JSONSerializer is serialize.get_serializer_class(service, "json")
