"""The runner: applies migrations, one step after the other, and can be ended at any moment and started again."""

from __future__ import annotations

import json
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from functools import partial
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
from singletable.migrations.history import APPLIED, BACK, History
from singletable.migrations.lease import Lease
from singletable.migrations.live import LiveTable
from singletable.migrations.operations import CreateTable, TableOperation
from singletable.migrations.passes import Pass, Step
from singletable.migrations.records import Records, insist
from singletable.migrations.segments import SegmentWorker, Slice, SliceResult, pages_of, scan_params
from singletable.migrations.sources import Unfit
from singletable.migrations.throttle import Throttle
from singletable.migrations.writes import WriteMode, knows_statements
from singletable.requests.connection import TableConnection

__all__ = ["Options", "Progress", "Runner", "Tasks"]

_DRIFT_SECONDS = 30.0
_DEFERRED_SECONDS = 1.0
_FEW = 10


@attrs.frozen(kw_only=True)
class Options:
    """How a run is done.

    Args:
        segments: Into how many segments the table is cut; many more than workers, so that no worker stays on one
            part of the table.
        workers: How many slices are done at once.
        rate: Units per second, of the table and each index, for reads and for writes; None for no limit but the ramp
            of an on-demand table.
        share: The share of the provisioned capacity to use, from 0 to 1, in place of a rate.
        write_mode: One UpdateItem an item, or PartiQL statements, 25 a request; `auto` for what the server does.
        page_size: How many items DynamoDB looks at for a page.
        slice_pages: How many pages a slice has.
        max_errors: The share of items that may be quarantined before the run stops.
        lease_seconds: How long another runner must be silent before it is taken for dead.
        verify: Whether to read the table again behind each pass.
        accept_quarantine: Whether a migration may be applied although items are quarantined.
        accept_edited: Whether scripts may have been edited since they were begun or applied.
        redrive: Whether to try again what is quarantined.
    """

    segments: int = attrs.field(default=32, validator=attrs.validators.in_(range(1, 1_000_001)))
    workers: int = attrs.field(default=4, validator=attrs.validators.ge(1))
    rate: float | None = None
    share: float | None = None
    write_mode: WriteMode = "auto"
    page_size: int = 250
    slice_pages: int = 1
    max_errors: float = 0.1
    lease_seconds: float = 20.0
    verify: bool = True
    accept_quarantine: bool = False
    accept_edited: bool = False
    redrive: bool = False


@attrs.frozen
class Progress:
    """How far a pass is.

    Args:
        migration: The migration's name.
        step: What the step does.
        phase: `backfill` or `verify`.
        counts: What was done so far.
        done: How many segments are at their end.
        segments: How many there are.
        consumed: Capacity units of this run so far, by `read` and `write`.
        throttled: How often what was throttled, `table` or an index.
        items: About how many items the table has, as DynamoDB counted them some hours ago.
    """

    migration: str
    step: str
    phase: str
    counts: Counter[str]
    done: int
    segments: int
    consumed: dict[str, float]
    throttled: dict[str, int]
    items: int


@attrs.frozen
class Tasks:
    """Where slices are done.

    Args:
        executor: Any executor: threads, processes, Dask's.
        function: What does a slice there; None for this process's own worker.
    """

    executor: Executor
    function: Callable[[dict[str, Any]], dict[str, Any]] | None = None


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
        self.lease = Lease(self.records, self.clock, self.options.lease_seconds, tell)

    def stop(self) -> None:
        """Ask a run to pause: slices that are under way are finished, no other is begun."""
        self._stop.set()

    # --- commands -------------------------------------------------------------------

    def migrate(self, target: str | None = None) -> list[str]:
        """Apply what is not applied yet, up to a migration or to the head. Returns the names of what was applied.

        Raises:
            SingletableError: What stands in the way. Whatever was done is recorded; the next run goes on from there.
        """
        self.graph.check_heads()
        self._create_table()
        done: list[str] = []
        with self._leased() as history:
            history.check(accept_edited=self.options.accept_edited)
            back = history.unfinished
            if back is not None and history.status(back) == BACK:
                raise MigrationConflict(
                    f"The rollback of {back} is not at its end.",
                    remedy=f"Finish it: `singletable rollback {back}`.",
                    migration=back,
                )
            for name in history.pending(target):
                self._apply(history, name)
                done.append(name)
        return done

    def rollback(self, name: str) -> None:
        """Take an applied migration back: what it wrote, and only that.

        Raises:
            MigrationError: It is not applied, or another depends on it, or nothing takes it back.
        """
        steps = self.graph.steps_back(name)
        with self._leased() as history:
            history.check(accept_edited=self.options.accept_edited)
            if history.status(name) not in (APPLIED, BACK):
                raise MigrationError(f"{name} is not applied.", remedy="`singletable status` shows what is.")
            dependents = [other for other in history.applied if name in self.graph.scripts[other].migration.depends_on]
            if dependents:
                raise MigrationError(
                    f"{dependents[0]} is applied, and depends on {name}.", remedy=f"Roll back {dependents[0]} first."
                )
            record = history.begin(self.graph.scripts[name], self.lease.owner, self.options.segments, BACK)
            self._steps(record, steps)
            self._forget_segments(name)
            history.forget(name)

    def stamp(self, target: str) -> list[str]:
        """Record a migration, and all that it depends on, as applied without doing anything."""
        with self._leased() as history:
            names = [name for name in self.graph.needed_by(target) if history.status(name) != APPLIED]
            for name in names:
                history.stamp(self.graph.scripts[name], self.lease.owner)
        return names

    # --- inside ---------------------------------------------------------------------

    @contextmanager
    def _leased(self) -> Iterator[History]:
        self.lease.acquire()
        self.lease.keep()
        try:
            yield History(self.records, self.graph)
        finally:
            # What ended the run is told, and not that the lease must run out by itself.
            with suppress(SingletableError):
                self.lease.release()

    def _create_table(self) -> None:
        """Create the table if the first migration does, and that of the records: the lease needs a place."""
        if self.records.table.Meta.table_name != self.table.name:
            records = LiveTable(self.records.table._table_connection, self.clock, self._tell)
            records.create(*self.records.key_names, ())
        if self.table.describe() is not None:
            return
        first = self.graph.scripts[self.graph.order[0]].migration.operations if self.graph.order else ()
        if first and isinstance(first[0], CreateTable):
            first[0].run(self.table)
        else:
            self.table.require()  # raises what a missing table raises

    def _refuse_foreign(self, history: History) -> None:
        """Refuse to take a table for new that others have filled."""
        if history.migrations:
            return
        own = self.records.table.Meta.table_name == self.table.name
        answer = self.table.send("Scan", {"TableName": self.table.name, "Limit": 2 if own else 1})
        if len(answer.get("Items", [])) > (1 if own else 0):  # the lease is one
            raise MigrationConflict(
                f"{self.table.name!r} has items, and no history of migrations.",
                remedy=f"If it is as a migration leaves it, say so: `singletable stamp {self.graph.order[0]}`.",
            )

    def _apply(self, history: History, name: str) -> None:
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
        resumed = record.step > 0
        counts = self._steps(record, steps)
        passes = [step for step in steps if step.is_pass]
        if resumed and passes and self.options.verify:
            # What was verified before the interruption may have been written to since.
            self._verify(record, passes[-1], name, passes[-1].compile(), self._throttle())
        history.finish(name, counts)
        self._forget_segments(name)

    def _steps(self, record: Any, steps: list[Step]) -> Counter[str]:
        counts = Counter(json.loads(record.counts))
        for step in steps[record.step :]:
            self.lease.check()
            self._tell(f"{record.name}: {step.describe()}")
            if step.is_pass:
                counts += self._run_pass(record, step)
            else:
                for operation in step.operations:
                    if isinstance(operation, TableOperation):
                        operation.run(self.table)
            reached, told = step.number + 1, json.dumps(dict(counts), sort_keys=True)
            insist(partial(record.update, step=reached, counts=told))
        return counts

    def _run_pass(self, record: Any, step: Step) -> Counter[str]:
        work = step.compile()
        throttle = self._throttle()
        worker = SegmentWorker(self.table, self.records, work, throttle, statements=self._statements(work))
        back = record.status == BACK
        migration = f"{record.name}~back" if back else record.name
        if self.options.redrive:
            worker.redrive(migration, step.number)
        counts = self._sweep(record, step, migration, worker, throttle)
        self._check_quarantine(migration, step)
        if self.options.verify and not back:
            self._verify(record, step, migration, work, throttle)
        return counts

    def _sweep(
        self, record: Any, step: Step, migration: str, worker: SegmentWorker, throttle: Throttle
    ) -> Counter[str]:
        """Every segment to its end, interleaved, a slice at a time."""
        segments = record.segments
        totals: dict[int, Counter[str]] = {}
        finished: set[int] = set()
        consumed = Counter[str]()
        for each in self.records.Segment.query(migration=migration).all():
            if each.step == step.number:
                totals[each.number] = Counter(json.loads(each.counts))
                if each.state == "done":
                    finished.add(each.number)
        waiting = deque(number for number in range(segments) if number not in finished)
        resting: dict[int, float] = {}
        under_way: set[Future[SliceResult]] = set()
        items = int(self.table.require().get("ItemCount") or 0)
        checked = self.clock.monotonic()
        with self._executor() as submit:
            try:
                while waiting or under_way:
                    while waiting and len(under_way) < self.options.workers and not self._stop.is_set():
                        number = _next_ready(waiting, resting, self.clock.monotonic())
                        if number is None:
                            break
                        task = Slice(
                            migration,
                            step.number,
                            number,
                            segments,
                            self.lease.epoch,
                            self.options.slice_pages,
                            self.options.page_size,
                        )
                        under_way.add(submit(worker, task))
                    if not under_way:
                        if self._stop.is_set():
                            raise MigrationPaused(
                                f"{record.name} is paused.", remedy="Go on with `singletable migrate`."
                            )
                        self.clock.sleep(0.05)
                        continue
                    done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                    for future in done:
                        result = future.result()
                        totals[result.segment] = Counter(result.counts)
                        consumed.update(result.consumed)
                        if result.done:
                            finished.add(result.segment)
                        else:
                            waiting.append(result.segment)
                        if result.throttled:
                            resting[result.segment] = self.clock.monotonic() + _DEFERRED_SECONDS
                    total = sum(totals.values(), Counter[str]())
                    self._progress(
                        Progress(
                            record.name,
                            step.describe(),
                            "backfill",
                            total,
                            len(finished),
                            segments,
                            dict(consumed if self._elsewhere else throttle.consumed),
                            dict(throttle.throttled),
                            items,
                        )
                    )
                    self._break(total)
                    self.lease.check()
                    if self.clock.monotonic() - checked > _DRIFT_SECONDS:
                        checked = self.clock.monotonic()
                        self.table.check(step.before)
            finally:
                # What is under way writes rightly; nothing else is begun.
                wait(under_way)
        return sum(totals.values(), Counter[str]())

    @property
    def _elsewhere(self) -> bool:
        """Whether slices are done by other processes, each with a throttle of its own."""
        return self._tasks is not None and self._tasks.function is not None

    @contextmanager
    def _executor(self) -> Iterator[Callable[[SegmentWorker, Slice], Future[SliceResult]]]:
        if self._tasks is None:
            with ThreadPoolExecutor(self.options.workers, thread_name_prefix="singletable") as pool:
                yield lambda worker, task: pool.submit(worker.run, task)
            return
        tasks = self._tasks

        def submit(worker: SegmentWorker, task: Slice) -> Future[SliceResult]:
            if tasks.function is None:
                return tasks.executor.submit(worker.run, task)
            outer: Future[SliceResult] = Future()
            inner = tasks.executor.submit(tasks.function, attrs.asdict(task))
            inner.add_done_callback(lambda future: _pass_on(future, outer))
            return outer

        yield submit

    def _break(self, counts: Counter[str]) -> None:
        quarantined = counts["quarantined"]
        tried = counts["written"] + counts["already"] + counts["gone"] + quarantined
        if quarantined > _FEW and quarantined > self.options.max_errors * tried:
            raise MigrationStopped(
                f"{quarantined:,} of {tried:,} items were quarantined, more than {self.options.max_errors:.0%}.",
                remedy="`singletable status` says why. Correct the items or the script, then"
                " `singletable migrate --redrive`; or allow more with --max-errors.",
            )

    def _check_quarantine(self, migration: str, step: Step) -> None:
        records = [each for each in self.records.Quarantined.query(migration=migration) if each.step == step.number]
        if records and not self.options.accept_quarantine:
            reasons = Counter(each.reason for each in records).most_common(3)
            raise MigrationStopped(
                f"{len(records):,} item{'s are' if len(records) > 1 else ' is'} quarantined: "
                + "; ".join(f"{reason} ({count:,})" for reason, count in reasons)
                + ".",
                remedy="`singletable status` lists them. Correct them, then `singletable migrate --redrive`; or leave"
                " them as they are with --accept-quarantine.",
            )

    def _verify(self, record: Any, step: Step, migration: str, work: Pass, throttle: Throttle) -> None:
        """Read every item again, consistently: none may be left that the pass would change."""
        wrong, looked, unfit = 0, 0, 0
        segments = record.segments
        with ThreadPoolExecutor(self.options.workers) as pool:

            def look(segment: int) -> tuple[int, int, int]:
                bad, seen, odd = 0, 0, 0
                params = scan_params(self.table.name, work, segment, segments, 1000)
                for page in pages_of(self.table, {**params, "ConsistentRead": True}, throttle):
                    if self._stop.is_set():
                        break
                    for item in page:
                        seen += 1
                        try:
                            bad += work.change(item) is not None
                        except Unfit:
                            odd += 1
                return bad, seen, odd

            for done, found in enumerate(pool.map(look, range(segments)), 1):
                wrong, looked, unfit = wrong + found[0], looked + found[1], unfit + found[2]
                counts = Counter({"verified": looked, "wrong": wrong, "quarantined": unfit})
                self._progress(
                    Progress(
                        record.name,
                        step.describe(),
                        "verify",
                        counts,
                        done,
                        segments,
                        dict(throttle.consumed),
                        dict(throttle.throttled),
                        0,
                    )
                )
                self.lease.check()
        if self._stop.is_set():
            raise MigrationPaused(f"{record.name} is paused.", remedy="Go on with `singletable migrate`.")
        if wrong:
            self._forget_segments(migration, step.number)
            raise MigrationStopped(
                f"Verifying {record.name} found {wrong:,} of {looked:,} items that are not as they should be.",
                remedy="They were written meanwhile by code that does not know the new attributes. Deploy the new"
                " models everywhere, then run `singletable migrate` again: it goes over the items once more.",
            )

    def _forget_segments(self, name: str, step: int | None = None) -> None:
        for migration in (name, f"{name}~back"):
            found = self.records.Segment.query(migration=migration).all()
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

    def _statements(self, work: Pass) -> bool:
        if self.options.write_mode != "auto":
            return self.options.write_mode == "statements"
        lease = self.records.Lease(name="runner")
        return self.records.table.Meta.table_name == self.table.name and knows_statements(
            self.table, lease._key_item(), "probe"
        )


def _shape(graph: Graph, name: str) -> Any:
    """What must be there when a migration goes on that was begun: what is there before it, but for its own indexes."""
    before = graph.before(name)
    mine = {
        getattr(operation, "name", None)
        for operation in graph.scripts[name].migration.operations
        if isinstance(operation, TableOperation)
    }
    return attrs.evolve(before, indexes={key: each for key, each in before.indexes.items() if key not in mine})


def _next_ready(waiting: deque[int], resting: dict[int, float], now: float) -> int | None:
    """The next segment that does not rest from throttling."""
    for _ in range(len(waiting)):
        number = waiting.popleft()
        if resting.get(number, 0.0) <= now:
            return number
        waiting.append(number)
    return None


def _pass_on(inner: Future[Any], outer: Future[SliceResult]) -> None:
    error = inner.exception()
    if error is not None:
        outer.set_exception(error)
    else:
        outer.set_result(SliceResult(**inner.result()))


def _provisioned(table: dict[str, Any]) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = {}
    for name, each in [("table", table), *((i["IndexName"], i) for i in table.get("GlobalSecondaryIndexes") or ())]:
        units = each.get("ProvisionedThroughput") or {}
        found[name, "read"] = float(units.get("ReadCapacityUnits") or 1)
        found[name, "write"] = float(units.get("WriteCapacityUnits") or 1)
    return found
