"""The stack of an environment, for the commands that change a deployed table."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import click
from botocore.session import Session

from singletable.cli.place import Place, use_profile
from singletable.cli.project import Project
from singletable.errors import InfraError
from singletable.migrations import Graph
from singletable.migrations.state import Index, TableState
from singletable.migrations.table_admin import TableAdmin
from singletable.models import Table
from singletable.models.binding.binding import bound
from singletable.models.schema.layout import IndexLayout
from singletable.requests.services import label_errors

if TYPE_CHECKING:
    from troposphere import Template

    from singletable.infra.deployment import Deployment
    from singletable.infra.owner import Owner
    from singletable.infra.parts import Parts
    from singletable.infra.settings import Settings
    from singletable.infra.stack import Stack

__all__ = [
    "StackOwner",
    "client_of",
    "index_of",
    "owner_of",
    "parts_of_history",
    "place_of",
    "restore",
    "settings_of",
    "stack_of",
    "stack_options",
    "template_of",
]

F = TypeVar("F", bound=Callable[..., Any])


def stack_options(command: F) -> F:
    """Add the options that name the stack of an environment."""
    for option in (
        click.option("--stack", "stack_name", metavar="NAME", help="The stack's name.  [the table's]"),
        click.option(
            "--environment",
            metavar="NAME",
            help="Let the stack of dev, staging or prod change indexes and time to live.",
        ),
    ):
        command = option(command)
    return command


def settings_of(project: Project, table: type[Table], environment: str) -> Settings:
    """The settings of an environment, as setup.cfg says them."""
    from singletable.infra.settings import read_settings

    return read_settings(environment, table.bound().table_name, project.infra, table.describe().stream)


def template_of(table: type[Table], settings: Settings) -> Template:
    """The template of an environment.

    Raises:
        InfraError: troposphere is not installed.
    """
    try:
        from singletable.infra.template import make_template
    except ModuleNotFoundError as error:
        raise InfraError(
            f"The module {error.name} is missing.", remedy="Install it: pip install 'singletable[infra]'."
        ) from None
    return make_template(table.describe(), settings)


@attrs.frozen
class StackOwner:
    """A stack as migrations know it: it is given their indexes."""

    owner: Owner

    def create_index(self, index: Index) -> None:
        """Have the stack create a global index."""
        self.owner.create_index(_layout_of(index))

    def delete_index(self, name: str) -> None:
        """Have the stack delete a global index."""
        self.owner.delete_index(name)

    def set_ttl(self, name: str | None) -> None:
        """Have the stack switch the time to live."""
        self.owner.set_ttl(name)


def index_of(layout: IndexLayout) -> Index:
    """Return an index as migrations know it."""
    return Index(layout.name, layout.partition_name, layout.sort_name, layout.projection, layout.included)


def restore(live: TableAdmin, applied: TableState, deployment: Deployment) -> None:
    """Create indexes again, and switch on the time to live, that the table has lost although migrations were applied.

    Its items are ready for them. An index that the models no longer have is left to the migration that deletes it.

    Args:
        live: The table, which its stack changes.
        applied: The state to which the applied migrations lead.
        deployment: The deployment.
    """
    now, wanted = deployment.left()
    for name in sorted((set(applied.indexes) & set(wanted.indexes)) - set(now.indexes)):
        if not applied.indexes[name].local:
            live.create_index(applied.indexes[name])
    if applied.ttl is not None and applied.ttl == wanted.ttl and now.ttl is None:
        live.set_ttl(applied.ttl, on=True)


def owner_of(table: type[Table], stack: Stack, settings: Settings, tell: Callable[[str], None]) -> StackOwner:
    """Return the stack of an environment, as the owner of its table.

    Raises:
        InfraError: The stack does not exist.
    """
    from singletable.infra.owner import Owner

    owner = Owner(stack, table.describe(), settings, tell)
    owner.parts()
    return StackOwner(owner)


def place_of(place: Place, settings: Settings) -> Place:
    """Return the place of an environment's table.

    Raises:
        UsageError: --table names another one.
    """
    if place.table_name not in (None, settings.table_name):
        raise click.UsageError(f"--table is {place.table_name!r}, and setup.cfg says {settings.table_name!r}.")
    return attrs.evolve(place, table_name=settings.table_name)


def stack_of(table: type[Table], place: Place, settings: Settings, stack_name: str | None) -> Stack:
    """Return the stack of an environment.

    Raises:
        InfraError: troposphere is not installed, or the settings do not fit the models.
        UsageError: A stack cannot have the name.
    """
    template_of(table, settings)
    from singletable.infra.stack import Stack

    name = stack_name or settings.table_name
    if not re.fullmatch(r"[a-zA-Z][-a-zA-Z0-9]{0,127}", name):
        raise click.UsageError(
            f"{name!r} cannot be the name of a stack: letters, digits and hyphens, with a letter first. Give one with"
            " --stack."
        )
    return Stack(client_of("cloudformation", place, table, settings.table_name), name)


def client_of(service: str, place: Place, table: type[Table], table_name: str) -> Any:
    """Return a client of a service, in the region to which the table's own requests go."""
    use_profile(place)
    settings = {
        "table_name": table_name,
        "region": place.region,
        "endpoint_url": place.endpoint_url,
        "profile": place.profile,
    }
    region = bound(table, {name: value for name, value in settings.items() if value is not None}).region
    session = Session(profile=place.profile)
    return label_errors(session.create_client(service, region_name=region, endpoint_url=place.endpoint_url))


def parts_of_history(graph: Graph) -> Parts:
    """Return the indexes and the time to live to which the migrations lead."""
    from singletable.infra.parts import Parts

    indexes = {name: _layout_of(each) for name, each in graph.state.indexes.items() if not each.local}
    return Parts(indexes, graph.state.ttl)


def _layout_of(index: Index) -> IndexLayout:
    return IndexLayout(index.name, index.name, index.partition, index.sort, index.projection, index.included)
