"""The runner: applies migrations, one step after the other, and can be ended at any moment and started again."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any

import attrs

from singletable.errors import (
    MigrationConflict,
    MigrationError,
    MigrationPaused,
    MigrationStopped,
    SingletableError,
)
from singletable.migrations.clock import Clock
from singletable.migrations.graph import Graph
from singletable.migrations.history import APPLIED, BACK, History, fenced
from singletable.migrations.lease import Lease
from singletable.migrations.live import LiveTable
from singletable.migrations.operations import CreateTable, TableOperation
from singletable.migrations.options import Options, Progress
from singletable.migrations.passes import Step
from singletable.migrations.records import Records
from singletable.migrations.segments import BACKWARD, VERIFYING, SegmentVerifier, SegmentWorker, Slice
from singletable.migrations.sweep import Tally, check_errors, sweep
from singletable.migrations.tasks import Tasks, submitting
from singletable.migrations.throttle import Throttle
from singletable.migrations.writes import knows_statements
from singletable.requests.connection import TableConnection

__all__ = ["VERIFIED_PAGE", "PassAhead", "Runner"]

_DRIFT_SECONDS = 30.0
VERIFIED_PAGE = 1000
"""Items of a page that is only read."""


@attrs.frozen
class PassAhead:
    """A pass over the items that is to be done next.

    Args:
        record: What the table has recorded of its migration.
        step: The pass.
        swept: Whether every segment was at its end before, and it is only to be verified again.
    """

    record: Any
    step: Step
    swept: bool = False

    @property
    def back(self) -> bool:
        """Whether it takes the migration back."""
        return bool(self.record.status == BACK)

    @property
    def name(self) -> str:
        """What its slices and checkpoints are called."""
        return f"{self.record.name}{BACKWARD if self.back else ''}"

    @property
    def command(self) -> str:
        """What goes on with it."""
        return f"singletable rollback {self.record.name}" if self.back else "singletable migrate"

    @property
    def verifying(self) -> str:
        """What the slices that verify it are called."""
        return f"{self.record.name}{VERIFYING}"


class Runner:
    """Brings a table from what its history says to what the scripts say.

    Args:
        connection: The table.
        graph: The scripts.
        options: How.
        records: Where the table's history is kept; None for the table itself.
        clock: Time.
        tell: Called with a line about what happens.
        progress: Called while items are worked on.
        tasks: Where slices are done; None for threads of this process.
        owner: What the runner is called in the lease; None for a name of its own.
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
    ) -> None:
        self.graph = graph
        self.options = options or Options()
        self.clock = clock or Clock()
        self.table = LiveTable(connection, self.clock, tell)
        state = graph.state
        self.records = records or Records(connection, state.partition, state.sort, state.type_name)
        self._tell = tell
        self._progress = progress
        self._tasks = tasks
        self._stop = threading.Event()
        self._turns = count(1)
        self.lease = Lease(self.records, self.clock, self.options.lease_seconds, tell, owner)

    def stop(self) -> None:
        """Ask a run to pause: slices that are under way are finished, no other is begun."""
        self._stop.set()

    # --- commands -------------------------------------------------------------------

    def migrate(self, target: str | None = None) -> list[str]:
        """Apply what is not applied yet, up to a migration or to the head. Returns the names of what was applied.

        Raises:
            SingletableError: What stands in the way. Whatever was done is recorded; the next run goes on from there.
        """
        self.prepare()
        with self._leased():
            history = self.open()
            names = history.pending(target)
            while (ahead := self.next_pass(history, target)) is not None:
                self._run_pass(ahead)
        return names

    def rollback(self, name: str) -> None:
        """Take an applied migration back: what it wrote, and only that.

        Raises:
            MigrationError: It is not applied, or another depends on it, or nothing takes it back.
        """
        steps = self.graph.steps_back(name)
        with self._leased():
            history = History(self.records, self.graph, self.lease.epoch)
            history.check(accept_edited=self.options.accept_edited)
            if history.status(name) not in (APPLIED, BACK):
                raise MigrationError(f"{name} is not applied.", remedy="`singletable status` shows what is.")
            dependents = [other for other in history.applied if name in self.graph.scripts[other].migration.depends_on]
            if dependents:
                raise MigrationError(
                    f"{dependents[0]} is applied, and depends on {name}.", remedy=f"Roll back {dependents[0]} first."
                )
            record = history.begin(self.graph.scripts[name], self.lease.owner, self.options.segments, BACK)
            while (step := self._advance(record, steps)) is not None:
                self._run_pass(PassAhead(record, step))
            self._forget_segments(name)
            history.forget(name)

    def stamp(self, target: str) -> list[str]:
        """Record a migration, and all that it depends on, as applied without doing anything."""
        self._create_records()
        with self._leased():
            history = History(self.records, self.graph, self.lease.epoch)
            names = [name for name in self.graph.needed_by(target) if history.status(name) != APPLIED]
            for name in names:
                history.stamp(self.graph.scripts[name], self.lease.owner)
        return names

    # --- parts of a run, for what does the passes elsewhere ---------------------------

    def prepare(self) -> None:
        """Create the table if the first migration does; before the lease is taken, which needs a place.

        Raises:
            SingletableError: The history has two heads, or there is no table and nothing creates it.
        """
        self.graph.check_heads()
        self._create_table()

    def open(self) -> History:
        """The history, under the lease.

        Raises:
            MigrationConflict: It is not that of these scripts, or a rollback is not at its end.
        """
        history = History(self.records, self.graph, self.lease.epoch)
        history.check(accept_edited=self.options.accept_edited)
        back = history.unfinished
        if back is not None and history.status(back) == BACK:
            raise MigrationConflict(
                f"The rollback of {back} is not at its end.",
                remedy=f"Finish it: `singletable rollback {back}`.",
                migration=back,
            )
        return history

    def next_pass(self, history: History, target: str | None = None) -> PassAhead | None:
        """Do every step up to the next pass over the items, under the lease.

        Args:
            history: The history.
            target: The last migration to apply; None for the head.

        Returns:
            The pass that is to be done next; None where everything is applied.

        Raises:
            SingletableError: What stands in the way.
        """
        for name in history.pending(target):
            record = self._begin(history, name)
            steps = self.graph.steps(name)
            step = self._advance(record, steps)
            if step is not None:
                return PassAhead(record, step)
            last = [PassAhead(record, step, swept=True) for step in steps if step.is_pass][-1:]
            if last and self.options.verify and not self._is_verified(last[0]):
                # What was verified before an interruption may have been written to since.
                return last[0]
            history.finish(name, Counter(json.loads(record.counts)))
            self._forget_segments(name)
        return None

    def finish_pass(self, ahead: PassAhead) -> None:
        """Record that a pass is done, if it is.

        Raises:
            MigrationStopped: A segment is not at its end, items are quarantined, or not as they should be.
        """
        counts = self._swept(ahead)
        self._check_quarantine(ahead)
        if self.verifies(ahead):
            self._check_verified(ahead)
        if ahead.record.step == ahead.step.number:
            self._reach(ahead.record, ahead.step, Counter(json.loads(ahead.record.counts)) + counts)

    def verifies(self, ahead: PassAhead) -> bool:
        """Whether the items are read again behind a pass."""
        return self.options.verify and not ahead.back

    def redrive(self, ahead: PassAhead) -> None:
        """Try again what a pass has quarantined."""
        work = ahead.step.compile()
        SegmentWorker(self.table, self.records, work, self._throttle()).redrive(ahead.name, ahead.step.number)

    def open_segments(self, ahead: PassAhead) -> list[int]:
        """The segments of a pass that are not at their end."""
        done = {number for number, each in self._checkpoints(ahead.name, ahead.step).items() if each.state == "done"}
        return [] if ahead.swept else [number for number in range(ahead.record.segments) if number not in done]

    def knows_statements(self) -> bool:
        """Whether items are to be written with statements: as the options say, or as the server knows them."""
        if self.options.write_mode != "auto":
            return self.options.write_mode == "statements"
        if self.table.connection.settings.dax_endpoints:
            # A cluster has no statements, and would keep its copies of what went round it.
            return False
        lease = self.records.Lease(name="runner")
        return bool(self.records.table.bound().table_name == self.table.name) and knows_statements(
            self.table, lease._key_item(), "probe"
        )

    # --- inside ---------------------------------------------------------------------

    @contextmanager
    def _leased(self) -> Iterator[None]:
        self.lease.acquire()
        self.lease.keep()
        try:
            yield
        finally:
            # What ended the run is told, and not that the lease must run out by itself.
            with suppress(SingletableError):
                self.lease.release()

    def _create_table(self) -> None:
        """Create the table if the first migration does, and that of the records: the lease needs a place."""
        self._create_records()
        if self.table.describe() is not None:
            return
        first = self.graph.scripts[self.graph.order[0]].migration.operations if self.graph.order else ()
        if first and isinstance(first[0], CreateTable):
            first[0].run(self.table)
        else:
            self.table.require()  # raises what a missing table raises

    def _create_records(self) -> None:
        if self.records.table.bound().table_name != self.table.name:
            records = LiveTable(self.records.table._get_connection(), self.clock, self._tell)
            records.create(*self.records.key_names, ())

    def _refuse_foreign(self, history: History) -> None:
        """Refuse to take a table for new that others have filled."""
        if history.migrations:
            return
        own = self.records.table.bound().table_name == self.table.name
        answer = self.table.send("Scan", {"TableName": self.table.name, "Limit": 2 if own else 1})
        if len(answer.get("Items", [])) > (1 if own else 0):  # the lease is one
            raise MigrationConflict(
                f"{self.table.name!r} has items, and no history of migrations.",
                remedy=f"If it is as a migration leaves it, say so: `singletable stamp {self.graph.order[0]}`.",
            )

    def _begin(self, history: History, name: str) -> Any:
        """The record of a migration that is begun, or goes on, on a table that is what it should be."""
        script = self.graph.scripts[name]
        steps = self.graph.steps(name)
        if steps and isinstance(steps[0].operations[0], CreateTable):
            self._refuse_foreign(history)
        else:
            self.table.check(self.graph.before(name) if history.status(name) is None else _shape(self.graph, name))
        record = history.begin(script, self.lease.owner, self.options.segments)
        if record.segments != self.options.segments and any(step.is_pass for step in steps):
            raise MigrationConflict(
                f"{name} was begun with {record.segments} segments, and cannot go on with {self.options.segments}.",
                remedy=f"Go on with --segments {record.segments}.",
                migration=name,
            )
        return record

    def _advance(self, record: Any, steps: list[Step]) -> Step | None:
        """Do the steps up to the next pass, which is returned; None where there is none."""
        for step in steps[record.step :]:
            self.lease.check()
            if step.is_pass:
                return step
            self._tell(f"{record.name}: {step.describe()}")
            for operation in step.operations:
                if isinstance(operation, TableOperation):
                    operation.run(self.table)
            self._reach(record, step, Counter(json.loads(record.counts)))
        return None

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
        """Every segment to its end."""
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
        tally = Tally.of(self._checkpoints(task.migration, step, verifying=verifying))
        elsewhere = self._tasks is not None and self._tasks.elsewhere
        checked = self.clock.monotonic()

        def after() -> None:
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
            if not verifying:
                check_errors(tally.total, self.options.max_errors)
            self.lease.check()
            if self.clock.monotonic() - checked > _DRIFT_SECONDS:
                checked = self.clock.monotonic()
                self.table.check(_shape(self.graph, record.name))

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
            raise MigrationPaused(f"{record.name} is paused.", remedy=f"Go on with `{ahead.command}`.")

    def _checkpoints(self, name: str, step: Step, *, verifying: bool = False) -> dict[int, Any]:
        """The checkpoints of a pass by segment; of those that verify it, only the ones of this lease."""
        found = self.records.Segment.query(migration=name, consistent=True).all()
        return {
            each.number: each
            for each in found
            if each.step == step.number and (not verifying or each.epoch == self.lease.epoch)
        }

    def _swept(self, ahead: PassAhead) -> Counter[str]:
        """What was done in all segments of a pass."""
        found = self._checkpoints(ahead.name, ahead.step)
        left = ahead.record.segments - sum(each.state == "done" for each in found.values())
        if left and not ahead.swept:
            raise MigrationStopped(
                f"{left:,} of {ahead.record.segments:,} segments of {ahead.record.name} are not at their end.",
                remedy="Whatever had them is gone. Run it again: it goes on where they are.",
            )
        return sum((Counter(json.loads(each.counts)) for each in found.values()), Counter[str]())

    def _is_verified(self, ahead: PassAhead) -> bool:
        """Whether a pass was verified under this lease, and found to be right."""
        found = self._checkpoints(ahead.verifying, ahead.step, verifying=True)
        done = [each for each in found.values() if each.state == "done" and not json.loads(each.counts).get("wrong")]
        return len(done) == int(ahead.record.segments)

    def _check_quarantine(self, ahead: PassAhead) -> None:
        found = self.records.Quarantined.query(migration=ahead.name, consistent=True)
        records = [each for each in found if each.step == ahead.step.number]
        if records and not self.options.accept_quarantine:
            reasons = Counter(each.reason for each in records).most_common(3)
            raise MigrationStopped(
                f"{len(records):,} item{'s are' if len(records) > 1 else ' is'} quarantined: "
                + "; ".join(f"{reason} ({count:,})" for reason, count in reasons)
                + ".",
                remedy=f"`singletable status` lists them. Correct them, then `{ahead.command} --redrive`; or leave"
                " them as they are with --accept-quarantine.",
            )

    def _check_verified(self, ahead: PassAhead) -> None:
        if self._is_verified(ahead):
            return
        found = self._checkpoints(ahead.verifying, ahead.step, verifying=True).values()
        counts = sum((Counter(json.loads(each.counts)) for each in found), Counter[str]())
        if not counts["wrong"]:
            raise MigrationStopped(
                f"Verifying {ahead.record.name} is not at its end.", remedy="Run it again: it is verified anew."
            )
        # The next run is to go over the items again, even where later steps are done.
        applied = type(ahead.record)
        fenced(ahead.record, [applied.step.set(ahead.step.number)], applied.epoch == self.lease.epoch)
        self._forget_segments(ahead.record.name, ahead.step.number)
        raise MigrationStopped(
            f"Verifying {ahead.record.name} found {counts['wrong']:,} of {counts['verified']:,} items that are not as"
            " they should be.",
            remedy="They were written meanwhile by code that does not know the new attributes. Deploy the new"
            " models everywhere, then run `singletable migrate` again: it goes over the items once more.",
        )

    def _forget_segments(self, name: str, step: int | None = None) -> None:
        for migration in (name, f"{name}{BACKWARD}", f"{name}{VERIFYING}"):
            found = self.records.Segment.query(migration=migration, consistent=True).all()
            with self.records.table.batch() as batch:
                for each in found:
                    if step is None or each.step == step:
                        batch.delete(each)

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
        return Throttle(self.clock, self.options.rate, rates, ramp=on_demand)


def _shape(graph: Graph, name: str) -> Any:
    """What must be there when a migration goes on that was begun: what is there before it, but for its own indexes."""
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
