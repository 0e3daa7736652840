"""A `Retry`: the number of attempts, the pauses between them, and the errors after which `call` tries again."""

import pytest

from singletable.errors import NoResponseError, RequestFailedError, ThrottledError
from singletable.requests.retry import TRANSIENT_FAULTS, Retry, full_jitter, is_transient


def recorded(attempts, **options):
    """Return a policy and the list of its pauses, which are as long as they can be."""
    pauses = []
    return Retry(attempts, 0.1, 0.5, jitter=lambda bound: bound, sleep=pauses.append, **options), pauses


def test_a_loop_pauses_before_each_attempt_except_the_first():
    """The bound of the pause doubles up to `longest`, and nothing is slept after the last attempt."""
    retry, pauses = recorded(6)
    assert [0, 1, 2, 3, 4, 5] == list(retry)
    assert [0.1, 0.2, 0.4, 0.5, 0.5] == pauses


def test_a_loop_that_ends_early_does_not_pause_again():
    """The pause belongs to the next attempt."""
    retry, pauses = recorded(6)
    for attempt in retry:
        if attempt == 1:
            break
    assert [0.1] == pauses


def test_full_jitter_is_between_zero_and_the_bound():
    """Every length is possible."""
    assert all(0 <= full_jitter(0.5) <= 0.5 for _ in range(100))


def test_a_very_late_attempt_has_a_pause():
    """The power of two stays within the range of a float."""
    retry, pauses = recorded(1)
    retry.pause(10_000)
    assert [0.5] == pauses


def failing(times, error):
    """Return a function that raises an error a number of times and then returns "done"."""
    left = [error] * times

    def function():
        if left:
            raise left.pop()
        return "done"

    return function


def test_call_returns_the_result_of_the_first_success():
    """Two failures are two pauses."""
    retry, pauses = recorded(3)
    assert "done" == retry.call(failing(2, ValueError("no")))
    assert [0.1, 0.2] == pauses


def test_call_raises_the_error_of_the_last_attempt():
    """There is no pause after it."""
    retry, pauses = recorded(3)
    with pytest.raises(ValueError, match="no"):
        retry.call(failing(3, ValueError("no")))
    assert [0.1, 0.2] == pauses


def test_call_raises_an_error_that_does_not_match_at_once():
    """`on` decides."""
    retry, pauses = recorded(3, on=lambda error: isinstance(error, KeyError))
    with pytest.raises(ValueError, match="no"):
        retry.call(failing(1, ValueError("no")))
    assert [] == pauses


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ThrottledError("x", operation="Query"), True),
        (NoResponseError("x", operation="Query"), True),
        (RequestFailedError("x", operation="Query", code="ServiceUnavailable"), True),
        (RequestFailedError("x", operation="Query", code="ValidationException"), False),
        (ValueError("x"), False),
    ],
)
def test_transient_faults(error, expected):
    """Throttling, lost responses and faults of the service are transient; refusals are not."""
    assert expected is is_transient(error)
    assert 8 == TRANSIENT_FAULTS.attempts
