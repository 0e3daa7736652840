"""`singletable stamp`: record migrations as applied."""

from __future__ import annotations

import click

from singletable.cli.migration_context import open_migrations
from singletable.cli.place import Place, table_options
from singletable.cli.shared_options import accept_edited_option
from singletable.migrations.run_options import Options

__all__ = ["stamp_command"]


@click.command("stamp")
@click.argument("name")
@click.option("--bring", is_flag=True, help="Switch the time to live and the stream to the recorded state.")
@accept_edited_option
@table_options
def stamp_command(place: Place, name: str, bring: bool, accept_edited: bool) -> None:
    """Record the migration NAME, and all before it, as applied. No item is touched.

    For a table that is as they leave it: one that was there before its history. Keys, indexes, time to live and stream
    are compared; `verify` compares the items.
    """
    with open_migrations(place) as context:
        chosen = context.graph.resolve(name)
        stamped = context.runner(Options(accept_edited=accept_edited)).stamp(chosen, bring=bring)
        click.echo(f"Stamped {', '.join(stamped)}." if stamped else "They are applied already.")
