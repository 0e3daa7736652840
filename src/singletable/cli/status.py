"""`singletable status`: the state of the migrations on a live table."""

from __future__ import annotations

import json
from itertools import chain, islice
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from singletable.cli.commands import Command
from singletable.cli.console import counted, make_console
from singletable.cli.migration_context import MigrationContext, open_migrations
from singletable.cli.place import PlaceOptions, table_options
from singletable.cli.shared_options import format_option, show_personal_option
from singletable.migrations.clock import Clock
from singletable.migrations.control_records import BACKWARD
from singletable.migrations.history import BACK
from singletable.migrations.lease import Lease
from singletable.migrations.quarantine import Quarantine
from singletable.requests.types import Item

__all__ = ["status_command"]

_SHOWN = 20
"""The number of quarantined items that are listed for each migration."""


@click.command("status", cls=Command)
@format_option
@show_personal_option
@table_options
def status_command(place: PlaceOptions, output_format: str, show_personal: bool) -> None:
    """Show the state of each migration on a live table.

    Lists the applied and pending migrations, the progress of a begun one, the first quarantined items, and the runner
    that holds the table. Personal values in keys are hidden.
    """
    with open_migrations(place) as context:
        found = _status(context, show_personal=show_personal)
        if output_format == "json":
            click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        else:
            _print_status(make_console(), found)


def _status(context: MigrationContext, *, show_personal: bool) -> dict[str, Any]:
    exists = context.live.describe() is not None
    recorded = context.history() if exists else None
    history = recorded.migrations if recorded else {}
    names = dict.fromkeys([*context.graph.order, *sorted(history)])
    return {
        "table": context.where,
        "exists": exists,
        "runner": Lease(context.records, Clock()).holder() if exists else None,
        "unnamed": bool(recorded and recorded.has_unnamed),
        "migrations": [_migration(context, name, history.get(name), show_personal=show_personal) for name in names],
    }


def _migration(context: MigrationContext, name: str, record: Any, *, show_personal: bool) -> dict[str, Any]:
    """Return the state of one migration.

    Args:
        context: The project and the live table.
        name: The migration's name.
        record: The migration's record in the history; None if it has not been begun.
        show_personal: Whether keys of quarantined items are shown with personal values.
    """
    state: dict[str, Any] = {"name": name, "status": record.status if record else "pending"}
    if name not in context.graph.scripts:
        state["status"] += ", and its script is missing"
    if record is None:
        return state
    state |= {
        "started_at": record.started_at and record.started_at.isoformat(),
        "finished_at": record.finished_at and record.finished_at.isoformat(),
        "counts": json.loads(record.counts),
    }
    if record.status != "applied":
        part = f"{name}{BACKWARD}" if record.status == BACK else name
        segments = context.records.Segment.query(migration=part).all()
        done = sum(each.state == "done" for each in segments if each.step == record.step)
        state |= {"step": record.step, "segments": {"done": done, "of": record.segments}}
    quarantined = chain(*Quarantine.of(context.records, name))
    first = [
        {"key": _shown(context, json.loads(each.item_key), show_personal), "reason": each.reason}
        for each in islice(quarantined, _SHOWN)
    ]
    if first:
        state["quarantined"] = {"count": len(first) + sum(1 for _ in quarantined), "first": first}
    return state


def _shown(context: MigrationContext, key: Item, whole: bool) -> Any:
    return key if whole else context.graph.state.show_key(key)


def _print_status(console: Console, found: dict[str, Any]) -> None:
    console.print(f"[bold]{escape(found['table'])}[/]" + ("" if found["exists"] else ": the table does not exist"))
    grid = Grid(box=None, pad_edge=False, show_header=False)
    grid.add_column(no_wrap=True)
    for each in found["migrations"]:
        mark = {"applied": "[green]applied[/]", "pending": "[dim]pending[/]"}.get(
            each["status"], f"[yellow]{escape(each['status'])}[/]"
        )
        details = [f"{count:,} {name}" for name, count in (each.get("counts") or {}).items() if name != "scanned"]
        if "segments" in each:
            details.append(f"step {each['step']}, {each['segments']['done']} of {each['segments']['of']} segments")
        when = (each.get("finished_at") or "")[:19].replace("T", " ")
        grid.add_row(f"  {each['name']}", mark, when, ", ".join(details))
    console.print(grid)
    for each in found["migrations"]:
        if "quarantined" in each:
            _print_quarantined(console, each["name"], **each["quarantined"])
    if found["unnamed"]:
        console.print(
            "[yellow]The control table has records of an earlier version, which name no table:[/] singletable adopt"
        )
    if found["runner"]:
        console.print(f"Held by the runner {escape(found['runner'])}")


def _print_quarantined(console: Console, name: str, count: int, first: list[dict[str, Any]]) -> None:
    console.print(f"{name}: [yellow]{counted(count, 'item')} quarantined[/]")
    for each in first:
        console.print(f"    {escape(str(each['key']))}: {escape(each['reason'])}")
    if count > len(first):
        console.print(f"    ... and {count - len(first):,} more: `singletable quarantine` lists all of them.")
