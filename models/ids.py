"""Ids that sort by their time of creation, so that "newest first" is the order of the keys."""

import secrets
import time
from uuid import UUID


def new_id() -> str:
    """Return a UUID of version 7 (RFC 9562): the time to a fraction of a microsecond, then 62 random bits."""
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    # Section 6.2, method 3: the twelve bits after the version hold the fraction of the millisecond.
    fraction = rest * 4096 // 1_000_000
    return str(UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | secrets.randbits(62)))
