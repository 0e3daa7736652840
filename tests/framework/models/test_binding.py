"""Binding: the active settings, their scope, and that a request keeps the settings with which it was made."""

import asyncio
import contextvars
import logging
import pickle
import re
import sys
import threading
from contextlib import ExitStack, suppress
from enum import Enum

import pytest
from pynamodb.attributes import NumberAttribute, UnicodeAttribute, UTCDateTimeAttribute

from singletable import Expiry, Key, Table, plan
from singletable.engine import embedded
from singletable.errors import (
    BatchIncompleteError,
    ConditionFailed,
    EndpointUnreachableError,
    EngineUnavailableError,
    InvalidBatchError,
    InvalidTransactionError,
    InvalidValueError,
    ItemDoesNotExist,
    UnexpectedAttributesError,
)
from singletable.models.binding.binding import Binding, connection_of, held, is_bound
from singletable.models.binding.home import MOST_CONNECTIONS
from singletable.models.declare.timestamps import utcnow
from singletable.streams.marks import Delivery, Marks
from singletable.testing import Unprocessed, inject
from tests.framework.canned import CREDENTIALS, canned


class Hosted(Table):
    class Meta:
        table_name = "hosted"
        host = "http://127.0.0.1:5599"
        region = "eu-north-1"
        timeouts = {"GetItem": 0.5}
        max_attempts = 2


class Shelf(Table):
    class Meta:
        table_name = "shelf"
        region = "eu-west-1"


class Book(Shelf, discriminator="BOOK"):
    book = UnicodeAttribute()
    copies = NumberAttribute(default_for_new=1)
    key = Key(pk="BOOK#{book}", sk="BOOK")


@pytest.fixture
def server():
    with canned() as found, Shelf.bind(endpoint_url=found.url, credentials=CREDENTIALS):
        yield found


@pytest.fixture
def two_tables():
    """Start an embedded engine with the tables `shelf` and `other`."""
    with embedded(Shelf):
        with Shelf.bind(table_name="other"):
            Shelf.create_table(wait=True)
        yield


def run(function):
    """Return a function's result in a new thread."""
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def name():
    """Return the current name of the table."""
    return Shelf.bound().table_name


# --- inheritance --------------------------------------------------------------------------


def test_meta_gives_what_no_binding_gives():
    """Meta's host, region, time-outs and attempts are used in every binding that does not replace them."""
    for settings in ({}, {"table_name": "dev"}, {"max_attempts": 1}, {"region": None, "endpoint_url": None}):
        with Hosted.bind(**settings):
            found = Hosted.bound()
        expected = ("http://127.0.0.1:5599", "eu-north-1", {"GetItem": 0.5}, settings.get("max_attempts", 2))
        assert expected == (found.endpoint_url, found.region, found.timeouts, found.max_attempts)


def test_a_binding_inherits_from_the_one_around_it():
    """A binding inherits every setting that it does not give, at any depth."""
    with Shelf.bind(endpoint_url="http://a", table_name="one", read_timeout=7):
        with Shelf.bind(max_attempts=1), Shelf.bind(table_name="two"):
            found = Shelf.bound()
            assert ("http://a", "two", 7, 1) == (
                found.endpoint_url,
                found.table_name,
                found.read_timeout,
                found.max_attempts,
            )
        assert ("one", 4) == (name(), Shelf.bound().max_attempts)


def test_bindings_of_the_process_come_before_those_of_the_context():
    """Process-wide bindings apply in the order in which they were made, and end independently."""
    with Shelf.bind(table_name="context"):
        one, two = Shelf.bind(table_name="one", max_attempts=1), Shelf.bind(table_name="two")
        assert ("context", 1) == (name(), Shelf.bound().max_attempts)
        assert "two" == run(name)
        one.undo()
        assert ("context", 4) == (name(), Shelf.bound().max_attempts)
    assert "two" == name()
    two.undo()
    assert "shelf" == name()
    assert not is_bound(Shelf)


def test_meta_is_never_changed():
    """Neither a binding nor an engine changes Meta."""
    before = dict(vars(Shelf.Meta))
    with embedded(Shelf), Shelf.bind(table_name="other", region="us-west-2", max_attempts=1):
        assert before == dict(vars(Shelf.Meta))
    statement = Shelf.bind(table_name="other")
    assert before == dict(vars(Shelf.Meta))
    statement.undo()


def test_a_role_ends_where_other_credentials_are_given():
    """A role is assumed only with the credentials that were bound together with it."""
    with Shelf.bind(role_arn="arn:aws:iam::1:role/a"):
        with Shelf.bind(credentials=("b", "b", None)):
            assert (None, "b") == (Shelf.bound().role_arn, Shelf.bound().credentials[0])
        with Shelf.bind(credentials=("b", "b", None)), Shelf.bind(profile="c"):
            assert (None, "c", None) == (Shelf.bound().role_arn, Shelf.bound().profile, Shelf.bound().credentials)
        with Shelf.bind(max_attempts=1):
            assert "arn:aws:iam::1:role/a" == Shelf.bound().role_arn


@pytest.mark.parametrize(
    ("variables", "settings", "expected"),
    [
        ({}, {}, None),
        ({}, {"endpoint_url": "http://127.0.0.1:9"}, "us-east-1"),
        ({"AWS_DEFAULT_REGION": "eu-west-2"}, {}, "eu-west-2"),
        ({"AWS_DEFAULT_REGION": "eu-west-2", "AWS_REGION": "eu-west-3"}, {}, "eu-west-3"),
        ({"AWS_REGION": "eu-west-3"}, {"endpoint_url": "http://127.0.0.1:9"}, "eu-west-3"),
        ({"AWS_REGION": "eu-west-3"}, {"region": "sa-east-1"}, "sa-east-1"),
        ({"AWS_REGION": "eu-west-3"}, {"profile": "tenant"}, "eu-west-3"),
        ({}, {"profile": "tenant"}, "ca-central-1"),
        ({"AWS_PROFILE": "tenant"}, {}, "ca-central-1"),
        ({"AWS_PROFILE": "missing"}, {}, None),
    ],
)
def test_the_region(monkeypatch, tmp_path, variables, settings, expected):
    """The explicit region precedes AWS_REGION, AWS_DEFAULT_REGION and the profile's; a server does not need one."""

    class Anywhere(Table):
        class Meta:
            table_name = "anywhere"

    (tmp_path / "config").write_text("[profile tenant]\nregion = ca-central-1\n")
    for each in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(each, raising=False)
    for each, value in {"AWS_CONFIG_FILE": str(tmp_path / "config"), **variables}.items():
        monkeypatch.setenv(each, value)
    with Anywhere.bind(**settings):
        assert expected == Anywhere.bound().region


# --- refused settings ---------------------------------------------------------------------


def test_an_unknown_setting_is_refused_with_those_that_applications_give():
    """The error does not list the settings that only engines give."""
    with pytest.raises(
        UnexpectedAttributesError, match=r"endpoint: not a setting of bind\(\). Its settings are: connect"
    ) as caught:
        Shelf.bind(endpoint="http://x")
    listed = str(caught.value).partition("Its settings are: ")[2].rstrip(".").split(", ")
    assert {"session", "profile", "role_arn", "timeouts"} < set(listed)
    assert not {"prepare", "place", "metered"} & set(listed)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"table_name": ""}, "The table name '' is empty"),
        ({"table_name": "a b"}, "The table name 'a b' has the character ' '"),
        ({"table_name": "a" * 256}, "has 256 characters; the limit is 255"),
        ({"table_name": 7}, "table_name=7 is not a text"),
        ({"region": b"eu"}, "region=b'eu' is not a text"),
        ({"region": ""}, "region='' is not a text, or is empty"),
        ({"profile": ""}, "profile='' is not a text, or is empty"),
        ({"role_arn": ""}, "role_arn='' is not a text, or is empty"),
        ({"max_attempts": 0}, "max_attempts=0 is not a whole number of at least 1"),
        ({"max_attempts": "3"}, "max_attempts='3' is not a whole number of at least 1"),
        ({"max_connections": True}, "max_connections=True is not a whole number of at least 1"),
        ({"read_timeout": "5"}, "read_timeout='5' is not a number of seconds above 0"),
        ({"connect_timeout": float("nan")}, "connect_timeout=nan is not a number of seconds above 0"),
        ({"timeouts": 5}, "5 is not a mapping"),
        ({"extra_headers": {"x": ["y"]}}, "extra_headers is not a mapping of texts to texts"),
        ({"extra_headers": "x"}, "extra_headers is not a mapping of texts to texts"),
        ({"credentials": "ab"}, "credentials is not an access key, a secret key, and a session token or None"),
        ({"credentials": ("", "b", None)}, "credentials is not an access key, a secret key"),
        ({"credentials": ("a",)}, "credentials is not an access key, a secret key"),
        ({"session": "tenant"}, "session= takes a boto3 or botocore session, not a str"),
        (
            {"profile": "a", "credentials": ("a", "b", None)},
            "credentials and profile, which name different credentials",
        ),
    ],
)
def test_settings_that_cannot_be(settings, message):
    """An invalid setting is refused at once, and the table is not bound."""
    with pytest.raises(InvalidValueError, match=message):
        Shelf.bind(**settings)
    assert not is_bound(Shelf)


@pytest.mark.parametrize("url", ["", "127.0.0.1:8000", "http://", "http://[::1", "http://host:99999", 8000])
def test_an_endpoint_that_is_not_a_url(url):
    """An endpoint with any fault is refused at once."""
    with pytest.raises((EndpointUnreachableError, InvalidValueError), match=f"{re.escape(repr(url))} is no"):
        Shelf.bind(endpoint_url=url)
    assert not is_bound(Shelf)


def test_settings_of_meta_are_checked_when_a_request_is_made(monkeypatch):
    """They are checked like those of a binding; an empty region means none, as in PynamoDB."""
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    monkeypatch.setattr(Shelf.Meta, "region", "")
    assert "eu-west-3" == Shelf.bound().region
    monkeypatch.setattr(Shelf.Meta, "read_timeout", "5", raising=False)
    with pytest.raises(InvalidValueError, match="read_timeout='5' is not a number of seconds above 0"):
        Shelf.bound()


def test_a_binding_does_not_change_with_a_dictionary_that_it_was_given():
    """The binding keeps a copy."""
    headers = {"x-team": "shop"}
    with Shelf.bind(extra_headers=headers):
        headers["x-team"] = "other"
        assert {"x-team": "shop"} == Shelf.bound().extra_headers


def test_members_of_an_enumeration_stand_for_their_text():
    """The settings hold the texts, not the members."""

    class Stage(str, Enum):
        DEV = "shelf-dev"

    with Shelf.bind(table_name=Stage.DEV):
        assert (str, "shelf-dev") == (type(name()), name())


def test_an_arn_names_a_table():
    """A table may be named by its ARN."""
    arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/shelf"
    with Shelf.bind(table_name=arn):
        assert arn == Book.item(book="a").params()["TableName"]


def test_a_short_name_is_refused_before_anything_is_sent(server):
    """A name below three characters works on the embedded engine only."""
    with Shelf.bind(table_name="ab"):
        assert "ab" == Book.item(book="a").params()["TableName"]
        with pytest.raises(InvalidValueError, match="The table name 'ab' has fewer than 3 characters"):
            Book.get(book="a")
    assert [] == server.asked
    with embedded(Shelf, create=False), Shelf.bind(table_name="ab"):
        Shelf.create_table(wait=True)


# --- the scope of a binding --------------------------------------------------------------------


def test_a_block_holds_for_its_own_thread():
    """Another thread's block neither changes nor ends it."""
    entered, left = threading.Event(), threading.Event()

    def other():
        with Shelf.bind(table_name="tenant-b"):
            entered.set()
            left.wait(5)
            return name()

    with Shelf.bind(table_name="tenant-a"):
        found = []
        thread = threading.Thread(target=lambda: found.append(other()))
        thread.start()
        entered.wait(5)
        assert "tenant-a" == name()
        assert "shelf" == run(name)
        left.set()
        thread.join()
        assert (["tenant-b"], "tenant-a") == (found, name())


def test_a_thread_in_a_copy_of_the_context_sees_the_block():
    """A new thread sees the block only if it runs in a copy of the context."""
    with Shelf.bind(table_name="tenant-a"):
        context = contextvars.copy_context()
        assert ["tenant-a", "shelf"] == [run(lambda: context.run(name)), run(name)]


def test_a_task_keeps_the_block_that_it_was_started_in():
    """A task keeps its block even after the block has ended."""

    async def main():
        ended = asyncio.Event()

        async def late():
            await ended.wait()
            return name()

        async with Shelf.bind(table_name="tenant-a"):
            task = asyncio.ensure_future(late())
            await asyncio.sleep(0)
        async with Shelf.bind(table_name="tenant-b"):
            ended.set()
            return await task, name()

    assert ("tenant-a", "tenant-b") == asyncio.run(main())


def test_a_binding_may_be_entered_again():
    """A binding may be entered within itself and in two threads."""
    binding = Shelf.bind(table_name="tenant-a")
    with binding, binding:
        with Shelf.bind(table_name="tenant-b"):
            with binding:
                assert "tenant-a" == name()
            assert "tenant-b" == name()
        assert "tenant-a" == name()
    assert "shelf" == name()
    with binding:
        binding.undo()
        assert "shelf" == name()


def test_a_block_may_be_left_in_another_context():
    """A block may be left in another context than it was entered in, as by an asynchronous fixture."""
    binding = Shelf.bind(table_name="tenant-a")
    contextvars.copy_context().run(binding.__enter__)
    binding.__exit__(None, None, None)
    assert "shelf" == name()


def tenant(text):
    """Return a binding."""
    return Shelf.bind(table_name=text)


def entering():
    """Return blocks of every form; each yields the name of the table within it."""
    with Shelf.bind(table_name="tenant-a"):
        yield name()
    with Shelf.bind(table_name="tenant-a") as binding, binding:
        yield name()
    with tenant("tenant-a"):
        yield name()
    with (lambda: tenant("tenant-a"))():
        yield name()
    with (kept := Shelf.bind(table_name="tenant-a")):
        assert "tenant-a" == kept.settings.table_name
        yield name()
    with tenant("tenant-a") if Shelf else tenant("tenant-b"):
        yield name()
    with ExitStack() as stack:
        stack.enter_context(Shelf.bind(table_name="tenant-a"))
        yield name()

    async def main():
        async with Shelf.bind(table_name="tenant-a"):
            one = name()
        async with tenant("tenant-a"):
            return one, name()

    yield from asyncio.run(main())


def test_every_form_of_a_block_holds_within_it():
    """Blocks with several bindings, functions, exit stacks and `async with` apply to the context."""
    assert ["tenant-a"] * 9 == list(entering())
    assert not is_bound(Shelf)


def test_no_other_thread_takes_a_block_for_a_statement(monkeypatch):
    """Between the call of bind() and the block, a thread that is not bound sees Meta's name."""
    seen, enter = [], Binding.__enter__

    def enter_late(binding):
        seen.append(run(name))
        return enter(binding)

    monkeypatch.setattr(Binding, "__enter__", enter_late)
    on_a_stack = 7
    assert 9 == len(list(entering()))
    assert ["shelf"] == list(dict.fromkeys(seen[:on_a_stack] + seen[on_a_stack + 1 :]))


def test_threads_that_switch_all_the_time_see_their_own():
    """While two threads switch their bindings, a third one that is not bound sees Meta's name."""
    stop, seen = threading.Event(), set()

    def look():
        while not stop.is_set():
            seen.add(name())

    def bind():
        for _ in range(300):
            with Shelf.bind(table_name="tenant-a"):
                pass
            with tenant("tenant-b"):
                pass

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=look), threading.Thread(target=bind), threading.Thread(target=bind)]
        for each in threads:
            each.start()
        for each in threads[1:]:
            each.join()
        stop.set()
        threads[0].join()
    finally:
        sys.setswitchinterval(interval)
    assert {"shelf"} == seen


def test_two_threads_and_two_tasks_write_to_their_own_tables(server):
    """Each writes a thousand items, and all of them are in its own table."""
    count = 1000

    def batches(tenant):
        for start in range(0, count, 250):
            with Shelf.bind(table_name=tenant), Shelf.batch() as batch:
                batch.put(*[Book(book=f"{tenant}/{number}") for number in range(start, start + 250)])
            yield

    def thread(tenant):
        with Shelf.bind(endpoint_url=server.url, credentials=CREDENTIALS):
            for _ in batches(tenant):
                pass

    async def task(tenant):
        for _ in batches(tenant):
            await asyncio.sleep(0)

    async def tasks():
        await asyncio.gather(task("tenant-c"), task("tenant-d"))

    threads = [threading.Thread(target=thread, args=(each,)) for each in ("tenant-a", "tenant-b")]
    for each in threads:
        each.start()
    asyncio.run(tasks())
    for each in threads:
        each.join()
    written = {}
    for asked in server.asked:
        for table, requests in asked.params["RequestItems"].items():
            for request in requests:
                book = request["PutRequest"]["Item"]["book"]["S"]
                assert table == book.partition("/")[0]
                written[table] = written.get(table, 0) + 1
    assert dict.fromkeys(("tenant-a", "tenant-b", "tenant-c", "tenant-d"), count) == written


# --- the embedded engine ------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {"max_attempts": 1},
        {"timeouts": {"GetItem": 0.5}},
        {"endpoint_url": "http://127.0.0.1:9"},
        {"region": "eu-west-1"},
        {"credentials": ("a", "b", None)},
        {"profile": "missing"},
        {"role_arn": "arn:aws:iam::1:role/a"},
        {"extra_headers": {"x-moto-account-id": "1"}},
        {"dax_endpoints": "daxs://cached.test"},
    ],
)
def test_nothing_that_is_bound_leaves_the_embedded_engine(settings):
    """No block or statement sends a request elsewhere, in any thread."""
    with embedded(Shelf):
        Book(book="a").create()
        with Shelf.bind(**settings):
            assert "a" == Book.get(book="a").book
        statement = Shelf.bind(**settings)
        assert ["a", "a"] == [Book.get(book="a").book, run(lambda: Book.get(book="a").book)]
        statement.undo()


def test_a_name_is_bound_within_the_embedded_engine(two_tables):
    """Settings other than those of the place can be bound within the engine."""
    with Shelf.bind(table_name="other", max_attempts=1):
        Book(book="a").create()
        assert ("other", 1) == (name(), Shelf.bound().max_attempts)
    assert Book.item(book="a").one_or_none() is None


def test_a_setting_of_the_place_that_changes_nothing_is_logged(caplog):
    """Each such binding is logged in one line, without its values."""
    caplog.set_level(logging.INFO, "singletable")
    with embedded(Shelf, create=False):
        with Shelf.bind(credentials=("key", "secret", None), region="eu-west-3", max_attempts=1):
            pass
        with Shelf.bind(table_name="other"):
            pass
    lines = [each.getMessage() for each in caplog.records if each.name == "singletable"]
    expected = "Shelf stays at the embedded engine: bind() ignores credentials, region in this block."
    assert [expected] == lines


def test_every_thread_has_its_own_engine_and_helpers_reach_it():
    """Two threads have their own engines, and the threads that they start use the same ones."""
    barrier = threading.Barrier(2)

    def work(book):
        with embedded(Shelf):
            Book(book=book).create()
            barrier.wait(30)
            found = [each.book for each in Book.scan()]
            barrier.wait(30)
            return found

    found = {}
    threads = [threading.Thread(target=lambda each=each: found.update({each: work(each)})) for each in ("a", "b")]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert {"a": ["a"], "b": ["b"]} == found
    with embedded(Shelf):
        Book(book="c").create()
        assert "c" == run(lambda: Book.get(book="c").book)


# --- a request keeps its binding ----------------------------------------------------------


def made_in(table):
    """Return requests of every kind, made while the table is bound to a name, each with a function that sends it."""
    with Shelf.bind(table_name=table):
        batch, transaction = Shelf.batch(), Shelf.transaction()
        book, get, query = Book(book="a"), Book.item(book="a"), Book.query(book="a")
        planned, loading = plan.save(Book(book="e")), Shelf.put_all([Book(book="f")])
        return {
            "get": get.one_or_none,
            "query": query.all,
            "first": query.first,
            "count": query.count,
            "page": lambda: query.page(1),
            "scan": Book.scan().all,
            "collection": Shelf.collection(Book, book="a").all,
            "create": plan.create(book).send,
            "save": plan.save(book).send,
            "update": plan.update(book, copies=2).send,
            "delete": plan.delete(book).send,
            "batch": lambda: (batch.put(Book(book="b")), batch.delete(Book(book="c")), batch.send()),
            "batch get": lambda: (batch.get(get), batch.send()),
            "transaction": lambda: (transaction.create(Book(book="d")), transaction.check(book), transaction.send()),
            "planned": lambda: send_in(Shelf.transaction, planned, table),
            "load all": lambda: list(loading),
        }


def send_in(transaction, write, table):
    """Send a planned write in a transaction that is made with the same binding."""
    endpoint_url = write.request.sender.settings.endpoint_url
    with Shelf.bind(table_name=table, endpoint_url=endpoint_url, max_attempts=4):
        made = transaction()
    made.add(write)
    made.send()


@pytest.mark.parametrize("kind", list(made_in("any")))
def test_a_request_goes_where_it_was_made(server, kind):
    """A request goes to its place, with any binding at the time of sending."""
    send = made_in("made-here")[kind]
    statement = Shelf.bind(table_name="statement")
    with (
        Shelf.bind(table_name="sent-here", endpoint_url="http://127.0.0.1:9", max_attempts=1),
        suppress(ItemDoesNotExist),
    ):
        send()
    statement.undo()
    assert {"made-here"} == set().union(*[asked.tables for asked in server.asked])


def test_what_follows_a_request_goes_where_it_went():
    """Further pages, and reads after a failed condition, go to the place of the first request."""

    def answer(asked):
        if asked.operation == "PutItem":
            return 400, {"__type": "com.amazonaws#ConditionalCheckFailedException", "message": "no"}
        if asked.operation == "Query" and "ExclusiveStartKey" not in asked.params:
            return 200, {"Items": [], "LastEvaluatedKey": {"PK": {"S": "BOOK#a"}, "SK": {"S": "BOOK"}}}
        return 200, {}

    with canned(answer) as server, Shelf.bind(endpoint_url=server.url, credentials=CREDENTIALS):
        with Shelf.bind(table_name="made-here"):
            query, write = Book.query(book="a"), plan.save(Book(book="a"), Book.copies == 1)
        with Shelf.bind(table_name="sent-here"):
            assert [] == query.all()
            with pytest.raises(ConditionFailed):
                write.send()
    assert ["Query", "Query", "PutItem", "GetItem"] == [asked.operation for asked in server.asked]
    assert {"made-here"} == set().union(*[asked.tables for asked in server.asked])


def test_an_operation_of_several_steps_stays_where_it_began(two_tables):
    """A binding of the caller's function or of another thread does not change the place."""
    Book(book="a").create()
    book = Book.get(book="a")
    statements = []

    def function(fresh):
        statements.append(Shelf.bind(table_name="other"))
        fresh.copies += 1

    book.mutate(function)
    statements.pop().undo()
    book.move(book="b")
    shelf = Shelf.load_collection(Book, book="b")
    shelf.one(Book).copies = 7
    with Shelf.bind(table_name="other"):
        assert 1 == shelf.save()
        assert [] == Book.scan().all()
    assert [("b", 7)] == [(each.book, each.copies) for each in Book.scan()]


def test_held_settings_keep_the_place_of_an_engine():
    """No binding within the block changes the place."""
    with embedded(Shelf, create=False), held(Shelf), Shelf.bind(endpoint_url="http://127.0.0.1:9"):
        assert "the embedded engine" == Shelf.bound().place
        assert "http://127.0.0.1:9" != Shelf.bound().endpoint_url


def test_held_settings_stay_within_the_block(server):
    """A binding within the block replaces the held settings."""
    with held(Shelf) as settings:
        statement = Shelf.bind(table_name="statement")
        assert ("shelf", "shelf") == (settings.table_name, name())
        with Shelf.bind(table_name="block"):
            assert ("block", server.url) == (name(), Shelf.bound().endpoint_url)
        statement.undo()


def test_requests_of_two_places_are_not_sent_together(server):
    """The error names both places."""
    with Shelf.bind(table_name="tenant-a"):
        get, write = Book.item(book="a"), plan.create(Book(book="a"))
    both = f"for 'tenant-b' at {server.url} was given a request that was made for 'tenant-a' at {server.url}"
    with Shelf.bind(table_name="tenant-b"):
        with pytest.raises(InvalidTransactionError, match=f"A transaction {both}"):
            Shelf.transaction().add(write)
        with pytest.raises(InvalidTransactionError, match=f"A read transaction {both}"):
            Shelf.transact_get(get)
        with pytest.raises(InvalidBatchError, match=f"A batch {both}"):
            Shelf.batch_get([get])
        with pytest.raises(InvalidBatchError, match=f"A batch {both}"):
            Shelf.batch().get(get)
    with Shelf.bind(table_name="tenant-a", max_attempts=1):
        Shelf.batch_get([get])
    assert [{"tenant-a"}] == [asked.tables for asked in server.asked]


def test_a_batch_that_was_not_finished_goes_on_where_it_began(two_tables, monkeypatch):
    """A batch of another table does not resume it."""
    monkeypatch.setattr("singletable.requests.retry.time.sleep", lambda seconds: None)
    batch = Shelf.batch()
    batch.put(Book(book="a"))
    with inject(Shelf, Unprocessed(rate=1.0)), pytest.raises(BatchIncompleteError) as caught:
        batch.send()
    with Shelf.bind(table_name="other"), pytest.raises(InvalidBatchError, match="made for 'shelf'"):
        Shelf.batch().resume(caught.value)
    with Shelf.batch() as again:
        again.resume(caught.value)
    assert ["a"] == [each.book for each in Book.scan()]


def test_a_pickled_request_keeps_its_table(server):
    """A loaded request uses the credentials of its process, and the pickle holds no secret."""
    with Shelf.bind(table_name="made-here", credentials=("other", "secret", None)):
        text = pickle.dumps(Book.item(book="a").target.sender)
    assert b"secret" not in text
    with Shelf.bind(table_name="loaded-here"):
        sender = pickle.loads(text)
    assert ("made-here", server.url, CREDENTIALS) == (
        sender.table_name,
        sender.settings.endpoint_url,
        sender.settings.credentials,
    )
    with embedded(Shelf, create=False):
        text = pickle.dumps(Book.item(book="a").target.sender)
        assert "the embedded engine" == pickle.loads(text).settings.place
    with pytest.raises(EngineUnavailableError, match="'shelf' at the embedded engine was loaded in a process that has"):
        pickle.loads(text)


# --- connections --------------------------------------------------------------------------


def test_names_share_a_client_and_other_settings_have_their_own(server):
    """Two table names share a client; other attempts need another one."""
    clients = []
    for settings in ({"table_name": "one"}, {"table_name": "two"}, {"max_attempts": 1}, {"table_name": "one"}):
        with Shelf.bind(**settings):
            Book.item(book="a").one_or_none()
            clients.append(connection_of(Shelf).connection.client)
    assert [True, False, True] == [each is clients[0] for each in clients[1:]]
    assert 2 == len({asked.port for asked in server.asked})


def test_connections_are_bounded_and_closed_when_they_are_dropped(server):
    """A dropped connection closes after its requests; earlier senders get another one."""
    query = Book.query(book="a")
    oldest = connection_of(Shelf).connection
    oldest.client.close = lambda close=oldest.client.close: (closed.append(oldest._in_progress), close())
    closed = []
    with oldest._request():
        for number in range(MOST_CONNECTIONS):
            with Shelf.bind(max_attempts=5 + number):
                connection_of(Shelf)
        assert MOST_CONNECTIONS == len(Shelf._home._connections)
        assert [] == closed
    assert [0] == closed
    assert [] == query.all()
    assert connection_of(Shelf).connection is not oldest


def test_a_shared_client_outlives_a_connection_that_is_dropped(server):
    """A shared client is closed with the last table name that uses it."""
    with Shelf.bind(table_name="tenant-0"):
        client = connection_of(Shelf).connection.client
    closed = []
    client.close = lambda: closed.append(True)
    for number in range(1, 3 * MOST_CONNECTIONS):
        with Shelf.bind(table_name=f"tenant-{number}"):
            assert client is connection_of(Shelf).connection.client
    assert ([], MOST_CONNECTIONS) == (closed, len(Shelf._home._connections))


def test_the_connections_to_an_engine_end_with_it():
    """The engine's connections and tables do not outlive it."""
    with embedded(Shelf):
        connection_of(Shelf)
        assert any(each.place for each in Shelf._home._connections)
    assert not any(each.place for each in Shelf._home._connections)


def test_the_mark_of_a_handled_event_goes_where_its_transaction_goes(server):
    """Marks are written to the place of their transaction."""

    class Handling(Table):
        class Meta:
            table_name = "handling"
            region = "eu-west-1"

    class Event(Handling, discriminator="EVENT"):
        event = UnicodeAttribute()
        at = UTCDateTimeAttribute(default_for_new=utcnow)
        key = Key(pk="EVENT#{event}", sk="EVENT")
        expires_at = Expiry(after="at", days=1, attr_name="ttl")

    delivery = Delivery(Handling, Marks(Handling, 7), "event-1", "handler")
    with Handling.bind(endpoint_url=server.url, credentials=CREDENTIALS):
        with Handling.bind(table_name="made-here"):
            transaction = delivery.transaction()
        with Handling.bind(table_name="sent-here"):
            transaction.create(Event(event="a"))
            transaction.send()
            Marks(Handling, 7).write("event-2", "handler")
    assert [{"made-here"}, {"sent-here"}] == [asked.tables for asked in server.asked]
    assert 2 == len(server.asked[0].params["TransactItems"])
