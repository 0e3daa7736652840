"""Measures of a sample: units by place, sizes of items as stored and projected."""

import math
from decimal import Decimal

import pytest

from singletable import Query, plan
from singletable.operating.sample import call_of, footprints_of, places_of
from singletable.patterns import AccessPattern
from singletable.requests import measure
from singletable.requests.capacity import item_size
from tests.framework.app import Account, AppTable, Event, event

EVENTS = [event(seq, note="n" * 2000 if seq % 2 else None) for seq in range(6)]


def pattern(function):
    return AccessPattern(function, "1. A pattern", {}, False)


@pattern
def of_account(account_id: str) -> Query[Event]:
    return Event.query(account_id=account_id)


@pattern
def read_now(account_id: str) -> Query[Event]:
    return Event.query(account_id=account_id, consistent=True)


@pattern
def of_day(at: object) -> Query[Event]:
    return Event.by_day.query(at=at)


@pattern
def accounts(email: str) -> Query[Account]:
    return Account.by_email.query(email=email)


@pytest.fixture
def filled(table):
    for _ in table.put_all(EVENTS):
        pass


def units(items, size):
    return math.ceil(sum(map(item_size, items)) / size)


def test_a_query_of_the_table(filled):
    """One request, whose items are added up before rounding; half a unit for 4 KB, one if consistent."""
    call = call_of(of_account, EVENTS)
    expected = units([plan.create(each).item for each in EVENTS], 4096)
    assert (6, 1, {"table": Decimal(expected) / 2}, False) == (call.items, call.requests, call.units, call.consistent)
    now = call_of(read_now, EVENTS)
    assert ({"table": Decimal(expected)}, True) == (now.units, now.consistent)


def test_an_index_of_keys_reads_the_table_too(filled):
    """Each place is counted separately: one query of the index, half a unit for the fetched item."""
    call = call_of(of_day, EVENTS)
    assert (1, 2, {"GSI2": Decimal("0.5"), "table": Decimal("0.5")}) == (call.items, call.requests, call.units)


def test_nothing_to_ask_with(filled):
    assert call_of(accounts, EVENTS) is None


def test_measure_tells_where():
    """In addition to the sum of all places."""
    from singletable.engine import embedded

    with embedded(AppTable):
        with measure() as usage:
            list(Event.by_note.query(note="n"))
            list(Event.query(account_id="a1"))
    assert {"GSI3": 0.5, None: 0.5} == usage.read_units_at
    assert 1.0 == usage.read_units


def test_an_item_takes_units_on_each_index_that_holds_it():
    """According to the projection (all, keys, some attributes); zero if it is not in the index."""
    (found,) = footprints_of(AppTable.describe(), EVENTS)
    items = [plan.create(each).item for each in EVENTS]
    assert ("Event", 6, Decimal(30)) == (found.name, found.sampled, found.days)
    assert Decimal(sum(map(item_size, items))) / 6 == found.size
    on_all = sum(units([item], 1024) for item in items if "GSI1PK" in item)
    noted = [item for item in items if "GSI3PK" in item]
    assert 3 == len(noted)
    # The keys of GSI3 contain the note, so its items are also larger than a kilobyte.
    held = ("PK", "SK", "GSI3PK", "GSI3SK", "level")
    some = sum(units([{name: item[name] for name in held}], 1024) for item in noted)
    whole = sum(units([item], 1024) for item in items)
    expected = {"table": whole, "GSI1": on_all, "GSI2": 6, "GSI3": some}
    assert {place: Decimal(total) / 6 for place, total in expected.items()} == found.units


def test_stored_bytes_have_the_overhead_of_every_copy():
    """A hundred bytes for the item and for each index that holds it."""
    (found,) = footprints_of(AppTable.describe(), [EVENTS[1]])
    (item,) = [plan.create(each).item for each in EVENTS[1:2]]
    keys = ("PK", "SK", "GSI2PK", "GSI2SK"), ("PK", "SK", "GSI3PK", "GSI3SK", "level")
    copies = [item, *({name: item[name] for name in held} for held in keys)]
    assert sum(map(item_size, copies)) + 100 * len(copies) == found.stored


def test_places():
    assert ("table", "GSI1", "GSI2", "GSI3") == places_of(AppTable.describe())
