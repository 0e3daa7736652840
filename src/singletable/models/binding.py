"""Binding: which server a table and all its entities are on, for the process or for a block."""

from __future__ import annotations

from threading import RLock
from typing import TYPE_CHECKING, Any

import attrs
from botocore.session import get_session
from pynamodb import constants
from pynamodb.connection.base import MetaTable

from singletable.errors import UnexpectedAttributesError
from singletable.requests.connection import Settings, TableConnection

if TYPE_CHECKING:
    from singletable.models.table import Table

__all__ = ["Binding", "bind", "connection_of"]

_lock = RLock()


class Binding:
    """A table bound to a server. Leave the `with` block, or call `undo()`, to be where it was before."""

    def __init__(self, table: type[Table], settings: Settings) -> None:
        self.table = table
        self.settings = settings

    def undo(self) -> None:
        """Take this binding away: the table is where the latest of the others, or Meta, says."""
        with _lock:
            self.table._bindings = tuple(each for each in self.table._bindings if each is not self)
            _switch(self.table)

    def __enter__(self) -> Binding:
        return self

    def __exit__(self, *exception: object) -> None:
        self.undo()

    def __repr__(self) -> str:
        return f"<{self.table.__name__} bound to {self.settings.table_name!r}>"


def bind(
    table: type[Table],
    *,
    table_name: str | None = None,
    region: str | None = None,
    endpoint_url: str | None = None,
    **settings: Any,
) -> Binding:
    """Bind a table; see `Table.bind`."""
    name = table_name or str(table.Meta.table_name)
    if region is None:
        region = getattr(table.Meta, "region", None)
    if endpoint_url is not None and region is None and get_session().get_config_variable("region") is None:
        # A server of one's own has no regions, but requests are signed for one.
        region = "us-east-1"
    known = {field.name for field in attrs.fields(Settings)}
    unknown = tuple(each for each in settings if each not in known)
    if unknown:
        raise UnexpectedAttributesError(
            f"bind() takes no {', '.join(unknown)}.",
            remedy=f"It takes: {', '.join(sorted(known))}.",
            unexpected=unknown,
        )
    if "dax_endpoints" not in settings and _is_place_of_meta(table, name, region, endpoint_url, settings):
        settings["dax_endpoints"] = _dax_endpoints(table)
    binding = Binding(table, Settings(name, region, endpoint_url, **settings))
    with _lock:
        if not table._bindings:
            table._unbound_name = str(table.Meta.table_name)
        table._bindings = (*table._bindings, binding)
        _switch(table)
    return binding


def _is_place_of_meta(
    table: type[Table], name: str, region: str | None, endpoint_url: str | None, settings: dict[str, Any]
) -> bool:
    """Whether a binding is to the table that Meta names: a cluster has copies of that one's items only."""
    own = table._unbound_name if table._bindings else table.Meta.table_name
    same_region = region == getattr(table.Meta, "region", None)
    return name == own and same_region and endpoint_url is None and settings.get("credentials") is None


def _dax_endpoints(table: type[Table]) -> Any:
    return getattr(table.Meta, "dax_endpoints", ())


def _switch(table: type[Table]) -> None:
    """Let the latest binding hold; PynamoDB reads the table's name from Meta."""
    table._table_connection = None
    table.Meta.table_name = table._bindings[-1].settings.table_name if table._bindings else table._unbound_name


def connection_of(table: type[Table]) -> TableConnection:
    """The table's one connection, made when it is first used; shared by its entities and by threads."""
    with _lock:
        if table._table_connection is None:
            settings = table._bindings[-1].settings if table._bindings else _from_meta(table)
            table._table_connection = TableConnection(
                settings, _meta_table(table, settings.table_name), lambda: table._observers
            )
        return table._table_connection


def _from_meta(table: type[Table]) -> Settings:
    meta: Any = table.Meta
    credentials = None
    if meta.aws_access_key_id and meta.aws_secret_access_key:
        credentials = (meta.aws_access_key_id, meta.aws_secret_access_key, meta.aws_session_token)
    return Settings(
        table_name=meta.table_name,
        region=meta.region,
        endpoint_url=meta.host,
        connect_timeout=meta.connect_timeout_seconds,
        read_timeout=meta.read_timeout_seconds,
        timeouts=getattr(meta, "timeouts", {}),
        max_attempts=1 + meta.max_retry_attempts,
        max_connections=meta.max_pool_connections,
        extra_headers=meta.extra_headers,
        credentials=credentials,
        dax_endpoints=_dax_endpoints(table),
    )


def _meta_table(table: type[Table], table_name: str) -> MetaTable:
    schema = table._get_schema()
    indexes = {
        place: [
            {constants.INDEX_NAME: index["index_name"], constants.KEY_SCHEMA: index["key_schema"]}
            for index in schema[where]  # type: ignore[literal-required]  # a TypedDict, read by two names
        ]
        for place, where in (
            (constants.GLOBAL_SECONDARY_INDEXES, "global_secondary_indexes"),
            (constants.LOCAL_SECONDARY_INDEXES, "local_secondary_indexes"),
        )
    }
    return MetaTable(
        {
            constants.TABLE_NAME: table_name,
            constants.KEY_SCHEMA: schema["key_schema"],
            constants.ATTR_DEFINITIONS: schema["attribute_definitions"],
            **indexes,
        }
    )
