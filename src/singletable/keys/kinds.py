"""Kinds of values, as far as keys are concerned; apart, since attributes need no more of keys."""

from __future__ import annotations

from enum import Enum

__all__ = ["ValueKind"]


class ValueKind(str, Enum):
    """What kind of values an attribute holds, as far as keys are concerned."""

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
