"""Verifying: every item checked against the state of the table, then each index compared with the table.

The memory is bounded, for tables of any size under any amount of writes. A verification only reads,
needs no records, and can be interrupted: its checkpoint is a local file. With `repair=True` it also writes derived
attributes, by the conditional writes of a migration.
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

from singletable.errors import MigrationPaused
from singletable.migrations.checking import Finding, ItemChecks, Kind, findings_of
from singletable.migrations.clock import Clock
from singletable.migrations.item_writer import ItemWriter
from singletable.migrations.live_table import LiveTable
from singletable.migrations.repairing import Repair
from singletable.migrations.segments import pages_of, patient_scan
from singletable.migrations.state import Index, TableState
from singletable.migrations.sums import Sums, key_text
from singletable.migrations.throttle import Throttle
from singletable.migrations.verify_checkpoint import Checkpoint
from singletable.models import Table
from singletable.requests.stored_values import same_value
from singletable.requests.types import Item, Params

__all__ = ["Finding", "Kind", "Report", "Verification", "findings_of", "verify"]

_SHOWN = 1000
_PAGE = 1000
_SUSPECTS = 10_000
"""The most rows that differ of which the keys are kept at once."""

_QUERIES_PER_SCAN = 100
"""A query for one row takes about as long as the scan of a hundred; in capacity units it costs as much as forty."""

_SETTLE_SECONDS = 1.0
"""Seconds after which a row that differs is looked at once more: an index follows its table a moment later."""


@attrs.define
class Report:
    """What a verification found.

    Args:
        items: How many items were looked at, by entity.
        rows: How many rows each index has.
        counts: The number of findings of each kind, without repaired ones.
        findings: The first thousand of them.
        repaired: How many findings of each kind were repaired.
        unknown: How many items are of no known entity. Each is a finding, unless they are allowed.
        not_checked: The parts that were not checked, one sentence each, with the reason.
    """

    items: Counter[str] = attrs.field(factory=Counter)
    rows: Counter[str] = attrs.field(factory=Counter)
    counts: Counter[str] = attrs.field(factory=Counter)
    findings: list[Finding] = attrs.field(factory=list)
    repaired: Counter[str] = attrs.field(factory=Counter)
    unknown: int = 0
    not_checked: list[str] = attrs.field(factory=list)

    @property
    def right(self) -> bool:
        """Whether everything that was checked is as it should be."""
        return not self.counts

    def add(self, finding: Finding) -> None:
        """Add a finding."""
        self.counts[finding.kind] += 1
        if len(self.findings) < _SHOWN:
            self.findings.append(finding)


def verify(
    table: LiveTable,
    state: TableState,
    throttle: Throttle,
    *,
    indexes: bool = True,
    **options: Any,
) -> Report:
    """Read a whole table consistently, and then its indexes.

    Args:
        table: The table.
        state: The state that it should have.
        throttle: How fast.
        indexes: Whether to read the indexes, too.
        options: Those of `Verification`.
    """
    return Verification(table, state, throttle, indexes=indexes, **options).run()


class Verification:
    """A verification of a whole table.

    Args:
        table: The table.
        state: The state that it should have.
        throttle: How fast.
        indexes: Whether to read the indexes, too.
        later: The state of the whole history: a derived value that it explains is right.
        models: The table class, if it describes this very state; its classes then read every attribute.
        repair: Whether to write derived attributes and missing discriminators.
        allow_unknown: Whether items of no known entity are accepted.
        segments: How many parts of the table are read in parallel.
        checkpoint: A local file from which an interrupted verification goes on, readable by its owner only; it holds
            keys of items. None to keep no checkpoint. It is removed at the end.
        stop: An event that pauses it.
        clock: Time.
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
        self._sums = {each.name: Sums(_row_names(state, each), len(self._indexes)) for each in self._indexes}
        self.report = Report()
        about = {
            "table": table.name,
            "state": sha256(repr(state).encode()).hexdigest(),
            "repair": repair,
            "indexes": indexes,
            "segments": segments,
        }
        self._checkpoint = Checkpoint(checkpoint, about, self.report, self._sums, self._clock)

    def run(self) -> Report:
        """Verify the table, and return the report.

        Raises:
            MigrationPaused: It was stopped; a later one continues from the checkpoint.
            SingletableError: A request failed, or the checkpoint is of another verification.
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
        found += [f"The index {name}: it was not asked for." for name in self._state.indexes if name not in self._sums]
        if self._indexes:
            found.append("Attributes that an index projects: only its keys are compared.")
        return found

    # --- passes over the table or an index --------------------------------------------

    def _sweep(
        self, phase: str, params: Params, look: Callable[[list[Item]], Callable[[], None]], *, resumable: bool = True
    ) -> bool:
        """Read all segments to their end, in parallel. Returns False if all were read already.

        Args:
            phase: The name of the pass in the checkpoint.
            params: Those of the scan.
            look: Called with each page, by several threads; returns a function that records its result, which is
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
                raise MigrationPaused(
                    "The verification is paused.",
                    remedy="The same command with the same --checkpoint goes on."
                    if self._checkpoint.path
                    else "Run it again; with --checkpoint FILE it could go on from here.",
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
        found: list[Finding] = []
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
            rows += [(index.name, item) for index in self._indexes if _is_row(item, index)]

        def record() -> None:
            self.report.items += entities
            self.report.unknown += unknown
            self.report.repaired += repaired
            for finding in found:
                self.report.add(finding)
            for name, row in rows:
                self._sums[name].add(row)

        return record

    def _repaired(self, item: Item, findings: list[Finding]) -> tuple[Any, list[Finding], Counter[str]]:
        """Return an item after its repair (None if it is gone), the findings that are left, and the repaired kinds."""
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
        """Look at the rows of groups that differ. An interrupted comparison starts over."""
        sums = self._sums[index.name]
        items, rows = f"items in {index.name}", f"rows again of {index.name}"
        self._look_up(
            items, {"ConsistentRead": True}, index, "not in the index", sums.differs, partial(self._lost, index)
        )
        self._look_up(
            rows,
            {"IndexName": index.name},
            index,
            "only in the index",
            lambda row: sums.differs(row) and not self._is_item(row, index),
            partial(self._orphaned, index),
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
        """Collect the rows that differ, a bounded number at a time, and confirm each number of them."""
        names = (*_row_names(self._state, index), self._state.type_name)
        suspects: list[Item] = []
        found = Report()

        def settle() -> None:
            for row in confirm(suspects) if suspects else ():
                found.add(
                    Finding(
                        kind, self._state.type_of(row), index.name, {name: row[name] for name in self._state.key_names}
                    )
                )
            suspects.clear()

        def look(page: list[Item]) -> Callable[[], None]:
            mine = [row for row in page if not self._state.is_own(row) and _is_row(row, index) and differs(row)]

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

    def _lost(self, index: Index, items: list[Item]) -> list[Item]:
        """Return the items that the index lacks, and still lacks a moment later."""
        present = self._present(index, items)
        left = [each for each in items if self._identity(each, index) not in present and self._is_item(each, index)]
        if left:
            self._clock.sleep(_SETTLE_SECONDS)
        return [each for each in left if not self._has_row(each, index) and self._is_item(each, index)]

    def _orphaned(self, index: Index, rows: list[Item]) -> list[Item]:
        """Return the rows that the index still has a moment later, and the table does not."""
        self._clock.sleep(_SETTLE_SECONDS)
        present = self._present(index, rows)
        return [each for each in rows if self._identity(each, index) in present and not self._is_item(each, index)]

    def _present(self, index: Index, rows: list[Item]) -> set[bytes]:
        """Return the identities of those rows that the index has: by one scan of it, or by a query for each."""
        if self.report.rows[index.name] > _QUERIES_PER_SCAN * len(rows):
            return {self._identity(each, index) for each in rows if self._has_row(each, index)}
        wanted = {self._identity(each, index) for each in rows}
        found: set[bytes] = set()
        request: Params = {"TableName": self._table.name, "IndexName": index.name, "Limit": _PAGE}
        for page in pages_of(self._table, request, self._throttle):
            mine = (row for row in page if self._sums[index.name].differs(row))
            found |= wanted.intersection(self._identity(row, index) for row in mine)
        return found

    def _identity(self, row: Item, index: Index) -> bytes:
        return key_text(row, _row_names(self._state, index))

    def _is_item(self, row: Item, index: Index) -> bool:
        """Return whether the table has an item with the keys of a row now."""
        item = self._table.item({name: row[name] for name in self._state.key_names}) or {}
        return all(same_value(item.get(name), row.get(name)) for name in _row_names(self._state, index))

    def _has_row(self, item: Item, index: Index) -> bool:
        """Return whether the index has a row of an item now."""
        # Placeholders: names of attributes may be reserved words.
        names = {f"#{number}": name for number, name in enumerate(_row_names(self._state, index))}
        places = {name: place for place, name in names.items()}
        keys = [name for name in index.names if name in places]
        others = [name for name in self._state.key_names if name not in index.names]
        used = {places[name]: name for name in (*keys, *others)}
        request: Params = {
            "TableName": self._table.name,
            "IndexName": index.name,
            "KeyConditionExpression": " AND ".join(f"{places[name]} = :{places[name][1:]}" for name in keys),
            "ExpressionAttributeNames": used,
            "ExpressionAttributeValues": {f":{place[1:]}": item[name] for place, name in used.items()},
        }
        if others:
            request["FilterExpression"] = " AND ".join(f"{places[name]} = :{places[name][1:]}" for name in others)
        for page in pages_of(self._table, request, self._throttle, "Query"):
            for row in page:
                if not all(same_value(row.get(name), item.get(name)) for name in index.names):
                    return False  # the server does not evaluate the condition: no page can be trusted
                if all(same_value(row.get(name), item.get(name)) for name in self._state.key_names):
                    return True
        return False


def _row_names(state: TableState, index: Index) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*state.key_names, *index.names)))


def _is_row(item: Item, index: Index) -> bool:
    """Return whether DynamoDB keeps an item in an index: every key attribute exists, as a String that is not empty."""
    return all(item.get(name, {}).get("S") for name in index.names)
