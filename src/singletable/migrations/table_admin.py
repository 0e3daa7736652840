"""The administration of a table: its present indexes, time to live and stream, and changes of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol

from singletable.errors import (
    AccessDeniedError,
    MigrationConflictError,
    RequestFailedError,
)
from singletable.migrations.clock import Clock
from singletable.migrations.live_table import LiveTable
from singletable.migrations.state import Index, TableState
from singletable.migrations.waiting import Waiter
from singletable.models.schema.layout import described_indexes
from singletable.requests.connection import TableConnection
from singletable.requests.tags import STACK_TAG, table_tags
from singletable.requests.types import Params

__all__ = ["TableAdmin", "TableOwner"]

_TTL_PATIENCE = 7200.0
_PATIENCE = 60.0
"""Seconds after which a requested index must appear in the table's description."""


class TableOwner(Protocol):
    """The only owner of a table's indexes and time to live: its CloudFormation stack.

    Each method returns when the owner has made the change, and does nothing if the owner has made it before.
    """

    def create_index(self, index: Index) -> None:
        """Create a global index."""

    def delete_index(self, name: str) -> None:
        """Delete a global index."""

    def set_ttl(self, name: str | None) -> None:
        """Switch the time to live on by an attribute, or off for None."""


class TableAdmin(LiveTable):
    """A table in DynamoDB, with changes of its indexes, its time to live and its stream.

    Args:
        connection: The connection that sends the requests.
        clock: The clock, which tests replace.
        tell: Called with a line about each wait.
        before_change: Called directly before each change of the table. An exception prevents the change.
        stop: An event that ends a wait.
        final: The state at the end of the history. If another tool has already brought the table to it, the table is
            accepted at every point of the history.
        owner: The stack of the table, which makes all changes of indexes and time to live. Without it, a table that
            belongs to a stack is not changed.
    """

    def __init__(
        self,
        connection: TableConnection,
        clock: Clock | None = None,
        tell: Callable[[str], None] | None = None,
        *,
        before_change: Callable[[], None] = lambda: None,
        stop: threading.Event | None = None,
        final: TableState | None = None,
        owner: TableOwner | None = None,
    ) -> None:
        super().__init__(connection)
        self.clock = clock or Clock()
        self._tell = tell or (lambda line: None)
        self._before_change = before_change
        self._waiter = Waiter(self.clock, self._tell, stop or threading.Event())
        self._final = final
        self._owner = owner

    def check(self, state: TableState) -> None:
        """Refuse a table that does not fit the history.

        Raises:
            MigrationConflictError: Its keys differ, or an index is missing or differs.
        """
        table = self.require()
        names = tuple(each["AttributeName"] for each in table["KeySchema"])
        if names != state.key_names:
            raise MigrationConflictError(
                f"The keys of {self.name!r} are {', '.join(names)}; in the history they are"
                f" {', '.join(state.key_names)}.",
                remedy="Check --table, --region and the endpoint: this may be the history of another table.",
            )
        there = _indexes(table)
        for name, index in state.indexes.items():
            if self._is_final(name, there):
                continue
            if name not in there or there[name]["status"] == "DELETING":
                raise MigrationConflictError(
                    f"The index {name} of {self.name!r} is missing, although the history has created it.",
                    remedy="It was deleted. Create it again, or `stamp` a migration with DeleteIndex.",
                    index=name,
                )
            if there[name]["index"] != index:
                raise MigrationConflictError(
                    f"The index {name} of {self.name!r} differs from the history: {there[name]['index']!r}.",
                    remedy=f"In the history it is {index!r}. `stamp` a migration with the present index.",
                    index=name,
                )

    def create(self, partition: str, sort: str, indexes: tuple[Index, ...]) -> None:
        """Create the table, unless it exists with these keys."""
        table = self.describe()
        if table is None:
            names = dict.fromkeys([partition, sort, *(name for index in indexes for name in index.names)])
            params: Params = {
                "TableName": self.name,
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [_string(name) for name in names],
                "KeySchema": _schema((partition, sort)),
            }
            for local, place in ((False, "GlobalSecondaryIndexes"), (True, "LocalSecondaryIndexes")):
                mine = [_index_params(index) for index in indexes if index.local is local]
                if mine:
                    params[place] = mine
            self._ask("CreateTable", params)
        self._waiter.until(self._active, "the table")
        self.check(TableState(partition, sort, "", {each.name: each for each in indexes}))

    def has_index(self, index: Index) -> bool:
        """Return whether the table has an index with exactly this definition."""
        found = _indexes(self.require()).get(index.name)
        return found is not None and bool(found["index"] == index)

    def _is_final(self, name: str, there: dict[str, dict[str, Any]]) -> bool:
        """Return whether an index exists, or is missing, as at the end of the history."""
        if self._final is None:
            return False
        found = there[name]["index"] if name in there and there[name]["status"] != "DELETING" else None
        return bool(found == self._final.indexes.get(name))

    def _is_ahead(self, index: Index, there: dict[str, dict[str, Any]]) -> bool:
        """Return whether an index exists with the definition of a later migration, and report it."""
        found = there.get(index.name)
        ahead = found is not None and found["index"] != index and self._is_final(index.name, there)
        if ahead:
            self._tell(f"the index {index.name} exists as the last migration defines it")
        return ahead

    def create_index(self, index: Index) -> None:
        """Create an index, unless it exists, and wait until DynamoDB has filled it."""
        self._waiter.until(self._quiet, "other changes of indexes")
        there = _indexes(self.require())
        if self._is_ahead(index, there):
            return
        if index.name not in there and self._owner is not None:
            self._before_change()
            self._owner.create_index(index)
            there = _indexes(self.require())
        if index.name not in there:
            self._refuse_owned(f"create the index {index.name}")
            table = self.require()
            names = dict.fromkeys([*(each["AttributeName"] for each in table["KeySchema"]), *index.names])
            create: Params = _index_params(index)
            provisioned = table.get("ProvisionedThroughput") or {}
            if table.get("BillingModeSummary", {}).get("BillingMode") != "PAY_PER_REQUEST" and provisioned.get(
                "WriteCapacityUnits"
            ):
                create["ProvisionedThroughput"] = {
                    name: provisioned[name] for name in ("ReadCapacityUnits", "WriteCapacityUnits")
                }
            self._ask(
                "UpdateTable",
                {
                    "TableName": self.name,
                    "AttributeDefinitions": [_string(name) for name in names],
                    "GlobalSecondaryIndexUpdates": [{"Create": create}],
                },
            )
            self._waiter.until(lambda: index.name in _indexes(self.require()), f"the index {index.name}", _PATIENCE)
        self._waiter.until(lambda: self._status(index.name) == "ACTIVE", f"the index {index.name}")
        found = _indexes(self.require())[index.name]["index"]
        if found != index:
            raise MigrationConflictError(
                f"The index {index.name} exists already with another definition: {found!r}.",
                remedy="Choose another name, or delete it with DeleteIndex first.",
                index=index.name,
            )

    def delete_index(self, index: Index) -> None:
        """Delete an index, unless it is gone, or exists with the definition of a later migration."""
        name = index.name
        self._waiter.until(self._quiet, "other changes of indexes")
        there = _indexes(self.require())
        if self._is_ahead(index, there):
            return
        if name in there and self._owner is not None:
            self._before_change()
            self._owner.delete_index(name)
            there = _indexes(self.require())
        if name in there:
            self._refuse_owned(f"delete the index {name}")
            self._ask(
                "UpdateTable",
                {"TableName": self.name, "GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": name}}]},
            )
        self._waiter.until(lambda: name not in _indexes(self.require()), f"the deletion of the index {name}")

    def ttl(self) -> str | None:
        """Return the attribute of the time to live, if it is on or being switched on."""
        status, name = self._ttl()
        return name if status in ("ENABLED", "ENABLING") else None

    def _ttl(self) -> tuple[str, str | None]:
        said = self.send("DescribeTimeToLive", {"TableName": self.name})["TimeToLiveDescription"]
        return said.get("TimeToLiveStatus", "DISABLED"), said.get("AttributeName")

    def set_ttl(self, name: str, *, on: bool) -> None:
        """Switch the time to live on or off, unless it is, and wait until DynamoDB accepts the change.

        A change takes DynamoDB up to an hour. It accepts no other change in that time (API Reference,
        "UpdateTimeToLive").

        Args:
            name: The stored attribute.
            on: Whether items expire by it. Switching it off does not affect a time to live by another attribute.

        Raises:
            MigrationConflictError: The time to live is on by another attribute.
            MigrationStoppedError: DynamoDB did not accept the change for two hours.
        """

        def done() -> bool:
            status, current = self._ttl()
            if status == "DISABLING" or (status == "ENABLING" and (current != name or not on)):
                return False
            enabled = current if status in ("ENABLED", "ENABLING") else None
            if enabled == name if on else enabled != name:
                return True
            if on and enabled is not None:
                if self._final is not None and enabled == self._final.ttl:
                    self._tell(f"the time to live is on by {enabled}, as the last migration defines it")
                    return True
                raise MigrationConflictError(
                    f"The time to live of {self.name!r} is on already, by {enabled}.",
                    remedy="A table has one time to live: switch it off first with DisableTTL.",
                )
            return self._switched(name, on=on)

        switch = f"{'on' if on else 'off'}, {name}"
        self._waiter.until(
            done, f"DynamoDB to accept a change of the time to live ({switch}), up to an hour", _TTL_PATIENCE
        )

    def _switched(self, name: str, *, on: bool) -> bool:
        if self._owner is not None:
            self._before_change()
            self._owner.set_ttl(name if on else None)
            if (self.ttl() == name) is on:
                return False  # the next request finds the change
        self._refuse_owned(f"switch the time to live {'on' if on else 'off'}")
        specification = {"Enabled": on, "AttributeName": name}
        try:
            self._ask("UpdateTimeToLive", {"TableName": self.name, "TimeToLiveSpecification": specification})
        except RequestFailedError as error:
            if error.code == "ValidationException" and "fixed interval" in str(error):
                return False  # DynamoDB accepts about one change per hour
            raise
        return True

    def differences(self, state: TableState) -> list[str]:
        """Return how the time to live and the stream differ from a state, one sentence each."""
        found = []
        ttl, stream = self.ttl(), self.stream()
        if ttl != state.ttl:
            found.append(f"Its time to live is {_by(ttl)}; in the history it is {_by(state.ttl)}.")
        # A stream that no migration switched on belongs to the infrastructure.
        if state.stream is not None and stream != state.stream:
            found.append(f"Its stream is {stream or 'off'}; in the history it is {state.stream or 'off'}.")
        return found

    def stream(self) -> str | None:
        """Return the view of the stream; None if it is off."""
        current = self.require().get("StreamSpecification") or {}
        return current.get("StreamViewType") if current.get("StreamEnabled") else None

    def set_stream(self, view: str | None, was: str | None = None) -> None:
        """Switch the stream on, or off for None, unless it is.

        Args:
            view: The new view.
            was: The view before it in the history.
        """
        current = self.stream()
        if current == view:
            return
        if current not in (None, was) and self._final is not None and current == self._final.stream:
            self._tell(f"the stream is on ({current}), as the last migration defines it")
            return
        if self._owner is not None:
            self._tell(f"the stream stays {current or 'off'}: the stack sets it by `stream` in setup.cfg")
            return
        self._refuse_owned("switch the stream")
        specification = {"StreamEnabled": True, "StreamViewType": view} if view else {"StreamEnabled": False}
        self._ask("UpdateTable", {"TableName": self.name, "StreamSpecification": specification})
        self._waiter.until(self._active, "the table")

    def _refuse_owned(self, change: str) -> None:
        """Refuse a change of a table that belongs to a stack, unless this is the stack's own runner.

        Raises:
            MigrationConflictError: The table belongs to a stack.
        """
        if self._owner is not None:
            return  # the stack has it in its template, and some local servers do not make the change
        stack, environment = self._stack()
        if stack is None:
            return
        named = f"--environment {environment or 'NAME'}" + ("" if stack == self.name else f" --stack {stack}")
        raise MigrationConflictError(
            f"The stack {stack!r} owns the indexes and the time to live of {self.name!r}: if a migration were to"
            f" {change}, the stack's next deployment would fail.",
            remedy=f"Add {named} to `migrate` or `rollback`: the stack then makes the change, and the migration"
            " continues. So does `singletable deploy`.",
        )

    def _stack(self) -> tuple[str | None, str | None]:
        """Return the stack of the table and its environment, by its tags; None if it belongs to none."""
        try:
            tags = table_tags(lambda params: self.send("ListTagsOfResource", params), self.require().get("TableArn"))
        except AccessDeniedError:
            raise
        except RequestFailedError:
            return None, None  # a local server without tags has no stacks either
        managed = self.name if tags.get("ManagedBy") == "singletable" else None
        return tags.get(STACK_TAG, managed), tags.get("Environment")

    def _status(self, name: str) -> str:
        found = _indexes(self.require()).get(name)
        if found is None:
            raise MigrationConflictError(
                f"The index {name} was deleted while it was being created.",
                remedy="Find out which process deletes it, then run it again.",
                index=name,
            )
        return str(found["status"])

    def _ask(self, operation: str, params: Params) -> None:
        """Send a change of the table. After a lost response, the SDK's next attempt finds it made or in progress."""
        self._before_change()
        try:
            self.send(operation, params)
        except RequestFailedError as error:
            if error.code != "ResourceInUseException":
                raise

    def _active(self) -> bool:
        table = self.describe()
        return table is not None and table["TableStatus"] == "ACTIVE"

    def _quiet(self) -> bool:
        # DynamoDB creates one index at a time.
        table = self.require()
        busy = [name for name, each in _indexes(table).items() if each["status"] in ("CREATING", "DELETING")]
        return table["TableStatus"] == "ACTIVE" and not busy


def _indexes(table: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for each, status in described_indexes(table):
        index = Index(each.name, each.partition_name, each.sort_name, each.projection, each.included, each.local)
        found[each.name] = {"index": index, "status": status}
    return found


def _by(name: str | None) -> str:
    return f"on, by {name}" if name else "off"


def _string(name: str) -> Params:
    return {"AttributeName": name, "AttributeType": "S"}


def _schema(names: tuple[str, ...]) -> list[Params]:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"), strict=False)]


def _index_params(index: Index) -> Params:
    projection: Params = {"ProjectionType": index.projection}
    if index.included:
        projection["NonKeyAttributes"] = list(index.included)
    return {"IndexName": index.name, "KeySchema": _schema(index.names), "Projection": projection}
