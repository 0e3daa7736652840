"""Pickling: the parts of an error that can be sent to another process.

Every error must be picklable, regardless of its fields: a process pool that cannot pickle an error reports the failed
pickling instead. Nothing here reads a pickle.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from copy import copy
from typing import Any

__all__ = ["can_be_pickled", "nearest_class", "portable", "rebuild"]


def rebuild(kind: type[BaseException], args: tuple[Any, ...], parts: dict[str, Any]) -> BaseException:
    """Return an error with these parts, without calling its class's `__init__`, which may take other arguments."""
    error = kind.__new__(kind, *args)
    error.args = args
    vars(error).update(parts)
    return error


def nearest_class(kind: type[BaseException]) -> type[BaseException]:
    """Return the class, or its first base that can be imported if it cannot: a class within a function, for example."""
    found: type[BaseException] = next(each for each in kind.__mro__ if can_be_pickled(each))
    return found


def portable(part: Any, replace: Callable[[Any], Any]) -> Any:
    """Return a part of an error in a form that can be pickled.

    Of a tuple, only the elements that cannot be pickled are replaced.

    Args:
        part: The part.
        replace: Called with a value that cannot be pickled; returns the replacement, which can be pickled.
    """
    if can_be_pickled(part):
        return part
    if type(part) is tuple:
        return tuple(portable(each, replace) for each in part)
    return replace(part)


def can_be_pickled(value: Any) -> bool:
    """Return whether a value can be pickled and, if it is an exception, also be rebuilt."""
    try:
        pickle.dumps(value)
        for each in value if type(value) is tuple else (value,):
            if isinstance(each, BaseException):
                # Copying calls the class with the exception's args, as reading a pickle does.
                copy(each)
    except Exception:  # any class may refuse in its own way
        return False
    return True
