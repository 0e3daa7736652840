"""The corpus: entities and changes that are drawn once for a table; every history takes some of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, TypeVar

import attrs
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from singletable.models import Table
from singletable.models.items.item import key_of
from singletable.models.schema.table_schema import table_schema
from singletable.requests.batch_requests import identity
from singletable.testing.simulator.ledger import ItemKey
from singletable.testing.strategies.changes import Given, changes_of, colliding_entities

__all__ = ["Corpus", "draw_corpus", "varied"]

_ENTITIES = 16
_CHANGES = 24

V = TypeVar("V")


@attrs.frozen
class Corpus:
    """The entities and changes that the simulator writes.

    Args:
        templates: One entity for each primary key.
        changes: New values of attributes, by the name of their entity; None removes an attribute.
    """

    templates: Mapping[ItemKey, Table]
    changes: Mapping[str, Sequence[Mapping[str, Any]]]


def draw_corpus(table: type[Table], strategies: Mapping[str, Given]) -> Corpus:
    """Draw entities and changes by Hypothesis; every call returns the same ones.

    Args:
        table: The table class.
        strategies: Strategies for attributes that need their own, by the name of the entity.

    Raises:
        PatternError: The kit has no strategy for an attribute's class, and none is given.
    """
    templates: dict[ItemKey, Table] = {}
    changes: dict[str, list[Mapping[str, Any]]] = {}
    for schema in sorted(table_schema(table).entities.values(), key=lambda each: each.name):
        own = strategies.get(schema.name, {})
        for entity in _drawn(colliding_entities(schema, own), _ENTITIES):
            templates.setdefault(identity(key_of(entity), schema.layout.primary), entity)
        changes[schema.name] = [each for each in _drawn(changes_of(schema, own), _CHANGES) if each]
    return Corpus(templates, changes)


def _drawn(strategy: st.SearchStrategy[V], count: int) -> list[V]:
    found: list[V] = []

    @seed(0)
    @settings(
        max_examples=count,
        derandomize=False,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def keep(value: V) -> None:
        found.append(value)

    keep()
    return found


def varied(entity: Table, changes: Mapping[str, Any]) -> Table:
    """Return a copy of an entity with other values."""
    other = deepcopy(entity)
    for name, value in changes.items():
        setattr(other, name, deepcopy(value))
    return other
