"""Where a command runs: the options that every command shares, and the table bound as they say."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

import attrs
import click

from singletable.engine import embedded, server
from singletable.engine.programs import PROGRAMS
from singletable.errors import EndpointUnreachable, ProjectError
from singletable.models import Table
from singletable.models.binding.binding import Binding, is_bound
from singletable.requests.endpoints import endpoints_of, is_http_url

__all__ = ["Place", "fresh_table", "place_options"]

F = TypeVar("F", bound=Callable[..., Any])


@attrs.frozen
class Place:
    """Where a command runs.

    Args:
        engine: `embedded`; `ministack` or `dynalite` for a local server that the command starts; or `dynamodb` for
            anything else that is reached over HTTP.
        endpoint_url: The server's URL; None for AWS.
        table_name: The table's name; None for the one in Meta.
        region: The AWS region.
        profile: The AWS profile.
        dax_endpoints: The endpoints of a DAX cluster; none for those in Meta.
    """

    engine: str
    endpoint_url: str | None = None
    table_name: str | None = None
    region: str | None = None
    profile: str | None = None
    dax_endpoints: tuple[str, ...] = ()

    @property
    def ends_with_command(self) -> bool:
        """Whether the command starts the engine itself, so that the table ends with the command."""
        return self.engine != "dynamodb"

    @property
    def metered(self) -> bool:
        """Whether the engine reports the capacity that it consumed."""
        return self.engine == "dynamodb" or (self.engine in PROGRAMS and PROGRAMS[self.engine].metered)

    @property
    def words(self) -> str:
        """The place, for people."""
        if self.engine == "embedded":
            return "the embedded engine: moto, in this process; nothing leaves this machine"
        if self.engine in PROGRAMS:
            return f"{self.engine}, a local server that this command starts and stops"
        return self.endpoint_url or f"DynamoDB{f' in {self.region}' if self.region else ''}"


def _where(command: F) -> F:
    """The options that say where a server and a table are."""
    for option in (
        click.option(
            "--dax",
            "dax_endpoints",
            metavar="ENDPOINT",
            multiple=True,
            callback=_check_dax,
            help="An endpoint of a DAX cluster.  [those in Meta]",
        ),
        click.option("--profile", metavar="PROFILE", help="The AWS profile."),
        click.option("--region", metavar="REGION", help="The AWS region."),
        click.option("--table", "table_name", metavar="NAME", help="The table's name there.  [the one in Meta]"),
        click.option("--endpoint-url", metavar="URL", callback=_check_url, help="A server that speaks DynamoDB."),
    ):
        command = option(command)
    return command


def place_options(command: F) -> F:
    """Give a command the options that say where it runs, embedded by default; it gets a `Place` as `place`."""

    @_where
    @click.option(
        "--engine",
        type=click.Choice(["embedded", *PROGRAMS, "dynamodb"]),
        help="The engine that holds the table. dynalite and ministack are local servers that the command installs on"
        " first use, starts and stops.  [embedded]",
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
        place = Place(
            engine or ("dynamodb" if endpoint_url else "embedded"),
            endpoint_url,
            table_name,
            region,
            profile,
            dax_endpoints,
        )
        if place.ends_with_command and endpoint_url:
            raise click.UsageError(f"--engine {engine} and --endpoint-url name two places. Give one of them.")
        if place.ends_with_command and (table_name or region or profile or dax_endpoints):
            raise click.UsageError(
                "--table, --region, --profile and --dax say where on AWS or on a server:"
                " add --engine dynamodb or --endpoint-url."
            )
        return command(place=place, **options)

    return with_place  # type: ignore[return-value]  # click's decorators return the same kind of callable


def table_options(command: F) -> F:
    """Give a command the options that say which live table it works on, on AWS by default; it gets a `Place`."""

    @_where
    @functools.wraps(command)
    def with_place(
        endpoint_url: str | None,
        table_name: str | None,
        region: str | None,
        profile: str | None,
        dax_endpoints: tuple[str, ...],
        **options: Any,
    ) -> Any:
        place = Place("dynamodb", endpoint_url, table_name, region, profile, dax_endpoints)
        return command(place=place, **options)

    return with_place  # type: ignore[return-value]  # click's decorators return the same kind of callable


def _check_url(context: click.Context, option: click.Parameter, text: str | None) -> str | None:
    if text is not None and not is_http_url(text):
        raise click.BadParameter(f"{text!r} is no http:// or https:// URL.", param_hint="--endpoint-url")
    return text


def _check_dax(context: click.Context, option: click.Parameter, texts: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return endpoints_of(texts)
    except EndpointUnreachable as error:
        raise click.BadParameter(str(error), param_hint="--dax") from error


def use_profile(place: Place) -> None:
    """Let other clients of the AWS SDK use the place's profile, if it names one, for the rest of the process."""
    if place.profile:
        os.environ["AWS_PROFILE"] = place.profile


@contextmanager
def live_table(table: type[Table], place: Place, **settings: Any) -> Iterator[None]:
    """A table that is there, at a place, for the block; where it is bound already, if the place names none."""
    if is_bound(table) and place == Place("dynamodb"):
        yield
        return
    with _bound(table, place, **settings):
        yield


def _bound(table: type[Table], place: Place, **settings: Any) -> AbstractContextManager[Binding]:
    """Bind a table for the block, for every thread of the command."""
    use_profile(place)
    if place.dax_endpoints or place.profile:
        # Another profile may be another account, where Meta's cluster is not.
        settings["dax_endpoints"] = place.dax_endpoints
    # The environment alone is not enough: keys in it, and credentials of Meta, hold over AWS_PROFILE.
    binding = table.bind(
        table_name=place.table_name,
        region=place.region,
        endpoint_url=place.endpoint_url,
        profile=place.profile,
        **settings,
    )
    return binding.everywhere()


@contextmanager
def fresh_table(table: type[Table], place: Place, *, keep: bool = False) -> Iterator[None]:
    """A new table at a place, for the block; deleted behind it, unless it is to be kept.

    Raises:
        ProjectError: The table is there already: its items are someone's.
    """
    if place.ends_with_command:
        with embedded(table) if place.engine == "embedded" else server(place.engine, table):
            yield
        return
    with _bound(table, place) as bound:
        if table.exists():
            raise ProjectError(
                f"The table {bound.settings.table_name!r} exists already at {place.words}.",
                remedy="The demo wants one of its own, which it deletes in the end: name another with --table.",
                value=bound.settings.table_name,
            )
        # A server without TTL (dynalite) still answers every access pattern.
        table.create_table(wait=True, ignore_update_ttl_errors=place.endpoint_url is not None)
        try:
            yield
        finally:
            if not keep:
                table.delete_table()
