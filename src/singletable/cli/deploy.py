"""`singletable deploy`: the stack, then the migrations, then a sample where one is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs
import click
from rich.console import Console
from rich.markup import escape

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
)
from singletable.cli.migrate import migrate_command
from singletable.cli.migration_context import open_migrations
from singletable.cli.place import Place, live_table, table_options
from singletable.cli.project import find_project
from singletable.cli.shared_options import accept_edited_option
from singletable.errors import InfraError
from singletable.migrations.table_admin import TableAdmin
from singletable.models import Table
from singletable.models.binding.binding import connection_of

if TYPE_CHECKING:
    from singletable.infra.changes import ChangeSet
    from singletable.infra.deployment import Deployment

__all__ = ["deploy_command"]

_COLOURS = {"Add": "green", "Import": "green", "Modify": "yellow", "Remove": "red"}


@click.command("deploy")
@click.option("--environment", required=True, metavar="NAME", help="dev, staging or prod.")
@click.option("--stack", "stack_name", metavar="NAME", help="The stack's name.  [the table's]")
@click.option("--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="A parameter of the template.")
@click.option("--import", "importing", is_flag=True, help="Bring a table that exists into the stack first, as it is.")
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
    importing: bool,
    sample: str | None,
    dry_run: bool,
    no_migrate: bool,
    yes: bool,
    accept_edited: bool,
) -> None:
    """Create or update the stack of an environment, apply the migrations, and load a sample.

    The stack owns the indexes and the time to live of its table. On a table that exists, each of them comes into the
    stack by an update of its own, after the migration that prepares the items for it. A change that would replace or
    remove the table or its key is refused. Exit code 0 when all of it is done, 1 when it was declined, 2 on a fault.
    """
    project = find_project()
    table = project.load_table()
    settings = settings_of(project, table, environment)
    there = place_of(place, settings)
    chosen = project.load_sample(sample) if sample else None
    given = _parameters(parameters)
    stack = stack_of(table, place, settings, stack_name)
    from singletable.infra.deployment import Deployment

    graph = project.load_migrations() if project.migrations else None
    console = make_console()
    client = client_of("dynamodb", place, table, settings.table_name)
    settings.check_region(client.meta.region_name)
    console.print(f"[bold]{escape(stack.name)}[/] ({environment}): table {escape(settings.table_name)}, {place.words}")
    deployment = Deployment(
        stack,
        client,
        table.describe(),
        settings,
        given,
        history=parts_of_history(graph) if graph and graph.scripts else None,
        tell=lambda line: console.print(f"  [dim]{escape(line)}[/]"),
    )
    ask = _Questions(console, yes=yes, dry_run=dry_run)
    if importing and _import(console, deployment, ask) and dry_run:
        console.print("Nothing was changed. The rest is planned once the table belongs to the stack.")
        return
    _update(console, deployment, ask)
    if dry_run:
        now, wanted = deployment.left()
        for step in now.steps_to(wanted):
            when = "after its migration" if deployment.has_migrations else "in an update of its own"
            console.print(f"  [dim]later[/]  {escape(step)}, {when}")
        console.print("Nothing was changed.")
        return
    for output, value in sorted(stack.outputs().items()):
        console.print(f"  {output}: {escape(value)}")
    owner = owner_of(table, stack, settings, deployment.tell)
    if no_migrate:
        command = "migrate" if deployment.has_migrations else "deploy"
        named = "" if stack_name is None else f" --stack {stack_name}"
        now, wanted = deployment.left()
        for step in now.steps_to(wanted):
            console.print(
                f"Left for `singletable {command} --environment {environment}{escape(named)}`: {escape(step)}."
            )
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


@attrs.frozen
class _Questions:
    console: Console
    yes: bool
    dry_run: bool

    def confirm(self, question: str) -> None:
        """Ask, and end the command if the answer is no."""
        if not self.yes and not click.confirm(question):
            raise SystemExit(1)


def _import(console: Console, deployment: Deployment, ask: _Questions) -> bool:
    """Bring an existing table into the stack, as it is; return whether it was not there as it is."""
    steps = deployment.import_steps()
    if not steps:
        console.print("The table belongs to the stack as it is: there is nothing to import.")
        return False
    console.print("[bold]Import[/]: the table stays as it is, and its items are not touched.")
    for step in steps:
        console.print(f"  {escape(step)}")
    if not ask.dry_run:
        ask.confirm("Import the table?")
        deployment.import_table()
        console.print("[bold green]The table belongs to the stack.[/]")
    return True


def _update(console: Console, deployment: Deployment, ask: _Questions) -> None:
    """Bring everything but indexes and time to live to the wanted state; all of it in a new stack."""
    if deployment.stack.was_never_made():
        console.print("The first deployment of the stack was rolled back: it is empty, and has to be deleted first.")
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
            console.print(f"[bold green]The stack {'is made' if changes.new else 'is changed'}.[/]")


def _bring(table: type[Table], place: Place, owner: StackOwner, deployment: Deployment, ask: _Questions) -> None:
    """Bring the indexes and the time to live that no migration brings, one after the other.

    Those are all of them in a project without migrations. An index that no model has is deleted only there, and only
    after a question.
    """
    now, wanted = deployment.left()
    unknown = sorted(set(now.indexes) - set(wanted.indexes))
    with live_table(table, place):
        live = TableAdmin(connection_of(table), tell=deployment.tell, owner=owner)
        for name in unknown:
            if deployment.has_migrations:
                ask.console.print(f"[yellow]The index {escape(name)} is in no model, and no migration deletes it.[/]")
            elif ask.yes:
                ask.console.print(f"[yellow]The index {escape(name)} is in no model. Without --yes you are asked.[/]")
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
            ask.console.print(f"[yellow]The index {escape(name)} has another definition than in the models.[/]")
    if wanted.ttl is None and now.ttl is not None:
        ask.console.print(f"[yellow]The time to live is on, by {escape(now.ttl)}, and no entity expires.[/]")


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
        console.print("The stack is as the models and setup.cfg say.")
    for each in changes.changes:
        what = f" ({', '.join(each.parts)})" if each.parts else ""
        replaced = "  [bold red]replaced[/]" if each.replaced == "True" else ""
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
        written = sum(table.put_all(entities))
    console.print(f"[bold green]Loaded {counted(written, 'item')} of the sample {escape(name)}.[/]")
