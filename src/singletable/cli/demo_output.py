"""The requests and answers of the demo as text. Personal values are hidden."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any

import attrs
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table as RichTable

from singletable.cli.console import counted, make_table
from singletable.models import Table
from singletable.models.schema.table_schema import entity_schema, table_schema
from singletable.patterns import AccessPattern
from singletable.requests import Get, Query, Usage

__all__ = ["Answer", "DemoOutcome", "print_outcome", "print_summary"]

_HIDDEN = "‹personal›"
_COLUMNS = 6
_COLUMN_WIDTH = 26
_WIDTH_PER_COLUMN = 20
"""The width of the console that each column of rows must have."""


@attrs.frozen
class Answer:
    """A request and its answer.

    Args:
        request: The request.
        items: The entities of the answer.
        usage: The requests and capacity units that it consumed.
        fault: The difference from the expected answer; None if there is none.
    """

    request: Query[Any] | Get[Any]
    items: list[Table]
    usage: Usage
    fault: str | None


@attrs.frozen
class DemoOutcome:
    """An access pattern with its arguments and answers.

    Args:
        pattern: The pattern.
        arguments: The arguments; None if the sample has no values for them.
        answers: The answer to each request.
        fault: The reason why the pattern could not be run; None if it was run.
    """

    pattern: AccessPattern[..., Any]
    arguments: Mapping[str, Any] | None
    answers: tuple[Answer, ...]
    fault: str | None = None

    @property
    def right(self) -> bool:
        """Whether every answer is the expected one."""
        return self.fault is None and all(answer.fault is None for answer in self.answers)


def print_outcome(console: Console, outcome: DemoOutcome, rows: int) -> None:
    """Print an access pattern: its call, the key conditions, the consumed capacity, and the first rows."""
    pattern = outcome.pattern
    console.print(f"[bold cyan]{escape(pattern.title)}[/]")
    if outcome.arguments is None:
        faults = f"[bold red]✗ {escape(outcome.fault)}[/]" if outcome.fault else ""
        _line(console, "", faults or "[yellow]The sample has no values for the arguments.[/]")
        console.print()
        return
    shown = ", ".join(f"{name}={_argument(pattern, name, value)}" for name, value in outcome.arguments.items())
    _line(console, "call", escape(f"{pattern.name}({shown})"))
    for answer in outcome.answers:
        explanation = answer.request.explain()
        filtered = f", then filters by {', '.join(explanation.filtered)}" if explanation.filtered else ""
        completed = "" if answer.request.target.place.whole else ", then fetches the items by primary key"
        order = ", last first" if isinstance(answer.request, Query) and answer.request.descending else ""
        _line(
            console,
            "read",
            f"[magenta]{explanation.place}[/]: {escape(explanation.key_condition)}{order}{filtered}{completed}",
        )
        verdict = "[green]✓ as expected[/]" if answer.fault is None else f"[bold red]✗ {escape(answer.fault)}[/]"
        _line(console, "got", f"{_cost(answer)}  {verdict}")
        if answer.items and rows:
            console.print(Padding(_rows(answer.items, rows, console.width), (0, 0, 0, 8), expand=False))
    if outcome.fault:
        _line(console, "got", f"[bold red]✗ {escape(outcome.fault)}[/]")
    console.print()


def print_summary(console: Console, outcomes: list[DemoOutcome], *, estimated: bool) -> None:
    """Print all access patterns in one table, and the verdict."""
    table = make_table("Every access pattern")
    table.add_column("")
    table.add_column("access pattern")
    table.add_column("reads from")
    for heading in ("items", "requests", "read units"):
        table.add_column(heading, justify="right")
    table.add_column("answer")
    for outcome in outcomes:
        answers = outcome.answers
        verdict = "[green]✓[/]" if outcome.right else "[bold red]✗[/]"
        table.add_row(
            outcome.pattern.number or "",
            escape(outcome.pattern.sentence),
            ", ".join(dict.fromkeys(answer.request.target.place.name for answer in answers)),
            f"{sum(len(answer.items) for answer in answers):,}",
            f"{sum(answer.usage.requests for answer in answers):,}",
            f"{sum(answer.usage.read_units for answer in answers):,.1f}",
            verdict if answers or outcome.fault else "[yellow]not run[/]",
        )
    console.print(table)
    if estimated:
        console.print(
            "[dim]Read units are estimated from item sizes: this engine does not report consumed capacity.[/]"
        )
    wrong = sum(not outcome.right for outcome in outcomes)
    run = sum(outcome.arguments is not None for outcome in outcomes)
    if wrong:
        console.print(
            f"[bold red]{wrong} of {len(outcomes)} access patterns failed, or gave an answer that differs from the"
            " expected one.[/]"
        )
    else:
        console.print(
            f"[bold green]{run} of {len(outcomes)} access patterns were run. Every answer equals the expected one,"
            " which is computed from the sample's entities without keys.[/]"
        )


def _line(console: Console, label: str, text: str) -> None:
    """Print a line with a label; a line that wraps is indented under its text."""
    grid = RichTable.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=4)
    grid.add_column(overflow="fold")
    grid.add_row(f"[dim]{label}[/]", text)
    console.print(Padding(grid, (0, 0, 0, 2), expand=False))


def _cost(answer: Answer) -> str:
    items, requests = counted(len(answer.items), "item"), counted(answer.usage.requests, "request")
    return f"{items} in {requests}, {answer.usage.read_units:,.1f} read units"


def _argument(pattern: AccessPattern[..., Any], parameter: str, value: Any) -> str:
    name = pattern.attribute_for(parameter)
    if any(schema.is_personal(name) for schema in table_schema(pattern.table).entities.values()):
        return _HIDDEN
    if isinstance(value, datetime):
        return repr(value.isoformat())
    return str(value) if isinstance(value, Enum) else repr(value)


def _rows(items: list[Table], rows: int, width: int) -> RichTable:
    mixed = len({type(item) for item in items}) > 1
    # Fewer columns that are readable are better than more columns that are truncated.
    columns = _columns(items)[: max(2, min(_COLUMNS, width // _WIDTH_PER_COLUMN))]
    table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    for column in (["entity"] if mixed else []) + columns:
        table.add_column(column, no_wrap=True, overflow="ellipsis", max_width=_COLUMN_WIDTH)
    for item in items[:rows]:
        cells = [_cell(item, column) for column in columns]
        table.add_row(*([type(item).__name__] if mixed else []), *cells)
    if len(items) > rows:
        table.add_row(f"[dim]… {len(items) - rows:,} more[/]")
    return table


def _columns(items: list[Table]) -> list[str]:
    """Return the attributes that any item has: first those of the key, then the others in the order of declaration."""
    schemas = dict.fromkeys(entity_schema(item) for item in items)
    names = [name for schema in schemas for name in schema.primary.attributes]
    for schema in schemas:
        names += [name for base in type.mro(schema.entity) for name in vars(base) if name in schema.attributes]
    set_somewhere = [
        name for name in dict.fromkeys(names) if any(getattr(item, name, None) is not None for item in items)
    ]
    return set_somewhere


def _cell(item: Table, name: str) -> str:
    schema = entity_schema(item)
    value = getattr(item, name, None) if name in schema.attributes else None
    if value is None:
        return ""
    return _HIDDEN if schema.is_personal(name) else escape(_text(value))


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    return str(getattr(value, "value", value))
