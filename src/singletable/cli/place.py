"""The place of a command's table: an engine, a server or AWS; the options that name it; the table bound to it."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

import attrs
import click

from singletable.cli.commands import PlaceOption
from singletable.engine import embedded, server
from singletable.engine.programs import PROGRAMS
from singletable.errors import EndpointUnreachableError, ProjectError
from singletable.models import Table
from singletable.models.binding.binding import Binding, is_bound
from singletable.requests.endpoints import endpoints_of, is_http_url

__all__ = ["PlaceOptions", "fresh_table", "live_table", "place_options", "table_options", "use_profile"]

F = TypeVar("F", bound=Callable[..., Any])


@attrs.frozen
class PlaceOptions:
    """The place of a command's table.

    Args:
        engine: `embedded`; `ministack` or `dynalite` for a local server that the command starts; `dynamodb` for AWS
            and for every other server.
        endpoint_url: The server's URL; None for AWS.
        table_name: The table's name; None for that of Meta.
        region: The AWS region.
        profile: The AWS profile.
        dax_endpoints: The endpoints of a DAX cluster; empty for those of Meta.
    """

    engine: str
    endpoint_url: str | None = None
    table_name: str | None = None
    region: str | None = None
    profile: str | None = None
    dax_endpoints: tuple[str, ...] = ()

    @property
    def ends_with_command(self) -> bool:
        """Whether the command starts and stops the engine, so that the table is lost when the command ends."""
        return self.engine != "dynamodb"

    @property
    def metered(self) -> bool:
        """Whether the engine reports consumed capacity."""
        return self.engine == "dynamodb" or (self.engine in PROGRAMS and PROGRAMS[self.engine].metered)

    @property
    def description(self) -> str:
        """The place as text, for messages."""
        if self.engine == "embedded":
            return "the embedded engine: moto, in this process; nothing leaves this machine"
        if self.engine in PROGRAMS:
            return f"{self.engine}, a local server that this command starts and stops"
        return self.endpoint_url or f"DynamoDB{f' in {self.region}' if self.region else ''}"


def _options(command: F) -> F:
    """Add the options that name a server and a table."""
    for option in (
        click.option(
            "--dax",
            "dax_endpoints",
            cls=PlaceOption,
            metavar="ENDPOINT",
            multiple=True,
            callback=_check_dax,
            show_default="Meta.dax_endpoints, if no other place is named",
            help="Endpoint of a DAX cluster to write through. May be repeated.",
        ),
        click.option(
            "--profile",
            cls=PlaceOption,
            metavar="PROFILE",
            help="AWS profile. It takes precedence over keys in the environment and credentials in Meta.",
        ),
        click.option("--region", cls=PlaceOption, metavar="REGION", help="AWS region."),
        click.option(
            "--table",
            "table_name",
            cls=PlaceOption,
            metavar="NAME",
            show_default="Meta.table_name",
            help="Name of the table.",
        ),
        click.option(
            "--endpoint-url",
            cls=PlaceOption,
            metavar="URL",
            callback=_check_url,
            show_default="AWS",
            help="URL of a server with DynamoDB's API.",
        ),
    ):
        command = option(command)
    return command


def place_options(command: F) -> F:
    """Add the options that name an engine and a table; the command gets a `Place` as `place`, embedded by default."""

    @_options
    @click.option(
        "--engine",
        cls=PlaceOption,
        type=click.Choice(["embedded", *PROGRAMS, "dynamodb"]),
        show_default="embedded; with --endpoint-url, dynamodb",
        help="Engine that holds the table. ministack and dynalite are local servers: the command installs them on first"
        " use, starts and stops them.",
    )
    @functools.wraps(command)
    def with_place(
        engine: str | None,
        endpoint_url: str | None,
        table_name: str | None,
        region: str | None,
        profile: str | None,
        dax_endpoints: tuple[str, ...],
        **options: Any,
    ) -> Any:
        place = PlaceOptions(
            engine or ("dynamodb" if endpoint_url else "embedded"),
            endpoint_url,
            table_name,
            region,
            profile,
            dax_endpoints,
        )
        if place.ends_with_command and endpoint_url:
            raise click.UsageError(f"--engine {engine} and --endpoint-url exclude each other. Give one of them.")
        if place.ends_with_command and (table_name or region or profile or dax_endpoints):
            raise click.UsageError(
                "--table, --region, --profile and --dax name a table on AWS or on a server:"
                " add --engine dynamodb or --endpoint-url."
            )
        return command(place=place, **options)

    return with_place  # type: ignore[return-value]  # click's decorators return the same kind of callable


def table_options(command: F) -> F:
    """Add the options that name a live table; the command gets a `Place` as `place`, AWS by default."""

    @_options
    @functools.wraps(command)
    def with_place(
        endpoint_url: str | None,
        table_name: str | None,
        region: str | None,
        profile: str | None,
        dax_endpoints: tuple[str, ...],
        **options: Any,
    ) -> Any:
        place = PlaceOptions("dynamodb", endpoint_url, table_name, region, profile, dax_endpoints)
        return command(place=place, **options)

    return with_place  # type: ignore[return-value]  # click's decorators return the same kind of callable


def _check_url(context: click.Context, option: click.Parameter, text: str | None) -> str | None:
    if text is not None and not is_http_url(text):
        raise click.BadParameter(f"{text!r} is not an http:// or https:// URL.", param_hint="--endpoint-url")
    return text


def _check_dax(context: click.Context, option: click.Parameter, texts: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return endpoints_of(texts)
    except EndpointUnreachableError as error:
        raise click.BadParameter(str(error), param_hint="--dax") from error


def use_profile(place: PlaceOptions) -> None:
    """Make other clients of the AWS SDK use the place's profile, if it names one, for the rest of the process."""
    if place.profile:
        os.environ["AWS_PROFILE"] = place.profile


@contextmanager
def live_table(table: type[Table], place: PlaceOptions, **settings: Any) -> Iterator[None]:
    """Bind an existing table to a place during the block. A bound table stays as it is if the place names nothing."""
    if is_bound(table) and place == PlaceOptions("dynamodb"):
        yield
        return
    with _bound(table, place, **settings):
        yield


def _bound(table: type[Table], place: PlaceOptions, **settings: Any) -> AbstractContextManager[Binding]:
    """Bind a table during the block, in every thread of the command."""
    use_profile(place)
    if place.dax_endpoints or place.profile:
        # Another profile may be another account, which does not have Meta's cluster.
        settings["dax_endpoints"] = place.dax_endpoints
    # AWS_PROFILE alone is not enough: keys in the environment and credentials of Meta take precedence over it.
    binding = table.bind(
        table_name=place.table_name,
        region=place.region,
        endpoint_url=place.endpoint_url,
        profile=place.profile,
        **settings,
    )
    return binding.everywhere()


@contextmanager
def fresh_table(table: type[Table], place: PlaceOptions, *, keep: bool = False) -> Iterator[None]:
    """Create a table at a place for the block, and delete it afterwards unless it is to be kept.

    Raises:
        ProjectError: The table exists already, so that its items belong to someone.
    """
    if place.ends_with_command:
        with embedded(table) if place.engine == "embedded" else server(place.engine, table):
            yield
        return
    with _bound(table, place) as bound:
        if table.exists():
            raise ProjectError(
                f"The table {bound.settings.table_name!r} exists already at {place.description}.",
                remedy="The demo creates a table, and deletes it at the end. Name another one with --table.",
                value=bound.settings.table_name,
            )
        # A server without TTL (dynalite) still answers every access pattern.
        table.create_table(wait=True, ignore_update_ttl_errors=place.endpoint_url is not None)
        try:
            yield
        finally:
            if not keep:
                table.delete_table()
