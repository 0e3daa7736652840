"""The verifier: it checks every item against the state of the table, then compares each index with the table.

Its memory is bounded, for tables of any size under any amount of writes. A verification only reads, does not use
records, and can be interrupted: its checkpoint is a local file. With `repair=True` it also writes derived attributes,
with the conditional writes of a migration.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import attrs

from singletable.errors import MigrationPausedError
from singletable.migrations.checking import ItemChecks
from singletable.migrations.clock import Clock
from singletable.migrations.findings import ItemFinding, Kind, VerificationReport
from singletable.migrations.index_rows import IndexRows, is_row, row_names
from singletable.migrations.item_writer import ItemWriter
from singletable.migrations.live_table import LiveTable
from singletable.migrations.repairing import Repair
from singletable.migrations.segments import patient_scan
from singletable.migrations.state import Index, TableState
from singletable.migrations.sums import Sums
from singletable.migrations.throttle import Throttle
from singletable.migrations.verify_checkpoint import Checkpoint
from singletable.models import Table
from singletable.requests.types import Item, Params

__all__ = ["Verifier", "verify"]

_PAGE = 1000
_SUSPECTS = 10_000
"""The most differing rows whose keys are in memory at a time."""


def verify(
    table: LiveTable,
    state: TableState,
    throttle: Throttle,
    *,
    indexes: bool = True,
    **options: Any,
) -> VerificationReport:
    """Read a whole table consistently, and then its indexes.

    Args:
        table: The table.
        state: The state that it should have.
        throttle: The limits of the capacity to consume.
        indexes: Whether to read also the indexes.
        options: The options of `Verifier`.
    """
    return Verifier(table, state, throttle, indexes=indexes, **options).run()


class Verifier:
    """Verifies a whole table.

    Args:
        table: The table.
        state: The state that it should have.
        throttle: The limits of the capacity to consume.
        indexes: Whether to read also the indexes.
        later: The state of the whole history. A derived value that it explains is right.
        models: The table class, if it describes exactly this state. Its attribute classes then read every attribute.
        repair: Whether to write derived attributes and missing discriminators.
        allow_unknown: Whether items of no known entity are accepted.
        segments: The number of segments to read in parallel.
        checkpoint: A local file from which an interrupted verification continues. It contains keys of items, and only
            its owner can read it. It is removed at the end. None for no checkpoint.
        stop: An event that pauses the verification.
        clock: The clock, which tests replace.
    """

    def __init__(
        self,
        table: LiveTable,
        state: TableState,
        throttle: Throttle,
        *,
        indexes: bool = True,
        later: TableState | None = None,
        models: type[Table] | None = None,
        repair: bool = False,
        allow_unknown: bool = False,
        segments: int = 1,
        checkpoint: Path | None = None,
        stop: threading.Event | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._table = table
        self._state = state
        self._throttle = throttle
        self._checks = ItemChecks(state, later, models)
        self._repair = Repair(self._checks) if repair else None
        self._allow_unknown = allow_unknown
        self._segments = segments
        self._stop = stop or threading.Event()
        self._clock = clock or Clock()
        self._lock = threading.Lock()
        self._indexes = list(state.indexes.values()) if indexes else []
        self._sums = {each.name: Sums(row_names(state, each), len(self._indexes)) for each in self._indexes}
        self.report = VerificationReport()
        about = {
            "table": table.name,
            "state": sha256(repr(state).encode()).hexdigest(),
            "repair": repair,
            "indexes": indexes,
            "segments": segments,
        }
        self._checkpoint = Checkpoint(checkpoint, about, self.report, self._sums, self._clock)

    def run(self) -> VerificationReport:
        """Verify the table, and return the report.

        Raises:
            MigrationPausedError: It was stopped. A later verification continues from the checkpoint.
            SingletableError: A request failed, or the checkpoint belongs to another verification.
        """
        self._checkpoint.load()
        self._sweep("items", {"ConsistentRead": True}, self._look)
        for index in self._indexes:
            self._sweep(f"rows of {index.name}", {"IndexName": index.name}, self._subtract(index))
        for index in self._indexes:
            if self._sums[index.name].equal:
                continue
            self._compare(index)
        self.report.not_checked = self._not_checked()
        self._checkpoint.remove()
        return self.report

    def _not_checked(self) -> list[str]:
        found = self._checks.not_checked()
        if self._allow_unknown and self.report.unknown:
            found.append(f"Items of no known entity ({self.report.unknown:,}): they are allowed.")
        found += [f"The index {name}: it was not requested." for name in self._state.indexes if name not in self._sums]
        if self._indexes:
            found.append("Attributes that an index projects: only its keys are compared.")
        return found

    # --- passes over the table or an index --------------------------------------------

    def _sweep(
        self, phase: str, params: Params, look: Callable[[list[Item]], Callable[[], None]], *, resumable: bool = True
    ) -> bool:
        """Read all segments to their end, in parallel. Return False if all were read already.

        Args:
            phase: The name of the pass in the checkpoint.
            params: The parameters of the scan.
            look: Called with each page, by several threads. It returns a function that records its result, which is
                called under the lock, together with the position.
            resumable: Whether the checkpoint keeps the positions.
        """
        open_segments = self._checkpoint.open_segments(phase, self._segments)
        if not open_segments:
            return False
        if len(open_segments) == 1:
            self._read(phase, params, open_segments[0], look, resumable=resumable)
            return True
        with ThreadPoolExecutor(len(open_segments), thread_name_prefix="singletable-verify") as pool:
            futures = [
                pool.submit(copy_context().run, partial(self._read, phase, params, segment, look, resumable=resumable))
                for segment in open_segments
            ]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                self._stop.set()
                raise
        return True

    def _read(
        self,
        phase: str,
        params: Params,
        segment: int,
        look: Callable[[list[Item]], Callable[[], None]],
        *,
        resumable: bool,
    ) -> None:
        parts: Params = {"Segment": segment, "TotalSegments": self._segments} if self._segments > 1 else {}
        request = {"TableName": self._table.name, "Limit": _PAGE, **params, **parts}
        position = self._checkpoint.position(phase, segment)
        while True:
            if self._stop.is_set():
                with self._lock:
                    self._checkpoint.save()
                raise MigrationPausedError(
                    "The verification is paused.",
                    remedy="The same command with the same --checkpoint continues."
                    if self._checkpoint.path
                    else "Run it again. With --checkpoint FILE, an interrupted verification continues.",
                )
            start = {"ExclusiveStartKey": position} if position else {}
            page = patient_scan(self._table, {**request, **start}, self._throttle)
            record = look(page.get("Items", []))
            position = page.get("LastEvaluatedKey")
            with self._lock:
                record()
                if resumable:
                    self._checkpoint.reach(phase, segment, position)
            if not position:
                return

    def _look(self, items: list[Item]) -> Callable[[], None]:
        entities: Counter[str] = Counter()
        unknown = 0
        found: list[ItemFinding] = []
        repaired: Counter[str] = Counter()
        rows: list[tuple[str, Item]] = []
        for read in items:
            if self._state.is_own(read):
                continue
            item, findings = read, list(self._checks.findings(read))
            if findings and self._repair is not None:
                item, findings, fixed = self._repaired(read, findings)
                repaired += fixed
                if item is None:
                    continue
            entity = self._checks.entity_of(item)
            if entity is None:
                unknown += 1
                findings = [] if self._allow_unknown else findings
            else:
                entities[entity.name] += 1
            found += findings
            rows += [(index.name, item) for index in self._indexes if is_row(item, index)]

        def record() -> None:
            self.report.items += entities
            self.report.unknown += unknown
            self.report.repaired += repaired
            for finding in found:
                self.report.add(finding)
            for name, row in rows:
                self._sums[name].add(row)

        return record

    def _repaired(self, item: Item, findings: list[ItemFinding]) -> tuple[Any, list[ItemFinding], Counter[str]]:
        """Return an item after its repair (None if it is gone), its remaining findings, and the repaired kinds."""
        assert self._repair is not None
        refused: list[str] = []
        key = {name: item[name] for name in self._state.key_names}
        ItemWriter(self._table, self._repair, self._throttle, lambda _, reason: refused.append(reason)).write([item])
        now = self._table.item(key)
        if now is None:
            return None, [], Counter()
        left = list(self._checks.findings(now))
        before, after = Counter(each.kind for each in findings), Counter(each.kind for each in left)
        if refused:
            left = [attrs.evolve(each, reason=each.reason or f"not repaired: {refused[0]}") for each in left]
        return now, left, Counter({str(kind): count for kind, count in (before - after).items()})

    def _subtract(self, index: Index) -> Callable[[list[Item]], Callable[[], None]]:
        def look(rows: list[Item]) -> Callable[[], None]:
            mine = [row for row in rows if not self._state.is_own(row)]

            def record() -> None:
                self.report.rows[index.name] += len(mine)
                for row in mine:
                    self._sums[index.name].add(row, -1)

            return record

        return look

    # --- rows that differ -------------------------------------------------------------

    def _compare(self, index: Index) -> None:
        """Compare the rows of groups that differ. An interrupted comparison starts over."""
        sums, size = self._sums[index.name], self.report.rows[index.name]
        reader = IndexRows(self._table, self._state, index, self._throttle, sums, self._clock, size)
        items, rows = f"items in {index.name}", f"rows again of {index.name}"
        self._look_up(
            items,
            {"ConsistentRead": True},
            index,
            "not in the index",
            sums.differs,
            reader.lost,
        )
        self._look_up(
            rows,
            {"IndexName": index.name},
            index,
            "only in the index",
            lambda row: sums.differs(row) and not reader.is_item(row),
            reader.orphaned,
        )

    def _look_up(
        self,
        phase: str,
        params: Params,
        index: Index,
        kind: Kind,
        differs: Callable[[Item], bool],
        confirm: Callable[[list[Item]], list[Item]],
    ) -> None:
        """Collect the rows that differ, a bounded number at a time, and confirm them."""
        names = (*row_names(self._state, index), self._state.type_name)
        suspects: list[Item] = []
        found = VerificationReport()

        def settle() -> None:
            for row in confirm(suspects) if suspects else ():
                found.add(
                    ItemFinding(
                        kind, self._state.type_of(row), index.name, {name: row[name] for name in self._state.key_names}
                    )
                )
            suspects.clear()

        def look(page: list[Item]) -> Callable[[], None]:
            mine = [row for row in page if not self._state.is_own(row) and is_row(row, index) and differs(row)]

            def record() -> None:
                suspects.extend({name: row[name] for name in names if name in row} for row in mine)
                if len(suspects) >= _SUSPECTS:
                    settle()

            return record

        if not self._sweep(phase, params, look, resumable=False):
            return
        settle()
        for finding in found.findings:
            self.report.add(finding)
        # The findings beyond the first thousand are counted, and not kept.
        self.report.counts += Counter({kind: found.counts[kind] - len(found.findings)})
        self._checkpoint.end(phase, self._segments)
