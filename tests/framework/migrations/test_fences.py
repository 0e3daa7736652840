"""One runner at a time: records of several tables in one control table, and runners that wake after a take-over."""

import json

import attrs
import pytest
from botocore.exceptions import ClientError

from singletable.engine import embedded
from singletable.errors import LeaseLostError, MigrationConflictError, MigrationError, MigrationStoppedError
from singletable.migrations import (
    Backfill,
    BackfillWith,
    CreateIndex,
    DeleteIndex,
    DisableStream,
    DisableTTL,
    EnableStream,
    EnableTTL,
    RunPython,
    Text,
)
from singletable.migrations.control_records import Records
from singletable.migrations.history import History
from singletable.migrations.quarantine import Quarantine
from singletable.migrations.run_options import Options
from singletable.migrations.runner import Runner
from singletable.migrations.sweep import Breaker
from singletable.models.binding.binding import connection_of
from singletable.requests.connection import TableConnection
from singletable.testing import Rival, inject
from tests.framework.migrations.world import (
    BY_STATE,
    ShelfTable,
    StillClock,
    history_of,
    old_item,
    runner,
    send,
    stored,
)


@pytest.fixture
def empty():
    """A database without tables."""
    with embedded(ShelfTable, create=False):
        yield ShelfTable


@pytest.fixture
def shelf(empty):
    """The table as of the first migration, with four tasks that old code stored."""
    runner().migrate("0001_initial")
    for number in range(4):
        send("PutItem", Item=old_item(number))
    return empty


# --- control tables -------------------------------------------------------------------


def another_table(name):
    """Return a connection to another table beside the shelf."""
    connection = connection_of(ShelfTable).connection
    settings = attrs.evolve(connection.settings, table_name=name)
    return TableConnection(settings, connection.get_meta_table("shelf"))


def controlled(name, graph, *, of=True):
    """Return a runner on a table whose records are in a control table."""
    control = Records(another_table("control"), "PK", "SK", "entityType", of=name if of else None)
    options = Options(segments=2, workers=1, write_mode="single")
    return Runner(another_table(name), graph, options, records=control, clock=StillClock())


def put(table, number):
    connection = another_table(table)
    connection.connection.dispatch("PutItem", {"TableName": table, "Item": old_item(number)})


def tasks(table):
    connection = another_table(table)
    found = connection.connection.dispatch("Scan", {"TableName": table})["Items"]
    return [item for item in found if item["entityType"] == {"S": "TASK"}]


def test_two_tables_share_a_control_table(empty):
    """Each table has its own history, so the second one is migrated also."""
    graph = history_of([Backfill("TASK", *BY_STATE)])
    for table in ("stg", "prod"):
        controlled(table, graph).migrate("0001_initial")
        put(table, 1)
    for table in ("stg", "prod"):
        assert ["0002_m"] == controlled(table, graph).migrate()
        assert [{"S": "STATE#OPEN"}] == [item["GSI1PK"] for item in tasks(table)]
    controlled("stg", graph).rollback("0002_m")
    assert ["0001_initial", "0002_m"] == History(controlled("prod", graph).records, graph).applied
    assert "GSI1PK" in tasks("prod")[0]


def test_records_of_an_earlier_version_are_adopted(empty):
    """Such records do not name a table, so no table uses them until an operator adopts them."""
    graph = history_of([Backfill("TASK", *BY_STATE)])
    old = controlled("stg", graph, of=False)
    old.migrate()
    controlled("prod", history_of()).prepare()
    for table in ("stg", "prod"):
        with pytest.raises(
            MigrationConflictError, match=rf"do not name the migrated table.*'{table}'.*singletable adopt"
        ):
            controlled(table, graph).migrate()
    assert 2 == controlled("stg", graph).adopt()
    assert [] == controlled("stg", graph).migrate()
    assert ["0001_initial", "0002_m"] == controlled("prod", graph).migrate()
    with pytest.raises(MigrationError, match="The control table has no records without a table's name"):
        controlled("prod", graph).adopt()


def test_records_in_the_table_itself_have_the_keys_that_they_always_had(shelf):
    """A copy of the table under another name keeps its history."""
    keys = {item["PK"]["S"] for item in send("Scan")["Items"] if item["PK"]["S"].startswith("SINGLETABLE#")}
    assert {"SINGLETABLE#LEASE", "SINGLETABLE#MIGRATIONS"} == keys


# --- runners that wake ----------------------------------------------------------------


def asleep(graph):
    """Return a runner that has the lease and has read the history, and is silent from then on."""
    made = runner(graph)
    made.prepare()
    made.lease.acquire()
    return made, made.open()


def records():
    return {
        each["SK"]["S"]: (each["status"]["S"], each["epoch"]["N"])
        for each in send(
            "Query",
            KeyConditionExpression="PK = :p",
            ExpressionAttributeValues={":p": {"S": "SINGLETABLE#MIGRATIONS"}},
        )["Items"]
    }


def indexes(graph=None):
    return [each["IndexName"] for each in runner(graph).table.require().get("GlobalSecondaryIndexes", [])]


@pytest.mark.parametrize("undone", [False, True])
def test_a_runner_that_wakes_rewrites_no_history(shelf, undone):
    """`begin` of the first runner fails if another one has finished meanwhile, or has also rolled back."""
    graph = history_of([Backfill("TASK", *BY_STATE)])
    sleeper, history = asleep(graph)
    runner(graph).migrate()
    if undone:
        runner(graph).rollback("0002_m")
    before = records()
    with pytest.raises(LeaseLostError):
        sleeper.next_pass(history, "0002_m")
    assert before == records()
    assert (["0002_m"] if undone else []) == runner(graph).migrate()


def test_a_runner_that_wakes_deletes_no_live_index(shelf):
    """An index that a later migration has created again stays."""
    index = CreateIndex("GSI0", "GSI0PK", "GSI0SK")
    graph = history_of([index], [DeleteIndex("GSI0")], [index])
    runner(graph).migrate("0002_m")
    sleeper, history = asleep(graph)
    runner(graph).migrate()
    before = records()
    with pytest.raises(LeaseLostError):
        sleeper.next_pass(history, "0003_m")
    assert ["GSI0"] == indexes()
    assert before == records()


def test_a_record_that_another_runner_has_written_is_not_overwritten(shelf):
    """The record itself is written with a condition, which protects it even just after a successful heartbeat."""
    graph = history_of([Backfill("TASK", *BY_STATE)])
    sleeper, history = asleep(graph)
    runner(graph).migrate()
    before = records()
    with pytest.raises(LeaseLostError):
        history.begin(graph.scripts["0002_m"], sleeper.lease.owner, 2)
    with pytest.raises(LeaseLostError):
        history.stamp(graph.scripts["0002_m"], sleeper.lease.owner)
    assert before == records()


@pytest.mark.parametrize("operation", ["UpdateTable", "UpdateTimeToLive"])
def test_a_runner_that_sleeps_within_a_table_operation(shelf, operation):
    """If another runner takes over while it waits for DynamoDB, the next request is not sent."""
    change = {"UpdateTable": DeleteIndex("GSI0"), "UpdateTimeToLive": DisableTTL("ttl")}[operation]
    graph = history_of([CreateIndex("GSI0", "GSI0PK", "GSI0SK"), EnableTTL("ttl")], [change])
    runner(graph).migrate("0002_m")
    sleeper, history = asleep(graph)
    record = history.begin(graph.scripts["0003_m"], sleeper.lease.owner, 2)
    heir = runner(graph)
    look = {"UpdateTable": "DescribeTable", "UpdateTimeToLive": "DescribeTimeToLive"}[operation]
    with (
        inject(shelf, Rival(heir.lease.acquire, operations=[look], calls={1})) as injection,
        pytest.raises(LeaseLostError),
    ):
        sleeper._advance(record, graph.steps("0003_m"))
    assert operation not in injection.calls


@pytest.mark.parametrize("operation", ["UpdateTable", "UpdateTimeToLive"])
def test_a_runner_that_wakes_in_front_of_a_table_operation(shelf, operation):
    """The heartbeat directly before the request fails: nothing is sent."""
    change = {"UpdateTable": DeleteIndex("GSI0"), "UpdateTimeToLive": DisableTTL("ttl")}[operation]
    graph = history_of([CreateIndex("GSI0", "GSI0PK", "GSI0SK"), EnableTTL("ttl")], [change])
    runner(graph).migrate("0002_m")
    sleeper, history = asleep(graph)
    record = history.begin(graph.scripts["0003_m"], sleeper.lease.owner, 2)
    heir = runner(graph)
    heir.lease.acquire()
    with pytest.raises(LeaseLostError):
        sleeper._advance(record, graph.steps("0003_m"))
    assert ["GSI0"] == indexes()
    assert "ttl" == heir.table.ttl()


def test_a_runner_that_wakes_quarantines_nothing(shelf):
    """The record of a quarantined item is fenced by the segment's checkpoint."""

    def fail(state):
        raise ValueError(state)

    graph = history_of([BackfillWith("TASK", {"state": Text("state")}, fail, writes="label")])
    sleeper, history = asleep(graph)
    ahead = sleeper.next_pass(history)
    heir = runner(graph, accept_quarantine=True, max_errors=1)
    heir.migrate()
    for each in Quarantine(heir.records, "0002_m"):
        each.delete()
    with pytest.raises(LeaseLostError):
        sleeper._run_pass(ahead)
    assert [] == list(Quarantine(heir.records, "0002_m"))


# --- empty tables ---------------------------------------------------------------------


def test_an_empty_table_is_brought_to_the_final_state_at_once(empty):
    """No index is created only to be deleted, as on a table from CloudFormation, and no pass runs."""
    old, new = CreateIndex("GSI1", "GSI1PK", "GSI1SK", "KEYS_ONLY"), CreateIndex("GSI1", "GSI1PK", "GSI1SK")
    graph = history_of(
        [Backfill("TASK", *BY_STATE), old, EnableTTL("until"), EnableStream("KEYS_ONLY")],
        [DeleteIndex("GSI1"), new, DisableTTL("until"), EnableTTL("ttl")],
        [DisableStream(), EnableStream("NEW_IMAGE")],
    )
    made = runner(graph)
    made.table.create("PK", "SK", (new.index,))
    assert ["0001_initial", "0002_m", "0003_m", "0004_m"] == made.migrate()
    assert [] == made.table.differences(graph.state)
    made.table.check(graph.state)
    assert dict.fromkeys(graph.order, ("applied", "1")) == records()


def test_an_index_as_the_last_migration_defines_it_is_kept_on_the_way(shelf):
    """The table's indexes may already have the definitions of the end of the history."""
    old, new = CreateIndex("GSI1", "GSI1PK", "GSI1SK", "KEYS_ONLY"), CreateIndex("GSI1", "GSI1PK", "GSI1SK")
    graph = history_of([Backfill("TASK", *BY_STATE), old, EnableTTL("until")], [DeleteIndex("GSI1"), new])
    ahead = runner(graph)
    ahead.table.create_index(new.index)
    assert ["0002_m", "0003_m"] == ahead.migrate()
    assert [{"S": "STATE#OPEN"}] * 4 == [item["GSI1PK"] for item in stored().values()]


def test_a_history_that_runs_code_is_replayed_on_an_empty_table(empty):
    """The framework cannot know whether the code stores items."""
    called = []

    def seed(table):
        called.append(table.name)

    graph = history_of([RunPython(seed)], [CreateIndex("GSI1", "GSI1PK", "GSI1SK")])
    assert ["0001_initial", "0002_m", "0003_m"] == runner(graph).migrate()
    assert ["shelf"] == called


def test_code_that_needs_items_does_not_run_on_an_empty_table(empty):
    """An empty table is brought to the last state at once; on a table with items, the code runs."""
    called = []

    def change(table):
        called.append([item["PK"] for item in table.items(Limit=1) if "taskId" in item])

    graph = history_of([RunPython(change, needs_items=True)], [CreateIndex("GSI1", "GSI1PK", "GSI1SK")])
    runner(graph).migrate("0001_initial")
    runner(graph).migrate("0002_m")
    assert [] == called
    send("PutItem", Item=old_item(1))
    send("PutItem", Item=old_item(2))
    later = history_of(
        [RunPython(change, needs_items=True)],
        [CreateIndex("GSI1", "GSI1PK", "GSI1SK")],
        [RunPython(change, needs_items=True)],
    )
    runner(later).migrate()
    assert [["TASK#t1", "TASK#t2"]] == [sorted(key["S"] for key in keys) for keys in called]


def test_a_transaction_of_the_project_s_own_code_is_done_whole_or_not_at_all(shelf):
    """`transact` returns False if an item has changed meanwhile."""
    table = runner(history_of()).table
    new = {"Put": {"Item": old_item(7), "ConditionExpression": "attribute_not_exists(PK)"}}
    other = {"Put": {"Item": old_item(8)}}
    assert table.transact(new, other)
    send("DeleteItem", Key={name: old_item(8)[name] for name in ("PK", "SK")})
    assert not table.transact(new, other)
    assert "TASK#t8" not in stored()

    def refuse(operation, params):
        reasons = [{"Code": "None"}, {"Code": "ItemCollectionSizeLimitExceeded"}]
        raise ClientError(
            {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}, operation
        )

    table.send = refuse
    with pytest.raises(ClientError):
        table.transact(new, other)


def test_an_empty_table_with_a_part_of_the_history(empty):
    """Indexes that earlier migrations created and later ones delete are also deleted."""
    graph = history_of(
        [CreateIndex("GSI1", "GSI1PK", "GSI1SK"), EnableTTL("old")],
        [DeleteIndex("GSI1"), CreateIndex("GSI2", "GSI2PK"), DisableTTL("old"), EnableTTL("ttl")],
    )
    runner(graph).migrate("0002_m")
    assert ["GSI1"] == indexes(graph)
    assert ["0003_m"] == runner(graph).migrate()
    assert ["GSI2"] == indexes(graph)
    assert "ttl" == runner(graph).table.ttl()


def test_stamp_reports_what_differs_or_brings_it(shelf):
    """The time to live and the stream are parts of the recorded state."""
    graph = history_of([EnableTTL("ttl"), EnableStream("NEW_IMAGE")])
    with pytest.raises(MigrationConflictError, match=r"time to live is off.*on, by ttl\. Its stream is off.*--bring"):
        runner(graph).stamp("0002_m")
    assert ["0001_initial"] == list(records())
    assert ["0002_m"] == runner(graph).stamp("0002_m", bring=True)
    assert ("ttl", "NEW_IMAGE") == (runner(graph).table.ttl(), runner(graph).table.stream())


# --- quarantine -----------------------------------------------------------------------


def junk():
    """Store a key that no operation of the history explains."""
    send("PutItem", Item=old_item(9, GSI1PK={"S": "junk"}))


def corrected():
    """Correct the item, so that the models accept it."""
    send("PutItem", Item=old_item(9))


def quarantined(graph):
    return [each.reason for each in Quarantine(runner(graph).records, "0002_m")]


def test_an_accepted_item_is_redriven_later(shelf):
    """A corrected item is brought to the state of all applied migrations."""
    label = BackfillWith("TASK", {"key": Text("state")}, lambda key: {"label": key}, writes="label")
    graph = history_of([Backfill("TASK", *BY_STATE)], [label])
    junk()
    runner(graph, accept_quarantine=True).migrate()
    assert 1 == len(quarantined(graph))
    # The second migration has also quarantined the item.
    assert {"quarantined": 2} == runner(graph).redrive_applied()
    assert 1 == len(quarantined(graph))
    corrected()
    assert [] == runner(graph, redrive=True).migrate()
    assert [] == quarantined(graph)
    found = stored()["TASK#t9"]
    assert ({"S": "STATE#OPEN"}, {"S": "OPEN"}) == (found["GSI1PK"], found["label"])


def test_an_accepted_item_is_forgotten(shelf):
    """Forgetting a quarantined item does not change it."""
    graph = history_of([Backfill("TASK", *BY_STATE)])
    junk()
    runner(graph, accept_quarantine=True).migrate()
    assert 1 == runner(graph).forget_quarantine("0002_m")
    assert [] == quarantined(graph)
    assert {"S": "junk"} == stored()["TASK#t9"]["GSI1PK"]


def test_a_rollback_clears_its_quarantine(shelf):
    """After a rollback, the migration can be applied again without earlier quarantined items."""
    graph = history_of([Backfill("TASK", *BY_STATE)])
    junk()
    runner(graph, accept_quarantine=True).migrate()
    corrected()
    runner(graph).rollback("0002_m")
    assert [] == quarantined(graph)
    assert ["0002_m"] == runner(graph).migrate()
    assert {"S": "STATE#OPEN"} == stored()["TASK#t9"]["GSI1PK"]


def test_the_breaker_judges_the_last_thousand_items():
    """A fault that begins late in a large table stops the run as fast as one that begins early."""
    breaker = Breaker(0.1)
    for _ in range(1000):
        breaker.add({"written": 250})
    breaker.add({"written": 180, "quarantined": 70})
    with pytest.raises(MigrationStoppedError, match="140 of the last 1,000 items were quarantined"):
        breaker.add({"written": 180, "quarantined": 70})


def test_the_breaker_forgets_what_was_mended(shelf):
    """The breaker judges only the items of this run."""
    graph = history_of([Backfill("TASK", *BY_STATE)])
    for number in range(40):
        send("PutItem", Item=old_item(number, GSI1PK={"S": "junk"}))
    with pytest.raises(MigrationStoppedError, match=r"of the last \d+ items were quarantined"):
        runner(graph).migrate()
    for number in range(40):
        send("PutItem", Item=old_item(number))
    assert ["0002_m"] == runner(graph, redrive=True).migrate()
    assert [] == quarantined(graph)


# --- begun migrations -----------------------------------------------------------------


def test_a_begun_migration_is_rolled_back(shelf):
    """Its writes are reversed, at any point of its progress."""
    graph = history_of([Backfill("TASK", *BY_STATE), CreateIndex("GSI1", "GSI1PK", "GSI1SK")])
    junk()
    with pytest.raises(MigrationStoppedError, match="quarantined"):
        runner(graph).migrate()
    assert "running" == records()["0002_m"][0]
    runner(graph).rollback("0002_m")
    assert ["0001_initial"] == list(records())
    assert {"TASK#t9"} == {key for key, item in stored().items() if "GSI1PK" in item}


def test_a_begun_migration_is_aborted(shelf):
    """The writes of an aborted migration stay; it can begin again, with another number of segments."""
    graph = history_of([Backfill("TASK", *BY_STATE)])
    junk()
    with pytest.raises(MigrationStoppedError, match="quarantined"):
        runner(graph).migrate()
    runner(graph).abort("0002_m")
    assert (["0001_initial"], []) == (list(records()), quarantined(graph))
    corrected()
    assert ["0002_m"] == runner(graph, segments=5).migrate()
    assert 1 == json.loads(History(runner(graph).records, graph).migrations["0002_m"].counts)["written"]
    with pytest.raises(MigrationError, match="0002_m is applied; only a begun migration can be aborted"):
        runner(graph).abort("0002_m")


def test_another_migration_is_not_rolled_back_meanwhile(shelf):
    """While a migration is begun, no other is rolled back."""
    graph = history_of([EnableTTL("ttl")], [Backfill("TASK", *BY_STATE)])
    junk()
    with pytest.raises(MigrationStoppedError, match="quarantined"):
        runner(graph).migrate()
    with pytest.raises(MigrationConflictError, match="0003_m is running.*singletable abort 0003_m"):
        runner(graph).rollback("0002_m")
