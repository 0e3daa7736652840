"""Transactions: all or nothing, with reasons; consistent reads of several items; collections, written as one unit."""

from datetime import timedelta

import pytest
from pynamodb.exceptions import TransactWriteError
from pynamodb.transactions import TransactWrite

from singletable import measure, plan
from singletable.engine import embedded
from singletable.errors import (
    AlreadyExistsError,
    ConditionFailed,
    InvalidTransactionError,
    KeyChangeError,
    RequestFailedError,
    TransactionCancelled,
)
from singletable.testing.faults import LostResponse, inject
from singletable.testing.invariants import check_fresh
from tests.framework.app import Account, AppTable, Event, event
from tests.framework.ledger import Doc, LedgerTable, State, Task, numbers, task
from tests.framework.stored import stored_item

pytestmark = pytest.mark.usefixtures("ledger")


def test_a_transaction_of_everything():
    """All operations are applied in one request; the instances then equal the stored items."""
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
    assert (6, "t", Doc.get(ident="1").version) == (counted.points, kept.title, doc.version)
    counted.update(actions=[Task.points.add(1)])
    first = doc.version
    doc.update(text="b")
    assert (7, first + 1) == (Task.get(project="p", number=3).points, Doc.get(ident="1").version)


def test_a_cancelled_transaction_says_why_in_the_callers_order():
    """Each reason has its entity and the stored entity."""
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
    assert isinstance(reasons[1].error, AlreadyExistsError)
    assert isinstance(reasons[3].error, ConditionFailed)
    assert ("there", 3) == (reasons[1].current_item.title, reasons[3].current_item.points)
    assert isinstance(caught.value, TransactWriteError)
    assert [1, 2] == numbers()


def test_a_transaction_is_sent_once():
    """Later operations are refused, because they would not be sent; the block's end does not repeat send()."""
    with LedgerTable.transaction() as transaction:
        transaction.create(task(1))
        transaction.send()
    for late in (lambda: transaction.create(task(2)), transaction.send):
        with pytest.raises(InvalidTransactionError, match="was sent, or its block has ended"):
            late()
    with pytest.raises(ZeroDivisionError), LedgerTable.transaction() as transaction:
        transaction.create(task(3))
        raise ZeroDivisionError
    with pytest.raises(InvalidTransactionError, match="was sent, or its block has ended"):
        transaction.send()
    assert [1] == numbers()


def test_a_transaction_takes_planned_writes():
    """The planned writes must be of its own table."""
    with LedgerTable.transaction() as transaction:
        transaction.add(plan.create(task(1, points=3)), plan.create(Doc(ident="1")))
    assert 3 == Task.get(project="p", number=1).points
    with pytest.raises(InvalidTransactionError, match="consists of writes, not of a Task"):
        transaction = LedgerTable.transaction()
        transaction.add(task(2))
    with pytest.raises(InvalidTransactionError, match="Account.* is not an entity of LedgerTable"):
        transaction.add(plan.create(Account(account_id="a", visits=1)))


def test_what_a_check_misses_is_said():
    """The error reports a missing item; a request is refused in place of an instance."""
    with pytest.raises(TransactionCancelled) as caught, LedgerTable.transaction() as transaction:
        transaction.check(task(9))
        transaction.create(task(1))
    assert str(caught.value).startswith(
        "The transaction was cancelled; nothing was written."
        " check of Task(project='p', number=9) (ConditionalCheckFailed): Task(project='p', number=9) does not exist. "
    )
    with pytest.raises(
        InvalidTransactionError, match=r"Get is not an entity .* give its attributes: transaction.check"
    ):
        LedgerTable.transaction().check(Task.item(project="p", number=1))


def test_keys_are_derived_anew_within_a_transaction():
    """A stale instance does not cancel the transaction."""
    stale = task(1, title="t")
    stale.create()
    Task.get(project="p", number=1).update(state=State.DONE)
    with LedgerTable.transaction() as transaction:
        transaction.update(stale, title="u")
        transaction.create(task(2))
    assert "GSI2PK" not in stored_item(stale)
    assert "u" == Task.get(project="p", number=1).title


def test_a_stale_key_is_not_blamed_for_what_another_operation_refuses():
    """The stale key would have been derived again; the reasons have only final refusals."""
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
    """More than 100 operations, more than 4 MB, one item twice, or a bad token is refused before sending."""
    with inject(LedgerTable) as injected:
        with (
            pytest.raises(InvalidTransactionError, match="has 101 operations; DynamoDB accepts at most 100"),
            LedgerTable.transaction() as transaction,
        ):
            transaction.create(*(task(number) for number in range(101)))
        with (
            pytest.raises(InvalidTransactionError, match=r"have 4,[\d,]+ bytes; DynamoDB accepts at most 4,194,304"),
            LedgerTable.transaction() as transaction,
        ):
            transaction.create(*(task(number, notes=["x" * 400_000]) for number in range(11)))
        with (
            pytest.raises(InvalidTransactionError, match="two operations on Task.*: create and delete"),
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


def test_what_conditions_compare_with_counts_for_nothing():
    """Values in conditions do not count for the 4 MB: six items of 380 KB that must be unchanged are 2.3 MB."""
    made = [task(number, notes=["x" * 380_000]) for number in range(6)]
    for each in made:
        each.create()
    with LedgerTable.transaction() as transaction:
        for each in made:
            transaction.put(each, plan.unchanged(each))


def test_a_token_is_taken_for_one_transaction():
    """The same request is answered as before; another request is refused, and not applied."""
    check = plan.check(Doc(ident="1"))
    Doc(ident="1").create()
    for _ in range(2):
        with LedgerTable.transaction(token="token") as transaction:
            transaction.add(check)
    with pytest.raises(
        RequestFailedError, match="token was used for another .* Give each transaction a token of"
    ) as caught:
        with LedgerTable.transaction(token="token") as transaction:
            transaction.create(task(1))
    assert "IdempotentParameterMismatchException" == caught.value.code
    assert [] == numbers()


def test_a_token_holds_where_a_key_is_derived_anew():
    """The caller sends the same transaction again from the same stale instance, and it is applied once."""
    with embedded(AppTable):
        made = event(1, detail={"n": 0}, note="a")
        made.create()
        stale = [Event.get(account_id="a1", seq=1) for _ in range(2)]
        made.update(at=made.at + timedelta(days=1))
        for each in stale:
            with inject(AppTable) as injected, AppTable.transaction(token="token") as transaction:
                counted = Event.detail["n"].set(Event.detail["n"] + 1)
                transaction.update(each, actions=[counted, Event.note.set("b")])
            assert "TransactWriteItems" == injected.calls[0]
        assert 1 == Event.get(account_id="a1", seq=1).detail["n"]
        check_fresh(AppTable)


def test_a_transaction_is_done_once_although_its_answer_was_lost():
    """The engine recognizes the client request token."""
    made = task(1, likes=1)
    made.create()
    with inject(LedgerTable, LostResponse()), LedgerTable.transaction() as transaction:
        transaction.update(made, actions=[Task.likes.add(1)])
        transaction.create(task(2))
    assert (2, [1, 2]) == (Task.get(project="p", number=1).likes, numbers())


def test_reads_of_one_moment():
    """Items have the requested order, None replaces a missing one, and one item twice is refused."""
    task(1).create()
    Doc(ident="1").create()
    asked = [Doc.item(ident="1"), Task.item(project="p", number=9), Task.item(project="p", number=1)]
    with inject(LedgerTable) as injected:
        found = LedgerTable.transact_get(*asked)
    assert ["TransactGetItems"] == injected.calls
    assert ["Doc", "NoneType", "Task"] == [type(each).__name__ for each in found]
    with pytest.raises(InvalidTransactionError, match="requests one item twice"):
        LedgerTable.transact_get(asked[0], asked[0])


def test_pynamodbs_transaction_keeps_the_promise():
    """Keys, times and versions are written, and the instances equal the stored items."""
    made, doc = task(1, title="t", points=1), Doc(ident="1")
    made.create()
    doc.create()
    first = doc.version
    with TransactWrite(connection=LedgerTable._get_connection().connection) as transaction:
        transaction.update(made, actions=[Task.points.add(1), Task.state.set(State.DONE)])
        transaction.update(doc, actions=[Doc.text.set("x")])
        transaction.save(task(2))
        transaction.save(new := Doc(ident="2"))
    assert (2, "000002#0001") == (made.points, stored_item(made)["GSI1SK"]["S"])
    assert "GSI2PK" not in stored_item(made)
    assert first + 1 == doc.version == Doc.get(ident="1").version
    assert 1 < new.version == Doc.get(ident="2").version
    with inject(LedgerTable) as injected:
        made.update(actions=[Task.points.add(1)])
        doc.update(text="y")
    assert ["UpdateItem", "UpdateItem"] == injected.calls


def test_a_collection_is_read_and_written_as_one_unit():
    """One transaction writes the changed, added and removed items."""
    with embedded(AppTable):
        Account(account_id="a1", visits=1).create()
        for seq in range(3):
            event(seq).create()
        unit = AppTable.load_collection(Account, Event, account_id="a1")
        unit.one(Account).visits = 2
        unit.add(event(7))
        unit.remove(unit[Event][0])
        with pytest.raises(KeyChangeError, match=r"Account\(.* does not belong to this collection"):
            unit.add(Account(account_id="a2", visits=1))
        with pytest.raises(KeyChangeError, match=r"Task\(.* one partition of Account, Event"):
            unit.add(task(1))
        with inject(AppTable) as injected:
            assert 3 == unit.save()
        assert ["TransactWriteItems"] == injected.calls
        again = AppTable.load_collection(Account, Event, account_id="a1")
        assert (2, [1, 2, 7]) == (again.one(Account).visits, [each.seq for each in again[Event]])
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
