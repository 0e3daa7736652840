"""`singletable cost`: estimate the monthly cost of the access patterns, on demand and provisioned."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import click

from singletable.cli.commands import Command
from singletable.cli.console import make_console
from singletable.cli.cost_data import Live, Measured, as_data
from singletable.cli.cost_output import print_estimate, print_live, print_marks, print_measured, print_storage
from singletable.cli.cost_rates import WorkloadOptions, read_rates, read_together, workload_options
from singletable.cli.demo import sample_entities
from singletable.cli.durations import DURATION
from singletable.cli.marked_handlers import marked_handlers
from singletable.cli.metrics import Watched, watching
from singletable.cli.place import PlaceOptions, table_options
from singletable.cli.project import Project, find_project, users_code
from singletable.cli.shared_options import data_option, format_option, sample_option
from singletable.cli.streams import router_of
from singletable.engine import embedded
from singletable.errors import OperatingError, SingletableError
from singletable.models import Table
from singletable.patterns import patterns_of

if TYPE_CHECKING:
    from singletable.operating.workload import Workload

__all__ = ["cost_command"]

_POINTS = 1440
"""The maximum number of points of a window of CloudWatch: a day in minutes, so that short peaks are visible."""


@click.command("cost", cls=Command)
@workload_options
@click.option("--from-cloudwatch", is_flag=True, help="Use the consumed capacity of a live table in place of rates.")
@click.option(
    "--since", type=DURATION, metavar="DURATION", default="1d", help="With --from-cloudwatch: how far to look back."
)
@sample_option
@data_option
@click.option(
    "--target",
    type=click.FloatRange(0, 100, min_open=True),
    metavar="PERCENT",
    default=70,
    help="Percentage of the provisioned capacity that the highest load uses.",
)
@click.option(
    "--peak",
    type=click.FloatRange(1),
    metavar="FACTOR",
    show_default="1; with --from-cloudwatch, the highest point",
    help="Highest load for which capacity is provisioned, as a multiple of the average.",
)
@click.option("--months", type=click.IntRange(1, 1200), metavar="N", default=12, help="Month that is billed.")
@click.option(
    "--prices",
    "price_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    show_default="the built-in prices",
    help="Price file, or an answer of the AWS Price List API.",
)
@click.option(
    "--price-region", metavar="REGION", show_default="the table's region", help="Region whose prices are used."
)
@format_option
@table_options
def cost_command(
    place: PlaceOptions,
    given: WorkloadOptions,
    from_cloudwatch: bool,
    since: timedelta,
    sample: str | None,
    data: Path | None,
    target: float,
    peak: float | None,
    months: int,
    price_file: Path | None,
    price_region: str | None,
    output_format: str,
) -> None:
    """Estimate the monthly cost of the access patterns.

    Compares on-demand and provisioned capacity in both table classes, and prints the break-even points. The units of
    each call and the sizes of items are measured on a sample, in the embedded engine. Without rates, only these are
    printed.

    Rates come from options; from a file with sections [reads], [writes], [transactions], [updates] and [deletes], each
    with lines `name = rate`; or from CloudWatch. Name the items that are written together with a new item, such as
    claims, in setup.cfg (`together` of [singletable:cost]), in a section [together] of the file, or with --with. The
    marks of the project's stream handlers are counted.

    \b
    singletable cost --read orders_of_user=50 --write Order=5
    singletable cost --from-cloudwatch --since 7d --region us-east-1
    """
    if from_cloudwatch and (given.any or sample or data):
        raise click.UsageError("--from-cloudwatch replaces rates and samples. Leave them out.")
    if not from_cloudwatch and (place.endpoint_url or place.table_name or place.profile):
        raise click.UsageError("--table, --endpoint-url and --profile name a live table: add --from-cloudwatch.")
    terms = _Terms(
        Decimal(str(target)) / 100,
        None if peak is None else Decimal(str(peak)),
        months,
        price_file,
        price_region,
        output_format == "json",
    )
    project = find_project()
    table = project.load_table()
    if from_cloudwatch:
        _show_live(table, place, since, terms)
    else:
        _show_workload(project, table, given, sample, data, place.region, terms)


@attrs.frozen
class _Terms:
    """The terms of an estimate, and its format.

    Args:
        use: The share of the provisioned capacity that the highest load uses.
        peak: The highest load as a multiple of the average; None for that of CloudWatch, or 1.
        months: The month that is billed.
        price_file: A file of prices; None for the built-in prices.
        price_region: The region whose prices are used; None for the table's region.
        as_json: Whether to print JSON.
    """

    use: Decimal
    peak: Decimal | None
    months: int
    price_file: Path | None
    price_region: str | None
    as_json: bool


def _show_live(table: type[Table], place: PlaceOptions, since: timedelta, terms: _Terms) -> None:
    """Print the cost of the capacity that a live table consumed."""
    from singletable.operating.cost import Estimate
    from singletable.operating.prices import load_prices

    with watching(table, place) as watched:
        prices = load_prices(terms.price_file, terms.price_region or watched.region)
        live = _live(watched, since, terms.peak)
    estimate = Estimate(live.loads, live.gigabytes, prices, terms.use)
    if terms.as_json:
        click.echo(json.dumps(as_data(estimate, live=live), indent=2))
        return
    console = make_console()
    print_live(console, live, estimate)
    print_estimate(console, estimate, now=live.now)


def _show_workload(
    project: Project,
    table: type[Table],
    given: WorkloadOptions,
    sample: str | None,
    data: Path | None,
    region: str | None,
    terms: _Terms,
) -> None:
    """Print the cost of rates, or without rates the units of each call and each item."""
    from singletable.operating.cost import Estimate
    from singletable.operating.mark_load import mark_load_of
    from singletable.operating.prices import load_prices
    from singletable.operating.sample import places_of
    from singletable.operating.workload import GIGABYTE, Workload, bytes_after, loads_of

    prices = load_prices(terms.price_file, terms.price_region or region)
    companions = read_together(project.together, given.file, given.together)
    workload = Workload(**read_rates(given.file, given.rates), together=companions)
    _require_known(table, workload)
    handlers = () if given.no_marks or project.stream is None else marked_handlers(table, router_of(project))
    measured = _measure(project, table, sample, data, workload)
    footprints, months = measured.footprints, terms.months
    places = places_of(table.describe())
    marks = mark_load_of(workload, handlers, footprints, months)
    loads = loads_of(workload, measured.calls, footprints, places, peak=terms.peak or Decimal(1), more=marks.loads)
    stored = sum(bytes_after(workload, each, months) or 0 for each in footprints) + marks.bytes_after(months)
    estimate = Estimate(loads, stored / GIGABYTE, prices, terms.use)
    if terms.as_json:
        plain = as_data(estimate, measured=measured, workload=workload, marks=marks, months=months)
        click.echo(json.dumps(plain, indent=2))
        return
    console = make_console()
    print_measured(console, table.__name__, measured, workload, prices)
    if workload.empty:
        console.print(
            "To see the cost of a month, give rates per second: --read PATTERN=N, --write ENTITY=N, --rates FILE, or"
            " --from-cloudwatch."
        )
        return
    print_storage(console, measured, workload, months)
    print_marks(console, marks, prices, months)
    print_estimate(console, estimate, months=months)


def _live(watched: Watched, since: timedelta, peak: Decimal | None) -> Live:
    """Return the load, the storage and the capacity mode of a live table."""
    from singletable.operating.metrics import capacity_of, read_metrics
    from singletable.operating.window import window_until
    from singletable.operating.workload import GIGABYTE, Load, billed_bytes

    described = watched.described
    window = window_until(datetime.now(timezone.utc), since, most=_POINTS)
    metrics = read_metrics(described, watched.fetch(capacity_of(described), window), window)
    if not metrics.seen:
        raise OperatingError(
            f"CloudWatch has no consumed capacity of {metrics.name!r} in this time.",
            remedy="Look further back with --since, check --region and --table, or give rates instead.",
            value=metrics.name,
        )
    loads = []
    for each in metrics.places:
        average = [Decimal(str(series.average)) for series in (each.reads, each.writes)]
        highest = [Decimal(str(series.rates.highest or 0.0)) for series in (each.reads, each.writes)]
        loads.append(Load(each.name, *average, *(highest if peak is None else [value * peak for value in average])))
    billing = described.get("BillingModeSummary", {}).get("BillingMode")
    infrequent = described.get("TableClassSummary", {}).get("TableClass") == "STANDARD_INFREQUENT_ACCESS"
    return Live(
        name=metrics.name,
        where=watched.where,
        window=window,
        loads=tuple(loads),
        gigabytes=billed_bytes(described) / GIGABYTE,
        now=(
            "on-demand" if billing == "PAY_PER_REQUEST" else "provisioned",
            "infrequent-access" if infrequent else "standard",
        ),
    )


def _measure(
    project: Project, table: type[Table], sample: str | None, data: Path | None, workload: Workload
) -> Measured:
    """Load a sample into the embedded engine, call every pattern, and measure calls and items.

    An entity that is only written together with others, such as a claim, need not be in the sample: an item of 1 KB is
    assumed.
    """
    from singletable.operating.sample import assumed_footprint, call_of, footprints_of

    name, function = project.load_sample(sample)
    entities = sample_entities(name, function, data)
    calls, skipped = [], []
    with embedded(table):
        for _ in table.put_all(entities):
            pass
        for pattern in patterns_of(table):
            try:
                with users_code("It cannot be run"):
                    call = call_of(pattern, entities)
            except SingletableError as error:
                skipped.append((pattern.title, str(error)))
                continue
            if call is None:
                skipped.append((pattern.title, "the sample has no values for its arguments"))
            else:
                calls.append(call)
    footprints = footprints_of(table.describe(), entities)
    known = {each.name for each in footprints}
    missing = sorted({each for each in _only_companions(workload) if each not in known})
    assumed = tuple(assumed_footprint(table.describe(), each) for each in missing)
    return Measured(name, len(entities), tuple(calls), tuple(skipped), footprints + assumed)


def _only_companions(workload: Workload) -> Iterator[str]:
    """Yield the entities without a rate of their own that are companions of new items with a rate."""
    rates = (workload.writes, workload.transactions, workload.updates, workload.deletes)
    named = {name for each in rates for name in each}
    for name in (*workload.writes, *workload.transactions):
        yield from (each.entity for each in workload.together.get(name, ()) if each.entity not in named)


def _require_known(table: type[Table], workload: Workload) -> None:
    entities = [entity.name for entity in table.describe().entities]
    _require(workload.reads, [pattern.name for pattern in patterns_of(table)], "access pattern")
    for given in (workload.writes, workload.transactions, workload.updates, workload.deletes, workload.together):
        _require(given, entities, "entity")
    for companions in workload.together.values():
        _require((each.entity for each in companions), entities, "entity")


def _require(given: Iterable[str], known: Sequence[str], what: str) -> None:
    for name in given:
        if name not in known:
            raise OperatingError(
                f"The project has no {what} {name!r}.", remedy=f"Known names are: {', '.join(known)}.", value=name
            )
