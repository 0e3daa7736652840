"""PynamoDB's connection, with what a production table needs of it.

Four things differ from PynamoDB 6.1's own: the client is created under a lock (PynamoDB shares it
lazily between threads without one), the retry mode is pinned (PynamoDB's default has changed between
versions), item values are neither logged at DEBUG (`bodies`) nor quoted by errors (`quoting`), and items
are parsed in one go (`wire`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache, partial
from threading import RLock
from typing import Any, TypeAlias
from urllib.parse import urlsplit
from uuid import uuid4

import attrs
from botocore.config import Config
from botocore.loaders import Loader, create_loader
from pynamodb.connection.base import Connection as PynamoConnection
from pynamodb.connection.base import MetaTable
from pynamodb.connection.table import TableConnection as PynamoTableConnection

from singletable.errors import EndpointUnreachable, InvalidValueError, UnexpectedAttributesError
from singletable.requests.attempts import lose, watch
from singletable.requests.bodies import hide_bodies
from singletable.requests.dax import Dax, endpoints_of
from singletable.requests.observing import Observer, watched
from singletable.requests.quoting import unquoted
from singletable.requests.usage import record, units_of
from singletable.requests.wire import DAMAGED, OPERATIONS, DamagedAnswer, parse_items

__all__ = ["Call", "Interceptor", "Settings", "TableConnection"]

Call: TypeAlias = Callable[[str, dict[str, Any]], dict[str, Any]]
"""One operation with its arguments, sent and answered."""

Interceptor: TypeAlias = Callable[[Call, str, dict[str, Any]], dict[str, Any]]
"""What stands around every call of a connection: it may change, answer, repeat or refuse it."""

_CONTROL = frozenset(
    {
        "CreateTable",
        "DeleteTable",
        "DescribeTable",
        "DescribeTimeToLive",
        "ListTables",
        "UpdateTable",
        "UpdateTimeToLive",
    }
)

_TIMED = tuple(sorted((*OPERATIONS, "BatchWriteItem")))
"""What reads and writes items; the answer of a BatchWriteItem carries none."""


@attrs.frozen
class Settings:
    """Where a table is, and how to reach it. None leaves a choice to the AWS SDK's own configuration.

    Args:
        table_name: The table's name.
        region: The AWS region.
        endpoint_url: The URL of a server that speaks DynamoDB.
        connect_timeout: Seconds until an attempt to connect is given up.
        read_timeout: Seconds until an answer is given up.
        timeouts: Seconds until an answer is given up for some operations, by name: `{"GetItem": 0.5, "Scan": 60}`.
        max_attempts: How often a request is sent at most, the first time included.
        max_connections: How many connections are kept; as many threads can work at once.
        extra_headers: HTTP headers to add to each request.
        credentials: Access key, secret key and session token, where the SDK is not to look for them.
        prepare: Called with the botocore client once it is made.
        place: What messages call the server; None for its URL or region.
        metered: Whether the engine reports the capacity that it consumed.
        guard: A lock held during each call, for engines that are not safe under threads.
        dax_endpoints: The endpoints of a DAX cluster, or the one; see `requests.dax`.
    """

    table_name: str
    region: str | None = None
    endpoint_url: str | None = attrs.field(default=None)
    connect_timeout: float = 15
    read_timeout: float = 30
    timeouts: Mapping[str, float] = attrs.field(factory=dict, converter=dict)
    max_attempts: int = attrs.field(default=4, validator=attrs.validators.ge(1))
    max_connections: int = 10
    extra_headers: Mapping[str, str] | None = None
    credentials: tuple[str, str, str | None] | None = attrs.field(default=None, repr=False)
    prepare: Callable[[Any], None] | None = None
    place: str | None = None
    metered: bool = True
    guard: AbstractContextManager[Any] = attrs.field(factory=nullcontext, eq=False)
    dax_endpoints: tuple[str, ...] = attrs.field(default=(), converter=endpoints_of)

    @timeouts.validator
    def _are_timeouts(self, field: object, timeouts: Mapping[str, float]) -> None:
        for operation, seconds in timeouts.items():
            if operation not in _TIMED:
                raise UnexpectedAttributesError(
                    f"There is no operation {operation!r} that could have a time-out of its own.",
                    remedy=f"There are: {', '.join(_TIMED)}.",
                    unexpected=(operation,),
                )
            if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds < float("inf"):
                raise InvalidValueError(
                    f"The time-out {seconds!r} of {operation} is no number of seconds above 0.", value=seconds
                )

    @endpoint_url.validator
    def _is_a_url(self, field: object, url: str | None) -> None:
        if url is not None and not (urlsplit(url).scheme in ("http", "https") and urlsplit(url).netloc):
            raise EndpointUnreachable(
                f"{url!r} is no URL of a server.", remedy="Write for example http://127.0.0.1:8000.", value=url
            )


@lru_cache(maxsize=8)
def _loader(data_path: str | None) -> Loader:
    return create_loader(data_path)


class _Connection(PynamoConnection):
    def __init__(self, settings: Settings, observers: Callable[[], tuple[Observer, ...]]) -> None:
        access, secret, token = settings.credentials or (None, None, None)
        super().__init__(
            region=settings.region,
            host=settings.endpoint_url,
            connect_timeout_seconds=settings.connect_timeout,
            read_timeout_seconds=settings.read_timeout,
            retry_configuration={"total_max_attempts": settings.max_attempts, "mode": "standard"},
            max_pool_connections=settings.max_connections,
            extra_headers=settings.extra_headers,
            aws_access_key_id=access,
            aws_secret_access_key=secret,
            aws_session_token=token,
        )
        self.settings = settings
        self.place = settings.place
        self.observers = observers
        self._creation = RLock()
        self._patient: dict[float, _Connection] = {}
        self._prepared: Any = None
        self.around: tuple[Interceptor, ...] = (Dax(settings, self.session),) if settings.dax_endpoints else ()

    @property
    def session(self) -> Any:
        """A botocore session that reads the SDK's service descriptions once a process, and not once a client."""
        session = super().session
        if getattr(session, "_singletable_loader", None) is None:
            session._singletable_loader = _loader(session.get_config_variable("data_path"))
            session.register_component("data_loader", session._singletable_loader)
        return session

    @property
    def client(self) -> Any:
        with self._creation:
            client = super().client
            if client is not self._prepared:
                self._prepared = client
                parse_items(client)
                watch(client)
                hide_bodies(client)
                if self.settings.prepare:
                    self.settings.prepare(client)
            return client

    def dispatch(self, operation_name: str, operation_kwargs: dict[str, Any]) -> dict[str, Any]:
        if operation_name not in _CONTROL:
            operation_kwargs.setdefault("ReturnConsumedCapacity", "TOTAL")
        table_name = operation_kwargs.get("TableName")
        request = uuid4()
        self.send_pre_boto_callback(operation_name, request, table_name)  # type: ignore[no-untyped-call]
        call: Call = self._guarded_call
        for interceptor in self.around:
            call = partial(interceptor, call)
        call = partial(unquoted, call)
        observers = self.observers()
        if observers:
            answer = watched(
                observers,
                self.settings.table_name,
                operation_name,
                operation_kwargs,
                partial(call, operation_name, operation_kwargs),
                partial(units_of, operation_name, operation_kwargs, metered=self.settings.metered),
            )
        else:
            answer = call(operation_name, operation_kwargs)
        self.send_post_boto_callback(operation_name, request, table_name)  # type: ignore[no-untyped-call]
        record(operation_name, operation_kwargs, answer, metered=self.settings.metered)
        return answer

    def _guarded_call(self, operation_name: str, operation_kwargs: dict[str, Any]) -> dict[str, Any]:
        seconds = self.settings.timeouts.get(operation_name)
        connection = self if seconds is None else self._with_timeout(seconds)
        with self.settings.guard:
            answer = connection._make_api_call(operation_name, operation_kwargs)
        if DAMAGED in answer:
            # It arrived so each time, or the server sends no checksum that would have botocore ask again.
            fault = DamagedAnswer(endpoint_url=connection.client.meta.endpoint_url)
            lose(fault)
            raise fault
        return answer

    def _with_timeout(self, seconds: float) -> _Connection:
        """The same connection with another time-out: botocore's belongs to a client, and not to a request."""
        with self._creation:
            if seconds not in self._patient:
                settings = attrs.evolve(self.settings, read_timeout=seconds, timeouts={}, dax_endpoints=())
                self._patient[seconds] = _Connection(settings, tuple)
            return self._patient[seconds]


class TableConnection(PynamoTableConnection):
    """PynamoDB's table connection, over the connection above."""

    connection: _Connection

    def __init__(
        self, settings: Settings, meta_table: MetaTable, observers: Callable[[], tuple[Observer, ...]] = tuple
    ) -> None:
        # PynamoDB's own __init__ would build its own Connection; these are all the fields it sets.
        self.table_name = settings.table_name
        self.connection = _Connection(settings, observers)
        self.connection.add_meta_table(meta_table)

    @property
    def settings(self) -> Settings:
        """Where the table is, and how it is reached."""
        return self.connection.settings

    def client_of(self, service: str, endpoint_url: str | None) -> Any:
        """A botocore client of another service, with the table's region, credentials, time-outs and attempts.

        Args:
            service: The service, as botocore calls it: `dynamodbstreams`.
            endpoint_url: Where it is; None leaves that to the SDK.
        """
        settings = self.settings
        access, secret, token = settings.credentials or (None, None, None)
        client = self.connection.session.create_client(
            service,
            settings.region,
            endpoint_url=endpoint_url,
            aws_access_key_id=access,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=Config(
                connect_timeout=settings.connect_timeout,
                read_timeout=settings.read_timeout,
                retries={"total_max_attempts": settings.max_attempts, "mode": "standard"},
            ),
        )
        hide_bodies(client)
        return client
