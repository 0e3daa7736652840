"""What a machine draws: entities whose keys meet, and changes of the attributes that may change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from singletable.keys import ValueKind
from singletable.models import Table
from singletable.models.declare.attributes import StrictUnicodeAttribute
from singletable.models.schema.entity_schema import EntitySchema
from singletable.testing.strategies.instances import entities, values_of

__all__ = ["Given", "changeable", "changes_of", "colliding_entities"]

_MEETING = st.sampled_from(["a", "a#", "b", "ab", "%23"])

Given = Mapping[str, st.SearchStrategy[Any]]


def colliding_entities(schema: EntitySchema, given: Given) -> st.SearchStrategy[Table]:
    """Entities whose keys have few values, so that they meet, and share beginnings."""
    texts = {
        name: _MEETING
        for name in schema.key_sources
        if schema.sources[name].kind is ValueKind.TEXT and type(schema.attributes[name]) is StrictUnicodeAttribute
    }
    return entities(schema.entity, **{**texts, **given})


def changeable(schema: EntitySchema) -> list[str]:
    """The attributes that an update may change: not the primary key's, nor those that every write sets."""
    fixed = {*schema.primary.sources, *schema.stamps, schema.version}
    return sorted(name for name in schema.attributes if name not in fixed)


def changes_of(schema: EntitySchema, given: Given) -> st.SearchStrategy[dict[str, Any]]:
    """New values for up to three attributes; None where there may be none. Empty only if nothing may change."""
    values = {}
    for name in changeable(schema):
        own = given[name] if name in given else values_of(schema.entity, name)
        values[name] = st.one_of(st.none(), own) if schema.attributes[name].null else own
    if not values:
        return st.just({})
    chosen = st.lists(st.sampled_from(sorted(values)), min_size=1, max_size=3, unique=True)
    return chosen.flatmap(lambda names: st.fixed_dictionaries({name: values[name] for name in names}))
