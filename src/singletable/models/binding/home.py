"""Homes: for each table class, its process-wide bindings and its connections."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import WeakValueDictionary

import attrs
from pynamodb import constants
from pynamodb.connection.base import MetaTable

from singletable.errors import DeclarationError
from singletable.forking import renewed_in_child
from singletable.models.binding.folding import (
    Effective,
    Layer,
    environment,
    fold,
    given_by_meta,
    values_of_meta,
    values_without_name,
)
from singletable.models.binding.table_names import require_length
from singletable.requests.connection import TableConnection

if TYPE_CHECKING:
    from singletable.requests.connection_settings import Settings

__all__ = ["MOST_CONNECTIONS", "FixedHome", "Home", "TableClass"]

TableClass: TypeAlias = type[Any]
"""A table class. `Table` is defined in a layer above this one, so its type is not known here."""

MOST_CONNECTIONS = 32
"""The most connections kept for one table class; the least recently used one is closed."""

_MOST_FOLDED = 1024


@attrs.frozen(eq=False)
class _Meta:
    """The settings in a table's Meta when it was last read."""

    values: tuple[Any, ...]
    given: Mapping[str, Any]

    @property
    def has_region(self) -> bool:
        return bool(self.given.get("region"))


class Home:
    """The process-wide bindings of a table class, and its connections.

    Args:
        table: The table class.
    """

    def __init__(self, table: TableClass) -> None:
        self.table = table
        self.bindings: tuple[Layer, ...] = ()
        self._folded: dict[Any, Effective] = {}
        self._meta = _Meta((), {})
        self._schema: Mapping[str, Any] | None = None
        self.renew()
        renewed_in_child(self)

    def renew(self) -> None:
        """Replace the lock and drop all connections, for a new process."""
        self.lock = RLock()
        self._connections: OrderedDict[Settings, TableConnection] = OrderedDict()
        # The last connection by its settings without the table's name; others share its client.
        self._sharing: WeakValueDictionary[Settings, TableConnection] = WeakValueDictionary()

    def effective(self, layers: tuple[Layer, ...]) -> Effective:
        """Return the effective settings.

        Args:
            layers: The bindings of the current context, innermost last.
        """
        if self.bindings:
            layers = (*self.bindings, *layers)
        try:
            values = values_of_meta(self.table.Meta)
        except DeclarationError:
            # The variable of from_env() is not set. It is not needed if a binding names the table.
            if not any(each.names_the_table for each in layers):
                raise
            values = values_without_name(self.table.Meta)
        meta = self._meta
        if values != meta.values:
            meta = self._meta = _Meta(values, given_by_meta(values))
        variables = () if meta.has_region else environment()
        key = (meta, variables, *[each.key for each in layers]) if layers else (meta, variables)
        found = self._folded.get(key)
        if found is None:
            if len(self._folded) >= _MOST_FOLDED:
                self._folded = {}
            found = self._folded[key] = fold(meta.given, layers, variables)
        return found

    def connection(self, settings: Settings) -> TableConnection:
        """Return the connection with these settings, which threads share; create it if it does not exist.

        Raises:
            InvalidValueError: The table's name is too short for a server.
        """
        with self.lock:
            found = self._connections.get(settings)
            if found is not None:
                self._connections.move_to_end(settings)
                return found
            if settings.place is None:
                require_length(settings.table_name)
            found = self._connections[settings] = self._connect(settings)
            dropped = self._connections.popitem(last=False)[1] if len(self._connections) > MOST_CONNECTIONS else None
            if dropped is not None and not self._is_shared(dropped):
                dropped.connection.shared.drop()
        return found

    def drop(self, place: Settings) -> None:
        """Close all connections to a place, for example to an engine that is stopped.

        Args:
            place: Settings with that place and any table name.
        """
        with self.lock:
            for settings, connection in list(self._connections.items()):
                if settings.where[1:] == place.where[1:]:
                    del self._connections[settings]
                    if not self._is_shared(connection):
                        connection.connection.shared.drop()

    def _connect(self, settings: Settings) -> TableConnection:
        nameless = attrs.evolve(settings, table_name="")
        made = TableConnection(
            settings,
            self._meta_table(settings.table_name),
            lambda: self.table._observers,
            self._sharing.get(nameless),
            lambda: str(self.table.Meta.table_name),
        )
        self._sharing[nameless] = made
        return made

    def _is_shared(self, dropped: TableConnection) -> bool:
        """Return whether another connection uses the client of a dropped one."""
        client = dropped.connection.shared
        users = [each for each in self._connections.values() if each.connection.shared is client]
        nameless = attrs.evolve(dropped.settings, table_name="")
        if users:
            self._sharing[nameless] = users[-1]
        else:
            self._sharing.pop(nameless, None)
        return bool(users)

    def _meta_table(self, table_name: str) -> MetaTable:
        if self._schema is None:
            self._schema = _schema_of(self.table)
        return MetaTable({constants.TABLE_NAME: table_name, **self._schema})


class FixedHome(Home):
    """The home of a table class whose connection never changes, for records that are stored in another table.

    Args:
        table: The table class.
        connection: Its connection.
    """

    def __init__(self, table: TableClass, connection: TableConnection) -> None:
        super().__init__(table)
        self._connection = connection

    def effective(self, layers: tuple[Layer, ...]) -> Effective:
        return Effective(self._connection.settings)

    def connection(self, settings: Settings) -> TableConnection:
        return self._connection


def _schema_of(table: TableClass) -> Mapping[str, Any]:
    schema = table._get_schema()
    indexes = {
        place: [
            {constants.INDEX_NAME: index["index_name"], constants.KEY_SCHEMA: index["key_schema"]}
            for index in schema[where]
        ]
        for place, where in (
            (constants.GLOBAL_SECONDARY_INDEXES, "global_secondary_indexes"),
            (constants.LOCAL_SECONDARY_INDEXES, "local_secondary_indexes"),
        )
    }
    return {
        constants.KEY_SCHEMA: schema["key_schema"],
        constants.ATTR_DEFINITIONS: schema["attribute_definitions"],
        **indexes,
    }
