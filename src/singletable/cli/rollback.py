"""`singletable rollback`: undo one migration on a live table."""

from __future__ import annotations

import click
from rich.markup import escape

from singletable.cli.console import confirm, make_console
from singletable.cli.environment import stack_options
from singletable.cli.migration_context import begun_segments, open_migrations
from singletable.cli.place import Place, table_options
from singletable.cli.progress import ProgressReporter
from singletable.cli.shared_options import accept_edited_option
from singletable.cli.signals import pausing
from singletable.migrations.run_options import Options

__all__ = ["rollback_command"]


@click.command("rollback")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Units per second.")
@click.option("--redrive", is_flag=True, help="Try again what is quarantined.")
@click.option("--accept-quarantine", is_flag=True, help="Go on although items are quarantined.")
@accept_edited_option
@stack_options
@table_options
def rollback_command(
    place: Place,
    name: str,
    yes: bool,
    rate: float | None,
    redrive: bool,
    accept_quarantine: bool,
    accept_edited: bool,
    environment: str | None,
    stack_name: str | None,
) -> None:
    """Undo the migration NAME, applied or only begun: its own writes, and no others.

    Values that were changed since then stay as they are. A table that a CloudFormation stack deployed changes its
    indexes and its time to live through the stack: name its environment with --environment.
    """
    console = make_console()
    with open_migrations(place, environment=environment, stack_name=stack_name) as context:
        chosen = context.graph.resolve(name)
        steps = context.graph.steps_back(chosen)
        console.print(f"[bold]{escape(context.where)}[/]")
        for step in steps:
            console.print(f"  {escape(step.describe())}")
        confirm(f"Roll {chosen} back?", yes=yes)
        with ProgressReporter(console) as reporter:
            runner = context.runner(
                Options(
                    rate=rate,
                    redrive=redrive,
                    accept_quarantine=accept_quarantine,
                    accept_edited=accept_edited,
                    segments=begun_segments(context.history()),
                ),
                tell=reporter.tell,
                progress=reporter.show,
            )
            with pausing(runner.stop, reporter.tell):
                runner.rollback(chosen)
        console.print(f"[bold green]Rolled back {chosen}.[/]")
