"""Unreadable items among readable ones: they are raised, skipped or yielded, and a read continues after one."""

import pickle
from datetime import timedelta

import pytest

from singletable import MalformedItem, UnknownItem
from singletable.errors import (
    AlreadyExistsError,
    CursorError,
    InvalidRequestError,
    MalformedItemError,
    MultipleItemsFoundError,
    TransactionCancelled,
    UnknownItemError,
)
from singletable.models.reading.targets import TableSender
from tests.framework.app import START, AppTable, Event, Setting, event, seqs

MALFORMED, UNKNOWN = 4, 6


def put(item):
    TableSender(AppTable).send("PutItem", {"TableName": "app", "Item": item})


@pytest.fixture(autouse=True)
def stored(table):
    """Store eight events, of which one has a level of a newer version, and one is of a newer type."""
    for seq in range(1, 9):
        each = event(seq, note="n").serialize()
        if seq == MALFORMED:
            each["level"] = {"S": "FATAL"}
        if seq == UNKNOWN:
            each["entityType"] = {"S": "NEWER"}
        put(each)


def read_through(request):
    """Return the results of a request until it ends; an error is replaced by the number of its item."""
    iterator, found = iter(request), []
    while True:
        try:
            found.append(next(iterator).seq)
        except StopIteration:
            return found
        except (MalformedItemError, UnknownItemError) as error:
            found.append(error.key[1])


def day(seq):
    return START + timedelta(hours=6 * seq)


REQUESTS = {
    "query": lambda **options: Event.query(account_id="a1", **options),
    "descending": lambda **options: Event.query(account_id="a1", descending=True, **options),
    "collection": lambda **options: AppTable.collection(Event, Setting, account_id="a1", **options),
    "keys only": lambda **options: Event.by_day.query(Event.at.between(day(0), day(9)), **options),
    "some attributes": lambda **options: Event.by_note.query(note="n", **options),
    "scan": lambda **options: Event.scan(**options),
    "part": lambda **options: Event.query(account_id="a1", only=("level",), **options),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_an_item_that_cannot_be_read_is_raised_skipped_or_yielded(name):
    """The other items are still returned, in order."""
    request = REQUESTS[name]
    readable = [1, 2, 3, 5, 7, 8]
    found = seqs(request(unknown="skip", malformed="skip"))
    assert readable == sorted(found)
    with pytest.raises((MalformedItemError, UnknownItemError)):
        request().all()
    assert {"EVENT#000004", "EVENT#000006", *readable} == set(read_through(request()))
    yielded = request(unknown="yield", malformed="yield").all()
    assert found == seqs(each for each in yielded if isinstance(each, Event))
    assert {MalformedItem, UnknownItem} == {type(each) for each in yielded} - {Event}


def test_a_malformed_item_names_its_attribute():
    """It keeps the item; its repr shows neither the item nor its key."""
    found = Event.query(account_id="a1", unknown="skip", malformed="yield").all()[MALFORMED - 1]
    assert ("Event", "level", ("ACCOUNT#a1", "EVENT#000004")) == (found.entity, found.attribute, found.key)
    assert {"S": "FATAL"} == found.item["level"]
    assert "MalformedItem(entity='Event', attribute='level')" == repr(found)
    assert "An item of Event holds 'level' as S" in str(found.error)
    assert found == pickle.loads(pickle.dumps(found))
    assert found.error.cursor is None, "no cursor is made for an error that is not raised"


def test_positional_reads_keep_the_place():
    """They are batch_get, transact_get and the gets of a batch."""
    keys = [{"account_id": "a1", "seq": seq} for seq in (3, MALFORMED, UNKNOWN, 99)]
    gets = [Event.item(**key) for key in keys]

    def batch(**options):
        with AppTable.batch(**options) as made:
            made.get(*gets)
        return made.items

    for ask in (
        lambda **options: Event.batch_get(keys, **options),
        lambda **options: AppTable.transact_get(*gets, **options),
        batch,
    ):
        assert [Event, type(None), type(None), type(None)] == list(map(type, ask(unknown="skip", malformed="skip")))
        assert [Event, MalformedItem, UnknownItem, type(None)] == list(
            map(type, ask(unknown="yield", malformed="yield"))
        )
        with pytest.raises(MalformedItemError):
            ask(unknown="skip")
        with pytest.raises(UnknownItemError):
            ask(malformed="skip")


@pytest.mark.parametrize(
    "ask",
    [
        lambda: Event.query(account_id="a1", malformed="drop"),
        lambda: AppTable.collection(Event, account_id="a1", malformed="drop"),
        lambda: Event.scan(malformed="drop"),
        lambda: Event.batch_get([], malformed="drop"),
        lambda: AppTable.transact_get(malformed="drop"),
        lambda: AppTable.batch(malformed="drop"),
    ],
)
def test_other_words_are_refused(ask):
    """The error lists the allowed words, also for `unknown`."""
    with pytest.raises(InvalidRequestError, match="malformed='drop' is not one of 'raise', 'yield', 'skip'. Write one"):
        ask()


# --- continuing after an error ----------------------------------------------------------


def read_on(request, size, context=None):
    """Read page by page, and continue after each error with its cursor; record the number of an error's item."""
    found, cursor = [], None
    for _ in range(20):  # an error whose cursor does not advance would repeat forever
        try:
            page = request.page(size, cursor, context=context)
        except (MalformedItemError, UnknownItemError) as error:
            found.append(int(error.key[1][-1]))
            cursor = error.cursor
            continue
        found += seqs(page)
        cursor = page.cursor
        if cursor is None:
            return found


@pytest.mark.parametrize("name", ["query", "descending", "collection", "keys only", "some attributes", "scan", "part"])
def test_pages_of_one_item_lose_none(name):
    """The page that would begin with the bad item raises, and the cursor of its error continues after it."""
    request = REQUESTS[name]()
    found = read_on(request, 1)
    assert list(range(1, 9)) == (sorted(found) if name == "scan" else found[:: -1 if name == "descending" else 1])


def test_a_page_goes_on_after_the_bad_item():
    """This holds for every size; the earlier items of the page are not returned."""
    query = Event.query(account_id="a1", unknown="skip")
    first = query.page(2)
    assert [1, 2] == seqs(first)
    for size in (2, 3, 5):
        with pytest.raises(MalformedItemError) as caught:
            query.page(size, first.cursor)
        assert ("ACCOUNT#a1", "EVENT#000004") == caught.value.key
        assert [5, 7, 8][:size] == seqs(query.page(size, caught.value.cursor))
    assert [3] == seqs(query.page(1, first.cursor)), "the item after the page is not on it"


def test_an_error_of_an_iteration_has_the_cursor_of_the_query_without_its_limit():
    """This holds for a query and for a scan, also after a pickle."""
    for limited, request in (
        (Event.query(account_id="a1", unknown="skip", limit=6), Event.query(account_id="a1", unknown="skip")),
        (Event.scan(unknown="skip", limit=6), Event.scan(unknown="skip")),
    ):
        with pytest.raises(MalformedItemError) as caught:
            limited.all()
        error = pickle.loads(pickle.dumps(caught.value))
        assert caught.value.cursor == error.cursor
        read = seqs(Event.query(account_id="a1", unknown="skip", malformed="skip"))
        assert {5, 7, 8} <= set(seqs(request.page(9, error.cursor))) <= set(read)


def test_the_cursor_of_an_error_is_bound_as_those_of_pages_are():
    """It is bound to the request and to the context."""
    query = Event.query(account_id="a1", unknown="skip")
    with pytest.raises(MalformedItemError) as caught:
        query.page(9, context="tenant")
    assert [5, 7, 8] == seqs(query.page(9, caught.value.cursor, context="tenant"))
    for other, context in ((query, None), (query, "another"), (Event.query(account_id="a10"), "tenant")):
        with pytest.raises(CursorError):
            other.page(9, caught.value.cursor, context=context)


def test_a_bad_secret_does_not_hide_the_error(monkeypatch):
    """The error has no cursor."""
    monkeypatch.setattr(AppTable.Meta, "cursor_secret", "short", raising=False)
    with pytest.raises(MalformedItemError) as caught:
        Event.query(account_id="a1").all()
    assert caught.value.cursor is None


# --- counting -------------------------------------------------------------------------


def test_count_is_the_number_of_items_that_iteration_gives():
    """This holds for each treatment of bad items, with a limit, and with the same errors."""
    for name, request in REQUESTS.items():
        for options in (
            {"unknown": "skip", "malformed": "skip"},
            {"unknown": "yield", "malformed": "skip"},
            {"unknown": "yield", "malformed": "yield"},
            {"unknown": "yield", "malformed": "yield", "limit": 5},
        ):
            assert len(request(**options).all()) == request(**options).count(), name
        with pytest.raises((MalformedItemError, UnknownItemError)):
            request().count()


def test_the_count_of_several_items_does_not_fail_by_a_bad_one():
    """It raises MultipleItemsFoundError, not the error of a later item."""
    with pytest.raises(MultipleItemsFoundError, match="has 6 items at"):
        Event.query(account_id="a1").one()


# --- rows -----------------------------------------------------------------------------


def test_rows_whose_keys_are_not_of_their_entity():
    """keys() treats them as malformed, and continues after them."""
    put({"PK": {"S": "X"}, "SK": {"S": "Y"}, "entityType": {"S": "SETTING"}})
    put({**Setting(account_id="a2", name="x").serialize(), "SK": {"S": "SETTING"}})
    Setting(account_id="a2", name="z").create()
    assert [{"account_id": "a2", "name": "z"}] == list(Setting.query(account_id="a2").keys())
    query = AppTable.collection(Setting, account_id="a2")
    with pytest.raises(MalformedItemError, match="The keys of a row of Setting do not match its model") as caught:
        list(query.keys())
    assert ("ACCOUNT#a2", "SETTING") == caught.value.key
    assert "a2" not in str(caught.value)
    iterator = query.keys()
    with pytest.raises(MalformedItemError):
        next(iterator)
    assert {"account_id": "a2", "name": "z"} == next(iterator)
    skipped = AppTable.collection(Setting, account_id="a2", malformed="skip")
    assert [{"account_id": "a2", "name": "z"}] == list(skipped.keys())
    yielded = AppTable.collection(Setting, account_id="a2", malformed="yield")
    assert [MalformedItem, dict] == list(map(type, yielded.keys()))


def test_a_transaction_that_a_malformed_item_stands_in_the_way_of():
    """The reason contains the item, unchanged."""
    with pytest.raises(TransactionCancelled) as caught, AppTable.transaction() as transaction:
        transaction.create(event(MALFORMED))
    (reason,) = caught.value.reasons
    assert AlreadyExistsError is type(reason.error)
    assert MalformedItem is type(reason.current_item)
