"""Migrations that change the shape of items, and repairs, that crash at each call while other code writes."""

import os

import pytest

from singletable.engine import embedded
from singletable.migrations import item_writer, segments
from singletable.migrations.clock import Clock
from singletable.migrations.live_table import LiveTable
from singletable.migrations.throttle import Throttle
from singletable.migrations.verifier import Verifier
from singletable.models.binding.binding import connection_of
from tests.framework.migrations.changing import SHAPES, World, crashed_at, migration, prepared, tasks
from tests.framework.migrations.world import ShelfTable, StillClock, send

DEEP = os.environ.get("HYPOTHESIS_PROFILE") in ("deep", "random")
SEEDS, EVERY = (20, 8) if DEEP else (1, 60)


def sweep(shape, seed, every, prepare=prepared, make=migration):
    """Yield the problems after crashes before and after some of the calls of one seed."""

    def run(crash_at, *, after=False):
        with embedded(ShelfTable, create=False):
            world = World(shape, seed)
            prepare(world)
            return crashed_at(world, make(world), crash_at, after=after)

    problems, calls = run(None)
    if problems:
        yield "no crash", problems
    for crash_at in range(1 + seed % every, calls + 1, every):
        for after in (False, True):
            problems, _ = run(crash_at, after=after)
            if problems:
                yield f"{'after' if after else 'before'} call {crash_at}", problems


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_no_crash_loses_or_spoils_anything(shape, seed):
    """Every item keeps its facts in the new shape, once, with its keys; in `make test-deep` with twenty seeds."""
    assert [] == list(sweep(shape, seed, EVERY))


# --- repair ---------------------------------------------------------------------------


def corrupted(world):
    """The migrated table, with a fault in most items."""
    prepared(world)
    migration(world)()
    world.late = True
    for number, item in enumerate(tasks()):
        key = {"PK": item["PK"], "SK": item["SK"]}
        expression, values = [
            ("REMOVE GSI1PK", None),
            ("SET GSI1SK = :v", {":v": {"S": "elsewhere"}}),
            ("SET ttlPK = :v", {":v": {"S": "POINTS#none"}}),
            ("REMOVE entityType", None),
        ][number % 4]
        more = {"ExpressionAttributeValues": values} if values else {}
        send("UpdateItem", Key=key, UpdateExpression=expression, **more)


def repair(world):
    """Return a function that repairs the table."""

    def run():
        verification = Verifier(
            LiveTable(connection_of(ShelfTable)),
            world.new,
            Throttle(Clock()),
            indexes=False,
            repair=True,
            clock=StillClock(),
        )
        return verification.run().right

    return run


@pytest.mark.parametrize("seed", range(SEEDS))
def test_no_crash_of_a_repair_loses_or_spoils_anything(seed):
    """Items that are repaired twice, or changed meanwhile, are right and keep the facts of the writers."""
    assert [] == list(sweep("convert", seed, EVERY, corrupted, repair))


# --- engines that are broken on purpose: the sweep must see it ------------------------


def without_pins(monkeypatch):
    """Items are written without a condition on their attributes."""
    for name in ("update_params", "move_params"):
        real = getattr(item_writer, name)

        def unpinned(table, change, real=real):
            object.__setattr__(change, "pins", frozenset())
            return real(table, change)

        monkeypatch.setattr(item_writer, name, unpinned)


def early_checkpoint(monkeypatch):
    """The page counts as done before its items are written, and a crash in between loses them."""
    treat = segments.SegmentWorker._treat

    def skip(self, task, items):
        return treat(self, task, items[1:])

    monkeypatch.setattr(segments.SegmentWorker, "_treat", skip)
    monkeypatch.setattr(segments.SegmentVerifier, "_treat", lambda self, task, items: {})


@pytest.mark.parametrize("broken", [without_pins, early_checkpoint])
@pytest.mark.parametrize("shape", ["convert", "move"] if DEEP else ["convert"])
def test_a_broken_engine_is_caught(monkeypatch, broken, shape):
    """The same sweep finds each planted fault."""
    broken(monkeypatch)
    assert any(next(sweep(shape, seed, 40), None) for seed in range(20))
