"""Slices in other processes, on this machine or on others. A process gets everything that it needs as plain data.

A process keeps its scripts and connections for the following slices. It loads the scripts again under each lease, so
that a long-lived worker never runs a slice with scripts of an earlier run.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from functools import lru_cache
from pathlib import Path
from threading import RLock
from typing import Any

import attrs

from singletable.errors import MigrationConflictError, MigrationError
from singletable.forking import run_in_child
from singletable.migrations.clock import Clock
from singletable.migrations.control_records import BACKWARD, VERIFYING, Records
from singletable.migrations.graph import Graph
from singletable.migrations.history import History
from singletable.migrations.live_table import LiveTable
from singletable.migrations.loader import load_graph
from singletable.migrations.passes import Step
from singletable.migrations.segments import SegmentVerifier, SegmentWorker, Slice, SliceResult
from singletable.migrations.tasks import Tasks
from singletable.migrations.throttle import Throttle
from singletable.models import Table
from singletable.models.binding.binding import connection_of
from singletable.models.binding.table_names import NAME_RULE, server_fault
from singletable.models.items.internal_items import internal_table
from singletable.requests.connection import TableConnection
from singletable.requests.endpoints import endpoints_of

__all__ = ["Job", "WorkerPlace", "do_slice", "kept_place", "remote_tasks", "run_slice"]

_lock = RLock()


def _renew() -> None:
    # A thread of the parent may have held this lock during the fork.
    global _lock
    _lock = RLock()


run_in_child(_renew)


def _as_tuple(credentials: Sequence[str | None] | None) -> tuple[str, str, str | None] | None:
    """Return credentials, a list in JSON, as a tuple."""
    return None if credentials is None else tuple(credentials)  # type: ignore[return-value]  # three of them


@attrs.frozen(kw_only=True)
class Job:
    """The parameters of a process that runs slices of a table's migrations.

    Args:
        table_name: The table's name.
        scripts: The folder of the migration scripts, where the process runs.
        region: The AWS region; None for the one in the SDK's configuration.
        endpoint_url: The URL of a server that speaks DynamoDB; None for AWS.
        credentials: Access key, secret key and session token, for local servers. On AWS, leave them out: each process
            has its own role or profile.
        rate: The share of this process: units per second, of the table and of each index, for reads and for writes.
            None for no limit; the process still slows down if DynamoDB throttles.
        control_table: The table that holds the history; None for the table itself.
        dax_endpoints: The endpoints of a DAX cluster through which to write, so that its copies follow.
    """

    table_name: str = attrs.field()
    scripts: str = attrs.field(converter=str)
    region: str | None = None
    endpoint_url: str | None = None
    credentials: tuple[str, str, str | None] | None = attrs.field(default=None, repr=False, converter=_as_tuple)
    rate: float | None = attrs.field(default=None)
    control_table: str | None = attrs.field(default=None)
    dax_endpoints: tuple[str, ...] = attrs.field(default=(), converter=endpoints_of)

    @table_name.validator
    @control_table.validator
    def _is_a_name(self, field: attrs.Attribute[Any], name: Any) -> None:
        if name is None and field.name == "control_table":
            return
        fault = server_fault(name) if isinstance(name, str) else "is not a text"
        if fault:
            raise MigrationError(f"{field.name}={name!r} {fault}.", remedy=NAME_RULE, value=name)

    @rate.validator
    def _is_positive(self, field: object, rate: float | None) -> None:
        if rate is not None and not rate > 0:
            raise MigrationError(f"rate={rate!r} is not a rate.", remedy="Give units per second, above 0, or None.")

    def to_dict(self) -> dict[str, Any]:
        """Return the job as plain data, including its credentials."""
        plain = attrs.asdict(self)
        return plain | {"credentials": list(self.credentials) if self.credentials else None}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Job:
        """Return a job from the result of `to_dict`.

        Raises:
            MigrationError: A field is missing, unknown or invalid.
        """
        known = [field.name for field in attrs.fields(cls)]
        unknown = sorted(set(plain) - set(known))
        if unknown:
            raise MigrationError(
                f"Unknown fields of a job: {', '.join(unknown)}.", remedy=f"Its fields are: {', '.join(known)}."
            )
        try:
            return cls(**plain)
        except (TypeError, ValueError) as error:
            raise MigrationError(
                f"The job is invalid: {_words(error)}.",
                remedy="It needs at least table_name and scripts; its rate is above 0.",
            ) from None


@attrs.frozen
class WorkerPlace:
    """A job's table with its scripts.

    Args:
        graph: The scripts.
        connection: The connection to the table.
        records: The records of its history.
    """

    graph: Graph
    connection: TableConnection
    records: Records

    @classmethod
    def of(cls, job: Job) -> WorkerPlace:
        """Load the scripts of a job and connect to its table.

        Raises:
            MigrationError: The scripts cannot be loaded.
        """
        folder = Path(job.scripts)
        graph = load_graph(folder)
        if not graph.order:
            raise MigrationError(
                f"The folder {str(folder)!r} of this process has no migrations.",
                remedy="Deploy the scripts with the program, and give their folder there.",
            )
        state = graph.state
        connection = _connection(job, state.partition, state.sort, state.type_name, job.table_name)
        if job.control_table is None:
            records = Records(connection, state.partition, state.sort, state.type_name)
        else:
            names = ("PK", "SK", "entityType")
            records = Records(_connection(job, *names, job.control_table), *names, of=job.table_name)
        return cls(graph, connection, records)


@attrs.frozen
class _Function:
    """`run_slice` with its job, for an executor. Unlike a partial, it does not show credentials when it is printed."""

    job: Job

    def __call__(self, task: dict[str, Any]) -> dict[str, Any]:
        return attrs.asdict(do_slice(self.job, Slice(**task)))


def remote_tasks(executor: Executor, job: Job) -> Tasks:
    """Return the tasks for a `Runner` whose slices run in other processes.

    Args:
        executor: A ProcessPoolExecutor, `dask.distributed.Client.get_executor()`, or any other whose processes have
            the package and the scripts.
        job: The parameters of the processes.
    """
    return Tasks(executor, _Function(job))


def run_slice(job: dict[str, Any], task: dict[str, Any]) -> dict[str, Any]:
    """Run a slice in this process.

    Args:
        job: A `Job`, as plain data.
        task: A `Slice`, as plain data.

    Returns:
        A `SliceResult`, as plain data.

    Raises:
        MigrationConflictError: The scripts here differ from those with which the run was begun.
        LeaseLostError: A runner with a later lease has taken the segment.
        SingletableError: A request failed; the checkpoints hold the progress.
    """
    return attrs.asdict(do_slice(Job.from_dict(job), Slice(**task)))


def do_slice(job: Job, task: Slice) -> SliceResult:
    """Run a slice; see `run_slice`."""
    with _lock:  # threads of one process share its throttle, whose rate is the process's share
        worker = _worker(job, task.migration, task.step, task.epoch, os.getpid())
    return worker.run(task)


def kept_place(job: Job, epoch: int) -> WorkerPlace:
    """Return the place of a job, loaded once per lease in this process.

    Args:
        job: The job.
        epoch: The epoch of the lease.
    """
    with _lock:
        return _place(job, epoch, os.getpid())


@lru_cache(maxsize=8)
def _place(job: Job, epoch: int, process: int) -> WorkerPlace:
    return WorkerPlace.of(job)


@lru_cache(maxsize=8)
def _worker(job: Job, migration: str, step: int, epoch: int, process: int) -> SegmentWorker | SegmentVerifier:
    """Return the worker for the slices of a pass in this process.

    Args:
        job: The job.
        migration: The migration's name in slices, with its suffix.
        step: The number of the pass.
        epoch: The epoch of the lease.
        process: The id of this process: a fork of it must not share its connections.
    """
    place = _place(job, epoch, process)
    name = migration.removesuffix(BACKWARD).removesuffix(VERIFYING)
    _check_script(place, name, job)
    history = History(place.records, place.graph)
    steps = place.graph.steps_back(name) if migration.endswith(BACKWARD) else history.steps(name)
    table = LiveTable(place.connection)
    kind = SegmentVerifier if migration.endswith(VERIFYING) else SegmentWorker
    return kind(table, place.records, _pass_of(steps, step, name).compile(), Throttle(Clock(), job.rate))


def _check_script(place: WorkerPlace, name: str, job: Job) -> None:
    """Refuse scripts that differ from those of the run, which may be on another machine."""
    begun = place.records.Applied
    script = place.graph.scripts.get(name)
    try:
        record = begun.get(name=name, consistent=True)
    except begun.DoesNotExist:
        record = None
    if script is None or record is None or not script.has_digest(record.digest):
        what = "is missing" if script is None else "was not begun" if record is None else "is a different script"
        raise MigrationConflictError(
            f"{name} {what} here, in {job.scripts!r} of process {os.getpid()}, unlike where the run was begun.",
            remedy="Deploy the same scripts to all processes, and check the table's name, region and endpoint.",
            migration=name,
        )


def _pass_of(steps: list[Step], number: int, name: str) -> Step:
    found = next((each for each in steps if each.number == number and each.is_pass), None)
    if found is None:
        raise MigrationConflictError(
            f"Step {number} of {name} is not a pass over the items.", remedy="Deploy the same scripts everywhere."
        )
    return found


@lru_cache(maxsize=8)
def _connect(job: Job, partition: str, sort: str, type_name: str, name: str, process: int) -> TableConnection:
    table = internal_table(Table, partition, sort, type_name, name)
    # Bound as in an application, so that the region and the server are chosen in the same way.
    table.bind(
        table_name=name,
        region=job.region,
        endpoint_url=job.endpoint_url,
        credentials=job.credentials,
        dax_endpoints=job.dax_endpoints if name == job.table_name else (),
    )
    return connection_of(table)


def _connection(job: Job, partition: str, sort: str, type_name: str, name: str) -> TableConnection:
    with _lock:
        return _connect(job, partition, sort, type_name, name, os.getpid())


def _words(error: Exception) -> str:
    return str(error.args[0]).rstrip(".") if error.args else type(error).__name__
