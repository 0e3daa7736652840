"""`singletable quarantine`: list, redrive or forget the items that migrations could not change."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from itertools import chain

import click

from singletable.cli.commands import Command
from singletable.cli.console import confirm, counted
from singletable.cli.migration_context import MigrationContext, open_migrations
from singletable.cli.place import PlaceOptions, table_options
from singletable.cli.shared_options import accept_edited_option, format_option, show_personal_option, yes_option
from singletable.errors import MigrationError
from singletable.migrations.control_records import key_from_text
from singletable.migrations.quarantine import Quarantine
from singletable.migrations.run_options import Options

__all__ = ["quarantine_command"]


@click.command(
    "quarantine", cls=Command, exit_codes={0: "No items are quarantined.", 1: "Items are left; or declined."}
)
@click.argument("name", required=False)
@click.option("--redrive", is_flag=True, help="First, try the quarantined items of applied migrations again.")
@click.option("--forget", is_flag=True, help="Empty the quarantine of NAME, and leave its items as they are.")
@format_option
@show_personal_option
@yes_option
@accept_edited_option
@table_options
def quarantine_command(
    place: PlaceOptions,
    name: str | None,
    redrive: bool,
    forget: bool,
    output_format: str,
    show_personal: bool,
    yes: bool,
    accept_edited: bool,
) -> None:
    """List the items that migrations could not change.

    Prints the key of each item and the reason, for the migration NAME or for all of them. An item that was accepted
    with --accept-quarantine stays in the list until it is redriven or forgotten. In JSON, each line is an object.
    """
    if redrive and forget:
        raise click.UsageError("--redrive and --forget exclude each other.")
    with open_migrations(place) as context:
        chosen = context.graph.resolve(name) if name else None
        options = Options(accept_edited=accept_edited)
        if forget:
            if chosen is None:
                raise MigrationError("--forget needs a migration.", remedy="singletable quarantine NAME --forget")
            confirm(f"Forget the quarantine of {chosen} on {context.where}?", yes=yes)
            click.echo(f"Forgot {counted(context.runner(options).forget_quarantine(chosen), 'item')}.")
            return
        if redrive:
            counts = context.runner(options).redrive_applied()
            click.echo(f"{counted(counts['released'], 'item')} released, {counts['quarantined']:,} quarantined again.")
        migrations = [chosen] if chosen else context.graph.order
        left = _list(context, migrations, as_json=output_format == "json", show_personal=show_personal)
    if left:
        sys.exit(1)
    if output_format == "text":
        click.echo("No items are quarantined.")


def _list(context: MigrationContext, migrations: Sequence[str], *, as_json: bool, show_personal: bool) -> int:
    """Print the quarantined items of some migrations, and return their number."""
    count = 0
    for migration in migrations:
        for each in chain(*Quarantine.of(context.records, migration)):
            count += 1
            key = key_from_text(each.item_key) or {}
            shown = key if show_personal else context.graph.state.show_key(key)
            if as_json:
                plain = {"migration": each.migration, "step": each.step, "key": shown, "reason": each.reason}
                click.echo(json.dumps(plain, ensure_ascii=False))
            else:
                click.echo(f"{each.migration}: {shown}: {each.reason}")
    return count
