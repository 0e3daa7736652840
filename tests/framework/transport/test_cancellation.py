"""Cancellation: an uncertain write is reported as such, and no connection is left with another request's answer."""

import asyncio
import sys
import threading

import pytest

from singletable.errors import is_uncertain
from tests.framework.app import Account, AppTable
from tests.framework.transport.faulty import BEHAVIORS, answer, faulty

KEYS = ("AKIDEXAMPLE", "secret", None)


@pytest.fixture
def server(monkeypatch):
    """A server whose behavior `late` waits until the test has cancelled the request."""
    with faulty() as running, AppTable.bind(endpoint_url=running.url, credentials=KEYS, max_connections=2):
        running.cancelled = threading.Event()
        late = answer(b"{}")
        monkeypatch.setitem(BEHAVIORS, "late", lambda each: running.cancelled.wait(5) and each.sendall(late))
        yield running
        running.cancelled.set()


async def cancelled(server, coroutine, asked=1):
    """Cancel a coroutine as soon as the server has its request, and return the error."""
    task = asyncio.ensure_future(coroutine)
    while len(server.asked) < asked:
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    server.cancelled.set()
    return caught.value


WRITES = {
    "create": lambda: Account(account_id="a").acreate(),
    "save": lambda: Account(account_id="a").asave(),
    "update": lambda: Account(account_id="a").aupdate(visits=1),
    "delete": lambda: Account(account_id="a").adelete(),
    "transaction": lambda: _transaction(),
    "batch": lambda: _batch(),
}


async def _transaction():
    async with AppTable.transaction() as transaction:
        transaction.create(Account(account_id="a"))


async def _batch():
    async with AppTable.batch(workers=2) as batch:
        batch.put(*[Account(account_id=str(number)) for number in range(60)])


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_write_that_was_sent(server, write):
    """The cancellation says that the write may have been applied; nothing else is sent."""
    server.script[:] = ["late", "late"]
    requests = 2 if write is WRITES["batch"] else 1

    async def main():
        error = await cancelled(server, write(), requests)
        assert error.uncertain
        assert is_uncertain(error)
        if sys.version_info >= (3, 11):
            assert any("may have been" in note for note in error.__notes__)
        assert type(error) is asyncio.CancelledError
        await asyncio.sleep(0.05)

    asyncio.run(main())
    assert ["late"] * requests == server.asked


def test_a_read(server):
    """A read changes nothing."""
    server.script[:] = ["late"]

    async def main():
        error = await cancelled(server, Account.item(account_id="a").aone_or_none())
        assert not is_uncertain(error)

    asyncio.run(main())


def test_a_write_that_was_not_sent(server):
    """It waits for a connection, which other requests use."""
    server.script[:] = ["late", "late"]

    async def main():
        others = [asyncio.ensure_future(Account.item(account_id=each).aone_or_none()) for each in "ab"]
        while len(server.asked) < 2:
            await asyncio.sleep(0.001)
        waiting = asyncio.ensure_future(Account(account_id="c").acreate())
        await asyncio.sleep(0.02)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await waiting
        assert not is_uncertain(caught.value)
        server.cancelled.set()
        await asyncio.gather(*others)

    asyncio.run(main())
    assert ["late", "late"] == server.asked


def test_a_time_out(server):
    """asyncio's time-outs cancel the task; their error was caused by the cancellation."""
    server.script[:] = ["late", "late"]

    async def main():
        with pytest.raises(asyncio.TimeoutError) as caught:
            await asyncio.wait_for(Account(account_id="a").acreate(), 0.1)
        assert is_uncertain(caught.value)
        if sys.version_info >= (3, 11):
            with pytest.raises(TimeoutError) as caught:
                async with asyncio.timeout(0.1):
                    await Account(account_id="a").acreate()
            assert is_uncertain(caught.value)

    asyncio.run(main())


def test_the_next_request_is_not_disturbed(server):
    """The late answer of the cancelled request reaches nobody."""
    server.script[:] = ["late"]

    async def main():
        await cancelled(server, Account(account_id="a").acreate())
        with pytest.raises(Exception, match="no entity type"):
            await Account.aget(account_id="a")

    asyncio.run(main())
    assert ["late", "good"] == server.asked
