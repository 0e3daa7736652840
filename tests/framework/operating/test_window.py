"""Windows: whole periods that CloudWatch still has, and as many as allowed."""

from datetime import datetime, timedelta, timezone

import pytest

from singletable.errors import OperatingError
from singletable.operating.window import Window, window_until

NOW = datetime(2026, 11, 26, 21, 8, 30, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("span", "most", "period"),
    [
        (timedelta(minutes=30), 48, 60),
        (timedelta(hours=1), 48, 120),
        (timedelta(hours=3), 48, 300),
        (timedelta(days=1), 48, 1800),
        (timedelta(days=7), 48, 21_600),
        (timedelta(days=1), 1440, 60),
        (timedelta(days=14), 100_000, 60),
        (timedelta(days=15), 100_000, 300),  # minutes are kept for 15 days, and time goes on
        (timedelta(days=62), 100_000, 300),
        (timedelta(days=64), 100_000, 3600),
        (timedelta(days=454), 1440, 86_400),
    ],
)
def test_the_shortest_period_that_there_is(span, most, period):
    """CloudWatch keeps minutes for 15 days, five minutes for 63, hours for 455."""
    window = window_until(NOW, span, most=most)
    assert period == window.period
    assert 0 == window.start.timestamp() % period
    assert timedelta(0) <= window.end - window.start - span < timedelta(seconds=period)


def test_nothing_is_kept_longer():
    message = r"no points of 460 days ago: it keeps them for 455 days. Use a shorter window."
    with pytest.raises(OperatingError, match=message):
        window_until(NOW, timedelta(days=460), most=48)


def test_the_last_period_may_not_be_over():
    """The first period is complete; a rate divides by the actual seconds."""
    window = window_until(NOW, timedelta(hours=3), most=48)
    assert (datetime(2026, 11, 26, 18, 5, tzinfo=timezone.utc), NOW.replace(second=0)) == (window.start, window.end)
    assert 37 == len(window.starts)
    assert (300, 180) == (window.seconds_of(window.starts[0]), window.seconds_of(window.starts[-1]))
    assert 10_980 == window.seconds


def test_a_window_of_whole_periods():
    window = Window(NOW, NOW + timedelta(minutes=3), 60)
    assert [NOW + timedelta(minutes=number) for number in range(3)] == list(window.starts)
