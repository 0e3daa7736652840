"""The meaning of a failed condition, and the result of the write."""

from typing import ClassVar

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from pynamodb.attributes import NumberAttribute, UnicodeAttribute, VersionAttribute

from singletable import Key, Table, plan
from singletable.engine import embedded
from singletable.errors import (
    AlreadyExistsError,
    ConcurrentUpdateError,
    ConditionFailed,
    ItemDoesNotExist,
    NoResponseError,
)
from singletable.requests import retry
from singletable.requests.attempts import lose
from singletable.testing.faults import Fault, LostResponse, Rival, inject
from tests.framework.ledger import MOMENT, Doc, LedgerTable, Task, task

pytestmark = pytest.mark.usefixtures("ledger")


def verdict(write, current_item, *, lost):
    """Return the type of the result of `judge`."""
    return type(write.judge(current_item, lost=lost))


def test_a_stored_item_is_taken_for_ones_own_only_after_a_lost_answer():
    """A rival's equal item does not acknowledge a write."""
    for write in (plan.create(task(1)), plan.save(Doc(ident="1"))):
        other = {**write.item, "updatedAt": {"S": "another"}, "version": {"N": "7"}}
        refusal = AlreadyExistsError if write.verb == "create" else ConcurrentUpdateError
        assert type(None) is verdict(write, write.item, lost=True)
        assert refusal is verdict(write, write.item, lost=False)
        assert refusal is verdict(write, other, lost=True)
    assert ConditionFailed is verdict(plan.save(task(1), Task.points == 1), None, lost=True)
    check = plan.check(task(1), Task.points == 1)
    assert ConditionFailed is verdict(check, task(1).serialize(), lost=True)


@pytest.mark.parametrize("current_item", [None, {"title": {"S": "x"}}])
@pytest.mark.parametrize("lost", [True, False])
def test_a_delete_whose_condition_fails_is_never_taken_for_done(current_item, lost):
    """A missing item does not acknowledge a delete, because two writers could claim it."""
    refused = plan.delete(task(1), Task.points == 1).judge(current_item, lost=lost)
    assert (ConditionFailed, lost) == (type(refused), refused.uncertain)


def test_a_create_whose_rival_is_gone_again_is_sent_again():
    """The rival's item is deleted between the failure and the read of the stored item."""
    write = plan.create(task(1))
    assert write is write.judge(None, lost=False)


def test_a_stored_version_that_is_no_integer_is_another_version():
    """Other code may have stored any number; the error is the one for a changed version."""
    counter = Doc(ident="1")
    counter.version = 1
    for number in ("1.5", "-3", "1E+30"):
        assert ConcurrentUpdateError is verdict(plan.save(counter), {"version": {"N": number}}, lost=False)


class BareTable(Table):
    """A table of entities without times of writing, so that a write cannot be recognized as one's own."""

    class Meta:
        table_name = "bare"


class Note(BareTable, discriminator="NOTE"):
    ident = UnicodeAttribute()
    total = NumberAttribute(default_for_new=0)
    text = UnicodeAttribute(null=True)
    key = Key(pk="N#{ident}", sk="N")


class Counter(BareTable, discriminator="COUNTER"):
    ident = UnicodeAttribute()
    total = NumberAttribute(default_for_new=0)
    version = VersionAttribute()
    key = Key(pk="C#{ident}", sk="C")


class LostRequest(Rival):
    """The first attempt is lost without notice, and another writer is faster than the second one."""

    def befall(self, send, operation, params, dice):
        self.write()
        lose(ReadTimeoutError(endpoint_url="injected"))
        return send(operation, params)


@pytest.fixture
def bare():
    """Give the table of these entities."""
    with embedded(BareTable) as bound:
        yield bound


@pytest.mark.usefixtures("bare")
class TestWithoutTimes:
    """Unknown results are reported as uncertain, and not guessed; nothing is applied twice."""

    lost: ClassVar = {"operations": ["UpdateItem"], "calls": {1}}

    def test_a_conditional_update_is_not_repeated_after_a_lost_answer(self):
        """Its condition may be true again, and an equal item may be another writer's."""
        made = Note(ident="1")
        made.create()
        with inject(BareTable, LostResponse(**self.lost)) as injected, pytest.raises(NoResponseError) as caught:
            made.update(text="x", condition=Note.text.does_not_exist())
        assert (True, ["UpdateItem"]) == (caught.value.uncertain, injected.calls)
        assert "x" == Note.get(ident="1").text
        rival = LostRequest(lambda: Note.get(ident="1").update(text="y"), **self.lost)
        with (
            inject(BareTable, rival),
            pytest.raises(NoResponseError, match="the write may have been applied") as caught,
        ):
            made.update(text="y", condition=Note.text == "x")
        assert caught.value.uncertain

    def test_an_update_to_values_without_a_condition_is_repeated(self):
        """Such an update is repeated, and a failed condition after a lost answer is uncertain."""
        made = Note(ident="1")
        made.create()
        with inject(BareTable, LostResponse(**self.lost)):
            made.update(text="x")
        assert "x" == Note.get(ident="1").text == made.text
        with inject(BareTable, LostRequest(lambda: Note(ident="1").delete(), **self.lost)):
            with pytest.raises(ItemDoesNotExist, match="answer was lost, may have been applied") as caught:
                made.update(text="y")
        assert caught.value.uncertain

    @pytest.mark.parametrize("write", ["create", "save", "delete", "increment"])
    def test_a_write_that_could_be_done_twice_is_sent_once(self, write):
        """The SDK does not repeat it, and the error is uncertain."""
        made, new = Note(ident="1"), Note(ident="2")
        made.create()
        act = {
            "create": new.create,
            "save": lambda: made.save(Note.total == 0),
            "delete": lambda: made.delete(Note.total == 0),
            "increment": lambda: made.update(actions=[Note.total.set(Note.total + 1)]),
        }[write]
        with inject(BareTable, LostResponse()) as injected, pytest.raises(NoResponseError) as caught:
            act()
        assert (True, 1) == (caught.value.uncertain, len(injected.calls))

    def test_a_mutation_whose_answer_was_lost_is_not_done_again(self):
        """Another writer's equal result also does not acknowledge it."""
        made = Note(ident="1")
        made.create()

        def increment(each):
            each.total += 1

        with inject(BareTable, LostResponse(**self.lost)) as injected, pytest.raises(NoResponseError) as caught:
            made.mutate(increment)
        assert (True, ["GetItem", "UpdateItem"]) == (caught.value.uncertain, injected.calls)
        assert 1 == Note.get(ident="1").total
        with inject(BareTable, LostRequest(lambda: Note.get(ident="1").mutate(increment), **self.lost)):
            with pytest.raises(NoResponseError, match="Read the item .* before you write again"):
                made.mutate(increment)
        assert 2 == Note.get(ident="1").total

    def test_an_equal_sum_of_another_writer_is_not_taken_for_ones_own(self):
        """Of two writers that add to one version, one gets an error."""
        made = Counter(ident="1")
        made.create()
        for write in (
            lambda mine: mine.update(actions=[Counter.total.add(1)]),
            lambda mine: (setattr(mine, "total", mine.total + 1), mine.save()),
        ):
            mine, other = Counter.get(ident="1"), Counter.get(ident="1")
            before = mine.total
            rival = LostRequest(lambda: other.update(actions=[Counter.total.add(1)]), calls={1})  # noqa: B023
            with (
                inject(BareTable, rival),
                pytest.raises(ConcurrentUpdateError, match="may have been applied") as caught,
            ):
                write(mine)
            assert caught.value.uncertain
            assert before + 1 == Counter.get(ident="1").total


def test_with_times_an_update_whose_answer_was_lost_is_known_for_ones_own():
    """This holds also for a sum and a mutation."""
    made = task(1, points=1)
    made.create()
    with inject(LedgerTable, LostResponse(operations=["UpdateItem"])):
        made.update(actions=[Task.points.add(1)])
        made.mutate(lambda each: setattr(each, "points", each.points + 1))
    assert 3 == made.points == Task.get(project="p", number=1).points
    told = plan.update(Doc(ident="1", version=1), text="x")
    assert told.was_applied(told.change.after)
    assert not told.was_applied({**told.change.after, "text": {"S": "y"}})
    assert not told.was_applied(None)
    newer = {**Doc(ident="1").serialize(), **told.change.after, "version": {"N": "3"}}
    assert type(None) is verdict(told, {**Doc(ident="1").serialize(), **told.change.after}, lost=True)
    assert ConcurrentUpdateError is verdict(told, newer, lost=False)


def test_a_time_that_the_caller_gives_proves_nothing():
    """A time that the caller gives is not a mark, because two writers may give the same one."""
    assert {} == plan.update(task(1), title="x", updated_at=MOMENT).mark


def test_a_condition_that_fails_is_no_other_writer():
    """This holds also for an entity with a version, if the stored version is the one that was read."""
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
    with pytest.raises(ConcurrentUpdateError, match=r"its version has changed\); .* Call refresh\(\) and try again"):
        doc.update(text="b", condition=Doc.text == "x")
    doc.save(Doc.text == "c", add_version_condition=False)
    Doc.get(ident="1").delete()
    for write in (doc.save, doc.delete):
        with pytest.raises(
            ConcurrentUpdateError, match=r"was deleted since it was read; .* Use create\(\) to write it again"
        ):
            write()


def test_an_update_of_nothing_says_so():
    """An update of a missing item, or of one that became another entity, reports this."""
    with pytest.raises(
        ItemDoesNotExist, match=r"does not exist; nothing was written\. Use create\(\) to write it first"
    ):
        task(1).update(title="t")
    write = plan.update(task(1), title="t")
    became = {**task(1).serialize(), "entityType": {"S": "DOC"}}
    assert "is now another entity; nothing was written" in str(write.judge(became, lost=False))


def test_a_conflict_with_a_transaction_is_waited_out(monkeypatch):
    """The conflict is short; the pauses grow up to a limit."""

    class Conflict(Fault):
        def befall(self, send, operation, params, dice):
            raise ClientError({"Error": {"Code": "TransactionConflictException", "Message": "Injected."}}, operation)

    pauses = []
    monkeypatch.setattr(retry.time, "sleep", pauses.append)
    with inject(LedgerTable, Conflict(calls={1, 2})) as injected:
        assert "ResponseMetadata" in task(1).save()
    assert ["PutItem"] * 3 == injected.calls
    assert 2 == len(pauses)
    with inject(LedgerTable, Conflict()), pytest.raises(ConcurrentUpdateError, match="Try again later, or let fewer"):
        task(1).save()


def test_a_write_that_was_done_after_all_answers_with_nothing():
    """DynamoDB's answer was lost, but the stored item is known."""
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
    """Only its request and its item have the values."""
    made = task(1, title="secret")
    for write in (
        plan.create(made),
        plan.save(made, Task.title == "secret"),
        plan.update(made, title="secret"),
        plan.delete(made, Task.title == "secret"),
        plan.check(made, Task.title == "secret"),
    ):
        assert f"<{write.verb} of Task(project='p', number=1)>" == repr(write)
