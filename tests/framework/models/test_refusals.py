"""Refused writes: keys changed by hand, values of the wrong type, items that are too large."""

from datetime import timedelta
from decimal import Decimal

import pytest

from singletable import plan
from singletable.errors import (
    InvalidValueError,
    ItemTooLargeError,
    KeyChangeError,
    UnexpectedAttributesError,
)
from singletable.testing.faults import inject
from tests.framework.ledger import MOMENT, LedgerTable, Task, task

pytestmark = pytest.mark.usefixtures("ledger")


def created(**attributes):
    """Store a task, and return it."""
    made = task(**attributes)
    made.create()
    return made


def test_attributes_of_the_primary_key_only_move():
    """Values and actions, nested or not, are refused; setting them to their values changes nothing."""
    made = created()
    for actions in ([Task.number.set(2)], [Task.number.add(1)], [Task.number.remove()], [Task.number.set(Task.points)]):
        with pytest.raises(
            KeyChangeError, match=r"number is part of the primary key and cannot be updated. Use move\(number"
        ):
            made.update(actions=[*actions, Task.title.set("x")])
    with pytest.raises(KeyChangeError):
        made.update(number=2)
    made.update(number=1, title="same")
    assert "same" == made.title
    assert "number" not in str(plan.update(made, number=1, title="x").params()["UpdateExpression"])


@pytest.mark.parametrize("number", [10**126, Decimal("-1E+126"), 1e-131, 1e300, Decimal("1E-131")])
def test_numbers_beyond_dynamodbs_are_refused(number):
    """They are refused at the top level and within a list; moto would accept them, but not DynamoDB."""
    with pytest.raises(InvalidValueError, match=r"likes=.* it is beyond 1E-130 and 9.99E\+125"):
        task(1, likes=number).create()
    if not isinstance(number, Decimal):
        with pytest.raises(
            InvalidValueError, match=r"Task.notes\[0\]=1\S* cannot .*: it is beyond 1E-130 and 9.99E\+125"
        ):
            task(1, notes=[number]).create()


@pytest.mark.parametrize("number", [Decimal("9.9999999999999999999999999999999999999E+125"), 1e-130, -(10**125), 0.0])
def test_the_largest_and_the_smallest_numbers_are_stored(number):
    """They are read exactly."""
    task(1, likes=number).create()
    assert number == Task.get(project="p", number=1).likes


def test_attributes_beyond_the_model_cannot_be_those_of_the_model():
    """Otherwise an item could get a key or an expiry that is not derived."""
    for name in ("ttl", "GSI2PK", "PK", "title", "entityType"):
        made = task(1)
        made.extra_attributes = {"other": {"S": "o"}, name: {"S": "x"}}
        with pytest.raises(UnexpectedAttributesError, match=f"extra_attributes: {name} is an attribute"):
            made.save()


def test_what_is_derived_is_never_set():
    """The next write would replace the value silently."""
    made = created(due=MOMENT, title="t")
    for name in ("pk", "sk", "gsi1_pk", "gone", "by_points", "key"):
        with pytest.raises(UnexpectedAttributesError, match=r"Task\..* is derived, and cannot be set. Set the"):
            setattr(made, name, "x")
    found = Task.get(project="p", number=1)
    assert ("PROJECT#p", "TASK#0001") == (found.pk, found.sk)
    assert MOMENT + timedelta(days=1) == found.gone


def test_user_json_is_stored_as_what_it_is():
    """PynamoDB treats a dict with one type key as already serialized."""
    made = created()
    made.update(actions=[Task.detail.set({"S": "x"})])
    assert "x" == made.detail["S"]
    made.update(detail={"M": {"S": "y"}}, condition=Task.detail == {"S": "x"})
    assert {"S": "y"} == made.detail["M"]
    made.update(actions=[Task.detail["M"].set({"N": "1"})], condition=Task.detail["M"] == {"S": "y"})
    assert {"N": "1"} == made.detail["M"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"title": {"S": "x"}}, "title={'S': 'x'} cannot .*expected (str|text), got dict"),
        ({"points": True}, "expected (int|a number), got bool"),
        ({"likes": True}, "expected a number, got bool"),
        ({"likes": float("nan")}, "not a finite number"),
        ({"likes": "1"}, "got str"),
        ({"notes": [1, float("nan")]}, r"Task.notes\[1\]=nan cannot .*: it is not a finite number"),
        (
            {"detail": {"deep": [{"x": float("inf")}]}},
            r"Task.detail.deep\[0\].x=inf cannot .*: it is not a finite number",
        ),
    ],
)
def test_values_of_the_wrong_type_are_refused_before_sending(values, message):
    """Creates, saves, updates, batches and transactions refuse them."""
    made = created()

    def batch():
        with LedgerTable.batch() as batch:
            batch.put(task(2, **values))

    def transact():
        with LedgerTable.transaction() as transaction:
            transaction.create(task(2, **values))

    with inject(LedgerTable) as injected:
        for write in (
            lambda: made.update(**values),
            lambda: task(2, **values).create(),
            lambda: task(2, **values).save(),
            batch,
            transact,
        ):
            with pytest.raises(InvalidValueError, match=message):
                write()
    assert [] == injected.calls


@pytest.mark.parametrize("value", [{"S": "x"}, {"N": "1"}, True, float("nan")])
def test_conditions_and_actions_take_no_dict_bool_or_nan_for_a_number(value):
    """PynamoDB treats the dict as already serialized."""
    for compare in (
        lambda: Task.points == value,
        lambda: Task.points.between(value, 1),
        lambda: Task.likes.is_in(1, value),
        lambda: Task.likes < value,
        lambda: Task.points.set(value),
        lambda: Task.likes.add(value),
        lambda: Task.likes + value,
        lambda: Task.likes | value,
    ):
        with pytest.raises(InvalidValueError, match="cannot be stored or compared"):
            compare()


def test_text_conditions_take_no_dict():
    """A dict, for example of user JSON, is not a text."""
    for compare in (
        lambda: Task.title == {"S": "x"},
        lambda: Task.title.startswith({"S": "x"}),
        lambda: Task.title.contains({"S": "x"}),
        lambda: Task.title.set({"S": "x"}),
    ):
        with pytest.raises(InvalidValueError, match="expected str, got dict"):
            compare()


def test_an_item_over_400_kb_is_refused_before_sending():
    """The error has the size and the largest attributes; exactly 400 KB is accepted."""
    made = created(title="t")
    with inject(LedgerTable) as injected:
        for write in (
            lambda: task(2, title="t", notes=["x" * 300_000, "y" * 120_000]).create(),
            lambda: made.update(notes=["x" * 420_000]),
            lambda: plan.save(task(2, notes=["x" * 420_000])),
        ):
            with pytest.raises(
                ItemTooLargeError, match=r"would be 420,\d+ bytes; DynamoDB stores 409,600. .*notes \(420,0"
            ) as caught:
                write()
    assert [] == injected.calls
    assert (409_600, "notes") == (caught.value.limit, caught.value.largest[0][0])
    assert "xxx" not in str(caught.value)
