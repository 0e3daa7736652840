"""Chains: errors that do not lead to the errors from which they were made.

`raise ... from None` only keeps the earlier error out of a traceback. It stays reachable as `__context__`, and may
quote a value: `Invalid isoformat string: '1970-01-01'`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from singletable.errors import SingletableError

__all__ = ["unchained"]

P = ParamSpec("P")
R = TypeVar("R")


def unchained(function: Callable[P, R]) -> Callable[P, R]:
    """Let each `raise ... from None` in a function drop the earlier error instead of only hiding it."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except SingletableError as error:
            each: BaseException | None = error
            while each is not None:
                if each.__suppress_context__:
                    each.__context__ = each.__cause__
                each = each.__cause__
            raise

    return call
