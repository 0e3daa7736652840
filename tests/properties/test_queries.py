"""Queries on a real engine, compared with the oracle, which does not use keys."""

from datetime import timedelta

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from singletable.engine import embedded
from singletable.testing import agrees
from singletable.testing.filters import matches
from singletable.testing.oracle import stored_attributes
from singletable.testing.strategies import nasty_text
from tests.framework.app import START, Account, AppTable, Event, Level

ACCOUNTS = ("a", "a#", "a!", "aa", "A", "%23", "\U0010ffff")


def moments():
    """Return a strategy of few, close times, so that rows often lie at the ends of intervals and buckets."""
    return st.integers(0, 40).map(lambda hours: START + timedelta(hours=5 * hours))


@st.composite
def worlds(draw):
    """Draw a few accounts and events with different keys."""
    events = draw(
        st.lists(
            st.builds(
                Event,
                account_id=st.sampled_from(ACCOUNTS),
                seq=st.sampled_from([-100, -1, 0, 1, 2, 9, 10, 99]),
                at=moments(),
                level=st.sampled_from(Level),
                note=st.one_of(st.none(), st.sampled_from(["n", "n#", "n "])),
                tags=st.one_of(st.none(), st.sets(nasty_text(), min_size=1, max_size=2)),
            ),
            max_size=20,
            unique_by=lambda each: (each.account_id, each.seq),
        )
    )
    accounts = [Account(account_id=each) for each in draw(st.sets(st.sampled_from(ACCOUNTS)))]
    return [*accounts, *events]


CONDITIONS = {
    "=": lambda attribute, a, b: attribute == a,
    "<": lambda attribute, a, b: attribute < a,
    "<=": lambda attribute, a, b: attribute <= a,
    ">": lambda attribute, a, b: attribute > a,
    ">=": lambda attribute, a, b: attribute >= a,
    "between": lambda attribute, a, b: attribute.between(*sorted((a, b))),
}


@st.composite
def filters(draw):
    """Draw a filter on one or two attributes."""
    simple = st.one_of(
        st.sampled_from(Level).map(lambda level: Event.level == level),
        st.sampled_from(Level).map(lambda level: Event.level != level),
        moments().map(lambda moment: Event.at >= moment),
        st.sampled_from([Event.note.exists(), Event.note.does_not_exist(), Event.note.startswith("n#")]),
        nasty_text(max_size=1).map(lambda tag: Event.tags.contains(tag)),
        st.sampled_from([Event.level.is_in(Level.WARN, Level.ERROR), ~(Event.note == "n")]),
    )
    one, other = draw(simple), draw(simple)
    return draw(st.sampled_from([one, one & other, one | other]))


@st.composite
def questions(draw):
    """Draw any kind of query on any key."""
    options = {
        "descending": draw(st.booleans()),
        "limit": draw(st.one_of(st.none(), st.integers(1, 5))),
    }
    operator = draw(st.sampled_from(sorted(CONDITIONS)))
    account = draw(st.sampled_from(ACCOUNTS))
    level = draw(st.sampled_from(Level))
    a, b = draw(moments()), draw(moments())
    n, m = draw(st.sampled_from([-100, -1, 0, 9, 50])), draw(st.sampled_from([-99, 0, 1, 10, 100]))
    kind = draw(st.integers(0, 6))
    if kind == 0:
        return Event.query(account_id=account, filter=draw(st.one_of(st.none(), filters())), **options)
    if kind == 1:
        return Event.query(CONDITIONS[operator](Event.seq, n, m), account_id=account, **options)
    if kind == 2:
        return Event.by_day.query(Event.at.between(*sorted((a, b))), **options)
    if kind == 3:
        return Event.urgent.query(level=level, filter=draw(st.one_of(st.none(), filters())), **options)
    if kind == 4:
        return Event.urgent.query(CONDITIONS[operator](Event.at, a, b), level=level, seq=n, **options)
    if kind == 5:
        return Event.by_note.query(
            CONDITIONS[operator](Event.at, a, b), note=draw(st.sampled_from(["n", "n#"])), **options
        )
    return AppTable.collection(Account, Event, account_id=account, **options)


def here(query):
    """Return a copy of a query, bound to the embedded table: a request is bound when it is made."""
    return attrs.evolve(query, target=query.target.loader.remake())


@settings(max_examples=settings().max_examples // 5)
@given(worlds(), st.lists(questions(), min_size=1, max_size=6))
def test_queries_agree_with_the_oracle(world, asked):
    """Answers, pages and counts agree for all keys, conditions, filters, directions and limits."""
    with embedded(AppTable):
        for _ in AppTable.put_all(world):
            pass
        for query in map(here, asked):
            answer = query.all()
            assert agrees(query, answer, world) is None, (query.explain(), answer)
            assert len(answer) == query.count()


@settings(max_examples=settings().max_examples // 5)
@given(worlds(), questions(), st.integers(1, 4))
def test_pages_join_to_the_whole(world, query, size):
    """The pages have every item once, in order, on every kind of key."""
    with embedded(AppTable):
        query = attrs.evolve(here(query), limit=None)
        for _ in AppTable.put_all(world):
            pass
        found, cursor = [], None
        for _ in range(30):
            page = query.page(size, cursor)
            found += page.items
            cursor = page.cursor
            if cursor is None:
                break
        assert cursor is None
        assert list(map(repr, found)) == list(map(repr, query.all()))


@settings(max_examples=settings().max_examples // 5)
@given(worlds(), filters())
def test_filters_in_memory_agree_with_the_engine(world, condition):
    """The oracle evaluates PynamoDB conditions as the engine does."""
    events = [each for each in world if isinstance(each, Event)]
    with embedded(AppTable):
        for _ in AppTable.put_all(events):
            pass
        found = {(each.account_id, each.seq) for each in Event.scan(filter=condition)}
        assert {(each.account_id, each.seq) for each in events if matches(condition, stored_attributes(each))} == found


@pytest.mark.parametrize("limit", [1, 20])
def test_the_oracle_can_disagree(limit):
    """The oracle can fail: it finds a missing, a foreign and a misplaced item."""
    world = [Event(account_id="a", seq=seq, at=START) for seq in range(25)]
    query = Event.query(account_id="a", limit=limit)
    right = world[:limit]
    assert agrees(query, right, world) is None
    assert "items, and" in agrees(query, right[1:], world)
    assert "not expected" in agrees(query, [Event(account_id="b", seq=1, at=START), *right[1:]], world)
    assert "not expected" in agrees(query, [Event(account_id="a", seq=0, at=START, note="x"), *right[1:]], world)
    swapped = [world[limit], *right[1:]]
    assert "out of order" in agrees(query, swapped, world)
