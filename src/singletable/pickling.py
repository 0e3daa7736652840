"""Pickling: the parts of an error that can be sent to another process.

Every error must be picklable, regardless of its fields: a process pool that cannot pickle an error reports the failed
pickling instead. Nothing here reads a pickle.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from copy import copy
from typing import Any, NoReturn

__all__ = ["Elsewhere", "can_be_pickled", "nearest_class", "portable", "rebuild"]


class Elsewhere(Iterator[Any]):
    """An iterator whose `__next__` raises; it replaces an iterator that stayed in the process that pickled the error.

    An empty iterator in its place would mean that nothing is left to do.
    """

    def __next__(self) -> NoReturn:
        from singletable.errors import InvalidBatchError

        raise InvalidBatchError(
            "The rest of the batch is in the process in which it failed: an iterator cannot be pickled.",
            remedy="Call resume(error) in that process, or give the rest of the source to another batch.",
        )


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


def portable(part: Any) -> Any:
    """Return a part of an error in a form that can be pickled.

    A part that can be pickled is returned unchanged. In a tuple, each element is converted in the same way. Otherwise
    an exception is replaced by one that names its class, an iterator by one that raises, and any other value by None.
    """
    if can_be_pickled(part):
        return part
    if type(part) is tuple:
        return tuple(map(portable, part))
    if isinstance(part, BaseException):
        from singletable.errors import SingletableError

        return SingletableError(f"A {type(part).__name__} was raised, which cannot be pickled.")
    return Elsewhere() if isinstance(part, Iterator) else None


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
