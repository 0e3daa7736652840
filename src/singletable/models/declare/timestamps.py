"""Times of writing: attributes that every write sets by itself."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from singletable.models.declare.stamps import Stamp
from singletable.models.declare.strict import StrictUTCDateTimeAttribute

__all__ = ["CreatedAtAttribute", "UpdatedAtAttribute", "utcnow"]


def utcnow() -> datetime:
    """This moment, in UTC."""
    return datetime.now(timezone.utc)


class CreatedAtAttribute(StrictUTCDateTimeAttribute):
    """When an item was made: this moment for a new instance, unless another is given. Writes leave it alone."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("default_for_new", utcnow)
        super().__init__(**options)


class UpdatedAtAttribute(Stamp, StrictUTCDateTimeAttribute):
    """When an item was last written. Every write sets it, by whichever path; an update may give another value."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("default_for_new", utcnow)
        super().__init__(**options)

    def fresh(self) -> datetime:
        """Return this moment."""
        return utcnow()
