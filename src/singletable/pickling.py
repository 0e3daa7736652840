"""Pickling: the parts of an error that can cross to another process.

An error must arrive whatever it holds: a process pool that cannot pickle an error reports the failed pickling instead.
Nothing here reads a pickle.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from copy import copy
from typing import Any, NoReturn

__all__ = ["Elsewhere", "can_be_pickled", "nearest_class", "portable", "rebuild"]


class Elsewhere(Iterator[Any]):
    """Replaces an iterator that stayed in the process that pickled the error; its `__next__` raises.

    An empty iterator would claim that nothing is left to do.
    """

    def __next__(self) -> NoReturn:
        from singletable.errors import InvalidBatchError

        raise InvalidBatchError(
            "The rest of the batch is in the process in which it failed: an iterator cannot be pickled.",
            remedy="Call resume(error) in that process, or give the rest of the source to another batch.",
        )


def rebuild(kind: type[BaseException], args: tuple[Any, ...], parts: dict[str, Any]) -> BaseException:
    """Return an error with these parts, without its class's `__init__`, which may want other arguments."""
    error = kind.__new__(kind, *args)
    error.args = args
    vars(error).update(parts)
    return error


def nearest_class(kind: type[BaseException]) -> type[BaseException]:
    """Return the class, or its first base that can be imported: a class within a function cannot."""
    found: type[BaseException] = next(each for each in kind.__mro__ if can_be_pickled(each))
    return found


def portable(part: Any) -> Any:
    """Return a part of an error as it can be pickled.

    Of a tuple, each element that can be pickled is kept. Otherwise an exception is replaced by one that names its
    class, an iterator by one that raises, and anything else by None.
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
    """Whether a value can be pickled and, if it is an exception, also be made again."""
    try:
        pickle.dumps(value)
        for each in value if type(value) is tuple else (value,):
            if isinstance(each, BaseException):
                # It calls the class with the exception's args, as reading a pickle does.
                copy(each)
    except Exception:  # any class may refuse in its own way
        return False
    return True
