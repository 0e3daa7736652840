"""The network: it injects faults into each HTTP attempt, those of the SDK's own retries included."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from io import BytesIO
from typing import Any

import attrs
from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HeadersDict
from botocore.exceptions import ConnectionClosedError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from singletable.engine.embedded import Answer
from singletable.testing.simulator.ledger import Ledger
from singletable.testing.simulator.scheduler import Scheduler

__all__ = ["APPLIED_LATER", "FAULTS", "WRITES", "Network", "NetworkFault"]

WRITES = frozenset({"BatchWriteItem", "DeleteItem", "PutItem", "TransactWriteItems", "UpdateItem"})
_SINGLE = frozenset({"DeleteItem", "PutItem", "UpdateItem"})
_READS = frozenset({"BatchGetItem", "GetItem", "Query", "Scan", "TransactGetItems"})
_PREFIX = "com.amazonaws.dynamodb.v20120810#"
_CANCELLED = "TransactionCanceledException"
_ENDPOINT = "https://simulated"


@attrs.frozen
class NetworkFault:
    """A fault of one HTTP attempt.

    Args:
        name: The name of the fault in a history.
        status: The HTTP status of the answer that replaces the engine's; 0 for the first half of the engine's answer.
        code: DynamoDB's error code in that answer.
        raises: The exception that replaces an answer.
        applied: Whether the engine gets the request first.
        known: Whether the client can know that the request was not applied.
        later: Whether the engine gets the request after the client has given up the attempt.
        operations: The operations that can have the fault; None for all.
    """

    name: str
    status: int = 0
    code: str = ""
    raises: Callable[[], Exception] | None = None
    applied: bool = False
    known: bool = False
    later: bool = False
    operations: frozenset[str] | None = None


_reset = partial(ConnectionClosedError, endpoint_url=_ENDPOINT)
_timeout = partial(ReadTimeoutError, endpoint_url=_ENDPOINT)
_refused = partial(EndpointConnectionError, endpoint_url=_ENDPOINT, error="refused")
_unreachable = partial(ConnectTimeoutError, endpoint_url=_ENDPOINT)

FAULTS: Sequence[NetworkFault] = (
    NetworkFault("throttled", 400, "ProvisionedThroughputExceededException", known=True),
    NetworkFault("request limit", 400, "ThrottlingException", known=True),
    NetworkFault("connection refused", raises=_refused, known=True),
    NetworkFault("connect time-out", raises=_unreachable, known=True),
    NetworkFault("credentials expired", 400, "ExpiredTokenException", known=True),
    NetworkFault("signature expired", 400, "InvalidSignatureException", known=True),
    NetworkFault("conflict", 400, "TransactionConflictException", known=True, operations=_SINGLE),
    NetworkFault(
        "cancelled by a conflict",
        400,
        _CANCELLED,
        known=True,
        operations=frozenset({"TransactWriteItems", "TransactGetItems"}),
    ),
    NetworkFault("in progress", 400, "TransactionInProgressException", operations=frozenset({"TransactWriteItems"})),
    NetworkFault("500, not applied", 500, "InternalServerError"),
    NetworkFault("503, not applied", 503, "ServiceUnavailable"),
    NetworkFault("reset, not applied", raises=_reset),
    NetworkFault("read time-out, not applied", raises=_timeout),
    NetworkFault("500, applied", 500, "InternalServerError", applied=True),
    NetworkFault("reset, applied", raises=_reset, applied=True),
    NetworkFault("read time-out, applied", raises=_timeout, applied=True),
    NetworkFault("truncated, applied", applied=True),
    NetworkFault("unprocessed", applied=True, operations=frozenset({"BatchGetItem", "BatchWriteItem"})),
)
"""Every fault.

Sources: the DynamoDB Developer Guide, "Error handling with DynamoDB" (after which errors a write may have been
applied), and the API reference of each operation.
"""

APPLIED_LATER = NetworkFault("read time-out, applied later", raises=_timeout, later=True, operations=WRITES)
"""A delayed request: the client gives up, and the engine gets the request afterwards.

It is not one of `FAULTS`, because no client can prevent an unconditional write from arriving after a later one.
"""


class Network:
    """Intercepts every HTTP attempt of a table's client (`embedded(intercept=...)`).

    Another writer may run before an attempt is sent and, if it is a write, after it was applied and before its answer.

    Args:
        scheduler: Decides which writer runs.
        ledger: Records the writes that the engine applies.
        rng: Decides which attempt meets which fault.
        faults: The faults of this history.
    """

    def __init__(
        self, scheduler: Scheduler, ledger: Ledger, rng: random.Random, faults: Sequence[NetworkFault]
    ) -> None:
        self.steps: list[str] = []
        """The steps of the history, as text."""
        self.met: Counter[str] = Counter()
        """The number of attempts that met each fault; "" counts those without one."""
        self.doubtful: set[int] = set()
        """The operations with an attempt of which a client cannot know whether it was applied."""
        self.calls: dict[str, tuple[int, float]] = {}
        """The number of each writer's current operation, and the rate of its faults."""
        self._scheduler = scheduler
        self._ledger = ledger
        self._rng = rng
        self._faults = faults
        self._delayed: list[Callable[[], Any]] = []

    def note(self, text: str) -> None:
        """Add a step."""
        self.steps.append(f"{self._scheduler.running or 'set-up':>6}  {text}")

    def __call__(self, answer: Answer, event_name: str, request: Any) -> AWSResponse:
        operation = event_name.rpartition(".")[2]
        number, rate = self.calls.get(self._scheduler.running or "", (None, 0.0))
        if operation not in WRITES | _READS:
            return answer(event_name, request)
        self._scheduler.switch()
        if self._delayed and self._rng.random() < 0.5:
            self._delayed.pop(0)()
        fault = self._choose(operation, rate, request)
        self.met[fault.name if fault else ""] += 1
        if fault is not None and number is not None and operation in WRITES and not fault.known:
            self.doubtful.add(number)
        if fault is not None and not fault.applied:
            self.note(f"    {operation}: {fault.name}")
            if fault.later:
                self._delayed.append(partial(self._apply, answer, event_name, request, number, fault))
            return self._instead(fault, request)
        response = self._apply(answer, event_name, request, number, fault)
        if operation in WRITES:
            self._scheduler.switch()
        return response if fault is None else self._instead(fault, request, response)

    def deliver(self) -> None:
        """Deliver the delayed requests to the engine."""
        while self._delayed:
            self._delayed.pop(0)()

    def _choose(self, operation: str, rate: float, request: Any) -> NetworkFault | None:
        if self._rng.random() >= rate * (0.3 if operation in _READS else 1):
            return None
        possible = [each for each in self._faults if each.operations is None or operation in each.operations]
        fault = self._rng.choice(possible) if possible else None
        if fault is not None and fault.code == _CANCELLED and operation in WRITES:
            # DynamoDB repeats its first answer for a token, so a transaction that was applied is never cancelled.
            return None if self._ledger.has(json.loads(request.body).get("ClientRequestToken")) else fault
        return fault

    def _apply(
        self, answer: Answer, event_name: str, request: Any, number: int | None, fault: NetworkFault | None
    ) -> AWSResponse:
        operation, body = event_name.rpartition(".")[2], json.loads(request.body)
        if fault is not None and fault.name == "unprocessed":
            return self._partly(answer, event_name, request, number, body)
        response = answer(event_name, request)
        content = response.content  # the response reads it once and keeps it
        if operation not in WRITES:
            if fault is not None:
                self.note(f"    {operation}: {fault.name}")
            return response
        lost = f"; {f'#{number}, ' if fault.later else ''}{fault.name}" if fault else ""
        if response.status_code != HTTPStatus.OK:
            code = json.loads(content).get("__type", "").rpartition("#")[2]
            self.note(f"    {operation}: {code or response.status_code}{lost}")
            return response
        self._record(answer, event_name, request, number, body, lost)
        return response

    def _record(
        self, answer: Answer, event_name: str, request: Any, number: int | None, body: Mapping[str, Any], lost: str
    ) -> None:
        operation = event_name.rpartition(".")[2]
        application = self._ledger.record(number, operation, body, self._scan(answer, event_name, request))
        again = " again, under its token" if application.repeated else ""
        self.note(f"    {operation}: applied{again}{lost}")

    def _partly(
        self, answer: Answer, event_name: str, request: Any, number: int | None, body: dict[str, Any]
    ) -> AWSResponse:
        """Send a part of a batch to the engine, and report the rest as unprocessed."""
        operation = event_name.rpartition(".")[2]
        writing = operation == "BatchWriteItem"
        ((table, asked),) = body["RequestItems"].items()
        entries = asked if writing else asked["Keys"]
        left = [each for each in entries if self._rng.random() < 0.5]
        done = [each for each in entries if each not in left]
        found: dict[str, Any] = {} if writing else {"Responses": {table: []}}
        if done:
            part = {**body, "RequestItems": {table: done if writing else {**asked, "Keys": done}}}
            response = answer(event_name, _altered(request, operation, part))
            if response.status_code != HTTPStatus.OK:
                return response
            found = json.loads(response.content)
            if writing:
                self._record(answer, event_name, request, number, part, f"; {len(left)} of {len(entries)} unprocessed")
        else:
            self.note(f"    {operation}: all {len(left)} unprocessed")
        name = "UnprocessedItems" if writing else "UnprocessedKeys"
        found[name] = {table: left if writing else {**asked, "Keys": left}} if left else {}
        return _response(request, HTTPStatus.OK, json.dumps(found).encode())

    def _scan(self, answer: Answer, event_name: str, request: Any) -> list[dict[str, Any]]:
        """Return every item that the engine has now."""
        body = json.loads(request.body)
        found: list[dict[str, Any]] = []
        asked = {"TableName": _table_in(body), "ConsistentRead": True}
        while True:
            scan = event_name.rpartition(".")[0] + ".Scan"
            page = json.loads(answer(scan, _altered(request, "Scan", asked)).content)
            found += page["Items"]
            if not page.get("LastEvaluatedKey"):
                return found
            asked["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _instead(self, fault: NetworkFault, request: Any, response: AWSResponse | None = None) -> AWSResponse:
        if fault.raises is not None:
            raise fault.raises()
        if fault.status:
            return _response(request, fault.status, json.dumps(_error(fault, request)).encode())
        assert response is not None
        if fault.name == "unprocessed":
            return response
        return _response(request, response.status_code, response.content[: len(response.content) // 2])


def _table_in(body: Mapping[str, Any]) -> str:
    if "RequestItems" in body:
        return str(next(iter(body["RequestItems"])))
    if "TransactItems" in body:
        ((_, first),) = body["TransactItems"][0].items()
        return str(first["TableName"])
    return str(body["TableName"])


def _error(fault: NetworkFault, request: Any) -> dict[str, Any]:
    error: dict[str, Any] = {"__type": _PREFIX + fault.code, "message": f"Simulated: {fault.name}."}
    if fault.code == _CANCELLED:
        count = len(json.loads(request.body)["TransactItems"])
        conflict = {"Code": "TransactionConflict", "Message": "Simulated."}
        error["CancellationReasons"] = [conflict, *({"Code": "None"} for _ in range(count - 1))]
    return error


def _altered(request: Any, operation: str, body: Mapping[str, Any]) -> AWSPreparedRequest:
    """Return the request with another operation and body. Its signature is wrong, but engines do not check it."""
    content = json.dumps(body).encode()
    headers = HeadersDict(request.headers)
    headers["X-Amz-Target"] = f"DynamoDB_20120810.{operation}"
    headers["Content-Length"] = str(len(content))
    return AWSPreparedRequest(request.method, request.url, headers, content, False)


class _Raw(BytesIO):
    """A body with the interface of urllib3's."""

    def stream(self, **_: Any) -> Any:
        yield self.read()


def _response(request: Any, status: int, body: bytes) -> AWSResponse:
    headers = HeadersDict({"Content-Type": "application/x-amz-json-1.0"})
    return AWSResponse(request.url, status, headers, _Raw(body))
