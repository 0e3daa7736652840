"""What a failed condition means, and what a write makes of it."""

import pytest
from botocore.exceptions import ClientError

from singletable import plan
from singletable.errors import AlreadyExists, ConcurrentUpdateError, ConditionFailed, ItemDoesNotExist
from singletable.requests import retries
from singletable.testing.faults import Fault, LostResponse, Rival, inject
from tests.framework.app import Account
from tests.framework.ledger import Doc, LedgerTable, Task, task

pytestmark = pytest.mark.usefixtures("ledger")


def verdict(write, standing, *, retried):
    """The type of what `judge` returns."""
    return type(write.judge(standing, retried=retried))


def test_what_stands_there_is_only_taken_for_ones_own_if_the_sdk_sent_twice():
    """A rival may write the very same item; and after a second try another's item stays another's."""
    for write in (plan.create(task(1)), plan.save(Doc(ident="1"))):
        other = {**write.item, "title": {"S": "another"}, "version": {"N": "7"}}
        refusal = AlreadyExists if write.verb == "create" else ConcurrentUpdateError
        assert type(None) is verdict(write, write.item, retried=True)
        assert refusal is verdict(write, write.item, retried=False)
        assert refusal is verdict(write, other, retried=True)
    assert ConditionFailed is verdict(plan.save(task(1), Task.points == 1), None, retried=True)
    gone = plan.delete(task(1), Task.points == 1)
    assert type(None) is verdict(gone, None, retried=True)
    assert ConditionFailed is verdict(gone, None, retried=False)
    assert ConditionFailed is verdict(gone, task(1).serialize(), retried=True)
    check = plan.check(task(1), Task.points == 1)
    assert ConditionFailed is verdict(check, task(1).serialize(), retried=True)


def test_a_create_whose_rival_is_gone_again_is_sent_again():
    """Between the failure and the look at what stands there."""
    write = plan.create(task(1))
    assert write is write.judge(None, retried=False)


def test_an_update_is_taken_for_done_only_if_something_of_it_tells():
    """A time, a guard or a version of its own; the value alone may be another writer's."""
    made = Account(account_id="a", visits=1)
    plain = plan.update(made, visits=2)
    after = {**made.serialize(), "visits": {"N": "2"}}
    assert not plain.was_applied(after)
    told = plan.update(Doc(ident="1", version=1), text="x")
    assert told.was_applied(told.change.after)
    assert not told.was_applied({**told.change.after, "text": {"S": "y"}})
    assert not told.was_applied(None)
    assert type(None) is verdict(told, {**Doc(ident="1").serialize(), **told.change.after}, retried=True)
    assert ConcurrentUpdateError is verdict(
        told, {**Doc(ident="1", version=2).serialize(), **told.change.after}, retried=False
    )


def test_a_condition_that_fails_is_no_other_writer():
    """On an entity with a version, too: it is the one that was read."""
    doc = Doc(ident="1", text="a")
    doc.create()
    for write in (
        lambda: doc.update(text="b", condition=Doc.text == "x"),
        lambda: doc.save(Doc.text == "x"),
        lambda: doc.delete(Doc.text == "x"),
    ):
        with pytest.raises(ConditionFailed, match="does not meet the condition .*The error's item field has") as caught:
            write()
        assert not isinstance(caught.value, ConcurrentUpdateError)
        assert {"S": "a"} == caught.value.item["text"]
    with pytest.raises(ConditionFailed, match="nothing was written.$") as caught:
        task(5).delete(Task.points == 1)
    assert caught.value.item is None
    other = Doc.get(ident="1")
    other.update(text="c")
    with pytest.raises(ConcurrentUpdateError, match=r"its version is another now\); .* refresh\(\) it and try again"):
        doc.update(text="b", condition=Doc.text == "x")
    doc.save(Doc.text == "c", add_version_condition=False)
    Doc.get(ident="1").delete()
    for write in (doc.save, doc.delete):
        with pytest.raises(ConcurrentUpdateError, match=r"deleted it since it was read; .* create\(\) it, if it is to"):
            write()


def test_an_update_of_nothing_says_so():
    """Of an item that is not there, and of one that became another entity."""
    with pytest.raises(
        ItemDoesNotExist, match=r"does not exist; nothing was written\. Use create\(\) to write it first"
    ):
        task(1).update(title="t")
    write = plan.update(task(1), title="t")
    became = {**task(1).serialize(), "entityType": {"S": "DOC"}}
    assert "is another entity by now; nothing was written" in str(write.judge(became, retried=True))


def test_a_conflict_with_a_transaction_is_waited_out(monkeypatch):
    """It is over in a moment; the pauses grow, and end."""

    class Conflict(Fault):
        def befall(self, send, operation, params, dice):
            raise ClientError({"Error": {"Code": "TransactionConflictException", "Message": "Injected."}}, operation)

    pauses = []
    monkeypatch.setattr(retries.time, "sleep", pauses.append)
    with inject(LedgerTable, Conflict(calls={1, 2})) as injected:
        assert "ResponseMetadata" in task(1).save()
    assert ["PutItem"] * 3 == injected.calls
    assert 2 == len(pauses)
    with inject(LedgerTable, Conflict()), pytest.raises(ConcurrentUpdateError, match="Try again later, or let fewer"):
        task(1).save()


def test_a_write_that_was_done_after_all_answers_with_nothing():
    """DynamoDB's answer was lost; what is stored is known all the same."""
    doc = Doc(ident="1")
    doc.create()
    with inject(LedgerTable, LostResponse(operations=["PutItem"])):
        assert {} == doc.save()
    rival = Doc.get(ident="1")
    with (
        inject(LedgerTable, Rival(lambda: rival.update(text="r"), calls={1}), LostResponse(operations=["PutItem"])),
        pytest.raises(ConcurrentUpdateError),
    ):
        doc.save()


def test_a_planned_write_shows_no_values():
    """Its request and its item hold them."""
    made = task(1, title="secret")
    for write in (
        plan.create(made),
        plan.save(made, Task.title == "secret"),
        plan.update(made, title="secret"),
        plan.delete(made, Task.title == "secret"),
        plan.check(made, Task.title == "secret"),
    ):
        assert f"<{write.verb} of Task(project='p', number=1)>" == repr(write)
