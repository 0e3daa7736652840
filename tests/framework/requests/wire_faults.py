"""Faults of single HTTP attempts; the SDK retries, but without its pauses and its quota."""

import json
from contextlib import contextmanager

import attrs
from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError, ReadTimeoutError, SSLError

from singletable.models.binding.binding import connection_of

REFUSALS = {
    "throttled": (400, "ProvisionedThroughputExceededException"),
    "conflict": (400, "TransactionConflictException"),
    "in progress": (400, "TransactionInProgressException"),
    "expired": (400, "ExpiredTokenException"),
    "skewed": (400, "InvalidSignatureException"),
    "invalid": (400, "ValidationException"),
    "500": (500, "InternalServerError"),
    "503": (503, "ServiceUnavailable"),
}
"""Statuses and codes of answers to requests that the engine does not get."""

UNSENT = {
    "no connection": lambda: EndpointConnectionError(endpoint_url="injected", error="refused"),
    "reset": lambda: ConnectionClosedError(endpoint_url="injected"),
    "bad certificate": lambda: SSLError(endpoint_url="injected", error="CERTIFICATE_VERIFY_FAILED"),
}

ODD = {"204": (204, b""), "an error with 200": (200, b'{"__type": "com.amazon#Throttling"}'), "a list": (200, b"[]")}
"""Answers of a proxy that botocore treats as success, to requests that the engine does not get."""

LOST = {
    "lost: time-out": lambda: ReadTimeoutError(endpoint_url="injected"),
    "lost: reset": lambda: ConnectionClosedError(endpoint_url="injected"),
    "lost: TLS": lambda: SSLError(endpoint_url="injected", error="bad record mac"),
}
"""Faults after the engine has applied the request; also "lost: 500", "lost: truncated", "lost: checksum"."""


class WireFaults:
    """The faults of the next attempts, in order; `asked` has the requests that were sent, with their faults.

    Args:
        engine: Sends a request to the engine, and returns its answer.
    """

    def __init__(self, engine):
        self._engine = engine
        self.asked = []
        self.script = []
        self.before = None
        """Called with each operation before it reaches the engine, so that another writer can be faster."""

    def __call__(self, request, event_name, **_):
        operation = event_name.rpartition(".")[2]
        fault = self.script.pop(0) if self.script and operation != "GetItem" else None
        self.asked.append((operation, fault))
        if isinstance(fault, tuple):
            return _refusal(request, 400, fault[0], **fault[1])
        if fault in REFUSALS:
            return _refusal(request, *REFUSALS[fault])
        if fault in ODD:
            status, body = ODD[fault]
            return _answer(request, status, body, {})
        if fault in UNSENT:
            raise UNSENT[fault]()
        if self.before is not None:
            self.before(operation)
        response = self._engine(event_name, request)
        if fault in LOST:
            raise LOST[fault]()
        if fault == "lost: 500":
            return _refusal(request, *REFUSALS["500"])
        if fault == "lost: truncated":
            return _answer(request, 200, response.content[:-2], {})
        if fault == "lost: checksum":
            return _answer(request, 200, response.content, {"x-amz-crc32": "1"})
        return response


def _refusal(request, status, code, **more):
    body = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "injected", **more}).encode()
    return _answer(request, status, body, {})


def answer_of(request, body):
    """Return a good answer with a body."""
    return _answer(request, 200, json.dumps(body).encode(), {})


class _Raw:
    def __init__(self, body):
        self._body = body

    def stream(self, *arguments, **options):
        yield self._body


def _answer(request, status, body, headers):
    return AWSResponse(request.url, status, HeadersDict(headers), _Raw(body))


class _Catcher:
    """A stand-in for a client, which receives the handler that is registered with it."""

    def __init__(self, client):
        self.meta = self.events = self
        self.service_model = client.meta.service_model
        self.handler = None

    def register_first(self, event_name, handler):
        self.handler = handler

    def unregister(self, *_):
        pass


@contextmanager
def wire_faults(table, monkeypatch, transport="botocore"):
    """Inject faults into the attempts of a table that is bound to the embedded engine.

    Args:
        table: The table.
        monkeypatch: The fixture.
        transport: The path of the requests.
    """
    connection = connection_of(table).connection
    catcher, events = _Catcher(connection.client), connection.client.meta.events
    connection.settings.prepare(catcher)
    faults = WireFaults(catcher.handler)
    direct = connection._direct
    settings = direct._settings
    if transport == "direct":
        direct._settings = attrs.evolve(settings, answer=faults)
    else:
        # botocore calls every handler of an event, also after a handler has answered.
        events.unregister("before-send.dynamodb", catcher.handler)
        events.register_first("before-send.dynamodb", faults)
    with monkeypatch.context() as patched:
        patched.setattr("botocore.endpoint.time.sleep", lambda seconds: None)
        # The faults of many tests would use up the client's quota of retries.
        patched.setattr("botocore.retries.standard.RetryQuotaChecker.acquire_retry_quota", lambda *_: True)
        yield faults
    direct._settings = settings
    if transport == "botocore":
        events.unregister("before-send.dynamodb", faults)
        events.register_first("before-send.dynamodb", catcher.handler)
