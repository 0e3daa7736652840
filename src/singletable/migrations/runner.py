"""The runner: applies migrations, one step after the other, and can be ended at any moment and started again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from singletable.errors import MigrationConflict, MigrationError, SingletableError
from singletable.migrations.checking import ItemChecks
from singletable.migrations.fresh import bring_to, is_empty, runs_code
from singletable.migrations.history import APPLIED, BACK, RUNNING, History
from singletable.migrations.operations import CreateTable, TableOperation
from singletable.migrations.pass_runner import PassAhead, PassRunner, expected_shape
from singletable.migrations.passes import Pass, Step
from singletable.migrations.quarantine import Quarantine
from singletable.migrations.redriving import attempt_with
from singletable.migrations.table_admin import TableAdmin
from singletable.models.binding.binding import connection_of

__all__ = ["Runner"]


class Runner(PassRunner):
    """Brings a table from what its history says to what the scripts say.

    Args:
        connection, graph, options, ...: Those of `PassRunner`.
    """

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
            if self.start(history, target):
                return names
            while (ahead := self.next_pass(history, target)) is not None:
                self._run_pass(ahead)
        return names

    def rollback(self, name: str) -> None:
        """Undo a migration that is applied, or begun: its own writes, and no others.

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
        """Forget that a migration was begun. Its writes stay in the items.

        A later run begins it again, which is safe: written items need no change.

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
                bring_to(self.table, self.graph, [*history.applied, *needed], state)
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
        """Forget the quarantined items of a migration, and leave them as they are. Returns their number."""
        with self._leased():
            return self._forget_quarantine(name)

    def adopt(self) -> int:
        """Move the records that an earlier version left in the control table to keys that name this table.

        Returns:
            The number of records.

        Raises:
            MigrationError: The control table has no such records.
        """
        self._create_records()
        unnamed = self.records.unnamed()
        if unnamed is None or unnamed.Applied.query(consistent=True).first() is None:
            raise MigrationError(
                "The control table has no records without a table's name.",
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

    def start(self, history: History, target: str | None = None) -> bool:
        """Refuse impossible passes before anything is written, and bring an empty table to the wanted state.

        Args:
            history: The history, which is brought up to date.
            target: The last migration to apply; None for the head.

        Returns:
            Whether everything is applied now.

        Raises:
            MigrationError: A pass would send requests that DynamoDB refuses.
        """
        names = history.pending(target)
        for name in names:
            for step in history.steps(name):
                if step.is_pass:
                    step.compile()
        return bool(names) and self._bring_new(history, target)

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
            steps = history.steps(name)
            record = self._begin(history, name, steps)
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

    def _create_table(self, target: str | None = None) -> None:
        """Create the table if the first migration does, and that of the records: the lease needs a place."""
        self._create_records()
        if self.table.describe() is not None:
            return
        names = self.graph.wanted(target)
        first = self.graph.scripts[names[0]].migration.operations if names else ()
        if first and isinstance(first[0], CreateTable):
            if runs_code(self.graph, names, on_empty=True):
                first[0].run(self.table, self.graph.before(names[0]))
            else:
                state = self.graph.state_at(names)
                self.table.create(state.partition, state.sort, tuple(state.indexes.values()))
        else:
            self.table.require()  # raises what a missing table raises

    def _create_records(self) -> None:
        if self.records.table.bound().table_name != self.table.name:
            records = TableAdmin(connection_of(self.records.table), self.clock, self._tell)
            records.create(*self.records.key_names, ())

    def _bring_new(self, history: History, target: str | None) -> bool:
        """Bring an empty table to the wanted state at once, and record all migrations as applied.

        Returns:
            Whether it was done. A table with items, a begun migration, or one that calls a function of the project
            takes the steps one after the other.
        """
        names = history.pending(target)
        type_name = self.graph.state.type_name
        if history.unfinished or runs_code(self.graph, names, on_empty=True) or not is_empty(self.table, type_name):
            return False
        before = self.graph.state_at(history.applied)
        if before.partition:
            self.table.check(before)
        wanted = [*history.applied, *names]
        bring_to(self.table, self.graph, wanted, self.graph.state_at(wanted))
        if not is_empty(self.table, type_name):
            return False  # items came meanwhile: the passes go over them
        self._tell(f"The table is empty: brought to the state of {names[-1]} at once.")
        for name in names:
            self.lease.check()
            history.stamp(self.graph.scripts[name], self.lease.owner)
        return True

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
        return sum(each.forget(self.lease.assert_held) for each in Quarantine.of(self.records, name))

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
        # The oldest first: a later migration may depend on the writes of an earlier one.
        for name, passes in reversed(chains):
            final = ItemChecks(self.graph.state_at(history.applied), self.graph.state)
            attempt = attempt_with(self.table, self.lease, self._throttle(), passes, final)
            counts += Quarantine(self.records, name).redrive(attempt, self.lease.assert_held)
        return counts

    def _refuse_foreign(self, history: History) -> None:
        """Refuse to take a table for new that others have filled."""
        if history.migrations:
            return
        if not is_empty(self.table, self.graph.state.type_name):
            raise MigrationConflict(
                f"{self.table.name!r} has items, and no history of migrations.",
                remedy=f"If it is as a migration leaves it, say so: `singletable stamp {self.graph.order[0]}`.",
            )

    def _begin(self, history: History, name: str, steps: list[Step]) -> Any:
        """The record of a migration that is begun, or goes on, on a table that is what it should be."""
        script = self.graph.scripts[name]
        if steps and isinstance(steps[0].operations[0], CreateTable):
            self._refuse_foreign(history)
        else:
            fresh = history.status(name) is None
            self.table.check(history.before(name) if fresh else expected_shape(self.graph, name))
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
