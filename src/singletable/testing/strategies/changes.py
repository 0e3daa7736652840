"""Strategies for random writes: entities whose keys often collide, and changes of their attributes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from singletable.keys import ValueKind
from singletable.models import Table
from singletable.models.declare.strict import StrictUnicodeAttribute
from singletable.models.schema.entity_schema import EntitySchema
from singletable.testing.strategies.instances import entities, values_of

__all__ = ["Given", "changeable", "changes_of", "colliding_entities"]

_COLLIDING = st.sampled_from(["a", "a#", "b", "ab", "%23"])

Given = Mapping[str, st.SearchStrategy[Any]]
"""The strategies that a user gives for attributes of an entity, by Python name."""


def colliding_entities(schema: EntitySchema, given: Given) -> st.SearchStrategy[Table]:
    """Return a strategy of entities with few different key values, so that keys are often equal or share a prefix."""
    texts = {
        name: _COLLIDING
        for name in schema.key_sources
        if schema.sources[name].kind is ValueKind.TEXT and type(schema.attributes[name]) is StrictUnicodeAttribute
    }
    return entities(schema.entity, **{**texts, **given})


def changeable(schema: EntitySchema) -> list[str]:
    """Return the attributes that an update may change: not those of the primary key or set by every write."""
    fixed = {*schema.primary.sources, *schema.stamps, schema.version}
    return sorted(name for name in schema.attributes if name not in fixed)


def changes_of(schema: EntitySchema, given: Given) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy of new values for one to three attributes; None removes one; empty if none may change."""
    values = {}
    for name in changeable(schema):
        own = given[name] if name in given else values_of(schema.entity, name)
        values[name] = st.one_of(st.none(), own) if schema.attributes[name].null else own
    if not values:
        return st.just({})
    chosen = st.lists(st.sampled_from(sorted(values)), min_size=1, max_size=3, unique=True)
    return chosen.flatmap(lambda names: st.fixed_dictionaries({name: values[name] for name in names}))
