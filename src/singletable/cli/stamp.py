"""`singletable stamp`: record migrations as applied without running them."""

from __future__ import annotations

import click

from singletable.cli.commands import Command
from singletable.cli.migration_context import open_migrations
from singletable.cli.place import PlaceOptions, table_options
from singletable.cli.shared_options import accept_edited_option
from singletable.migrations.run_options import Options

__all__ = ["stamp_command"]


@click.command("stamp", cls=Command, exit_codes={0: "The migrations are recorded."})
@click.argument("name")
@click.option(
    "--bring", is_flag=True, help="Switch the table's time to live and stream to the state after the migration."
)
@accept_edited_option
@table_options
def stamp_command(place: PlaceOptions, name: str, bring: bool, accept_edited: bool) -> None:
    """Record migrations as applied without running them.

    Records the migration NAME and all before it. No item is changed. Use it for a table that is older than its history
    of migrations and already in the state after NAME. The keys, indexes, time to live and stream of the table are
    compared with that state; `verify` compares the items.
    """
    with open_migrations(place) as context:
        chosen = context.graph.resolve(name)
        stamped = context.runner(Options(accept_edited=accept_edited)).stamp(chosen, bring=bring)
        click.echo(f"Stamped {', '.join(stamped)}." if stamped else "They are applied already.")
