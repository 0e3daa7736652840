"""The rows as text: for the terminal, and as the table of the documentation's page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.results import Row, row_of

BEGIN, END = "<!-- written by make bench -->", "<!-- until here -->"
_WIDTH = 132


def show(results: dict[str, Any], console: Console) -> None:
    """Print the results, one line for each row."""
    console.print(context(results), style="dim", highlight=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("", "singletable", "", "the other", "measured", "target", ""):
        table.add_column(heading, justify="right" if heading in ("singletable", "the other") else "left", no_wrap=True)
    group = ""
    for row in map(row_of, results["rows"]):
        if row.group != group:
            group = row.group
            table.add_row(f"[bold]{group}[/]")
        ours, theirs = row.figures
        style = {"met": "green", "missed": "bold red"}.get(row.verdict, "dim")
        table.add_row(f"  {row.what}", ours, row.peer, theirs, row.measured, row.target, f"[{style}]{row.verdict}[/]")
    console.print(table)


def make_console() -> Console:
    """Return a console as wide as the table, also if the output is not a terminal."""
    found = Console()
    return found if found.is_terminal else Console(width=_WIDTH)


def context(results: dict[str, Any]) -> str:
    """Return the machine and versions of the measurement."""
    machine, versions = results["machine"], results["versions"]
    libraries = ", ".join(f"{name} {each}" for name, each in versions.items() if name != "python")
    return (
        f"{results['date']}, {machine['cpu']}, {machine['cores']} cores, load {machine['load']} at the start;"
        f" Python {versions['python']}, {libraries}"
    )


def write_page(results: dict[str, Any], page: Path) -> None:
    """Replace the figures in a page."""
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{figures(results)}{after}", encoding="utf-8")


def figures(results: dict[str, Any]) -> str:
    """Return the figures of the page, between their two markers."""
    rows = [row_of(each) for each in results["rows"]]
    lines = [
        "| | singletable | the other | measured | target | |",
        "|---|--:|--:|---|---|---|",
        *map(_line, rows),
    ]
    missed = sum(row.met is False for row in rows)
    judged = sum(row.met is not None for row in rows)
    said = f"{judged - missed} of {judged} targets are met, {missed} missed. Measured on {context(results)}."
    return "\n".join([BEGIN, "", said, "", *lines, "", END])


def _line(row: Row) -> str:
    ours, theirs = row.figures
    name = f"{row.group}, {row.what}"
    other = f"{row.peer}: {theirs}" if theirs else row.peer
    verdict = f"**{row.verdict}**" if row.verdict == "missed" else row.verdict
    cells = (name, ours, other, row.measured, row.target, verdict)
    return "| " + " | ".join(cells) + " |"
