"""Expiry: when DynamoDB may delete an item, derived from another attribute as keys are."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs
from pynamodb.expressions.condition import Condition as PynamoCondition

from singletable.errors import DeclarationError, InvalidConditionError, InvalidValueError
from singletable.keys.text import plain
from singletable.models.declare.strict import not_to_be_set
from singletable.requests.expressions import ItemPath
from singletable.requests.stored_values import number_text

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


_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

_COMPARED = (date, int, float, str, type(None))
"""Values with which == is meant as a condition: points in time, and those that are given instead by mistake."""


# Two declarations are compared by __eq__ below, which gives a condition for a point in time.
@attrs.frozen(kw_only=True, eq=False)
class Expiry:
    """Declares that an item expires some time after a point in time that it holds.

    The stored value is a top-level Number of epoch seconds, as DynamoDB's time to live wants it. DynamoDB
    deletes within about 48 hours of that time, and never where it lies more than five years back.
    Reading the attribute on an instance gives the point in time, or None where the item never expires.

    On the class it can be compared with aware datetimes, as an attribute can: `filter=Order.expires_at > moment`,
    `between`, `is_in`, `exists()`, `does_not_exist()`. The condition is on the stored number.

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

    # --- conditions ---------------------------------------------------------------

    def __eq__(self, other: object) -> Any:
        if isinstance(other, Expiry):
            return self.rule == other.rule
        return self._path == self._stored(other) if isinstance(other, _COMPARED) else NotImplemented

    def __ne__(self, other: object) -> Any:
        if isinstance(other, Expiry):
            return self.rule != other.rule
        return self._path != self._stored(other) if isinstance(other, _COMPARED) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.rule)

    def __lt__(self, moment: datetime) -> PynamoCondition:
        return self._path < self._stored(moment)

    def __le__(self, moment: datetime) -> PynamoCondition:
        return self._path <= self._stored(moment)

    def __gt__(self, moment: datetime) -> PynamoCondition:
        return self._path > self._stored(moment)

    def __ge__(self, moment: datetime) -> PynamoCondition:
        return self._path >= self._stored(moment)

    def between(self, first: datetime, last: datetime) -> PynamoCondition:
        """The condition that an item expires from `first` to `last`, both included."""
        return self._path.between(self._stored(first), self._stored(last))

    def is_in(self, *moments: datetime) -> PynamoCondition:
        """The condition that an item expires at one of these points in time."""
        return self._path.is_in(*map(self._stored, moments))

    def exists(self) -> PynamoCondition:
        """The condition that an item expires at some time."""
        return self._path.exists()

    def does_not_exist(self) -> PynamoCondition:
        """The condition that an item never expires."""
        return self._path.does_not_exist()

    @property
    def _path(self) -> ItemPath:
        return ItemPath(self.attr_name)

    def _stored(self, moment: Any) -> dict[str, str]:
        """A point in time as it is compared with the stored number.

        Raises:
            InvalidConditionError: It is None, which is not stored at all.
            InvalidValueError: It is not a datetime, or has no time zone.
        """
        if moment is None:
            raise InvalidConditionError(
                f"A condition compares {self.attr_name!r} with None, and an item that never expires does not store it.",
                remedy="Use does_not_exist() or exists().",
                attribute=self.attr_name,
            )
        if not isinstance(moment, datetime) or moment.utcoffset() is None:
            given = (
                "a datetime without a time zone"
                if isinstance(moment, datetime)
                else f"a value of type {type(moment).__name__}"
            )
            raise InvalidValueError(
                f"The expiry {self.attr_name!r} cannot be compared with {given}.",
                remedy="Give an aware datetime, such as datetime.now(timezone.utc).",
                attribute=self.attr_name,
            )
        # Exact: fractions of a second are not rounded to the whole ones that are stored.
        return {"N": number_text(Decimal((moment - _EPOCH) // timedelta(microseconds=1)).scaleb(-6))}

    @property
    def rule(self) -> ExpiryRule:
        """The declaration as a plain value."""
        return ExpiryRule(self.after, self.days, self.attr_name)
