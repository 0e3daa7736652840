"""Calls: the types of one operation of a connection, and of a function around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from singletable.steps import Steps

__all__ = ["Call", "Interceptor"]

Call: TypeAlias = Callable[[str, dict[str, Any]], Steps[dict[str, Any]]]
"""A function that sends one operation with its arguments in steps, which return the answer."""

Interceptor: TypeAlias = Callable[[Call, str, dict[str, Any]], Steps[dict[str, Any]]]
"""A function that is called in place of a `Call`, which it is given: it may change, answer, repeat or refuse it."""
