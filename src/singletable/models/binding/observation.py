"""Observing a table: who is told of its requests."""

from __future__ import annotations

from threading import RLock
from types import TracebackType
from typing import TYPE_CHECKING

from singletable.errors import DeclarationError
from singletable.requests.forking import run_in_child
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
    """Observers of a table. Leave the `with` block, or call `undo()`, and they are told no more."""

    def __init__(self, table: type[Table], observers: tuple[Observer, ...]) -> None:
        self._table = table
        self._observers = observers
        with _lock:
            table._observers = (*table._observers, *observers)

    def undo(self) -> None:
        """Take them away again."""
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
    """Have observers told of each request of a table and of all its entities, wherever it is bound.

    Args:
        table: The table class, or an entity of it, which stands for its table.
        observers: Called with each request, once it was answered or has failed.

    Raises:
        DeclarationError: One cannot be called with a request.
    """
    for each in observers:
        if not callable(each) or isinstance(each, type):
            raise DeclarationError(
                f"{each!r} is not an observer.",
                remedy="Give a function that takes a RequestEvent, or an instance: RequestStats().",
                rule="ST119",
            )
    return Observation(table._table_class(), observers)
