"""Hypothesis strategies: values and templates of keys, instances of entities, and changes of them (extra `testing`)."""

from typing import TYPE_CHECKING

from singletable.lazy import exports

if TYPE_CHECKING:
    from singletable.testing.strategies.changes import Given, changeable, changes_of, colliding_entities
    from singletable.testing.strategies.instances import entities, values_of
    from singletable.testing.strategies.keys import (
        SOURCES,
        STRATEGIES,
        nasty_text,
        templates,
        tuples_for,
        values_for,
    )

__all__ = [
    "SOURCES",
    "STRATEGIES",
    "Given",
    "changeable",
    "changes_of",
    "colliding_entities",
    "entities",
    "nasty_text",
    "templates",
    "tuples_for",
    "values_for",
    "values_of",
]

__getattr__, __dir__ = exports(
    __name__,
    {
        "Given": "changes",
        "SOURCES": "keys",
        "STRATEGIES": "keys",
        "changeable": "changes",
        "changes_of": "changes",
        "colliding_entities": "changes",
        "entities": "instances",
        "nasty_text": "keys",
        "templates": "keys",
        "tuples_for": "keys",
        "values_for": "keys",
        "values_of": "instances",
    },
)
