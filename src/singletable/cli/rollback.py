"""`singletable rollback`: undo one migration on a live table."""

from __future__ import annotations

import click
from rich.markup import escape

from singletable.cli.commands import Command
from singletable.cli.console import confirm, make_console
from singletable.cli.environment import stack_options
from singletable.cli.migration_context import begun_segments, open_migrations
from singletable.cli.place import PlaceOptions, table_options
from singletable.cli.progress import ProgressReporter
from singletable.cli.shared_options import (
    accept_edited_option,
    accept_quarantine_option,
    rate_option,
    redrive_option,
    yes_option,
)
from singletable.cli.signals import pausing
from singletable.migrations.run_options import Options

__all__ = ["rollback_command"]


@click.command(
    "rollback",
    cls=Command,
    exit_codes={
        0: "The migration is rolled back.",
        1: "Stopped, because items are quarantined or in an unexpected state; or declined.",
        3: "Paused with Ctrl-C or SIGTERM.",
    },
)
@click.argument("name")
@yes_option
@rate_option
@redrive_option
@accept_quarantine_option
@accept_edited_option
@stack_options
@table_options
def rollback_command(
    place: PlaceOptions,
    name: str,
    yes: bool,
    rate: float | None,
    redrive: bool,
    accept_quarantine: bool,
    accept_edited: bool,
    environment: str | None,
    stack_name: str | None,
) -> None:
    """Undo a migration on a live table.

    Undoes the writes of the migration NAME, applied or only begun, and no others: values that were changed after it
    stay as they are. If a CloudFormation stack deployed the table, name its environment with --environment, so that
    indexes and the time to live change through the stack.
    """
    console = make_console()
    with open_migrations(place, environment=environment, stack_name=stack_name) as context:
        chosen = context.graph.resolve(name)
        steps = context.graph.steps_back(chosen)
        console.print(f"[bold]{escape(context.where)}[/]")
        for step in steps:
            console.print(f"  {escape(step.describe())}")
        confirm(f"Roll back {chosen}?", yes=yes)
        options = Options(
            rate=rate,
            redrive=redrive,
            accept_quarantine=accept_quarantine,
            accept_edited=accept_edited,
            segments=begun_segments(context.history()),
        )
        with ProgressReporter(console) as reporter:
            runner = context.runner(options, tell=reporter.tell, progress=reporter.show)
            with pausing(runner.stop, reporter.tell):
                runner.rollback(chosen)
        console.print(f"[bold green]Rolled back {chosen}.[/]")
