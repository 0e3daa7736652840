"""`singletable status`, `rollback`, `abort`, `stamp`, `adopt`, `unlock`: the history of a live table."""

from __future__ import annotations

import json
from itertools import chain
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from singletable.cli.console import counted, make_console
from singletable.cli.environment import stack_options
from singletable.cli.migration_context import (
    Opened,
    Reporter,
    accept_edited_option,
    begun_segments,
    confirm,
    opened,
    pausing,
)
from singletable.cli.place import Place, table_options
from singletable.migrations.clock import Clock
from singletable.migrations.control_records import BACKWARD
from singletable.migrations.history import BACK
from singletable.migrations.lease import Lease
from singletable.migrations.quarantine import Quarantine
from singletable.migrations.run_options import Options
from singletable.requests.types import Item

__all__ = ["abort_command", "adopt_command", "rollback_command", "stamp_command", "status_command", "unlock_command"]

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


@click.command("rollback")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Units per second.")
@click.option("--redrive", is_flag=True, help="Try again what is quarantined.")
@click.option("--accept-quarantine", is_flag=True, help="Go on although items are quarantined.")
@accept_edited_option
@stack_options
@table_options
def rollback_command(
    place: Place,
    name: str,
    yes: bool,
    rate: float | None,
    redrive: bool,
    accept_quarantine: bool,
    accept_edited: bool,
    environment: str | None,
    stack_name: str | None,
) -> None:
    """Undo the migration NAME, applied or only begun: its own writes, and no others.

    Values that were changed since then stay as they are. A table that a CloudFormation stack deployed changes its
    indexes and its time to live through the stack: name its environment with --environment.
    """
    console = make_console()
    with opened(place, environment=environment, stack_name=stack_name) as context:
        chosen = context.graph.resolve(name)
        steps = context.graph.steps_back(chosen)
        console.print(f"[bold]{escape(context.where)}[/]")
        for step in steps:
            console.print(f"  {escape(step.describe())}")
        confirm(f"Roll {chosen} back?", yes=yes)
        with Reporter(console) as reporter:
            runner = context.runner(
                Options(
                    rate=rate,
                    redrive=redrive,
                    accept_quarantine=accept_quarantine,
                    accept_edited=accept_edited,
                    segments=begun_segments(context.history()),
                ),
                tell=reporter.tell,
                progress=reporter.show,
            )
            with pausing(runner.stop, reporter.tell):
                runner.rollback(chosen)
        console.print(f"[bold green]Rolled back {chosen}.[/]")


@click.command("stamp")
@click.argument("name")
@click.option("--bring", is_flag=True, help="Switch the time to live and the stream to the recorded state.")
@accept_edited_option
@table_options
def stamp_command(place: Place, name: str, bring: bool, accept_edited: bool) -> None:
    """Record the migration NAME, and all before it, as applied. No item is touched.

    For a table that is as they leave it: one that was there before its history. Keys, indexes, time to live and stream
    are compared; `verify` compares the items.
    """
    with opened(place) as context:
        chosen = context.graph.resolve(name)
        stamped = context.runner(Options(accept_edited=accept_edited)).stamp(chosen, bring=bring)
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
        confirm(f"Take {context.where} from {holder}?", yes=yes)
        lease.break_()
        click.echo(f"Taken from {holder}.")


@click.command("abort")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@accept_edited_option
@table_options
def abort_command(place: Place, name: str, yes: bool, accept_edited: bool) -> None:
    """Forget that the migration NAME was begun. Its writes stay in the items.

    `rollback` undoes the writes of a begun migration. Use `abort` for one that cannot be rolled back.
    """
    with opened(place) as context:
        chosen = context.graph.resolve(name)
        confirm(f"Abort {chosen} on {context.where}, and keep its writes?", yes=yes)
        context.runner(Options(accept_edited=accept_edited)).abort(chosen)
        click.echo(f"Aborted {chosen}. A later run begins it again.")


@click.command("adopt")
@click.option("--yes", is_flag=True, help="Do not ask.")
@table_options
def adopt_command(place: Place, yes: bool) -> None:
    """Take the records of an earlier version in the control table for those of this table.

    They do not name the table that they belong to. Run `verify` afterwards.
    """
    with opened(place) as context:
        confirm(f"Are the records without a table's name the history of {context.where}?", yes=yes)
        click.echo(f"Adopted {counted(context.runner().adopt(), 'record')}.")
