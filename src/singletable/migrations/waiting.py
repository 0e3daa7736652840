"""The wait for a change of the table. It reports each minute, and ends as soon as the run is to pause."""

from __future__ import annotations

import threading
from collections.abc import Callable

from singletable.errors import MigrationPausedError, MigrationStoppedError
from singletable.migrations.clock import Clock

__all__ = ["Waiter"]

_POLL, _POLL_LATER = 2.0, 10.0
"""Seconds between two requests for the table's state, in the first minute and later."""

_STEP = 0.25
"""Seconds after which a wait notices that the run is to pause."""

_TELL_EVERY = 60.0


class Waiter:
    """Waits for changes of the table.

    Args:
        clock: The clock, which tests replace.
        tell: Called with a line about each wait, and again every minute.
        stop: An event that ends a wait.
    """

    def __init__(self, clock: Clock, tell: Callable[[str], None], stop: threading.Event) -> None:
        self._clock = clock
        self._tell = tell
        self._stop = stop

    def until(self, done: Callable[[], bool], what: str, patience: float | None = None) -> None:
        """Wait until a change is done.

        Args:
            done: Returns whether it is.
            what: The change, as text for messages.
            patience: Seconds after which to give up; None to wait as long as it takes.

        Raises:
            MigrationStoppedError: It was not done in time.
            MigrationPausedError: The run is to pause.
        """
        start = self._clock.monotonic()
        told: float | None = None
        while not done():
            waited = self._clock.monotonic() - start
            if patience is not None and waited > patience:
                raise MigrationStoppedError(
                    f"Waited {waited:.0f} s for {what}, without success.",
                    remedy="Some local servers accept UpdateTable and do nothing; on AWS, describe the table.",
                )
            if told is None or waited - told >= _TELL_EVERY:
                told = waited
                self._tell(f"waiting for {what}" + (f" ({waited / 60:.0f} min)" if waited >= _TELL_EVERY else ""))
            self._pause(_POLL if waited < _TELL_EVERY else _POLL_LATER, what)

    def _pause(self, seconds: float, what: str) -> None:
        """Sleep in short steps, so that a request to pause takes effect immediately."""
        until = self._clock.monotonic() + seconds
        while (left := until - self._clock.monotonic()) > 0:
            if self._stop.is_set():
                raise MigrationPausedError(
                    f"Paused while waiting for {what}.", remedy="The same command continues to wait."
                )
            self._clock.sleep(min(_STEP, left))
