"""Tasks: the threads of this process, or any executor, that run slices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any

import attrs

from singletable.errors import MigrationStoppedError
from singletable.migrations.segments import SegmentVerifier, SegmentWorker, Slice, SliceResult

__all__ = ["Submit", "Tasks", "submitting"]

Submit = Callable[["SegmentWorker | SegmentVerifier", Slice], "Future[SliceResult]"]
"""Submits a slice to a worker."""


@attrs.frozen
class Tasks:
    """The executor of slices.

    Args:
        executor: Any executor: of threads, of processes, or Dask's.
        function: The function that runs a slice there; None for the worker of this process.
    """

    executor: Executor
    function: Callable[[dict[str, Any]], dict[str, Any]] | None = None

    @property
    def elsewhere(self) -> bool:
        """Whether other processes run the slices, each with its own throttle."""
        return self.function is not None


@contextmanager
def submitting(tasks: Tasks | None, workers: int) -> Iterator[Submit]:
    """Yield a function that submits slices.

    Args:
        tasks: The executor; None for threads of this process.
        workers: The number of threads.
    """
    if tasks is None:
        with ThreadPoolExecutor(workers, thread_name_prefix="singletable") as pool:
            # Each runs in a copy of the caller's context: a new thread has an empty context without bindings.
            yield lambda worker, task: pool.submit(copy_context().run, worker.run, task)
        return

    def submit(worker: SegmentWorker | SegmentVerifier, task: Slice) -> Future[SliceResult]:
        if tasks.function is None:
            return tasks.executor.submit(copy_context().run, worker.run, task)
        outer: Future[SliceResult] = Future()
        try:
            inner = tasks.executor.submit(tasks.function, attrs.asdict(task))
        except BrokenExecutor as error:
            raise _broken(error) from error
        inner.add_done_callback(lambda future: _pass_on(future, outer))
        return outer

    yield submit


def _pass_on(inner: Future[Any], outer: Future[SliceResult]) -> None:
    error = inner.exception()
    if isinstance(error, BrokenExecutor):
        outer.set_exception(_broken(error))
    elif error is not None:
        outer.set_exception(error)
    else:
        outer.set_result(SliceResult(**inner.result()))


def _broken(error: BrokenExecutor) -> MigrationStoppedError:
    return MigrationStoppedError(
        f"A process that ran slices has died: {error}",
        remedy="Run it again: it continues after the last checkpoints. If it dies again, it may lack memory.",
    )
