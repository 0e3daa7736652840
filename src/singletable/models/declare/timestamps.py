"""Timestamps: attributes with the time at which an item was created or last written."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from singletable.models.declare.stamps import Stamp
from singletable.models.declare.strict import StrictUTCDateTimeAttribute

__all__ = ["CreatedAtAttribute", "UpdatedAtAttribute", "utcnow"]


def utcnow() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(timezone.utc)


class CreatedAtAttribute(StrictUTCDateTimeAttribute):
    """The time of an item's creation: the current time for a new instance, unless a time is given.

    Writes do not change it.
    """

    def __init__(self, **options: Any) -> None:
        options.setdefault("default_for_new", utcnow)
        super().__init__(**options)


class UpdatedAtAttribute(Stamp, StrictUTCDateTimeAttribute):
    """The time at which an item was last written.

    Every kind of write sets it. An update may give another value.
    """

    def __init__(self, **options: Any) -> None:
        options.setdefault("default_for_new", utcnow)
        super().__init__(**options)

    def fresh(self) -> datetime:
        """Return the current time."""
        return utcnow()
