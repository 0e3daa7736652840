"""Faults that a hostile reviewer found, each with the way in which it was found."""

import pytest

from singletable.engine import embedded
from singletable.errors import LeaseLostError, MigrationConflictError, MigrationError, MigrationStoppedError
from singletable.migrations import (
    Backfill,
    BackfillExpiry,
    BackfillWith,
    CreateIndex,
    DeleteIndex,
    EnableTTL,
    Graph,
    Integer,
    KeyText,
    Migration,
    Rekey,
    RemoveAttribute,
    RemoveEntity,
    Script,
    Text,
    state_of,
)
from singletable.migrations.autodetector import detect
from singletable.migrations.history import History
from singletable.migrations.lease import Lease
from singletable.migrations.live_table import LiveTable
from singletable.migrations.planner import make_plan
from singletable.models.binding.binding import connection_of
from singletable.testing import Rival, inject
from singletable.testing.faults import Fault
from tests.framework.migrations.world import (
    BY_STATE,
    EXPIRY,
    KEY,
    START,
    ShelfTable,
    StillClock,
    Task,
    graph,
    old_item,
    put_old,
    runner,
    send,
    stored,
)

K1 = {"PK": {"S": "TASK#t1"}, "SK": {"S": "TASK"}}
MOVED = Rekey("TASK", KeyText("PK", "JOB#{task_id}", task_id=Text("taskId")), KEY[1])


@pytest.fixture
def shelf():
    """The table as of the first migration, with four tasks that old code stored."""
    with embedded(ShelfTable, create=False):
        runner().migrate("0001_initial")
        put_old(4, 2)
        yield ShelfTable


def history(*migrations):
    """Return a history of the first migration and others, one after the other."""
    scripts = [graph().scripts["0001_initial"]]
    for number, operations in enumerate(migrations, 2):
        scripts.append(Script(f"{number:04d}_x", Migration([scripts[-1].name], operations), str(number)))
    return Graph(scripts)


def change_state(value):
    send(
        "UpdateItem",
        Key=K1,
        UpdateExpression="SET #s = :s",
        ExpressionAttributeNames={"#s": "state"},
        ExpressionAttributeValues={":s": {"S": value}},
    )


class Behind(Fault):
    """Old code writes after the sweep, when the verification begins."""

    def befall(self, send_on, operation, params, dice):
        if params.get("ConsistentRead") and "Segment" in params:
            change_state("DONE")
        return send_on(operation, params)


def test_a_stale_key_behind_the_sweep_is_not_passed_over(shelf):
    """If the verification finds an unexplained value, the migration is not applied."""
    with inject(shelf, Behind(operations=["Scan"])), pytest.raises(MigrationStoppedError, match="quarantined"):
        runner().migrate()
    assert "running" == History(runner().records, graph()).status("0002_by_state")


def test_what_a_function_filled_is_not_removed_by_the_next_migration():
    """A filled attribute that the models declare stays, and nothing is detected afterwards."""
    filling = BackfillWith("TASK", {"state": Text("state")}, lambda state: {"points": 9}, writes="points")
    other = BackfillWith("TASK", {"state": Text("state")}, lambda state: {"label": 9}, writes="label")
    whole = graph(
        Backfill("TASK", *BY_STATE),
        BackfillExpiry("TASK", "ttl", **EXPIRY),
        filling,
        other,
        CreateIndex("GSI1", "GSI1PK", "GSI1SK"),
        EnableTTL("ttl"),
    )
    found = detect(whole.state, state_of(ShelfTable.describe()), None).operations
    assert not [each for each in found if isinstance(each, RemoveAttribute)]


def test_a_move_pins_what_is_absent(shelf):
    """An attribute that a live writer adds between reading and moving is also moved."""
    late = Rival(
        lambda: send(
            "UpdateItem",
            Key={"PK": {"S": "TASK#t0"}, "SK": {"S": "TASK"}},
            UpdateExpression="SET due = :d",
            ConditionExpression="attribute_exists(PK)",
            ExpressionAttributeValues={":d": {"S": "2026-01-02T00:00:00.000000+0000"}},
        ),
        operations=["TransactWriteItems"],
        calls={1},
    )
    send("DeleteItem", Key=K1)
    for number in (2, 3):
        send("DeleteItem", Key={"PK": {"S": f"TASK#t{number}"}, "SK": {"S": "TASK"}})
    with inject(shelf, late):
        runner(graph(MOVED)).migrate()
    assert "due" in stored()["JOB#t0"]


@pytest.mark.parametrize("options", [{"writes": "points", "conflict": "overwrite"}, {"writes": "points"}])
def test_what_was_there_before_cannot_be_brought_back(shelf, options):
    """A function that overwrites values, or fills a declared attribute, cannot be rolled back."""
    operation = BackfillWith("TASK", {"state": Text("state")}, lambda state: {"points": 0}, **options)
    runner(graph(operation)).migrate()
    with pytest.raises(MigrationError, match="cannot be rolled back"):
        runner(graph(operation)).rollback("0002_by_state")


def test_a_rollback_writes_no_expiry_that_has_passed():
    """An expiry in the past is not written, since DynamoDB would delete the item."""
    short = BackfillExpiry("TASK", "ttl", after="due", days=1)
    long = BackfillExpiry("TASK", "ttl", after="due", days=3650)
    whole = history([short, EnableTTL("ttl")], [long])
    with embedded(ShelfTable, create=False):
        runner(whole).migrate("0002_x")
        Task(task_id="t1", due=START).save()
        runner(whole).migrate()
        with pytest.raises(
            MigrationStoppedError, match=r"would lie in the past.*singletable rollback 0003_x --redrive"
        ):
            runner(whole).rollback("0003_x")
        runner(whole, accept_quarantine=True).rollback("0003_x")
        assert "0003_x" not in History(runner(whole).records, whole).migrations


def test_an_expiry_that_is_there_and_has_passed(shelf):
    """A stored expiry in the past has no effect while the time to live is off, and is not switched on unnoticed."""
    send("PutItem", Item=old_item(1, ttl={"N": "1767312000"}))
    expiry = BackfillExpiry("TASK", "ttl", after="due", days=0)
    with pytest.raises(MigrationStoppedError, match="ttl would lie in the past"):
        runner(graph(expiry, EnableTTL("ttl"))).migrate()


def test_a_rollback_pins_what_keys_are_made_of(shelf):
    """A source that is added meanwhile makes the condition of a rollback fail."""
    state = Text("state", default={"S": "NEW"})
    whole = history(
        [Backfill("TASK", KeyText("GSI1PK", "A#{state}", state=state))],
        [Backfill("TASK", KeyText("GSI1PK", "B#{state}", state=state))],
    )
    item = old_item(1)
    del item["state"]
    send("PutItem", Item=item)
    runner(whole).migrate()
    with inject(shelf, Rival(lambda: change_state("DONE"), operations=["UpdateItem"], calls=range(1, 12))):
        runner(whole, segments=1).rollback("0003_x")
    assert {"S": "A#NEW"} != stored()["TASK#t1"].get("GSI1PK")


def test_a_runner_that_wakes_up_marks_nothing_applied(shelf, monkeypatch):
    """The lease's epoch fences records, like checkpoints."""
    sleeper = runner()
    finish = History.finish

    def asleep(self, name, counts):
        monkeypatch.setattr(History, "finish", finish)
        Lease(sleeper.records, StillClock()).break_()
        runner().migrate()
        runner().rollback("0002_by_state")
        runner().migrate()
        return finish(self, name, counts)

    monkeypatch.setattr(History, "finish", asleep)
    with pytest.raises(LeaseLostError, match="Another runner has taken over 0002_by_state"):
        sleeper.migrate()


def test_an_index_of_its_own_that_is_deleted_is_no_drift(shelf):
    """A migration that was killed after its DeleteIndex continues, also after a long verification."""

    class Fast(StillClock):
        def monotonic(self):
            self.now += 10
            return self.now

    changed = KeyText("GSI1SK", "{state}", state=Text("state"), task_id=Text("taskId"), sort=True)
    whole = history(
        [Backfill("TASK", *BY_STATE), CreateIndex("GSI1", "GSI1PK", "GSI1SK")],
        [Backfill("TASK", changed), DeleteIndex("GSI1")],
    )
    runner(whole).migrate("0002_x")
    killed = runner(whole)
    delete = killed.table.delete_index

    def kill(name):
        delete(name)
        raise KeyboardInterrupt

    killed.table.delete_index = kill
    with pytest.raises(KeyboardInterrupt):
        killed.migrate()
    assert ["0003_x"] == runner(whole, clock=Fast(), lease_seconds=1e9).migrate()


def test_an_expiry_beyond_all_years(shelf):
    """An item with such an expiry is quarantined, and the others are written."""
    send("PutItem", Item=old_item(1, exp={"N": "-62135596801"}))
    expiry = BackfillExpiry("TASK", "ttl", after=Integer("exp"), days=1)
    with pytest.raises(MigrationStoppedError, match="outside of the years 1 to 9999"):
        runner(graph(expiry)).migrate()


def test_an_entity_that_the_same_migration_forgets(shelf):
    """A migration that changes and then removes an entity can be planned."""
    whole = graph(RemoveAttribute("BOX", "x"), RemoveEntity("BOX"))
    assert make_plan(LiveTable(connection_of(shelf)), whole, ["0002_by_state"]).steps


def test_a_stamp_is_no_way_out_of_a_rollback(shelf):
    """A begun rollback must be finished before a stamp."""
    runner().migrate()
    paused = runner()
    paused.stop()
    with pytest.raises(MigrationStoppedError):
        paused.rollback("0002_by_state")
    with pytest.raises(MigrationConflictError, match="rollback of 0002_by_state is not finished"):
        runner().stamp("0002_by_state")
