"""A migration on the two engines that create indexes; one of them has PartiQL."""

import pytest

from singletable.engine import embedded, server
from singletable.migrations.clock import Clock
from singletable.migrations.live_table import LiveTable
from singletable.migrations.throttle import Throttle
from singletable.migrations.verifier import verify
from singletable.models.binding.binding import connection_of
from singletable.testing.faults import inject
from tests.framework.migrations.world import ShelfTable, graph, put_old, runner


@pytest.mark.parametrize(("engine", "statements"), [("embedded", False), ("ministack", True)])
def test_a_table_is_migrated_with_statements_if_their_conditions_count(engine, statements):
    """A migration probes whether the engine evaluates conditions of statements, and is right in both cases."""
    with embedded(ShelfTable, create=False) if engine == "embedded" else server(engine, ShelfTable, create=False):
        runner(write_mode="auto").migrate("0001_initial")
        put_old()
        with inject(ShelfTable) as injected:
            runner(write_mode="auto").migrate()
        # One statement probes the engine; other statements write the items.
        assert statements == (injected.calls.count("BatchExecuteStatement") > 1)
        assert verify(LiveTable(connection_of(ShelfTable)), graph().state, Throttle(Clock())).right
