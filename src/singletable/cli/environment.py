"""An environment (dev, staging or prod): its settings, its template and its CloudFormation stack."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import click
from botocore.session import Session

from singletable.cli.place import PlaceOptions, use_profile
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
    from singletable.infra.environment import EnvironmentSettings
    from singletable.infra.owner import Owner
    from singletable.infra.parts import Parts
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
    "stack_option",
    "stack_options",
    "template_of",
]

F = TypeVar("F", bound=Callable[..., Any])


stack_option = click.option(
    "--stack", "stack_name", metavar="NAME", show_default="the table's name", help="Name of the CloudFormation stack."
)


def stack_options(command: F) -> F:
    """Add the options that name an environment, and its stack."""
    for option in (
        stack_option,
        click.option(
            "--environment",
            metavar="NAME",
            help="Change indexes and the time to live through the stack of this environment: dev, staging or prod.",
        ),
    ):
        command = option(command)
    return command


def settings_of(project: Project, table: type[Table], environment: str) -> EnvironmentSettings:
    """Return the settings of an environment, from setup.cfg."""
    from singletable.infra.environment import read_settings

    return read_settings(environment, table.bound().table_name, project.infra, table.describe().stream)


def template_of(table: type[Table], settings: EnvironmentSettings) -> Template:
    """Return the CloudFormation template of an environment.

    Raises:
        InfraError: troposphere is not installed.
    """
    try:
        from singletable.infra.stack_template import make_template
    except ModuleNotFoundError as error:
        raise InfraError(
            f"The module {error.name} is missing.", remedy="Install it: pip install 'singletable[infra]'."
        ) from None
    return make_template(table.describe(), settings)


@attrs.frozen
class StackOwner:
    """A stack that creates and deletes the indexes of migrations, and switches the time to live."""

    owner: Owner

    def create_index(self, index: Index) -> None:
        """Create a global index through the stack."""
        self.owner.create_index(_layout_of(index))

    def delete_index(self, name: str) -> None:
        """Delete a global index through the stack."""
        self.owner.delete_index(name)

    def set_ttl(self, name: str | None) -> None:
        """Switch the time to live through the stack."""
        self.owner.set_ttl(name)


def index_of(layout: IndexLayout) -> Index:
    """Return an index of the models as an index of migrations."""
    return Index(layout.name, layout.partition_name, layout.sort_name, layout.projection, layout.included)


def restore(live: TableAdmin, applied: TableState, deployment: Deployment) -> None:
    """Create the indexes again that applied migrations created and the table has lost, and switch on the time to live.

    The items already have the attributes. An index that the models no longer have is left to the migration that deletes
    it.

    Args:
        live: The table, which is changed through its stack.
        applied: The state after the applied migrations.
        deployment: The deployment.
    """
    now, wanted = deployment.left()
    for name in sorted((set(applied.indexes) & set(wanted.indexes)) - set(now.indexes)):
        if not applied.indexes[name].local:
            live.create_index(applied.indexes[name])
    if applied.ttl is not None and applied.ttl == wanted.ttl and now.ttl is None:
        live.set_ttl(applied.ttl, on=True)


def owner_of(
    table: type[Table], stack: Stack, settings: EnvironmentSettings, tell: Callable[[str], None]
) -> StackOwner:
    """Return the stack of an environment as the owner of the table's indexes and time to live.

    Raises:
        InfraError: The stack does not exist.
    """
    from singletable.infra.owner import Owner

    owner = Owner(stack, table.describe(), settings, tell)
    owner.parts()
    return StackOwner(owner)


def place_of(place: PlaceOptions, settings: EnvironmentSettings) -> PlaceOptions:
    """Return a place with the table of an environment.

    Raises:
        UsageError: --table names another table.
    """
    if place.table_name not in (None, settings.table_name):
        raise click.UsageError(
            f"--table is {place.table_name!r}, but the table in setup.cfg is {settings.table_name!r}."
        )
    return attrs.evolve(place, table_name=settings.table_name)


def stack_of(table: type[Table], place: PlaceOptions, settings: EnvironmentSettings, stack_name: str | None) -> Stack:
    """Return the stack of an environment.

    Raises:
        InfraError: troposphere is not installed, or the settings do not fit the models.
        UsageError: The name is not valid for a stack.
    """
    template_of(table, settings)
    from singletable.infra.stack import Stack

    name = stack_name or settings.table_name
    if not re.fullmatch(r"[a-zA-Z][-a-zA-Z0-9]{0,127}", name):
        raise click.UsageError(
            f"{name!r} is not a valid name of a stack: letters, digits and hyphens, with a letter first. Name one with"
            " --stack."
        )
    return Stack(client_of("cloudformation", place, table, settings.table_name), name)


def client_of(service: str, place: PlaceOptions, table: type[Table], table_name: str) -> Any:
    """Return a client of a service, in the region of the table."""
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
    """Return the indexes and the time to live after all migrations."""
    from singletable.infra.parts import Parts

    indexes = {name: _layout_of(each) for name, each in graph.state.indexes.items() if not each.local}
    return Parts(indexes, graph.state.ttl)


def _layout_of(index: Index) -> IndexLayout:
    return IndexLayout(index.name, index.name, index.partition, index.sort, index.projection, index.included)
