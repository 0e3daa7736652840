"""Returned values: the results of functions of the project, in the form in which DynamoDB stores them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from singletable.errors import InvalidValueError
from singletable.migrations.sources import UnfitItemError
from singletable.models.declare.strict import StrictNumberAttribute, StrictUTCDateTimeAttribute
from singletable.requests.stored_values import check_value

__all__ = ["stored_value"]

_serializer = TypeSerializer()
_number = StrictNumberAttribute()
_moment = StrictUTCDateTimeAttribute()


def stored_value(name: str, value: Any) -> dict[str, Any] | None:
    """Return a Python value as DynamoDB stores it; None for an attribute that the item should not have.

    Raises:
        UnfitItemError: DynamoDB cannot store the value.
    """
    if value is None:
        return None
    try:
        if isinstance(value, Enum):
            value = value.value
        if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
            return {"N": _number.serialize(value)}
        if isinstance(value, datetime):
            return {"S": _moment.serialize(value)}
        stored: dict[str, Any] = _serializer.serialize(value)
        check_value("the item", name, stored)
    except (InvalidValueError, TypeError, ArithmeticError):
        raise UnfitItemError(f"{name} would be a {type(value).__name__} that DynamoDB does not store") from None
    return stored
