"""Repeated attempts as one value: their number, the pauses between them, and the errors after which they go on."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import attrs

from singletable.errors import EndpointUnreachableError, NoResponseError, RequestFailedError, ThrottledError
from singletable.steps import Pause, Steps

__all__ = ["CONTENTION", "THROTTLED", "TRANSIENT_FAULTS", "Retry", "full_jitter", "is_transient"]

T = TypeVar("T")

THROTTLED = {
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
}
"""DynamoDB's error codes for a throttled request."""

_UNAVAILABLE = ("InternalServerError", "ServiceUnavailable", "500", "503")


def full_jitter(bound: float) -> float:
    """Return a random number of seconds between zero and a bound."""
    return random.uniform(0, bound)  # noqa: S311 - not a secret


def _sleep(seconds: float) -> None:
    # Looked up at each call, so that a simulator can replace it.
    time.sleep(seconds)


@attrs.frozen
class Retry:
    """A number of attempts, with exponential backoff between them.

    A loop over this value makes the attempts. It pauses before each one except the first:

        for attempt in CONTENTION:
            ...  # return when an attempt succeeds
        raise ...

    Steps do the same without blocking, with `for attempt in range(CONTENTION.attempts)` and `before(attempt)`.
    `call` repeats one function instead, and raises the last error.

    Args:
        attempts: The greatest number of attempts, including the first.
        first: The upper bound of the pause before the second attempt, in seconds. It doubles with each attempt.
        longest: The upper bound of every pause, in seconds.
        on: Whether `call` makes another attempt after an error. By default it does so after every `Exception`.
        jitter: Returns the length of a pause from its upper bound. By default any length up to the bound is equally
            likely, so that writers that failed together do not collide again.
        sleep: Waits for a number of seconds.
    """

    attempts: int = 16
    first: float = 0.002
    longest: float = 0.5
    on: Callable[[Exception], bool] = attrs.field(default=lambda error: True, kw_only=True)
    jitter: Callable[[float], float] = attrs.field(default=full_jitter, kw_only=True)
    sleep: Callable[[float], object] = attrs.field(default=_sleep, kw_only=True)

    def __iter__(self) -> Iterator[int]:
        for attempt in range(self.attempts):
            self.pause(attempt)
            yield attempt

    def call(self, function: Callable[[], T]) -> T:
        """Call a function until it returns, and return its result.

        Args:
            function: The function. Repeated calls must do no harm.

        Raises:
            Exception: The error of the last attempt, or the first one that does not match `on`.
        """
        for attempt in self:
            try:
                return function()
            except Exception as error:
                if attempt == self.attempts - 1 or not self.on(error):
                    raise
        raise AssertionError("the last attempt returns or raises")

    def pause(self, attempt: int) -> None:
        """Sleep before an attempt.

        Args:
            attempt: The number of the attempt. Nothing precedes attempt 0, so it has no pause.
        """
        if attempt:
            self.sleep(self._length(attempt))

    def before(self, attempt: int) -> Steps[None]:
        """Make the pause before an attempt, in steps.

        Args:
            attempt: The number of the attempt, from `range(retry.attempts)`.
        """
        if attempt:
            yield Pause(self._length(attempt))

    def _length(self, attempt: int) -> float:
        # Above 2 to the 30th, the product could exceed the range of a float.
        return self.jitter(min(self.longest, self.first * 2 ** min(attempt - 1, 30)))


def is_transient(error: Exception) -> bool:
    """Return whether the next attempt may succeed: after throttling, a lost response, or a fault of the service."""
    if isinstance(error, (ThrottledError, NoResponseError, EndpointUnreachableError)):
        return True
    return isinstance(error, RequestFailedError) and error.code in _UNAVAILABLE


CONTENTION = Retry()
"""Attempts of a write whose condition fails because another writer was faster."""

TRANSIENT_FAULTS = Retry(8, 0.05, 5.0, on=is_transient)
"""Attempts of a request that DynamoDB throttles or does not answer."""
