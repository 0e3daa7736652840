"""`singletable verify`: compare every item and index of a live table with its migrations and models."""

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

from singletable.cli.commands import Command
from singletable.cli.console import confirm, counted, make_console
from singletable.cli.migration_context import MigrationContext, open_migrations
from singletable.cli.place import PlaceOptions, table_options
from singletable.cli.shared_options import (
    accept_edited_option,
    format_option,
    rate_option,
    show_personal_option,
    yes_option,
)
from singletable.cli.signals import pausing
from singletable.errors import MigrationConflictError, MigrationError
from singletable.migrations import TableState, state_of
from singletable.migrations.autodetector import detect
from singletable.migrations.clock import Clock
from singletable.migrations.findings import ItemFinding, VerificationReport
from singletable.migrations.history import History
from singletable.migrations.throttle import Throttle
from singletable.migrations.verifier import Verifier

__all__ = ["print_report", "verify_command"]

_SHOWN = 20
"""The number of findings that are printed as text."""


@click.command(
    "verify",
    cls=Command,
    exit_codes={
        0: "Everything that was checked is correct.",
        1: "There are findings; or --repair was declined.",
        3: "Paused with Ctrl-C or SIGTERM.",
    },
)
@format_option
@click.option("--no-indexes", is_flag=True, help="Do not read the indexes.")
@click.option(
    "--repair", is_flag=True, help="Write derived attributes and missing discriminators, with conditional writes."
)
@click.option("--allow-unknown", is_flag=True, help="Accept items of no known entity.")
@rate_option
@click.option(
    "--segments", type=click.IntRange(1, 100), metavar="N", default=4, help="Number of segments to scan in parallel."
)
@click.option(
    "--checkpoint",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="File from which an interrupted verification continues. It contains keys of items.",
)
@show_personal_option
@yes_option
@accept_edited_option
@table_options
def verify_command(
    place: PlaceOptions,
    output_format: str,
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
    """Check every item and index of a live table.

    Compares each item with the migrations and the models, and each index with the table. The whole table is read, with
    consistent reads. Nothing is written without --repair.
    """
    with open_migrations(place, workers=segments) as context:
        history = context.history()
        state = _applied_state(context, history, accept_edited=accept_edited)
        if repair:
            _confirm_repair(context, history, yes=yes)
        models_differ = _models_differ(context, state)
        stop = threading.Event()
        verification = Verifier(
            context.live,
            state,
            Throttle(Clock(), rate, stop=stop),
            indexes=not no_indexes,
            later=context.graph.state,
            models=None if models_differ else context.table,
            repair=repair,
            allow_unknown=allow_unknown,
            segments=segments,
            checkpoint=checkpoint,
            stop=stop,
        )
        with pausing(stop.set, lambda line: click.echo(line, err=True)):
            report = verification.run()
        report.not_checked += _not_checked(history, models_differ=models_differ)
        shown_state = None if show_personal else state
        if output_format == "json":
            click.echo(json.dumps(_to_dict(report, shown_state), indent=2, ensure_ascii=False))
        else:
            console = make_console()
            console.print(f"[bold]{escape(context.where)}[/], as of {history.applied[-1]}")
            print_report(console, report, shown_state)
        sys.exit(0 if report.right else 1)


def _applied_state(context: MigrationContext, history: History, *, accept_edited: bool) -> TableState:
    """Return the state after the applied migrations, which the live table's keys and indexes must have.

    Raises:
        MigrationError: No migration is applied, a script was edited, or the table has other keys or indexes.
    """
    history.check(accept_edited=accept_edited)
    if not history.applied:
        raise MigrationError(
            f"{context.where} has no applied migrations, so it cannot be verified.",
            remedy=f"If the table is in the state after a migration: `singletable stamp {context.graph.order[-1]}`. If"
            " it is new: `singletable migrate`."
            if context.graph.order
            else "Write one: `singletable makemigrations`.",
        )
    state = context.graph.state_at(history.applied)
    context.live.check(state)
    return state


def _confirm_repair(context: MigrationContext, history: History, *, yes: bool) -> None:
    """Ask before items are repaired.

    Raises:
        MigrationConflictError: A begun migration has changed items, and a repair would undo that.
    """
    if history.unfinished:
        raise MigrationConflictError(
            f"{history.unfinished} is {history.status(history.unfinished)}: a repair would return the items that it has"
            " changed to their old state.",
            remedy="Finish it, roll it back or abort it first.",
            migration=history.unfinished,
        )
    confirm(f"Repair the items of {context.where}?", yes=yes)


def _models_differ(context: MigrationContext, state: TableState) -> bool:
    """Return whether the models differ from a state."""
    return bool(detect(state, state_of(context.table.describe()), lambda question: False).operations)


def _not_checked(history: History, *, models_differ: bool) -> list[str]:
    lines = []
    if history.unfinished:
        lines.append(
            f"{history.unfinished}, which is {history.status(history.unfinished)}: items that it has changed may be"
            " findings."
        )
    if models_differ:
        lines.append(
            "The models: they differ from the applied migrations. Attributes are checked as the history defines them."
        )
    return lines


def print_report(console: Console, report: VerificationReport, state: TableState | None) -> None:
    """Print a verification as text.

    Args:
        console: The console.
        report: The verification's result.
        state: The state that knows which parts of keys are personal, and hides them; None to show keys in full.
    """
    items = ", ".join(f"{count:,} {name}" for name, count in sorted(report.items.items()))
    console.print(f"{counted(sum(report.items.values()), 'item')}: {items}." if items else "No items.", markup=False)
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
        console.print(f"  ... and {total - _SHOWN:,} more; --format json has the first {len(report.findings):,}.")
    if report.repaired:
        console.print(f"[green]Repaired: {_counts(report.repaired)}.[/]")
    for line in report.not_checked:
        console.print(f"[dim]not checked: {escape(line)}[/]")
    if report.right:
        console.print("[bold green]Everything that was checked is correct.[/]")
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
