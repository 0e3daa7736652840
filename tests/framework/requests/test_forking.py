"""Forking: a child never uses a connection or a lock of its parent."""

import gc
import multiprocessing
import os
import signal
import threading
import weakref
from concurrent.futures import ProcessPoolExecutor

import pytest

from singletable.engine import embedded, servers
from singletable.engine.embedded import _moto_lock
from singletable.models import observe
from singletable.models.binding import observation
from singletable.models.binding.binding import connection_of
from singletable.requests import connection, sessions
from singletable.streams.client import StreamsClient
from tests.framework.canned import CREDENTIALS, canned
from tests.framework.forked import Child, Preloaded, Secret, answer, ask, ask_at

# Python 3.12 warns about each fork with threads, which these tests need.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")

WORKERS = 8
ROUNDS = 25 if os.environ.get("HYPOTHESIS_PROFILE") == "deep" else 8


@pytest.fixture
def server():
    with canned(answer) as found:
        statement = Preloaded.bind(endpoint_url=found.url, credentials=CREDENTIALS, max_attempts=1, read_timeout=10)
        yield found
        statement.undo()


def test_workers_get_their_own_answers(server):
    """Each worker gets its own answers, although the parent used the connection before and still uses it.

    `make test-deep` has 200 workers.
    """
    stop = threading.Event()

    def busy():
        while not stop.wait(0.005):
            assert "of parent" == ask("parent")

    thread = threading.Thread(target=busy)
    thread.start()
    wrong = []
    try:
        for number in range(ROUNDS):
            ask("parent")
            owners = [f"worker-{number}-{each}" for each in range(WORKERS)]
            children = [Child(ask, owner) for owner in owners]
            found = [child.answer() for child in children]
            wrong += [each for each, owner in zip(found, owners, strict=True) if each != f"of {owner}"]
            assert "of parent" == ask("parent")
    finally:
        stop.set()
        thread.join()
    assert [] == wrong


def test_the_parents_connection_outlives_its_children(server):
    """Children neither close the parent's socket nor send through it."""
    ask("parent")
    ports = {asked.port for asked in server.asked}
    assert "of child" == Child(ask, "child").answer()
    ask("parent")
    assert 1 == len(ports)
    assert [ports, ports] == [{server.asked[0].port}, {server.asked[-1].port}]
    assert server.asked[1].port not in ports


def test_what_was_made_before_the_fork_is_sent_through_a_new_connection(server):
    """Requests and senders from before the fork use a new connection in the child."""
    ask("parent")
    held, get = connection_of(Preloaded), Secret.item(owner="child")
    before = held.connection.client

    def child():
        assert held.connection.client is not before
        params = {"TableName": "preloaded", "Key": {"PK": {"S": "SECRET#child"}, "SK": {"S": "SECRET"}}}
        return get.one().text, held.connection.dispatch("GetItem", params)["Item"]["text"]["S"]

    assert str(("of child", "of child")) == Child(child).answer()
    parent, *children = [asked.port for asked in server.asked]
    assert parent not in children


def test_a_client_of_the_streams_is_made_anew(server):
    """A stream reader from before the fork works in the child."""
    client = StreamsClient(Preloaded)
    before = client._client

    def child():
        client._client = client._client or client._make_client()
        return client._client is before

    assert "False" == Child(child).answer()


def test_a_time_out_of_its_own_has_its_own_connection(server):
    """A connection for a single operation's time-out is created again in the child."""
    with Preloaded.bind(timeouts={"GetItem": 5}):
        ask("parent")
        assert "of child" == Child(ask, "child").answer()
    assert 2 == len({asked.port for asked in server.asked})


@pytest.mark.parametrize("what", ["clients", "home", "embedded", "observers", "servers"])
def test_a_lock_that_another_thread_holds_is_free_in_the_child(server, what):
    """The thread does not exist in the child, so it could never release the lock."""
    ask("parent")
    holding = {
        "clients": sessions.creating(),
        "home": Preloaded._home.lock,
        "embedded": _moto_lock,
        "observers": observation._lock,
        "servers": servers._shared_lock,
    }[what]
    held, release = threading.Event(), threading.Event()

    def hold():
        with holding:
            held.set()
            release.wait(30)

    def child():
        with servers._shared_lock, embedded(Preloaded), observe(Preloaded, lambda sent: None):
            Secret(owner="child", text="embedded").create()
            found = ask("child")
        return found, ask("child")

    thread = threading.Thread(target=hold, daemon=True)
    thread.start()
    held.wait(5)
    # The alarm ends a child that waits for the lock, so that it returns nothing.
    found = Child(_within_seconds, 20, child).answer()
    release.set()
    thread.join()
    assert str(("embedded", "of child")) == found


def _within_seconds(seconds, function):
    signal.alarm(seconds)
    return function()


def test_the_embedded_table_is_copied(server):
    """A child's writes to the embedded table stay in the child."""
    with embedded(Preloaded):
        Secret(owner="parent", text="parent's").create()

        def child():
            Secret(owner="parent", text="child's").save()
            return ask("parent")

        assert "child's" == Child(child).answer()
        assert "parent's" == ask("parent")


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_every_start_method(server, method):
    """The workers of a process pool read their own keys with fork, spawn and forkserver."""
    ask("parent")
    owners = [f"{method}-{number}" for number in range(8)]
    with ProcessPoolExecutor(2, multiprocessing.get_context(method)) as pool:
        found = list(pool.map(ask_at, [server.url] * len(owners), owners))
    assert [f"of {owner}" for owner in owners] == found
    assert "of parent" == ask("parent")


def test_connections_do_not_keep_one_another_alive():
    """The list of objects to renew keeps none of them alive."""
    with canned(answer) as server, Preloaded.bind(endpoint_url=server.url, credentials=CREDENTIALS, max_attempts=3):
        ask("parent")
        made = weakref.ref(connection_of(Preloaded).connection)
    assert isinstance(made(), connection._Connection)
    Preloaded._home.renew()
    gc.collect()
    assert made() is None
