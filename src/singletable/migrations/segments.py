"""Segments: the parts of a parallel scan. Each segment is processed in slices that end with a checkpoint.

The parameters and the result of a slice are plain data, so that any executor, on any machine, can run it. Conditions
make repeated writes harmless; only checkpoints are fenced.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import attrs

from singletable.errors import (
    AlreadyExistsError,
    ConditionFailed,
    LeaseLostError,
    ThrottledError,
)
from singletable.migrations.checking import ItemChecks
from singletable.migrations.control_records import VERIFYING, Records, key_from_text, key_to_text
from singletable.migrations.findings import ItemFinding
from singletable.migrations.item_writer import ItemWriter
from singletable.migrations.live_table import LiveTable, pages
from singletable.migrations.passes import Pass
from singletable.migrations.quarantine import Quarantine
from singletable.migrations.sources import UnfitItemError
from singletable.migrations.throttle import Throttle
from singletable.models.schema.layout import INTERNAL_TYPES
from singletable.requests.expressions import Placeholders
from singletable.requests.retry import TRANSIENT_FAULTS
from singletable.requests.types import Item, Params

__all__ = [
    "SegmentVerifier",
    "SegmentWorker",
    "Slice",
    "SliceResult",
    "first_fault",
    "forget_segment",
    "pages_of",
    "type_filter",
]

_MOST_OPERANDS = 100
"""The most operands of one IN (Developer Guide, "Comparison operator and function reference")."""


@attrs.frozen
class Slice:
    """A piece of work: some pages of one segment.

    Args:
        migration: The migration's name, with the suffix `~back` if it is rolled back, or `~verify` if it is verified.
        step: The number of the pass within the migration.
        segment: The segment, from 0.
        segments: The number of segments of the table.
        epoch: The epoch of the lease under which it runs.
        pages: The most pages.
        page_size: The number of items that DynamoDB reads for a page.
        statements: Whether to write up to 25 items in one request. The coordinator checks the support of the server.
        turn: A number that counts up from slice to slice, so that no two slices are equal: Dask caches results by
            their arguments.
    """

    migration: str
    step: int
    segment: int
    segments: int
    epoch: int
    pages: int
    page_size: int
    statements: bool = False
    turn: int = 0


@attrs.frozen
class SliceResult:
    """The result of a slice.

    Args:
        segment: The segment.
        done: Whether the segment is finished.
        counts: The outcomes in the segment so far, including earlier slices.
        recent: The outcomes of this slice alone.
        throttled: The table or the index that throttled, if any.
        consumed: Capacity units consumed by this slice, by `read` and `write`.
    """

    segment: int
    done: bool
    counts: dict[str, int]
    recent: dict[str, int] = attrs.field(factory=dict)
    throttled: str | None = None
    consumed: dict[str, float] = attrs.field(factory=dict)


class _SegmentReader:
    """Reads slices, page by page, with a checkpoint after each page.

    Args:
        table: The table.
        records: The records with the checkpoints.
        work: The pass.
        throttle: The limits of the capacity to consume.
    """

    consistent = False
    afresh = False
    """Whether each lease begins at the first page, since items may have changed after an earlier lease read them."""

    def __init__(self, table: LiveTable, records: Records, work: Pass, throttle: Throttle) -> None:
        self._table = table
        self._records = records
        self._work = work
        self._throttle = throttle

    def run(self, task: Slice) -> SliceResult:
        """Run a slice, with a checkpoint after each page.

        Raises:
            LeaseLostError: A runner with a later lease has taken the segment.
            SingletableError: A request failed; the checkpoints hold the progress.
        """
        before = dict(self._throttle.throttled)
        consumed = dict(self._throttle.consumed)
        checkpoint = self._claim(task)
        counts = Counter(json.loads(checkpoint.counts))
        recent: Counter[str] = Counter()
        throttled: str | None = None
        for _ in range(task.pages):
            if checkpoint.state == "done":
                break
            try:
                page = self._page(task, key_from_text(checkpoint.position))
                done = Counter({"scanned": page.get("ScannedCount", len(page["Items"]))})
                mine = self._sort_out(page["Items"], done)
                done += self._treat(task, mine)
            except ThrottledError as error:
                # The page is read again later, and its finished writes then need no change.
                throttled = error.index or "table"
                break
            counts += done
            recent += done
            # The checkpoint follows the answers to all writes of the page.
            self._checkpoint(checkpoint, task, page.get("LastEvaluatedKey"), counts)
        new = {name: count for name, count in self._throttle.throttled.items() if count > before.get(name, 0)}
        return SliceResult(
            task.segment,
            checkpoint.state == "done",
            dict(counts),
            dict(recent),
            throttled or next(iter(new), None),
            {kind: units - consumed[kind] for kind, units in self._throttle.consumed.items()},
        )

    def _treat(self, task: Slice, items: list[Item]) -> Counter[str]:
        """Process items of the pass, and count the outcomes."""
        raise NotImplementedError

    def _sort_out(self, items: Iterable[Item], counts: Counter[str]) -> list[Item]:
        mine = []
        for item in items:
            if self._work.concerns(item):
                mine.append(item)
            elif self._work.type_of(item) not in self._work.known and not self._work.before.is_own(item):
                counts["unknown"] += 1
        return mine

    def _page(self, task: Slice, start: Item | None) -> dict[str, Any]:
        params = scan_params(self._table.name, self._work, task.segment, task.segments, task.page_size)
        if self.consistent:
            params["ConsistentRead"] = True
        if start:
            params["ExclusiveStartKey"] = start
        return patient_scan(self._table, params, self._throttle)

    def _set_aside(self, task: Slice, key: Item, reason: str) -> None:
        self._assert_taken(task)
        Quarantine(self._records, task.migration.removesuffix(VERIFYING)).add(task.step, key, reason)

    def _assert_taken(self, task: Slice) -> None:
        """Refuse a segment that another runner has taken. This comes directly before unfenced writes."""
        record = self._records.Segment
        checkpoint = record(migration=task.migration, step=task.step, number=task.segment)
        self._fenced(checkpoint, [record.epoch.set(task.epoch)], record.epoch == task.epoch)

    # --- checkpoints ----------------------------------------------------------------

    def _claim(self, task: Slice) -> Any:
        """Return the segment's checkpoint, marked with the epoch of this lease."""
        record = self._records.Segment
        name = {"migration": task.migration, "step": task.step, "number": task.segment}
        try:
            found = record.get(**name, consistent=True)
        except record.DoesNotExist:
            # The checkpoints of a finished migration are gone: only the holder of the lease may create new ones.
            if self._lease_epoch() != task.epoch:
                raise _overtaken() from None
            found = record(**name, epoch=task.epoch)
            try:
                TRANSIENT_FAULTS.call(found.create)
            except AlreadyExistsError:  # a response was lost, or another runner was faster
                found = record.get(**name, consistent=True)
        if found.epoch > task.epoch:
            raise _overtaken()
        if found.epoch < task.epoch:
            actions = [record.epoch.set(task.epoch)]
            if self.afresh:
                actions += [record.state.set("open"), record.counts.set("{}"), record.position.remove()]
            self._fenced(found, actions, record.epoch <= task.epoch)
        return found

    def _lease_epoch(self) -> int | None:
        lease = self._records.Lease
        try:
            return int(lease.get(name="runner", consistent=True).epoch)
        except lease.DoesNotExist:
            return None

    def _checkpoint(self, checkpoint: Any, task: Slice, last: Item | None, counts: Counter[str]) -> None:
        record = self._records.Segment
        text = json.dumps(dict(counts), sort_keys=True)
        position = record.position.set(str(key_to_text(last))) if last else record.position.remove()
        actions = [record.state.set("open" if last else "done"), record.counts.set(text), position]
        self._fenced(checkpoint, actions, record.epoch == task.epoch)

    def _fenced(self, checkpoint: Any, actions: list[Any], condition: Any) -> None:
        try:
            TRANSIENT_FAULTS.call(lambda: checkpoint.update(actions=actions, condition=condition))
        except ConditionFailed:
            raise _overtaken() from None
        except type(checkpoint).DoesNotExist:
            raise _overtaken() from None


class SegmentWorker(_SegmentReader):
    """Runs slices in which each item is changed by the pass."""

    def _treat(self, task: Slice, items: list[Item]) -> Counter[str]:
        return self._writer(task).write(items)

    def _writer(self, task: Slice) -> ItemWriter:
        return ItemWriter(
            self._table,
            self._work,
            self._throttle,
            lambda key, reason: self._set_aside(task, key, reason),
            statements=task.statements,
            before_again=lambda: self._assert_taken(task),
        )


class SegmentVerifier(_SegmentReader):
    """Reads slices again, consistently, and counts the items that the pass would still change.

    It also makes the checks of `verify` on the items of the pass. It counts `verified` items, `wrong` items, which the
    pass would still change, and `quarantined` items, which have other findings.
    """

    consistent = True
    afresh = True

    def _treat(self, task: Slice, items: list[Item]) -> Counter[str]:
        counts = Counter({"verified": len(items)})
        checks = ItemChecks(self._work.after, self._work.later)
        for item in items:
            key = {name: item[name] for name in self._work.key_names}
            try:
                wrong = self._work.change(item) is not None
            except UnfitItemError as unfit:
                # It may have become so after the sweep.
                self._set_aside(task, key, unfit.reason)
                counts["quarantined"] += 1
                continue
            if wrong:
                # A change that DynamoDB refused is quarantined already.
                counts["quarantined" if self._is_aside(task, key) else "wrong"] += 1
                continue
            found = first_fault(item, self._work, checks)
            if found is not None:
                self._set_aside(task, key, found.why)
                counts["quarantined"] += 1
        return counts

    def _is_aside(self, task: Slice, key: Item) -> bool:
        return Quarantine(self._records, task.migration.removesuffix(VERIFYING)).has(task.step, key)


def first_fault(item: Item, work: Pass, checks: ItemChecks | None = None) -> ItemFinding | None:
    """Return the first finding about an item after a pass; None without one, or if its entity is not known.

    Args:
        item: The item.
        work: The pass.
        checks: The checks after this pass, if they are made already.
    """
    checks = checks or ItemChecks(work.after, work.later)
    return next(checks.findings(item), None) if checks.entity_of(item) else None


def forget_segment(checkpoint: Any, epoch: int) -> None:
    """Delete a checkpoint, unless a runner with a later lease has taken the segment.

    Raises:
        LeaseLostError: A runner with a later lease has taken it.
    """
    record = type(checkpoint)
    try:
        TRANSIENT_FAULTS.call(lambda: checkpoint.delete(condition=record.epoch <= epoch))
    except ConditionFailed:
        raise _overtaken() from None
    except record.DoesNotExist:
        return  # a response was lost, and the checkpoint is gone


def scan_params(table: str, work: Pass, segment: int, segments: int, page_size: int) -> Params:
    """Return the request for a page of a segment: items of the pass, and items of no known entity."""
    placeholders = Placeholders()
    params: Params = {
        "TableName": table,
        "Limit": page_size,
        "FilterExpression": type_filter(placeholders, work),
        "ReturnConsumedCapacity": "INDEXES",
    }
    if segments > 1:
        params |= {"Segment": segment, "TotalSegments": segments}
    return params | placeholders.arguments()


def type_filter(placeholders: Placeholders, work: Pass) -> str:
    """Return a filter that omits the items of other known entities, and the framework's own."""
    name = placeholders.name(work.type_name)
    own = f"NOT begins_with({name}, {placeholders.value({'S': INTERNAL_TYPES})})"
    others = sorted(work.known - set(work.entities))
    parts = [own]
    for start in range(0, len(others), _MOST_OPERANDS):
        values = [placeholders.value({"S": each}) for each in others[start : start + _MOST_OPERANDS]]
        parts.append(f"NOT {name} IN ({', '.join(values)})")
    return " AND ".join(parts)


def pages_of(
    table: LiveTable, params: Params, throttle: Throttle, operation: str = "Scan"
) -> Iterator[list[dict[str, Any]]]:
    """Yield every page of a scan or a query, at the speed that the throttle allows."""
    return pages(lambda asked: _patient_page(table, operation, asked, throttle), params)


def patient_scan(table: LiveTable, params: Params, throttle: Throttle) -> dict[str, Any]:
    """Return one page of a scan. It is requested again after transient faults: an error never counts as the end."""
    return _patient_page(table, "Scan", params, throttle)


def _patient_page(table: LiveTable, operation: str, params: Params, throttle: Throttle) -> dict[str, Any]:
    # A copy, since sending changes the request.
    return throttle.metered("read", lambda: table.send(operation, {**params, "ReturnConsumedCapacity": "INDEXES"}))


def _overtaken() -> LeaseLostError:
    return LeaseLostError(
        "Another runner has taken over this segment.",
        remedy="This runner was silent for too long, and stops. Its writes are valid: see `singletable status`.",
    )
