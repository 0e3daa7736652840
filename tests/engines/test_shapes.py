"""The crash sweep of migrations that change the shape of items, on a server that evaluates transactions itself."""

import pytest

from singletable.engine import server
from tests.framework.migrations.changing import World, crashed_at, migration, prepared
from tests.framework.migrations.server import on_server
from tests.framework.migrations.world import ShelfTable
from tests.properties.test_crash_sweep_of_shapes import corrupted, repair

SEEDS = 20
LONGEST = 60
"""About the number of calls of a run; a crash after its end has no effect."""


@pytest.mark.parametrize(
    ("shape", "prepare", "make"),
    [("move", prepared, migration), ("convert", prepared, migration), ("convert", corrupted, repair)],
    ids=["move", "convert", "repair"],
)
def test_no_crash_loses_or_spoils_anything(shape, prepare, make):
    """Twenty seeds, each with crashes before and after two calls; moves are transactions of two items."""
    with server("ministack") as at:
        for seed in range(SEEDS):
            for crash_at in (1 + 3 * seed % LONGEST, 1 + (31 + 7 * seed) % LONGEST):
                with on_server(at.endpoint_url, ShelfTable):
                    world = World(shape, seed)
                    prepare(world)
                    problems, _ = crashed_at(world, make(world), crash_at, after=bool(seed % 2))
                    assert [] == problems, (seed, crash_at)
