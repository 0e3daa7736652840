"""Operations on the table itself, its indexes, its time to live and its stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from singletable.migrations.operations.base import TableOperation
from singletable.migrations.script import as_names
from singletable.migrations.state import Index, TableState
from singletable.models.binding.table_names import CHARACTERS, index_fault
from singletable.models.schema.layout import STREAM_VIEWS

if TYPE_CHECKING:
    from singletable.migrations.table_admin import TableAdmin

__all__ = [
    "CreateIndex",
    "CreateTable",
    "DeleteIndex",
    "DisableStream",
    "DisableTTL",
    "EnableStream",
    "EnableTTL",
]

_MOST_INDEXES = 20
"""The most global secondary indexes of a table (DynamoDB, "Service, account, and table quotas")."""

_PROJECTIONS = ("ALL", "KEYS_ONLY", "INCLUDE")


@attrs.frozen
class CreateTable(TableOperation):
    """Create the table, billed on demand.

    Args:
        partition: The stored attribute of its partition key, a String.
        sort: The stored attribute of its sort key, a String.
        type_name: The stored attribute of the discriminator.
        indexes: The indexes that are created with it.
    """

    partition: str
    sort: str
    type_name: str = attrs.field(default="entityType", kw_only=True)
    indexes: tuple[Index, ...] = attrs.field(default=(), kw_only=True)

    def describe(self) -> str:
        indexes = f" with {', '.join(each.name for each in self.indexes)}" if self.indexes else ""
        return f"Create the table, keyed by {self.partition} and {self.sort}{indexes}"

    def apply(self, state: TableState) -> TableState:
        if state.partition:
            raise self.fail("The table exists already at this point of the history.", "Remove the second CreateTable.")
        _check_indexes(self, self.indexes, 0)
        return TableState(self.partition, self.sort, self.type_name, {each.name: each for each in self.indexes})

    def run(self, table: TableAdmin, before: TableState) -> None:
        table.create(self.partition, self.sort, self.indexes)


@attrs.frozen
class CreateIndex(TableOperation):
    """Create an index, and wait until DynamoDB has filled it.

    DynamoDB silently omits items whose key attributes are missing or of another type: backfill and verify first.

    Args:
        name: Its name.
        partition: The stored attribute of its partition key, a String.
        sort: The stored attribute of its sort key, a String.
        projection: `ALL`, `KEYS_ONLY` or `INCLUDE`.
        included: The stored attributes that an `INCLUDE` projection adds.
    """

    name: str
    partition: str
    sort: str | None = None
    projection: str = "ALL"
    included: tuple[str, ...] = attrs.field(default=(), converter=as_names)

    @property
    def index(self) -> Index:
        """The index as a part of a state."""
        return Index(self.name, self.partition, self.sort, self.projection, self.included)

    def describe(self) -> str:
        return f"Create the index {self.name} on {' and '.join(self.index.names)} ({self.projection})"

    def apply(self, state: TableState) -> TableState:
        if self.name in state.indexes:
            raise self.fail(f"The index {self.name!r} exists already.", "Delete it first, or choose another name.")
        _check_indexes(self, (self.index,), sum(not each.local for each in state.indexes.values()))
        return state.with_index(self.index)

    def run(self, table: TableAdmin, before: TableState) -> None:
        table.create_index(self.index)

    def reverse(self, before: TableState) -> TableOperation:
        return DeleteIndex(self.name)


@attrs.frozen
class DeleteIndex(TableOperation):
    """Delete an index. From then on, code that reads it fails.

    Args:
        name: Its name.
    """

    name: str

    def describe(self) -> str:
        return f"Delete the index {self.name}"

    def apply(self, state: TableState) -> TableState:
        if self.name not in state.indexes:
            there = ", ".join(state.indexes) or "none"
            raise self.fail(f"The index {self.name!r} does not exist.", f"Indexes: {there}.")
        if state.indexes[self.name].local:
            raise self.fail("A local index can only be deleted with its table.")
        return state.without_index(self.name)

    def run(self, table: TableAdmin, before: TableState) -> None:
        table.delete_index(before.indexes[self.name])

    def reverse(self, before: TableState) -> TableOperation:
        index = before.indexes[self.name]
        return CreateIndex(index.name, index.partition, index.sort, index.projection, index.included)


@attrs.frozen
class EnableTTL(TableOperation):
    """Let DynamoDB delete items after the time in an attribute.

    Args:
        name: The stored attribute.
    """

    name: str

    def describe(self) -> str:
        return f"Switch the time to live on, by {self.name}"

    def apply(self, state: TableState) -> TableState:
        if state.ttl not in (None, self.name):
            raise self.fail(f"The time to live is on already, by {state.ttl}.", "Use DisableTTL first.")
        return attrs.evolve(state, ttl=self.name)

    def run(self, table: TableAdmin, before: TableState) -> None:
        table.set_ttl(self.name, on=True)

    def reverse(self, before: TableState) -> TableOperation:
        return DisableTTL(self.name)


@attrs.frozen
class DisableTTL(TableOperation):
    """Switch the time to live off, so that items no longer expire.

    Args:
        name: The stored attribute of the time to live.
    """

    name: str

    def describe(self) -> str:
        return f"Switch the time to live off (it was by {self.name})"

    def apply(self, state: TableState) -> TableState:
        if state.ttl != self.name:
            raise self.fail(f"The time to live is not on by {self.name!r}.")
        return attrs.evolve(state, ttl=None)

    def run(self, table: TableAdmin, before: TableState) -> None:
        table.set_ttl(self.name, on=False)

    def reverse(self, before: TableState) -> TableOperation:
        return EnableTTL(self.name)


@attrs.frozen
class EnableStream(TableOperation):
    """Switch the table's change stream on.

    Args:
        view: The view: `NEW_AND_OLD_IMAGES`, `NEW_IMAGE`, `OLD_IMAGE` or `KEYS_ONLY`.
    """

    view: str

    def describe(self) -> str:
        return f"Switch the stream on ({self.view})"

    def apply(self, state: TableState) -> TableState:
        if self.view not in STREAM_VIEWS:
            raise self.fail(f"{self.view!r} is not a view of a stream.", f"One of: {', '.join(STREAM_VIEWS)}.")
        if state.stream is not None:
            raise self.fail(f"The stream is on already ({state.stream}).", "Use DisableStream first.")
        return attrs.evolve(state, stream=self.view)

    def run(self, table: TableAdmin, before: TableState) -> None:
        table.set_stream(self.view)

    def reverse(self, before: TableState) -> TableOperation:
        return DisableStream()


@attrs.frozen
class DisableStream(TableOperation):
    """Switch the table's change stream off."""

    def describe(self) -> str:
        return "Switch the stream off"

    def apply(self, state: TableState) -> TableState:
        if state.stream is None:
            raise self.fail("The stream is not on.")
        return attrs.evolve(state, stream=None)

    def run(self, table: TableAdmin, before: TableState) -> None:
        table.set_stream(None, before.stream)

    def reverse(self, before: TableState) -> TableOperation | None:
        return EnableStream(before.stream) if before.stream else None


def _check_indexes(operation: TableOperation, indexes: tuple[Index, ...], there: int) -> None:
    if there + sum(not each.local for each in indexes) > _MOST_INDEXES:
        raise operation.fail(
            f"The table would have more than {_MOST_INDEXES} indexes, the limit of DynamoDB.",
            "Let entities share indexes with overloaded keys.",
        )
    for each in indexes:
        fault = index_fault(each.name)
        if fault:
            raise operation.fail(f"The index name {each.name!r} {fault}.", f"Use {CHARACTERS}.")
        if each.projection not in _PROJECTIONS:
            raise operation.fail(f"{each.projection!r} is not a projection.", f"One of: {', '.join(_PROJECTIONS)}.")
