"""Access patterns: registered, typed, and called with suitable arguments."""

from datetime import datetime
from typing import NamedTuple

import pytest

from singletable import Get, Query
from singletable.errors import PatternError
from singletable.patterns import (
    AccessPattern,
    access_pattern,
    draw_arguments,
    patterns_of,
    placeholder_arguments,
    requests_of,
)
from tests.framework.app import Account, AppTable, Event, Level, event


def events_between(account_id: str, first: int, last: int) -> Query[Event]:
    """Some events of an account."""
    return Event.query(Event.seq.between(first, last), account_id=account_id)


PATTERN = AccessPattern(events_between, "12. Events between two numbers", {"first": "seq", "last": "seq"}, False)


def test_it_is_still_the_function():
    """It keeps the call, the name and the documentation of the function."""
    assert ("events_between", "Some events of an account.") == (PATTERN.__name__, PATTERN.__doc__)
    assert PATTERN("a1", 1, 2).params() == events_between("a1", 1, 2).params()
    assert ("12", "Events between two numbers", "12. Events between two numbers") == (
        PATTERN.number,
        PATTERN.sentence,
        PATTERN.title,
    )
    assert (Event,) == PATTERN.entities
    assert AppTable is PATTERN.table


def test_the_register_is_in_the_order_of_numbers():
    """10 comes after 9, and patterns without a number come last."""
    made = []
    for sentence in ("No number", "10. Ten", "9. Nine"):

        def pattern(account_id: str) -> Query[Event]:
            return Event.query(account_id=account_id)

        pattern.__qualname__ = sentence
        made.append(access_pattern(sentence)(pattern))
    mine = [pattern.title for pattern in patterns_of(AppTable) if pattern in made]
    assert ["9. Nine", "10. Ten", "No number"] == mine


def test_what_it_returns_is_found_in_any_shape():
    """A union, a tuple, a named tuple, an optional."""

    class Both(NamedTuple):
        account: Get[Account]
        events: Query[Event]

    for hint, entities in (
        (Query[Account | Event], (Account, Event)),
        (tuple[Get[Account], Query[Event]], (Account, Event)),
        (Both, (Account, Event)),
    ):

        def pattern(account_id: str):
            return None

        pattern.__annotations__["return"] = hint
        assert entities == AccessPattern(pattern, "Any", {}, False).entities


def test_patterns_that_nothing_can_be_done_with():
    """They are refused with a remedy."""
    with pytest.raises(PatternError, match="needs a sentence. Write for example @access_pattern"):

        @access_pattern
        def forgot(account_id: str) -> Query[Event]:
            return Event.query(account_id=account_id)

    def untyped(account_id):
        return None

    with pytest.raises(PatternError, match="has no return annotation that names an entity. Annotate it"):
        _ = AccessPattern(untyped, "x", {}, False).entities
    with pytest.raises(PatternError, match="returned list. Return the request itself"):
        requests_of(PATTERN, [])
    with pytest.raises(PatternError, match="scans the whole table"):
        requests_of(PATTERN, Event.scan())


def test_arguments_are_drawn_from_what_most_entities_share():
    """The account with the most events, and the quartiles of their numbers."""
    world = [event(seq, account_id="few") for seq in range(3)] + [event(seq, account_id="many") for seq in range(8)]
    assert {"account_id": "many", "first": 2, "last": 6} == draw_arguments(PATTERN, world)
    assert draw_arguments(PATTERN, []) is None


def test_arguments_may_come_from_other_entities():
    """If the entity itself has no items: an account without events can still be queried."""

    def events(account_id: str) -> Query[Event]:
        return Event.query(account_id=account_id)

    pattern = AccessPattern(events, "x", {}, False)
    assert {"account_id": "a1"} == draw_arguments(pattern, [Account(account_id="a1")])


def test_placeholders_have_the_right_types():
    """An interval has two ends; an enumeration gives a member."""

    def at(at: datetime, until: datetime, level: Level) -> Query[Event]:
        return Event.by_day.query(Event.at.between(at, until))

    arguments = placeholder_arguments(AccessPattern(at, "x", {"until": "at"}, False))
    assert arguments["at"] < arguments["until"]
    assert Level.INFO is arguments["level"]


def test_a_parameter_without_an_attribute_is_refused():
    """By the demo and by the check."""

    def events(nothing: str) -> Query[Event]:
        return Event.query(account_id=nothing)

    pattern = AccessPattern(events, "x", {}, False)
    for ask in (lambda: draw_arguments(pattern, [event(1)]), lambda: placeholder_arguments(pattern)):
        with pytest.raises(PatternError, match="'nothing' does not match any attribute.*parameters="):
            ask()
