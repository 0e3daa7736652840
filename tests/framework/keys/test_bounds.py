"""Range bounds by example: the key condition that is sent for a condition on an attribute."""

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
    """Exactly the rows that meet the condition on the attribute."""
    asked = condition and Condition(condition[0], condition[1], condition[2:])
    assert wanted == sort_range(key(sk), equals, asked)


def test_the_upper_end_of_text_is_the_last_key_that_fits():
    """Text may begin with the last character, so the bound is filled to the size limit of 1024 bytes."""
    keys = sort_range(key("T#{text}"), {}, Condition("text", ">", ("m",)))
    assert 1024 == len(keys.operands[1].encode())
    assert "T#\U0010ffff\U0010ffffz" in keys


def test_between_includes_the_last_day_whatever_follows():
    """`between(day 1, day 31)` of other libraries drops day 31, because the stored key continues."""
    first, last = datetime(2026, 1, 1, tzinfo=timezone.utc), datetime(2026, 1, 31, tzinfo=timezone.utc)
    keys = sort_range(key("{at}#{text}"), {}, Condition("at", "between", (first, last)))
    assert key("{at}#{text}").sort.build({"at": last, "text": "\U0010ffff"}) in keys


@pytest.mark.parametrize(
    ("sk", "equals", "condition", "message"),
    [
        (
            "{text}#{line:03d}",
            {},
            ("line", ">", 1),
            "by_it does not allow the condition line > ...: the sort key continues with text. Put the condition on",
        ),
        ("{text}#{line:03d}", {"text": "a"}, ("text", ">", "b"), "the sort key continues with line"),
        ("PROFILE", {}, ("text", ">", "b"), "already determined"),
        ("{at:%Y}#{text}", {}, ("at", ">", datetime(2026, 1, 1, tzinfo=timezone.utc)), "holds a projection"),
        (
            "{line:03d}",
            {},
            ("line", "startswith", "1"),
            "startswith is for text, and line .* integer of 3 digits. Use between",
        ),
        ("{status}", {}, ("status", "startswith", 7), "by_it: status startswith 7: expected text, got int"),
        (
            "{line:03d}",
            {},
            ("line", "between", 2, 1),
            "line between 2 and 1: the bounds are reversed. Give the lower bound first",
        ),
    ],
)
def test_conditions_that_a_key_cannot_answer(sk, equals, condition, message):
    """They are refused, and the error names the next part of the key."""
    with pytest.raises(InvalidConditionError, match=message):
        sort_range(key(sk), equals, Condition(condition[0], condition[1], condition[2:]))


def test_a_gap_in_the_leading_attributes_is_refused():
    """Given values are never dropped silently."""
    with pytest.raises(
        UnexpectedAttributesError, match="was given other, line, but not text, which comes before.* without a gap"
    ):
        sort_range(key("{text}#{other}#{line:03d}"), {"other": "b", "line": 1})


def test_a_bound_that_no_key_can_have_is_refused():
    """A sort key has at most 1024 bytes."""
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
    """The added character is for keys that are too long to exist."""
    assert wanted == sort_range(key(sk), {}, Condition("text", operator, values))


@pytest.mark.parametrize(
    ("sk", "operator", "value", "error", "message"),
    [
        ("N#{text}", ">", "x" * 1022, KeyTooLongError, "1,025 bytes"),
        ("N#{text}", "startswith", "x" * 1023, KeyTooLongError, "1,025 bytes"),
        ("{text}", "<", "\0", InvalidConditionError, "by_it: no key can meet the condition. Use another value: this"),
    ],
)
def test_bounds_that_dynamodb_would_reject_are_refused(sk, operator, value, error, message):
    """Too long, or empty."""
    with pytest.raises(error, match=message):
        sort_range(key(sk, raw=operator == "<"), {}, Condition("text", operator, (value,)))


@pytest.mark.parametrize(
    ("operator", "value", "bound"),
    [
        ("<", "b", "a"),
        ("<", "\ue000", "\ud7ff"),
        ("<", "\ue001", "\ue000"),
        ("<", "\ud7ff", "\ud7fe"),
        ("<", "\x01", "\0"),
        (">", "b", "b\0"),
    ],
)
def test_the_neighbour_of_a_raw_text(operator, value, bound):
    """The next text and the last text before it, without surrogates, which are not characters."""
    keys = sort_range(key("{text}", raw=True), {}, Condition("text", operator, (value,)))
    if operator == ">":
        assert KeyRange(">=", (bound,)) == keys
    else:
        assert "<=" == keys.operator
        assert bound == keys.operands[0].rstrip("\U0010ffff")[: len(bound)]


def test_the_beginning_of_a_raw_text():
    """It is not escaped. The separator cannot be part of it, and an empty beginning means all texts."""
    raw = key("{text}", raw=True)
    asked = [sort_range(raw, {}, Condition("text", "startswith", (prefix,))) for prefix in ("a %", "")]
    assert [KeyRange("begins_with", ("a %",)), KeyRange("all")] == asked
    with pytest.raises(InvalidConditionError, match="text startswith 'a#': it holds the separator.* Choose another"):
        sort_range(raw, {}, Condition("text", "startswith", ("a#",)))


def test_before_the_first_character_only_what_is_shorter():
    """No text is between `a` and `a` followed by U+0000."""
    assert KeyRange("<=", ("ab",)) == sort_range(key("{text}", raw=True), {}, Condition("text", "<", ("ab\0",)))


@pytest.mark.parametrize(("length", "end"), [(1020, "\U0010ffff"), (1021, "\uffff"), (1022, "\u07ff"), (1023, "\x7f")])
def test_a_bound_is_filled_to_the_last_byte(length, end):
    """With the greatest character of the number of bytes that are left."""
    head = "T" * (length - 1)
    keys = sort_range(key(f"{head}#{{text}}"), {}, Condition("text", ">=", ("a",)))
    assert (f"{head}#a", f"{head}#{end}") == keys.operands
    assert 1024 == len(keys.operands[1].encode())


def test_a_choice_of_raw_texts_is_asked_like_raw_text():
    """If the field is the last one; with a tail a range would be wrong."""
    condition = Condition("status", ">", ("OPEN",))
    assert "OPEN\0" == sort_range(key("{status}", raw=True), {}, condition).operands[0]
    with pytest.raises(InvalidConditionError, match="are not in the order of the values.* Values that are not escaped"):
        sort_range(key("{status}#TAIL", raw=True), {}, condition)


@pytest.mark.parametrize(
    ("keys", "inside", "outside"),
    [
        (KeyRange("all"), ["", "a"], []),
        (KeyRange("=", ("b",)), ["b"], ["a", "c", "b#"]),
        (KeyRange("<=", ("b",)), ["", "a", "b"], ["b#", "c"]),
        (KeyRange(">=", ("b",)), ["b", "b#", "c"], ["", "a"]),
        (KeyRange("between", ("b", "d")), ["b", "c", "d"], ["a", "d#"]),
        (KeyRange("begins_with", ("b",)), ["b", "b#"], ["", "a", "c", "ab"]),
    ],
)
def test_which_keys_are_in_a_range(keys, inside, outside):
    """The same keys as with DynamoDB's operator; a value that is not text is in no range."""
    assert inside == [key for key in inside + outside if key in keys]
    assert all(each not in keys for each in (None, 7, b"b"))
