"""Operations on a live table: each has its effect, a repetition changes nothing, and a rollback reverses it."""

import attrs
import pytest

from singletable.engine import embedded
from singletable.errors import MigrationConflictError, MigrationError, MigrationStoppedError
from singletable.migrations import (
    Backfill,
    BackfillExpiry,
    BackfillWith,
    CreateIndex,
    DeleteIndex,
    DisableStream,
    DisableTTL,
    EnableStream,
    EnableTTL,
    Graph,
    Integer,
    KeyText,
    Migration,
    Rekey,
    RemoveAttribute,
    RenameAttribute,
    RunPython,
    Script,
    Text,
)
from singletable.migrations.clock import Clock
from singletable.migrations.control_records import Records
from singletable.migrations.history import History
from singletable.migrations.run_options import Options
from singletable.migrations.runner import Runner
from singletable.migrations.table_admin import TableAdmin
from singletable.models.binding.binding import connection_of
from singletable.requests import TableConnection
from tests.framework.migrations.world import (
    BY_STATE,
    EXPIRY,
    KEY,
    ShelfTable,
    graph,
    old_item,
    plain,
    put_old,
    runner,
    send,
    stale,
    stored,
)


@pytest.fixture
def shelf():
    """The table as of the first migration, with eight tasks that old code stored."""
    with embedded(ShelfTable, create=False):
        runner().migrate("0001_initial")
        put_old()
        yield ShelfTable


def forth_and_back(*operations):
    """Apply operations and roll them back; return the tasks before, between and after."""
    before = stored()
    runner(graph(*operations)).migrate()
    between = stored()
    runner(graph(*operations)).rollback("0002_by_state")
    return before, between, stored()


def test_a_backfill(shelf):
    """One write per item sets index keys and expiry; a rollback removes them."""
    before, between, behind = forth_and_back(Backfill("TASK", *BY_STATE), BackfillExpiry("TASK", "ttl", **EXPIRY))
    assert not [item for item in between.values() if stale(item)]
    assert before == behind == {key: plain(item) for key, item in between.items()}


def test_a_changed_key_is_taken_back_to_the_one_before(shelf):
    """A rollback writes the values of the history before it."""
    changed = KeyText("GSI1PK", "S#{state}", state=Text("state"), task_id=Text("taskId"))
    scripts = [*graph(Backfill("TASK", *BY_STATE)).scripts.values()]
    history = Graph([*scripts, Script("0003_x", Migration(["0002_by_state"], [Backfill("TASK", changed)]), "")])
    runner(history).migrate()
    assert {"S": "S#OPEN"} == stored()["TASK#t1"]["GSI1PK"]
    runner(history).rollback("0003_x")
    assert {"S": "STATE#OPEN"} == stored()["TASK#t1"]["GSI1PK"]


def test_a_function(shelf):
    """Returned values are stored, None removes an attribute, and attributes that are not returned do not change."""

    def label(state, points):
        return {"label": f"{state}:{points}", "note": None}

    sources = {"state": Text("state"), "points": Integer("points")}
    runner(graph(BackfillWith("TASK", sources, label, writes=["label", "note"], conflict="overwrite"))).migrate()
    assert {"S": "OPEN:0"} == stored()["TASK#t1"]["label"]
    assert "note" not in stored()["TASK#t1"]


def test_a_function_that_gives_something_else(shelf):
    """The item is quarantined, with the reason."""
    operation = BackfillWith("TASK", {"state": Text("state")}, lambda state: {"other": state}, writes=["label"])
    with pytest.raises(MigrationStoppedError, match="did not return values of its attributes"):
        runner(graph(operation)).migrate()


def test_removing_an_attribute(shelf):
    """It is removed from every task. Only a derived attribute can be restored, since it can be computed."""
    runner(graph(RemoveAttribute("TASK", "note"))).migrate()
    assert not [item for item in stored().values() if "note" in item]
    with pytest.raises(MigrationError, match="cannot be rolled back: 'Remove note from TASK' cannot be reversed"):
        runner(graph(RemoveAttribute("TASK", "note"))).rollback("0002_by_state")


def test_removing_a_derived_attribute_and_back(shelf):
    """A derived attribute can be removed and restored."""
    scripts = [*graph(Backfill("TASK", *BY_STATE)).scripts.values()]
    gone = RemoveAttribute("TASK", ["GSI1PK", "GSI1SK"])
    history = Graph([*scripts, Script("0003_x", Migration(["0002_by_state"], [gone]), "")])
    runner(history).migrate()
    assert not [item for item in stored().values() if "GSI1PK" in item]
    runner(history).rollback("0003_x")
    assert {"S": "STATE#OPEN"} == stored()["TASK#t1"]["GSI1PK"]


def test_renaming_an_attribute(shelf):
    """One write moves the value; two different values under both names are a conflict."""
    before, between, behind = forth_and_back(RenameAttribute("TASK", "points", "score"))
    assert {"N": "0"} == between["TASK#t1"]["score"]
    assert "points" not in between["TASK#t1"]
    assert before == behind
    send("PutItem", Item=old_item(1, score={"N": "5"}))
    with pytest.raises(MigrationStoppedError, match="points and score both exist, with different values"):
        runner(graph(RenameAttribute("TASK", "points", "score"))).migrate()


def test_rekeying(shelf):
    """Every task is complete under its new key, and gone under the old one; a rollback moves it back."""
    before, between, behind = forth_and_back(
        Rekey("TASK", KeyText("PK", "JOB#{task_id}", task_id=Text("taskId")), KEY[1])
    )
    assert {key.replace("TASK", "JOB") for key in before} == set(between)
    assert before["TASK#t1"] == {**between["JOB#t1"], "PK": {"S": "TASK#t1"}}
    assert before == behind


def test_rekeying_and_backfilling_in_one_pass(shelf):
    """One transaction per item makes both changes."""
    moved = KeyText("PK", "JOB#{task_id}", task_id=Text("taskId"))
    runner(graph(Rekey("TASK", moved, KEY[1]), Backfill("TASK", *BY_STATE))).migrate()
    assert {"S": "STATE#OPEN"} == stored()["JOB#t1"]["GSI1PK"]
    assert "TASK#t1" not in stored()


def test_code_of_the_project(shelf):
    """The function gets the live table; a rollback calls its reverse function."""
    called = []

    def forth(table):
        called.append(table.name)
        table.send("DeleteItem", {"TableName": table.name, "Key": {"PK": {"S": "TASK#t1"}, "SK": {"S": "TASK"}}})

    def back(table):
        called.append("back")

    _, between, _ = forth_and_back(RunPython(forth, back))
    assert ["shelf", "back"] == called
    assert "TASK#t1" not in between


def test_table_operations(shelf):
    """Index, time to live and stream are switched on and off, each only once, also if repeated."""
    live = TableAdmin(connection_of(shelf), Clock())
    forth = [CreateIndex("GSI1", "GSI1PK", "GSI1SK"), EnableTTL("ttl"), EnableStream("NEW_AND_OLD_IMAGES")]
    for operation in [*forth, *forth]:
        operation.run(live, graph().state)
    assert "GSI1" in [each["IndexName"] for each in live.require()["GlobalSecondaryIndexes"]]
    assert "ttl" == live.ttl()
    assert "NEW_AND_OLD_IMAGES" == live.require()["StreamSpecification"]["StreamViewType"]
    back = [DisableStream(), DisableTTL("ttl"), DeleteIndex("GSI1")]
    for operation in [*back, *back]:
        operation.run(live, graph().state)
    assert not live.require().get("GlobalSecondaryIndexes")
    assert live.ttl() is None
    assert not (live.require().get("StreamSpecification") or {}).get("StreamEnabled")


def test_an_index_that_is_there_and_another(shelf):
    """An index with another definition is refused."""
    live = TableAdmin(connection_of(shelf), Clock())
    live.create_index(CreateIndex("GSI1", "GSI1PK").index)
    with pytest.raises(MigrationConflictError, match="The index GSI1 exists already with another definition"):
        live.create_index(CreateIndex("GSI1", "GSI1PK", "GSI1SK").index)


def test_a_table_with_other_keys(shelf):
    """The history of another table is refused, and nothing is written."""
    with pytest.raises(MigrationConflictError, match="are PK, SK; in the history they are hash, range"):
        TableAdmin(connection_of(shelf)).check(attrs.evolve(graph().state, partition="hash", sort="range"))


def test_a_script_that_is_missing(shelf):
    """An applied migration without a script is refused."""
    runner().migrate()
    with pytest.raises(
        MigrationConflictError, match="The table records 0002_by_state as applied, and that script does not exist"
    ):
        runner(Graph([graph().scripts["0001_initial"]])).migrate()


def test_records_in_a_table_of_their_own(shelf):
    """The control table is created, and the migrated table has no records."""
    connection = connection_of(shelf).connection
    settings = attrs.evolve(connection.settings, table_name="control")
    control = TableConnection(settings, connection.get_meta_table("shelf"))
    records = Records(control, "PK", "SK", "entityType")
    kinds = {item["entityType"]["S"] for item in send("Scan")["Items"]}
    made = Runner(connection_of(shelf), graph(), Options(segments=2, workers=1), records=records)
    made._create_table()
    made.stamp("0001_initial")
    assert ["0002_by_state"] == made.migrate()
    assert ["0001_initial", "0002_by_state"] == History(records, graph()).applied
    assert kinds == {item["entityType"]["S"] for item in send("Scan")["Items"]}


def test_a_history_with_two_heads(shelf):
    """Two heads are refused before the first request."""
    other = Script("0002_other", Migration(["0001_initial"], []), "")
    with pytest.raises(MigrationError, match="2 heads: 0002_by_state, 0002_other"):
        runner(Graph([*graph().scripts.values(), other])).migrate()


def test_to_a_target(shelf):
    """Migrations that the target does not need are not applied."""
    third = Script("0003_x", Migration(["0002_by_state"], [RemoveAttribute("TASK", "note")]), "")
    history = Graph([*graph().scripts.values(), third])
    assert ["0002_by_state"] == runner(history).migrate("0002_by_state")
    assert ["0003_x"] == runner(history).migrate()


def test_many_workers(shelf):
    """Eight threads over thirty segments have the result of one."""
    runner(workers=8, segments=30).migrate()
    assert not [item for item in stored().values() if stale(item)]
