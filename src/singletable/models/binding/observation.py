"""Observation: the observers of a table, which are called with each of its requests."""

from __future__ import annotations

from threading import RLock
from types import TracebackType
from typing import TYPE_CHECKING

from singletable.errors import DeclarationError
from singletable.forking import run_in_child
from singletable.requests.observing import Observer

if TYPE_CHECKING:
    from singletable.models.table import Table

__all__ = ["Observation", "observe"]

_lock = RLock()


def _renew() -> None:
    # A thread of the parent may have held this lock during the fork.
    global _lock
    _lock = RLock()


run_in_child(_renew)


class Observation:
    """Observers of a table, called until the `with` block ends or `undo()` is called."""

    def __init__(self, table: type[Table], observers: tuple[Observer, ...]) -> None:
        self._table = table
        self._observers = observers
        with _lock:
            table._observers = (*table._observers, *observers)

    def undo(self) -> None:
        """Remove the observers from the table."""
        with _lock:
            left = list(self._table._observers)
            for each in self._observers:
                if each in left:
                    left.remove(each)
            self._table._observers = tuple(left)
            self._observers = ()

    def __enter__(self) -> Observation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.undo()


def observe(table: type[Table], *observers: Observer) -> Observation:
    """Call observers with each request of a table and of all its entities, wherever the table is bound.

    Args:
        table: The table class, or an entity of the table.
        observers: Functions that are called with each request after it was answered or failed.

    Raises:
        DeclarationError: An observer is not callable, or is a class.
    """
    for each in observers:
        if not callable(each) or isinstance(each, type):
            raise DeclarationError(
                f"{each!r} is not an observer.",
                remedy="Give a function that takes a RequestEvent, or an instance: RequestStats().",
                rule="ST119",
            )
    return Observation(table._table_class(), observers)
