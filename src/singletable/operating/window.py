"""Windows: a span of time, cut into periods that CloudWatch still has."""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs

from singletable.errors import OperatingError

__all__ = ["Window", "window_until"]

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_PERIODS = (_MINUTE, 2 * _MINUTE, 5 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE, _HOUR, 6 * _HOUR, _DAY, 7 * _DAY)
_KEPT = ((15, _MINUTE), (63, 5 * _MINUTE), (455, _HOUR))
"""Days for which CloudWatch keeps points of a period in seconds (API Reference, "GetMetricData")."""


@attrs.frozen
class Window:
    """A span of time in periods; the last one may not be over yet.

    Args:
        start: When it begins: a multiple of the period.
        end: When it ends.
        period: Seconds of a period.
    """

    start: datetime
    end: datetime
    period: int

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.end - self.start).total_seconds()

    @property
    def starts(self) -> tuple[datetime, ...]:
        """When each period begins."""
        count = -int(-self.seconds // self.period)
        return tuple(self.start + timedelta(seconds=self.period * number) for number in range(count))

    def seconds_of(self, start: datetime) -> float:
        """How much of the period that begins then lies within the window."""
        return min(float(self.period), (self.end - start).total_seconds())


def window_until(end: datetime, span: timedelta, *, most: int) -> Window:
    """The window of a span that ends at a moment, in the shortest periods that there are.

    Args:
        end: The moment, with its zone; it is cut to a whole minute, since CloudWatch has no shorter points.
        span: How long at least; the window begins with a whole period.
        most: How many periods at most.

    Raises:
        OperatingError: It begins before what CloudWatch keeps.
    """
    end = end.replace(second=0, microsecond=0)
    seconds = span.total_seconds()
    for period in _PERIODS:
        begin = int(end.timestamp() - seconds) // period * period
        start = datetime.fromtimestamp(begin, tz=end.tzinfo)
        # What begins before is left out of a long period; a short one must be there from the first.
        age = (seconds + min(period, _HOUR)) / _DAY
        least = next((shortest for days, shortest in _KEPT if age <= days), None)
        if least is not None and period >= least and seconds <= period * most:
            return Window(start, end, period)
    raise OperatingError(
        f"CloudWatch has nothing of {span.days} days ago: it keeps {_KEPT[-1][0]} days.",
        remedy="Ask for a shorter window.",
        value=span,
    )
