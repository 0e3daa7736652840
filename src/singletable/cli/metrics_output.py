"""The metrics of a live table, as tables of text and as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table as RichTable

from singletable.cli.console import make_table
from singletable.cli.durations import duration_text

if TYPE_CHECKING:
    from singletable.operating.cloudwatch import Series
    from singletable.operating.metrics import OperationMetrics, PlaceMetrics, TableMetrics

__all__ = ["as_data", "print_metrics", "sparkline"]

_BLOCKS = "▁▂▃▄▅▆▇█"
_NARROWEST = 8
"""The minimum width of names and sparklines. Longer names wrap before anything else is truncated."""


def print_metrics(console: Console, metrics: TableMetrics, where: str) -> None:
    """Print the metrics as tables that fit the console.

    Args:
        console: The console.
        metrics: The metrics.
        where: CloudWatch's URL.
    """
    window = metrics.window
    console.print(
        f"[bold]{escape(metrics.name)}[/] [dim]{escape(where)}[/]\n"
        f"{window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M} UTC, {duration_text(window.period)} per point"
    )
    _print_capacity(console, metrics.places)
    _print_operations(console, metrics.operations)
    _print_sizes(console, metrics.places)
    if not metrics.seen:
        console.print(
            f"[yellow]CloudWatch has nothing of {escape(metrics.name)} in this time.[/] Nobody used the table, or it"
            " is in another region or account. Look further back with --since."
        )


def _print_capacity(console: Console, places: Sequence[PlaceMetrics]) -> None:
    rows, lines = [], []
    for place in places:
        kinds = (
            ("reads", place.reads, place.provisioned_reads, place.read_throttles),
            ("writes", place.writes, place.provisioned_writes, place.write_throttles),
        )
        for number, (kind, series, provisioned, throttles) in enumerate(kinds):
            lines.append(series.rates.values)
            rows.append(
                (
                    "" if number else f"[bold]{escape(place.name)}[/]",
                    kind,
                    f"{series.average:,.2f}",
                    _figure(series.rates.highest, "{:,.2f}"),
                    f"{provisioned:,}" if provisioned else "[dim]on demand[/]",
                    _alarming(throttles.total),
                )
            )
    headings = ("", "", "units/s", "highest", "provisioned", "throttled", "over time")
    _print_with_lines(console, "Capacity", headings, rows, lines)


def _print_operations(console: Console, operations: Sequence[OperationMetrics]) -> None:
    if not operations:
        return
    rows = [
        (
            f"[bold]{each.name}[/]",
            f"{each.requests.total:,.0f}",
            _figure(each.average, "{:,.1f}"),
            _figure(each.slowest.highest, "{:,.1f}"),
            _alarming(each.errors.total),
        )
        for each in operations
    ]
    headings = ("", "requests", "average ms", "p99 ms", "errors", "p99 over time")
    _print_with_lines(console, "Latency within DynamoDB", headings, rows, [each.slowest.values for each in operations])
    console.print("[dim]p99 is that of the slowest point. Errors are DynamoDB's own (HTTP 500).[/]\n")


def _print_sizes(console: Console, places: Sequence[PlaceMetrics]) -> None:
    rows = []
    for place in places:
        each = decimal(round(place.size / place.items)) if place.items else ""
        rows.append((f"[bold]{escape(place.name)}[/]", f"{place.items:,}", decimal(place.size), each))
    console.print(_table("Items", ("", "items", "size", "per item"), rows))
    console.print("[dim]As DynamoDB counted them, up to six hours ago.[/]")


def _alarming(count: float) -> str:
    """Return a count, in red if it is not 0."""
    return f"[bold red]{count:,.0f}[/]" if count else "0"


def _table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> RichTable:
    table = make_table(title)
    for number, heading in enumerate(headings):
        left = not heading or heading.endswith("over time")
        first = number == 0
        table.add_column(
            heading,
            justify="left" if left else "right",
            no_wrap=not first,
            min_width=_NARROWEST if first else None,
            overflow="fold" if first else "ellipsis",
        )
    for row in rows:
        table.add_row(*row)
    return table


def _print_with_lines(
    console: Console,
    title: str,
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    lines: Sequence[Sequence[float | None]],
) -> None:
    """Print a table whose last column is a sparkline, as wide as the console allows.

    Args:
        console: The console.
        title: The title.
        headings: The headings, with that of the sparklines.
        rows: The cells of each row, without the sparkline.
        lines: The values of each row's sparkline.
    """
    bare = _table(title, headings[:-1], rows)
    unbounded = console.options.update(width=10_000)
    # A column costs two columns of padding, and one that divides it from the column before it.
    left = console.width - Measurement.get(console, unbounded, bare).maximum - 3
    points = max(map(len, lines), default=0)
    each = max(1, -(-points // max(left, _NARROWEST, len(headings[-1]))))
    cells = [f"[cyan]{sparkline(values, each)}[/]" for values in lines]
    console.print(_table(title, headings, [(*row, cell) for row, cell in zip(rows, cells, strict=True)]))
    if each > 1:
        console.print(f"[dim]Each bar is the highest of {each} points.[/]")


def sparkline(values: Sequence[float | None], each: int = 1) -> str:
    """Return values as bars, from 0 to the highest of them; a missing value is a gap.

    Args:
        values: The values; None for no value.
        each: The number of values of one bar, which shows the highest of them.
    """
    bars = [
        max((value for value in values[start : start + each] if value is not None), default=None)
        for start in range(0, len(values), each)
    ]
    highest = max((value for value in bars if value is not None), default=0.0)
    top = len(_BLOCKS) - 1
    return "".join(
        " " if value is None else _BLOCKS[round(value / highest * top) if highest > 0 else 0] for value in bars
    )


def _figure(value: float | None, form: str) -> str:
    return "[dim]–[/]" if value is None else form.format(value)


def as_data(metrics: TableMetrics) -> dict[str, Any]:
    """Return the metrics as plain data for JSON."""
    window = metrics.window
    return {
        "table": metrics.name,
        "start": window.start.isoformat(),
        "end": window.end.isoformat(),
        "period": window.period,
        "places": [
            {
                "name": place.name,
                "items": place.items,
                "bytes": place.size,
                "provisioned_reads": place.provisioned_reads,
                "provisioned_writes": place.provisioned_writes,
                "read_units_per_second": _rate(place.reads),
                "write_units_per_second": _rate(place.writes),
                "read_throttles": place.read_throttles.total,
                "write_throttles": place.write_throttles.total,
            }
            for place in metrics.places
        ],
        "operations": [
            {
                "name": each.name,
                "requests": each.requests.total,
                "average_ms": each.average,
                "p99_ms": each.slowest.highest,
                "average_ms_points": list(each.latency.values),
                "p99_ms_points": list(each.slowest.values),
                "system_errors": each.errors.total,
            }
            for each in metrics.operations
        ],
    }


def _rate(series: Series) -> dict[str, Any]:
    return {"average": series.average, "highest": series.rates.highest, "points": list(series.rates.values)}
