"""`singletable migrate`: applies migrations to a live table, or says what that would do."""

from __future__ import annotations

import click
from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.padding import Padding

from singletable.cli.console import confirm, counted, make_console
from singletable.cli.environment import stack_options
from singletable.cli.migration_context import MigrationContext, begun_segments, open_migrations
from singletable.cli.place import Place, table_options
from singletable.cli.progress import ProgressReporter
from singletable.cli.shared_options import accept_edited_option
from singletable.cli.signals import pausing
from singletable.migrations.autodetector import detect
from singletable.migrations.history import History
from singletable.migrations.operations import Backfill, BackfillWith, Rekey, RenameAttribute
from singletable.migrations.planner import Plan, PlannedStep, UnitPrices, difference, make_plan
from singletable.migrations.run_options import Options
from singletable.migrations.state import state_of
from singletable.operating.prices import load_prices

__all__ = ["migrate_command"]


@click.command("migrate")
@click.argument("target", required=False)
@click.option("--plan", "plan_only", is_flag=True, help="Say what would happen, what it costs and what is dangerous.")
@click.option("--dry-run", is_flag=True, help="Show what would be changed in items of a sample; nothing is written.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--rate", type=click.FloatRange(min=0, min_open=True), help="Units per second, of the table and of each index."
)
@click.option(
    "--share", type=click.FloatRange(0, 1, min_open=True), help="The share of the provisioned capacity to use."
)
@click.option("--segments", type=click.IntRange(1, 1_000_000), help="Into how many segments the table is cut.  [32]")
@click.option("--workers", type=click.IntRange(1), default=4, show_default=True, help="How many are worked on at once.")
@click.option(
    "--write-mode",
    type=click.Choice(["auto", "single", "statements"]),
    default="auto",
    show_default=True,
    help="One UpdateItem an item, or 25 PartiQL statements a request.",
)
@click.option(
    "--max-errors",
    type=click.FloatRange(0, 1),
    default=0.1,
    show_default=True,
    help="The share of items that may be quarantined.",
)
@click.option("--redrive", is_flag=True, help="Try again what is quarantined.")
@click.option("--accept-quarantine", is_flag=True, help="Go on although items are quarantined.")
@accept_edited_option
@click.option("--no-verify", is_flag=True, help="Do not read the items again behind each pass.")
@click.option(
    "--price-reads",
    type=float,
    help="Dollars for a million read units.  [those of us-east-1]",
)
@click.option(
    "--price-writes",
    type=float,
    help="Dollars for a million write units.  [those of us-east-1]",
)
@stack_options
@table_options
def migrate_command(
    place: Place,
    target: str | None,
    plan_only: bool,
    dry_run: bool,
    yes: bool,
    rate: float | None,
    share: float | None,
    segments: int | None,
    workers: int,
    write_mode: str,
    max_errors: float,
    redrive: bool,
    accept_quarantine: bool,
    accept_edited: bool,
    no_verify: bool,
    price_reads: float | None,
    price_writes: float | None,
    environment: str | None,
    stack_name: str | None,
) -> None:
    """Apply the migrations that are not applied yet, up to TARGET or to the last one.

    It may be interrupted at any moment, and goes on where it was. Exit code 0 when all is applied, 1 when it stopped
    (items quarantined, or not as they should be), 2 on a fault, 3 when it was paused with Ctrl-C.

    A table that a CloudFormation stack deployed gets its indexes and its time to live from the stack: name its
    environment with --environment, or let `singletable deploy` apply the migrations.
    """
    if rate is not None and share is not None:
        raise click.UsageError("--rate and --share are two ways to say one thing.")
    console = make_console()
    with open_migrations(place, workers=workers, environment=environment, stack_name=stack_name) as context:
        graph = context.graph
        graph.check_heads()
        wanted = graph.resolve(target) if target else None
        history = context.history()
        history.check(accept_edited=accept_edited)
        names = history.pending(wanted)
        console.print(f"[bold]{escape(context.where)}[/]")
        if not names and redrive:
            _redrive(console, context, Options(rate=rate, share=share, accept_edited=accept_edited))
            return
        if not names and wanted is not None:
            _print_position(console, history, wanted)
            return
        if not names:
            console.print("Nothing to do: every migration is applied.")
            if detect(graph.state, state_of(context.table.describe())).operations:
                console.print("[yellow]The models have changed since:[/] singletable makemigrations")
            return
        plan = make_plan(context.live, graph, names)
        _print_plan(console, plan, _prices(price_reads, price_writes), rate)
        if dry_run:
            _print_examples(console, context, plan)
        if plan_only or dry_run:
            return
        confirm(f"Apply {counted(len(names), 'migration')} to {context.where}?", yes=yes)
        options = Options(
            segments=segments or begun_segments(history),
            workers=workers,
            rate=rate,
            share=share,
            write_mode=write_mode,  # type: ignore[arg-type]  # click has checked it
            max_errors=max_errors,
            redrive=redrive,
            accept_quarantine=accept_quarantine,
            accept_edited=accept_edited,
            verify=not no_verify,
        )
        with ProgressReporter(console) as reporter:
            runner = context.runner(options, tell=reporter.tell, progress=reporter.show)
            with pausing(runner.stop, reporter.tell):
                done = runner.migrate(wanted)
        console.print(f"[bold green]Applied {counted(len(done), 'migration')}.[/]")


def _redrive(console: Console, context: MigrationContext, options: Options) -> None:
    counts = context.runner(options).redrive_applied()
    console.print(
        f"Redrove the quarantine of the applied migrations: {counted(counts['released'], 'item')} released,"
        f" {counts['quarantined']:,} quarantined again."
    )


def _print_position(console: Console, history: History, wanted: str) -> None:
    """Print that a migration is applied already, and the last applied one if that is another."""
    last = history.applied[-1] if history.applied else wanted
    console.print(f"Nothing to do: {wanted} is applied already.")
    if last != wanted:
        console.print(
            f"The table is at [bold]{last}[/], and `migrate` only goes forward: `singletable rollback {last}` takes its"
            " last migration back."
        )


def _prices(reads: float | None, writes: float | None) -> UnitPrices:
    """The prices that were given, and for others those of the price file."""
    listed = load_prices().classes["standard"]
    return UnitPrices(
        float(listed.million_reads) if reads is None else reads,
        float(listed.million_writes) if writes is None else writes,
    )


def _print_plan(console: Console, plan: Plan, prices: UnitPrices, rate: float | None) -> None:
    before = ""
    for step in plan.steps:
        if step.migration != before:
            before = step.migration
            console.print(f"[bold]{step.migration}[/]")
        console.print(Padding(escape(step.describe), (0, 0, 0, 2), expand=False))
        if step.items is None:
            continue
        seen = f"about {step.items:,}" if step.most is None else f"0 to {step.most:,} (none sampled)"
        figures = [
            f"{seen} of {step.looked:,} items, {decimal(step.size)}",
            f"{step.reads:,.0f} reads, {step.writes:,.0f} writes, {sum(step.index_writes.values()):,.0f} index writes",
            f"${step.dollars(prices):,.4f}",
        ]
        seconds = step.seconds(rate)
        if seconds is not None:
            figures.append(f"{seconds:,.0f} s at the rate")
        if step.writes:
            single, together = (step.cpu_seconds(statements=each) for each in (False, True))
            figures.append(f"{single:,.1f} s of CPU one by one, {together:,.1f} s by statements")
        console.print(Padding(f"[dim]{' | '.join(figures)}[/]", (0, 0, 0, 4), expand=False))
    if any(step.items is not None for step in plan.steps):
        console.print(
            f"[dim]Estimated from {counted(plan.sampled, 'sampled item')}; DynamoDB counted {plan.counted:,} some hours"
            f" ago. Reads include verifying. ${prices.million_reads:g} and ${prices.million_writes:g} for a million"
            " units of reads and writes.[/]"
        )
    for each in plan.safety:
        console.print(f"[bold yellow]{escape(each.title)}[/]: {escape(each.message)}")
        console.print(f"  [dim]do:[/] {escape(each.remedy)}")
    for line in plan.not_checked:
        console.print(f"[yellow]not checked[/]: {escape(line)}")


def _print_examples(console: Console, context: MigrationContext, plan: Plan) -> None:
    state = context.graph.state
    for step in plan.steps:
        for change in step.examples:
            entity = change.item.get(state.type_name, {}).get("S", "")
            personal = _personal(context, entity, step)
            console.print(f"[bold]{escape(state.show_key(change.key, entity))}[/]")
            for name, old, new in difference(change, personal):
                console.print(f"  {escape(name)}: [red]{escape(old)}[/] -> [green]{escape(new)}[/]")
    console.print("Nothing was written.")


def _personal(context: MigrationContext, name: str, step: PlannedStep) -> frozenset[str]:
    """The stored attributes of an entity that show personal values, as far as models, history and script can tell."""
    described = context.table.describe().entities
    found = {
        each.stored_name
        for entity in described
        if entity.discriminator == name
        for each in entity.attributes
        if each.personal
    }
    states = [context.graph.state, *(context.graph.before(each) for each in context.graph.order)]
    derived = [each for state in states if name in state.entities for each in state.entities[name].all_derived]
    for operation in step.operations:
        if isinstance(operation, (Backfill, Rekey)) and operation.entity == name:
            derived += operation.derived if isinstance(operation, Backfill) else operation.key
        if isinstance(operation, BackfillWith) and any(each.personal for each in operation.sources.values()):
            found |= {*operation.targets, *(each.stored_name for each in operation.sources.values() if each.personal)}
    for each in derived:
        found |= {each.stored_name} if each.personal else set()
        found |= {source.stored_name for source in each.sources if source.personal}
    for operation in step.operations:
        if isinstance(operation, RenameAttribute) and found & {operation.old, operation.new}:
            found |= {operation.old, operation.new}
    return frozenset(found)
