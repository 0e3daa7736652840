"""`singletable deploy`: deploy the stack, apply the migrations, and load a sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs
import click
from rich.console import Console
from rich.markup import escape

from singletable.cli.commands import Command
from singletable.cli.console import counted, make_console
from singletable.cli.demo import sample_entities
from singletable.cli.environment import (
    StackOwner,
    client_of,
    index_of,
    owner_of,
    parts_of_history,
    place_of,
    restore,
    settings_of,
    stack_of,
    stack_option,
)
from singletable.cli.migrate import migrate_command
from singletable.cli.migration_context import open_migrations
from singletable.cli.place import PlaceOptions, live_table, table_options
from singletable.cli.project import Project, find_project
from singletable.cli.shared_options import accept_edited_option, yes_option
from singletable.errors import InfraError
from singletable.migrations.table_admin import TableAdmin
from singletable.models import Table
from singletable.models.binding.binding import connection_of

if TYPE_CHECKING:
    from singletable.infra.change_set import ChangeSet
    from singletable.infra.deployment import Deployment
    from singletable.infra.environment import EnvironmentSettings
    from singletable.infra.stack import Stack

__all__ = ["deploy_command"]

_COLORS = {"Add": "green", "Import": "green", "Modify": "yellow", "Remove": "red"}


@click.command(
    "deploy",
    cls=Command,
    exit_codes={
        0: "Everything is deployed; or the plan was shown.",
        1: "Declined; or the migrations stopped.",
        3: "The migrations were paused.",
    },
)
@click.option("--environment", required=True, metavar="NAME", help="Environment: dev, staging or prod.")
@stack_option
@click.option(
    "--parameter",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="Value of a parameter of the template. May be repeated.",
)
@click.option("--import", "importing", is_flag=True, help="First, import an existing table into the stack, unchanged.")
@click.option("--sample", metavar="NAME", help="Sample of the project to load at the end.")
@click.option("--dry-run", is_flag=True, help="Show the changes, and change nothing.")
@click.option("--no-migrate", is_flag=True, help="Do not apply the migrations.")
@yes_option
@accept_edited_option
@table_options
@click.pass_context
def deploy_command(
    context: click.Context,
    place: PlaceOptions,
    environment: str,
    stack_name: str | None,
    parameters: tuple[str, ...],
    importing: bool,
    sample: str | None,
    dry_run: bool,
    no_migrate: bool,
    yes: bool,
    accept_edited: bool,
) -> None:
    """Deploy the stack and apply the migrations.

    Creates or updates the CloudFormation stack of an environment, applies the migrations, and loads a sample if one is
    named. The stack owns the indexes and the time to live of its table. On an existing table, each of them is added to
    the stack by an update of its own, after the migration that prepares the items for it. A change that would replace
    or remove the table or its key is refused.
    """
    project = find_project()
    table = project.load_table()
    settings = settings_of(project, table, environment)
    there = place_of(place, settings)
    chosen = project.load_sample(sample) if sample else None
    given = _parameters(parameters)
    stack = stack_of(table, place, settings, stack_name)
    console = make_console()
    deployment = _deployment(console, project, table, place, settings, stack, given)
    ask = _Questions(console, yes=yes, dry_run=dry_run)
    if importing and _import(console, deployment, ask) and dry_run:
        console.print("Nothing was changed. The rest is planned when the table belongs to the stack.")
        return
    _update(console, deployment, ask)
    if dry_run:
        _print_later(console, deployment)
        return
    for output, value in sorted(stack.outputs().items()):
        console.print(f"  {output}: {escape(value)}")
    owner = owner_of(table, stack, settings, deployment.tell)
    if no_migrate:
        _print_left(console, deployment, environment, stack_name)
    elif project.migrations:
        with open_migrations(there) as live:
            restore(live.live_of(owner), live.graph.state_at(live.history().applied), deployment)
        context.invoke(
            migrate_command,
            table_name=there.table_name,
            region=there.region,
            endpoint_url=there.endpoint_url,
            profile=there.profile,
            environment=environment,
            stack_name=stack_name,
            yes=yes,
            accept_edited=accept_edited,
        )
    if not no_migrate:
        _bring(table, there, owner, deployment, ask)
    if chosen is not None:
        _load(console, table, there, *chosen)


def _deployment(
    console: Console,
    project: Project,
    table: type[Table],
    place: PlaceOptions,
    settings: EnvironmentSettings,
    stack: Stack,
    parameters: dict[str, str],
) -> Deployment:
    """Return the deployment of a stack, and print its table and place.

    Raises:
        InfraError: The settings do not fit the table's region.
    """
    from singletable.infra.deployment import Deployment

    graph = project.load_migrations() if project.migrations else None
    client = client_of("dynamodb", place, table, settings.table_name)
    settings.check_region(client.meta.region_name)
    console.print(
        f"[bold]{escape(stack.name)}[/] ({settings.environment}): table {escape(settings.table_name)},"
        f" {place.description}"
    )
    return Deployment(
        stack,
        client,
        table.describe(),
        settings,
        parameters,
        history=parts_of_history(graph) if graph and graph.scripts else None,
        tell=lambda line: console.print(f"  [dim]{escape(line)}[/]"),
    )


def _print_later(console: Console, deployment: Deployment) -> None:
    """Print the changes that follow the first update of the stack."""
    now, wanted = deployment.left()
    for step in now.steps_to(wanted):
        when = "after its migration" if deployment.has_migrations else "in an update of its own"
        console.print(f"  [dim]later[/]  {escape(step)}, {when}")
    console.print("Nothing was changed.")


def _print_left(console: Console, deployment: Deployment, environment: str, stack_name: str | None) -> None:
    """Print the changes that are left for another command."""
    command = "migrate" if deployment.has_migrations else "deploy"
    named = "" if stack_name is None else f" --stack {stack_name}"
    now, wanted = deployment.left()
    for step in now.steps_to(wanted):
        console.print(f"Left for `singletable {command} --environment {environment}{escape(named)}`: {escape(step)}.")


@attrs.frozen
class _Questions:
    """The questions before changes, and their answers without a terminal."""

    console: Console
    yes: bool
    dry_run: bool

    def confirm(self, question: str) -> None:
        """Ask a question, and end the command with exit code 1 if the user declines."""
        if not self.yes and not click.confirm(question):
            raise SystemExit(1)


def _import(console: Console, deployment: Deployment, ask: _Questions) -> bool:
    """Import an existing table into the stack, unchanged; return whether anything was left to import."""
    steps = deployment.import_steps()
    if not steps:
        console.print("The table belongs to the stack already: there is nothing to import.")
        return False
    console.print("[bold]Import[/]: the table and its items are not changed.")
    for step in steps:
        console.print(f"  {escape(step)}")
    if not ask.dry_run:
        ask.confirm("Import the table?")
        deployment.import_table()
        console.print("[bold green]The table belongs to the stack.[/]")
    return True


def _update(console: Console, deployment: Deployment, ask: _Questions) -> None:
    """Update the stack except indexes and time to live; a new stack is created in full."""
    if deployment.stack.was_never_made():
        console.print(
            "The first deployment of the stack was rolled back. The stack is empty, and must be deleted first."
        )
        if ask.dry_run:
            return
        ask.confirm("Delete the empty stack?")
        deployment.stack.remove_never_made()
    for number, template in enumerate(deployment.updates()):
        with deployment.stack.planned(template, deployment.parameters_of(number)) as changes:
            if changes.exists or not number:
                _print_changes(console, changes)
            if ask.dry_run:
                return
            if not changes.exists:
                continue
            if not number:
                ask.confirm(
                    f"Deploy {counted(len(changes.changes), 'change')}?" if changes.changes else "Deploy outputs?"
                )
            deployment.stack.execute(changes, deployment.tell)
            console.print(f"[bold green]The stack is {'created' if changes.new else 'updated'}.[/]")


def _bring(table: type[Table], place: PlaceOptions, owner: StackOwner, deployment: Deployment, ask: _Questions) -> None:
    """Add the indexes and the time to live that no migration adds, one after the other.

    In a project without migrations, these are all of them. An index that no model has is deleted only in such a
    project, and only after a question.
    """
    now, wanted = deployment.left()
    unknown = sorted(set(now.indexes) - set(wanted.indexes))
    with live_table(table, place):
        live = TableAdmin(connection_of(table), tell=deployment.tell, owner=owner)
        for name in unknown:
            if deployment.has_migrations:
                ask.console.print(f"[yellow]The index {escape(name)} is in no model, and no migration deletes it.[/]")
            elif ask.yes:
                ask.console.print(
                    f"[yellow]The index {escape(name)} is in no model. To delete it, run without --yes.[/]"
                )
            elif click.confirm(f"The index {name} is in no model. Delete it?"):
                live.delete_index(index_of(now.indexes[name]))
        for name in sorted(set(wanted.indexes) - set(now.indexes)):
            live.create_index(index_of(wanted.indexes[name]))
        if wanted.ttl is not None and now.ttl != wanted.ttl:
            if now.ttl is not None:
                live.set_ttl(now.ttl, on=False)
            live.set_ttl(wanted.ttl, on=True)
    for name in sorted(set(wanted.indexes) & set(now.indexes)):
        if f"replace the index {name}" in now.steps_to(wanted):
            ask.console.print(f"[yellow]The definition of the index {escape(name)} differs from the models.[/]")
    if wanted.ttl is None and now.ttl is not None:
        ask.console.print(
            f"[yellow]The time to live is on, with the attribute {escape(now.ttl)}, but no entity expires.[/]"
        )


def _parameters(texts: tuple[str, ...]) -> dict[str, str]:
    given = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{text!r} is not of the form NAME=VALUE.", param_hint="--parameter")
        given[name] = value
    return given


def _print_changes(console: Console, changes: ChangeSet) -> None:
    if changes.exists and not changes.changes:
        console.print("  [yellow]modify[/] outputs")
    if not changes.exists:
        console.print("The stack matches the models and setup.cfg.")
    for each in changes.changes:
        what = f" ({', '.join(each.parts)})" if each.parts else ""
        replaced = "  [bold red]replaced[/]" if each.replaced == "True" else ""
        color = _COLORS.get(each.action, "white")
        console.print(f"  [{color}]{each.action.lower():6}[/] {each.name} [dim]{each.kind}{what}[/]{replaced}")


def _load(console: Console, table: type[Table], place: PlaceOptions, name: str, function: Callable[..., Any]) -> None:
    entities = sample_entities(name, function, None)
    with live_table(table, place):
        if next(iter(table.scan(limit=1, unknown="skip")), None) is not None:
            raise InfraError(
                f"The table {place.table_name!r} contains items already, but the sample {name!r} needs an empty one.",
                remedy="Leave out --sample.",
                value=name,
            )
        written = sum(table.put_all(entities))
    console.print(f"[bold green]Loaded {counted(written, 'item')} of the sample {escape(name)}.[/]")
