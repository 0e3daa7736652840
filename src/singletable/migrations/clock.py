"""The clock of a run. Tests replace it, so that waits take no time and clocks can differ."""

from __future__ import annotations

import threading
import time

__all__ = ["Clock"]


class Clock:
    """The monotonic time of this machine, and a way to wait.

    It is never compared with the time of another machine: a lease expires when its counter stops moving.
    """

    def monotonic(self) -> float:
        """Return the seconds since an arbitrary moment."""
        return time.monotonic()

    def sleep(self, seconds: float, until: threading.Event | None = None) -> None:
        """Wait for some seconds, or until an event is set."""
        if until is not None:
            until.wait(seconds)
        elif seconds > 0:
            time.sleep(seconds)
