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

__all__ = ["DEFERRED_SECONDS", "Tally", "check_errors", "next_ready", "sweep"]

DEFERRED_SECONDS = 1.0
"""How long a segment rests that was throttled; the others go on."""

_IDLE_SECONDS = 0.05
_FEW = 10


@attrs.define
class Tally:
    """What was done of a pass.

    Args:
        totals: What was done in each segment.
        finished: The segments that are at their end.
        consumed: Capacity units of this run, by `read` and `write`.
        throttled: How often what was throttled, `table` or an index.
    """

    totals: dict[int, Counter[str]] = attrs.field(factory=dict)
    finished: set[int] = attrs.field(factory=set)
    consumed: Counter[str] = attrs.field(factory=Counter)
    throttled: Counter[str] = attrs.field(factory=Counter)

    @classmethod
    def of(cls, checkpoints: Mapping[int, Any]) -> Tally:
        """What checkpoints say."""
        totals = {number: Counter(json.loads(each.counts)) for number, each in checkpoints.items()}
        return cls(totals, {number for number, each in checkpoints.items() if each.state == "done"})

    @property
    def total(self) -> Counter[str]:
        """What was done in all segments."""
        return sum(self.totals.values(), Counter[str]())

    def add(self, result: SliceResult) -> None:
        """Take what became of a slice."""
        self.totals[result.segment] = Counter(result.counts)
        self.consumed.update(result.consumed)
        if result.done:
            self.finished.add(result.segment)
        if result.throttled:
            self.throttled[result.throttled] += 1


def sweep(
    submit: Submit,
    worker: SegmentWorker | SegmentVerifier,
    task: Slice,
    tally: Tally,
    *,
    workers: int,
    turns: Iterator[int],
    clock: Clock,
    stop: threading.Event,
    after: Callable[[], None],
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
        after: Called behind each slice; what it raises ends the sweep.

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
            after()
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


def check_errors(counts: Mapping[str, int], max_errors: float) -> None:
    """Stop a pass in which too many items are quarantined.

    Args:
        counts: What was done.
        max_errors: The share of the items that may be quarantined, from 0 to 1.

    Raises:
        MigrationStopped: There are more.
    """
    quarantined = counts.get("quarantined", 0)
    tried = sum(counts.get(each, 0) for each in ("written", "already", "gone")) + quarantined
    if quarantined > _FEW and quarantined > max_errors * tried:
        raise MigrationStopped(
            f"{quarantined:,} of {tried:,} items were quarantined, more than {max_errors:.0%}.",
            remedy="`singletable status` says why. Correct the items or the script, then"
            " `singletable migrate --redrive`; or allow more with --max-errors.",
        )
