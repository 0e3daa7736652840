"""The router: the choice of handlers, and the outcome of a record."""

import asyncio
import gc
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from functools import partial

import attrs
import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber
from pynamodb.attributes import UnicodeAttribute

from singletable import Key, MalformedItem, Table, observe
from singletable.errors import (
    AlreadyExistsError,
    AlreadyHandledError,
    DeclarationError,
    HandlerNotRunError,
    HandlersFailedError,
    ImageMissingError,
    InvalidRequestError,
    InvalidTransactionError,
    MalformedItemError,
    MalformedRecordError,
    StreamViewError,
    TransactionCancelled,
    UnprocessableError,
)
from singletable.models.binding.binding import connection_of
from singletable.models.items.internal_items import internal_table
from singletable.models.schema.table_schema import entity_schema, table_schema
from singletable.requests.services import label_errors
from singletable.streams import Change, StreamRouter, record_of
from singletable.testing.faults import Throttling, inject
from tests.framework.app import Account, AppTable, Event

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


class Log:
    """A router whose handlers record their changes."""

    def __init__(self, **options):
        self.letters, self.seen = [], []
        self.router = StreamRouter(AppTable, dead_letters=self.letters.append, **options)

    def on(self, *arguments, name, **options):
        @self.router.on(*arguments, name=name, **options)
        def note(change):
            self.seen.append((name, change))

    @property
    def names(self):
        return [name for name, _ in self.seen]


def account(**attributes):
    return Account(**{"account_id": "a1", "visits": 0, **attributes})


def event(**attributes):
    return Event(**{"account_id": "a1", "seq": 1, "at": NOON, **attributes})


def test_a_handler_gets_entities(table):
    """A handler gets the new and the old entity, the key and the names of the changed attributes."""
    log = Log()
    log.on(Account, "MODIFY", name="any")
    log.router.process(record_of(old=account(visits=1), new=account(visits=2), event_id="e1"))
    ((_, change),) = log.seen
    assert isinstance(change.new, Account)
    assert (1, 2) == (change.old.visits, change.new.visits)
    assert {"account_id": "a1"} == change.key
    assert {"visits"} == change.changed
    assert ("MODIFY", "e1", Account, False) == (change.event, change.event_id, change.entity, change.expired)
    assert change.at is not None


def test_events_go_by_their_kind(table):
    """INSERT, MODIFY of an attribute, REMOVE by a user or by time to live."""
    log = Log()
    log.on(Account, "INSERT", name="new")
    log.on(Account, "MODIFY", changed="email", name="mail")
    log.on(Account, "MODIFY", changed=["email", "visits"], name="either")
    log.on(Account, "REMOVE", name="gone")
    log.on(Event, "REMOVE", expired=True, name="expired")
    log.on(Event, "REMOVE", expired=False, name="deleted")
    log.on(Account, "INSERT", "MODIFY", "REMOVE", changed="email", name="all")
    for record, names in (
        (record_of(new=account()), ["new", "all"]),
        (record_of(old=account(), new=account(visits=1)), ["either"]),
        (record_of(old=account(), new=account(email="x")), ["mail", "either", "all"]),
        (record_of(old=account(), new=account()), []),
        (record_of(old=account()), ["gone", "all"]),
        (record_of(old=event()), ["deleted"]),
        (record_of(old=event(), expired=True), ["expired"]),
        (record_of(new=event()), []),
    ):
        log.seen.clear()
        outcome = log.router.process(record)
        assert names == log.names == list(outcome.handled)


def test_a_map_that_is_as_it_was_has_not_changed(table):
    """Stored values are compared, because PynamoDB's maps are only equal to themselves. Also sets and numbers."""
    log = Log()
    log.on(Event, "MODIFY", name="any")
    before = event(detail={"a": {"b": [1]}}, tags={"x", "y"}, note="one")
    for after in (
        event(detail={"a": {"b": [1]}}, tags={"y", "x"}, note="two"),
        event(detail={"a": {"b": [2]}}, tags={"x", "y"}, note="one"),
        event(detail={"a": {"b": [1]}}, tags={"x"}, note="one"),
    ):
        log.router.process(record_of(old=before, new=after))
    assert [{"note"}, {"detail"}, {"tags"}] == [change.changed for _, change in log.seen]


def test_the_table_class_stands_for_every_entity(table):
    """Its own attributes may also be watched."""
    log = Log()
    log.on(AppTable, "INSERT", name="any")
    log.router.process(record_of(new=account()))
    log.router.process(record_of(new=event()))
    assert [Account, Event] == [change.entity for _, change in log.seen]


def test_an_item_of_an_unknown_type_goes_to_the_default(table):
    """Without a default handler it is a dead letter with that reason."""
    log = Log()
    log.on(AppTable, "INSERT", name="any")
    raw = record_of(new=account(), sequence_number="7")
    type_name = table_schema(AppTable).layout.type_name
    raw["dynamodb"]["NewImage"][type_name] = {"S": "NEWER"}
    (letter,) = log.router.process(raw).letters
    assert [letter] == log.letters
    assert ("no entity of the table has its type, and no default handler", "7") == (
        letter.reason,
        letter.sequence_number,
    )
    unknown = []
    log.router.default(unknown.append)
    assert () == log.router.process(raw).letters
    assert "NEWER" == unknown[0].new.entity_type
    assert unknown[0].entity is None
    assert [] == log.names
    with pytest.raises(DeclarationError, match="is the default handler already"):
        log.router.default(print)


@pytest.mark.parametrize(
    ("images", "bad"),
    [
        ({"new": {}}, "NewImage"),
        ({"old": {}}, "OldImage"),
        ({"old": {}, "new": {"note": "x"}}, "NewImage"),
        ({"old": {}, "new": {"note": "x"}}, "OldImage"),
        ({"old": {}, "new": {"note": "x"}}, "NewImage OldImage"),
    ],
)
def test_an_image_that_its_model_cannot_read(table, images, bad):
    """It makes a dead letter, is skipped, or is given to the handlers as `MalformedItem`."""

    def record():
        raw = record_of(**{which: event(**values) for which, values in images.items()})
        for name in bad.split():
            raw["dynamodb"][name]["level"] = {"S": "FATAL"}
        return raw

    def seen_with(malformed):
        log = Log(malformed=malformed)
        log.on(Event, "INSERT", "MODIFY", "REMOVE", changed=("note", "level"), name="any")
        outcome = log.router.process(record())
        return log, outcome

    log, outcome = seen_with("raise")
    assert ([], ["Event"]) == (log.names, [letter.entity for letter in outcome.letters])
    log, outcome = seen_with("skip")
    assert ([], ()) == (log.names, outcome.letters)
    log, outcome = seen_with("yield")
    ((_, change),) = log.seen
    assert (("any",), ()) == (outcome.handled, outcome.letters)
    assert (Event, {"account_id": "a1", "seq": 1}) == (change.entity, change.key)
    for which in images:
        expected = MalformedItem if f"{which.title()}Image" in bad else Event
        assert expected is type(getattr(change, which))
    if change.event == "MODIFY":
        assert {"note"} | (set() if " " in bad else {"level"}) == change.changed
    else:
        assert set(entity_schema(Event).attributes) == change.changed


def with_unreadable(which):
    """Return a change of an event's note, of which one image has a level that the model does not know."""
    raw = record_of(old=event(note="one"), new=event(note="two"))
    raw["dynamodb"][f"{which.title()}Image"]["level"] = {"S": "FATAL"}
    return raw


@pytest.mark.parametrize(("bad", "good"), [("old", "new"), ("new", "old")])
def test_an_image_that_a_handler_does_not_need_is_not_read(table, bad, good):
    """The handlers of the other image and of the key are called. Only the third makes a dead letter."""
    log = Log()
    log.on(Event, "MODIFY", needs=[good], name="one")
    log.on(Event, "MODIFY", changed="note", needs=[], name="key")
    log.on(Event, "MODIFY", name="both")
    raw = with_unreadable(bad)
    outcome = log.router.process(raw)
    assert ("one", "key") == outcome.handled
    assert ["both"] == [each.handler for each in outcome.letters]
    assert ["one", "key"] == log.names
    assert ("one" if bad == "new" else "two") == getattr(log.seen[0][1], good).note
    again = log.router.process(raw)
    assert (("one", "key"), ["both"]) == (again.repeated, [each.handler for each in again.letters])


def test_a_handler_of_an_unreadable_image_is_called_once_its_model_can_read_it(table):
    """Its event is not marked, unlike an event that the handler itself gave up."""
    log = Log()
    log.on(Event, "MODIFY", name="both")
    raw = with_unreadable("old")
    log.router.process(raw)
    raw["dynamodb"]["OldImage"]["level"] = {"S": "INFO"}
    assert ("both",) == log.router.process(raw).handled


def test_skipping_leaves_out_the_handlers_of_an_unreadable_image(table):
    """The other handlers are called."""
    log = Log(malformed="skip")
    log.on(Event, "MODIFY", needs=["new"], name="one")
    log.on(Event, "MODIFY", name="both")
    outcome = log.router.process(with_unreadable("old"))
    assert (("one",), ()) == (outcome.handled, outcome.letters)


def test_an_unreadable_image_that_a_handler_reads_without_need_is_a_dead_letter(table):
    """It would fail at each attempt."""
    log = Log()
    log.router.on(Event, "MODIFY", needs=["new"], name="peeks")(lambda change: change.old)
    (letter,) = log.router.process(with_unreadable("old")).letters
    assert "peeks" == letter.handler


def test_an_item_that_a_handler_cannot_read_in_the_table_fails_it(table):
    """The item is not part of the record, so it may be fixed before the next attempt."""
    log = Log()

    @log.router.on(Event, "INSERT", name="reads")
    def reads(change):
        raise MalformedItemError("An item of Event cannot be read.", entity="Event")

    with pytest.raises(HandlersFailedError):
        log.router.process(record_of(new=event()))


def test_a_record_of_another_table_is_refused(table):
    """By the name in its ARN, or in the form of Kinesis. A record without a table name is accepted."""
    log = Log()
    log.on(Account, "INSERT", name="any")
    arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/{}/stream/2026-11-30T00:00:00.000"
    for place in ({"eventSourceARN": arn.format("other")}, {"tableName": "other"}):
        with pytest.raises(
            MalformedRecordError, match="A record is of the table 'other', but the router's table is 'app'"
        ):
            log.router.process({**record_of(new=account()), **place})
    for place in ({"eventSourceARN": arn.format("app")}, {"tableName": "app"}, {}):
        log.router.process({**record_of(new=account()), **place})
    assert ["any"] * 3 == log.names


def test_other_words_for_malformed_images_are_refused():
    """The values of `malformed` are those of a query."""
    with pytest.raises(InvalidRequestError, match="malformed='drop' is not one of"):
        StreamRouter(AppTable, malformed="drop")


def test_each_handler_gets_a_malformed_image(table):
    """Also the second handler, which has its own entities."""
    log = Log(malformed="yield")
    log.on(Event, "INSERT", name="one")
    log.on(Event, "INSERT", name="two")
    raw = record_of(new=event())
    raw["dynamodb"]["NewImage"]["level"] = {"S": "FATAL"}
    log.router.process(raw)
    assert [("one", MalformedItem), ("two", MalformedItem)] == [(name, type(change.new)) for name, change in log.seen]


def test_the_frameworks_own_items_are_passed_over(table):
    """Marks and records of migrations are skipped, with any view type."""
    log = Log()
    log.router.default(lambda change: log.seen.append(("default", change)))

    class Own(
        internal_table(Table, "PK", "SK", table_schema(AppTable).layout.type_name, "app"), discriminator="singletable:x"
    ):
        name = UnicodeAttribute()
        key = Key(pk="SINGLETABLE#X", sk="{name}")

    for view in ("NEW_AND_OLD_IMAGES", "NEW_IMAGE", "OLD_IMAGE", "KEYS_ONLY"):
        for images in ({"new": Own(name="n")}, {"old": Own(name="n")}):
            log.router.process(record_of(**images, view=view))
    assert [] == log.seen


# --- the view type of the stream ----------------------------------------------------------


@pytest.mark.parametrize(
    ("view", "there"),
    [("NEW_AND_OLD_IMAGES", "new old"), ("NEW_IMAGE", "new"), ("OLD_IMAGE", "old"), ("KEYS_ONLY", "")],
)
def test_what_a_view_leaves_out_is_said(table, view, there):
    """The key and the entity are always available; a missing image raises."""
    log = Log()
    log.on(Account, "MODIFY", needs=(), name="any")
    log.router.process(record_of(old=account(), new=account(visits=1), view=view))
    ((_, change),) = log.seen
    assert (Account, {"account_id": "a1"}) == (change.entity, change.key)
    assert (view == "NEW_AND_OLD_IMAGES") == (change.changed is not None)
    for which in ("new", "old"):
        if which in there:
            assert "a1" == getattr(change, which).account_id
        else:
            message = f"The stream shows {view}: the {which} image of the MODIFY of Account is missing. Switch"
            with pytest.raises(ImageMissingError, match=message):
                getattr(change, which)


def test_an_image_that_no_stream_could_show(table):
    """An INSERT has no old image, a REMOVE has no new image."""
    log = Log()
    log.on(Account, "INSERT", "REMOVE", needs=(), name="any")
    log.router.process(record_of(new=account()))
    log.router.process(record_of(old=account()))
    with pytest.raises(ImageMissingError, match=r"An INSERT of Account has no old image. Use change.new."):
        log.seen[0][1].old  # noqa: B018 - a property
    with pytest.raises(ImageMissingError, match=r"A REMOVE of Account has no new image. Use change.old."):
        log.seen[1][1].new  # noqa: B018


@pytest.mark.parametrize(
    ("view", "arguments", "missing"),
    [
        ("KEYS_ONLY", {"events": ["INSERT"]}, "needs the new image"),
        ("NEW_IMAGE", {"events": ["REMOVE"]}, "needs the old image"),
        ("NEW_IMAGE", {"events": ["MODIFY"]}, "needs the old image"),
        ("OLD_IMAGE", {"events": ["MODIFY"], "changed": "visits", "needs": ()}, "needs the new image"),
        ("KEYS_ONLY", {"events": ["MODIFY"]}, "needs the new and the old image"),
        ("NEW_IMAGE", {"events": ["INSERT"]}, None),
        ("KEYS_ONLY", {"events": ["INSERT", "MODIFY", "REMOVE"], "needs": ()}, None),
    ],
)
def test_a_stream_that_shows_too_little_is_told_at_the_start(table, view, arguments, missing):
    """If the view type is not known at the start, it is reported at the first record."""
    log = Log()
    log.on(Account, *arguments.pop("events"), name="the handler", **arguments)
    if missing is None:
        log.router.start(view)
        return
    for attempt in (lambda: log.router.start(view), lambda: log.router.process(record_of(new=account(), view=view))):
        with pytest.raises(StreamViewError, match=f"The stream shows {view}; the handler {missing}") as caught:
            attempt()
        assert (view, "the handler") == (caught.value.view, caught.value.handler)


def test_what_is_registered_for_the_start_is_called(table):
    """It is called before any event."""
    log = Log()
    log.router.on_start(lambda: log.seen.append(("start", None)))
    log.router.start()
    assert ["start"] == log.names


# --- once for each event -----------------------------------------------------------------


def test_what_a_handler_does_to_its_entities_is_not_seen_by_the_next(table):
    """Otherwise a handler would get different entities at the first delivery and at a repeated one."""
    log = Log()

    @log.router.on(Event, "MODIFY", name="changes")
    def changes(change):
        change.new.detail["a"]["b"].append(2)
        change.new.tags.add("y")
        change.old.note = "mine"
        with change.transaction() as transaction:
            transaction.update(change.new, note="mine")

    log.on(Event, "MODIFY", name="behind")
    stored = event(note="new", detail={"a": {"b": [1]}}, tags={"x"})
    stored.create()
    log.router.process(record_of(old=event(note="old"), new=stored))
    ((_, change),) = log.seen
    assert ("old", "new", {"x"}) == (change.old.note, change.new.note, change.new.tags)
    assert {"a": {"b": [1]}} == change.new.detail.as_dict()


def test_a_handler_is_called_once_for_an_event(table):
    """It is called again for the same change with another event id."""
    log = Log()
    log.on(Account, "INSERT", name="first")
    first, other = record_of(new=account(), event_id="e1"), record_of(new=account(), event_id="e2")
    assert ("first",) == log.router.process(first).handled
    again = log.router.process(first)
    assert ((), ("first",)) == (again.handled, again.repeated)
    log.router.process(other)
    assert ["first", "first"] == log.names


def test_marks_are_read_as_they_were_last_written(table):
    """The read is consistent. If no handler needs marks, none are read."""
    asked = []

    def note(send, operation, params):
        if operation == "Query":
            asked.append(params["ConsistentRead"])
        return send(operation, params)

    log = Log()
    log.on(Account, "INSERT", name="first")
    log.on(Account, "REMOVE", idempotent=True, name="second")
    connection = connection_of(AppTable).connection
    connection.around = (note,)
    try:
        log.router.process(record_of(new=account()))
        log.router.process(record_of(old=account()))
    finally:
        connection.around = ()
    assert [True] == asked


def test_an_idempotent_handler_is_called_each_time_and_leaves_no_mark(table):
    """It is registered with `idempotent=True`."""
    log = Log()
    log.on(Account, "INSERT", idempotent=True, name="twice")
    record = record_of(new=account())
    assert [("twice",)] * 2 == [log.router.process(record).handled for _ in range(2)]
    assert [] == items()


def items():
    """Return all stored items."""
    connection = AppTable._get_connection().connection
    return connection.dispatch("Scan", {"TableName": "app", "ConsistentRead": True})["Items"]


def test_a_mark_expires(table):
    """It is one of the framework's own items, with the table's time to live."""
    log = Log(remember_days=2)
    log.on(Account, "INSERT", name="first")
    log.router.process(record_of(new=account(), event_id="e1"))
    (mark,) = items()
    assert ("SINGLETABLE#HANDLED#e1", "first") == (mark["PK"]["S"], mark["SK"]["S"])
    lives = int(mark["ttl"]["N"]) - datetime.now(timezone.utc).timestamp()
    assert 2 * 86_400 - 60 < lives <= 2 * 86_400
    assert [] == AppTable.scan().all()


def test_only_what_failed_is_called_again(table):
    """The other handlers of the record are done."""
    log = Log()
    failing = [True]
    log.on(Account, "INSERT", name="before")

    @log.router.on(Account, "INSERT", name="fails")
    def fails(change):
        if failing:
            raise ValueError("secret " + change.new.account_id)
        log.seen.append(("fails", change))

    log.on(Account, "INSERT", name="behind")
    record = record_of(new=account(), event_id="e1", sequence_number="9")
    with pytest.raises(
        HandlersFailedError, match="1 of 3 handlers failed for the event e1: fails: ValueError in fails"
    ):
        log.router.process(record)
    failing.clear()
    outcome = log.router.process(record)
    assert (("fails",), ("before", "behind")) == (outcome.handled, outcome.repeated)
    assert ["before", "behind", "fails"] == log.names


def test_what_a_failure_says_has_no_value_in_it(table):
    """It has the kind and the place of the error. The error itself is the cause."""
    log = Log()

    @log.router.on(Account, "INSERT")
    def fails(change):
        raise ValueError("secret " + change.new.account_id)

    with pytest.raises(HandlersFailedError) as caught:
        log.router.process(record_of(new=account(), event_id="e1", sequence_number="9"))
    (letter,) = caught.value.letters
    assert "a1" not in str(caught.value) + repr(letter)
    assert letter.reason.startswith("ValueError in fails (test_router.py:")
    assert ("e1", "9", "INSERT", "Account") == (
        letter.event_id,
        letter.sequence_number,
        letter.event,
        letter.entity,
    )
    assert ["secret a1"] == [str(each) for each in caught.value.errors]


def test_what_a_transaction_does_is_done_once(table):
    """Together with its mark or not at all, also if the process dies before the handler returns."""
    log = Log()
    dying = [True]

    @log.router.on(Account, "INSERT", name="count")
    def count(change: Change[Account]):
        with change.transaction() as transaction:
            transaction.update(Account(account_id="total"), actions=[Account.visits.add(change.new.visits)])
        if dying:
            raise SystemExit

    Account(account_id="total", visits=0).create()
    record = record_of(new=account(visits=3))
    with pytest.raises(SystemExit):
        log.router.process(record)
    dying.clear()
    assert ("count",) == log.router.process(record).repeated
    assert 3 == Account.get(account_id="total").visits


def test_two_that_handle_an_event_at_once(table):
    """Neither sees a mark. One transaction succeeds, and the other handler counts as repeated."""
    log, entered = Log(), []

    @log.router.on(Account, "INSERT", name="count")
    def count(change):
        if not entered:
            entered.append(1)
            assert ("count",) == log.router.process(record).handled
        with change.transaction() as transaction:
            transaction.update(Account(account_id="total"), actions=[Account.visits.add(1)])

    Account(account_id="total", visits=0).create()
    record = record_of(new=account())
    outcome = log.router.process(record)
    assert ((), ("count",)) == (outcome.handled, outcome.repeated)
    assert 1 == Account.get(account_id="total").visits


def test_the_reasons_of_a_cancelled_transaction_are_the_handlers_own(table):
    """In the order of its operations. The mark is the last operation, and is not written."""
    log, reasons = Log(), []

    @log.router.on(Account, "INSERT", name="create")
    def create(change):
        try:
            with change.transaction() as transaction:
                transaction.create(change.new)
        except TransactionCancelled as error:
            reasons.extend(error.reasons)
            raise

    account().create()
    record = record_of(new=account())
    with pytest.raises(HandlersFailedError):
        log.router.process(record)
    assert isinstance(reasons[0].error, AlreadyExistsError)
    Account.get(account_id="a1").delete()
    assert ("create",) == log.router.process(record).handled


def test_a_second_transaction_of_a_handler_is_refused(table):
    """The mark of the first one would cancel it."""
    log, faults = Log(), []

    @log.router.on(Account, "INSERT", name="two")
    def two(change):
        for number in range(2):
            try:
                with change.transaction() as transaction:
                    transaction.create(Account(account_id=f"n{number}"))
            except InvalidTransactionError as error:
                faults.append(str(error))

    log.router.process(record_of(new=account()))
    assert ["two has already sent a transaction for this event."] == [each.split(" Put")[0] for each in faults]


def test_a_transaction_within_another_is_refused(table):
    """The inner one is sent first. The outer one is refused and does not count as repeated."""
    log, faults = Log(), []

    @log.router.on(Account, "INSERT", name="two")
    def two(change):
        try:
            with change.transaction() as outer:
                outer.create(Account(account_id="outer"))
                with change.transaction() as inner:
                    inner.create(Account(account_id="inner"))
        except InvalidTransactionError as error:
            faults.append(str(error))
            raise

    log.router.process(record_of(new=account()))
    assert log.letters[0].reason.startswith("InvalidTransactionError in two")
    assert ["two has already sent a transaction for this event."] == [each.split(" Put")[0] for each in faults]
    assert ["inner"] == [each.account_id for each in Account.scan()]


def test_what_fails_behind_its_transaction_is_a_dead_letter(table):
    """The event is marked, so another attempt would not call the handler and would report nothing."""
    log = Log()

    @log.router.on(Account, "INSERT", name="mail")
    def mail(change):
        with change.transaction() as transaction:
            transaction.create(Account(account_id="done"))
        raise OSError("the mail server is down")

    record = record_of(new=account())
    (letter,) = log.router.process(record).letters
    assert letter.reason.startswith("OSError in mail (")
    assert letter.reason.endswith("), after its transaction succeeded")
    assert [letter] == log.letters
    assert ("mail",) == log.router.process(record).repeated


@pytest.mark.parametrize("idempotent", [False, True])
def test_a_transaction_that_is_taken_and_not_sent_fails_the_handler(table, idempotent):
    """Its operations are not executed, so the event must not count as handled."""
    log = Log()

    @log.router.on(Account, "INSERT", name="forgets", idempotent=idempotent)
    def forgets(change):
        change.transaction().create(Account(account_id="never"))

    with pytest.raises(HandlersFailedError) as caught:
        log.router.process(record_of(new=account()))
    (error,) = caught.value.errors
    assert "forgets called change.transaction() and did not send the transaction. Write `with change.tr" in str(error)
    assert [] == items()


def test_what_was_in_the_way_of_a_transaction_is_said(table):
    """The reason names entities and codes, not items."""
    log = Log()

    @log.router.on(Account, "INSERT", name="count")
    def count(change):
        with change.transaction() as transaction:
            transaction.update(Account(account_id="secret"), visits=1)

    with pytest.raises(HandlersFailedError) as caught:
        log.router.process(record_of(new=account()))
    (letter,) = caught.value.letters
    assert letter.reason.startswith("TransactionCancelled (update of Account: ConditionalCheckFailed) in count (")
    assert "secret" not in repr(letter) + str(caught.value)


@pytest.mark.parametrize(("prepare", "service"), [(label_errors, " of SESv2"), (lambda client: client, "")])
def test_a_failed_request_of_a_handler_is_named(table, prepare, service):
    """By operation and code, and by the service if its client records it; without the service's message."""
    client = prepare(boto3.client("sesv2", "eu-west-1", aws_access_key_id="x", aws_secret_access_key="x"))
    log = Log()

    @log.router.on(Account, "INSERT", name="mail")
    def mail(change):
        client.send_email(FromEmailAddress="shop@example.com", Content={})

    with Stubber(client) as stubber, pytest.raises(HandlersFailedError) as caught:
        stubber.add_client_error("send_email", "MessageRejected", "secret@example.com is not verified.")
        log.router.process(record_of(new=account()))
    (letter,) = caught.value.letters
    assert letter.reason.startswith(f"MessageRejected (SendEmail{service}: MessageRejected) in ")
    assert "secret" not in repr(letter) + str(caught.value)


def test_a_service_that_does_not_answer_a_handler_is_named(table):
    """Without a code, and without the URL."""
    client = label_errors(
        boto3.client(
            "sns",
            "eu-west-1",
            endpoint_url="http://127.0.0.1:1",
            aws_access_key_id="x",
            aws_secret_access_key="x",
            config=Config(retries={"total_max_attempts": 1}),
        )
    )
    log = Log()

    @log.router.on(Account, "INSERT", name="announce")
    def announce(change):
        client.publish(TopicArn="arn:aws:sns:eu-west-1:1:secret", Message="secret")

    with pytest.raises(HandlersFailedError) as caught:
        log.router.process(record_of(new=account()))
    (letter,) = caught.value.letters
    assert letter.reason.startswith("EndpointConnectionError (Publish of SNS) in ")


def test_a_handlers_requests_have_its_name(table):
    """Observers distinguish them, as they do for access patterns."""
    log, seen = Log(), []

    @log.router.on(Account, "INSERT", name="count")
    def count(change):
        Account.item(account_id="b").one_or_none()

    with observe(AppTable, lambda sent: seen.append((sent.operation, sent.pattern))):
        log.router.process(record_of(new=account()))
    assert [("GetItem", "count")] == [each for each in seen if each[0] == "GetItem"]


def test_a_change_without_a_router_has_no_transaction(table):
    """It has no handler whose mark could be written."""
    log = Log()
    log.on(Account, "INSERT", name="any")
    log.router.process(record_of(new=account()))
    change = attrs.evolve(log.seen[0][1], delivery=None)
    with pytest.raises(InvalidTransactionError, match="did not come from a router"):
        change.transaction()


# --- functions that do nothing when they are called -----------------------------------


async def awaited(argument):
    """A coroutine function."""


def generating(argument):
    """A generator."""
    yield


async def both(argument):
    """An asynchronous generator."""
    yield


class Called:
    """An instance whose call is a coroutine function."""

    async def __call__(self, argument):
        """Do nothing."""


@pytest.mark.parametrize(
    "function", [awaited, generating, both, partial(awaited, 1), partial(partial(generating), 1), Called()]
)
@pytest.mark.parametrize(
    "register",
    [
        lambda router: router.on(Account, "INSERT", name="any"),
        lambda router: router.default,
        lambda router: router.on_start,
        lambda router: lambda function: StreamRouter(AppTable, dead_letters=function),
    ],
    ids=["on", "default", "on_start", "dead_letters"],
)
def test_a_function_whose_call_would_run_nothing_is_refused(register, function):
    """At registration: as a handler, for the start or as a sink."""
    with pytest.raises(DeclarationError, match="is (async def|a generator .*), and calling it would run nothing"):
        register(StreamRouter(AppTable))(function)


@pytest.mark.parametrize("function", [awaited, generating, both])
def test_an_awaitable_that_a_handler_returns_is_an_error(table, function):
    """The event is not handled and comes again. Python does not warn about a coroutine that was never awaited."""
    log = Log()
    log.router.on(Account, "INSERT", name="late")(lambda change: function(change))
    record = record_of(new=account())
    for _ in range(2):
        with pytest.raises(HandlersFailedError, match="late: late returned '.*': its work is not done") as caught:
            log.router.process(record)
        assert [HandlerNotRunError] == [type(each) for each in caught.value.errors]
    gc.collect()


def test_an_awaitable_that_a_sink_returns_is_an_error(table):
    """The dead letter was not sent."""
    router = StreamRouter(AppTable, dead_letters=lambda letter: awaited(letter))
    with pytest.raises(HandlerNotRunError, match="dead_letters returned 'coroutine'"):
        router.process({"dynamodb": {"SequenceNumber": "7"}})


# --- dead letters ------------------------------------------------------------------------


def test_an_event_that_can_never_be_handled_is_a_dead_letter_at_once(table):
    """The other handlers of the record are called, and the record does not come again."""
    log = Log()

    @log.router.on(Account, "INSERT", name="never")
    def never(change):
        raise UnprocessableError("No such country.")

    log.on(Account, "INSERT", name="other")
    record = record_of(new=account())
    outcome = log.router.process(record)
    assert ("other",) == outcome.handled
    assert ["No such country."] == [each.reason for each in log.letters]
    assert ("never", "other") == log.router.process(record).repeated
    assert 1 == len(log.letters)


def test_an_image_that_cannot_be_read_is_a_dead_letter(table):
    """It has the sequence number and the attribute, but not the value."""
    log = Log()
    log.on(Event, "INSERT", name="any")
    raw = record_of(new=event(), sequence_number="7")
    raw["dynamodb"]["NewImage"]["at"] = {"S": "secret"}
    (letter,) = log.router.process(raw).letters
    assert ("7", "INSERT", "Event") == (letter.sequence_number, letter.event, letter.entity)
    assert "at" in letter.reason
    assert "secret" not in letter.reason
    assert [] == log.names


@pytest.mark.parametrize(
    "damage",
    [
        lambda told: told["NewImage"].update(at={"S": 5}),
        lambda told: told["NewImage"].update(at={"S": "secret"}),
        lambda told: told["NewImage"].update(entityType={"S": 5}),
        lambda told: (told.pop("NewImage"), told["Keys"].pop("PK")),
        lambda told: told.update(StreamViewType=5),
    ],
)
def test_a_damaged_record_is_a_dead_letter(table, damage):
    """For any damage; it has the sequence number, but no value."""
    log = Log()
    log.on(Event, "INSERT", name="any")
    raw = record_of(new=event(), sequence_number="7")
    damage(raw["dynamodb"])
    outcome = log.router.process(raw)
    assert ["7"] == [each.sequence_number for each in outcome.letters]
    assert "secret" not in repr(outcome)


def test_a_letter_that_cannot_be_sent_is_not_lost(table):
    """The record fails and comes again. The other handlers of the record are still called."""
    called = []

    def broken(letter):
        raise OSError("the queue is down")

    router = StreamRouter(AppTable, dead_letters=broken)
    with pytest.raises(OSError, match="queue is down"):
        router.process({"dynamodb": {"SequenceNumber": "7"}})

    @router.on(Account, "INSERT", name="never")
    def never(change):
        raise UnprocessableError("No.")

    router.on(Account, "INSERT", name="other")(called.append)
    record = record_of(new=account())
    for _ in range(2):
        with pytest.raises(HandlersFailedError, match="never: OSError in broken"):
            router.process(record)
    assert 1 == len(called)


def test_a_letter_whose_mark_cannot_be_written_comes_again(table):
    """Like any event that cannot be marked. The other handlers of the record are still called."""
    log = Log()

    @log.router.on(Account, "INSERT", name="never")
    def never(change):
        raise UnprocessableError("No.")

    log.on(Account, "INSERT", name="other")
    record = record_of(new=account())
    with (
        inject(AppTable, Throttling(operations=["PutItem"], calls={1})),
        pytest.raises(HandlersFailedError, match="never: ThrottledError"),
    ):
        log.router.process(record)
    assert ["other"] == log.names
    assert ("other",) == log.router.process(record).repeated
    assert 2 == len(log.letters)


def test_without_a_sink_dead_letters_are_logged(table, caplog):
    """At level ERROR, with their parts as fields."""
    with caplog.at_level(logging.ERROR, logger="singletable.streams"):
        StreamRouter(AppTable).process({"dynamodb": {"SequenceNumber": "7"}})
    (line,) = caplog.records
    assert "7" == line.sequence_number
    assert "dead letter: The stream record could not be parsed" in line.message


# --- declaring ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ([Account], {}, "names no event. Use INSERT, MODIFY, REMOVE"),
        ([Account, "UPDATE"], {}, "names the unknown event 'UPDATE'"),
        ([Account, "INSERT"], {"changed": "visits"}, "has no effect without the event MODIFY"),
        ([Account, "MODIFY"], {"expired": True}, "has no effect without the event REMOVE"),
        (
            [Account, "MODIFY"],
            {"changed": "color"},
            "Account has no attribute 'color' that could change. It has: email, visits. Derived attributes change",
        ),
        ([Account, "MODIFY"], {"changed": "account_id"}, "Account has no attribute 'account_id' that could change"),
        ([Account, "REMOVE"], {"expired": True}, "Account has no Expiry, so time to live never removes its items"),
        ([Account, "INSERT"], {"needs": ["both"]}, "names an image other than 'new' and 'old'"),
        ([Table, "INSERT"], {}, "is not an entity of AppTable"),
        (["Account", "INSERT"], {}, "'Account' is not an entity of AppTable"),
    ],
)
def test_what_cannot_be_registered(arguments, options, message):
    """It is reported at registration."""
    with pytest.raises(DeclarationError, match=message):
        StreamRouter(AppTable).on(*arguments, **options)(print)


@pytest.mark.parametrize("days", [0, -1, 0.5, 10**9, float("nan"), True])
def test_marks_are_kept_for_a_sensible_time(days):
    """At least a day, because an event may be delivered again for a day."""
    with pytest.raises(DeclarationError, match=f"remember_days={days} is not a number of days from 1 to 3650"):
        StreamRouter(AppTable, remember_days=days)


def test_a_handler_without_a_name():
    """Its marks need a name."""
    router = StreamRouter(AppTable)
    nameless = partial(print, "x")
    with pytest.raises(DeclarationError, match="partial has no name, which its marks need. Give a name with name="):
        router.on(Account, "INSERT")(nameless)
    router.on(Account, "INSERT", name="print")(nameless)


def test_a_key_that_two_classes_share_is_told_where_only_keys_are_shown():
    """A handler of the class that does not declare the key would never be called."""

    class Shared(Table):
        class Meta:
            table_name = "shared"

    class Person(Shared, discriminator="PERSON"):
        name = UnicodeAttribute()
        key = Key(pk="PERSON#{name}", sk="-")

    class Clerk(Person, discriminator="CLERK"):
        desk = UnicodeAttribute(null=True)

    router = StreamRouter(Shared)
    router.on(Person, "INSERT", needs=(), idempotent=True, name="person")(print)
    router.start("KEYS_ONLY")
    router.on(Clerk, "INSERT", needs=(), idempotent=True, name="clerk")(print)
    with pytest.raises(StreamViewError, match="a key does not show whether an item is of Clerk: clerk would"):
        router.start("KEYS_ONLY")
    router.start("NEW_IMAGE")


def test_two_handlers_of_one_name():
    """They would share their marks."""
    log = Log()
    log.on(Account, "INSERT", name="one")
    with pytest.raises(DeclarationError, match="Two handlers have the name 'one'"):
        log.on(Event, "INSERT", name="one")


def test_a_table_without_time_to_live():
    """Marks would never be removed; only a handler without marks is accepted."""

    class Plain(Table):
        class Meta:
            table_name = "plain"

    class Thing(Plain, discriminator="THING"):
        name = UnicodeAttribute()
        key = Key(pk="THING#{name}", sk="-")

    router = StreamRouter(Plain)
    with pytest.raises(DeclarationError, match="Plain has no time to live, so .* Declare an Expiry"):
        router.on(Thing, "INSERT")(print)
    with pytest.raises(DeclarationError, match="Plain has no time to live"):
        router.default(print)
    router.on(Thing, "INSERT", idempotent=True, name="fine")(print)


# --- regressions from a hostile review ----------------------------------------------------


def test_a_letter_of_a_handler_that_is_done_is_sent_once_the_sink_is_there(table):
    """The handler is not called again."""
    down, letters, calls = [True], [], []

    def sink(letter):
        if down[0]:
            raise OSError("down")
        letters.append(letter)

    router = StreamRouter(AppTable, dead_letters=sink)

    @router.on(Account, "INSERT", name="mail")
    def mail(change):
        calls.append(change)
        with change.transaction() as transaction:
            transaction.create(Account(account_id="done"))
        raise OSError("the mail server is down")

    record = record_of(new=account())
    for _ in range(2):
        with pytest.raises(HandlersFailedError, match="mail: OSError in sink"):
            router.process(record)
    down[0] = False
    (letter,) = router.process(record).letters
    assert letter.reason.startswith("OSError in mail (")
    assert ([letter], 1) == (letters, len(calls))
    assert (("mail",), ()) == (router.process(record).repeated, router.process(record).letters)


@pytest.mark.parametrize("image", ["NewImage", "OldImage"])
@pytest.mark.parametrize("view", ["NEW_AND_OLD_IMAGES", None])
def test_a_modify_that_lacks_an_image_is_a_dead_letter_of_handlers_that_compare(table, image, view):
    """Whether an attribute has changed is unknown. Other handlers are called."""
    log = Log()
    log.on(Account, "MODIFY", changed="visits", needs=(), name="compares")
    log.on(Account, "MODIFY", needs=(), name="key")
    raw = record_of(old=account(), new=account(visits=1))
    del raw["dynamodb"][image]
    raw["dynamodb"]["StreamViewType"] = view
    outcome = log.router.process(raw)
    assert (("key",), ["compares"]) == (outcome.handled, [each.handler for each in outcome.letters])
    assert "lacks an image" in outcome.letters[0].reason


@pytest.mark.parametrize("malformed", ["raise", "skip", "yield"])
def test_an_image_that_is_not_an_item_is_a_dead_letter_of_its_handlers_alone(table, malformed):
    """Also together with a handler that compares attributes."""
    log = Log(malformed=malformed)
    log.on(Account, "MODIFY", needs=["new"], name="new")
    log.on(Account, "MODIFY", needs=["old"], name="old")
    log.on(Account, "MODIFY", changed="visits", needs=(), name="compares")
    raw = record_of(old=account(), new=account(visits=1))
    raw["dynamodb"]["OldImage"]["visits"] = {"N": []}
    outcome = log.router.process(raw)
    assert "new" in outcome.handled
    assert {"old", "compares"} >= {each.handler for each in outcome.letters}
    assert not {"new"} & {each.handler for each in outcome.letters}


@pytest.mark.parametrize("malformed", ["raise", "skip", "yield"])
def test_keys_that_are_not_of_their_entity_are_a_dead_letter(table, malformed):
    """`malformed=` is about images, so it does not skip such a record."""
    log = Log(malformed=malformed)
    log.on(Account, "INSERT", needs=(), name="any")
    raw = record_of(new=account())
    raw["dynamodb"]["Keys"]["PK"] = {"S": "OTHER#1"}
    (letter,) = log.router.process(raw).letters
    assert "The keys of a record of Account" in letter.reason


@pytest.mark.parametrize("at", [float("inf"), float("nan"), -1e18, 10**400, True, "now"], ids=repr)
def test_a_time_that_is_none_makes_a_dead_letter(table, at):
    """At once, without a loop and without an error that comes again."""
    log = Log()
    raw = record_of(new=account())
    raw["dynamodb"]["ApproximateCreationDateTime"] = at
    (letter,) = log.router.process(raw).letters
    assert "could not be parsed" in letter.reason


def test_only_the_handlers_own_transaction_says_that_it_was_handled_before(table):
    """Not one of another event, and not an error that the handler raises itself."""
    log, kept = Log(), []

    @log.router.on(Account, "INSERT", name="sly")
    def sly(change):
        kept.append(change)
        with kept[0].transaction() as transaction:
            transaction.create(Account(account_id=f"made {len(kept)}"))

    log.router.process(record_of(new=account()))
    with pytest.raises(HandlersFailedError):
        log.router.process(record_of(new=account(account_id="a2")))
    log.router.on(Account, "REMOVE", name="raises")(raiser(AlreadyHandledError("no")))
    with pytest.raises(HandlersFailedError):
        log.router.process(record_of(old=account()))


def raiser(error):
    """Return a function that raises an error."""

    def function(change):
        raise error

    return function


def test_a_cancelled_task_of_a_handler_fails_it_and_no_other(table):
    """asyncio.run() raises CancelledError."""
    log = Log()
    log.router.on(Account, "INSERT", name="cancelled")(raiser(asyncio.CancelledError()))
    log.on(Account, "INSERT", name="other")
    with pytest.raises(HandlersFailedError, match="cancelled: CancelledError"):
        log.router.process(record_of(new=account()))
    assert ["other"] == log.names


def test_work_that_is_only_submitted_is_an_error(table):
    """A future of a pool, and an iterator that is never run."""
    log = Log()
    with ThreadPoolExecutor(1) as pool:
        log.router.on(Account, "INSERT", name="pool")(lambda change: pool.submit(print))
        log.router.on(Account, "INSERT", name="map")(lambda change: map(print, [change]))
        with pytest.raises(HandlersFailedError) as caught:
            log.router.process(record_of(new=account()))
    assert [HandlerNotRunError] * 2 == [type(each) for each in caught.value.errors]


@pytest.mark.parametrize("name", ["x" * 2000, 5])
def test_a_name_that_no_mark_can_have_is_refused(table, name):
    """It is a part of the mark's key."""
    with pytest.raises(DeclarationError, match="a part of the key of the handler's marks"):
        StreamRouter(AppTable).on(Account, "INSERT", name=name)(print)


def test_functions_without_a_name_may_be_called_at_the_start(table):
    """They do not have marks."""
    called = []
    router = StreamRouter(AppTable)
    router.on_start(partial(called.append, 1))
    router.start()
    assert [1] == called


def test_a_whole_event_is_no_record(table):
    """It is refused, and not made a dead letter."""
    with pytest.raises(MalformedRecordError, match="whole Lambda event"):
        StreamRouter(AppTable).process({"Records": [record_of(new=account())]})


def test_an_arn_that_is_no_stream_is_refused(table):
    """Also if the record names DynamoDB as its source."""
    for arn in ("arn:aws:dynamodb:eu-west-1:1:table/app", "arn:aws:sqs:eu-west-1:1:queue"):
        with pytest.raises(MalformedRecordError, match="not the stream of a table"):
            StreamRouter(AppTable).process({**record_of(new=account()), "eventSourceARN": arn})
