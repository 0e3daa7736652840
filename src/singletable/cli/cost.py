"""`singletable cost`: what the access patterns cost at given rates, on demand and provisioned, and where that turns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from singletable.cli.console import make_console
from singletable.cli.cost_output import (
    Live,
    Measured,
    as_data,
    print_estimate,
    print_live,
    print_marks,
    print_measured,
    print_storage,
)
from singletable.cli.cost_rates import RATE, WITH, read_rates, read_together
from singletable.cli.demo import sample_entities
from singletable.cli.durations import SPAN
from singletable.cli.marked_handlers import marked_handlers
from singletable.cli.metrics import Watched, watching
from singletable.cli.place import Place, table_options
from singletable.cli.project import Project, find_project, users_code
from singletable.cli.streams import router_of
from singletable.engine import embedded
from singletable.errors import OperatingError, SingletableError
from singletable.models import Table
from singletable.patterns import patterns_of

if TYPE_CHECKING:
    from singletable.operating.workload import Workload

__all__ = ["cost_command"]

_POINTS = 1440
"""Periods of a window of CloudWatch at most: a day has each of its minutes, so that a short peak is seen."""


@click.command("cost")
@click.option("--rate", "reads", multiple=True, type=RATE, metavar="PATTERN=N", help="Calls of a pattern in a second.")
@click.option("--write", "writes", multiple=True, type=RATE, metavar="ENTITY=N", help="New items in a second.")
@click.option(
    "--transact", "transactions", multiple=True, type=RATE, metavar="ENTITY=N", help="New items in transactions."
)
@click.option("--update", "updates", multiple=True, type=RATE, metavar="ENTITY=N", help="Changes of items in a second.")
@click.option("--delete", "deletes", multiple=True, type=RATE, metavar="ENTITY=N", help="Deletions in a second.")
@click.option(
    "--with",
    "together",
    multiple=True,
    type=WITH,
    metavar="ENTITY=ENTITY,...",
    help="The operations in one transaction with each new item.  [those in setup.cfg]",
)
@click.option("--no-marks", is_flag=True, help="Leave out the marks of the project's stream handlers.")
@click.option("--rates", "file", type=click.Path(dir_okay=False, path_type=Path), help="A file with all of these.")
@click.option("--from-cloudwatch", is_flag=True, help="Take the capacity that a live table consumes instead.")
@click.option("--since", type=SPAN, default="1d", show_default=True, help="How far to look back in CloudWatch.")
@click.option("--sample", metavar="NAME", help="Which sample of the project to measure.  [the first]")
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help="The folder of its files.")
@click.option(
    "--target",
    type=click.FloatRange(0, 100, min_open=True),
    default=70,
    show_default=True,
    help="Percent of provisioned capacity that the highest load uses.",
)
@click.option(
    "--peak",
    type=click.FloatRange(1),
    help="The highest load for which there is capacity, as a multiple of the average.  [1; CloudWatch's]",
)
@click.option("--months", type=click.IntRange(1, 1200), default=12, show_default=True, help="The month that is billed.")
@click.option("--prices", "price_file", type=click.Path(dir_okay=False, path_type=Path), help="A file of other prices.")
@click.option("--price-region", metavar="REGION", help="Whose prices to take.  [the table's region]")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to print.")
@table_options
def cost_command(
    place: Place,
    reads: tuple[tuple[str, Decimal], ...],
    writes: tuple[tuple[str, Decimal], ...],
    transactions: tuple[tuple[str, Decimal], ...],
    updates: tuple[tuple[str, Decimal], ...],
    deletes: tuple[tuple[str, Decimal], ...],
    together: tuple[tuple[str, str], ...],
    no_marks: bool,
    file: Path | None,
    from_cloudwatch: bool,
    since: timedelta,
    sample: str | None,
    data: Path | None,
    target: float,
    peak: float | None,
    months: int,
    price_file: Path | None,
    price_region: str | None,
    form: str,
) -> None:
    """Say what the access patterns cost in a month: on demand and provisioned, in both table classes.

    Units of a call and sizes of items are measured on a sample, in the embedded engine. Rates come from options, from a
    file with sections [reads], [writes], [transactions], [updates] and [deletes] of lines `name = rate`, or from
    CloudWatch. Without any it shows the units of each call and of each item. The items that are written with a new
    item, such as claims, are in setup.cfg ([singletable:cost] together), in a section [together], or in --with. The
    marks of the project's stream handlers are also counted.

    \b
    singletable cost --rate orders_of_user=50 --write Order=5
    singletable cost --from-cloudwatch --since 7d --region us-east-1
    """
    from singletable.operating.cost import Estimate
    from singletable.operating.marks import marks_of
    from singletable.operating.prices import load_prices
    from singletable.operating.sample import places_of
    from singletable.operating.workload import GIGABYTE, Workload, bytes_after, loads_of

    rates = {"reads": reads, "writes": writes, "transactions": transactions, "updates": updates, "deletes": deletes}
    if from_cloudwatch and (file or any(rates.values()) or together or no_marks or sample or data):
        raise click.UsageError("--from-cloudwatch takes the place of rates and samples: leave them out.")
    if not from_cloudwatch and (place.endpoint_url or place.table_name or place.profile):
        raise click.UsageError("--table, --endpoint-url and --profile name a live table: add --from-cloudwatch.")
    share = Decimal(str(target)) / 100
    factor = None if peak is None else Decimal(str(peak))
    project = find_project()
    table = project.load_table()
    console = make_console()
    if from_cloudwatch:
        with watching(table, place) as watched:
            prices = load_prices(price_file, price_region or watched.region)
            live = _look(watched, since, factor)
        estimate = Estimate(live.loads, live.gigabytes, prices, share)
        if form == "json":
            click.echo(json.dumps(as_data(estimate, live=live), indent=2))
            return
        print_live(console, live, estimate)
        print_estimate(console, estimate, now=live.now)
        return
    prices = load_prices(price_file, price_region or place.region)
    companions = read_together(project.together, file, together)
    workload = Workload(**read_rates(file, rates), together=companions)
    _refuse_unknown(table, workload)
    handlers = () if no_marks or project.stream is None else marked_handlers(table, router_of(project))
    measured = _measure(project, table, sample, data, workload)
    places = places_of(table.describe())
    marks = marks_of(workload, handlers, measured.footprints, months)
    loads = loads_of(workload, measured.calls, measured.footprints, places, peak=factor or Decimal(1), more=marks.loads)
    stored = sum(bytes_after(workload, each, months) or 0 for each in measured.footprints) + marks.bytes_after(months)
    estimate = Estimate(loads, stored / GIGABYTE, prices, share)
    if form == "json":
        click.echo(
            json.dumps(as_data(estimate, measured=measured, workload=workload, marks=marks, months=months), indent=2)
        )
        return
    print_measured(console, table.__name__, measured, workload, prices)
    if workload.empty:
        console.print(
            "Give rates to see what a month costs: --rate PATTERN=N, --write ENTITY=N (in a second), --rates FILE,"
            " or --from-cloudwatch."
        )
        return
    print_storage(console, measured, workload, months)
    print_marks(console, marks, prices, months)
    print_estimate(console, estimate, months=months)


def _look(watched: Watched, since: timedelta, peak: Decimal | None) -> Live:
    """The capacity that a live table consumes, and what it stores."""
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
    """Load a sample into the embedded engine, ask every pattern, and measure its items.

    An entity that is only written with others, such as a claim, need not be in the sample: an item of 1 KB is assumed.
    """
    from singletable.operating.sample import assumed_footprint, call_of, footprints_of

    name, function = project.load_sample(sample)
    entities = sample_entities(name, function, data)
    calls, silent = [], []
    with embedded(table):
        for _ in table.put_all(entities):
            pass
        for pattern in patterns_of(table):
            try:
                with users_code("It cannot be asked"):
                    call = call_of(pattern, entities)
            except SingletableError as error:
                silent.append((pattern.title, str(error)))
                continue
            if call is None:
                silent.append((pattern.title, "the sample has nothing to ask with"))
            else:
                calls.append(call)
    footprints = footprints_of(table.describe(), entities)
    known = {each.name for each in footprints}
    missing = sorted({each for each in _only_companions(workload) if each not in known})
    assumed = tuple(assumed_footprint(table.describe(), each) for each in missing)
    return Measured(name, len(entities), tuple(calls), tuple(silent), footprints + assumed)


def _only_companions(workload: Workload) -> Iterator[str]:
    """Yield the entities of companions of new items that have a rate, but no rate of their own."""
    rates = (workload.writes, workload.transactions, workload.updates, workload.deletes)
    named = {name for each in rates for name in each}
    for name in (*workload.writes, *workload.transactions):
        yield from (each.entity for each in workload.together.get(name, ()) if each.entity not in named)


def _refuse_unknown(table: type[Table], workload: Workload) -> None:
    entities = [entity.name for entity in table.describe().entities]
    _refuse(workload.reads, [pattern.name for pattern in patterns_of(table)], "access pattern")
    for given in (workload.writes, workload.transactions, workload.updates, workload.deletes, workload.together):
        _refuse(given, entities, "entity")
    for companions in workload.together.values():
        _refuse((each.entity for each in companions), entities, "entity")


def _refuse(given: Iterable[str], known: Sequence[str], what: str) -> None:
    for name in given:
        if name not in known:
            raise OperatingError(f"There is no {what} {name!r}.", remedy=f"There are: {', '.join(known)}.", value=name)
