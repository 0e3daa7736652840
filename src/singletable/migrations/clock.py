"""Time, as the runner sees it: replaced in tests, so that waiting costs nothing and clocks can differ."""

from __future__ import annotations

import threading
import time

__all__ = ["Clock"]


class Clock:
    """This machine's monotonic time and its way to wait.

    No time of another machine is ever compared with it: leases are judged by a counter that moves or does not.
    """

    def monotonic(self) -> float:
        """Seconds from an arbitrary moment on."""
        return time.monotonic()

    def sleep(self, seconds: float, until: threading.Event | None = None) -> None:
        """Wait, or less long if an event comes."""
        if until is not None:
            until.wait(seconds)
        elif seconds > 0:
            time.sleep(seconds)
