"""`singletable abort`: forget that a migration was begun."""

from __future__ import annotations

import click

from singletable.cli.console import confirm
from singletable.cli.migration_context import open_migrations
from singletable.cli.place import Place, table_options
from singletable.cli.shared_options import accept_edited_option
from singletable.migrations.run_options import Options

__all__ = ["abort_command"]


@click.command("abort")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@accept_edited_option
@table_options
def abort_command(place: Place, name: str, yes: bool, accept_edited: bool) -> None:
    """Forget that the migration NAME was begun. Its writes stay in the items.

    `rollback` undoes the writes of a begun migration. Use `abort` for one that cannot be rolled back.
    """
    with open_migrations(place) as context:
        chosen = context.graph.resolve(name)
        confirm(f"Abort {chosen} on {context.where}, and keep its writes?", yes=yes)
        context.runner(Options(accept_edited=accept_edited)).abort(chosen)
        click.echo(f"Aborted {chosen}. A later run begins it again.")
