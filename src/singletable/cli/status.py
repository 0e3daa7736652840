"""`singletable status`: the state of the migrations on a live table."""

from __future__ import annotations

import json
from itertools import chain
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from singletable.cli.console import counted, make_console
from singletable.cli.migration_context import MigrationContext, open_migrations
from singletable.cli.place import Place, table_options
from singletable.migrations.clock import Clock
from singletable.migrations.control_records import BACKWARD
from singletable.migrations.history import BACK
from singletable.migrations.lease import Lease
from singletable.migrations.quarantine import Quarantine
from singletable.requests.types import Item

__all__ = ["status_command"]

_SHOWN = 20


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--show-personal", is_flag=True, help="Show keys of quarantined items whole, with personal values.")
@table_options
def status_command(place: Place, as_json: bool, show_personal: bool) -> None:
    """Show which migrations are applied, how far a running one is, and what is quarantined."""
    console = make_console()
    with open_migrations(place) as context:
        found = _status(context, show_personal=show_personal)
        if as_json:
            click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        else:
            _print_status(console, found)


def _status(context: MigrationContext, *, show_personal: bool) -> dict[str, Any]:
    exists = context.live.describe() is not None
    records = context.records
    recorded = context.history() if exists else None
    history = recorded.migrations if recorded else {}
    migrations = []
    for name in dict.fromkeys([*context.graph.order, *sorted(history)]):
        record = history.get(name)
        each: dict[str, Any] = {"name": name, "status": record.status if record else "pending"}
        if name not in context.graph.scripts:
            each["status"] += ", and its script is missing"
        if record:
            each |= {
                "started_at": record.started_at and record.started_at.isoformat(),
                "finished_at": record.finished_at and record.finished_at.isoformat(),
                "counts": json.loads(record.counts),
            }
            if record.status != "applied":
                part = f"{name}{BACKWARD}" if record.status == BACK else name
                segments = records.Segment.query(migration=part).all()
                mine = [segment for segment in segments if segment.step == record.step]
                each["step"] = record.step
                each["segments"] = {"done": sum(one.state == "done" for one in mine), "of": record.segments}
            count = 0
            shown: list[dict[str, Any]] = []
            for one in chain(*Quarantine.of(records, name)):
                count += 1
                if len(shown) < _SHOWN:
                    key = _shown(context, json.loads(one.item_key), show_personal)
                    shown.append({"key": key, "reason": one.reason})
            if count:
                each["quarantined"] = {"count": count, "first": shown}
        migrations.append(each)
    owner = None
    if exists:
        owner = Lease(records, Clock()).holder()
    unnamed = bool(recorded and recorded.has_unnamed)
    return {"table": context.where, "exists": exists, "runner": owner, "unnamed": unnamed, "migrations": migrations}


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
        quarantined = each.get("quarantined") or {"count": 0, "first": []}
        count, first = quarantined["count"], quarantined["first"]
        if count:
            console.print(f"{each['name']}: [yellow]{counted(count, 'item')} quarantined[/]")
        for one in first:
            console.print(f"    {escape(str(one['key']))}: {escape(one['reason'])}")
        if count > len(first):
            console.print(f"    ... and {count - len(first):,} more: `singletable quarantine` lists all of them.")
    if found["unnamed"]:
        console.print(
            "[yellow]The control table has records of an earlier version, which name no table:[/] singletable adopt"
        )
    if found["runner"]:
        console.print(f"At work: {escape(found['runner'])}")
