"""DAX: the requests that go to the cluster or to the table, and the fallback if the cluster is out of reach.

The rule is fixed, and does not depend on earlier requests. The cluster receives eventually consistent reads of keys and
queries, and all writes of items, so that its cache follows them. The table receives consistent and transactional
reads, which a cluster only passes on (Developer Guide, "DAX and DynamoDB consistency models"); scans, which should
return the stored items, and would evict everything else from the cache; and the operations that a cluster lacks:
PartiQL, and those on tables.

The retries of AWS's client (amazon-dax-client 2.1) are switched off: it repeats a write whose answer was lost, and
even one whose condition failed. This module repeats the requests that are safe to repeat.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable, Iterable, Mapping
from threading import RLock
from time import monotonic
from typing import Any

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    NoCredentialsError,
    NoRegionError,
    ReadTimeoutError,
)

from singletable.errors import EngineUnavailableError
from singletable.forking import renewed_in_child
from singletable.requests.calls import Call
from singletable.requests.connection_settings import Settings
from singletable.requests.retry import THROTTLED, Retry
from singletable.requests.sessions import session_of
from singletable.requests.stored_values import same_value
from singletable.requests.types import Item, Params
from singletable.steps import Blocking, Steps, run

__all__ = ["AWAY", "CONNECT_TIMEOUT", "Dax", "goes_to_cluster"]

AWAY = 30.0
"""Seconds for which requests go to the table before one tries the cluster again."""

CONNECT_TIMEOUT = 1.0
"""Seconds to wait for a connection to a node, which is in the same network, a millisecond away."""

_READS = {"BatchGetItem": "batch_get_item", "GetItem": "get_item", "Query": "query"}
_WRITES = {
    "BatchWriteItem": "batch_write_item",
    "DeleteItem": "delete_item",
    "PutItem": "put_item",
    "TransactWriteItems": "transact_write_items",
    "UpdateItem": "update_item",
}
_METHODS = _READS | _WRITES

_FIRST_PAUSE = 0.05
_REQUEST_ERROR = 4
"""The first of a node's error codes if the cause is the request, not the cluster."""

_NAMES_OF_DYNAMODB = {
    "InternalServerErrorException": "InternalServerError",
    "RequestLimitExceededException": "RequestLimitExceeded",
}
_ITEM_OF_FAILURE = "ReturnValuesOnConditionCheckFailure"
_PARTS_OF_A_REASON = 3
_PARTS_OF_A_KEY = 2

_log = logging.getLogger("singletable")


def goes_to_cluster(operation: str, params: Mapping[str, Any]) -> bool:
    """Return whether a request goes to the cluster; all others go to the table.

    Args:
        operation: The DynamoDB operation.
        params: Its arguments.
    """
    parts = (params, *params.get("RequestItems", {}).values())
    return operation in _WRITES or (operation in _READS and not any(each.get("ConsistentRead") for each in parts))


class Dax:
    """An interceptor of every call of a connection, which sends some of them to the cluster.

    While the cluster is out of reach, all requests go to the table, except one every `AWAY` seconds, which tries the
    cluster. If the cluster fails a read, the read goes to the table. A write goes there only if it was certainly not
    sent to the cluster.

    Args:
        settings: The settings of the connection.
        session: A botocore session, for credentials.

    Raises:
        EngineUnavailableError: amazon-dax-client is not installed.
    """

    def __init__(self, settings: Settings, session: Any) -> None:
        self._settings = settings
        self._session = session
        self._make = _client_class()
        self._lock = RLock()
        self._client: Any = None
        self._closing: Any = None
        self._out_of_reach = False
        self._away_until = 0.0
        renewed_in_child(self)

    def renew(self) -> None:
        """Forget the client of the parent process; called in a child, where the client's threads do not run."""
        if self._closing is not None:
            self._closing.detach()
        self._client = self._closing = self._session = None
        self._lock = RLock()

    def __call__(self, call: Call, operation: str, params: dict[str, Any]) -> Steps[dict[str, Any]]:
        if not goes_to_cluster(operation, params):
            return (yield from call(operation, params))
        # AWS's client of clusters blocks its thread.
        answer: dict[str, Any] = yield Blocking(lambda: self._ask(lambda *sent: run(call(*sent)), operation, params))
        return answer

    def _ask(
        self, call: Callable[[str, dict[str, Any]], dict[str, Any]], operation: str, params: dict[str, Any]
    ) -> dict[str, Any]:
        """Send a request to the cluster, or to the table by `call` if the cluster is out of reach."""
        client = self._reached()
        if client is None:
            return call(operation, params)
        reading = operation in _READS
        fault: Exception
        attempts = self._settings.max_attempts
        for attempt in Retry(attempts, _FIRST_PAUSE):
            try:
                answer = getattr(client, _METHODS[operation])(**_as_sent(operation, params))
            except BotoCoreError:
                # The client looks up credentials again when they expire, and the lookup failed.
                raise
            except Exception as error:  # the client does not wrap the errors of sockets and of its parser
                if _is_answer(error):
                    self._back()
                    if attempt + 1 == attempts or not _passes(error, reading):
                        raise _as_botocore_error(error, operation, params) from error
                elif _was_not_sent(error) or (reading and (attempt or attempts == 1 or _is_late(error))):
                    fault = error
                    break
                elif not reading:
                    # A time-out suggests that the cluster is down; a closed connection does not.
                    if _is_late(error):
                        self._leave(error)
                    raise self._no_answer(error) from error
            else:
                self._back()
                return _as_dynamodb_answers(operation, params, answer)
        self._leave(fault)
        return call(operation, params)

    def _reached(self) -> Any:
        """Return the client; None while requests go to the table."""
        if monotonic() < self._away_until:
            return None
        with self._lock:
            if monotonic() < self._away_until:
                return None
            if self._out_of_reach:
                # Other requests go to the table without waiting for this one.
                self._away_until = monotonic() + AWAY
            if self._client is None:
                try:
                    self._client = self._connect()
                except BotoCoreError:
                    raise
                except Exception as error:  # as above
                    if _is_answer(error):
                        raise _as_botocore_error(error, "Connecting to DAX", {}) from error
                    self._leave(error)
            return self._client

    def _connect(self) -> Any:
        if self._session is None:
            self._session = session_of(self._settings)
        region = self._settings.region or self._session.get_config_variable("region")
        if region is None:
            raise NoRegionError()
        if self._session.get_credentials() is None:
            # The client would report a cluster that does not answer.
            raise NoCredentialsError()
        client = self._make(
            self._session,
            region_name=region,
            endpoints=list(self._settings.dax_endpoints),
            config=Config(
                connect_timeout=min(self._settings.connect_timeout, CONNECT_TIMEOUT),
                read_timeout=self._settings.read_timeout,
                retries={"max_attempts": 0},
            ),
        )
        # Its threads must end with the connection.
        self._closing = weakref.finalize(self, client.close)
        return client

    def _leave(self, error: Exception) -> None:
        with self._lock:
            self._away_until = monotonic() + AWAY
            if self._out_of_reach:
                return
            self._out_of_reach = True
        _log.warning(
            "The DAX cluster %s is out of reach (%s): requests go to the table %r; the cluster is tried again every %d"
            " seconds.",
            self._place,
            getattr(error, "code", None) or type(error).__name__,
            self._settings.table_name,
            AWAY,
        )

    def _back(self) -> None:
        if not self._out_of_reach:
            return
        with self._lock:
            self._out_of_reach, self._away_until = False, 0.0
        _log.info("The DAX cluster %s answers again.", self._place)

    def _no_answer(self, error: Exception) -> BotoCoreError:
        kind = ReadTimeoutError if _is_late(error) else ConnectionClosedError
        return kind(endpoint_url=self._place, error=error)

    @property
    def _place(self) -> str:
        return ", ".join(self._settings.dax_endpoints)


def _client_class() -> Callable[..., Any]:
    try:
        from amazondax import AmazonDaxClient
    except ImportError as error:
        raise EngineUnavailableError(
            "DAX endpoints are set, but amazon-dax-client is not installed.",
            remedy="Run `pip install 'singletable[dax]'`, or leave out Meta.dax_endpoints and --dax.",
        ) from error
    return AmazonDaxClient  # type: ignore[no-any-return]


# --- errors ---------------------------------------------------------------------------


def _is_answer(error: Exception) -> bool:
    """Return whether DynamoDB, a node, or a check of the client refused the request."""
    codes = getattr(error, "codes", None)
    if codes:
        return bool(codes[0] == _REQUEST_ERROR)
    return isinstance(error, ClientError) and getattr(error, "code", None) == "ValidationException"


def _passes(error: Exception, reading: bool) -> bool:
    """Return whether the same request may succeed in a moment; a throttled request did nothing."""
    code = _code(error)
    return code in THROTTLED or (reading and code == "InternalServerError")


def _was_not_sent(error: Exception) -> bool:
    # A time-out while connecting looks like one while waiting for the answer, so it does not count as not sent.
    return getattr(error, "code", None) == "NoRouteException" or isinstance(error, ConnectionRefusedError)


def _is_late(error: Exception) -> bool:
    return isinstance(error, TimeoutError)


def _code(error: Exception) -> Any:
    code = getattr(error, "code", None)
    if code is None and getattr(error, "auth_error", False):
        return "AccessDeniedException"
    return _NAMES_OF_DYNAMODB.get(code, code) if isinstance(code, str) else code


def _as_botocore_error(error: Any, operation: str, params: Params) -> ClientError:
    """Return the error that botocore would raise for a table."""
    response = {**error.response, "Error": {**error.response.get("Error", {}), "Code": _code(error)}}
    reasons = getattr(error, "cancellation_reasons", None) or ()
    if len(reasons) == _PARTS_OF_A_REASON * len(params.get("TransactItems", ())):
        # The client leaves the reasons flat, as a node sends them: code, message and item of each operation in turn.
        response["CancellationReasons"] = [
            {"Code": code or "None", **({"Message": message} if message else {})}
            for code, message in zip(reasons[::_PARTS_OF_A_REASON], reasons[1::_PARTS_OF_A_REASON], strict=True)
        ]
    return ClientError(response, operation)


# --- differences between the client and botocore ---------------------------------------


def _as_sent(operation: str, params: Params) -> Params:
    """Return the arguments for the client.

    The client cannot return the item of a failed condition. A caller that needs the item reads it from the table.
    """
    if operation == "BatchWriteItem":
        # The client changes the requests that it is given.
        requests = params["RequestItems"].items()
        return {**params, "RequestItems": {name: _copies(each) for name, each in requests}}
    if operation == "TransactWriteItems":
        parts = [{kind: _without_item(part) for kind, part in each.items()} for each in params["TransactItems"]]
        return {**params, "TransactItems": parts}
    return _without_item(params)


def _copies(requests: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{kind: dict(part) for kind, part in each.items()} for each in requests]


def _without_item(params: Params) -> Params:
    return {name: value for name, value in params.items() if name != _ITEM_OF_FAILURE}


def _as_dynamodb_answers(operation: str, params: Params, answer: dict[str, Any]) -> dict[str, Any]:
    if operation == "BatchWriteItem" and answer.get("UnprocessedItems"):
        sent, left = params["RequestItems"], answer["UnprocessedItems"]
        return {**answer, "UnprocessedItems": {name: _undone(sent[name], each) for name, each in left.items()}}
    return answer


def _undone(sent: list[Params], left: list[Params]) -> list[Params]:
    """Return the requests that a node left unprocessed, as they were sent: the client loses the key of a put.

    If several puts match a returned item, all of them are sent again; if none matches, all puts are. To put an item
    again does not change it.
    """
    puts = [each for each in sent if "PutRequest" in each]
    undone = [each for each in left if "DeleteRequest" in each]
    returned = [each["PutRequest"]["Item"] for each in left if "PutRequest" in each]
    known = [any(_may_be(put["PutRequest"]["Item"], item) for put in puts) for item in returned]
    if all(known):
        puts = [put for put in puts if any(_may_be(put["PutRequest"]["Item"], item) for item in returned)]
    return [*undone, *(puts if returned else ())]


def _may_be(item: Item, returned: Item) -> bool:
    """Return whether an item matches an item that the client returned, which may lack the key."""
    return len(item) - len(returned) <= _PARTS_OF_A_KEY and all(
        same_value(item.get(name), value) for name, value in returned.items()
    )
