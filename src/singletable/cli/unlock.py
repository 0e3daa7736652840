"""`singletable unlock`: end the lease of a dead runner."""

from __future__ import annotations

import click

from singletable.cli.console import confirm
from singletable.cli.migration_context import open_migrations
from singletable.cli.place import Place, table_options
from singletable.migrations.clock import Clock
from singletable.migrations.lease import Lease

__all__ = ["unlock_command"]


@click.command("unlock")
@click.option("--yes", is_flag=True, help="Do not ask.")
@table_options
def unlock_command(place: Place, yes: bool) -> None:
    """Take the table from a runner that is dead.

    If it is not, it stops at its next checkpoint; nothing that it wrote is wrong.
    """
    with open_migrations(place) as context:
        lease = Lease(context.records, Clock())
        holder = lease.holder()
        if holder is None:
            click.echo("No runner is at work.")
            return
        confirm(f"Take {context.where} from {holder}?", yes=yes)
        lease.break_()
        click.echo(f"Taken from {holder}.")
