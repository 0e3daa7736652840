"""The context of the migration commands: the project, its migrations, the live table and its history."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import attrs
from botocore.exceptions import BotoCoreError, ClientError

from singletable.cli.environment import owner_of, place_of, settings_of, stack_of
from singletable.cli.place import PlaceOptions, live_table
from singletable.cli.project import Project, find_project
from singletable.migrations import Graph
from singletable.migrations.control_records import Records
from singletable.migrations.history import History
from singletable.migrations.run_options import Options
from singletable.migrations.runner import Runner
from singletable.migrations.table_admin import TableAdmin, TableOwner
from singletable.models import Table
from singletable.models.binding.binding import connection_of
from singletable.models.schema.table_schema import table_schema
from singletable.requests import TableConnection

__all__ = ["MigrationContext", "begun_segments", "open_migrations"]


@attrs.frozen
class MigrationContext:
    """A project with its migrations and the live table.

    Args:
        project: The project.
        graph: Its migrations.
        table: Its table class.
        connection: The connection to the live table.
        records: The records of its history.
        where: The table's name and place, for messages.
        stack: Returns the stack that owns the table's indexes and time to live, for a function that prints its
            progress; None if no environment is named.
    """

    project: Project
    graph: Graph
    table: type[Table]
    connection: TableConnection
    records: Records
    where: str
    stack: Callable[[Callable[[str], None]], TableOwner] | None = None

    @property
    def live(self) -> TableAdmin:
        """The live table."""
        return TableAdmin(self.connection)

    def live_of(self, owner: TableOwner) -> TableAdmin:
        """Return the live table, whose indexes and time to live are changed through a stack."""
        return TableAdmin(self.connection, owner=owner, final=self.graph.state)

    def history(self) -> History:
        """Return the recorded history; it is empty for a table that does not exist."""
        return History(self.records, self.graph)

    def runner(self, options: Options | None = None, **how: Any) -> Runner:
        """Return a runner of the migrations on the table."""
        tell = how.get("tell", lambda line: None)
        owner = None if self.stack is None else self.stack(tell)
        return Runner(self.connection, self.graph, options, records=self.records, stack=owner, **how)


@contextmanager
def open_migrations(
    place: PlaceOptions, *, workers: int = 4, environment: str | None = None, stack_name: str | None = None
) -> Iterator[MigrationContext]:
    """Open the project of the current folder, and the table at a place, during the block.

    Args:
        place: The table's place.
        workers: The number of segments that are processed in parallel.
        environment: The environment whose stack changes indexes and the time to live; None for no stack.
        stack_name: The name of that stack; None for the table's.
    """
    project = find_project()
    graph = project.load_migrations()
    table = project.load_table()
    stack = None
    if environment is not None:
        # Before the table is bound: the settings are derived from the table name in the models.
        settings = settings_of(project, table, environment)
        place = place_of(place, settings)
        stack = partial(owner_of, table, stack_of(table, place, settings, stack_name), settings)
    with live_table(table, place, max_connections=max(10, workers + 2)):
        connection = connection_of(table)
        records = _records(project, table, connection)
        yield MigrationContext(project, graph, table, connection, records, _where(connection, place), stack)


def _where(connection: TableConnection, place: PlaceOptions) -> str:
    """Return the table, the region and the account, for a person to check before anything is changed."""
    elsewhere = connection.connection.place or connection.connection.host
    if elsewhere:
        return f"{connection.table_name} on {elsewhere}"
    region = connection.connection.region or connection.connection.session.get_config_variable("region")
    return f"{connection.table_name} on {attrs.evolve(place, region=region).description}{_account(connection)}"


def _records(project: Project, table: type[Table], connection: TableConnection) -> Records:
    if project.control_table is None:
        layout = table_schema(table).layout
        return Records(connection, layout.partition_name, layout.sort_name, layout.type_name)
    # Records are read consistently, so a DAX cluster is of no use, and its role does not have to reach their table.
    settings = attrs.evolve(connection.settings, table_name=project.control_table, dax_endpoints=())
    control = TableConnection(settings, connection.connection.get_meta_table(connection.table_name))
    return Records(control, "PK", "SK", "entityType", of=str(connection.table_name))


def _account(connection: TableConnection) -> str:
    """Return the account of the credentials, or an empty text if they may not ask for it."""
    session = connection.connection.session
    try:
        client = session.create_client("sts", region_name=connection.connection.region)
        return f", account {client.get_caller_identity()['Account']}"
    except (BotoCoreError, ClientError):
        return ""


def begun_segments(history: History) -> int:
    """Return the number of segments of a begun migration, which cannot change; without one, the default."""
    unfinished = history.migrations.get(history.unfinished or "")
    return (int(unfinished.segments) if unfinished else 0) or Options().segments
