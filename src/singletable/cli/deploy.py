"""`singletable deploy`: the stack, then the migrations, then a sample where one is asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs
import click
from botocore.session import Session
from rich.console import Console
from rich.markup import escape

from singletable.cli.demo import sample_entities
from singletable.cli.engines import Place, live_table, table_options, use_profile
from singletable.cli.infra import settings_of, template_of
from singletable.cli.migrate import migrate_command
from singletable.cli.migrating import accept_edited_option
from singletable.cli.project import find_project
from singletable.cli.words import counted, make_console
from singletable.errors import InfraError
from singletable.models import Table
from singletable.models.binding import bound
from singletable.requests.services import named

if TYPE_CHECKING:
    from singletable.infra.stack import ChangeSet

__all__ = ["deploy_command"]

_COLOURS = {"Add": "green", "Modify": "yellow", "Remove": "red"}


@click.command("deploy")
@click.option("--environment", required=True, metavar="NAME", help="dev, staging or prod.")
@click.option("--stack", "stack_name", metavar="NAME", help="The stack's name.  [the table's]")
@click.option("--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="A parameter of the template.")
@click.option("--sample", metavar="NAME", help="A sample of the project to load in the end.")
@click.option("--dry-run", is_flag=True, help="Show what the change set would do; nothing is changed.")
@click.option("--no-migrate", is_flag=True, help="Leave the migrations to another command.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@accept_edited_option
@table_options
@click.pass_context
def deploy_command(
    context: click.Context,
    place: Place,
    environment: str,
    stack_name: str | None,
    parameters: tuple[str, ...],
    sample: str | None,
    dry_run: bool,
    no_migrate: bool,
    yes: bool,
    accept_edited: bool,
) -> None:
    """Create or update the stack of an environment, wait for it, apply the migrations, and load a sample.

    A change that would replace the table, and leave its items behind, is refused. Exit code 0 when all of it is done, 1
    when it was declined, 2 on a fault.
    """
    project = find_project()
    table = project.load_table()
    settings = settings_of(project, table, environment)
    if place.table_name not in (None, settings.table_name):
        raise click.UsageError(f"--table is {place.table_name!r}, and setup.cfg says {settings.table_name!r}.")
    chosen = project.load_sample(sample) if sample else None
    given = _parameters(parameters)
    template = template_of(table, settings)
    from singletable.infra.stack import Stack, refuse_loss

    console = make_console()
    stack = Stack(_client(place, table, settings.table_name), stack_name or settings.table_name)
    console.print(f"[bold]{escape(stack.name)}[/] ({environment}): table {escape(settings.table_name)}, {place.words}")
    changes = stack.plan(template, given)
    _print_changes(console, changes)
    try:
        refuse_loss(changes)
    except InfraError:
        stack.discard(changes)
        raise
    if dry_run:
        stack.discard(changes)
        console.print("Nothing was changed.")
        return
    if changes.changes:
        if not yes and not click.confirm(f"Deploy {counted(len(changes.changes), 'change')}?"):
            stack.discard(changes)
            sys.exit(1)
        stack.execute(changes, lambda line: console.print(f"  [dim]{escape(line)}[/]"))
        console.print(f"[bold green]The stack {'is made' if changes.new else 'is changed'}.[/]")
    for output, value in sorted(stack.outputs().items()):
        console.print(f"  {output}: {escape(value)}")
    there = attrs.evolve(place, table_name=settings.table_name)
    if project.migrations and not no_migrate:
        context.invoke(
            migrate_command,
            table_name=there.table_name,
            region=there.region,
            endpoint_url=there.endpoint_url,
            profile=there.profile,
            yes=yes,
            accept_edited=accept_edited,
        )
    if chosen is not None:
        _load(console, table, there, *chosen)


def _client(place: Place, table: type[Table], table_name: str) -> Any:
    """Return a client of CloudFormation, in the region to which the table's own requests go."""
    use_profile(place)
    settings = {
        "table_name": table_name,
        "region": place.region,
        "endpoint_url": place.endpoint_url,
        "profile": place.profile,
    }
    region = bound(table, {name: value for name, value in settings.items() if value is not None}).region
    session = Session(profile=place.profile)
    return named(session.create_client("cloudformation", region_name=region, endpoint_url=place.endpoint_url))


def _parameters(texts: tuple[str, ...]) -> dict[str, str]:
    given = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{text!r} is not of the form NAME=VALUE.", param_hint="--parameter")
        given[name] = value
    return given


def _print_changes(console: Console, changes: ChangeSet) -> None:
    if not changes.changes:
        console.print("The stack is as the models and setup.cfg say.")
    for each in changes.changes:
        what = f" ({', '.join(each.parts)})" if each.parts else ""
        replaced = "" if each.replaced == "False" else "  [bold red]replaced[/]"
        colour = _COLOURS.get(each.action, "white")
        console.print(f"  [{colour}]{each.action.lower():6}[/] {each.name} [dim]{each.kind}{what}[/]{replaced}")


def _load(console: Console, table: type[Table], place: Place, name: str, function: Callable[..., Any]) -> None:
    entities = sample_entities(name, function, None)
    with live_table(table, place):
        if next(iter(table.scan(limit=1, unknown="skip")), None) is not None:
            raise InfraError(
                f"The table {place.table_name!r} holds items already; the sample {name!r} is for an empty one.",
                remedy="Leave --sample out.",
                value=name,
            )
        written = sum(table.load_all(entities))
    console.print(f"[bold green]Loaded {counted(written, 'item')} of the sample {escape(name)}.[/]")
