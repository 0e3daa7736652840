"""Values as the classes of their attributes store them, and the errors for values that cannot be stored."""

from __future__ import annotations

from typing import Any

from pynamodb.attributes import (
    Attribute,
    ListAttribute,
    MapAttribute,
)
from pynamodb.constants import NULL

from singletable.errors import InvalidValueError
from singletable.models.declare.strict import SCALAR_TWINS
from singletable.models.declare.value_faults import (
    fault,
)

__all__ = ["DECLARED", "FAULTS", "class_name", "not_storable", "rewritten", "serialized", "store"]

DECLARED: dict[type, type] = {twin: known for known, twin in SCALAR_TWINS.items()}
"""The PynamoDB class that each strict class replaces; the modules of maps and lists add their classes."""

FAULTS = (ArithmeticError, AttributeError, KeyError, RecursionError, TypeError, ValueError)
"""The errors that PynamoDB raises for a value that an attribute cannot store or read."""


def store(attribute: Attribute[Any], value: Any, *, null_check: bool = True) -> Any:
    """Return the stored form, without its type, of the value of an attribute within a map or a list.

    Raises:
        InvalidValueError: The value cannot be stored; `path` is the place within the value.
    """
    try:
        return serialized(attribute, value, null_check=null_check)
    except (InvalidValueError, RecursionError):
        raise
    except FAULTS as error:
        found = not_storable(attribute, value, error)
    # Raised outside the handler: the error above may quote the value.
    raise found


def serialized(attribute: Attribute[Any], value: Any, *, null_check: bool) -> Any:
    """Return a value as its attribute serializes it; only maps and lists can skip the check for None."""
    if isinstance(attribute, (ListAttribute, MapAttribute)):
        return attribute.serialize(value, null_check=null_check)
    return attribute.serialize(value)


def not_storable(attribute: Attribute[Any], value: Any, error: Exception) -> InvalidValueError:
    """Return the error for a value for which an attribute's class raised another error."""
    reason = f"{class_name(attribute)} cannot store a {type(value).__name__} ({type(error).__name__})"
    return fault(attribute, value, reason, "Give a value of its type.")


def rewritten(attribute: Attribute[Any], stored: dict[str, Any]) -> dict[str, Any] | None:
    """Read a stored value and write it again with its attribute; None if the attribute writes no value."""
    if NULL in stored and attribute.attr_type != NULL:
        return None
    value = attribute.deserialize(attribute.get_value(stored))
    content = None if value is None else attribute.serialize(value)
    return None if content is None else {attribute.attr_type: content}


def class_name(attribute: Attribute[Any]) -> str:
    """Return the name of the class with which an attribute was declared, not of its strict twin."""
    return DECLARED.get(type(attribute), type(attribute)).__name__
