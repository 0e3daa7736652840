"""One pass of a run: its slices, its verification and its quarantine, under the lease."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import Any

import attrs

from singletable.errors import MigrationError, MigrationPausedError, MigrationStoppedError
from singletable.migrations.clock import Clock
from singletable.migrations.control_records import BACKWARD, VERIFYING, Records
from singletable.migrations.graph import Graph
from singletable.migrations.history import BACK, fenced
from singletable.migrations.item_writer import knows_statements
from singletable.migrations.lease import Lease
from singletable.migrations.operations import TableOperation
from singletable.migrations.passes import Step
from singletable.migrations.quarantine import Quarantine
from singletable.migrations.redriving import attempt_with
from singletable.migrations.run_options import Options, Progress
from singletable.migrations.segments import (
    SegmentVerifier,
    SegmentWorker,
    Slice,
    SliceResult,
    forget_segment,
)
from singletable.migrations.sweep import Breaker, SweepTally, sweep
from singletable.migrations.table_admin import TableAdmin, TableOwner
from singletable.migrations.tasks import Tasks, submitting
from singletable.migrations.throttle import Throttle
from singletable.models.items.item import key_of
from singletable.requests.connection import TableConnection

__all__ = ["VERIFIED_PAGE", "PassAhead", "PassRunner", "expected_shape"]

_DRIFT_SECONDS = 30.0
VERIFIED_PAGE = 1000
"""The number of items of a page that is only read."""


@attrs.frozen
class PassAhead:
    """The next pass over the items.

    Args:
        record: The record of its migration.
        step: The pass.
        swept: Whether every segment is finished, so that the pass is only verified again.
    """

    record: Any
    step: Step
    swept: bool = False

    @property
    def back(self) -> bool:
        """Whether it rolls the migration back."""
        return bool(self.record.status == BACK)

    @property
    def name(self) -> str:
        """The name of its slices and checkpoints."""
        return f"{self.record.name}{BACKWARD if self.back else ''}"

    @property
    def command(self) -> str:
        """The command that continues it."""
        return f"singletable rollback {self.record.name}" if self.back else "singletable migrate"

    @property
    def verifying(self) -> str:
        """The name of the slices that verify it."""
        return f"{self.record.name}{VERIFYING}"


class PassRunner:
    """Runs the passes of migrations.

    Args:
        connection: The connection to the table.
        graph: The scripts.
        options: The options of the run.
        records: The records of the table's history; None for records in the table itself.
        clock: The clock, which tests replace.
        tell: Called with a line for each step of the run.
        progress: Called with the progress after each slice.
        tasks: The processes that run slices; None for threads of this process.
        owner: The name of the runner in the lease; None for `owner_name()`.
        stack: The stack of the table, which changes its indexes and its time to live; see `TableAdmin`.
    """

    def __init__(
        self,
        connection: TableConnection,
        graph: Graph,
        options: Options | None = None,
        *,
        records: Records | None = None,
        clock: Clock | None = None,
        tell: Callable[[str], None] = lambda line: None,
        progress: Callable[[Progress], None] = lambda progress: None,
        tasks: Tasks | None = None,
        owner: str | None = None,
        stack: TableOwner | None = None,
    ) -> None:
        self.graph = graph
        self.options = options or Options()
        self.clock = clock or Clock()
        self._stop = threading.Event()
        state = graph.state
        self.table = TableAdmin(
            connection,
            self.clock,
            tell,
            before_change=self._before_change,
            stop=self._stop,
            final=state,
            owner=stack,
        )
        self.records = records or Records(connection, state.partition, state.sort, state.type_name)
        self._tell = tell
        self._progress = progress
        self._tasks = tasks
        self._turns = count(1)
        self.lease = Lease(self.records, self.clock, self.options.lease_seconds, tell, owner)

    def stop(self) -> None:
        """Ask a run to pause: it finishes the running slices, and begins no others."""
        self._stop.set()

    # --- parts of a pass, for runs whose slices run elsewhere -------------------------

    def finish_pass(self, ahead: PassAhead) -> None:
        """Record that a pass is done.

        Raises:
            MigrationStoppedError: A segment is not finished, items are quarantined, or the verification found wrong
                items.
        """
        counts = self._swept(ahead)
        self._check_quarantine(ahead)
        if self.verifies(ahead):
            self._check_verified(ahead)
        if ahead.record.step == ahead.step.number:
            self._reach(ahead.record, ahead.step, Counter(json.loads(ahead.record.counts)) + counts)

    def verifies(self, ahead: PassAhead) -> bool:
        """Whether the items are read again after a pass."""
        return self.options.verify and not ahead.back

    def redrive(self, ahead: PassAhead) -> None:
        """Try the quarantined items of a pass again."""
        attempt = attempt_with(self.table, self.lease, self._throttle(), {ahead.step.number: [ahead.step.compile()]})
        Quarantine(self.records, ahead.name, ahead.step.number).redrive(attempt, self.lease.assert_held)

    def open_segments(self, ahead: PassAhead) -> list[int]:
        """Return the segments of a pass that are not finished."""
        done = {number for number, each in self._checkpoints(ahead.name, ahead.step).items() if each.state == "done"}
        return [] if ahead.swept else [number for number in range(ahead.record.segments) if number not in done]

    def knows_statements(self) -> bool:
        """Return whether to write items with statements, by the options or by the support of the server."""
        if self.options.write_mode != "auto":
            return self.options.write_mode == "statements"
        if self.table.connection.settings.dax_endpoints:
            # A cluster does not accept statements, and would keep its old copies of the items.
            return False
        lease = self.records.Lease(name="runner")
        return bool(self.records.table.bound().table_name == self.table.name) and knows_statements(
            self.table, key_of(lease), "probe"
        )

    # --- inside ---------------------------------------------------------------------

    def _before_change(self) -> None:
        self.lease.assert_held()

    def _reach(self, record: Any, step: Step, counts: Counter[str]) -> None:
        """Record that a step is done."""
        applied = type(record)
        told = json.dumps(dict(counts), sort_keys=True)
        actions = [applied.step.set(step.number + 1), applied.counts.set(told)]
        fenced(record, actions, applied.epoch == self.lease.epoch)

    def _run_pass(self, ahead: PassAhead) -> None:
        self._tell(f"{ahead.record.name}: {ahead.step.describe()}")
        work = ahead.step.compile()
        throttle = self._throttle()
        if not ahead.swept:
            if self.options.redrive:
                self.redrive(ahead)
            self._sweep(ahead, SegmentWorker(self.table, self.records, work, throttle), throttle)
            self._check_quarantine(ahead)
        if self.verifies(ahead):
            self._sweep(ahead, SegmentVerifier(self.table, self.records, work, throttle), throttle)
        self.finish_pass(ahead)

    def _sweep(self, ahead: PassAhead, worker: SegmentWorker | SegmentVerifier, throttle: Throttle) -> None:
        """Run the slices of every segment to its end."""
        record, step = ahead.record, ahead.step
        verifying = isinstance(worker, SegmentVerifier)
        task = Slice(
            ahead.verifying if verifying else ahead.name,
            step.number,
            0,
            record.segments,
            self.lease.epoch,
            self.options.slice_pages,
            VERIFIED_PAGE if verifying else self.options.page_size,
            not verifying and self.knows_statements(),
        )
        tally = SweepTally.of(self._checkpoints(task.migration, step, verifying=verifying))
        elsewhere = self._tasks is not None and self._tasks.elsewhere
        checked = self.clock.monotonic()
        breaker = Breaker(1.0 if verifying else self.options.max_errors)

        def after(result: SliceResult) -> None:
            nonlocal checked
            self._progress(
                Progress(
                    record.name,
                    step.describe(),
                    "verify" if verifying else "backfill",
                    tally.total,
                    len(tally.finished),
                    task.segments,
                    dict(tally.consumed if elsewhere else throttle.consumed),
                    dict(tally.throttled if elsewhere else throttle.throttled),
                )
            )
            breaker.add(result.recent)
            self.lease.check()
            if self.clock.monotonic() - checked > _DRIFT_SECONDS:
                checked = self.clock.monotonic()
                self.table.check(expected_shape(self.graph, record.name))

        with submitting(self._tasks, self.options.workers) as submit:
            ended = sweep(
                submit,
                worker,
                task,
                tally,
                workers=self.options.workers,
                turns=self._turns,
                clock=self.clock,
                stop=self._stop,
                after=after,
            )
        if not ended:
            raise MigrationPausedError(f"{record.name} is paused.", remedy=f"Continue with `{ahead.command}`.")

    def _checkpoints(self, name: str, step: Step, *, verifying: bool = False) -> dict[int, Any]:
        """Return the checkpoints of a pass by segment; those of its verification only if they are of this lease."""
        found = self.records.Segment.query(migration=name, consistent=True).all()
        return {
            each.number: each
            for each in found
            if each.step == step.number and (not verifying or each.epoch == self.lease.epoch)
        }

    def _swept(self, ahead: PassAhead) -> Counter[str]:
        """Return the counts of all segments of a pass."""
        found = self._checkpoints(ahead.name, ahead.step)
        left = ahead.record.segments - sum(each.state == "done" for each in found.values())
        if left and not ahead.swept:
            raise MigrationStoppedError(
                f"{left:,} of {ahead.record.segments:,} segments of {ahead.record.name} are not finished.",
                remedy="Their worker is gone. Run it again: it continues from their checkpoints.",
            )
        return sum((Counter(json.loads(each.counts)) for each in found.values()), Counter[str]())

    def _is_verified(self, ahead: PassAhead) -> bool:
        """Return whether a pass was verified under this lease without a wrong item."""
        found = self._checkpoints(ahead.verifying, ahead.step, verifying=True)
        done = [each for each in found.values() if each.state == "done" and not json.loads(each.counts).get("wrong")]
        return len(done) == int(ahead.record.segments)

    def _check_quarantine(self, ahead: PassAhead) -> None:
        if self.options.accept_quarantine:
            return
        count, reasons = Quarantine(self.records, ahead.name, ahead.step.number).summary()
        if count:
            raise MigrationStoppedError(
                f"{count:,} item{'s are' if count > 1 else ' is'} quarantined: {reasons}.",
                remedy=f"`singletable status` lists them. Correct them, then `{ahead.command} --redrive`. Or leave"
                " them unchanged with --accept-quarantine.",
            )

    def _check_verified(self, ahead: PassAhead) -> None:
        if self._is_verified(ahead):
            return
        found = self._checkpoints(ahead.verifying, ahead.step, verifying=True).values()
        counts = sum((Counter(json.loads(each.counts)) for each in found), Counter[str]())
        if not counts["wrong"]:
            raise MigrationStoppedError(
                f"The verification of {ahead.record.name} is not complete.", remedy="Run it again: it starts over."
            )
        # The next run must go over the items again, even if later steps are done.
        applied = type(ahead.record)
        fenced(ahead.record, [applied.step.set(ahead.step.number)], applied.epoch == self.lease.epoch)
        self._forget_segments(ahead.record.name, ahead.step.number)
        raise MigrationStoppedError(
            f"The verification of {ahead.record.name} found wrong items:"
            f" {counts['wrong']:,} of {counts['verified']:,}.",
            remedy="Code that does not know the new attributes has written them meanwhile. Deploy the new models"
            " everywhere, then run `singletable migrate` again: it repeats the pass.",
        )

    def _forget_segments(self, name: str, step: int | None = None) -> None:
        for migration in (name, f"{name}{BACKWARD}", f"{name}{VERIFYING}"):
            for each in self.records.Segment.query(migration=migration, consistent=True).all():
                if step is None or each.step == step:
                    forget_segment(each, self.lease.epoch)

    def _throttle(self) -> Throttle:
        table = self.table.require()
        rates: dict[tuple[str, str], float] = {}
        on_demand = table.get("BillingModeSummary", {}).get("BillingMode") == "PAY_PER_REQUEST"
        if self.options.share is not None:
            if on_demand:
                raise MigrationError(
                    "--share needs provisioned capacity, and the table is billed on demand.",
                    remedy="Give --rate, in units per second.",
                )
            rates = {key: units * self.options.share for key, units in _provisioned(table).items()}
        return Throttle(self.clock, self.options.rate, rates, ramp=on_demand, stop=self._stop)


def expected_shape(graph: Graph, name: str) -> Any:
    """Return the state that a begun migration needs to continue: the state before it, without its own indexes."""
    before = graph.before(name)
    mine = {
        getattr(operation, "name", None)
        for operation in graph.scripts[name].migration.operations
        if isinstance(operation, TableOperation)
    }
    return attrs.evolve(before, indexes={key: each for key, each in before.indexes.items() if key not in mine})


def _provisioned(table: dict[str, Any]) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = {}
    for name, each in [("table", table), *((i["IndexName"], i) for i in table.get("GlobalSecondaryIndexes") or ())]:
        units = each.get("ProvisionedThroughput") or {}
        found[name, "read"] = float(units.get("ReadCapacityUnits") or 1)
        found[name, "write"] = float(units.get("WriteCapacityUnits") or 1)
    return found
