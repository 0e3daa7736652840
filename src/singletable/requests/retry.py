"""Retries of our own, beside the SDK's: how often, and how long the pause between two attempts is."""

from __future__ import annotations

import random
import time

__all__ = ["ATTEMPTS", "THROTTLED", "pause"]

ATTEMPTS = 16
"""How often a write is sent at most whose condition fails because another writer was faster."""

THROTTLED = {
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
}
"""DynamoDB's codes for a request that was asked of it too fast."""

_FIRST_PAUSE = 0.002
_LONGEST_PAUSE = 0.5


def pause(attempt: int, first: float = _FIRST_PAUSE, longest: float = _LONGEST_PAUSE) -> None:
    """Sleep before an attempt: exponential backoff with full jitter, and not before the first one.

    Args:
        attempt: The number of the attempt, from 0.
        first: The longest pause before the second attempt, in seconds.
        longest: The longest pause before any.
    """
    if attempt:
        # Not more than 2 to the 30th, or the product would be no float any more.
        time.sleep(random.uniform(0, min(longest, first * 2 ** min(attempt - 1, 30))))  # noqa: S311 - not a secret
