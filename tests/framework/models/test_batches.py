"""Batches: mixed, folded, sent again, given up with exactly the remaining operations; any number of items."""

import itertools

import pytest
from botocore.exceptions import ClientError

from singletable.errors import (
    BatchIncompleteError,
    InvalidBatchError,
    InvalidValueError,
    RequestFailedError,
    TableMissingError,
)
from singletable.requests import retry
from singletable.testing.faults import Fault, Rival, Throttling, Unprocessed, inject
from tests.framework.app import Account
from tests.framework.ledger import Doc, LedgerTable, Task, numbers, task

pytestmark = pytest.mark.usefixtures("ledger")


def test_a_batch_of_mixed_entities():
    """Puts and deletes take few requests; gets return items in the requested order."""
    task(1).create()
    with inject(LedgerTable) as injected, LedgerTable.batch() as batch:
        batch.put(*(task(number) for number in range(2, 40)))
        batch.delete(task(1))
    assert ["BatchWriteItem", "BatchWriteItem"] == injected.calls
    assert list(range(2, 40)) == numbers()
    Doc(ident="1").create()
    with LedgerTable.batch() as batch:
        batch.get(*(Task.item(project="p", number=number) for number in (5, 1, 3)), Doc.item(ident="1"))
    assert [5, None, 3] == [found and found.number for found in batch.items[:3]]
    assert "1" == batch.items[3].ident
    assert 39 == len([*LedgerTable.batch_get([Task.item(project="p", number=n) for n in range(2, 41)], workers=3)])


def test_nothing_is_sent_if_the_block_raises():
    """PynamoDB would commit the batch; an entity that cannot be stored is refused at its own line."""
    for begin in (LedgerTable.batch, Task.batch_write, LedgerTable.transaction):
        with inject(LedgerTable) as injected, pytest.raises(ZeroDivisionError), begin() as together:
            for number in range(60):
                together.save(task(number))
            raise ZeroDivisionError
        assert [] == injected.calls
    assert [] == numbers()


def test_a_batch_takes_nothing_after_its_block():
    """The operation would never be sent."""
    with LedgerTable.batch() as batch:
        batch.put(task(1))
    given = iter([task(2)])
    for late in (
        lambda: batch.put(task(2)),
        lambda: batch.delete(task(1)),
        lambda: batch.put_all(given),
        lambda: batch.get(Task.item(project="p", number=1)),
    ):
        with pytest.raises(InvalidBatchError, match="The batch's block has ended"):
            late()
    assert [1] == numbers()


def test_the_last_write_of_one_item_wins_and_the_others_are_counted():
    """The result is that of sending them one after another, also across requests and with several workers."""
    for workers in (1, 4):
        with LedgerTable.batch(workers=workers) as batch:
            batch.put(task(1, title="a"), task(2))
            batch.delete(task(2))
            batch.put_all(task(number % 30, title=str(number)) for number in range(90))
        assert 0 < batch.folded
        assert [str(60 + number) for number in range(30)] == [each.title for each in Task.query(project="p")]


def test_what_is_left_undone_is_sent_again_until_it_is_done():
    """Unprocessed items are sent again after a growing pause with jitter, and so is a throttled request."""
    with inject(LedgerTable, Unprocessed(rate=0.6), seed=3) as injected, LedgerTable.batch() as batch:
        batch.put(*(task(number) for number in range(50)))
    assert 2 < len(injected.calls)
    assert list(range(50)) == numbers()
    with inject(LedgerTable, Throttling(calls={1, 2})), LedgerTable.batch() as batch:
        batch.delete(*(task(number) for number in range(25)))
    assert list(range(25, 50)) == numbers()


def test_the_pause_grows_up_to_a_bound_with_full_jitter(monkeypatch):
    """The pause is random, from 0 to a maximum that doubles up to a limit."""
    asked = []
    monkeypatch.setattr(retry.random, "uniform", lambda low, high: asked.append((low, high)) or 0)
    for attempt in range(9):
        retry.Retry(first=0.1, longest=5.0).pause(attempt)
    assert [(0, min(5.0, 0.1 * 2**n)) for n in range(8)] == asked
    retry.CONTENTION.pause(10_000)


def test_a_batch_gives_up_with_exactly_what_was_not_done():
    """The error has the given entities, and the rest of an iterable can still be read."""
    entities = [task(number) for number in range(60)]
    with (
        inject(LedgerTable, Unprocessed(rate=1.0)),
        pytest.raises(BatchIncompleteError, match="25 items were left unprocessed after 10 attempts") as caught,
        LedgerTable.batch() as batch,
    ):
        batch.put_all(iter(entities))
    assert entities[:25] == list(caught.value.unprocessed)
    assert entities[25:] == list(caught.value.rest)
    assert [] == numbers()
    with inject(LedgerTable, Unprocessed(rate=1.0)), pytest.raises(BatchIncompleteError) as reading:
        Task.batch_get([{"project": "p", "number": 1}])
    assert 1 == reading.value.unprocessed[0].equals["number"]


def test_another_batch_takes_up_what_was_not_done():
    """Another batch can write the remaining puts and deletes and the rest of the iterable."""
    task(0).create()
    with (
        inject(LedgerTable, Unprocessed(rate=1.0)),
        pytest.raises(BatchIncompleteError) as caught,
        LedgerTable.batch() as batch,
    ):
        batch.delete(task(0))
        batch.put_all(task(number) for number in range(1, 60))
    assert ("delete", "put", "put") == caught.value.verbs[:3]
    with LedgerTable.batch() as batch:
        batch.resume(caught.value)
    assert list(range(1, 60)) == numbers()


@pytest.mark.parametrize("workers", [1, 3])
def test_a_request_that_fails_ends_the_batch_with_what_was_not_done(workers):
    """The writes of the failed request are uncertain; those of other requests are known."""

    class Fails(Fault):
        def befall(self, send, operation, params, dice):
            raise ClientError({"Error": {"Code": "InternalServerError", "Message": "Injected."}}, operation)

    with (
        inject(LedgerTable, Fails(calls={2})),
        pytest.raises(BatchIncompleteError, match="when a request failed: .*InternalServerError.*Injected") as caught,
        LedgerTable.batch(workers=workers) as batch,
    ):
        batch.put(*(task(number) for number in range(100)))
    left = [each.number for each in (*caught.value.unprocessed, *caught.value.rest)]
    assert sorted([*numbers(), *left]) == list(range(100))
    assert len(caught.value.unprocessed) == 25
    assert isinstance(caught.value.__cause__, RequestFailedError)


def test_a_read_that_fails_says_why_and_is_not_taken_up():
    """A failed read loses nothing, so it cannot be resumed."""
    asked = [Task.item(project="p", number=1)]
    with LedgerTable.bind(table_name="missing"), pytest.raises(TableMissingError):
        LedgerTable.batch_get([Task.item(project="p", number=1)])
    with inject(LedgerTable, Unprocessed(rate=1.0)), pytest.raises(BatchIncompleteError) as caught:
        LedgerTable.batch_get(asked)
    assert (("get",), 1) == (caught.value.verbs, len(caught.value.unprocessed))
    with pytest.raises(InvalidBatchError, match="cannot resume reads. Read the items of error.unprocessed again"):
        LedgerTable.batch().resume(caught.value)


@pytest.mark.parametrize("workers", [1, 3])
def test_an_iterable_that_raises_has_what_it_gave_before_written(workers):
    """The iterable's error is raised; a refused value is also an error of the iterable."""

    def broken():
        yield from (task(number) for number in range(30))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), LedgerTable.batch(workers=workers) as batch:
        batch.put_all(broken())
    assert list(range(30)) == numbers()
    with pytest.raises(InvalidValueError), LedgerTable.batch(workers=workers) as batch:
        batch.put_all([task(40), task(41, points="x"), task(42)])
    assert [*range(30), 40] == numbers()


def test_a_rival_may_use_threads():
    """The calls of a rival get no faults, in any thread."""

    def rival():
        with LedgerTable.batch(workers=3) as batch:
            batch.put(*(task(number) for number in range(60)))

    with inject(LedgerTable, Rival(rival)) as injected:
        task(99).create()
    assert ["PutItem"] == injected.calls
    assert [*range(60), 99] == numbers()


def test_a_hundred_thousand_items_in_constant_memory():
    """An iterable is read while it is sent, at most a few requests ahead."""
    ahead, sent = [], [0]

    def answer(send, operation, params):
        sent[0] += len(params["RequestItems"]["ledger"])
        return {"UnprocessedItems": {}}
        yield

    def entities():
        for number in range(100_000):
            ahead.append(number + 1 - sent[0])
            yield made

    made = task(1)
    connection = LedgerTable._get_connection().connection
    connection.around = (answer,)
    batch = LedgerTable.batch()
    keys = itertools.count()
    batch._put = lambda entity: _numbered(entity, next(keys))
    batch.put_all(entities())
    batch.send()
    connection.around = ()
    assert 100_000 == sent[0]
    assert 2 * 25 + 1 >= max(ahead)


def _numbered(entity, number):
    from singletable.requests.batch_requests import BatchOperation

    item = {"PK": {"S": "P"}, "SK": {"S": str(number)}}
    return BatchOperation(("P", str(number)), {"PutRequest": {"Item": item}}, entity)


def test_versions_and_foreigners_are_refused_in_batches():
    """DynamoDB does not check conditions in a batch."""
    with pytest.raises(
        InvalidBatchError, match=r"a version, but DynamoDB does not check conditions in a batch. Use save\(\)"
    ):
        LedgerTable.batch().put(Doc(ident="1"))
    with pytest.raises(InvalidBatchError, match=r"Account\(account_id='a1'\) is not an entity of LedgerTable"):
        LedgerTable.batch().put(Account(account_id="a1"))
    with pytest.raises(InvalidBatchError, match="A batch gets items by primary key, not by a Query"):
        LedgerTable.batch().get(Task.query(project="p"))
    with pytest.raises(InvalidBatchError, match="would refuse a 26th item"):
        Task.batch_write(auto_commit=False)
    assert [1] == list(LedgerTable.put_all([Doc(ident="1")]))
    assert 1 < Doc.get(ident="1").version, "a random first version"


def test_after_a_batch_an_instance_knows_what_is_stored():
    """An update after the batch is not a conflict."""
    made = task(1, points=3)
    with Task.batch_write() as batch:
        batch.save(made)
    with inject(LedgerTable) as injected:
        made.update(actions=[Task.points.add(1)])
    assert (["UpdateItem"], 4) == (injected.calls, made.points)
