"""Chains of errors: keep an error from referring to the earlier error that it replaces.

`raise ... from None` only keeps the earlier error out of a traceback. The earlier error stays reachable as
`__context__`, and may quote a personal value: `Invalid isoformat string: '1970-01-01'`.
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
    """Decorate a function so that each `raise ... from None` in it drops the earlier error instead of hiding it."""

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
