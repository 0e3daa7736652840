"""What the commands of migrations share: the table that is meant, its history, and progress."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import attrs
import click
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from singletable.cli.console import counted
from singletable.cli.environment import owner_of, place_of, stack_of
from singletable.cli.infra import settings_of
from singletable.cli.place import Place, live_table
from singletable.cli.project import Project, find_project
from singletable.errors import MigrationError
from singletable.migrations import Graph
from singletable.migrations.control_records import Records
from singletable.migrations.history import History
from singletable.migrations.run_options import Options
from singletable.migrations.run_options import Progress as Done
from singletable.migrations.runner import Runner
from singletable.migrations.table_admin import TableAdmin, TableOwner
from singletable.models import Table
from singletable.models.binding.binding import connection_of
from singletable.models.schema.table_schema import table_schema
from singletable.requests import TableConnection

__all__ = ["Opened", "Reporter", "accept_edited_option", "begun_segments", "confirm", "opened", "pausing"]

_EVERY = 10.0
"""Seconds between two lines of progress where there is no terminal."""


@attrs.frozen
class Opened:
    """A project with the live table that is meant.

    Args:
        project: The project.
        graph: Its migrations.
        table: Its table class.
        connection: The live table.
        records: Where its history is.
        where: The table's name and place, for people.
        stack: Makes the owner of the table's indexes and time to live, its stack, which reports by a function; None if
            no environment is named.
    """

    project: Project
    graph: Graph
    table: type[Table]
    connection: TableConnection
    records: Records
    where: str
    stack: Callable[[Callable[[str], None]], TableOwner] | None = None

    @property
    def live(self) -> TableAdmin:
        """The live table."""
        return TableAdmin(self.connection)

    def live_of(self, owner: TableOwner) -> TableAdmin:
        """The live table, whose indexes and time to live a stack changes."""
        return TableAdmin(self.connection, owner=owner, final=self.graph.state)

    def history(self) -> History:
        """What is recorded; nothing for a table that does not exist."""
        return History(self.records, self.graph)

    def runner(self, options: Options | None = None, **how: Any) -> Runner:
        """A runner on the table."""
        tell = how.get("tell", lambda line: None)
        owner = None if self.stack is None else self.stack(tell)
        return Runner(self.connection, self.graph, options, records=self.records, stack=owner, **how)


@contextmanager
def opened(
    place: Place, *, workers: int = 4, environment: str | None = None, stack_name: str | None = None
) -> Iterator[Opened]:
    """The project that a command is run in, and the table at a place."""
    project = find_project()
    graph = project.load_migrations()
    table = project.load_table()
    stack = None
    if environment is not None:
        # Before the table is bound: its settings are made of the name in the models.
        settings = settings_of(project, table, environment)
        place = place_of(place, settings)
        stack = partial(owner_of, table, stack_of(table, place, settings, stack_name), settings)
    with live_table(table, place, max_connections=max(10, workers + 2)):
        connection = connection_of(table)
        records = _records(project, table, connection)
        yield Opened(project, graph, table, connection, records, _where(connection, place), stack)


def _where(connection: TableConnection, place: Place) -> str:
    """Table, region and account, as a person must see them before anything is changed."""
    elsewhere = connection.connection.place or connection.connection.host
    if elsewhere:
        return f"{connection.table_name} on {elsewhere}"
    region = connection.connection.region or connection.connection.session.get_config_variable("region")
    return f"{connection.table_name} on {attrs.evolve(place, region=region).words}{_account(connection)}"


def _records(project: Project, table: type[Table], connection: TableConnection) -> Records:
    if project.control_table is None:
        layout = table_schema(table).layout
        return Records(connection, layout.partition_name, layout.sort_name, layout.type_name)
    # The records are read consistently: no cluster is asked for them, and its role need not know their table.
    settings = attrs.evolve(connection.settings, table_name=project.control_table, dax_endpoints=())
    control = TableConnection(settings, connection.connection.get_meta_table(connection.table_name))
    return Records(control, "PK", "SK", "entityType", of=str(connection.table_name))


def _account(connection: TableConnection) -> str:
    """The account that the credentials are of, where they may say so."""
    session = connection.connection.session
    try:
        client = session.create_client("sts", region_name=connection.connection.region)
        return f", account {client.get_caller_identity()['Account']}"
    except (BotoCoreError, ClientError):
        return ""


@contextmanager
def pausing(stop: Callable[[], None], tell: Callable[[str], None]) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM pause a run after the current slices. A second signal ends it at once, which is safe."""

    def pause(number: int, frame: object) -> None:
        tell("Pausing after the current slices. Press Ctrl-C again to stop immediately (safe).")
        stop()
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    before = {number: signal.signal(number, pause) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        restore()


accept_edited_option = click.option(
    "--accept-edited", is_flag=True, help="Go on although a script was edited since it was begun or applied."
)


def begun_segments(history: History) -> int:
    """Return the number of segments of a begun migration, which cannot go on with others; else the default."""
    unfinished = history.migrations.get(history.unfinished or "")
    return (int(unfinished.segments) if unfinished else 0) or Options().segments


def confirm(question: str, *, yes: bool) -> None:
    """Ask before a write, and end the command if the answer is no.

    Raises:
        MigrationError: The question got no answer, and `--yes` is not given.
    """
    if yes:
        return
    try:
        agreed = click.confirm(question)
    except click.Abort:
        # Without a terminal, standing input ends at once.
        raise MigrationError(
            "The question got no answer, and nothing was done.", remedy="Give --yes to do it without asking."
        ) from None
    if not agreed:
        sys.exit(1)


class Reporter:
    """Progress of a run: a bar on a terminal, a line now and then elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._shown: tuple[str, str, str] | None = None
        self._last = 0.0
        self._begun = (0.0, 0)

    def __enter__(self) -> Reporter:
        if self._console.is_terminal:
            columns = (
                TextColumn("  {task.description}"),
                BarColumn(bar_width=24),
                TextColumn("{task.percentage:>3.0f} %"),
                TextColumn("{task.fields[figures]}"),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
            )
            self._bar = Progress(*columns, console=self._console)
            self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def tell(self, line: str) -> None:
        """A line of its own."""
        self._console.print(line, markup=False, style=None if line[:1].isdigit() else "dim")

    def show(self, done: Done) -> None:
        """How far a pass is."""
        what = (done.migration, done.step, done.phase)
        fresh = what != self._shown
        if fresh:
            self._shown, self._last = what, time.monotonic()
        looked = done.counts["scanned"]
        if fresh:
            self._begun = (time.monotonic(), looked)
        seconds = time.monotonic() - self._begun[0]
        figures = _figures(done, (looked - self._begun[1]) / seconds if seconds > 1 else None)
        if self._bar is not None:
            if fresh:
                self._task = self._bar.add_task(done.phase, total=done.segments, figures="")
            assert self._task is not None
            self._bar.update(self._task, completed=done.done, figures=figures)
            return
        now = time.monotonic()
        if done.done == done.segments or now - self._last >= _EVERY:
            self._last = now
            self._console.print(
                f"  {done.phase}: {done.done} of {counted(done.segments, 'segment')}, {figures}",
                style="dim",
                markup=False,
            )


def _figures(done: Done, rate: float | None) -> str:
    shown = [f"{done.counts[name]:,} {name}" for name in _SHOWN[done.phase] if done.counts[name] or name in _ALWAYS]
    units = [f"{done.consumed.get(kind, 0.0):,.0f} {kind}" for kind in ("read", "write") if done.consumed.get(kind)]
    parts = [", ".join(shown)]
    if rate is not None:
        parts.append(f"{rate:,.0f} items/s")
    if units:
        parts.append(" + ".join(units) + " units")
    if done.throttled:
        parts.append("throttled: " + ", ".join(f"{name} ({count:,})" for name, count in done.throttled.items()))
    return " | ".join(parts)


_SHOWN = {
    "backfill": ("scanned", "written", "already", "gone", "conflicts", "unknown", "quarantined"),
    "verify": ("verified", "wrong", "quarantined"),
}
_ALWAYS = frozenset({"written", "verified", "wrong"})
