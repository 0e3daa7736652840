"""`singletable verify`: whether every item of a live table, and every index, is as the migrations say."""

from __future__ import annotations

import json
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from singletable.cli.console import confirm, counted, make_console
from singletable.cli.migration_context import MigrationContext, open_migrations
from singletable.cli.place import Place, table_options
from singletable.cli.shared_options import accept_edited_option
from singletable.cli.signals import pausing
from singletable.errors import MigrationConflict, MigrationError
from singletable.migrations import TableState, state_of
from singletable.migrations.autodetector import detect
from singletable.migrations.clock import Clock
from singletable.migrations.findings import ItemFinding, VerificationReport
from singletable.migrations.throttle import Throttle
from singletable.migrations.verifier import Verifier

__all__ = ["verify_command"]

_SHOWN = 20


@click.command("verify")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--no-indexes", is_flag=True, help="Do not read the indexes.")
@click.option(
    "--repair", is_flag=True, help="Write derived attributes and missing discriminators, by conditional writes."
)
@click.option("--allow-unknown", is_flag=True, help="Accept items of no known entity.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Units per second, for reads and for writes.")
@click.option("--segments", type=click.IntRange(1, 100), default=4, show_default=True, help="Number of parallel scans.")
@click.option(
    "--checkpoint",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file from which an interrupted verification goes on. It holds keys of items.",
)
@click.option("--show-personal", is_flag=True, help="Show keys whole, with personal values.")
@click.option("--yes", is_flag=True, help="With --repair: do not ask.")
@accept_edited_option
@table_options
def verify_command(
    place: Place,
    as_json: bool,
    no_indexes: bool,
    repair: bool,
    allow_unknown: bool,
    rate: float | None,
    segments: int,
    checkpoint: Path | None,
    show_personal: bool,
    yes: bool,
    accept_edited: bool,
) -> None:
    """Check every item against the migrations and the models, and compare each index with the table.

    It reads the whole table, consistently, and writes nothing without --repair. Exit code 0 if all that was checked is
    right, 1 if not, 3 if it was paused with Ctrl-C.
    """
    console = make_console()
    with open_migrations(place, workers=segments) as context:
        history = context.history()
        history.check(accept_edited=accept_edited)
        if not history.applied:
            raise MigrationError(
                f"{context.where} has no applied migrations, so it cannot be verified.",
                remedy=f"If the table is as a migration leaves it: `singletable stamp {context.graph.order[-1]}`. If it"
                " is new: `singletable migrate`."
                if context.graph.order
                else "Write one: `singletable makemigrations`.",
            )
        state = context.graph.state_at(history.applied)
        context.live.check(state)
        ahead = detect_changes(state, context)
        if repair and history.unfinished:
            raise MigrationConflict(
                f"{history.unfinished} is {history.status(history.unfinished)}: the items that it has changed would be"
                " repaired to their old state.",
                remedy="Finish it, roll it back or abort it first.",
                migration=history.unfinished,
            )
        if repair:
            confirm(f"Repair the items of {context.where}?", yes=yes)
        stop = threading.Event()
        verification = Verifier(
            context.live,
            state,
            Throttle(Clock(), rate, stop=stop),
            indexes=not no_indexes,
            later=context.graph.state,
            models=None if ahead else context.table,
            repair=repair,
            allow_unknown=allow_unknown,
            segments=segments,
            checkpoint=checkpoint,
            stop=stop,
        )
        with pausing(stop.set, lambda line: click.echo(line, err=True)):
            report = verification.run()
        if history.unfinished:
            report.not_checked.append(
                f"{history.unfinished}, which is {history.status(history.unfinished)}: items that it has changed may be"
                " findings."
            )
        if ahead:
            report.not_checked.append(
                "The models: they differ from the applied migrations. Attributes are checked as the history knows them."
            )
        if as_json:
            click.echo(json.dumps(_to_dict(report, None if show_personal else state), indent=2, ensure_ascii=False))
        else:
            console.print(f"[bold]{escape(context.where)}[/], as of {history.applied[-1]}")
            print_report(console, report, None if show_personal else state)
        sys.exit(0 if report.right else 1)


def detect_changes(state: TableState, context: MigrationContext) -> bool:
    """Return whether the models differ from a state."""
    return bool(detect(state, state_of(context.table.describe()), lambda question: False).operations)


def print_report(console: Console, report: VerificationReport, state: TableState | None) -> None:
    """Print a verification for people; with a state, keys are shown without personal values."""
    items = ", ".join(f"{count:,} {name}" for name, count in sorted(report.items.items()))
    console.print(f"{counted(sum(report.items.values()), 'item')}: {items or 'none'}.", markup=False)
    for name, rows in sorted(report.rows.items()):
        console.print(f"{name}: {counted(rows, 'row')}.", markup=False)
    if report.unknown:
        console.print(f"{counted(report.unknown, 'item')} of no known entity.", markup=False)
    for each in report.findings[:_SHOWN]:
        key = _key(each, state)
        reason = f": {each.reason}" if each.reason else ""
        console.print(f"  [red]{each.kind}[/] {escape(f'{each.name} of {each.entity} {key}{reason}')}")
    total = sum(report.counts.values())
    if total > _SHOWN:
        console.print(f"  ... and {total - _SHOWN:,} more; --json has the first {len(report.findings):,}.")
    if report.repaired:
        console.print(f"[green]Repaired: {_counts(report.repaired)}.[/]")
    for line in report.not_checked:
        console.print(f"[dim]not checked: {escape(line)}[/]")
    if report.right:
        console.print("[bold green]Everything that was checked is as it should be.[/]")
    else:
        console.print(f"[bold red]{_counts(report.counts)}.[/]")


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in sorted(counts.items()))


def _key(finding: ItemFinding, state: TableState | None) -> Any:
    return finding.key if state is None else state.show_key(finding.key, finding.entity)


def _to_dict(report: VerificationReport, state: TableState | None) -> dict[str, object]:
    return {
        "items": dict(report.items),
        "rows": dict(report.rows),
        "unknown": report.unknown,
        "counts": dict(report.counts),
        "repaired": dict(report.repaired),
        "not_checked": report.not_checked,
        "findings": [
            {
                "kind": each.kind,
                "entity": each.entity,
                "name": each.name,
                "key": _key(each, state),
                "reason": each.reason,
            }
            for each in report.findings
        ],
    }
