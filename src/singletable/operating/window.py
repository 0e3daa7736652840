"""Windows: a span of time, divided into periods for which CloudWatch still has points."""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs

from singletable.errors import OperatingError

__all__ = ["Window", "window_until"]

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_PERIODS = (_MINUTE, 2 * _MINUTE, 5 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE, _HOUR, 6 * _HOUR, _DAY, 7 * _DAY)
_KEPT = ((15, _MINUTE), (63, 5 * _MINUTE), (455, _HOUR))
"""The number of days for which CloudWatch keeps points, and their shortest period in seconds.

Source: API Reference, "GetMetricData".
"""


@attrs.frozen
class Window:
    """A span of time in periods; the last period may be incomplete.

    Args:
        start: The beginning, a multiple of the period.
        end: The end.
        period: The length of a period in seconds.
    """

    start: datetime
    end: datetime
    period: int

    @property
    def seconds(self) -> float:
        """The length of the window."""
        return (self.end - self.start).total_seconds()

    @property
    def starts(self) -> tuple[datetime, ...]:
        """The beginning of each period."""
        count = -int(-self.seconds // self.period)
        return tuple(self.start + timedelta(seconds=self.period * number) for number in range(count))

    def seconds_of(self, start: datetime) -> float:
        """Return the number of seconds within the window of the period that begins at `start`."""
        return min(float(self.period), (self.end - start).total_seconds())


def window_until(end: datetime, span: timedelta, *, most: int) -> Window:
    """Return the window of a span that ends at a time, in the shortest possible periods.

    Args:
        end: The end, with its time zone. It is rounded down to a minute, because CloudWatch has no shorter points.
        span: The shortest length of the window, which begins with a whole period.
        most: The highest number of periods.

    Raises:
        OperatingError: The window begins before the oldest points of CloudWatch.
    """
    end = end.replace(second=0, microsecond=0)
    seconds = span.total_seconds()
    for period in _PERIODS:
        begin = int(end.timestamp() - seconds) // period * period
        start = datetime.fromtimestamp(begin, tz=end.tzinfo)
        # Points before the window are left out of a long period; points of a short period must exist from the start.
        age = (seconds + min(period, _HOUR)) / _DAY
        least = next((shortest for days, shortest in _KEPT if age <= days), None)
        if least is not None and period >= least and seconds <= period * most:
            return Window(start, end, period)
    raise OperatingError(
        f"CloudWatch has no points of {span.days} days ago: it keeps them for {_KEPT[-1][0]} days.",
        remedy="Use a shorter window.",
        value=span,
    )
