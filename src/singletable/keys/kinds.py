"""Kinds of values in keys; a separate module, because attributes need only this part of `keys`."""

from __future__ import annotations

from enum import Enum

__all__ = ["ValueKind"]


class ValueKind(str, Enum):
    """The kind of an attribute's values, which decides how they are written in keys."""

    TEXT = "text"
    CHOICE = "choice"
    INTEGER = "integer"
    NUMBER = "number"
    DECIMAL = "decimal"
    DATETIME = "datetime"
    DATE = "date"
    UUID = "uuid"
    BOOLEAN = "boolean"
    BYTES = "bytes"
