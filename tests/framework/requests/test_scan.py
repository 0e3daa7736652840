"""Scans: one item, a count and pages of a whole table, as in queries."""

import pickle

import pytest

from singletable import measure
from singletable.errors import CursorError, InvalidRequestError, ItemDoesNotExist, MultipleItemsFoundError
from tests.framework.app import Account, AppTable, Event, Level, Setting, event, seqs


@pytest.fixture(autouse=True)
def stored(table):
    """Store twelve events and their account."""
    for seq in range(12):
        event(seq).create()
    Account(account_id="a1").create()


def pages_of(request, size, context=None):
    found, cursor = [], None
    for _ in range(20):  # a cursor that does not advance would repeat forever
        page = request.page(size, cursor, context=context)
        found.append(seqs(page))
        cursor = page.cursor
        if cursor is None:
            return found


@pytest.mark.parametrize("size", [1, 5, 12, 13])
def test_pages_cover_everything_once(size):
    """This also holds with a filter; each segment has its own part."""
    for request in (Event.scan(), Event.scan(filter=Event.level == Level.WARN), Event.scan(consistent=True)):
        pages = pages_of(request, size)
        assert seqs(request) == [each for page in pages for each in page]
        assert all(len(page) == size for page in pages[:-1])
    parts = [
        [each for page in pages_of(Event.scan(segment=segment, segments=3), size) for each in page]
        for segment in range(3)
    ]
    assert list(range(12)) == sorted(each for part in parts for each in part)
    assert [seqs(Event.scan(segment=segment, segments=3)) for segment in range(3)] == parts


def test_a_page_does_not_read_the_whole_table():
    """Only the rows of the page are read, and one more."""
    with measure() as usage:
        AppTable.scan().page(4)
    assert 1 == usage.requests
    assert 4 == Event.scan(limit=4).params()["Limit"]


def test_cursors_belong_to_their_scan():
    """A cursor is bound to the entity's filter, the segment and the context, and not valid for a query."""
    with pytest.raises(CursorError):
        Event.scan().page(2, Event.query(account_id="a1").page(2).cursor)
    cursor = Event.scan(segment=0, segments=1).page(2, context="t").cursor
    assert Event.scan().page(2, cursor, context="t").items
    for other, context in (
        (Event.scan(), None),
        (Event.scan(segment=0, segments=2), "t"),
        (Event.scan(filter=Event.level == Level.WARN), "t"),
    ):
        with pytest.raises(CursorError):
            other.page(2, cursor, context=context)
    again = pickle.loads(pickle.dumps(Event.scan()))
    assert again.page(2, cursor, context="t").items


def test_one_item_of_a_scan():
    """Errors name the table and the number of items."""
    assert "a1" == Account.scan().one().account_id
    assert "a1" == Account.scan().one_or_none().account_id
    assert Setting.scan().one_or_none() is None
    assert Setting.scan().first() is None
    assert Event is type(Event.scan().first())
    with pytest.raises(Setting.DoesNotExist, match="No item in the table 'app'."):
        Setting.scan().one()
    with pytest.raises(
        MultipleItemsFoundError, match="The scan has 12 items in the table 'app'; at most one was"
    ) as caught:
        Event.scan().one()
    assert 12 == caught.value.count
    assert issubclass(Setting.DoesNotExist, ItemDoesNotExist)


def test_count():
    """Items of the requested entities count, at most the limit."""
    assert (12, 1, 13) == (Event.scan().count(), Account.scan().count(), AppTable.scan().count())
    assert (5, 4) == (Event.scan(limit=5).count(), Event.scan(filter=Event.level == Level.WARN).count())


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (
            lambda: Event.scan(limit=3).page(2),
            "The scan in the table 'app' has limit=3; a request with a limit has no pages. Leave limit",
        ),
        (lambda: Event.scan().page(0), "A page has a size of at least 1, not 0. Write for example page"),
        (lambda: Event.scan().page(True), "A page has a size of at least 1, not True"),
        (lambda: Event.scan(limit=0), "limit=0 is not a whole number of at least 1"),
        (lambda: Event.scan(segment=3, segments=3), "segment=3 is not one of segments=3. Give segments of at least 1"),
        (lambda: Event.scan(segments=0), "segment=0 is not one of segments=0"),
    ],
)
def test_options_that_a_scan_cannot_have(ask, message):
    """The error has the remedy."""
    with pytest.raises(InvalidRequestError, match=message):
        ask()
