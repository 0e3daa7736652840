"""The planner: counts, costs and dangers."""

import re
from datetime import datetime, timezone

import pytest

from singletable.engine import embedded
from singletable.migrations import (
    AddEntity,
    Backfill,
    BackfillWith,
    ConvertAttribute,
    CreateIndex,
    DeleteIndex,
    DisableTTL,
    EnableTTL,
    KeyText,
    Rekey,
    RemoveAttribute,
    RenameAttribute,
    RunPython,
    Text,
)
from singletable.migrations.live_table import LiveTable
from singletable.migrations.planner import PlannedStep, UnitPrices, difference, make_plan
from singletable.models.binding.binding import connection_of
from tests.framework.migrations.world import (
    BY_STATE,
    KEY,
    ShelfTable,
    dangers,
    graph,
    history_of,
    old_item,
    put_old,
    runner,
    send,
    work,
)

NOW = datetime(2026, 11, 26, tzinfo=timezone.utc)


@pytest.fixture
def shelf():
    """The table as of the first migration, with eight tasks and five boxes of old code."""
    with embedded(ShelfTable, create=False):
        runner().migrate("0001_initial")
        put_old()
        yield ShelfTable


def plan(*operations):
    return make_plan(LiveTable(connection_of(ShelfTable)), graph(*operations), ["0002_by_state"], now=NOW)


def test_counts_and_units(shelf):
    """The plan has the items to write, the items to read, and the write units of the table and of the index."""
    backfill, index = plan().steps
    assert (8, 8.0, {}) == (backfill.items, backfill.writes, backfill.index_writes)
    assert 13 == backfill.looked
    # DynamoDB itself fills the index: one write for each row after the backfill.
    assert (8, 0.0, {"GSI1": 8.0}) == (index.items, index.writes, index.index_writes)
    assert "Create the index GSI1" in index.describe


def test_what_is_done_is_not_planned(shelf):
    """Items that need no change are not counted."""
    runner().migrate()
    backfill, index = plan().steps
    assert {"GSI1": 8.0} == index.index_writes
    assert (0, 0.0, {}) == (backfill.items, backfill.writes, backfill.index_writes)


def test_dollars_and_seconds():
    """The cost follows from the prices of a million units; the busiest of table and indexes decides the duration."""
    step = PlannedStep("x", "y", 10, 10, 1, reads=2e6, writes=1e6, index_writes={"A": 3e6, "B": 0.0})
    assert 2 * 0.125 + 4 * 0.625 == step.dollars(UnitPrices(0.125, 0.625))
    assert 3e6 / 500 == step.seconds(500)
    assert step.seconds(None) is None


def test_a_hot_partition(shelf):
    """One partition key of more than a fifth of the sampled items is a danger."""
    for number in range(20, 50):
        send("PutItem", Item=old_item(number))
    (hot,) = [each for each in plan(Backfill("TASK", *BY_STATE)).safety if each.title == "hot partition"]
    assert "38 of 38 sampled items get GSI1PK = 'STATE#OPEN'" in hot.message
    assert "shard(10)" in hot.remedy


def test_a_hot_partition_of_personal_values(shelf):
    """A hot partition is found, and its personal value is hidden."""
    for number in range(20, 50):
        send("PutItem", Item=old_item(number, "ann@example.com"))
    derived = KeyText("GSI1PK", "MAIL#{mail}", mail=Text("state", personal=True))
    (hot,) = [each for each in plan(Backfill("TASK", derived)).safety if each.title == "hot partition"]
    assert "'MAIL#‹personal›'" in hot.message


def test_an_index_before_its_backfill(shelf):
    """An index that is created before its backfill is a danger."""
    found = dangers(plan(CreateIndex("GSI1", "GSI1PK", "GSI1SK"), Backfill("TASK", *BY_STATE)))
    assert ["index before backfill"] == [each.title for each in found]
    assert "GSI1 is created before" in found[0].message


def test_items_that_cannot_be_changed(shelf):
    """The plan counts sampled items that would exceed 400 KB or the length of a key, with reasons."""
    # moto refuses items over 405,000 bytes; the migration exceeds the real limit.
    send("PutItem", Item=old_item(1, blob={"S": "x" * 404_000}))
    pad = BackfillWith("TASK", {}, lambda: {"pad": "x" * 6_000}, writes=["pad"])
    (large,) = [each for each in plan(pad).safety if each.title == "over 400 KB"]
    assert re.search(r"1 sampled item: the item would have 41\d,\d+ bytes", large.message)
    (long,) = plan(Backfill("TASK", KeyText("GSI1PK", "{blob}", blob=Text("blob")))).safety
    assert "1 sampled item: GSI1PK would be 404,000 bytes long; DynamoDB takes 2,048." in long.message


def test_what_a_change_looks_like():
    """A difference has the name, the old and the new value; personal values are hidden, long ones are cut."""
    change = work(Backfill("TASK", *BY_STATE)).change(old_item(1, "x" * 100))
    shown = list(difference(change, frozenset({"GSI1SK"})))
    assert [("GSI1PK", "-", f"STATE#{'x' * 51}..."), ("GSI1SK", "-", "‹personal›")] == shown


# --- several migrations ---------------------------------------------------------------


def planned(history, *names):
    return make_plan(LiveTable(connection_of(ShelfTable)), history, list(names), now=NOW)


def test_a_step_is_planned_on_what_the_steps_before_it_leave(shelf):
    """A backfill from an attribute that a pending migration renames is planned on renamed items."""
    key = KeyText("GSI1PK", "P#{phase}", phase=Text("phase"))
    history = history_of(
        [RenameAttribute("TASK", "state", "phase"), RunPython(print)],
        [Backfill("TASK", key), CreateIndex("GSI1", "GSI1PK")],
    )
    found = planned(history, "0002_m", "0003_m")
    rename, code, backfill, index = found.steps
    assert [8, None, 8, 8] == [each.items for each in (rename, code, backfill, index)]
    assert {"GSI1": 8.0} == index.index_writes
    assert ["attribute renamed", "code that the plan cannot follow"] == [each.title for each in dangers(found)]


@pytest.mark.parametrize("projection", ["ALL", "KEYS_ONLY"])
def test_a_move_deletes_and_puts_each_row(shelf, projection):
    """A move deletes and puts each row, for each projection, and a transaction counts twice."""
    move = Rekey("TASK", KeyText("PK", "T#{task_id}", task_id=Text("taskId")), KEY[1])
    history = history_of([Backfill("TASK", *BY_STATE), CreateIndex("GSI1", "GSI1PK", "GSI1SK", projection)], [move])
    runner(history).migrate("0002_m")
    found = planned(history, "0003_m")
    (step,) = found.steps
    assert (8, 32.0, {"GSI1": 16.0}) == (step.items, step.writes, step.index_writes)
    assert ["primary keys change"] == [each.title for each in dangers(found)]


def test_a_row_that_does_not_change_costs_nothing(shelf):
    """A change of another attribute does not write a KEYS_ONLY index."""
    label = BackfillWith("TASK", {"s": Text("state")}, lambda s: {"label": s}, writes="label")
    for projection, units in (("ALL", {"GSI1": 8.0}), ("KEYS_ONLY", {})):
        index = CreateIndex("GSI1", "GSI1PK", "GSI1SK", projection)
        history = history_of([Backfill("TASK", *BY_STATE), index], [label])
        with embedded(ShelfTable, create=False):
            runner(history).migrate("0001_initial")
            put_old()
            runner(history).migrate("0002_m")
            (step,) = planned(history, "0003_m").steps
        assert units == step.index_writes


def test_cpu(shelf):
    """Single writes are limited by one CPU at any rate."""
    (step, _) = plan().steps
    assert step.cpu_seconds(statements=False) > 5 * step.cpu_seconds(statements=True) > 0


def test_a_rare_entity(shelf):
    """If the sample has no item of an entity, the plan has an upper bound."""
    adding = AddEntity("RARE", KeyText("PK", "RARE#{x}", x=Text("x")), KeyText("SK", "R", sort=True))
    key = KeyText("GSI1PK", "R#{x}", x=Text("x"))
    history = history_of([adding, Backfill("RARE", key)])

    class Large(LiveTable):
        def describe(self):
            return {**super().describe(), "ItemCount": 6000, "TableSizeBytes": 600_000}

        def send(self, operation, params):
            answer = super().send(operation, params)
            return {**answer, "LastEvaluatedKey": {"PK": {"S": "x"}}} if operation == "Scan" else answer

    large = Large(connection_of(ShelfTable))
    (step,) = make_plan(large, history, ["0002_m"]).steps
    sampled = 15
    assert (0, 3 * 6000 // sampled) == (step.items, step.most)


@pytest.mark.parametrize(
    ("operation", "title"),
    [
        (DeleteIndex("GSI1"), "index deleted"),
        (RemoveAttribute("TASK", "note"), "attribute deleted"),
        (ConvertAttribute("TASK", "points", str, old="integer", new="text"), "form changes"),
        (DisableTTL("ttl"), "time to live switched off"),
    ],
)
def test_dangers_of_operations(shelf, operation, title):
    """Dangerous operations are named, with a remedy."""
    whole = history_of([CreateIndex("GSI1", "GSI1PK"), EnableTTL("ttl")], [operation])
    (found,) = dangers(planned(whole, "0003_m"))
    assert title == found.title
    assert found.remedy


def test_a_gap_without_a_time_to_live(shelf):
    """Two changes of the time to live have a gap, since DynamoDB accepts about one change per hour."""
    whole = history_of([EnableTTL("old")], [DisableTTL("old"), EnableTTL("ttl")])
    (found,) = dangers(planned(whole, "0003_m"))
    assert "changes from old to ttl" in found.message


def test_dangers_of_the_table(shelf):
    """The dangers of a table are its stream, its replicas and missing point-in-time recovery."""

    class Global(LiveTable):
        def describe(self):
            stream = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
            return {**super().describe(), "StreamSpecification": stream, "Replicas": [{"RegionName": "eu-west-1"}]}

    found = make_plan(Global(connection_of(ShelfTable)), graph(), ["0002_by_state"])
    titles = [each.title for each in found.safety]
    assert ["stream consumers fire", "global table", "no point-in-time recovery"] == titles
    assert "about 8 records" in found.safety[0].message
    assert () == found.not_checked
