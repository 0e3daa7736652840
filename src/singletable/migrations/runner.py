"""The runner: applies migrations, one step after the other, and can be ended at any moment and started again."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from singletable.migrations.fresh import bring_to, is_empty, runs_code
from singletable.migrations.graph import Graph
from singletable.migrations.history import APPLIED, BACK, RUNNING, History, fenced
from singletable.migrations.lease import Lease
from singletable.migrations.live import LiveTable
from singletable.migrations.operations import CreateTable, TableOperation
from singletable.migrations.options import Options, Progress
from singletable.migrations.passes import Pass, Step
from singletable.migrations.quarantine import Quarantine
from singletable.migrations.records import Records
from singletable.migrations.segments import (
    BACKWARD,
    VERIFYING,
    SegmentVerifier,
    SegmentWorker,
    Slice,
    SliceResult,
    first_fault,
    forget_segment,
)
from singletable.migrations.sweep import Breaker, Tally, sweep
from singletable.migrations.tasks import Tasks, submitting
from singletable.migrations.throttle import Throttle
from singletable.migrations.writes import ItemWriter, knows_statements
from singletable.requests.connection import TableConnection
from singletable.requests.types import Item

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
        self._stop = threading.Event()
        state = graph.state
        self.table = LiveTable(
            connection, self.clock, tell, before_change=self._before_change, stop=self._stop, final=state
        )
        self.records = records or Records(connection, state.partition, state.sort, state.type_name)
        self._tell = tell
        self._progress = progress
        self._tasks = tasks
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
        self.prepare(target)
        with self._leased():
            history = self.open()
            if self.options.redrive:
                self._redrive_applied(history)
            names = history.pending(target)
            for name in names:
                self._refuse_impossible(name)
            if names and self._bring_new(history, target):
                return names
            while (ahead := self.next_pass(history, target)) is not None:
                self._run_pass(ahead)
        return names

    def rollback(self, name: str) -> None:
        """Take a migration back that is applied, or begun: what it wrote, and only that.

        Raises:
            MigrationError: It is not applied, or another depends on it, or nothing takes it back.
        """
        steps = self.graph.steps_back(name)
        with self._leased():
            history = self._history()
            if history.status(name) is None:
                raise MigrationError(f"{name} is not applied.", remedy="`singletable status` shows what is.")
            self._refuse_other(history, name)
            dependents = [other for other in history.applied if name in self.graph.scripts[other].migration.depends_on]
            if dependents:
                raise MigrationError(
                    f"{dependents[0]} is applied, and depends on {name}.", remedy=f"Roll back {dependents[0]} first."
                )
            record = history.begin(self.graph.scripts[name], self.lease.owner, self.options.segments, BACK)
            while (step := self._advance(record, steps)) is not None:
                self._run_pass(PassAhead(record, step))
            self._forget(history, name)

    def abort(self, name: str) -> None:
        """Forget that a migration was begun. The items keep what it has written so far.

        A later run begins it anew, which is safe: what is written already needs no change.

        Raises:
            MigrationError: It is not begun, or its rollback is.
        """
        with self._leased():
            history = History(self.records, self.graph, self.lease.epoch)
            if history.status(name) != RUNNING:
                raise MigrationError(
                    f"{name} is {history.status(name) or 'not begun'}; only a begun migration can be aborted.",
                    remedy=f"`singletable rollback {name}` takes an applied one back.",
                )
            self._forget(history, name)

    def stamp(self, target: str, *, bring: bool = False) -> list[str]:
        """Record a migration, and all that it depends on, as applied. No item is touched.

        Args:
            target: The migration's name.
            bring: Whether to switch the time to live and the stream to the recorded state.

        Returns:
            The names of the migrations that were not applied before.

        Raises:
            MigrationConflict: The keys, an index, the time to live or the stream differ from the recorded state.
        """
        self._create_records()
        needed = self.graph.needed_by(target)
        with self._leased():
            history = self._history()
            for name in needed:
                history.refuse_rollback(name)
            state = self.graph.state_at([*history.applied, *needed])
            self.table.check(state)
            if bring:
                bring_to(self.table, self.graph.state_at(history.applied), state)
            differences = self.table.differences(state)
            if differences:
                raise MigrationConflict(
                    f"{self.table.name!r} is not as {target} leaves it. {' '.join(differences)}",
                    remedy="`singletable stamp --bring` switches them; or stamp the migration that fits the table.",
                    migration=target,
                )
            names = [name for name in needed if history.status(name) != APPLIED]
            for name in names:
                history.stamp(self.graph.scripts[name], self.lease.owner)
        return names

    def redrive_applied(self) -> Counter[str]:
        """Try again the quarantined items of applied migrations, of which the operator accepted that they stay.

        Returns:
            How many items were `released`, and how many `quarantined` again.
        """
        with self._leased():
            return self._redrive_applied(self.open())

    def forget_quarantine(self, name: str) -> int:
        """Forget the quarantined items of a migration, and leave them as they are. Returns how many there were."""
        with self._leased():
            return self._forget_quarantine(name)

    def adopt(self) -> int:
        """Move the records that an earlier version left in the control table to keys that name this table.

        Returns:
            The number of records.

        Raises:
            MigrationError: There are none.
        """
        self._create_records()
        unnamed = self.records.unnamed()
        if unnamed is None or unnamed.Applied.query(consistent=True).first() is None:
            raise MigrationError(
                "There are no records without a table's name to adopt.",
                remedy="`singletable status` shows the history.",
            )
        with self._leased():
            return History(self.records, self.graph, self.lease.epoch).adopt(unnamed)

    # --- parts of a run, for what does the passes elsewhere ---------------------------

    def prepare(self, target: str | None = None) -> None:
        """Create the table if the first migration does; before the lease is taken, which needs a place.

        Args:
            target: The last migration to apply; None for the head.

        Raises:
            SingletableError: The history has two heads, or there is no table and nothing creates it.
        """
        self.graph.check_heads()
        self._create_table(target)

    def open(self) -> History:
        """The history, under the lease.

        Raises:
            MigrationConflict: It is not that of these scripts, or a rollback is not at its end.
        """
        history = self._history()
        if history.unfinished is not None:
            history.refuse_rollback(history.unfinished)
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
        attempt = self._attempt({ahead.step.number: [ahead.step.compile()]})
        Quarantine(self.records, ahead.name, ahead.step.number).redrive(attempt, self.lease.assert_held)

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

    def _history(self) -> History:
        """Return the history, under the lease; edits are recorded if they are accepted."""
        history = History(self.records, self.graph, self.lease.epoch)
        history.check(accept_edited=self.options.accept_edited)
        if self.options.accept_edited:
            history.accept_edits()
        return history

    def _before_change(self) -> None:
        self.lease.assert_held()

    def _create_table(self, target: str | None = None) -> None:
        """Create the table if the first migration does, and that of the records: the lease needs a place."""
        self._create_records()
        if self.table.describe() is not None:
            return
        names = self._wanted(target)
        first = self.graph.scripts[names[0]].migration.operations if names else ()
        if first and isinstance(first[0], CreateTable):
            if runs_code(self.graph, names):
                first[0].run(self.table, self.graph.before(names[0]))
            else:
                state = self.graph.state_at(names)
                self.table.create(state.partition, state.sort, tuple(state.indexes.values()))
        else:
            self.table.require()  # raises what a missing table raises

    def _create_records(self) -> None:
        if self.records.table.bound().table_name != self.table.name:
            records = LiveTable(self.records.table._get_connection(), self.clock, self._tell)
            records.create(*self.records.key_names, ())

    def _wanted(self, target: str | None) -> list[str]:
        return self.graph.needed_by(target) if target else self.graph.order

    def _bring_new(self, history: History, target: str | None) -> bool:
        """Bring an empty table to the wanted state at once, and record all migrations as applied.

        Returns:
            Whether it was done. A table with items, a begun migration, or one that calls a function of the project
            takes the steps one after the other.
        """
        names = history.pending(target)
        type_name = self.graph.state.type_name
        if history.unfinished or runs_code(self.graph, names) or not is_empty(self.table, type_name):
            return False
        before = self.graph.state_at(history.applied)
        if before.partition:
            self.table.check(before)
        bring_to(self.table, before, self.graph.state_at([*history.applied, *names]))
        if not is_empty(self.table, type_name):
            return False  # items came meanwhile: the passes go over them
        self._tell(f"The table has no items: it is in the state of {names[-1]} at once.")
        for name in names:
            self.lease.check()
            history.stamp(self.graph.scripts[name], self.lease.owner)
        return True

    def _refuse_impossible(self, name: str) -> None:
        """Refuse a migration with a pass whose requests DynamoDB would refuse, before anything is written."""
        for step in self.graph.steps(name):
            if step.is_pass:
                step.compile()

    def _refuse_other(self, history: History, name: str) -> None:
        """Refuse to roll a migration back while another one is begun."""
        other = history.unfinished
        if other not in (None, name):
            raise MigrationConflict(
                f"{other} is {history.status(other)}, and not at its end.",
                remedy=f"Finish it, or abort it first: `singletable abort {other}`.",
                migration=other,
            )

    def _forget(self, history: History, name: str) -> None:
        self._forget_segments(name)
        self._forget_quarantine(name)
        history.forget(name)

    def _forget_quarantine(self, name: str) -> int:
        passes = (name, f"{name}{BACKWARD}")
        return sum(Quarantine(self.records, each).forget(self.lease.assert_held) for each in passes)

    def _redrive_applied(self, history: History) -> Counter[str]:
        chains: list[tuple[str, dict[int, list[Pass]]]] = []
        later: list[Pass] = []
        for name in reversed(history.applied):
            passes: dict[int, list[Pass]] = {}
            for step in reversed(self.graph.steps(name)):
                if step.is_pass:
                    later = [step.compile(), *later]
                    passes[step.number] = later
            chains.append((name, passes))
        counts: Counter[str] = Counter()
        # The oldest first: a later migration may find at fault what an earlier one left out.
        for name, passes in reversed(chains):
            counts += Quarantine(self.records, name).redrive(self._attempt(passes), self.lease.assert_held)
        return counts

    def _attempt(self, passes: Mapping[int, Sequence[Pass]]) -> Callable[[Item, int], str | None]:
        """Return a function that changes one item by the pass that quarantined it, and by all later ones."""
        throttle = self._throttle()

        def attempt(key: Item, step: int) -> str | None:
            if step not in passes:
                return f"step {step} of the migration does not go over the items any more"
            reasons: list[str] = []
            for work in passes[step]:
                item = self.table.item(key)
                if item is None:
                    return None
                writer = ItemWriter(self.table, work, throttle, lambda _, reason: reasons.append(reason))
                key = writer.bring(item)
                if reasons:
                    return reasons[0]
            return self._fault(key, passes[step][-1])

        return attempt

    def _fault(self, key: Item, work: Pass) -> str | None:
        """Return what is still wrong with an item after a pass; None for nothing."""
        item = self.table.item(key)
        found = None if item is None else first_fault(item, work)
        return None if found is None else found.reason or f"{found.name} is {found.kind}"

    def _refuse_foreign(self, history: History) -> None:
        """Refuse to take a table for new that others have filled."""
        if history.migrations:
            return
        if not is_empty(self.table, self.graph.state.type_name):
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
        self.lease.assert_held()
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
                    self.lease.assert_held()
                    operation.run(self.table, step.before)
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
        if self.options.accept_quarantine:
            return
        count, reasons = Quarantine(self.records, ahead.name, ahead.step.number).summary()
        if count:
            raise MigrationStopped(
                f"{count:,} item{'s are' if count > 1 else ' is'} quarantined: {reasons}.",
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
