"""`singletable streams`: print the changes of a live table, or pass them to the project's router."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from singletable.cli.commands import Command
from singletable.cli.console import counted, make_console
from singletable.cli.place import PlaceOptions, live_table, table_options
from singletable.cli.project import Project, find_project, users_code
from singletable.cli.shared_options import format_option
from singletable.cli.signals import until_interrupted
from singletable.errors import HandlersFailedError, MalformedItemError, MalformedRecordError, ProjectError
from singletable.models import Table
from singletable.models.schema.table_schema import entity_schema, table_schema
from singletable.streams import (
    Change,
    FileCheckpoints,
    RecordBatch,
    StreamReader,
    StreamReport,
    StreamRouter,
    run_stream,
)
from singletable.streams.change_event import is_own, read_change
from singletable.streams.client import StreamsClient, stream_arn
from singletable.streams.consumer import poll_forever
from singletable.streams.reader import LATEST, TRIM_HORIZON
from singletable.streams.records import found, read_record

if TYPE_CHECKING:
    from singletable.streams.records import StreamRecord

__all__ = ["router_of", "streams_command"]

F = TypeVar("F", bound=Callable[..., Any])
_STARTS = {"start": TRIM_HORIZON, "now": LATEST}


@click.group("streams")
def streams_command() -> None:
    """Follow the changes of a live table."""


def _reading(default: str) -> Callable[[F], F]:
    """Add the options of both commands.

    Args:
        default: The default of `--from`.
    """

    def decorate(command: F) -> F:
        for option in (
            click.option(
                "--stop-when-idle",
                "idle",
                type=click.FloatRange(0),
                metavar="SECONDS",
                show_default="run until Ctrl-C",
                help="Exit after SECONDS without new records.",
            ),
            click.option(
                "--from",
                "start",
                type=click.Choice(list(_STARTS)),
                default=default,
                help="Where to start: at the start of the stream, up to 24 hours ago, or now.",
            ),
        ):
            command = option(command)
        return command

    return decorate


@streams_command.command("tail", cls=Command)
@_reading("now")
@click.option("--entity", "names", multiple=True, metavar="NAME", help="Print this entity only. May be repeated.")
@format_option
@table_options
def tail_command(
    place: PlaceOptions, start: str, idle: float | None, names: tuple[str, ...], output_format: str
) -> None:
    """Print each change of a live table.

    Prints the event, the entity, its key and the names of the changed attributes, but no other values. Personal values
    in keys are hidden. In JSON, each line is an object.
    """
    table = find_project().load_table()
    _require_entities(table, names)
    console = make_console()
    with live_table(table, place), until_interrupted() as stop:
        reader = StreamReader(StreamsClient(table), stream_arn(table), start=_STARTS[start], accept_gaps=True).open()
        if output_format == "text":
            console.print(
                f"[dim]{escape(table.bound().table_name)}: a stream of {reader.view}. Press Ctrl-C to stop.[/]"
            )

        def show(batch: RecordBatch) -> bool:
            for raw in batch.records:
                line = _line(table, raw)
                if line is not None and (not names or line["entity"] in names):
                    _print(console, line, output_format)
            return True

        poll_forever(reader, show, idle=idle, stop=stop)


@streams_command.command("run", cls=Command, exit_codes={0: "No dead letters.", 1: "There are dead letters."})
@_reading("start")
@click.option("--handler", metavar="MODULE:NAME", show_default="stream in setup.cfg", help="Router of the stream.")
@click.option(
    "--checkpoints",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="File in which the position in the stream is kept.",
)
@click.option(
    "--attempts", type=click.IntRange(1), metavar="N", default=3, help="Number of times that a record is tried."
)
@click.option("--traceback", "traces", is_flag=True, help="Print tracebacks of handlers. They may contain items.")
@click.option("--accept-gaps", is_flag=True, help="Continue although unread records have expired.")
@table_options
def run_command(
    place: PlaceOptions,
    start: str,
    idle: float | None,
    handler: str | None,
    checkpoints: Path | None,
    attempts: int,
    traces: bool,
    accept_gaps: bool,
) -> None:
    """Pass each change to the project's router.

    Handlers run as in AWS Lambda. Ctrl-C stops the command after the current record. A change that was handled before
    is not handled again, even without a file of checkpoints; with one, it is not read again either.
    """
    project = find_project()
    project.load_table()
    router = router_of(project, handler)
    console = make_console()

    def tell(report: StreamReport, batch: RecordBatch) -> None:
        read = counted(len(batch.records), "record")
        console.print(f"[dim]{read} of {escape(batch.shard)}, {report.records:,} in total.[/]")

    def trace(failure: HandlersFailedError) -> None:
        for error in failure.errors:
            click.echo("".join(traceback.format_exception(error)), err=True)

    # Dead letters are printed at the end, so they need not be logged.
    logging.getLogger("singletable.streams").addHandler(logging.NullHandler())
    running = users_code(f"Running {handler or project.stream} failed", project.root)
    with live_table(router.table, place), until_interrupted() as stop, running:
        report = run_stream(
            router,
            start=_STARTS[start],
            checkpoints=FileCheckpoints(checkpoints) if checkpoints else None,
            attempts=attempts,
            idle=idle,
            accept_gaps=accept_gaps,
            stop=stop,
            tell=tell,
            failed=trace if traces else None,
        )
    _print_report(console, report)
    if report.letters:
        raise SystemExit(1)


def router_of(project: Project, handler: str | None = None) -> StreamRouter:
    """Return the router of a project's stream.

    Args:
        project: The project.
        handler: The router as `module:name`; None for that of setup.cfg.

    Raises:
        ProjectError: No router is named, or it cannot be imported.
    """
    path = handler or project.stream
    if path is None:
        raise ProjectError(
            "No router is named.", remedy="Write --handler shop.stream:router, or stream = ... in [singletable]."
        )
    router = project.load_object(path, "router", "in --handler" if handler else "in setup.cfg")
    if not isinstance(router, StreamRouter):
        raise ProjectError(f"{path} is a {type(router).__name__}, not a StreamRouter.", value=path)
    return router


def _require_entities(table: type[Table], names: tuple[str, ...]) -> None:
    known = [schema.name for schema in table_schema(table).entities.values()]
    for name in names:
        if name not in known:
            raise ProjectError(
                f"{table.__name__} has no entity {name!r}.", remedy=f"It has: {', '.join(known)}.", value=name
            )


# --- output ------------------------------------------------------------------------------


def _line(table: type[Table], raw: Any) -> dict[str, Any] | None:
    """Return the printed fields of a record; None for a record of the framework's own items."""
    try:
        record = read_record(raw)
        if is_own(table, record):
            return None
        change = read_change(table, record)
    except (MalformedItemError, MalformedRecordError) as error:
        return {
            "at": None,
            "event": "?",
            "entity": error.entity,
            "key": {},
            "changed": [],
            "event_id": found(raw, "eventID"),
            "sequence_number": found(raw, "dynamodb", "SequenceNumber"),
            "fault": str(error),
        }
    event = "EXPIRE" if change.expired else record.event
    fault = _fault(table, change)
    changed = sorted(change.changed or ()) if record.event == "MODIFY" and fault is None else []
    at = None if record.at is None else record.at.isoformat(timespec="seconds")
    return {
        "at": at,
        "event": event,
        "entity": change.entity.__name__ if change.entity else None,
        "key": _key(change),
        "changed": changed,
        "event_id": record.event_id,
        "sequence_number": record.sequence_number,
        "fault": fault,
    }


def _fault(table: type[Table], change: Change[Any]) -> str | None:
    """Return the reason why the entity of a change cannot be read; None if both images can be read."""
    if change.entity is None:
        return _unknown(table, change.record)
    try:
        _ = change.images.new, change.images.old
    except (MalformedItemError, MalformedRecordError) as error:
        return str(error)
    return None


def _key(change: Change[Any]) -> dict[str, Any]:
    if change.entity is None:
        # The key may contain personal values. The record can be found by its sequence number.
        return {}
    schema = entity_schema(change.entity)
    return {name: "‹personal›" if schema.is_personal(name) else str(each) for name, each in change.key.items()}


def _unknown(table: type[Table], record: StreamRecord) -> str:
    name = (record.new or record.old or {}).get(table_schema(table).layout.type_name, {}).get("S")
    return f"of no known type: {name}" if name else "of no known type"


_COLORS = {"INSERT": "green", "MODIFY": "yellow", "REMOVE": "red", "EXPIRE": "magenta", "?": "red"}


def _print(console: Console, line: dict[str, Any], output_format: str) -> None:
    if output_format == "json":
        click.echo(json.dumps(line, ensure_ascii=False))
        return
    time = (line["at"] or "")[11:19]
    key = " ".join(f"{name}={each}" for name, each in line["key"].items())
    changed, fault = ", ".join(line["changed"]), line["fault"]
    console.print(
        f"[dim]{time:8}[/] [{_COLORS[line['event']]}]{line['event']:6}[/] [bold]{escape(line['entity'] or '-')}[/]"
        f" {escape(key)}{f'  [dim]{escape(changed)}[/]' if changed else ''}"
        f"{f'  [red]{escape(fault)}[/]' if fault else ''}",
        soft_wrap=True,
    )


def _print_report(console: Console, report: StreamReport) -> None:
    names = sorted({*report.handled, *report.repeated})
    if names:
        grid = Grid("handler", box=None, pad_edge=False)
        for column in ("handled", "skipped as handled"):
            grid.add_column(column, justify="right")
        for name in names:
            grid.add_row(escape(name), f"{report.handled[name]:,}", f"{report.repeated[name]:,}")
        console.print(grid)
    for letter in report.letters:
        where = f"{letter.event or '?'} of {letter.entity or '?'}, sequence number {letter.sequence_number or '?'}"
        console.print(
            f"[red]dead letter[/] {escape(where)}{f', {escape(letter.handler)}' if letter.handler else ''}:"
            f" {escape(letter.reason)}",
            soft_wrap=True,
        )
    dead = counted(len(report.letters), "dead letter")
    verdict = f"[red]{dead}.[/]" if report.letters else "[green]No dead letters.[/]"
    own = f", {report.own:,} of them of singletable's own items" if report.own else ""
    console.print(f"{counted(report.records, 'record')}{own}. {verdict}")
