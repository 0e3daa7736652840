"""A time limit for the calls of a function of the project."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from contextvars import copy_context
from typing import Any

from singletable.migrations.sources import UnfitItemError

__all__ = ["Timebox"]


class Timebox:
    """Calls a function in a separate thread, and abandons a call that takes too long.

    A thread cannot be ended from outside: a hanging thread is abandoned, and the next call gets a new one.

    Args:
        function: The function.
        seconds: The time limit of a call.
        name: The name of the function in reasons; None for its `__name__`.
    """

    def __init__(self, function: Callable[..., Any], seconds: float, name: str | None = None) -> None:
        self._function = function
        self._name = name or function.__name__
        self._seconds = seconds
        # Each thread of a runner has its own helper thread, so that answers cannot be confused.
        self._local = threading.local()

    def __call__(self, arguments: Mapping[str, Any]) -> Any:
        """Return the result of a call.

        Raises:
            UnfitItemError: The call raised an error, or took too long.
        """
        inbox, outbox = self._helper()
        inbox.put(dict(arguments))
        try:
            answer, error = outbox.get(timeout=self._seconds)
        except queue.Empty:
            inbox.put(None)  # ends the thread if the call ever returns
            self._local.queues = None
            raise UnfitItemError(f"{self._name}() took longer than {self._seconds:g} s") from None
        if error is not None:
            # The message may hold values of the item.
            raise UnfitItemError(f"{self._name}() raised {type(error).__name__}") from None
        return answer

    def _helper(self) -> tuple[queue.SimpleQueue[Any], queue.SimpleQueue[Any]]:
        queues: tuple[queue.SimpleQueue[Any], queue.SimpleQueue[Any]] | None = getattr(self._local, "queues", None)
        if queues is None:
            queues = (queue.SimpleQueue(), queue.SimpleQueue())
            self._local.queues = queues
            threading.Thread(target=copy_context().run, args=(self._serve, *queues), daemon=True).start()
        return queues

    def _serve(self, inbox: queue.SimpleQueue[Any], outbox: queue.SimpleQueue[Any]) -> None:
        while (arguments := inbox.get()) is not None:
            try:
                outbox.put((self._function(**arguments), None))
            except Exception as error:  # an error of the project's function concerns one item only
                outbox.put((None, error))
