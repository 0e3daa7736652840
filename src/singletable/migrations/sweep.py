"""The sweep: every segment of a pass to its end, interleaved, a slice at a time."""

from __future__ import annotations

import json
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any

import attrs

from singletable.errors import MigrationStopped
from singletable.migrations.clock import Clock
from singletable.migrations.segments import SegmentVerifier, SegmentWorker, Slice, SliceResult
from singletable.migrations.tasks import Submit

__all__ = ["DEFERRED_SECONDS", "Breaker", "SweepTally", "next_ready", "sweep"]

DEFERRED_SECONDS = 1.0
"""How long a segment rests that was throttled; the others go on."""

_IDLE_SECONDS = 0.05
_FEW = 10

_WINDOW = 1000
"""Number of recent items that the breaker judges."""


@attrs.define
class SweepTally:
    """What was done of a pass.

    Args:
        totals: What was done in each segment.
        total: The counts of all segments.
        finished: The segments that are at their end.
        consumed: Capacity units of this run, by `read` and `write`.
        throttled: How often what was throttled, `table` or an index.
    """

    totals: dict[int, Counter[str]] = attrs.field(factory=dict)
    total: Counter[str] = attrs.field(init=False)
    finished: set[int] = attrs.field(factory=set)
    consumed: Counter[str] = attrs.field(factory=Counter)
    throttled: Counter[str] = attrs.field(factory=Counter)

    @classmethod
    def of(cls, checkpoints: Mapping[int, Any]) -> SweepTally:
        """What checkpoints say."""
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
    """Have every segment worked on in turns until all are at their end.

    Args:
        submit: Has a slice done.
        worker: What does it.
        task: The slice of the first segment; the others are like it.
        tally: What was done before, and then what is done.
        workers: How many slices are under way at once.
        turns: Numbers the slices.
        clock: Time.
        stop: Set by whoever wants no other slice to be begun.
        after: Called with the result of each slice; what it raises ends the sweep.

    Returns:
        Whether it came to its end, and was not stopped.
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
        # What is under way writes rightly; nothing else is begun.
        wait(under_way)
    return True


def next_ready(waiting: deque[int], resting: Mapping[int, float], now: float) -> int | None:
    """The next segment that does not rest from throttling; it is taken out of those that wait."""
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
            MigrationStopped: Too many items are quarantined.
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
            raise MigrationStopped(
                f"{self._quarantined:,} of the last {self._tried:,} items were quarantined, more than"
                f" {self._max_errors:.0%}.",
                remedy="`singletable status` says why. Correct the items or the script, then"
                " `singletable migrate --redrive`; or allow more with --max-errors.",
            )
