"""Reads give the same answers on each engine: gets, queries, collections, pages, cursors, scans."""

from datetime import timedelta

import pytest

from singletable.errors import (
    CursorError,
    InvalidConditionError,
    InvalidKeyValueError,
    ItemDoesNotExist,
    TableMissingError,
)
from singletable.testing.invariants import check_fresh
from tests.framework.app import START, Account, AppTable, Event, Level, Setting, event, seqs


@pytest.fixture
def thirty(app):
    """Store thirty events of one account, every third a warning, one event of another account, and the account."""
    with AppTable.batch() as batch:
        batch.put(*(event(seq) for seq in range(30)))
        batch.put(event(7, account_id="a10"), Account(account_id="a1", email="x@example.com"))
        batch.put(Setting(account_id="a1", name="theme"))


pytestmark = pytest.mark.usefixtures("thirty")


def read_through(query, size, **options):
    """Return the items of all pages of a query."""
    found, cursor, sizes = [], None, []
    while True:
        page = query.page(size, cursor, **options)
        found += page.items
        sizes.append(len(page))
        cursor = page.cursor
        if cursor is None:
            return found, sizes


# --- items ----------------------------------------------------------------------------


def test_an_item_comes_back_as_it_was_written():
    """A get by primary key returns every attribute."""
    found = Event.get(account_id="a1", seq=3)
    assert (event(3).at, Level.WARN, "a1") == (found.at, found.level, found.account_id)


def test_an_item_through_an_index():
    """A get by the attributes of an index's key returns the item."""
    assert "a1" == Account.by_email.get(email="x@example.com").account_id


def test_a_missing_item_is_an_error():
    """A get by primary key and through an index raises the entity's own error."""
    with pytest.raises(Event.DoesNotExist) as caught:
        Event.get(account_id="a1", seq=99)
    assert isinstance(caught.value, ItemDoesNotExist)
    with pytest.raises(Account.DoesNotExist):
        Account.by_email.get(email="nobody@example.com")


def test_an_empty_key_value_is_refused_alike():
    """The value is refused before sending, because the engines' answers differ."""
    with pytest.raises(InvalidKeyValueError, match="account_id"):
        Event.get(account_id="", seq=1)


def test_an_item_is_read_consistently_and_anew():
    """refresh() reads the stored values."""
    found = Event.get(account_id="a1", seq=3, consistent=True)
    Event.get(account_id="a1", seq=3).update(note="n")
    found.refresh(consistent=True)
    assert "n" == found.note


def test_many_by_primary_key_in_the_order_asked():
    """More than a hundred keys are read in order; some are absent, and one is repeated."""
    asked = [{"account_id": "a1", "seq": seq} for seq in (*range(119, -1, -1), 5)]
    found = Event.batch_get(asked)
    assert [*[None] * 90, *range(29, -1, -1), 5] == [each and each.seq for each in found]


def test_mixed_entities_by_primary_key():
    """One request returns each item as its own class."""
    asked = [Account.item(account_id="a1"), Event.item(account_id="a1", seq=1), Setting.item(account_id="a1", name="x")]
    account, found, absent = AppTable.batch_get(asked)
    assert ("x@example.com", 1, None) == (account.email, found.seq, absent)


# --- queries --------------------------------------------------------------------------


def test_a_query_reads_one_partition_in_order():
    """It returns only items of its partition, not of another whose key has the same prefix."""
    assert [*range(30)] == seqs(Event.query(account_id="a1"))
    assert [7] == seqs(Event.query(account_id="a10"))


def test_a_query_of_nothing_is_empty():
    """It returns no item and raises no error."""
    assert ([], None, 0) == (
        Event.query(account_id="nobody").all(),
        Event.query(account_id="nobody").first(),
        Event.count(account_id="nobody"),
    )


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Event.seq == 7, [7]),
        (Event.seq < 3, [0, 1, 2]),
        (Event.seq <= 3, [0, 1, 2, 3]),
        (Event.seq > 27, [28, 29]),
        (Event.seq >= 27, [27, 28, 29]),
        (Event.seq.between(9, 11), [9, 10, 11]),
    ],
    ids=["equal", "below", "at-most", "above", "at-least", "between"],
)
def test_a_condition_on_the_sort_key(condition, expected):
    """Each comparison reads and counts the right items, forwards and backwards."""
    assert expected == seqs(Event.query(condition, account_id="a1"))
    assert expected[::-1] == seqs(Event.query(condition, account_id="a1", descending=True))
    assert len(expected) == Event.count(condition, account_id="a1")


def test_a_condition_on_text():
    """startswith finds the names with the prefix."""
    Setting(account_id="a1", name="thumb").create()
    Setting(account_id="a1", name="tint").create()
    found = Setting.query(Setting.name.startswith("th"), account_id="a1")
    assert ["theme", "thumb"] == [each.name for each in found]


def test_a_limit_and_a_direction():
    """A limit returns the first items in the requested order."""
    assert [0, 1, 2] == seqs(Event.query(account_id="a1", limit=3))
    assert [29, 28] == seqs(Event.query(account_id="a1", limit=2, descending=True))
    assert 29 == Event.query(account_id="a1", descending=True).first().seq


def test_a_reversed_range_is_refused_alike():
    """It is refused before sending: moto would return no items, dynalite and DynamoDB an error."""
    with pytest.raises(InvalidConditionError, match="between"):
        Event.query(Event.seq.between(9, 3), account_id="a1").all()


def test_a_filter_is_applied_after_the_key():
    """A limit counts the items that the filter leaves."""
    warned = Event.query(account_id="a1", filter=Event.level == Level.WARN)
    assert [*range(0, 30, 3)] == seqs(warned)
    assert [27, 24] == seqs(Event.query(account_id="a1", filter=Event.level == Level.WARN, limit=2, descending=True))
    assert [] == Event.query(account_id="a1", filter=Event.note.exists()).all()


def test_a_query_of_an_index_that_holds_everything():
    """All its shards are read and merged by sort key."""
    assert [*range(0, 30, 3)] == seqs(Event.urgent.query(level=Level.WARN))


def test_a_query_of_an_index_that_holds_keys_only():
    """The items are read from the table."""
    found = Event.by_day.query(Event.at.between(START, START + timedelta(days=1))).all()
    assert [(0, Level.WARN), (1, Level.INFO), (2, Level.INFO), (3, Level.WARN), (4, Level.INFO)] == [
        (each.seq, each.level) for each in found
    ]


def test_a_query_of_an_index_that_holds_some():
    """The index is sparse: it contains only items with a note."""
    assert [] == Event.by_note.query(note="n").all()
    Event.get(account_id="a1", seq=4).update(note="n")
    assert [4] == seqs(Event.by_note.query(note="n"))


def test_a_collection_is_everything_of_a_partition():
    """It has several types, in the order of their keys."""
    found = AppTable.collection(Account, Event, Setting, account_id="a1").all()
    assert [Account, *[Event] * 30, Setting] == [type(each) for each in found]
    assert 31 == AppTable.collection(Account, Event, account_id="a1").count()
    assert [Account, Event, Event] == [
        type(each) for each in AppTable.collection(Account, Event, account_id="a1", limit=3)
    ]


# --- pages ----------------------------------------------------------------------------


@pytest.mark.parametrize("descending", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize("size", [1, 7, 10, 30, 31])
def test_pages_are_the_whole_once(size, descending):
    """Pages of any size have all items once, and only the last page may be short."""
    found, sizes = read_through(Event.query(account_id="a1", descending=descending), size)
    assert [*range(30)][:: -1 if descending else 1] == seqs(found)
    assert {size} >= set(sizes[:-1])


@pytest.mark.parametrize("size", [1, 4, 10])
def test_pages_of_indexes_are_the_whole_once(size):
    """This holds for sharded partitions, keys-only indexes and filters."""
    urgent, _ = read_through(Event.urgent.query(level=Level.WARN), size)
    assert seqs(Event.urgent.query(level=Level.WARN)) == seqs(urgent)
    day, _ = read_through(Event.by_day.query(Event.at.between(START, START + timedelta(days=1))), size)
    assert seqs(Event.by_day.query(Event.at.between(START, START + timedelta(days=1)))) == seqs(day)
    filtered, _ = read_through(Event.query(account_id="a1", filter=Event.level == Level.WARN), size)
    assert [*range(0, 30, 3)] == seqs(filtered)


def test_a_cursor_belongs_to_its_query():
    """A query with another partition, direction or index refuses it before sending."""
    cursor = Event.query(account_id="a1").page(3).cursor
    for other in (
        Event.query(account_id="a10"),
        Event.query(account_id="a1", descending=True),
        Event.urgent.query(level=Level.WARN),
    ):
        with pytest.raises(CursorError):
            other.page(3, cursor)
    with pytest.raises(CursorError):
        Event.query(account_id="a1").page(3, cursor[:-2])


def test_a_cursor_outlives_its_item():
    """The next page begins after the cursor's item, even if the item was deleted."""
    page = Event.query(account_id="a1").page(3)
    page.items[-1].delete()
    assert [3, 4] == seqs(Event.query(account_id="a1").page(2, page.cursor))


# --- scans ----------------------------------------------------------------------------


@pytest.mark.parametrize("segments", [1, 3, 8])
def test_segments_are_the_whole_table_once(segments):
    """The segments have items of all types, each in one segment."""
    found = [each for n in range(segments) for each in AppTable.scan(segment=n, segments=segments)]
    names = [repr(sorted(each._stored_key().items())) for each in found]
    assert (33, 33) == (len(names), len(set(names)))
    assert 31 == sum(len(Event.scan(segment=n, segments=segments).all()) for n in range(segments))


def test_a_scan_takes_a_filter_and_a_limit():
    """A scan of one entity accepts both."""
    assert {*range(0, 30, 3)} == set(seqs(Event.scan(filter=Event.level == Level.WARN)))
    assert 5 == len(Event.scan(limit=5).all())


def test_written_items_are_fresh():
    """Each item's keys are the ones derived from its attributes."""
    assert 33 == check_fresh(AppTable)


def test_a_missing_table():
    """The error names the table."""
    with AppTable.bind(table_name="nowhere"), pytest.raises(TableMissingError, match="nowhere"):
        Event.get(account_id="a1", seq=1)
