"""Handling of Ctrl-C and SIGTERM: the command stops at a safe point."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType

__all__ = ["pausing", "until_interrupted"]


@contextmanager
def pausing(stop: Callable[[], None], tell: Callable[[str], None]) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM pause a run after its current slices; a second signal ends it immediately, which is safe.

    Args:
        stop: Pauses the run.
        tell: Prints a line.
    """

    def pause(number: int, frame: object) -> None:
        tell("Pausing after the current slices. Press Ctrl-C again to stop immediately (safe).")
        stop()
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    before = {number: signal.signal(number, pause) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        restore()


@contextmanager
def until_interrupted() -> Iterator[Event]:
    """Yield an event that Ctrl-C or SIGTERM sets during the block."""
    stop = Event()

    def handle(number: int, frame: FrameType | None) -> None:
        stop.set()

    before = {each: signal.signal(each, handle) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
