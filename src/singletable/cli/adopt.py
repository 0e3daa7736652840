"""`singletable adopt`: assign records of an earlier version to this table."""

from __future__ import annotations

import click

from singletable.cli.console import confirm, counted
from singletable.cli.migration_context import open_migrations
from singletable.cli.place import Place, table_options

__all__ = ["adopt_command"]


@click.command("adopt")
@click.option("--yes", is_flag=True, help="Do not ask.")
@table_options
def adopt_command(place: Place, yes: bool) -> None:
    """Take the records of an earlier version in the control table for those of this table.

    They do not name the table that they belong to. Run `verify` afterwards.
    """
    with open_migrations(place) as context:
        confirm(f"Are the records without a table's name the history of {context.where}?", yes=yes)
        click.echo(f"Adopted {counted(context.runner().adopt(), 'record')}.")
