"""`singletable metrics`: capacity, throttles, latency, errors, counts and sizes of a live table and its indexes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import attrs
import click
from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table as RichTable

from singletable.cli.console import make_console, make_table
from singletable.cli.durations import SPAN, span_words, sparkline
from singletable.cli.place import Place, live_table, table_options
from singletable.cli.project import find_project
from singletable.models import Table
from singletable.models.binding.binding import connection_of
from singletable.models.reading.targets import TableSender

if TYPE_CHECKING:
    from collections.abc import Iterator

    from singletable.operating.cloudwatch import Metric, Series
    from singletable.operating.metrics import OperationMetrics, PlaceMetrics, TableMetrics
    from singletable.operating.window import Window

__all__ = ["Watched", "metrics_command", "watching"]

_POINTS = 48
"""How many values a line has at most: it stands in a terminal of 120 columns."""


@attrs.frozen
class Watched:
    """A live table, and where CloudWatch tells of it.

    Args:
        described: What DescribeTable says of it.
        region: Its region; None where the server has none.
        where: CloudWatch's URL.
        client: A client of CloudWatch.
    """

    described: Mapping[str, Any]
    region: str | None
    where: str
    client: Any

    def fetch(self, metrics: Sequence[Metric], window: Window) -> dict[Metric, Series]:
        """Ask CloudWatch for some metrics."""
        from singletable.operating.cloudwatch import fetch

        return fetch(self.client.get_metric_data, metrics, window, self.where)


@contextmanager
def watching(table: type[Table], place: Place) -> Iterator[Watched]:
    """A live table at a place, with its metrics, for the block.

    A server of one's own is asked for metrics at its own URL, unless the SDK is told another, so that a local table
    is never shown with the figures of one that has its name in AWS.
    """
    with live_table(table, place):
        sender = TableSender(table)
        described = sender.send("DescribeTable", {"TableName": sender.table_name})["Table"]
        connection = connection_of(table)
        told = "AWS_ENDPOINT_URL_CLOUDWATCH" in os.environ
        client = connection.client_of("cloudwatch", None if told else connection.settings.endpoint_url)
        yield Watched(described, client.meta.region_name, client.meta.endpoint_url, client)


@click.command("metrics")
@click.option("--since", type=SPAN, default="3h", show_default=True, help="How far to look back: 30m, 3h, 7d, 2w.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to print.")
@table_options
def metrics_command(place: Place, since: timedelta, form: str) -> None:
    """Show what a live table and its indexes do: capacity, throttles, latency, errors, items and sizes.

    Capacity, latency and errors are CloudWatch's, which is a few minutes behind; items and sizes are DynamoDB's own
    counts, up to six hours old. Nothing is written. A server of --endpoint-url is asked for metrics, too;
    AWS_ENDPOINT_URL_CLOUDWATCH names another.
    """
    from singletable.operating.metrics import metrics_of, read_metrics
    from singletable.operating.window import window_until

    table = find_project().load_table()
    with watching(table, place) as watched:
        window = window_until(datetime.now(timezone.utc), since, most=_POINTS)
        found = watched.fetch(metrics_of(watched.described), window)
        metrics = read_metrics(watched.described, found, window)
    if form == "json":
        click.echo(json.dumps(_as_data(metrics), indent=2))
        return
    console = make_console()
    _print_head(console, metrics, watched)
    _print_capacity(console, metrics.places)
    _print_operations(console, metrics.operations)
    _print_sizes(console, metrics.places)
    if not metrics.seen:
        console.print(
            f"[yellow]CloudWatch has nothing of {escape(metrics.name)} in this time.[/] Nobody asked the table, or it"
            " is another region's or account's; --since looks further back."
        )


def _print_head(console: Console, metrics: TableMetrics, watched: Watched) -> None:
    window = metrics.window
    console.print(
        f"[bold]{escape(metrics.name)}[/] [dim]{escape(watched.where)}[/]\n"
        f"{window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M} UTC, {span_words(window.period)} a point"
    )


def _print_capacity(console: Console, places: Sequence[PlaceMetrics]) -> None:
    table = _table("Capacity", "", "", "units/s", "highest", "provisioned", "throttled", "over time")
    for place in places:
        rows = (
            ("reads", place.reads, place.provisioned_reads, place.read_throttles),
            ("writes", place.writes, place.provisioned_writes, place.write_throttles),
        )
        for number, (verb, series, provisioned, throttles) in enumerate(rows):
            throttled = f"[bold red]{throttles.total:,.0f}[/]" if throttles.total else "0"
            table.add_row(
                "" if number else f"[bold]{escape(place.name)}[/]",
                verb,
                f"{series.average:,.2f}",
                _figure(series.rates.highest, "{:,.2f}"),
                f"{provisioned:,}" if provisioned else "[dim]on demand[/]",
                throttled,
                f"[cyan]{sparkline(series.rates.values)}[/]",
            )
    console.print(table)


def _print_operations(console: Console, operations: Sequence[OperationMetrics]) -> None:
    if not operations:
        return
    table = _table("Latency within DynamoDB", "", "requests", "average ms", "p99 ms", "errors", "p99 over time")
    for each in operations:
        errors = f"[bold red]{each.errors.total:,.0f}[/]" if each.errors.total else "0"
        table.add_row(
            f"[bold]{each.name}[/]",
            f"{each.requests.total:,.0f}",
            _figure(each.average, "{:,.1f}"),
            _figure(each.slowest.highest, "{:,.1f}"),
            errors,
            f"[cyan]{sparkline(each.slowest.values)}[/]",
        )
    console.print(table)
    console.print("[dim]p99 is that of the worst point; errors are DynamoDB's own (HTTP 500).[/]\n")


def _print_sizes(console: Console, places: Sequence[PlaceMetrics]) -> None:
    table = _table("Items", "", "items", "size", "an item")
    for place in places:
        each = decimal(round(place.size / place.items)) if place.items else ""
        table.add_row(f"[bold]{escape(place.name)}[/]", f"{place.items:,}", decimal(place.size), each)
    console.print(table)
    console.print("[dim]As DynamoDB counted, up to six hours ago.[/]")


def _table(title: str, *headings: str) -> RichTable:
    table = make_table(title)
    for heading in headings:
        left = heading in ("", headings[0]) or heading.endswith("over time")
        table.add_column(heading, justify="left" if left else "right", no_wrap=True)
    return table


def _figure(value: float | None, form: str) -> str:
    return "[dim]–[/]" if value is None else form.format(value)


def _as_data(metrics: TableMetrics) -> dict[str, Any]:
    window = metrics.window

    def rate(series: Series) -> dict[str, Any]:
        return {
            "average": series.average,
            "highest": series.rates.highest,
            "points": list(series.rates.values),
        }

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
                "read_units_per_second": rate(place.reads),
                "write_units_per_second": rate(place.writes),
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
