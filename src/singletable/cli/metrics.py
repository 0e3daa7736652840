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

from singletable.cli.commands import Command
from singletable.cli.console import make_console
from singletable.cli.durations import DURATION
from singletable.cli.metrics_output import as_data, print_metrics
from singletable.cli.place import PlaceOptions, live_table, table_options
from singletable.cli.project import find_project
from singletable.cli.shared_options import format_option
from singletable.models import Table
from singletable.models.binding.binding import connection_of
from singletable.models.reading.targets import TableSender

if TYPE_CHECKING:
    from collections.abc import Iterator

    from singletable.operating.cloudwatch import Metric, Series
    from singletable.operating.window import Window

__all__ = ["Watched", "metrics_command", "watching"]

_POINTS = 48
"""The maximum number of points in the window: each is a bar in a terminal of 120 columns."""


@attrs.frozen
class Watched:
    """A live table with a client of CloudWatch.

    Args:
        described: The answer to DescribeTable.
        region: The table's region; None if the server has none.
        where: CloudWatch's URL.
        client: The client of CloudWatch.
    """

    described: Mapping[str, Any]
    region: str | None
    where: str
    client: Any

    def fetch(self, metrics: Sequence[Metric], window: Window) -> dict[Metric, Series]:
        """Return the series of some metrics from CloudWatch."""
        from singletable.operating.cloudwatch import fetch

        return fetch(self.client.get_metric_data, metrics, window, self.where)


@contextmanager
def watching(table: type[Table], place: PlaceOptions) -> Iterator[Watched]:
    """Open a live table at a place, with its metrics, during the block.

    The server of `--endpoint-url` is also the one that is asked for metrics, unless the SDK's own variable names
    another. Otherwise a local table would be shown with the figures of the table in AWS that has the same name.
    """
    with live_table(table, place):
        sender = TableSender(table)
        described = sender.send("DescribeTable", {"TableName": sender.table_name})["Table"]
        connection = connection_of(table)
        elsewhere = "AWS_ENDPOINT_URL_CLOUDWATCH" in os.environ
        client = connection.client_of("cloudwatch", None if elsewhere else connection.settings.endpoint_url)
        yield Watched(described, client.meta.region_name, client.meta.endpoint_url, client)


@click.command("metrics", cls=Command)
@click.option("--since", type=DURATION, metavar="DURATION", default="3h", help="How far to look back: 30m, 3h, 7d, 2w.")
@format_option
@table_options
def metrics_command(place: PlaceOptions, since: timedelta, output_format: str) -> None:
    """Show capacity, latency and sizes of a live table.

    Shows the consumed capacity, throttles, latency, errors, items and sizes of the table and of its indexes. Capacity,
    latency and errors come from CloudWatch, which is a few minutes late; items and sizes are DynamoDB's own counts, up
    to six hours old. Nothing is written.

    The server of --endpoint-url is also asked for metrics; set AWS_ENDPOINT_URL_CLOUDWATCH to use another one.
    """
    from singletable.operating.metrics import metrics_of, read_metrics
    from singletable.operating.window import window_until

    table = find_project().load_table()
    with watching(table, place) as watched:
        window = window_until(datetime.now(timezone.utc), since, most=_POINTS)
        found = watched.fetch(metrics_of(watched.described), window)
        metrics = read_metrics(watched.described, found, window)
    if output_format == "json":
        click.echo(json.dumps(as_data(metrics), indent=2))
    else:
        print_metrics(make_console(), metrics, watched.where)
