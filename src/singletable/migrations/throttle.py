"""The throttle: it limits the consumed capacity per second of the table and of each index, for reads and writes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from singletable.errors import MigrationPausedError, ThrottledError
from singletable.migrations.clock import Clock
from singletable.requests.retry import TRANSIENT_FAULTS

__all__ = ["Throttle"]

_RAMP_START = 1000.0
"""Units per second at the start of a run on an on-demand table without a rate."""

_RAMP_DOUBLES = 1800.0
"""Seconds in which the rate on an on-demand table may double. DynamoDB accepts twice the highest
earlier traffic immediately, and needs 30 minutes for more (Developer Guide, "On-demand capacity mode")."""

_RECOVERS = 30.0
"""Seconds in which a rate that was cut after throttling returns to the full rate."""

_BURST = 1.0
"""Seconds of unused capacity that later requests may use."""

_LEAST = 0.02


@attrs.define
class _Bucket:
    level: float
    at: float


class Throttle:
    """Keeps the consumed capacity below a rate, and slows down when DynamoDB throttles.

    DynamoDB reports the consumed capacity in each answer. An answer may take a bucket below zero; the next request
    waits until the bucket is no longer negative.

    Args:
        clock: The clock, which tests replace.
        rate: Units per second for the table's reads, its writes and each index's writes, each. None for no limit except
            the ramp of an on-demand table.
        rates: Units per second for some of them, such as a share of the provisioned capacity:
            `{("GSI1", "write"): 50.0}`.
        ramp: Whether to begin slowly, as on-demand tables require.
        stop: An event that pauses the run, and ends waits for capacity.
    """

    def __init__(
        self,
        clock: Clock,
        rate: float | None = None,
        rates: Mapping[tuple[str, str], float] | None = None,
        *,
        ramp: bool = False,
        stop: threading.Event | None = None,
    ) -> None:
        self._clock = clock
        self._rate = rate
        self._rates = dict(rates or {})
        self._ramp = ramp
        self._stop = stop or threading.Event()
        self._start = clock.monotonic()
        self._buckets: dict[tuple[str, str], _Bucket] = {}
        self._lock = threading.Lock()
        self._factor = 1.0
        self._cut_at = self._start
        self.throttled: dict[str, int] = {}
        self.consumed: dict[str, float] = {"read": 0.0, "write": 0.0}

    @property
    def factor(self) -> float:
        """The present share of the full rate: less than 1 after throttling, then growing back to 1."""
        since = self._clock.monotonic() - self._cut_at
        return min(1.0, self._factor + (1.0 - self._factor) * since / _RECOVERS)

    def limit(self, resource: str, kind: str) -> float | None:
        """Return the present limit of a resource in units per second; None for no limit."""
        rate = self._rates.get((resource, kind), self._rate)
        if rate is None and self._ramp:
            rate = _RAMP_START * 2.0 ** ((self._clock.monotonic() - self._start) / _RAMP_DOUBLES)
        if rate is None:
            return None if self.factor >= 1.0 else _RAMP_START * self.factor
        return rate * self.factor

    def metered(self, kind: str, send: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Send a request when capacity is available, again after transient faults, and count the capacity it consumes.

        Args:
            kind: `read` or `write`.
            send: Sends the request and returns DynamoDB's answer. Repeated calls must do no harm.

        Raises:
            MigrationPausedError: The run is to pause. The next one sends the request.
        """

        def once() -> dict[str, Any]:
            self.wait(kind)
            try:
                answer = send()
            except ThrottledError as error:
                self.cut(error.index)
                raise
            self.spend(answer, kind)
            return answer

        return TRANSIENT_FAULTS.call(once)

    def wait(self, kind: str) -> float:
        """Wait until a request of a kind may be sent. Return the length of the wait in seconds.

        Raises:
            MigrationPausedError: The run is to pause. The next one sends the request.
        """
        waited = 0.0
        while True:
            with self._lock:
                pause = max(
                    (self._pause(key) for key in self._buckets if key[1] == kind),
                    default=0.0,
                )
            if pause <= 0:
                return waited
            # In small steps: answers to other threads may change the length of the wait.
            if self._stop.is_set():
                raise MigrationPausedError(
                    "Paused while waiting for capacity.", remedy="The same command continues from the last checkpoints."
                )
            pause = min(pause, 1.0)
            self._clock.sleep(pause)
            waited += pause

    def spend(self, answer: Mapping[str, Any], kind: str) -> None:
        """Subtract the consumed capacity that an answer reports."""
        consumed = answer.get("ConsumedCapacity") or []
        with self._lock:
            for each in [consumed] if isinstance(consumed, Mapping) else consumed:
                self.consumed[kind] += each.get("CapacityUnits") or 0.0
                table = each.get("Table", {}).get("CapacityUnits", each.get("CapacityUnits") or 0.0)
                self._take(("table", kind), table)
                for name, index in (each.get("GlobalSecondaryIndexes") or {}).items():
                    self._take((name, kind), index.get("CapacityUnits") or 0.0)

    def cut(self, resource: str | None) -> None:
        """Slow down: DynamoDB has throttled the table, or an index."""
        with self._lock:
            name = resource or "table"
            self.throttled[name] = self.throttled.get(name, 0) + 1
            self._factor = max(_LEAST, self.factor / 2)
            self._cut_at = self._clock.monotonic()

    def _take(self, key: tuple[str, str], units: float) -> None:
        bucket = self._fill(key)
        bucket.level -= units

    def _pause(self, key: tuple[str, str]) -> float:
        limit = self.limit(*key)
        if limit is None:
            return 0.0
        bucket = self._fill(key)
        return max(0.0, -bucket.level / limit)

    def _fill(self, key: tuple[str, str]) -> _Bucket:
        now = self._clock.monotonic()
        limit = self.limit(*key)
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(0.0 if limit is None else limit * _BURST, now)
        elif limit is None:
            bucket.level, bucket.at = 0.0, now
        else:
            bucket.level = min(limit * _BURST, bucket.level + (now - bucket.at) * limit)
            bucket.at = now
        return bucket
