"""`singletable unlock`: release a table from a dead runner."""

from __future__ import annotations

import click

from singletable.cli.commands import Command
from singletable.cli.console import confirm
from singletable.cli.migration_context import open_migrations
from singletable.cli.place import PlaceOptions, table_options
from singletable.cli.shared_options import yes_option
from singletable.migrations.clock import Clock
from singletable.migrations.lease import Lease

__all__ = ["unlock_command"]


@click.command("unlock", cls=Command, exit_codes={0: "No runner holds the table.", 1: "Declined."})
@yes_option
@table_options
def unlock_command(place: PlaceOptions, yes: bool) -> None:
    """Release the table from a dead runner.

    A runner that is still alive stops at its next checkpoint; its writes so far are correct.
    """
    with open_migrations(place) as context:
        lease = Lease(context.records, Clock())
        holder = lease.holder()
        if holder is None:
            click.echo("No runner holds the table.")
            return
        confirm(f"Release {context.where} from {holder}?", yes=yes)
        lease.break_()
        click.echo(f"Released from {holder}.")
