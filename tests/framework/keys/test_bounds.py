"""Range bounds, by example: what is sent for a condition on an attribute."""

from datetime import datetime, timezone

import pytest

from singletable.errors import InvalidConditionError, KeyTooLongError, UnexpectedAttributesError
from singletable.keys import CompositeKey, Condition, KeyRange, parse_template, sort_range
from tests.framework.keys.test_template import KINDS


def key(sk, **options):
    return CompositeKey(
        "by_it", "GSI1", parse_template("P", KINDS), parse_template(sk, KINDS, sort_key=True, **options), owner="Order"
    )


@pytest.mark.parametrize(
    ("sk", "equals", "condition", "wanted"),
    [
        ("PROFILE", {}, None, KeyRange("=", ("PROFILE",))),
        ("ORDER#{text}", {}, None, KeyRange("begins_with", ("ORDER#",))),
        ("ORDER#{text}", {"text": "1"}, None, KeyRange("=", ("ORDER#1",))),
        ("ORDER#{text}#{other}", {"text": "1"}, None, KeyRange("begins_with", ("ORDER#1#",))),
        ("{text}", {}, None, KeyRange("all")),
        ("N#{line:03d}", {}, ("line", "<", 5), KeyRange("between", ("N#", "N#004:"))),
        ("N#{line:03d}", {}, ("line", "<=", 5), KeyRange("between", ("N#", "N#005"))),
        ("N#{line:03d}", {}, ("line", ">", 5), KeyRange("between", ("N#005$", "N#:"))),
        ("N#{line:03d}", {}, ("line", ">=", 5), KeyRange("between", ("N#005", "N#:"))),
        ("N#{line:03d}#{text}", {}, ("line", "<", 5), KeyRange("between", ("N#", "N#005"))),
        ("N#{line:03d}#{text}", {}, ("line", "<=", 5), KeyRange("between", ("N#", "N#005$"))),
        ("N#{line:03d}#{text}", {}, ("line", "between", 1, 5), KeyRange("between", ("N#001", "N#005$"))),
        ("{line:03d}", {}, ("line", "<", 5), KeyRange("<=", ("004:",))),
        ("{line:03d}", {}, ("line", ">", 5), KeyRange(">=", ("005$",))),
        ("T#{text}", {}, ("text", "startswith", "a#"), KeyRange("begins_with", ("T#a%23",))),
        ("T#{text}", {}, ("text", "startswith", ""), KeyRange("begins_with", ("T#",))),
        ("T#{text}", {}, ("text", "=", "a"), KeyRange("=", ("T#a",))),
        ("T#{text}#{line:03d}", {"text": "a"}, ("line", ">=", 5), KeyRange("between", ("T#a#005", "T#a#:"))),
    ],
)
def test_what_is_sent(sk, equals, condition, wanted):
    """Exactly the rows that the condition on the attribute means."""
    asked = condition and Condition(condition[0], condition[1], condition[2:])
    assert wanted == sort_range(key(sk), equals, asked)


def test_the_upper_end_of_text_is_the_last_key_that_fits():
    """Text may begin with the last character there is, so the bound is filled to the size limit: 1024 bytes."""
    keys = sort_range(key("T#{text}"), {}, Condition("text", ">", ("m",)))
    assert 1024 == len(keys.operands[1].encode())
    assert "T#\U0010ffff\U0010ffffz" in keys


def test_between_includes_the_last_day_whatever_follows():
    """`between(day 1, day 31)` of other libraries drops day 31, because the stored key goes on."""
    first, last = datetime(2026, 1, 1, tzinfo=timezone.utc), datetime(2026, 1, 31, tzinfo=timezone.utc)
    keys = sort_range(key("{at}#{text}"), {}, Condition("at", "between", (first, last)))
    assert key("{at}#{text}").sort.build({"at": last, "text": "\U0010ffff"}) in keys


@pytest.mark.parametrize(
    ("sk", "equals", "condition", "message"),
    [
        ("{text}#{line:03d}", {}, ("line", ">", 1), "the sort key goes on with text"),
        ("{text}#{line:03d}", {"text": "a"}, ("text", ">", "b"), "the sort key goes on with line"),
        ("PROFILE", {}, ("text", ">", "b"), "already determined"),
        ("{at:%Y}#{text}", {}, ("at", ">", datetime(2026, 1, 1, tzinfo=timezone.utc)), "holds a projection"),
        ("{line:03d}", {}, ("line", "startswith", "1"), "startswith is for text"),
        ("{line:03d}", {}, ("line", "between", 2, 1), "line between 2 and 1: the bounds are reversed"),
    ],
)
def test_conditions_that_a_key_cannot_answer(sk, equals, condition, message):
    """Refused, with what the key goes on with."""
    with pytest.raises(InvalidConditionError, match=message):
        sort_range(key(sk), equals, Condition(condition[0], condition[1], condition[2:]))


def test_a_gap_in_the_leading_attributes_is_refused():
    """Nothing that was given is dropped silently."""
    with pytest.raises(UnexpectedAttributesError, match="was given other, but not text, which comes before"):
        sort_range(key("{text}#{other}"), {"other": "b"})


def test_a_bound_that_no_key_can_have_is_refused():
    """1024 bytes are the longest sort key."""
    with pytest.raises(KeyTooLongError, match="1,025 bytes"):
        sort_range(key("{text}"), {}, Condition("text", ">", ("a" * 1025,)))


@pytest.mark.parametrize(
    ("sk", "operator", "values", "wanted"),
    [
        ("{text}#{other}", "<=", ("a" * 1024,), KeyRange("<=", ("a" * 1024,))),
        ("{text}#{other}", "between", ("a", "b" * 1024), KeyRange("between", ("a", "b" * 1024))),
    ],
)
def test_bounds_stay_within_the_size_of_a_key(sk, operator, values, wanted):
    """The character that is added stands for keys that would be too long to exist."""
    assert wanted == sort_range(key(sk), {}, Condition("text", operator, values))


@pytest.mark.parametrize(
    ("sk", "operator", "value", "error"),
    [
        ("N#{text}", ">", "x" * 1022, KeyTooLongError),
        ("{text}", "<", "\0", InvalidConditionError),
    ],
)
def test_bounds_that_dynamodb_would_reject_are_refused(sk, operator, value, error):
    """Too long, or empty."""
    with pytest.raises(error):
        sort_range(key(sk, raw=operator == "<"), {}, Condition("text", operator, (value,)))
