"""Moves and mutations; versions, times, lost answers and crashes on every path."""

from datetime import timedelta

import pytest
from pynamodb.transactions import TransactWrite

from singletable.errors import (
    AlreadyExistsError,
    ConcurrentUpdateError,
    InvalidValueError,
    KeyChangeError,
    NoResponseError,
    TransactionCancelled,
)
from singletable.testing.faults import Crash, InjectedCrash, LostResponse, Rival, Throttling, inject
from tests.framework.ledger import MOMENT, Doc, LedgerTable, State, Task, numbers, task
from tests.framework.stored import stored_item

pytestmark = pytest.mark.usefixtures("ledger")


def test_a_move_takes_everything_along():
    """The item has the new key, its derived keys and unknown attributes; the old item is deleted."""
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
    """A move to an existing key, after a rival's update, of a deleted item, or to the same key is safe."""
    made = task(1)
    made.create()
    task(2).create()
    with pytest.raises(AlreadyExistsError, match="number=2.* exists already"):
        made.move(number=2)
    assert [1, 2] == numbers()
    rival = Task.get(project="p", number=1)
    with inject(LedgerTable, Rival(lambda: rival.update(likes=9), calls={1}, operations=["TransactWriteItems"])):
        made.move(number=3)
    assert 9 == Task.get(project="p", number=3).likes
    with pytest.raises(KeyChangeError, match=r"move\(number\) would not change its primary key. Use update"):
        made.move(number=3)
    with pytest.raises(Task.DoesNotExist):
        rival.move(number=5)


def test_a_mutation_is_tried_again_on_what_is_stored():
    """No rival's change is lost, the function's result is returned, and a call without a change writes nothing."""
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
    """All changes of the function are written, and a rival's change of such an attribute is detected."""
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


def test_the_text_of_a_member_is_the_member_at_once():
    """A text is converted to its member on every path; another text is refused when it is stored."""
    made = task(1, state="DOING")
    assert made.state is State.DOING
    made.state = "DONE"
    assert made.state is State.DONE
    made.state = "LOST"
    with pytest.raises(InvalidValueError, match="state='LOST' .*It has: TODO, DOING, DONE"):
        made.save()


def test_a_version_is_checked_on_every_path():
    """Save, update, delete, transactions, mutate and move check the version."""
    Doc(ident="1").create()
    stale, other = Doc.get(ident="1"), Doc.get(ident="1")
    other.save()
    first = stale.version
    assert first + 1 == other.version

    def transact(verb, **values):
        with LedgerTable.transaction() as transaction:
            getattr(transaction, verb)(stale, **values)

    for write in (stale.save, stale.delete, lambda: stale.update(text="x")):
        with pytest.raises(ConcurrentUpdateError, match="its version has changed"):
            write()
    for verb, values in (("put", {}), ("delete", {}), ("update", {"text": "x"})):
        with pytest.raises(TransactionCancelled) as caught:
            transact(verb, **values)
        assert isinstance(caught.value.reasons[0].error, ConcurrentUpdateError)
    assert first == stale.version, "a refused write is not counted"
    stale.mutate(lambda each: setattr(each, "text", "z"))
    assert (first + 2, "z") == (stale.version, stale.text)
    stale.save(add_version_condition=False)
    stale.move(ident="2")
    assert first + 4 == Doc.get(ident="2").version, "it goes on counting"


def test_a_create_or_save_whose_answer_was_lost_is_found_to_be_done():
    """A random first version and a time of writing prove the write; a rival's item does not."""
    doc = Doc(ident="1")
    with inject(LedgerTable, LostResponse(operations=["PutItem"])):
        doc.create()
        first = doc.version
        doc.text = "x"
        doc.save()
    assert (first + 1, "x") == (doc.version, Doc.get(ident="1").text)
    with inject(LedgerTable, LostResponse(operations=["PutItem"])), pytest.raises(AlreadyExistsError) as caught:
        Doc(ident="1").create()
    assert not caught.value.uncertain
    with inject(LedgerTable, LostResponse(operations=["DeleteItem"])):
        with pytest.raises(ConcurrentUpdateError, match="was deleted since .* may have been applied"):
            doc.delete()
    assert [] == LedgerTable.scan().all()


def test_times_are_set_on_every_path(monkeypatch):
    """created_at is set once, and updated_at by every write."""
    later = MOMENT + timedelta(days=900)
    made = task(1)
    made.create()
    born = made.created_at
    monkeypatch.setattr("singletable.models.declare.timestamps.utcnow", lambda: later)
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
    """This holds for a crash before and after it was applied, and no key is stale."""
    made = task(1)
    made.create()
    with inject(LedgerTable, Crash(after=after)), pytest.raises(InjectedCrash):
        with LedgerTable.transaction() as transaction:
            transaction.create(task(2))
            transaction.delete(made)
    assert ([2] if after else [1]) == numbers()


def test_a_write_without_an_answer_may_have_been_done():
    """The error does not state that nothing was written, or that no server answers."""
    made = task(1)
    with inject(LedgerTable, LostResponse(for_good=True)):
        with pytest.raises(
            NoResponseError, match="No answer to PutItem .*the write may have been applied. Read"
        ) as caught:
            made.create()
        with pytest.raises(NoResponseError, match="No answer to GetItem .* Try again"):
            made.refresh()
    assert "PutItem" == caught.value.operation
    assert Task.get(project="p", number=1) is not None


def test_a_fault_for_no_operation_is_refused():
    """The fault would never occur, so its test would prove nothing."""
    for operations in (["PutItems"], "PutItem"):
        message = "is not a list of operations that can get a fault; wrong: PutItems?. Give a list of: BatchExec"
        with pytest.raises(InvalidValueError, match=message):
            Throttling(operations=operations)


def test_faults_are_the_same_for_the_same_seed():
    """The faults also occur only in their operations."""

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
