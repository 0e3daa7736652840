"""Expiry: the time after which DynamoDB may delete an item, derived from another attribute as keys are."""

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
    from pynamodb.models import Model

__all__ = ["Expiry", "ExpiryRule"]


@attrs.frozen
class ExpiryRule:
    """The rule by which items expire: `days` after the attribute `after`, stored as `stored_name`."""

    after: str
    days: float
    stored_name: str

    def derive(self, start: datetime | None) -> int | None:
        """Return the epoch seconds at which an item expires; None if it never expires."""
        if start is None:
            return None
        try:
            return int((start + timedelta(days=self.days)).timestamp())
        except OverflowError:
            raise InvalidValueError(
                f"The expiry {self.days:g} days after {self.after} is after the year 9999.",
                remedy="Use an earlier time, or None for an item that never expires.",
                attribute=self.after,
            ) from None


def _text(value: str) -> str:
    # An attrs converter also determines the type of the constructor's parameter.
    return plain(value)


_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

_COMPARED = (date, int, float, str, type(None))
"""Types with which == makes a condition: points in time, and values that are given instead by mistake."""


# __eq__ below compares two declarations. With a point in time it returns a condition.
@attrs.frozen(kw_only=True, eq=False)
class Expiry:
    """The declaration that an item expires some days after the time in one of its attributes.

    The stored value is a top-level Number of epoch seconds, as DynamoDB's time to live requires. DynamoDB deletes
    an item within about 48 hours of that time, and never if the time is more than five years in the past.
    On an instance, the attribute is the time at which the item expires, or None if it never expires.

    On the class it can be compared with aware datetimes, as an attribute can: `filter=Order.expires_at > moment`,
    `between`, `is_in`, `exists()`, `does_not_exist()`. The condition is on the stored number.

    Args:
        after: The attribute that holds the start time. While it is None, the item does not expire.
        days: The number of days after the start time; a fraction is allowed.
        attr_name: The stored attribute; the same for all entities of a table, since a DynamoDB table has only one.
    """

    after: str = attrs.field(converter=_text)
    days: float = attrs.field(default=0)
    attr_name: str = attrs.field(default="ttl", converter=_text)

    @days.validator
    def _is_a_span(self, field: object, days: Any) -> None:
        if isinstance(days, bool) or not isinstance(days, (int, float)) or not math.isfinite(days):
            raise DeclarationError(
                f"Expiry(days={days!r}): days is not a finite number.", remedy="Give an int or a float.", rule="ST109"
            )

    def __get__(self, instance: Model | None, owner: type) -> Any:
        if instance is None:
            return self
        seconds = self.rule.derive(getattr(instance, self.after))
        return None if seconds is None else datetime.fromtimestamp(seconds, tz=timezone.utc)

    def __set__(self, instance: Model, value: object) -> None:
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
        """Return the condition that an item expires between `first` and `last`, both included."""
        return self._path.between(self._stored(first), self._stored(last))

    def is_in(self, *moments: datetime) -> PynamoCondition:
        """Return the condition that an item expires at one of these times."""
        return self._path.is_in(*map(self._stored, moments))

    def exists(self) -> PynamoCondition:
        """Return the condition that an item has a time at which it expires."""
        return self._path.exists()

    def does_not_exist(self) -> PynamoCondition:
        """Return the condition that an item never expires."""
        return self._path.does_not_exist()

    @property
    def _path(self) -> ItemPath:
        return ItemPath(self.attr_name)

    def _stored(self, moment: Any) -> dict[str, str]:
        """Return a time in the form that is compared with the stored number.

        Raises:
            InvalidConditionError: The time is None, which is not stored at all.
            InvalidValueError: The value is not a datetime, or has no time zone.
        """
        if moment is None:
            raise InvalidConditionError(
                f"A condition compares {self.attr_name!r} with None, but an item that never expires lacks it.",
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
        # Exact: fractions of a second are not rounded to the whole seconds that are stored.
        return {"N": number_text(Decimal((moment - _EPOCH) // timedelta(microseconds=1)).scaleb(-6))}

    @property
    def rule(self) -> ExpiryRule:
        """The rule of the declaration, as a plain value."""
        return ExpiryRule(self.after, self.days, self.attr_name)
