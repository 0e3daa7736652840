"""The scheduler: it runs threads one at a time, in an order that a seed decides."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import copy_context
from threading import Lock, Thread, current_thread
from typing import Any

__all__ = ["Scheduler", "without_sleep"]

_TIMEOUT = 60.0
"""The seconds for each thread after which `run()` reports a deadlock."""


class Scheduler:
    """Runs functions in threads, one at a time.

    A thread runs until it calls `switch()` or ends. The same random numbers and the same functions give the same order;
    the operating system has no influence on it.

    Args:
        rng: Decides which thread is next.
        change: The probability that `switch()` lets another thread run, if another one has not ended.
    """

    def __init__(self, rng: random.Random, change: float) -> None:
        self.running: str | None = None
        """The name of the thread that runs; None before and after `run()`."""
        self._rng = rng
        self._change = change
        self._turns: dict[str, Lock] = {}
        self._over = Lock()
        self._failures: list[BaseException] = []

    def run(self, functions: Mapping[str, Callable[[], Any]]) -> None:
        """Run functions to their ends, each in its own thread with a copy of the caller's context.

        Args:
            functions: The functions, by the names of their threads.

        Raises:
            RuntimeError: The running thread waits for a lock, and the thread that holds the lock waits for its turn.
            BaseException: A function raised it.
        """
        self._turns = {name: Lock() for name in functions}
        for lock in (*self._turns.values(), self._over):
            lock.acquire()
        threads = [
            Thread(target=copy_context().run, args=(self._body, name, function), name=name, daemon=True)
            for name, function in functions.items()
        ]
        for thread in threads:
            _simulated.add(thread)
            thread.start()
        self._give(self._rng.choice([*self._turns]))
        try:
            if not self._over.acquire(timeout=_TIMEOUT * len(threads)):
                raise RuntimeError(f"{self.running} is running and waits for a lock that another writer holds.")
        finally:
            _simulated.difference_update(threads)
            self.running = None
        for thread in threads:
            thread.join()
        if self._failures:
            raise self._failures[0]

    def switch(self) -> None:
        """Choose the next thread at random; return when it is this thread's turn again."""
        mine = self.running
        others = [name for name in self._turns if name != mine]
        if mine is None or not others or self._rng.random() >= self._change:
            return
        self._give(self._rng.choice(others))
        self._turns[mine].acquire()

    def _give(self, name: str) -> None:
        self.running = name
        self._turns[name].release()

    def _body(self, name: str, function: Callable[[], Any]) -> None:
        self._turns[name].acquire()
        try:
            function()
        except BaseException as error:  # raised again by run()
            self._failures.append(error)
        finally:
            del self._turns[name]
            if self._turns:
                self._give(self._rng.choice([*self._turns]))
            else:
                self._over.release()


_simulated: set[Thread] = set()


@contextmanager
def without_sleep() -> Iterator[None]:
    """Make `time.sleep` return at once in the threads of a scheduler; other threads sleep as before."""
    real = time.sleep

    def sleep(seconds: Any) -> None:
        if current_thread() not in _simulated:
            real(seconds)

    time.sleep = sleep
    try:
        yield
    finally:
        time.sleep = real
