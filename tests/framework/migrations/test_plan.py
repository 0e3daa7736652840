"""The plan: what it counts, what it costs, and what it finds dangerous."""

import re
from datetime import datetime, timezone

import pytest

from singletable.engine import embedded
from singletable.migrations import Backfill, BackfillWith, CreateIndex, KeyText, Text
from singletable.migrations.live import LiveTable
from singletable.migrations.plan import PlannedStep, Prices, difference, make_plan
from singletable.models.binding import connection_of
from tests.framework.migrations.world import BY_STATE, ShelfTable, graph, old_item, put_old, runner, send, work

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
    """Items that would be written, of those that are looked at; write units of the table and of the index."""
    backfill, index = plan().steps
    assert (8, 8.0, {"GSI1": 8.0}) == (backfill.items, backfill.writes, backfill.index_writes)
    assert 15 == backfill.looked  # with the records of two migrations
    assert index.items is None
    assert "Create the index GSI1" in index.describe


def test_what_is_done_is_not_planned(shelf):
    """Items that are as they should be are not counted."""
    runner().migrate()
    backfill, _ = plan().steps
    assert (0, 0.0, {}) == (backfill.items, backfill.writes, backfill.index_writes)


def test_dollars_and_seconds():
    """At the stated prices for a million units; the busiest of table and indexes decides on the time."""
    step = PlannedStep("x", "y", 10, 10, 1, reads=2e6, writes=1e6, index_writes={"A": 3e6, "B": 0.0})
    assert 2 * 0.125 + 4 * 0.625 == step.dollars(Prices(0.125, 0.625))
    assert 3e6 / 500 == step.seconds(500)
    assert step.seconds(None) is None


def test_a_hot_partition(shelf):
    """One partition key for more than a fifth of the items of the sample."""
    for number in range(20, 50):
        send("PutItem", Item=old_item(number))
    (hot,) = [each for each in plan(Backfill("TASK", *BY_STATE)).safety if each.title == "hot partition"]
    assert "38 of 38 sampled items get GSI1PK = 'STATE#OPEN'" in hot.message
    assert "shard(10)" in hot.remedy


def test_a_hot_partition_of_personal_values(shelf):
    """Is found, and its value hidden."""
    for number in range(20, 50):
        send("PutItem", Item=old_item(number, "ann@example.com"))
    derived = KeyText("GSI1PK", "MAIL#{mail}", mail=Text("state", personal=True))
    (hot,) = [each for each in plan(Backfill("TASK", derived)).safety if each.title == "hot partition"]
    assert "'MAIL#‹personal›'" in hot.message


def test_an_index_before_its_backfill(shelf):
    """The order of the script is the wrong way round."""
    found = plan(CreateIndex("GSI1", "GSI1PK", "GSI1SK"), Backfill("TASK", *BY_STATE)).safety
    assert ["index before backfill"] == [each.title for each in found]
    assert "GSI1 is created before" in found[0].message


def test_items_that_cannot_be_changed(shelf):
    """Those of the sample that would pass 400 KB, or get too long a key: how many, and why."""
    # moto refuses what is larger than 405,000 bytes; the migration brings it over the real limit.
    send("PutItem", Item=old_item(1, blob={"S": "x" * 404_000}))
    pad = BackfillWith("TASK", {}, lambda: {"pad": "x" * 6_000}, writes=["pad"])
    (large,) = [each for each in plan(pad).safety if each.title == "over 400 KB"]
    assert re.search(r"1 sampled item: the item would be 41\d,\d+ bytes large", large.message)
    (long,) = plan(Backfill("TASK", KeyText("GSI1PK", "{blob}", blob=Text("blob")))).safety
    assert "1 sampled item: GSI1PK would be 404,000 bytes long; DynamoDB takes 2,048." in long.message


def test_what_a_change_looks_like():
    """Name, before, after; personal values hidden, long ones cut."""
    change = work(Backfill("TASK", *BY_STATE)).change(old_item(1, "x" * 100))
    shown = list(difference(change, frozenset({"GSI1SK"})))
    assert [("GSI1PK", "-", f"STATE#{'x' * 51}..."), ("GSI1SK", "-", "‹personal›")] == shown
