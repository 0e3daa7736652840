"""`singletable migrate`: apply migrations to a live table, or show the plan."""

from __future__ import annotations

from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from singletable.cli.commands import Command
from singletable.cli.console import confirm, counted, make_console
from singletable.cli.environment import stack_options
from singletable.cli.migration_context import MigrationContext, begun_segments, open_migrations
from singletable.cli.place import PlaceOptions, table_options
from singletable.cli.plan_output import print_examples, print_plan
from singletable.cli.progress import ProgressReporter
from singletable.cli.shared_options import (
    accept_edited_option,
    accept_quarantine_option,
    rate_option,
    redrive_option,
    yes_option,
)
from singletable.cli.signals import pausing
from singletable.migrations.autodetector import detect
from singletable.migrations.history import History
from singletable.migrations.planner import UnitPrices, make_plan
from singletable.migrations.run_options import Options
from singletable.migrations.state import state_of
from singletable.operating.prices import load_prices

__all__ = ["migrate_command"]


@click.command(
    "migrate",
    cls=Command,
    exit_codes={
        0: "All migrations up to TARGET are applied; or the plan was shown.",
        1: "Stopped, because items are quarantined or in an unexpected state; or declined.",
        3: "Paused with Ctrl-C or SIGTERM. The same command continues.",
    },
)
@click.argument("target", required=False)
@click.option("--plan", "plan_only", is_flag=True, help="Show the steps, their costs and dangers. Write nothing.")
@click.option("--dry-run", is_flag=True, help="Show the plan, and the changes of some sampled items. Write nothing.")
@yes_option
@rate_option
@click.option(
    "--share",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="SHARE",
    help="Share of the provisioned capacity to use, in place of --rate.",
)
@click.option(
    "--segments",
    type=click.IntRange(1, 1_000_000),
    metavar="N",
    show_default=f"{Options().segments}; of a begun migration, its own",
    help="Number of segments into which the table is divided.",
)
@click.option(
    "--workers", type=click.IntRange(1), metavar="N", default=4, help="Number of segments to process at once."
)
@click.option(
    "--write-mode",
    type=click.Choice(["auto", "single", "statements"]),
    default="auto",
    help="single: one UpdateItem per item. statements: up to 25 PartiQL statements per request. auto: statements if"
    " possible.",
)
@click.option(
    "--max-errors",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    default=0.1,
    help="Share of the last 1,000 items that may be quarantined before the run stops.",
)
@redrive_option
@accept_quarantine_option
@accept_edited_option
@click.option("--no-verify", is_flag=True, help="Do not read the items again after each pass.")
@click.option(
    "--price-reads",
    type=float,
    metavar="USD",
    show_default="price in us-east-1",
    help="Price of a million read units, for the plan.",
)
@click.option(
    "--price-writes",
    type=float,
    metavar="USD",
    show_default="price in us-east-1",
    help="Price of a million write units, for the plan.",
)
@stack_options
@table_options
def migrate_command(
    place: PlaceOptions,
    target: str | None,
    plan_only: bool,
    dry_run: bool,
    yes: bool,
    segments: int | None,
    no_verify: bool,
    price_reads: float | None,
    price_writes: float | None,
    environment: str | None,
    stack_name: str | None,
    **run: Any,
) -> None:
    """Apply migrations to a live table.

    Applies all migrations that are not applied yet, up to TARGET or to the last one. It can be interrupted at any
    moment, and continues from there. If a CloudFormation stack deployed the table, name its environment with
    --environment, so that indexes and the time to live change through the stack; or let `singletable deploy` apply the
    migrations.
    """
    # The names of the other options are those of `Options`.
    if run["rate"] is not None and run["share"] is not None:
        raise click.UsageError("--rate and --share exclude each other.")
    console = make_console()
    with open_migrations(place, workers=run["workers"], environment=environment, stack_name=stack_name) as context:
        context.graph.check_heads()
        wanted = context.graph.resolve(target) if target else None
        history = context.history()
        history.check(accept_edited=run["accept_edited"])
        options = Options(segments=segments or begun_segments(history), verify=not no_verify, **run)
        names = history.pending(wanted)
        console.print(f"[bold]{escape(context.where)}[/]")
        if not names:
            _nothing_pending(console, context, history, wanted, options)
            return
        plan = make_plan(context.live, context.graph, names)
        print_plan(console, plan, _prices(price_reads, price_writes), options.rate)
        if dry_run:
            print_examples(console, context, plan)
        if plan_only or dry_run:
            return
        confirm(f"Apply {counted(len(names), 'migration')} to {context.where}?", yes=yes)
        with ProgressReporter(console) as reporter:
            runner = context.runner(options, tell=reporter.tell, progress=reporter.show)
            with pausing(runner.stop, reporter.tell):
                done = runner.migrate(wanted)
        console.print(f"[bold green]Applied {counted(len(done), 'migration')}.[/]")


def _nothing_pending(
    console: Console, context: MigrationContext, history: History, wanted: str | None, options: Options
) -> None:
    """Redrive the quarantine if that is asked for; otherwise print that all migrations are applied."""
    if options.redrive:
        _redrive(console, context, options)
    elif wanted is not None:
        _print_position(console, history, wanted)
    else:
        console.print("Nothing to do: every migration is applied.")
        if detect(context.graph.state, state_of(context.table.describe())).operations:
            console.print("[yellow]The models have changed since:[/] singletable makemigrations")


def _redrive(console: Console, context: MigrationContext, given: Options) -> None:
    options = Options(rate=given.rate, share=given.share, accept_edited=given.accept_edited)
    counts = context.runner(options).redrive_applied()
    console.print(
        f"Redrove the quarantine of the applied migrations: {counted(counts['released'], 'item')} released,"
        f" {counts['quarantined']:,} quarantined again."
    )


def _print_position(console: Console, history: History, wanted: str) -> None:
    """Print that a migration is already applied, and the last applied migration if it is a different one."""
    last = history.applied[-1] if history.applied else wanted
    console.print(f"Nothing to do: {wanted} is applied already.")
    if last != wanted:
        console.print(
            f"The table is at [bold]{last}[/], and `migrate` only goes forward. `singletable rollback {last}` undoes"
            " the last migration."
        )


def _prices(reads: float | None, writes: float | None) -> UnitPrices:
    """Return the given prices, and those of the price file for others."""
    listed = load_prices().classes["standard"]
    return UnitPrices(
        float(listed.million_reads) if reads is None else reads,
        float(listed.million_writes) if writes is None else writes,
    )
