"""Empty tables: they are brought to the state after a whole history at once, without replaying it."""

from __future__ import annotations

from collections.abc import Iterable

from singletable.migrations.graph import Graph
from singletable.migrations.operations import CreateIndex, CreateTable, EnableStream, EnableTTL, RunPython
from singletable.migrations.segments import pages_of
from singletable.migrations.state import TableState
from singletable.migrations.table_admin import TableAdmin
from singletable.migrations.throttle import Throttle
from singletable.models.schema.layout import INTERNAL_TYPES

__all__ = ["bring_to", "is_empty", "runs_code"]

_MOST_PAGES = 5
_PAGE = 1000


def is_empty(table: TableAdmin, type_name: str) -> bool:
    """Return whether the only items of the table are the framework's own.

    A table that begins with thousands of the framework's own items is not read completely, and counts as not empty.

    Args:
        table: The table.
        type_name: The stored attribute of the discriminator.
    """
    params = {
        "TableName": table.name,
        "ConsistentRead": True,
        "Limit": _PAGE,
        "FilterExpression": "NOT begins_with(#type, :own)",
        "ExpressionAttributeNames": {"#type": type_name},
        "ExpressionAttributeValues": {":own": {"S": INTERNAL_TYPES}},
    }
    for number, page in enumerate(pages_of(table, params, Throttle(table.clock)), 1):
        if page or number > _MOST_PAGES:
            return False
    return True


def runs_code(graph: Graph, names: Iterable[str], *, on_empty: bool = False) -> bool:
    """Return whether one of these migrations calls a function of the project.

    Args:
        graph: The scripts.
        names: The migrations.
        on_empty: Whether to count only functions that may store items in an empty table.
    """
    operations = (each for name in names for each in graph.scripts[name].migration.operations)
    return any(isinstance(each, RunPython) and not (on_empty and each.needs_items) for each in operations)


def bring_to(table: TableAdmin, graph: Graph, names: Iterable[str], after: TableState) -> None:
    """Bring an empty table to a state: its indexes, time to live and stream.

    An index, time to live or stream that a migration creates and the state does not have is removed. Those that no
    migration mentions are not changed.

    Args:
        table: The table.
        graph: The scripts.
        names: The migrations that lead to the state, applied ones included.
        after: The new state.

    Raises:
        MigrationConflictError: The table has an index with a name in `after` and another definition.
    """
    operations = [each for name in names for each in graph.scripts[name].migration.operations]
    indexes = [each.index for each in operations if isinstance(each, CreateIndex)]
    indexes += [index for each in operations if isinstance(each, CreateTable) for index in each.indexes]
    for index in indexes:
        if after.indexes.get(index.name) != index and not index.local and table.has_index(index):
            table.delete_index(index)
    for index in after.indexes.values():
        if not index.local:
            table.create_index(index)
    table.check(after)
    ttl = table.ttl()
    if ttl != after.ttl and ttl in {each.name for each in operations if isinstance(each, EnableTTL)}:
        table.set_ttl(str(ttl), on=False)
    if after.ttl:
        table.set_ttl(after.ttl, on=True)
    if after.stream or table.stream() in {each.view for each in operations if isinstance(each, EnableStream)}:
        table.set_stream(after.stream, table.stream())
