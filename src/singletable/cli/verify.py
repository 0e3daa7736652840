"""`singletable verify`: whether every item of a live table, and every index, is as the migrations say."""

from __future__ import annotations

import json
import sys
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from singletable.cli.engines import Place, table_options
from singletable.cli.migrating import opened
from singletable.cli.words import counted, make_console
from singletable.migrations import TableState
from singletable.migrations.clock import Clock
from singletable.migrations.throttle import Throttle
from singletable.migrations.verifier import Finding, Report, verify

__all__ = ["verify_command"]

_SHOWN = 20


@click.command("verify")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--no-indexes", is_flag=True, help="Do not read the indexes.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Read units per second.")
@click.option("--show-personal", is_flag=True, help="Show keys whole, with personal values.")
@table_options
def verify_command(place: Place, as_json: bool, no_indexes: bool, rate: float | None, show_personal: bool) -> None:
    """Work out every derived attribute of every item again, and compare each index with the table.

    It reads the whole table, consistently, and writes nothing. Exit code 0 if all is right, 1 if not.
    """
    console = make_console()
    with opened(place) as context:
        history = context.history()
        history.check()
        state = context.graph.state_at(history.applied)
        context.live.check(state)
        report = verify(context.live, state, Throttle(Clock(), rate), indexes=not no_indexes)
        if as_json:
            click.echo(json.dumps(_to_dict(report, None if show_personal else state), indent=2, ensure_ascii=False))
        else:
            console.print(f"[bold]{escape(context.where)}[/], as of {history.applied[-1] if history.applied else '-'}")
            print_report(console, report, None if show_personal else state)
        sys.exit(0 if report.right else 1)


def print_report(console: Console, report: Report, state: TableState | None) -> None:
    """A verification, for people; with a state, keys are shown without personal values."""
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
    if report.right:
        console.print("[bold green]Everything is as it should be.[/]")
    else:
        console.print(
            "[bold red]" + ", ".join(f"{count:,} {kind}" for kind, count in sorted(report.counts.items())) + ".[/]"
        )


def _key(finding: Finding, state: TableState | None) -> Any:
    return finding.key if state is None else state.show_key(finding.key, finding.entity)


def _to_dict(report: Report, state: TableState | None) -> dict[str, object]:
    return {
        "items": dict(report.items),
        "rows": dict(report.rows),
        "unknown": report.unknown,
        "counts": dict(report.counts),
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
