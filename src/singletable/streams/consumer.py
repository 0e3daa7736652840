"""The consumer: reads a stream on this machine and gives its records to the router that Lambda would call."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from threading import Event
from typing import Any

import attrs

from singletable.errors import HandlersFailedError, InvalidValueError
from singletable.requests.retry import Retry
from singletable.streams.checkpoints import Checkpoints
from singletable.streams.client import StreamsClient, stream_arn
from singletable.streams.deadletters import DeadLetter
from singletable.streams.outcome import Outcome
from singletable.streams.reader import TRIM_HORIZON, RecordBatch, StreamReader
from singletable.streams.router import StreamRouter

__all__ = ["StreamReport", "poll_forever", "run_stream"]

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0


@attrs.define
class StreamReport:
    """The counts of a run.

    Args:
        records: The number of records that were read.
        own: The number of them that were of the framework's own items, which go to no handler.
        handled: The number of records that each handler handled, by its name.
        repeated: The number of records for which each handler was not called again, by its name.
        letters: The dead letters.
    """

    records: int = 0
    own: int = 0
    handled: Counter[str] = attrs.field(factory=Counter)
    repeated: Counter[str] = attrs.field(factory=Counter)
    letters: list[DeadLetter] = attrs.field(factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count the outcome of one record."""
        self.records += 1
        self.own += outcome.own
        self.handled.update(outcome.handled)
        self.repeated.update(outcome.repeated)
        self.letters += outcome.letters


def run_stream(
    router: StreamRouter,
    *,
    start: str = TRIM_HORIZON,
    checkpoints: Checkpoints | None = None,
    attempts: int = 3,
    idle: float | None = None,
    accept_gaps: bool = False,
    stop: Event | None = None,
    tell: Callable[[StreamReport, RecordBatch], None] = lambda report, batch: None,
    failed: Callable[[HandlersFailedError], None] | None = None,
) -> StreamReport:
    """Read the stream of a router's table, at the place where the table is bound, and handle its records.

    A record that fails is processed again, with growing pauses, before any later record of its shard. After the last
    attempt it is a dead letter, and the later records are processed.

    Args:
        router: The router.
        start: Where to begin on a stream without checkpoints: `TRIM_HORIZON` or `LATEST`.
        checkpoints: The positions up to which the stream was read; by default they are kept in this process.
        attempts: The highest number of attempts for each record; at least 1.
        idle: Stop after this number of seconds without a new record; None to go on.
        accept_gaps: Whether to go on after records that are gone.
        stop: Set it, in another thread, to stop after the current record.
        tell: Called after each batch.
        failed: Called with each failure of a record, also if a later attempt succeeds.

    Raises:
        InvalidValueError: `attempts` is less than 1.
        StreamViewError: The stream does not show an image that a handler needs.
        StreamTrimmedError: Records were dropped before they were read.
        StreamMissingError: The table has no stream.
    """
    if attempts < 1:
        raise InvalidValueError(f"attempts={attempts!r} is less than 1.", value=attempts)
    client, arn = StreamsClient(router.table), stream_arn(router.table)
    reader = StreamReader(client, arn, checkpoints=checkpoints, start=start, accept_gaps=accept_gaps).open()
    router.start(reader.view)
    stop = stop or Event()
    report = StreamReport()

    def handle(batch: RecordBatch) -> bool:
        for raw in batch.records:
            if stop.is_set():
                return False
            report.add(_handle(router, raw, attempts, failed))
        tell(report, batch)
        return True

    poll_forever(reader, handle, idle=idle, stop=stop)
    return report


def poll_forever(
    reader: StreamReader, handle: Callable[[RecordBatch], bool], *, idle: float | None = None, stop: Event | None = None
) -> None:
    """Poll a reader until it is idle, the stream ends, or `stop` is set.

    Args:
        reader: The reader.
        handle: Called with each batch. If it returns False, the batch does not count as read, and polling ends.
        idle: Stop after this number of seconds without a new record; None to go on.
        stop: Set it, in another thread, to stop.
    """
    stop = stop or Event()
    since, wait = time.monotonic(), _FIRST_PAUSE
    while not stop.is_set() and not reader.ended:
        found = False
        for batch in reader.poll():
            found = True
            if not handle(batch):
                return
        if found:
            since, wait = time.monotonic(), _FIRST_PAUSE
            continue
        if idle is not None and time.monotonic() - since >= idle:
            return
        stop.wait(wait)
        wait = min(2 * wait, _LONGEST_PAUSE)


def _handle(
    router: StreamRouter, raw: dict[str, Any], attempts: int, report: Callable[[HandlersFailedError], None] | None
) -> Outcome:
    before = Outcome()
    for _ in Retry(attempts, _FIRST_PAUSE, _LONGEST_PAUSE):
        try:
            return before.then(router.process(raw))
        except HandlersFailedError as error:
            failed = error
            if report is not None:
                report(error)
            before = before.then(error.outcome)
    return before.then(router.bury(*failed.letters))
