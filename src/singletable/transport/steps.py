"""Steps: work that waits for a server, written without I/O.

A function that needs a server is a generator: it yields a step for each thing that it waits for, and receives the
result. `run` performs the steps in the calling thread. `arun` performs them on the running event loop. So the logic of
pages, batches, retries and transactions exists once::

    def count_items(connection, params):
        answer = yield from connection.steps("Scan", params)
        return answer["Count"]

    run(count_items(connection, params))
    await arun(count_items(connection, params))
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, Protocol, TypeAlias, TypeVar

__all__ = ["Blocking", "Pause", "Steps", "Together", "Waitable", "arun", "run"]

T = TypeVar("T")


class Waitable(Protocol):
    """One thing that steps wait for."""

    def perform(self) -> Any:
        """Wait for the result in the calling thread."""

    async def aperform(self) -> Any:
        """Wait for the result on the running event loop."""


Steps: TypeAlias = Generator[Waitable, Any, T]
"""A generator that yields steps, receives their results or errors, and returns a value."""


def run(steps: Steps[T]) -> T:
    """Perform steps in the calling thread, and return their value.

    An error of a step is raised at the `yield` that asked for it.
    """
    try:
        step = next(steps)
        while True:
            try:
                result = step.perform()
            except BaseException as error:
                step = steps.throw(error)
            else:
                step = steps.send(result)
    except StopIteration as end:
        value: T = end.value
        return value


async def arun(steps: Steps[T]) -> T:
    """Perform steps on the running event loop, and return their value.

    A cancellation is raised at the `yield` that was waiting, as an error is.
    """
    try:
        step = next(steps)
        while True:
            try:
                result = await step.aperform()
            except BaseException as error:
                step = steps.throw(error)
            else:
                step = steps.send(result)
    except StopIteration as end:
        value: T = end.value
        return value


class Pause:
    """A pause.

    Args:
        seconds: Its length.
    """

    __slots__ = ("_seconds",)

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def perform(self) -> None:
        """Sleep."""
        # Looked up at each call, so that a simulator can replace it.
        time.sleep(self._seconds)

    async def aperform(self) -> None:
        """Let other tasks run for the length of the pause."""
        await asyncio.sleep(self._seconds)


class Blocking:
    """A call of code that blocks its thread. On an event loop it runs in a thread of the loop's executor.

    If the task is cancelled, the call goes on in its thread, and its result is dropped.

    Args:
        function: The call.
    """

    __slots__ = ("_function",)

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function

    def perform(self) -> Any:
        """Call the function."""
        return self._function()

    async def aperform(self) -> Any:
        """Call the function in another thread, in a copy of the context."""
        return await asyncio.to_thread(self._function)


class Together:
    """Several series of steps at once; the result is the list of their values, in their order.

    If one of them fails, those that have not begun are dropped. On an event loop those that have begun are cancelled;
    in threads they are awaited. Then the error of the first one in the list that failed is raised.

    Args:
        parts: The series.
        at_most: The most of them in progress at the same time.
    """

    __slots__ = ("_at_most", "_parts")

    def __init__(self, parts: Sequence[Steps[Any]], at_most: int) -> None:
        self._parts = parts
        self._at_most = at_most

    def perform(self) -> list[Any]:
        """Perform the parts in threads, each in a copy of the context."""
        if len(self._parts) == 1 or self._at_most == 1:
            return [run(each) for each in self._parts]
        with ThreadPoolExecutor(min(len(self._parts), self._at_most), "singletable") as executor:
            futures: list[Future[Any]] = [executor.submit(copy_context().run, run, each) for each in self._parts]
            try:
                return [each.result() for each in futures]
            except BaseException:
                executor.shutdown(wait=True, cancel_futures=True)
                raise

    async def aperform(self) -> list[Any]:
        """Perform the parts in tasks."""
        if len(self._parts) == 1:
            return [await arun(self._parts[0])]
        slots = asyncio.Semaphore(self._at_most)

        async def part(steps: Steps[Any]) -> Any:
            async with slots:
                return await arun(steps)

        tasks = [asyncio.ensure_future(part(each)) for each in self._parts]
        try:
            return await asyncio.gather(*tasks)
        except BaseException:
            for task in tasks:
                task.cancel()
            # The tasks end before the error is raised, so that none of them still uses a connection.
            await asyncio.gather(*tasks, return_exceptions=True)
            raise
