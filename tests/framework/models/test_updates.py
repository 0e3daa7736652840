"""Updates: derived values follow every action, based on the item that other writers have left."""

import threading
from datetime import timedelta

import pytest
from pynamodb.exceptions import UpdateError
from pynamodb.expressions.operand import Path

from singletable import plan
from singletable.errors import (
    ConcurrentUpdateError,
    ConditionFailed,
    InvalidConditionError,
    StaleKeyError,
)
from singletable.models.declare import timestamps
from singletable.models.reading.targets import TableSender
from singletable.requests.retry import CONTENTION
from singletable.testing.faults import LostResponse, Rival, inject
from tests.framework.ledger import MOMENT, Doc, LedgerTable, State, Task, task
from tests.framework.stored import stored_item

pytestmark = pytest.mark.usefixtures("ledger")


def created(**attributes):
    """Store a task, and return it."""
    made = task(**attributes)
    made.create()
    return made


# --- derived values ----------------------------------------------------------


def test_an_addition_to_a_source_is_followed():
    """The key has the sum, and not the added number."""
    made = created(points=7)
    made.update(actions=[Task.points.add(5)])
    assert (12, "000012#0001") == (made.points, stored_item(made)["GSI1SK"]["S"])
    made.update(actions=[Task.points.set(Task.points - 2), Task.likes.add(1)])
    assert (10, 1, "000010#0001") == (made.points, made.likes, stored_item(made)["GSI1SK"]["S"])


def test_a_removal_takes_the_key_away_and_a_value_brings_it_back():
    """A sparse index contains an item while all attributes of its key are set."""
    made = created(title="t")
    made.update(actions=[Task.title.remove()])
    assert {"GSI2PK", "GSI2SK"}.isdisjoint(stored_item(made))
    made.update(actions=[Task.title.set("u")])
    assert "u#0001" == stored_item(made)["GSI2SK"]["S"]


def test_a_condition_of_a_key_is_followed_in_both_directions():
    """This holds for any attributes of the update."""
    made = created(title="t")
    made.update(actions=[Task.state.set(State.DONE)])
    assert "GSI2PK" not in stored_item(made)
    made.update(title="u")
    assert "GSI2PK" not in stored_item(made), "still done"
    made.update(state=State.DOING)
    assert "u#0001" == stored_item(made)["GSI2SK"]["S"]


def test_the_expiry_follows():
    """The expiry is set, changed and removed."""
    made = created()
    made.update(due=MOMENT)
    assert str(int((MOMENT + timedelta(days=1)).timestamp())) == stored_item(made)["ttl"]["N"]
    made.update(actions=[Task.due.remove()])
    assert "ttl" not in stored_item(made)


def test_a_nested_action_on_a_source_is_followed():
    """The city of the map is part of a key."""
    doc = Doc(ident="1", place={"city": "Bern", "street": "s"})
    doc.create()
    doc.update(actions=[Doc.place["city"].set("Basel")])
    assert ("CITY#Basel", "s") == (stored_item(doc)["GSI1PK"]["S"], doc.place.street)
    doc.update(actions=[Path(["place", "city"]).set(Path(["place", "street"]))])
    assert "CITY#s" == stored_item(doc)["GSI1PK"]["S"]


def test_lists_and_sets_that_no_key_depends_on_are_left_to_dynamodb():
    """The request has no condition."""
    made = created(notes=["a"], labels={"x"})
    made.update(actions=[Task.notes.set(Task.notes.append(["b"])), Task.labels.add({"y"})])
    assert (["a", "b"], {"x", "y"}) == (made.notes, made.labels)
    made.update(actions=[Task.labels.delete({"x"}), Task.notes[0].remove()])
    assert (["b"], {"y"}) == (made.notes, made.labels)
    planned = plan.update(made, [Task.labels.add({"z"})])
    assert {} == planned.change.guards


def test_one_attribute_set_from_another():
    """The condition is on the read attribute, not on the one that is set."""
    made = created(points=3, likes=9)
    made.update(actions=[Task.points.set(Task.likes)])
    assert "000009#0001" == stored_item(made)["GSI1SK"]["S"]
    assert {"likes"} == set(plan.update(made, [Task.points.set(Task.likes)]).change.guards)


# --- other writers --------------------------------------------------------------------


def test_a_stale_sum_is_worked_out_anew():
    """Both additions count, and the key holds their sum."""
    first = created(points=1)
    second = Task.get(project="p", number=1)
    first.update(actions=[Task.points.add(10)])
    second.update(actions=[Task.points.add(100)])
    assert (111, "000111#0001") == (second.points, stored_item(second)["GSI1SK"]["S"])


def test_a_key_moves_with_what_another_writer_changed():
    """Otherwise a stale title would put a finished task into the index of active ones."""
    stale = created(title="t")
    Task.get(project="p", number=1).update(state=State.DONE)
    with inject(LedgerTable) as injected:
        stale.update(title="u")
    assert ["UpdateItem", "UpdateItem"] == injected.calls
    assert (State.DONE, "u") == (stale.state, stale.title)
    assert "GSI2PK" not in stored_item(stale)


def test_an_instance_that_was_never_read_finds_out():
    """Its values may be wrong, so the key is derived from the stored ones."""
    created(title="t", state=State.DOING)
    Task(project="p", number=1).update(title="u")
    found = Task.get(project="p", number=1)
    assert (State.DOING, "u#0001") == (found.state, stored_item(found)["GSI2SK"]["S"])


def test_an_addition_to_a_source_that_was_never_read_is_refused():
    """The stored number is unknown, so nothing is sent."""
    created()
    with inject(LedgerTable) as injected:
        with pytest.raises(
            StaleKeyError,
            match=r"Task: the update of points depends on a stored value that was never read.* refresh\(\)",
        ) as caught:
            task().update(actions=[Task.points.add(1)])
        with pytest.raises(StaleKeyError):
            Doc(ident="1").update(actions=[Doc.place["city"].set("Bern")])
        task().update(actions=[Task.likes.add(1)])
    assert "points" == caught.value.attribute
    assert ["UpdateItem"] == injected.calls


def test_writers_that_are_always_faster_end_in_an_error():
    """The number of attempts is limited, and nothing is written."""
    made = created(points=0)
    rival = Task.get(project="p", number=1)

    with (
        inject(LedgerTable, Rival(lambda: rival.update(actions=[Task.points.add(1)]))) as injected,
        pytest.raises(
            ConcurrentUpdateError, match=f"changed by other writers at each of {CONTENTION.attempts} attempts"
        ),
    ):
        made.update(actions=[Task.points.add(1000)])
    assert CONTENTION.attempts == len(injected.calls)
    assert CONTENTION.attempts == Task.get(project="p", number=1).points


def test_eight_threads_lose_nothing():
    """Threads that gave up repeat their update: all 120 are applied once, and no key is stale."""
    created(points=0)
    barrier = threading.Barrier(8)

    def work():
        mine = Task.get(project="p", number=1)
        barrier.wait()
        added = 0
        while added < 15:
            try:
                mine.update(actions=[Task.points.add(1)])
            except ConcurrentUpdateError:
                continue
            added += 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = Task.get(project="p", number=1)
    assert 120 == found.points
    assert "000120#0001" == stored_item(found)["GSI1SK"]["S"]


# --- conditions -----------------------------------------------------------------------


def test_a_condition_that_fails_is_an_error_of_its_own():
    """The error has the stored item as a field, and PynamoDB's class as a base."""
    made = created(points=3)
    with pytest.raises(
        ConditionFailed, match="does not meet the condition of this update; nothing was written"
    ) as caught:
        made.update(actions=[Task.points.add(1)], condition=Task.points > 5)
    assert isinstance(caught.value, UpdateError)
    assert "ConditionalCheckFailedException" == caught.value.cause_response_code
    assert {"N": "3"} == caught.value.item["points"]
    assert not isinstance(caught.value, ConcurrentUpdateError)
    made.update(actions=[Task.points.add(1)], condition=Task.points == 3)
    assert 4 == made.points


def test_a_condition_is_asked_again_with_the_key():
    """If a stale key is derived again, the condition is checked again."""
    stale = created(points=3)
    Task.get(project="p", number=1).update(points=9)
    with pytest.raises(ConditionFailed):
        stale.update(actions=[Task.points.add(1)], condition=Task.points < 5)
    assert 9 == Task.get(project="p", number=1).points


def test_conditions_of_others_are_refused():
    """The condition is refused before sending."""
    made = created()
    with pytest.raises(InvalidConditionError, match="'ident' of another entity than Task"):
        made.update(title="x", condition=Doc.ident == "1")


# --- lost responses -------------------------------------------------------------------


def test_an_update_whose_answer_was_lost_is_found_to_be_done():
    """The SDK's retry fails the update's own condition, but the stored item is the update's result."""
    made = created(points=1)
    with inject(LedgerTable, LostResponse(operations=["UpdateItem"])):
        made.update(actions=[Task.points.add(1)])
    assert (2, "000002#0001") == (made.points, stored_item(made)["GSI1SK"]["S"])


def test_a_rival_is_not_taken_for_a_lost_response():
    """The stored item is the rival's."""
    made = created(points=1)
    rival = Task.get(project="p", number=1)
    with inject(
        LedgerTable,
        LostResponse(operations=["UpdateItem"]),
        Rival(lambda: rival.update(actions=[Task.points.add(10)]), calls={1}),
    ):
        made.update(actions=[Task.points.add(1)])
    assert 12 == made.points == Task.get(project="p", number=1).points


# --- times ----------------------------------------------------------------------------


def test_updated_at_is_set_by_every_update(monkeypatch):
    """created_at is not changed by an update; a given value is kept."""
    made = created()
    later = MOMENT + timedelta(days=400)
    monkeypatch.setattr("singletable.models.declare.timestamps.utcnow", lambda: later)
    before = made.created_at
    made.update(actions=[Task.likes.add(1)])
    assert (before, later) == (made.created_at, made.updated_at)
    made.update(updated_at=MOMENT)
    assert MOMENT == made.updated_at
    assert timestamps.utcnow().tzinfo is not None


# --- as values ------------------------------------------------------------------------


def test_writes_are_values_with_pure_params():
    """Planning sends nothing, and the same plan gives the same request."""
    made = created(points=1)
    with inject(LedgerTable) as injected:
        planned = plan.update(made, points=5)
        assert planned.params() == planned.params()
        assert "UpdateItem" == planned.request.operation
        assert {"S": "000005#0001"} in planned.params()["ExpressionAttributeValues"].values()
        assert "<update of Task(project='p', number=1)>" == repr(planned)
        assert "attribute_not_exists" in plan.create(task(2)).params()["ConditionExpression"]
        assert "ConditionExpression" not in plan.save(made).params()
        assert {"PK", "SK"} == set(plan.delete(made).params()["Key"])
    assert [] == injected.calls
    assert 1 == made.points, "planning changes no instance"
    planned.send()
    assert 5 == made.points == Task.get(project="p", number=1).points


def test_an_engine_that_does_not_return_what_stood_in_the_way_is_asked():
    """Some servers do not support ReturnValuesOnConditionCheckFailure."""
    made = created(points=1)
    rival = Task.get(project="p", number=1)
    rival.update(points=5)
    connection = TableSender(LedgerTable).table._get_connection().connection

    def forget(send, operation, params):
        params.pop("ReturnValuesOnConditionCheckFailure", None)
        return send(operation, params)

    connection.around = (forget,)
    made.update(actions=[Task.points.add(1)])
    assert 6 == made.points
    with pytest.raises(Task.DoesNotExist):
        task(9).update(likes=1)
