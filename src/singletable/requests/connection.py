"""PynamoDB's connection, adapted for tables in production.

It differs from PynamoDB 6.1's own in four ways: the client is created under a lock (PynamoDB creates it lazily, and
shares it between threads without a lock); the retry mode is pinned (PynamoDB's default has changed between versions);
item values are neither logged at DEBUG (`bodies`) nor quoted by errors (`quoting`); and items are parsed in one step
(`wire`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Lock
from typing import Any
from uuid import uuid4

import attrs
from botocore.config import Config
from pynamodb.connection.base import Connection as PynamoConnection
from pynamodb.connection.base import MetaTable
from pynamodb.connection.table import TableConnection as PynamoTableConnection

from singletable.errors import InvalidRequestError
from singletable.forking import renewed_in_child
from singletable.requests.attempts import lose, watch
from singletable.requests.bodies import hide_bodies
from singletable.requests.calls import Call, Interceptor
from singletable.requests.connection_settings import Settings
from singletable.requests.dax import Dax
from singletable.requests.direct import DirectPath
from singletable.requests.metering import record, units_of
from singletable.requests.observing import Observer, watched
from singletable.requests.obstacles import DIRECT, Obstacles
from singletable.requests.quoting import unquoted
from singletable.requests.services import label_errors
from singletable.requests.sessions import creating, free_credentials, session_of
from singletable.requests.wire import DAMAGED, DamagedAnswerError, parse_items
from singletable.steps import Blocking, Steps, run

__all__ = ["TableConnection"]

_CONTROL = frozenset(
    {
        "CreateTable",
        "DeleteTable",
        "DescribeContinuousBackups",
        "DescribeTable",
        "DescribeTimeToLive",
        "ListTagsOfResource",
        "ListTables",
        "UpdateTable",
        "UpdateTimeToLive",
    }
)


class _Connection(PynamoConnection):
    """A connection with given settings.

    Args:
        settings: The settings.
        observers: Returns the observers of the requests.
        sharing: A connection whose client this one uses; its settings may differ only in the table's name.
    """

    def __init__(
        self,
        settings: Settings,
        observers: Callable[[], tuple[Observer, ...]],
        sharing: _Connection | None = None,
    ) -> None:
        super().__init__(
            region=settings.region,
            host=settings.endpoint_url,
            connect_timeout_seconds=settings.connect_timeout,
            read_timeout_seconds=settings.read_timeout,
            retry_configuration={"total_max_attempts": settings.max_attempts, "mode": "standard"},
            max_pool_connections=settings.max_connections,
            extra_headers=settings.extra_headers,
        )
        self.settings = settings
        self.place = settings.place
        self.observers = observers
        self.shared: _Connection = self if sharing is None else sharing.shared
        self._made: Any = None
        self._prepared: Any = None
        self._direct: Any = None
        self._obstacles: Any = None
        self._patient: dict[float, _Connection] = {}
        self._counting = Lock()
        self._in_progress = 0
        self._dropped = False
        renewed_in_child(self)
        self.around: tuple[Interceptor, ...] = (Dax(settings, self.session),) if settings.dax_endpoints else ()

    @property
    def session(self) -> Any:
        """The botocore session that creates the clients."""
        if self.shared is not self:
            return self.shared.session
        with creating():
            if self._made is None:
                self._made = session_of(self.settings)
            return self._made

    @property
    def _is_prepared(self) -> bool:
        """Whether the client exists and has credentials; botocore keeps a client without credentials as it is."""
        return self._prepared is not None and bool(self._prepared._request_signer._credentials)

    @property
    def client(self) -> Any:
        if self.shared is not self:
            return self.shared.client
        if self._is_prepared:
            return self._prepared
        with creating():
            client = super().client
            if client is not self._prepared:
                parse_items(client)
                watch(client)
                hide_bodies(client)
                if self.settings.prepare:
                    self.settings.prepare(client)
                self._direct, self._obstacles = DirectPath(client, self.settings), Obstacles(client, self.settings)
                self._prepared = client
            return client

    def dispatch(self, operation_name: str, operation_kwargs: dict[str, Any]) -> dict[str, Any]:
        return run(self.steps(operation_name, operation_kwargs))

    def steps(self, operation_name: str, operation_kwargs: dict[str, Any]) -> Steps[dict[str, Any]]:
        """Send one operation in steps, as `dispatch` does."""
        if operation_name not in _CONTROL:
            operation_kwargs.setdefault("ReturnConsumedCapacity", "TOTAL")
        table_name = operation_kwargs.get("TableName")
        request = uuid4()
        self.send_pre_boto_callback(operation_name, request, table_name)  # type: ignore[no-untyped-call]
        call: Call = self._call
        for interceptor in self.around:
            call = partial(interceptor, call)
        sending = unquoted(call, operation_name, operation_kwargs)
        observers = self.observers()
        if observers:
            units = partial(units_of, operation_name, operation_kwargs, metered=self.settings.metered)
            table = self.settings.table_name
            sending = watched(observers, table, operation_name, operation_kwargs, sending, units)
        answer = yield from sending
        self.send_post_boto_callback(operation_name, request, table_name)  # type: ignore[no-untyped-call]
        record(operation_name, operation_kwargs, answer, metered=self.settings.metered)
        return answer

    def _call(self, operation_name: str, operation_kwargs: dict[str, Any]) -> Steps[dict[str, Any]]:
        with self.shared._request():
            answer = yield from self._call_directly(operation_name, operation_kwargs)
            if answer is None:
                answer = yield Blocking(partial(self._call_botocore, operation_name, operation_kwargs))
        if DAMAGED in answer:
            # Every attempt was damaged, or the server sends no checksum; without one, botocore does not retry.
            fault = DamagedAnswerError(endpoint_url=self.client.meta.endpoint_url)
            lose(fault)
            raise fault
        return answer

    def _call_directly(self, operation_name: str, operation_kwargs: dict[str, Any]) -> Steps[dict[str, Any] | None]:
        """Send a request on the direct path; return None if it needs botocore's."""
        settings, shared = self.settings, self.shared
        if settings.transport == "botocore":
            return None
        if not shared._is_prepared:
            # To make the client, botocore reads files, and may look for credentials on the network.
            yield Blocking(lambda: self.client)
        operation = shared._obstacles.operation(operation_name)
        if not isinstance(operation, str):
            seconds = settings.timeouts.get(operation_name, settings.read_timeout)
            direct: DirectPath = shared._direct
            return (yield from direct.steps(operation, operation_kwargs, seconds))
        if settings.transport == "direct" and operation_name in DIRECT:
            raise InvalidRequestError(
                f"{operation_name} on {settings.table_name!r} cannot take the direct path: {operation}.",
                remedy="Leave transport out: such requests then go through botocore.",
            )
        return None

    def _call_botocore(self, operation_name: str, operation_kwargs: dict[str, Any]) -> dict[str, Any]:
        seconds = self.settings.timeouts.get(operation_name)
        connection = self if seconds is None else self.shared._with_timeout(seconds)
        answer: dict[str, Any] = connection.client._make_api_call(operation_name, operation_kwargs)
        return answer

    def _with_timeout(self, seconds: float) -> _Connection:
        """Return the same connection with another time-out, which in botocore belongs to a client, not to a request."""
        with creating():
            if seconds not in self._patient:
                settings = attrs.evolve(self.settings, read_timeout=seconds, timeouts={}, dax_endpoints=())
                patient = self._patient[seconds] = _Connection(settings, tuple)
                patient._made = self.session
            return self._patient[seconds]

    @contextmanager
    def _request(self) -> Iterator[None]:
        """Keep the client's sockets open for a request."""
        with self._counting:
            self._in_progress += 1
        try:
            yield
        finally:
            with self._counting:
                self._in_progress -= 1
                ending = self._dropped and not self._in_progress
            if ending:
                self._close()

    def drop(self) -> None:
        """Close the sockets after the requests in progress; a later request opens new sockets, and closes them."""
        with self._counting:
            self._dropped = True
            if self._in_progress:
                return
        self._close()

    def _close(self) -> None:
        for each in (self, *self._patient.values()):
            if each._client is not None:
                each._client.close()
            if each._direct is not None:
                each._direct.close()

    def renew(self) -> None:
        """Forget the client and session of the parent process; called in a child.

        Their sockets stay open, because the parent uses them.
        """
        self._client = self._prepared = self._made = self._direct = self._obstacles = None
        if self.settings.session is not None:
            free_credentials(self.settings.session)
        self._patient = {}
        self._counting = Lock()
        self._in_progress = 0


class TableConnection(PynamoTableConnection):
    """PynamoDB's table connection, which sends through a connection with settings.

    Args:
        settings: The settings.
        meta_table: PynamoDB's description of the table.
        observers: Returns the observers of the requests.
        sharing: A connection whose client this one uses.
        declared_name: Returns the table's name in Meta; None for the name in the settings.
    """

    connection: _Connection

    def __init__(
        self,
        settings: Settings,
        meta_table: MetaTable,
        observers: Callable[[], tuple[Observer, ...]] = tuple,
        sharing: TableConnection | None = None,
        declared_name: Callable[[], str] | None = None,
    ) -> None:
        # PynamoDB's __init__ would create a Connection of its own. These are all the fields that it sets.
        self.table_name = settings.table_name
        self.declared_name = declared_name or (lambda: settings.table_name)
        self.connection = _Connection(settings, observers, None if sharing is None else sharing.connection)
        self.connection.add_meta_table(meta_table)

    @property
    def settings(self) -> Settings:
        """The settings: the table's place, and how requests reach it."""
        return self.connection.settings

    def batch_write_item(self, *args: Any, **kwargs: Any) -> Any:
        """Send a BatchWriteItem of PynamoDB's BatchWrite, which looks for unprocessed items under the name in Meta."""
        answer = super().batch_write_item(*args, **kwargs)
        left = answer.get("UnprocessedItems") or {}
        if self.table_name in left:
            left[self.declared_name()] = left[self.table_name]
        return answer

    def client_of(self, service: str, endpoint_url: str | None) -> Any:
        """Return a botocore client of another service with the table's region, credentials, time-outs and attempts.

        Args:
            service: The service, by botocore's name: `dynamodbstreams`.
            endpoint_url: Its URL; None for the SDK's choice.
        """
        settings = self.settings
        with creating():
            client = self.connection.session.create_client(
                service,
                settings.region,
                endpoint_url=endpoint_url,
                config=Config(
                    connect_timeout=settings.connect_timeout,
                    read_timeout=settings.read_timeout,
                    retries={"total_max_attempts": settings.max_attempts, "mode": "standard"},
                ),
            )
        hide_bodies(client)
        return label_errors(client)
