"""Waits for indexes and for changes of the time to live: few lines, and a pause at any time."""

import threading
from collections import deque

import attrs
import pytest
from botocore.exceptions import ClientError

from singletable.engine import embedded
from singletable.errors import MigrationConflictError, MigrationPausedError, MigrationStoppedError
from singletable.migrations import CreateIndex, DisableTTL, EnableTTL, Graph, Migration, Script
from singletable.migrations.lease import Lease
from singletable.migrations.table_admin import TableAdmin
from singletable.models.binding.binding import connection_of
from singletable.testing import inject
from singletable.testing.faults import Fault
from tests.framework.migrations.world import BY_STATE, ShelfTable, StillClock, first, put_old, runner


@pytest.fixture
def shelf():
    """The table as of the first migration."""
    with embedded(ShelfTable, create=False):
        runner().migrate("0001_initial")
        put_old(2, 0)
        yield ShelfTable


def history_of(*operations):
    scripts = [Script("0001_initial", first(), "first"), Script("0002_m", Migration(["0001_initial"], operations), "x")]
    return Graph(scripts)


@attrs.frozen(kw_only=True)
class Filling(Fault):
    """Indexes are being created until a point in time."""

    clock: StillClock
    until: float
    operations: tuple = ("DescribeTable",)

    def befall(self, send_on, operation, params, dice):
        answer = send_on(operation, params)
        for each in answer["Table"].get("GlobalSecondaryIndexes", []):
            if self.clock.now < self.until:
                each["IndexStatus"] = "CREATING"
        return answer


INDEX = CreateIndex("GSI1", "GSI1PK", "GSI1SK")


def test_an_hour_of_waiting_is_a_line_a_minute(shelf):
    """A wait of an hour reports one line per minute, with the passed minutes."""
    clock, told = StillClock(), []
    with inject(shelf, Filling(clock=clock, until=3600)):
        runner(history_of(INDEX), told.append, clock=clock, lease_seconds=1e9).migrate()
    waiting = [line for line in told if line.startswith("waiting")]
    assert 55 < len(waiting) <= 61
    assert "waiting for the index GSI1 (59 min)" in waiting


def test_a_wait_ends_at_once(shelf):
    """A run that waits for hours can be stopped, and gives its lease back; the next run continues to wait."""
    clock, told = StillClock(), []

    def tell(line):
        told.append(line)
        if len(told) == 5:
            made.stop()
            stopped.append(clock.now)

    stopped = []
    made = runner(history_of(INDEX), tell, clock=clock, lease_seconds=1e9)
    with inject(shelf, Filling(clock=clock, until=900)):
        with pytest.raises(MigrationPausedError, match="Paused while waiting for the index GSI1"):
            made.migrate()
        assert clock.now - stopped[0] < 1
        assert Lease(made.records, clock).holder() is None
        assert ["0002_m"] == runner(history_of(INDEX), clock=clock, lease_seconds=1e9).migrate()


@attrs.frozen(kw_only=True)
class SlowTtl(Fault):
    """Changes of the time to live are refused for a while, or take a while, as on DynamoDB."""

    refuse: int = 0
    settling: deque = attrs.field(factory=deque)
    refused: list = attrs.field(factory=list)
    operations: tuple = ("UpdateTimeToLive", "DescribeTimeToLive")

    def befall(self, send_on, operation, params, dice):
        if operation == "UpdateTimeToLive" and len(self.refused) < self.refuse:
            self.refused.append(params)
            message = "Time to live has been modified multiple times within a fixed interval"
            error = {"Error": {"Code": "ValidationException", "Message": message}}
            raise ClientError({**error, "ResponseMetadata": {"RetryAttempts": 0}}, operation)
        answer = send_on(operation, params)
        if operation == "DescribeTimeToLive" and self.settling:
            answer["TimeToLiveDescription"] |= {"TimeToLiveStatus": self.settling.popleft()}
        return answer


def test_a_change_of_the_time_to_live_waits_until_it_is_accepted(shelf):
    """DynamoDB accepts about one change per hour: the wait is reported once a minute, then the change is made."""
    clock, told = StillClock(), []
    graph = history_of(EnableTTL("old"), DisableTTL("old"), EnableTTL("ttl"))
    slow = SlowTtl(refuse=60)
    with inject(shelf, slow):
        made = runner(graph, told.append, clock=clock, lease_seconds=1e9)
        made.migrate()
    assert "ttl" == made.table.ttl()
    assert 60 == len(slow.refused)
    assert any("DynamoDB to accept a change of the time to live (on, old), up to an hour" in line for line in told)
    assert len([line for line in told if line.startswith("waiting")]) < 12


def test_a_time_to_live_that_is_being_switched_off_is_waited_for(shelf):
    """DynamoDB refuses a change while the time to live is being switched off."""
    clock = StillClock()
    table = TableAdmin(connection_of(shelf), clock)
    table.set_ttl("old", on=True)
    with inject(shelf, SlowTtl(settling=deque(["DISABLING"] * 5 + ["DISABLED"]))) as injection:
        table.set_ttl("ttl", on=True)
    assert 10 <= clock.now < 20
    assert 1 == injection.calls.count("UpdateTimeToLive")


def test_a_time_to_live_that_never_changes_is_given_up(shelf):
    """The wait for the time to live ends after two hours."""
    table = TableAdmin(connection_of(shelf), StillClock())
    with inject(shelf, SlowTtl(refuse=10**9)), pytest.raises(MigrationStoppedError, match="without success"):
        table.set_ttl("ttl", on=True)


def test_a_time_to_live_by_another_attribute(shelf):
    """A time to live by another attribute is neither replaced nor switched off."""
    table = TableAdmin(connection_of(shelf), StillClock())
    table.set_ttl("other", on=True)
    with pytest.raises(MigrationConflictError, match="on already, by other"):
        table.set_ttl("ttl", on=True)
    table.set_ttl("ttl", on=False)
    assert "other" == table.ttl()


def test_a_run_that_waits_for_capacity_ends_at_once(shelf):
    """A stopped run does not wait for its rate."""
    from singletable.migrations import Backfill

    clock = StillClock()
    seen = threading.Event()
    made = runner(history_of(Backfill("TASK", *BY_STATE)), clock=clock, rate=0.001, page_size=1, lease_seconds=1e9)
    made._progress = lambda progress: (seen.set(), made.stop())
    with pytest.raises(MigrationPausedError):
        made.migrate()
    assert seen.is_set()
