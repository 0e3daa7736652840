"""The runner: it applies migrations step by step, and can be ended at any time and started again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from singletable.errors import MigrationConflictError, MigrationError, SingletableError
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
    """Brings a table from the state of its history to the state of the scripts.

    Args:
        connection, graph, options, ...: See `PassRunner`.
    """

    # --- commands -------------------------------------------------------------------

    def migrate(self, target: str | None = None) -> list[str]:
        """Apply the pending migrations, up to a target or to the head. Return the names of the applied migrations.

        Raises:
            SingletableError: A step failed. All progress is recorded, and the next run continues from there.
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
        """Roll back a migration that is applied or begun: its own writes, and no others.

        Raises:
            MigrationError: It is not applied, an applied migration depends on it, or it cannot be reversed.
        """
        steps = self.graph.steps_back(name)
        with self._leased():
            history = self._history()
            if history.status(name) is None:
                raise MigrationError(f"{name} is not applied.", remedy="`singletable status` lists the history.")
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

        A later run begins it again, which is safe: items that are written already do not change.

        Raises:
            MigrationError: The migration is not begun, or its rollback is begun.
        """
        with self._leased():
            history = History(self.records, self.graph, self.lease.epoch)
            if history.status(name) != RUNNING:
                raise MigrationError(
                    f"{name} is {history.status(name) or 'not begun'}; only a begun migration can be aborted.",
                    remedy=f"Use `singletable rollback {name}` for an applied migration.",
                )
            self._forget(history, name)

    def stamp(self, target: str, *, bring: bool = False) -> list[str]:
        """Record a migration and all its dependencies as applied. Items do not change.

        Args:
            target: The migration's name.
            bring: Whether to switch the time to live and the stream to the recorded state.

        Returns:
            The names of the migrations that were not applied before.

        Raises:
            MigrationConflictError: The keys, an index, the time to live or the stream differ from the recorded state.
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
                raise MigrationConflictError(
                    f"{self.table.name!r} is not in the state after {target}. {' '.join(differences)}",
                    remedy="`singletable stamp --bring` switches them. Or stamp the migration that fits the table.",
                    migration=target,
                )
            names = [name for name in needed if history.status(name) != APPLIED]
            for name in names:
                history.stamp(self.graph.scripts[name], self.lease.owner)
        return names

    def redrive_applied(self) -> Counter[str]:
        """Try the quarantined items of applied migrations again.

        Returns:
            The number of items that were `released`, and that were `quarantined` again.
        """
        with self._leased():
            return self._redrive_applied(self.open())

    def forget_quarantine(self, name: str) -> int:
        """Forget the quarantined items of a migration, without changing them. Return their number."""
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

    # --- parts of a run, for runs whose passes run elsewhere --------------------------

    def prepare(self, target: str | None = None) -> None:
        """Create the table if the first migration does. This comes before the lease, which is stored in it.

        Args:
            target: The last migration to apply; None for the head.

        Raises:
            SingletableError: The history has several heads, or the table does not exist and no migration creates it.
        """
        self.graph.check_heads()
        self._create_table(target)

    def open(self) -> History:
        """Return the history, under the lease.

        Raises:
            MigrationConflictError: It does not fit the scripts, or a rollback is not finished.
        """
        history = self._history()
        if history.unfinished is not None:
            history.refuse_rollback(history.unfinished)
        return history

    def start(self, history: History, target: str | None = None) -> bool:
        """Refuse impossible passes before the first write, and bring an empty table to the wanted state.

        Args:
            history: The history, which is updated.
            target: The last migration to apply; None for the head.

        Returns:
            Whether all migrations are applied now.

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
        """Take every step up to the next pass over the items, under the lease.

        Args:
            history: The history.
            target: The last migration to apply; None for the head.

        Returns:
            The next pass; None if all migrations are applied.

        Raises:
            SingletableError: A step failed.
        """
        for name in history.pending(target):
            steps = history.steps(name)
            record = self._begin(history, name, steps)
            step = self._advance(record, steps)
            if step is not None:
                return PassAhead(record, step)
            last = [PassAhead(record, step, swept=True) for step in steps if step.is_pass][-1:]
            if last and self.options.verify and not self._is_verified(last[0]):
                # Items that were verified before an interruption may have been written since.
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
            # The error that ended the run is raised, and not that the lease could not be given back.
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
        """Create the table if the first migration does, and the table of the records, which stores the lease."""
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
            self.table.require()  # raises TableMissingError

    def _create_records(self) -> None:
        if self.records.table.bound().table_name != self.table.name:
            records = TableAdmin(connection_of(self.records.table), self.clock, self._tell)
            records.create(*self.records.key_names, ())

    def _bring_new(self, history: History, target: str | None) -> bool:
        """Bring an empty table to the wanted state at once, and record all migrations as applied.

        Returns:
            Whether it was brought there. If the table has items, a migration is begun, or a migration calls a function
            of the project, the steps are taken one after the other.
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
            return False  # items were added meanwhile: the passes go over them
        self._tell(f"The table is empty: brought to the state of {names[-1]} at once.")
        for name in names:
            self.lease.check()
            history.stamp(self.graph.scripts[name], self.lease.owner)
        return True

    def _refuse_other(self, history: History, name: str) -> None:
        """Refuse to roll a migration back while another one is begun."""
        other = history.unfinished
        if other not in (None, name):
            raise MigrationConflictError(
                f"{other} is {history.status(other)}, and not finished.",
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
        """Refuse a table without a history that has items."""
        if history.migrations:
            return
        if not is_empty(self.table, self.graph.state.type_name):
            raise MigrationConflictError(
                f"{self.table.name!r} has items, and no history of migrations.",
                remedy=f"If it is in the state after a migration, stamp it: `singletable stamp {self.graph.order[0]}`.",
            )

    def _begin(self, history: History, name: str, steps: list[Step]) -> Any:
        """Return the record of a migration that begins or continues, on a table in the expected state."""
        script = self.graph.scripts[name]
        if steps and isinstance(steps[0].operations[0], CreateTable):
            self._refuse_foreign(history)
        else:
            fresh = history.status(name) is None
            self.table.check(history.before(name) if fresh else expected_shape(self.graph, name))
        self.lease.assert_held()
        record = history.begin(script, self.lease.owner, self.options.segments)
        if record.segments != self.options.segments and any(step.is_pass for step in steps):
            raise MigrationConflictError(
                f"{name} was begun with {record.segments} segments, and cannot continue with {self.options.segments}.",
                remedy=f"Continue with --segments {record.segments}.",
                migration=name,
            )
        return record

    def _advance(self, record: Any, steps: list[Step]) -> Step | None:
        """Take the steps up to the next pass, and return it; None if there is no other pass."""
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
