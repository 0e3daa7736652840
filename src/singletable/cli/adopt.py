"""`singletable adopt`: assign migration records of an earlier version to this table."""

from __future__ import annotations

import click

from singletable.cli.commands import Command
from singletable.cli.console import confirm, counted
from singletable.cli.migration_context import open_migrations
from singletable.cli.place import PlaceOptions, table_options
from singletable.cli.shared_options import yes_option

__all__ = ["adopt_command"]


@click.command("adopt", cls=Command, exit_codes={0: "The records are adopted.", 1: "Declined."})
@yes_option
@table_options
def adopt_command(place: PlaceOptions, yes: bool) -> None:
    """Assign records of an earlier version to this table.

    Records that an earlier version wrote to a control table do not name the migrated table. This command assigns them
    to this one. Run `verify` afterwards.
    """
    with open_migrations(place) as context:
        confirm(f"Are the records without a table's name the history of {context.where}?", yes=yes)
        click.echo(f"Adopted {counted(context.runner().adopt(), 'record')}.")
