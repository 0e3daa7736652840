"""Contents: numbers and texts in DynamoDB's format, and the error for a value that DynamoDB cannot store."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pynamodb.attributes import (
    Attribute,
)

from singletable.errors import InvalidValueError
from singletable.models.declare.value_faults import fault, settled
from singletable.requests.stored_values import number_fault, number_text

__all__ = ["number_content", "refused", "utf8"]


def number_content(value: Any, owner: object) -> str:
    """Return the stored form of a number: an int, a Decimal or a finite float, and not a bool.

    Raises:
        InvalidValueError: The value is not a number, or DynamoDB does not store such a number.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise fault(owner, value, "expected a number, got " + type(value).__name__, _NUMBER)
    # A float is stored as the decimal number that Python prints, not as its exact binary value.
    number = Decimal(float.__repr__(value)) if isinstance(value, float) else value
    reason = number_fault(number)
    if reason is not None:
        raise fault(owner, value, reason, _NUMBER)
    return number_text(Decimal(number))


_NUMBER = "Give an int, a Decimal or a finite float."


def utf8(value: str, owner: object) -> str:
    """Return the stored form of a text.

    Raises:
        InvalidValueError: UTF-8 cannot store the text.
    """
    text = str.__str__(value)
    if text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text):
        return text
    raise fault(owner, value, "it holds half a surrogate pair, which UTF-8 cannot store", "Give valid text.")


def refused(attribute: Attribute[Any], value: Any, reason: str, remedy: str) -> InvalidValueError:
    """Return the error for a value that an attribute cannot store; see `fault`."""
    return settled(attribute, fault(attribute, value, reason, remedy))
