"""`singletable abort`: forget that a migration was begun."""

from __future__ import annotations

import click

from singletable.cli.commands import Command
from singletable.cli.console import confirm
from singletable.cli.migration_context import open_migrations
from singletable.cli.place import PlaceOptions, table_options
from singletable.cli.shared_options import accept_edited_option, yes_option
from singletable.migrations.run_options import Options

__all__ = ["abort_command"]


@click.command("abort", cls=Command, exit_codes={0: "The migration is aborted.", 1: "Declined."})
@click.argument("name")
@yes_option
@accept_edited_option
@table_options
def abort_command(place: PlaceOptions, name: str, yes: bool, accept_edited: bool) -> None:
    """Forget that a migration was begun.

    The writes of the migration NAME stay in the items. `rollback` undoes them; use `abort` for a begun migration that
    cannot be rolled back.
    """
    with open_migrations(place) as context:
        chosen = context.graph.resolve(name)
        confirm(f"Abort {chosen} on {context.where}, and keep its writes?", yes=yes)
        context.runner(Options(accept_edited=accept_edited)).abort(chosen)
        click.echo(f"Aborted {chosen}. A later run starts it from the beginning.")
