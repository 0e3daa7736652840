"""The history: which migrations are applied to a table, how far a running one is, and whether that fits the scripts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from singletable.errors import ConditionFailed, LeaseLost, MigrationConflict, TableMissing
from singletable.migrations.graph import Graph, Script
from singletable.migrations.patience import patiently
from singletable.migrations.records import Records
from singletable.models.timestamps import utcnow

__all__ = ["APPLIED", "BACK", "RUNNING", "History", "fenced"]

APPLIED = "applied"
RUNNING = "running"
BACK = "rolling-back"


class History:
    """What a table has recorded.

    Args:
        records: Where.
        graph: The scripts.
        epoch: That of the lease under which it is written; whoever has a later one has taken over.
    """

    def __init__(self, records: Records, graph: Graph, epoch: int = 0) -> None:
        self._records = records
        self._graph = graph
        self._epoch = epoch
        self.read()

    def read(self) -> None:
        """Read it anew, in whole."""
        try:
            found = self._records.Applied.query(consistent=True).all()
        except TableMissing:
            found = []  # nothing is recorded yet
        self.migrations: Mapping[str, Any] = {each.name: each for each in found}

    @property
    def applied(self) -> list[str]:
        """The applied migrations, in the order of the graph."""
        return [name for name in self._graph.order if self.status(name) == APPLIED]

    @property
    def unfinished(self) -> str | None:
        """A migration that was begun and is not at its end."""
        return next((name for name, each in sorted(self.migrations.items()) if each.status != APPLIED), None)

    def status(self, name: str) -> str | None:
        """`applied`, `running`, `rolling-back`, or None for a migration that was not begun."""
        found = self.migrations.get(name)
        return found.status if found else None

    def check(self, *, accept_edited: bool = False) -> None:
        """Refuse a history that is not that of these scripts.

        Raises:
            MigrationConflict: A script is missing, or was edited since it was applied or begun, or one was applied
                before another that it depends on.
        """
        for name, record in sorted(self.migrations.items()):
            script = self._graph.scripts.get(name)
            if script is None:
                raise MigrationConflict(
                    f"The table has {name}, {record.status}, and there is no such script.",
                    remedy="Restore the script, or check --table: this may be the history of another table.",
                    migration=name,
                )
            if record.digest != script.digest and not accept_edited:
                raise MigrationConflict(
                    f"{name} was edited after it was {'applied' if record.status == APPLIED else 'begun'}.",
                    remedy="Undo the edit and write a new migration; --accept-edited if the edit changes nothing.",
                    migration=name,
                    place=script.path,
                )
        for name in self.applied:
            for needed in self._graph.scripts[name].migration.depends_on:
                if self.status(needed) != APPLIED:
                    raise MigrationConflict(
                        f"{name} is applied, and {needed}, which it depends on, is not.",
                        remedy=f"`singletable stamp {needed}` if the table is as if it were.",
                        migration=name,
                        place=self._graph.scripts[name].path,
                    )

    def pending(self, target: str | None = None) -> list[str]:
        """The migrations that are to be applied, in order."""
        names = self._graph.needed_by(target) if target else self._graph.order
        return [name for name in names if self.status(name) != APPLIED]

    def begin(self, script: Script, owner: str, segments: int, status: str = RUNNING) -> Any:
        """The record of a migration that is begun, or was begun before."""
        record = self.migrations.get(script.name)
        if record is None or record.status not in (RUNNING, BACK):
            record = self._records.Applied(
                name=script.name,
                status=status,
                digest=script.digest,
                owner=owner,
                segments=segments,
                epoch=self._epoch,
                started_at=utcnow(),
            )
            patiently(record.save)
        else:
            applied = self._records.Applied
            actions = [applied.digest.set(script.digest), applied.epoch.set(self._epoch)]
            fenced(record, actions, applied.epoch <= self._epoch)
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
        """Record a migration as applied, without doing anything."""
        if self.status(script.name) == BACK:
            raise MigrationConflict(
                f"The rollback of {script.name} is not at its end.",
                remedy=f"Finish it: `singletable rollback {script.name}`.",
                migration=script.name,
            )
        now = utcnow()
        record = self._records.Applied(
            name=script.name, status=APPLIED, digest=script.digest, owner=owner, started_at=now, finished_at=now
        )
        patiently(record.save)

    def forget(self, name: str) -> None:
        """Take a migration out of the history."""
        applied = self._records.Applied
        try:
            # Where an answer is lost, the next attempt finds nothing, which is right, too.
            mine = applied.name.does_not_exist() | (applied.epoch == self._epoch)
            patiently(lambda: self.migrations[name].delete(condition=mine))
        except (ConditionFailed, applied.DoesNotExist):
            raise _overtaken(name) from None


def fenced(record: Any, actions: list[Any], condition: Any) -> None:
    """Update a migration's record, if no other runner has taken it over.

    Raises:
        LeaseLost: One has.
    """
    try:
        patiently(lambda: record.update(actions=actions, condition=condition))
    except (ConditionFailed, type(record).DoesNotExist):
        raise _overtaken(record.name) from None


def _overtaken(name: str) -> LeaseLost:
    return LeaseLost(
        f"Another runner has taken over {name}.",
        remedy="This one was silent for too long, and stops. What it wrote is right: `singletable status`.",
    )
