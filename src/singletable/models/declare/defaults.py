"""Defaults of attributes: the value of an attribute for which no value is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pynamodb.attributes import Attribute

__all__ = ["evaluated", "is_made_for_new", "stored_default"]


def evaluated(default: Any) -> Any:
    """Return the value of a declared default, which may be a function."""
    return default() if callable(default) else default


def is_made_for_new(attribute: Attribute[Any]) -> bool:
    """Return whether each new instance calls a function for the attribute's value, such as a time or an ID."""
    return callable(attribute.default if attribute.default_for_new is None else attribute.default_for_new)


def stored_default(attribute: Attribute[Any], store: Callable[[Any], Any]) -> dict[str, Any] | None:
    """Return an attribute's default as it is stored, with its type; None if nothing is stored.

    Args:
        attribute: The attribute.
        store: Converts a value to its stored form, without its type.
    """
    value = evaluated(attribute.default)
    content = None if value is None else store(value)
    return None if content is None else {attribute.attr_type: content}
