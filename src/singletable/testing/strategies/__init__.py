"""Hypothesis strategies: values and templates of keys, instances of entities, and changes of them (extra `testing`)."""

from typing import TYPE_CHECKING

from singletable.lazy import exports

if TYPE_CHECKING:
    from singletable.testing.strategies.changes import Given as Given
    from singletable.testing.strategies.changes import changeable as changeable
    from singletable.testing.strategies.changes import changes_of as changes_of
    from singletable.testing.strategies.changes import colliding_entities as colliding_entities
    from singletable.testing.strategies.instances import entities as entities
    from singletable.testing.strategies.instances import values_of as values_of
    from singletable.testing.strategies.keys import SOURCES as SOURCES
    from singletable.testing.strategies.keys import STRATEGIES as STRATEGIES
    from singletable.testing.strategies.keys import nasty_text as nasty_text
    from singletable.testing.strategies.keys import templates as templates
    from singletable.testing.strategies.keys import tuples_for as tuples_for
    from singletable.testing.strategies.keys import values_for as values_for

exports(__name__)
