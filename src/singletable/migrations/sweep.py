"""The sweep: it processes all segments of a pass to their ends, interleaved, one slice at a time."""

from __future__ import annotations

import json
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any

import attrs

from singletable.errors import MigrationStoppedError
from singletable.migrations.clock import Clock
from singletable.migrations.segments import SegmentVerifier, SegmentWorker, Slice, SliceResult
from singletable.migrations.tasks import Submit

__all__ = ["DEFERRED_SECONDS", "Breaker", "SweepTally", "next_ready", "sweep"]

DEFERRED_SECONDS = 1.0
"""Seconds for which a throttled segment rests; the others continue."""

_IDLE_SECONDS = 0.05
_FEW = 10

_WINDOW = 1000
"""The number of recent items that the breaker judges."""


@attrs.define
class SweepTally:
    """The counts of a pass.

    Args:
        totals: The counts of each segment.
        total: The counts of all segments.
        finished: The finished segments.
        consumed: The capacity units of this run, by `read` and `write`.
        throttled: The number of throttled requests, by `table` or index.
    """

    totals: dict[int, Counter[str]] = attrs.field(factory=dict)
    total: Counter[str] = attrs.field(init=False)
    finished: set[int] = attrs.field(factory=set)
    consumed: Counter[str] = attrs.field(factory=Counter)
    throttled: Counter[str] = attrs.field(factory=Counter)

    @classmethod
    def of(cls, checkpoints: Mapping[int, Any]) -> SweepTally:
        """Return the counts in checkpoints."""
        totals = {number: Counter(json.loads(each.counts)) for number, each in checkpoints.items()}
        return cls(totals, {number for number, each in checkpoints.items() if each.state == "done"})

    @total.default
    def _sum(self) -> Counter[str]:
        return sum(self.totals.values(), Counter[str]())

    def add(self, result: SliceResult) -> None:
        """Add the result of a slice."""
        self.total.subtract(self.totals.get(result.segment, {}))
        self.totals[result.segment] = Counter(result.counts)
        self.total.update(result.counts)
        self.consumed.update(result.consumed)
        if result.done:
            self.finished.add(result.segment)
        if result.throttled:
            self.throttled[result.throttled] += 1


def sweep(
    submit: Submit,
    worker: SegmentWorker | SegmentVerifier,
    task: Slice,
    tally: SweepTally,
    *,
    workers: int,
    turns: Iterator[int],
    clock: Clock,
    stop: threading.Event,
    after: Callable[[SliceResult], None],
) -> bool:
    """Process the segments in turns until all of them are finished.

    Args:
        submit: Submits a slice.
        worker: The worker of the slices.
        task: The slice of the first segment; the others are like it.
        tally: The counts so far, which are updated.
        workers: The number of slices to run in parallel.
        turns: The numbers of the slices.
        clock: The clock, which tests replace.
        stop: An event after which no other slice begins.
        after: Called with the result of each slice; its exception ends the sweep.

    Returns:
        Whether all segments are finished: False if it was stopped.
    """
    waiting = deque(number for number in range(task.segments) if number not in tally.finished)
    resting: dict[int, float] = {}
    under_way: set[Future[SliceResult]] = set()
    try:
        while waiting or under_way:
            while waiting and len(under_way) < workers and not stop.is_set():
                segment = next_ready(waiting, resting, clock.monotonic())
                if segment is None:
                    break
                under_way.add(submit(worker, attrs.evolve(task, segment=segment, turn=next(turns))))
            if not under_way:
                if stop.is_set():
                    return False
                clock.sleep(_IDLE_SECONDS)
                continue
            done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            for future in done:
                result = future.result()
                tally.add(result)
                if not result.done:
                    waiting.append(result.segment)
                if result.throttled:
                    resting[result.segment] = clock.monotonic() + DEFERRED_SECONDS
                after(result)
    finally:
        # The running slices finish, and no other begins.
        wait(under_way)
    return True


def next_ready(waiting: deque[int], resting: Mapping[int, float], now: float) -> int | None:
    """Return the next segment that does not rest after throttling, and remove it from the waiting ones."""
    for _ in range(len(waiting)):
        number = waiting.popleft()
        if resting.get(number, 0.0) <= now:
            return number
        waiting.append(number)
    return None


class Breaker:
    """Stops a pass if too many of its recent items are quarantined.

    It judges the last thousand items of this run. Items that an earlier run quarantined, or that are redriven, do not
    count.

    Args:
        max_errors: The share of the items that may be quarantined, from 0 to 1.
    """

    def __init__(self, max_errors: float) -> None:
        self._max_errors = max_errors
        self._window: deque[tuple[int, int]] = deque()
        self._tried = self._quarantined = 0

    def add(self, recent: Mapping[str, int]) -> None:
        """Add the counts of a slice.

        Raises:
            MigrationStoppedError: Too many items are quarantined.
        """
        quarantined = recent.get("quarantined", 0)
        tried = sum(recent.get(each, 0) for each in ("written", "already", "gone")) + quarantined
        self._window.append((tried, quarantined))
        self._tried += tried
        self._quarantined += quarantined
        while self._tried - self._window[0][0] >= _WINDOW:
            tried, quarantined = self._window.popleft()
            self._tried -= tried
            self._quarantined -= quarantined
        if self._quarantined > _FEW and self._quarantined > self._max_errors * self._tried:
            raise MigrationStoppedError(
                f"{self._quarantined:,} of the last {self._tried:,} items were quarantined, more than"
                f" {self._max_errors:.0%}.",
                remedy="`singletable status` lists the reasons. Correct the items or the script, then"
                " `singletable migrate --redrive`; or raise --max-errors.",
            )
