"""Plain texts: conversion of instances of subclasses of `str` to `str`.

A member of `class Name(str, Enum)` is a text, but `str(member)` and `f"{member}"` are its name, and its `repr` is not
a literal. A subclass of `str` may override all of these, and also `__eq__` and `__hash__`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

__all__ = ["plain", "plain_names", "quoted"]

T = TypeVar("T")


def plain(value: T) -> T:
    """Return a text as a plain `str`, and any other value unchanged."""
    if isinstance(value, str) and type(value) is not str:
        return str.__str__(value)  # type: ignore[return-value]  # still a text
    return value


def plain_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return keyword arguments under plain names."""
    return {plain(name): value for name, value in values.items()}


def quoted(text: str) -> str:
    """Return a text as a Python literal, for generated code."""
    return str.__repr__(text)
