"""Batches, transactions, moves, mutations and collections: what is written together, and what if it cannot be."""

import itertools
from datetime import timedelta

import pytest
from pynamodb.exceptions import TransactWriteError
from pynamodb.transactions import TransactWrite

from singletable import measure
from singletable.engine import embedded
from singletable.errors import (
    AlreadyExists,
    BatchIncomplete,
    ConcurrentUpdateError,
    ConditionFailed,
    InvalidBatchError,
    InvalidTransactionError,
    KeyChangeError,
    TransactionCancelled,
)
from singletable.models.targets import stored_item
from singletable.requests import retries
from singletable.testing.faults import Crash, InjectedCrash, LostResponse, Rival, Throttling, Unprocessed, inject
from singletable.testing.invariants import check_fresh
from tests.framework.app import Account, AppTable, event
from tests.framework.ledger import MOMENT, Doc, LedgerTable, State, Task, task


@pytest.fixture(autouse=True)
def table(monkeypatch):
    """A fresh table without pauses; in the end every item of it is fresh, too."""
    monkeypatch.setattr(retries.time, "sleep", lambda seconds: None)
    with embedded(LedgerTable) as bound:
        yield bound
        check_fresh(bound)


def numbers():
    """The numbers of the tasks that are stored."""
    return [each.number for each in Task.query(project="p")]


# --- batches --------------------------------------------------------------------------


def test_a_batch_of_mixed_entities():
    """Puts and deletes in few requests; gets in the order asked."""
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
    """PynamoDB commits all the same; and what cannot be stored is told at its own line."""
    for begin in (LedgerTable.batch, Task.batch_write, LedgerTable.transaction):
        with inject(LedgerTable) as injected, pytest.raises(ZeroDivisionError), begin() as together:
            for number in range(60):
                together.save(task(number))
            raise ZeroDivisionError
        assert [] == injected.calls
    assert [] == numbers()


def test_the_last_write_of_one_item_wins_and_the_others_are_counted():
    """As if they had been sent one after another; also across requests, and with several workers."""
    for workers in (1, 4):
        with LedgerTable.batch(workers=workers) as batch:
            batch.put(task(1, title="a"), task(2))
            batch.delete(task(2))
            batch.put_all(task(number % 30, title=str(number)) for number in range(90))
        assert 0 < batch.folded
        assert [str(60 + number) for number in range(30)] == [each.title for each in Task.query(project="p")]


def test_what_is_left_undone_is_sent_again_until_it_is_done():
    """With a pause that grows, and jitter; the same for a request that is throttled as a whole."""
    with inject(LedgerTable, Unprocessed(rate=0.6), seed=3) as injected, LedgerTable.batch() as batch:
        batch.put(*(task(number) for number in range(50)))
    assert 2 < len(injected.calls)
    assert list(range(50)) == numbers()
    with inject(LedgerTable, Throttling(calls={1, 2})), LedgerTable.batch() as batch:
        batch.delete(*(task(number) for number in range(25)))
    assert list(range(25, 50)) == numbers()


def test_the_pause_grows_up_to_a_bound_with_full_jitter(monkeypatch):
    """Exponential backoff: anywhere between nothing and a longest pause that doubles."""
    asked = []
    monkeypatch.setattr(retries.random, "uniform", lambda low, high: asked.append((low, high)) or 0)
    for attempt in range(9):
        retries.pause(attempt, 0.1, 5.0)
    assert [(0, min(5.0, 0.1 * 2**n)) for n in range(8)] == asked
    retries.pause(10_000)


def test_a_batch_gives_up_with_exactly_what_was_not_done():
    """Entities as they were given; and what was never taken from an iterable is still there to be taken."""
    entities = [task(number) for number in range(60)]
    with (
        inject(LedgerTable, Unprocessed(rate=1.0)),
        pytest.raises(BatchIncomplete, match="left 25 items unprocessed after 10 attempts") as caught,
        LedgerTable.batch() as batch,
    ):
        batch.put_all(iter(entities))
    assert entities[:25] == list(caught.value.unprocessed)
    assert entities[25:] == list(caught.value.rest)
    assert [] == numbers()
    with inject(LedgerTable, Unprocessed(rate=1.0)), pytest.raises(BatchIncomplete) as reading:
        Task.batch_get([{"project": "p", "number": 1}])
    assert 1 == reading.value.unprocessed[0].equals["number"]


def test_a_hundred_thousand_items_in_constant_memory():
    """An iterable is taken as it is sent: never more than a few requests ahead."""
    ahead, sent = [], [0]

    def answer(send, operation, params):
        sent[0] += len(params["RequestItems"]["ledger"])
        return {"UnprocessedItems": {}}

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
    from singletable.requests.batch import Operation

    item = {"PK": {"S": "P"}, "SK": {"S": str(number)}}
    return Operation(("P", str(number)), {"PutRequest": {"Item": item}}, entity)


def test_versions_and_foreigners_are_refused_in_batches():
    """DynamoDB checks nothing in a batch."""
    with pytest.raises(InvalidBatchError, match=r"has a version, and DynamoDB checks nothing in a batch. Use save\(\)"):
        LedgerTable.batch().put(Doc(ident="1"))
    with pytest.raises(InvalidBatchError, match=r"Account\(account_id='a1'\) is no entity of LedgerTable"):
        LedgerTable.batch().put(Account(account_id="a1"))
    with pytest.raises(InvalidBatchError, match="A batch gets items by primary key, not by a Query"):
        LedgerTable.batch().get(Task.query(project="p"))
    with pytest.raises(InvalidBatchError, match="would refuse a 26th item"):
        Task.batch_write(auto_commit=False)
    assert [1] == list(LedgerTable.load_all([Doc(ident="1")]))
    assert 1 == Doc.get(ident="1").version


def test_after_a_batch_an_instance_knows_what_is_stored():
    """An update behind it is no conflict."""
    made = task(1, points=3)
    with Task.batch_write() as batch:
        batch.save(made)
    with inject(LedgerTable) as injected:
        made.update(actions=[Task.points.add(1)])
    assert (["UpdateItem"], 4) == (injected.calls, made.points)


# --- transactions ---------------------------------------------------------------------


def test_a_transaction_of_everything():
    """All or nothing, in one request; the instances are then what is stored."""
    kept, gone, counted = task(1, points=1), task(2), task(3, points=5)
    for each in (kept, gone, counted):
        each.create()
    doc = Doc(ident="1", text="a")
    with inject(LedgerTable) as injected, LedgerTable.transaction() as transaction:
        transaction.create(doc)
        transaction.put(task(4))
        transaction.update(counted, actions=[Task.points.add(1)], condition=Task.points == 5)
        transaction.update(kept, title="t")
        transaction.delete(gone)
    assert ["TransactWriteItems"] == injected.calls
    assert [1, 3, 4] == numbers()
    assert (6, "t", 1) == (counted.points, kept.title, doc.version)
    counted.update(actions=[Task.points.add(1)])
    doc.update(text="b")
    assert (7, 2) == (Task.get(project="p", number=3).points, Doc.get(ident="1").version)


def test_a_cancelled_transaction_says_why_in_the_callers_order():
    """Each reason with its entity and the one that stood in the way."""
    task(1, title="there").create()
    task(2, points=3).create()
    with pytest.raises(TransactionCancelled, match="create of Task.*exists already.*check of Task") as caught:
        with LedgerTable.transaction() as transaction:
            transaction.put(task(7))
            transaction.create(task(1))
            transaction.delete(task(8))
            transaction.check(task(2), Task.points > 5)
    reasons = caught.value.reasons
    assert [None, "ConditionalCheckFailed", None, "ConditionalCheckFailed"] == [each.code for each in reasons]
    assert ["save", "create", "delete", "check"] == [each.verb for each in reasons]
    assert [7, 1, 8, 2] == [each.entity.number for each in reasons]
    assert isinstance(reasons[1].error, AlreadyExists)
    assert isinstance(reasons[3].error, ConditionFailed)
    assert ("there", 3) == (reasons[1].standing.title, reasons[3].standing.points)
    assert isinstance(caught.value, TransactWriteError)
    assert [1, 2] == numbers()


def test_keys_are_derived_anew_within_a_transaction():
    """A stale instance is no reason to cancel it."""
    stale = task(1, title="t")
    stale.create()
    Task.get(project="p", number=1).update(state=State.DONE)
    with LedgerTable.transaction() as transaction:
        transaction.update(stale, title="u")
        transaction.create(task(2))
    assert "GSI2PK" not in stored_item(stale)
    assert "u" == Task.get(project="p", number=1).title


def test_a_stale_key_is_not_blamed_for_what_another_operation_refuses():
    """It would have been derived anew; the reasons have only what would have been refused for good."""
    stale = task(1, title="t")
    stale.create()
    task(2).create()
    Task.get(project="p", number=1).update(state=State.DONE)
    with pytest.raises(TransactionCancelled) as caught:
        with LedgerTable.transaction() as transaction:
            transaction.update(stale, title="u")
            transaction.create(task(2))
    assert [None, "ConditionalCheckFailed"] == [each.code for each in caught.value.reasons]
    assert [False, True] == [each.error is not None for each in caught.value.reasons]
    assert "t" == Task.get(project="p", number=1).title


def test_transactions_that_dynamodb_would_refuse():
    """Over 100 operations, over 4 MB, one item twice, a bad token: said before sending."""
    with inject(LedgerTable) as injected:
        with (
            pytest.raises(InvalidTransactionError, match="has 101 operations; DynamoDB takes 100"),
            LedgerTable.transaction() as transaction,
        ):
            transaction.create(*(task(number) for number in range(101)))
        with (
            pytest.raises(InvalidTransactionError, match=r"come to 4,[\d,]+ bytes; DynamoDB takes 4,194,304"),
            LedgerTable.transaction() as transaction,
        ):
            transaction.create(*(task(number, notes=["x" * 400_000]) for number in range(11)))
        with (
            pytest.raises(InvalidTransactionError, match="two operations on Task.*: a create and a delete"),
            LedgerTable.transaction() as transaction,
        ):
            transaction.create(task(1))
            transaction.delete(task(1))
        with (
            pytest.raises(InvalidTransactionError, match="is not a text of 1 to 36"),
            LedgerTable.transaction(token="x" * 37) as transaction,
        ):
            transaction.create(task(1))
        with LedgerTable.transaction():
            pass
        assert [] == LedgerTable.transact_get()
    assert [] == injected.calls


def test_a_transaction_is_done_once_although_its_answer_was_lost():
    """The client request token tells the engine."""
    made = task(1, likes=1)
    made.create()
    with inject(LedgerTable, LostResponse()), LedgerTable.transaction() as transaction:
        transaction.update(made, actions=[Task.likes.add(1)])
        transaction.create(task(2))
    assert (2, [1, 2]) == (Task.get(project="p", number=1).likes, numbers())


def test_reads_of_one_moment():
    """In the order asked; None for what is not there; one item twice is refused."""
    task(1).create()
    Doc(ident="1").create()
    asked = [Doc.item(ident="1"), Task.item(project="p", number=9), Task.item(project="p", number=1)]
    with inject(LedgerTable) as injected:
        found = LedgerTable.transact_get(*asked)
    assert ["TransactGetItems"] == injected.calls
    assert ["Doc", "NoneType", "Task"] == [type(each).__name__ for each in found]
    with pytest.raises(InvalidTransactionError, match="asks for one item twice"):
        LedgerTable.transact_get(asked[0], asked[0])


def test_pynamodbs_transaction_keeps_the_promise():
    """Keys, times and versions follow, and the instances know what is stored."""
    made, doc = task(1, title="t", points=1), Doc(ident="1")
    made.create()
    doc.create()
    with TransactWrite(connection=LedgerTable._get_connection().connection) as transaction:
        transaction.update(made, actions=[Task.points.add(1), Task.state.set(State.DONE)])
        transaction.update(doc, actions=[Doc.text.set("x")])
        transaction.save(task(2))
    assert (2, "000002#0001") == (made.points, stored_item(made)["GSI1SK"]["S"])
    assert "GSI2PK" not in stored_item(made)
    assert 2 == doc.version == Doc.get(ident="1").version
    with inject(LedgerTable) as injected:
        made.update(actions=[Task.points.add(1)])
        doc.update(text="y")
    assert ["UpdateItem", "UpdateItem"] == injected.calls


# --- move and mutate ------------------------------------------------------------------


def test_a_move_takes_everything_along():
    """Under the new key, with its keys and what the model does not know; nothing is left behind."""
    made = task(1, title="t", points=3)
    made.create()
    made.extra_attributes["legacy"] = {"S": "kept"}
    made.save()
    made.move(number=2, project="q", points=4)
    assert [] == numbers()
    found = Task.get(project="q", number=2)
    assert ("t", 4, {"S": "kept"}) == (found.title, found.points, found.extra_attributes["legacy"])
    assert ("q", 2) == (made.project, made.number)
    made.update(title="u")
    assert "ACTIVE#q" == stored_item(made)["GSI2PK"]["S"]


def test_a_move_neither_overwrites_nor_loses():
    """A taken place, a rival's update, an item that is gone, a key that stays."""
    made = task(1)
    made.create()
    task(2).create()
    with pytest.raises(AlreadyExists, match="number=2.* exists already"):
        made.move(number=2)
    assert [1, 2] == numbers()
    rival = Task.get(project="p", number=1)
    with inject(LedgerTable, Rival(lambda: rival.update(likes=9), calls={1}, operations=["TransactWriteItems"])):
        made.move(number=3)
    assert 9 == Task.get(project="p", number=3).likes
    with pytest.raises(KeyChangeError, match=r"move\(number\) would leave its primary key what it is. Use update"):
        made.move(number=3)
    with pytest.raises(Task.DoesNotExist):
        rival.move(number=5)


def test_a_mutation_is_tried_again_on_what_is_stored():
    """No rival's change is lost; what the function returns comes back; nothing is written for nothing."""
    made, rival = task(1, points=1, title="t"), None
    made.create()
    rival = Task.get(project="p", number=1)

    def double(each):
        each.points *= 2
        return each.points

    with inject(LedgerTable, Rival(lambda: rival.update(points=10), calls={1}, operations=["UpdateItem"])):
        assert 20 == made.mutate(double)
    assert 20 == made.points == Task.get(project="p", number=1).points
    with inject(LedgerTable) as injected:
        made.mutate(lambda each: None)
    assert ["GetItem"] == injected.calls
    with pytest.raises(KeyChangeError):
        made.mutate(lambda each: setattr(each, "number", 7))
    with pytest.raises(ConcurrentUpdateError, match="at each of"):
        with inject(LedgerTable, Rival(lambda: rival.update(actions=[Task.likes.add(1)]), operations=["UpdateItem"])):
            made.mutate(double)


def test_a_mutation_writes_what_it_changes_of_attributes_that_the_model_does_not_know():
    """Nothing that the function did to the instance is dropped; a rival's change of such an attribute is seen."""
    made = task(1)
    made.extra_attributes = {"old": {"S": "o"}, "list": {"L": [{"S": "a"}]}, "kept": {"N": "1"}}
    made.create()

    def change(each):
        each.title = "t"
        del each.extra_attributes["old"]
        each.extra_attributes["list"]["L"].append({"S": "b"})
        each.extra_attributes["new"] = {"BOOL": True}

    def rival():
        other = Task.get(project="p", number=1)
        other.extra_attributes["kept"] = {"N": "2"}
        other.save()

    with inject(LedgerTable, Rival(rival, calls={1}, operations=["UpdateItem"])):
        made.mutate(change)
    found = Task.get(project="p", number=1)
    expected = {"list": {"L": [{"S": "a"}, {"S": "b"}]}, "kept": {"N": "2"}, "new": {"BOOL": True}}
    assert "t" == found.title == made.title
    assert expected == found.extra_attributes == made.extra_attributes


# --- versions, times, crashes ---------------------------------------------------------


def test_a_version_is_checked_on_every_path():
    """Save, update, delete, transactions, mutate and move."""
    Doc(ident="1").create()
    stale, other = Doc.get(ident="1"), Doc.get(ident="1")
    other.save()
    assert 2 == other.version

    def transact(verb, **values):
        with LedgerTable.transaction() as transaction:
            getattr(transaction, verb)(stale, **values)

    for write in (stale.save, stale.delete, lambda: stale.update(text="x")):
        with pytest.raises(ConcurrentUpdateError, match="its version is another now"):
            write()
    for verb, values in (("put", {}), ("delete", {}), ("update", {"text": "x"})):
        with pytest.raises(TransactionCancelled) as caught:
            transact(verb, **values)
        assert isinstance(caught.value.reasons[0].error, ConcurrentUpdateError)
    assert 1 == stale.version, "what failed is not counted"
    stale.mutate(lambda each: setattr(each, "text", "z"))
    assert (3, "z") == (stale.version, stale.text)
    stale.save(add_version_condition=False)
    stale.move(ident="2")
    assert 1 == Doc.get(ident="2").version


def test_a_create_or_save_whose_answer_was_lost_is_found_to_be_done():
    """What is stored is what was sent; a rival's item is not taken for it."""
    doc = Doc(ident="1")
    with inject(LedgerTable, LostResponse(operations=["PutItem"])):
        doc.create()
        doc.text = "x"
        doc.save()
    assert (2, "x") == (doc.version, Doc.get(ident="1").text)
    with inject(LedgerTable, LostResponse(operations=["PutItem"])), pytest.raises(AlreadyExists):
        Doc(ident="1").create()
    with inject(LedgerTable, LostResponse(operations=["DeleteItem"])):
        doc.delete()
    assert [] == LedgerTable.scan().all()


def test_times_are_set_on_every_path(monkeypatch):
    """created_at once, updated_at by every write."""
    later = MOMENT + timedelta(days=900)
    made = task(1)
    made.create()
    born = made.created_at
    monkeypatch.setattr("singletable.models.stored.utcnow", lambda: later)
    made.save()
    with LedgerTable.batch() as batch:
        batch.put(batched := task(2))
    with LedgerTable.transaction() as transaction:
        transaction.create(transacted := task(3))
    with TransactWrite(connection=LedgerTable._get_connection().connection) as foreign:
        foreign.save(pynamo := task(4))
    for each in (made, batched, transacted, pynamo):
        stored = Task.get(project="p", number=each.number)
        assert later == each.updated_at == stored.updated_at
    assert born == Task.get(project="p", number=1).created_at


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_leaves_all_of_a_transaction_or_nothing(after):
    """Whether before or after it was done; and no key is stale."""
    made = task(1)
    made.create()
    with inject(LedgerTable, Crash(after=after)), pytest.raises(InjectedCrash):
        with LedgerTable.transaction() as transaction:
            transaction.create(task(2))
            transaction.delete(made)
    assert ([2] if after else [1]) == numbers()


def test_faults_are_the_same_for_the_same_seed():
    """And befall the operations that they are for."""

    def run(seed):
        with inject(LedgerTable, Throttling(rate=0.5, operations=["GetItem"]), seed=seed) as injected:
            for number in range(20):
                try:
                    LedgerTable.batch_get([])
                    Task.item(project="p", number=number).one_or_none()
                except Exception as error:
                    assert "was throttled" in str(error)
        return [len(injected.calls), *injected.befallen]

    assert run(1) == run(1)
    assert 20 > len(run(1)) - 1 > 0


# --- collections ----------------------------------------------------------------------


def test_a_collection_is_read_and_written_as_one_unit():
    """What was changed, added and removed, in one transaction."""
    with embedded(AppTable):
        Account(account_id="a1", visits=1).create()
        for seq in range(3):
            event(seq).create()
        unit = AppTable.load_collection(*_classes(), account_id="a1")
        unit.one(Account).visits = 2
        unit.add(event(7))
        unit.remove(unit[_classes()[1]][0])
        with inject(AppTable) as injected:
            assert 3 == unit.save()
        assert ["TransactWriteItems"] == injected.calls
        again = AppTable.load_collection(*_classes(), account_id="a1")
        assert (2, [1, 2, 7]) == (again.one(Account).visits, [each.seq for each in again[_classes()[1]]])
        with measure() as usage:
            assert 0 == again.save()
        assert 0 == usage.requests
        Account.get(account_id="a1").update(visits=9)
        again.one(Account).visits = 3
        again.add(event(8))
        with pytest.raises(TransactionCancelled):
            again.save()
        assert 9 == Account.get(account_id="a1").visits
        check_fresh(AppTable)


def _classes():
    from tests.framework.app import Event

    return Account, Event
