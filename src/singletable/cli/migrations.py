"""`singletable status`, `rollback`, `stamp` and `unlock`: the history of a live table, read and corrected."""

from __future__ import annotations

import json
import sys
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from singletable.cli.engines import Place, table_options
from singletable.cli.migrating import Opened, Reporter, opened, pausing
from singletable.cli.words import counted, make_console
from singletable.errors import MigrationError
from singletable.migrations.clock import Clock
from singletable.migrations.lease import Lease
from singletable.migrations.options import Options
from singletable.requests.types import Item

__all__ = ["rollback_command", "stamp_command", "status_command", "unlock_command"]

_SHOWN = 20


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--show-personal", is_flag=True, help="Show keys of quarantined items whole, with personal values.")
@table_options
def status_command(place: Place, as_json: bool, show_personal: bool) -> None:
    """Show which migrations are applied, how far a running one is, and what is quarantined."""
    console = make_console()
    with opened(place) as context:
        found = _status(context, show_personal=show_personal)
        if as_json:
            click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        else:
            _print_status(console, found)


def _status(context: Opened, *, show_personal: bool) -> dict[str, Any]:
    exists = context.live.describe() is not None
    records = context.records
    history = context.history().migrations if exists else {}
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
                segments = records.Segment.query(migration=name).all()
                mine = [segment for segment in segments if segment.step == record.step]
                each["step"] = record.step
                each["segments"] = {"done": sum(one.state == "done" for one in mine), "of": record.segments}
            quarantined = records.Quarantined.query(migration=name).all()
            if quarantined:
                each["quarantined"] = [
                    {"key": _shown(context, json.loads(one.item_key), show_personal), "reason": one.reason}
                    for one in quarantined
                ]
        migrations.append(each)
    owner = None
    if exists:
        owner = Lease(records, Clock()).holder()
    return {"table": context.where, "exists": exists, "runner": owner, "migrations": migrations}


def _shown(context: Opened, key: Item, whole: bool) -> Any:
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
        quarantined = each.get("quarantined") or []
        if quarantined:
            console.print(f"{each['name']}: [yellow]{counted(len(quarantined), 'item')} quarantined[/]")
        for one in quarantined[:_SHOWN]:
            console.print(f"    {escape(str(one['key']))}: {escape(one['reason'])}")
        if len(quarantined) > _SHOWN:
            console.print(f"    ... and {len(quarantined) - _SHOWN:,} more: --json has all of them.")
    if found["runner"]:
        console.print(f"At work: {escape(found['runner'])}")


@click.command("rollback")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Units per second.")
@table_options
def rollback_command(place: Place, name: str, yes: bool, rate: float | None) -> None:
    """Take the migration NAME back: what it wrote, and only that.

    Values that were changed since then stay as they are.
    """
    console = make_console()
    with opened(place) as context:
        chosen = context.graph.resolve(name)
        steps = context.graph.steps_back(chosen)
        console.print(f"[bold]{escape(context.where)}[/]")
        for step in steps:
            console.print(f"  {escape(step.describe())}")
        if not yes and not click.confirm(f"Roll {chosen} back?"):
            sys.exit(1)
        with Reporter(console) as reporter:
            runner = context.runner(Options(rate=rate), tell=reporter.tell, progress=reporter.show)
            with pausing(runner, reporter.tell):
                runner.rollback(chosen)
        console.print(f"[bold green]Rolled back {chosen}.[/]")


@click.command("stamp")
@click.argument("name")
@table_options
def stamp_command(place: Place, name: str) -> None:
    """Record the migration NAME, and all before it, as applied, without doing anything.

    For a table that is as they leave it: one that was there before its history.
    """
    with opened(place) as context:
        chosen = context.graph.resolve(name)
        context.live.check(context.graph.state_at(context.graph.needed_by(chosen)))
        stamped = context.runner().stamp(chosen)
        click.echo(f"Stamped {', '.join(stamped)}." if stamped else "They are applied already.")


@click.command("unlock")
@click.option("--yes", is_flag=True, help="Do not ask.")
@table_options
def unlock_command(place: Place, yes: bool) -> None:
    """Take the table from a runner that is dead.

    If it is not, it stops at its next checkpoint; nothing that it wrote is wrong.
    """
    with opened(place) as context:
        lease = Lease(context.records, Clock())
        holder = lease.holder()
        if holder is None:
            click.echo("No runner is at work.")
            return
        if not yes and not click.confirm(f"Take {context.where} from {holder}?"):
            raise MigrationError("Left as it is.")
        lease.break_()
        click.echo(f"Taken from {holder}.")
