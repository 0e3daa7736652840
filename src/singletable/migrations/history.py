"""The history: the applied migrations of a table and the progress of a running one, compared with the scripts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from singletable.errors import (
    AlreadyExistsError,
    ConditionFailed,
    LeaseLostError,
    MigrationConflictError,
    TableMissingError,
)
from singletable.migrations.control_records import BACKWARD, VERIFYING, Records
from singletable.migrations.graph import Graph, Script
from singletable.migrations.passes import Step
from singletable.migrations.state import TableState
from singletable.models.declare.timestamps import utcnow
from singletable.requests.retry import TRANSIENT_FAULTS

__all__ = ["APPLIED", "BACK", "RUNNING", "History", "fenced"]

APPLIED = "applied"
RUNNING = "running"
BACK = "rolling-back"


class History:
    """The recorded history of a table.

    Args:
        records: The records.
        graph: The scripts.
        epoch: The epoch of the lease under which it is written. A runner with a later epoch has taken over.
    """

    def __init__(self, records: Records, graph: Graph, epoch: int = 0) -> None:
        self._records = records
        self._graph = graph
        self._epoch = epoch
        self.read()

    def read(self) -> None:
        """Read the whole history again."""
        try:
            found = self._records.Applied.query(consistent=True).all()
        except TableMissingError:
            found = []  # nothing is recorded yet
        self.migrations: Mapping[str, Any] = {each.name: each for each in found}
        unnamed = None if found else self._records.unnamed()
        try:
            self.has_unnamed = unnamed is not None and unnamed.Applied.query(consistent=True).first() is not None
        except TableMissingError:
            self.has_unnamed = False

    @property
    def applied(self) -> list[str]:
        """Return the applied migrations, in the order of the graph."""
        return [name for name in self._graph.order if self.status(name) == APPLIED]

    @property
    def unfinished(self) -> str | None:
        """Return the migration that was begun and is not finished; None if there is no such migration."""
        return next((name for name, each in sorted(self.migrations.items()) if each.status != APPLIED), None)

    def status(self, name: str) -> str | None:
        """Return `applied`, `running` or `rolling-back`; None for a migration that was not begun."""
        found = self.migrations.get(name)
        return found.status if found else None

    def check(self, *, accept_edited: bool = False) -> None:
        """Refuse a history that does not fit the scripts.

        Raises:
            MigrationConflictError: A script is missing, a script was edited after it was begun or applied, or a
                migration was applied before one of its dependencies.
        """
        if self.has_unnamed:
            raise MigrationConflictError(
                f"The control table {self._records.table.bound().table_name!r} has records of an earlier version,"
                f" which do not name the migrated table, and no records of {self._records.of!r}.",
                remedy=f"If they are the history of {self._records.of!r}: `singletable adopt`, then `singletable"
                " verify`. If not, adopt them for the table that they belong to first.",
            )
        for name, record in sorted(self.migrations.items()):
            script = self._graph.scripts.get(name)
            if script is None:
                raise MigrationConflictError(
                    f"The table records {name} as {record.status}, and that script does not exist.",
                    remedy="Restore the script, or check --table: this may be the history of another table.",
                    migration=name,
                )
            if not script.has_digest(record.digest) and not accept_edited:
                raise MigrationConflictError(
                    f"{name} was edited after it was {'applied' if record.status == APPLIED else 'begun'}.",
                    remedy="Undo the edit and write a new migration; --accept-edited if the edit changes nothing.",
                    migration=name,
                    place=script.path,
                )
        for name in self.applied:
            for needed in self._graph.scripts[name].migration.depends_on:
                if self.status(needed) != APPLIED:
                    raise MigrationConflictError(
                        f"{name} is applied, and {needed}, which it depends on, is not.",
                        remedy=f"If the table is in the state after {needed}: `singletable stamp {needed}`.",
                        migration=name,
                        place=self._graph.scripts[name].path,
                    )

    def before(self, name: str) -> TableState:
        """Return the state before a migration: the state after all applied migrations."""
        order = self._graph.order
        known = {*self.applied, *self._graph.needed_by(name)} - {name}
        if known == set(order[: order.index(name)]):
            return self._graph.before(name)
        return self._graph.state_at(known)

    def steps(self, name: str) -> list[Step]:
        """Return the steps of a migration on top of the applied ones."""
        return self._graph.steps(name, self.before(name))

    def accept_edits(self) -> None:
        """Record the present scripts as accepted, edited or not."""
        for name, record in self.migrations.items():
            script = self._graph.scripts.get(name)
            if script is not None and not script.has_digest(record.digest):
                self._change(record, {"digest": script.digest})

    def pending(self, target: str | None = None) -> list[str]:
        """Return the migrations to apply, in order."""
        return [name for name in self._graph.wanted(target) if self.status(name) != APPLIED]

    def refuse_rollback(self, name: str) -> None:
        """Refuse a migration whose rollback is not finished.

        Raises:
            MigrationConflictError: Its rollback is not finished.
        """
        if self.status(name) == BACK:
            raise MigrationConflictError(
                f"The rollback of {name} is not finished.",
                remedy=f"Finish it: `singletable rollback {name}`.",
                migration=name,
            )

    def begin(self, script: Script, owner: str, segments: int, status: str = RUNNING) -> Any:
        """Return the record of a migration that begins now, or that began before.

        Raises:
            LeaseLostError: Another runner has begun it meanwhile.
        """
        record = self.migrations.get(script.name)
        if record is not None and record.status == status:
            self._change(record, {"digest": script.digest})
        else:
            values = {"status": status, "digest": script.digest, "owner": owner, "segments": segments}
            fresh = {"step": 0, "counts": "{}", "started_at": utcnow(), "finished_at": None}
            record = self._write(script.name, {**values, **fresh})
        self.migrations = {**self.migrations, script.name: record}
        return record

    def finish(self, name: str, counts: Counter[str]) -> None:
        """Record that a migration is applied."""
        applied = self._records.Applied
        actions = [
            applied.status.set(APPLIED),
            applied.counts.set(json.dumps(dict(counts), sort_keys=True)),
            applied.finished_at.set(utcnow()),
        ]
        fenced(self.migrations[name], actions, applied.epoch == self._epoch)

    def stamp(self, script: Script, owner: str) -> None:
        """Record a migration as applied, without running it."""
        now = utcnow()
        values = {"status": APPLIED, "digest": script.digest, "owner": owner, "started_at": now, "finished_at": now}
        record = self._write(script.name, values)
        self.migrations = {**self.migrations, script.name: record}

    def adopt(self, unnamed: Records) -> int:
        """Move the records of an earlier version to keys that name this table. Returns their number."""
        names = sorted((each.name for each in unnamed.Applied.query(consistent=True)), reverse=True)
        moved = 0
        for name in names:
            for part in (name, f"{name}{BACKWARD}", f"{name}{VERIFYING}"):
                for kind in ("Quarantined", "Segment"):
                    moved += _move(getattr(unnamed, kind).query(migration=part), getattr(self._records, kind))
            # The last migration first: an interrupted move leaves a history with a gap, which `check` refuses.
            moved += _move(unnamed.Applied.query(name=name), self._records.Applied)
        return moved

    def forget(self, name: str) -> None:
        """Remove a migration from the history."""
        applied = self._records.Applied
        try:
            # After a lost response, the next attempt finds no record, which is also right.
            mine = applied.name.does_not_exist() | (applied.epoch <= self._epoch)
            TRANSIENT_FAULTS.call(lambda: self.migrations[name].delete(condition=mine))
        except (ConditionFailed, applied.DoesNotExist):
            raise _overtaken(name) from None

    def _write(self, name: str, values: Mapping[str, Any]) -> Any:
        """Create a migration's record, or change it, unless a runner with a later lease has written it."""
        record = self.migrations.get(name)
        if record is not None:
            self._change(record, values)
            return record
        applied = self._records.Applied
        record = applied(name=name, epoch=self._epoch, **values)
        try:
            TRANSIENT_FAULTS.call(record.create)
        except AlreadyExistsError:
            # Either a response was lost, and the record is this runner's own, or another runner was faster.
            found = applied.get(name=name, consistent=True)
            if (found.epoch, found.owner, found.started_at) != (record.epoch, record.owner, record.started_at):
                raise _overtaken(name) from None
            return found
        return record

    def _change(self, record: Any, values: Mapping[str, Any]) -> None:
        applied = self._records.Applied
        actions = [
            getattr(applied, name).remove() if value is None else getattr(applied, name).set(value)
            for name, value in {**values, "epoch": self._epoch}.items()
        ]
        fenced(record, actions, applied.epoch <= self._epoch)


def _move(found: Any, kind: Any) -> int:
    count = 0
    for count, record in enumerate(found, 1):  # noqa: B007 - the number of the last one is the answer
        values = {
            name: value for name, value in record.attribute_values.items() if name not in ("pk", "sk", "entity_type")
        }
        TRANSIENT_FAULTS.call(kind(**values).save)
        TRANSIENT_FAULTS.call(record.delete)
    return count


def fenced(record: Any, actions: list[Any], condition: Any) -> None:
    """Update a migration's record, if no other runner has taken it over.

    Raises:
        LeaseLostError: Another runner has taken it over.
    """
    try:
        TRANSIENT_FAULTS.call(lambda: record.update(actions=actions, condition=condition))
    except (ConditionFailed, type(record).DoesNotExist):
        raise _overtaken(record.name) from None


def _overtaken(name: str) -> LeaseLostError:
    return LeaseLostError(
        f"Another runner has taken over {name}.",
        remedy="This runner was silent for too long, and stops. Its writes are valid: see `singletable status`.",
    )
