"""Attribute classes: the stored values, the values that are read, the refused values."""

from datetime import date, datetime, timezone
from decimal import Decimal
from enum import Enum
from uuid import UUID

import pytest

from singletable import DateAttribute, DecimalAttribute, EnumAttribute, IntegerAttribute, UUIDAttribute
from singletable.errors import InvalidValueError
from singletable.keys import ValueKind
from singletable.models.declare.key_values import key_kind
from singletable.models.declare.strict import StrictNumberAttribute, StrictUTCDateTimeAttribute
from singletable.models.declare.value_faults import mark


class Size(Enum):
    SMALL = "S"
    LARGE = "L"


@pytest.mark.parametrize(
    ("attribute", "value", "stored"),
    [
        (IntegerAttribute(), -7, "-7"),
        (DecimalAttribute(), Decimal("12.50"), "12.5"),
        (DecimalAttribute(), Decimal("1200"), "1200"),
        (DecimalAttribute(), Decimal("-0.00"), "0"),
        (DecimalAttribute(), Decimal("1E+100"), "1E+100"),
        (DateAttribute(), date(2026, 11, 23), "2026-11-23"),
        (UUIDAttribute(), UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (EnumAttribute(Size), Size.SMALL, "S"),
        (StrictNumberAttribute(), 1.5, "1.5"),
        (StrictNumberAttribute(), 2.0, "2"),
        (StrictUTCDateTimeAttribute(), datetime(2026, 1, 1, tzinfo=timezone.utc), "2026-01-01T00:00:00.000000+0000"),
    ],
)
def test_stored_and_read_back(attribute, value, stored):
    """Every engine returns numbers without trailing zeros, as DynamoDB does."""
    attribute.attr_name = "it"
    assert stored == attribute.serialize(value)
    assert value == attribute.deserialize(stored)


@pytest.mark.parametrize(
    ("attribute", "value", "message"),
    [
        (IntegerAttribute(), True, "it=True cannot be stored or compared: expected int, got bool"),
        (IntegerAttribute(), 1.0, "expected int, got float"),
        (DecimalAttribute(), 1.5, "expected Decimal, got float"),
        (DecimalAttribute(), Decimal("nan"), "not a finite number"),
        (DateAttribute(), datetime(2026, 1, 1), "expected date, got datetime"),
        (UUIDAttribute(), "x", "expected UUID, got str"),
        (StrictUTCDateTimeAttribute(), "x", "expected datetime, got str"),
        (StrictUTCDateTimeAttribute(), datetime(2026, 1, 1), "has no time zone. Use datetime.now"),
    ],
)
def test_refused(attribute, value, message):
    """The error has the attribute and the value, and nothing is sent."""
    attribute.attr_name = "it"
    with pytest.raises(InvalidValueError, match=message):
        attribute.serialize(value)


def test_a_personal_value_is_not_shown():
    """The models set the mark that hides the value."""
    attribute = IntegerAttribute(attr_name="salary")
    mark(attribute)
    with pytest.raises(InvalidValueError, match="salary=‹personal› cannot be stored") as caught:
        attribute.serialize("4711")
    assert caught.value.value is None


def test_an_enumeration_takes_its_texts_and_nothing_else():
    """It accepts a member, or the text of one."""
    assert EnumAttribute(Size).serialize("L") == "L"
    assert EnumAttribute(Size, default_for_new=Size.SMALL).default_for_new() is Size.SMALL
    with pytest.raises(InvalidValueError, match="it is not one of 'S', 'L'"):
        EnumAttribute(Size).serialize("XL")
    with pytest.raises(TypeError, match="the value of ONE is not a non-empty str"):
        EnumAttribute(Enum("Numbered", {"ONE": 1}))


def test_a_class_of_your_own_takes_part():
    """The class declares the kind of its values."""

    class Money(DecimalAttribute):
        pass

    class Code(UUIDAttribute):
        key_kind = ValueKind.TEXT

    assert (ValueKind.DECIMAL, ValueKind.TEXT) == (key_kind(Money()), key_kind(Code()))
