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

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    import asyncio

__all__ = [
    "Blocking",
    "Crew",
    "Pause",
    "Steps",
    "Stream",
    "Together",
    "Waitable",
    "arun",
    "mark_sent",
    "one_at_a_time",
    "run",
    "was_sent",
]

T = TypeVar("T")


class Waitable(Protocol):
    """One thing that steps wait for."""

    def perform(self) -> Any:
        """Wait for the result in the calling thread."""

    def aperform(self) -> Awaitable[Any]:
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
        import asyncio

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
        import asyncio

        try:
            return await asyncio.to_thread(self._function)
        except asyncio.CancelledError as error:
            mark_sent(error)
            raise


_one_at_a_time: ContextVar[bool] = ContextVar("singletable_one_at_a_time", default=False)


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Let `Together` and `Crew` use no threads in the current context: their series run one after the other.

    Simulators use it, since they decide which thread runs.
    """
    token = _one_at_a_time.set(True)
    try:
        yield
    finally:
        _one_at_a_time.reset(token)


class Together:
    """Several series of steps at once; the result is the list of their values, in their order.

    If one of them fails, those that have not begun are dropped. On an event loop those that have begun are cancelled;
    in threads they are awaited. Then an error is raised: in threads that of the first failed series in the list, on an
    event loop that of the series that failed first.

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
        if len(self._parts) == 1 or self._at_most == 1 or _one_at_a_time.get():
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
        import asyncio

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


class Stream(Generic[T]):
    """Values that are computed in steps, a list at a time.

    Args:
        chunks: A generator that yields steps, as `Steps` do, and also lists of values.
    """

    __slots__ = ("_chunks",)

    def __init__(self, chunks: Generator[Waitable | list[T], Any, None]) -> None:
        self._chunks = chunks

    def take(self) -> Steps[list[T] | None]:
        """Return the next list of values, which may be empty; None at the end."""
        chunks = self._chunks
        try:
            found = next(chunks)
            while type(found) is not list:
                try:
                    result = yield found  # type: ignore[misc]  # it is a step
                except BaseException as error:
                    found = chunks.throw(error)
                else:
                    found = chunks.send(result)
        except StopIteration:
            return None
        return found

    def __iter__(self) -> Iterator[T]:
        """Yield the values, in the calling thread."""
        while (values := run(self.take())) is not None:
            yield from values

    async def __aiter__(self) -> AsyncIterator[T]:
        """Yield the values, on the running event loop."""
        while (values := await arun(self.take())) is not None:
            for each in values:
                yield each


class Crew:
    """Series of steps in progress at the same time, of which the first one to end is awaited.

    ::

        crew = Crew(4)
        try:
            task = yield crew.start(steps)
            ended = yield crew.first_ended()
        finally:
            crew.close()

    Args:
        at_most: The most series in progress. The caller starts no more than that.
    """

    def __init__(self, at_most: int) -> None:
        self._at_most = at_most
        self._executor: ThreadPoolExecutor | None = None
        self._working: set[Any] = set()

    def start(self, steps: Steps[Any]) -> Waitable:
        """Return the step that starts a series; its result is a task with `result()`."""
        return _Call(lambda: self._submit(steps), lambda: self._create_task(steps))

    def first_ended(self) -> Waitable:
        """Return the step that waits until a series has ended; its result is the set of the ended tasks."""
        return _Call(self._wait, self._await)

    def close(self) -> None:
        """End the series in progress: threads are awaited, tasks cancelled."""
        if self._executor is not None:
            self._executor.shutdown()
        for task in self._working:
            task.cancel()

    def _submit(self, steps: Steps[Any]) -> Future[Any]:
        if self._at_most == 1 or _one_at_a_time.get():
            task: Future[Any] = Future()
            try:
                task.set_result(run(steps))
            except Exception as error:
                task.set_exception(error)
        else:
            if self._executor is None:
                self._executor = ThreadPoolExecutor(self._at_most, "singletable")
            # A copy of the context for each, so that measure() counts the requests of threads.
            task = self._executor.submit(copy_context().run, run, steps)
        self._working.add(task)
        return task

    def _wait(self) -> set[Future[Any]]:
        ended, self._working = wait(self._working, return_when=FIRST_COMPLETED)
        return ended

    async def _create_task(self, steps: Steps[Any]) -> asyncio.Task[Any]:
        import asyncio

        task = asyncio.ensure_future(arun(steps))
        # If the crew is closed, the error is not asked for.
        task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        self._working.add(task)
        return task

    async def _await(self) -> set[asyncio.Task[Any]]:
        import asyncio

        ended, self._working = await asyncio.wait(self._working, return_when=asyncio.FIRST_COMPLETED)
        return ended


class _Call:
    __slots__ = ("aperform", "perform")

    def __init__(self, perform: Callable[[], Any], aperform: Callable[[], Awaitable[Any]]) -> None:
        self.perform = perform
        self.aperform = aperform


def mark_sent(error: BaseException) -> None:
    """Note on a cancellation or an interrupt that the request may have been executed.

    A cancelled task raises `asyncio.CancelledError`, and it must stay that error: `asyncio.timeout()` recognizes no
    other. So the fact is an attribute of the error.
    """
    error.sent = True  # type: ignore[attr-defined]


def was_sent(error: BaseException) -> bool:
    """Return whether a request may have been executed before a cancellation or an interrupt."""
    return getattr(error, "sent", False)
