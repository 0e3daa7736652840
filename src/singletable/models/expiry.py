"""Expiry: when DynamoDB may delete an item, derived from another attribute as keys are."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import attrs

from singletable.errors import DeclarationError, InvalidValueError
from singletable.keys.text import plain
from singletable.models.attributes import not_to_be_set

if TYPE_CHECKING:
    from singletable.models.table import Table

__all__ = ["Expiry", "ExpiryRule"]


@attrs.frozen
class ExpiryRule:
    """When items expire: `days` after the attribute `after`, stored as `stored_name`."""

    after: str
    days: float
    stored_name: str

    def derive(self, start: datetime | None) -> int | None:
        """The epoch seconds at which an item expires; None where it never does."""
        if start is None:
            return None
        try:
            return int((start + timedelta(days=self.days)).timestamp())
        except OverflowError:
            raise InvalidValueError(
                f"The expiry {self.days:g} days after {self.after} lies beyond the year 9999.",
                remedy="Leave the attribute None for an item that never expires.",
                attribute=self.after,
            ) from None


def _text(value: str) -> str:
    # A converter gives the parameter its type.
    return plain(value)


@attrs.frozen(kw_only=True)
class Expiry:
    """Declares that an item expires some time after a point in time that it holds.

    The stored value is a top-level Number of epoch seconds, as DynamoDB's time to live wants it. DynamoDB
    deletes within about 48 hours of that time, and never where it lies more than five years back.
    Reading the attribute on an instance gives the point in time, or None where the item never expires.

    Args:
        after: The attribute that holds the point in time. While it is None, the item does not expire.
        days: How many days later; a fraction is allowed.
        attr_name: The stored attribute; one for all entities of a table, since DynamoDB has only one.
    """

    after: str = attrs.field(converter=_text)
    days: float = attrs.field(default=0)
    attr_name: str = attrs.field(default="ttl", converter=_text)

    @days.validator
    def _is_a_span(self, field: object, days: Any) -> None:
        if isinstance(days, bool) or not isinstance(days, (int, float)) or not math.isfinite(days):
            raise DeclarationError(
                f"Expiry(days={days!r}): that is no number of days.", remedy="Give an int or a float.", rule="ST109"
            )

    def __get__(self, instance: Table | None, owner: type) -> Any:
        if instance is None:
            return self
        seconds = self.rule.derive(getattr(instance, self.after))
        return None if seconds is None else datetime.fromtimestamp(seconds, tz=timezone.utc)

    def __set__(self, instance: Table, value: object) -> None:
        raise not_to_be_set(instance, self.attr_name)

    @property
    def rule(self) -> ExpiryRule:
        """The declaration as a plain value."""
        return ExpiryRule(self.after, self.days, self.attr_name)
