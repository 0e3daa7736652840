"""`entities(Order)`: a Hypothesis strategy of valid instances, derived from the model."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any, TypeVar

from hypothesis import strategies as st
from pynamodb.attributes import (
    Attribute,
    BinaryAttribute,
    BinarySetAttribute,
    BooleanAttribute,
    JSONAttribute,
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    NumberSetAttribute,
    TTLAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
    UTCDateTimeAttribute,
)

from singletable.errors import PatternError, SingletableError
from singletable.keys import Encoding, ValueKind
from singletable.keys.encoding import EncodingError
from singletable.models import Table
from singletable.models.declare.attributes import (
    DateAttribute,
    DecimalAttribute,
    EnumAttribute,
    IntegerAttribute,
    UUIDAttribute,
)
from singletable.models.schema.entity_schema import EntitySchema
from singletable.models.schema.table_schema import entity_schema
from singletable.testing.strategies.keys import nasty_text, values_for

__all__ = ["entities", "values_of"]

T = TypeVar("T", bound=Table)

_MOMENTS = st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2200, 1, 1), timezones=st.just(timezone.utc))
_INTEGERS = st.integers(-(10**12), 10**12)
_DECIMALS = st.decimals(min_value=-(10**9), max_value=10**9, places=2).map(lambda value: value + Decimal(0))
_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-1000, 1000), nasty_text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(nasty_text(), inner, max_size=3)),
    max_leaves=5,
)
_PLAIN = st.one_of(nasty_text(), st.integers(-1000, 1000), st.booleans())

_BY_CLASS: tuple[tuple[type[Attribute[Any]], Callable[[Any], st.SearchStrategy[Any]]], ...] = (
    (IntegerAttribute, lambda _: _INTEGERS),
    (DecimalAttribute, lambda _: _DECIMALS),
    (DateAttribute, lambda _: st.dates()),
    (UUIDAttribute, lambda _: st.uuids()),
    (EnumAttribute, lambda attribute: st.sampled_from(list(attribute.enum))),
    (JSONAttribute, lambda _: _JSON.filter(lambda value: value is not None)),
    (TTLAttribute, lambda _: _MOMENTS.map(lambda moment: moment.replace(microsecond=0))),
    (UTCDateTimeAttribute, lambda _: _MOMENTS),
    (NumberAttribute, lambda _: st.one_of(_INTEGERS, st.floats(-1e6, 1e6).map(lambda value: round(value, 3)))),
    (BooleanAttribute, lambda _: st.booleans()),
    (BinaryAttribute, lambda _: st.binary(min_size=1, max_size=8)),
    (UnicodeSetAttribute, lambda _: st.sets(nasty_text(), min_size=1, max_size=3)),
    (NumberSetAttribute, lambda _: st.sets(st.integers(-1000, 1000), min_size=1, max_size=3)),
    (BinarySetAttribute, lambda _: st.sets(st.binary(min_size=1, max_size=4), min_size=1, max_size=3)),
    (UnicodeAttribute, lambda _: nasty_text()),
    (ListAttribute, lambda attribute: st.lists(_elements(attribute), max_size=3)),
    (MapAttribute, lambda attribute: _maps(attribute)),
)


def entities(entity: type[T], **given: st.SearchStrategy[Any]) -> st.SearchStrategy[T]:
    """Return a strategy of valid instances of an entity, with the right types and within the widths of its keys.

    Texts contain many special characters. A nullable attribute is sometimes None, an attribute with a default sometimes
    keeps it, and an enumeration attribute has its members. Times of writing and versions are not set; writes set them.

    Args:
        entity: The entity class.
        given: Strategies for attributes whose values are narrower than their types: `rating=st.integers(1, 5)`.

    Raises:
        PatternError: `given` names an unknown attribute, or the kit has no strategy for an attribute's class.
    """
    schema = entity_schema(entity)
    unknown = [name for name in given if name not in schema.attributes]
    if unknown:
        raise PatternError(
            f"entities({entity.__name__}) was given a strategy for an unknown attribute: {', '.join(unknown)}.",
            remedy=f"{entity.__name__} has the attributes: {', '.join(schema.attributes)}.",
        )
    required: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for name, attribute in schema.attributes.items():
        if name in schema.stamps or name == schema.version:
            continue
        has_default = attribute.default is not None or attribute.default_for_new is not None
        values = given[name] if name in given else values_of(entity, name)
        (optional if (attribute.null or has_default) and name not in given else required)[name] = values
    made = st.fixed_dictionaries(required, optional=optional).map(lambda attributes: entity(**attributes))
    # Types and widths are right already. The filter removes, for example, keys of more than 2,048 bytes.
    return made.filter(_is_valid)


def values_of(entity: type[Table], name: str) -> st.SearchStrategy[Any]:
    """Return a strategy of values of an attribute that fit into every key of the entity that has the attribute.

    Raises:
        PatternError: The kit has no strategy for the attribute's class.
    """
    schema = entity_schema(entity)
    attribute = schema.attributes[name]
    encodings = _encodings(schema, name)
    if schema.sources.get(name) and schema.sources[name].kind is ValueKind.CHOICE:
        encodings = []
    if encodings:
        # The first encoding decides which values are drawn, and all encodings filter them.
        drawn = (
            values_for(encodings[0]) if _narrows(encodings[0]) else _by_class(attribute, f"{entity.__name__}.{name}")
        )
        return drawn.filter(lambda value: all(_fits(schema, name, each, value) for each in encodings))
    return _by_class(attribute, f"{entity.__name__}.{name}")


def _narrows(encoding: Encoding) -> bool:
    """Whether the encoding has a width, so that most values of the type would be filtered out."""
    return hasattr(encoding, "width")


def _encodings(schema: EntitySchema, name: str) -> list[Encoding]:
    fields = (field for key in schema.keys.values() for template in key.templates for field in template.fields)
    found = [field.encoding for field in fields if field.attribute == name]
    return sorted(found, key=lambda encoding: getattr(encoding, "width", 10**9))


def _fits(schema: EntitySchema, name: str, encoding: Encoding, value: Any) -> bool:
    try:
        encoding.encode(schema.to_keys({name: value})[name])
    except (EncodingError, SingletableError, ValueError, TypeError, ArithmeticError):
        return False
    return True


def _by_class(attribute: Attribute[Any], label: str) -> st.SearchStrategy[Any]:
    for known, strategy in _BY_CLASS:
        if isinstance(attribute, known):
            return strategy(attribute)
    raise PatternError(
        f"{label} is a {type(attribute).__name__}, for which the testing kit has no strategy.",
        remedy=f"Give a strategy: entities(..., {label.rpartition('.')[2]}=st....).",
    )


def _elements(attribute: Any) -> st.SearchStrategy[Any]:
    kind = getattr(attribute, "element_type", None)
    return _PLAIN if kind is None else _by_class(kind(), f"elements.{kind.__name__}")


def _maps(attribute: Any) -> st.SearchStrategy[Any]:
    fields = attribute.get_attributes()
    if type(attribute) is MapAttribute or not fields:
        return st.dictionaries(nasty_text(), _PLAIN, max_size=3)
    required = {name: _by_class(each, f"map.{name}") for name, each in fields.items() if not each.null}
    optional = {name: _by_class(each, f"map.{name}") for name, each in fields.items() if each.null}
    return st.fixed_dictionaries(required, optional=optional)


def _is_valid(entity: Table) -> bool:
    try:
        entity.serialize()
    except SingletableError:
        return False
    return True
