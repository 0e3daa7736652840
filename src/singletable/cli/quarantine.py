"""`singletable quarantine`: the items that migrations could not change, listed, redriven or forgotten."""

from __future__ import annotations

import json
import sys
from itertools import chain

import click

from singletable.cli.console import confirm, counted
from singletable.cli.migration_context import open_migrations
from singletable.cli.place import Place, table_options
from singletable.cli.shared_options import accept_edited_option
from singletable.errors import MigrationError
from singletable.migrations.control_records import key_from_text
from singletable.migrations.quarantine import Quarantine
from singletable.migrations.run_options import Options

__all__ = ["quarantine_command"]


@click.command("quarantine")
@click.argument("name", required=False)
@click.option("--redrive", is_flag=True, help="Try the items of the applied migrations again.")
@click.option("--forget", is_flag=True, help="Forget the items of NAME, and leave them as they are.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.option("--show-personal", is_flag=True, help="Show keys whole, with personal values.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@accept_edited_option
@table_options
def quarantine_command(
    place: Place,
    name: str | None,
    redrive: bool,
    forget: bool,
    as_json: bool,
    show_personal: bool,
    yes: bool,
    accept_edited: bool,
) -> None:
    """List the items that the migration NAME, or any, could not change, each with the reason.

    An item that was accepted with --accept-quarantine stays here until it is redriven or forgotten. Exit code 1 if
    items are left.
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
        left = 0
        for migration in [chosen] if chosen else context.graph.order:
            for each in chain(*Quarantine.of(context.records, migration)):
                left += 1
                key = key_from_text(each.item_key) or {}
                shown = key if show_personal else context.graph.state.show_key(key)
                if as_json:
                    plain = {"migration": each.migration, "step": each.step, "key": shown, "reason": each.reason}
                    click.echo(json.dumps(plain, ensure_ascii=False))
                else:
                    click.echo(f"{each.migration}: {shown}: {each.reason}")
        if not left and not as_json:
            click.echo("No items are quarantined.")
        if left:
            sys.exit(1)
