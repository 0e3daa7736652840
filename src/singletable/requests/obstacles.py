"""Obstacles: the reasons for which a request must take botocore's path.

botocore lets other code see and change requests: by event handlers, by replacing the client's method, by a proxy. Code
that does so must see every request, so only requests that no other code sees take the direct path.
"""

from __future__ import annotations

from functools import cached_property
from os import path, urandom
from types import FunctionType
from typing import Any

import attrs
import botocore
from botocore.awsrequest import AWSRequest
from botocore.endpoint import Endpoint
from botocore.httpsession import URLLib3Session
from botocore.signers import RequestSigner

from singletable.requests.connection_settings import Settings
from singletable.requests.types import Params

__all__ = ["DIRECT", "JSON", "SIGNATURE", "ApiOperation", "Obstacles", "random_uuid"]

DIRECT = frozenset(
    {
        "BatchExecuteStatement",
        "BatchGetItem",
        "BatchWriteItem",
        "DeleteItem",
        "ExecuteStatement",
        "ExecuteTransaction",
        "GetItem",
        "PutItem",
        "Query",
        "Scan",
        "TransactGetItems",
        "TransactWriteItems",
        "UpdateItem",
    }
)
"""The operations on items. Those on tables are rare, and their answers have more types."""

JSON = "json"
"""botocore's name for the protocol of DynamoDB."""

SIGNATURE = "v4"
"""botocore's name for AWS Signature Version 4."""

_EVENTS = (
    "provide-client-params",
    "before-parameter-build",
    "before-endpoint-resolution",
    "before-call",
    "request-created",
    "choose-signer",
    "before-sign",
    "before-send",
    "response-received",
    "before-parse",
    "needs-retry",
    "after-call",
    "after-call-error",
)
"""The events of a request, at which other code can see or change it."""

_OURS = ("botocore", "pynamodb", "singletable")
"""The packages whose handlers of these events have no effect on the direct path, or the same effect."""

_STUBBER_OF_BOTOCORE = "botocore.stub"
_STUBBER_OF_MOTO = "moto.core.botocore_stubber"

_USER_AGENTS = {"aws_lambda_powertools.shared.user_agent"}
"""The modules whose handlers only change the header User-Agent; powertools adds its own to every session."""

_FRAMING = frozenset({"connection", "content-length", "host", "transfer-encoding"})
"""Headers that decide how a request is sent."""

_BOTOCORE = path.dirname(botocore.__file__)
_REPLACED = "the client's method _make_api_call was replaced"


@attrs.frozen(slots=False)
class ApiOperation:
    """An operation of DynamoDB, with the parts of botocore's description that a request needs.

    Args:
        name: Its name.
        model: botocore's description of it.
        user_agent: The header User-Agent of its requests.
    """

    name: str
    model: Any
    user_agent: str

    @cached_property
    def target(self) -> str:
        """The header that names the operation."""
        return f"{self.model.metadata['targetPrefix']}.{self.name}"

    @cached_property
    def members(self) -> frozenset[str]:
        """The members of its answer."""
        return frozenset(self.model.output_shape.members)

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """The arguments that make a repeated request harmless, and that botocore adds: `ClientRequestToken`."""
        return tuple(self.model.idempotent_members)

    def with_token(self, params: Params) -> Params:
        """Return the arguments with the tokens that are not given."""
        missing = [name for name in self.tokens if name not in params]
        return {**params, **{name: random_uuid() for name in missing}} if missing else params

    def event(self, name: str) -> str:
        """Return the name of one of botocore's events for the operation."""
        return f"{name}.dynamodb.{self.name}"


@attrs.frozen
class _Known:
    """The inspected handlers of a client. Threads share the value, so it is replaced as a whole.

    Args:
        handlers: botocore's cache of the handlers.
        operations: The operations that were inspected, or their obstacles.
        stubbers: The stubbers of moto among the handlers.
    """

    handlers: Any
    operations: dict[str, ApiOperation | str] = attrs.field(factory=dict)
    stubbers: list[Any] = attrs.field(factory=list)


class Obstacles:
    """The obstacles of the requests of one botocore client.

    Args:
        client: The client.
        settings: The settings that it was made from.
    """

    def __init__(self, client: Any, settings: Settings) -> None:
        self._client = client
        self._make_api_call: Any = type(client)._make_api_call
        self._of_all = _obstacle(client, settings)
        self._known = _Known(None)

    def operation(self, name: str) -> ApiOperation | str:
        """Return an operation that can take the direct path, or the obstacle.

        It is asked before each request, since other code may add a handler at any time.
        """
        if self._of_all is not None or name not in DIRECT:
            return self._of_all or f"{name} is not an operation on items"
        client = self._client
        # botocore makes a new cache when a handler is added or removed.
        handlers = client.meta.events._emitter._lookup_cache
        known = self._known
        if known.handlers is not handlers:
            known = self._known = _Known(handlers)
        found = known.operations.get(name)
        if found is None:
            found = known.operations[name] = self._inspected(name, known.stubbers)
        if type(client)._make_api_call is not self._make_api_call or "_make_api_call" in client.__dict__:
            return _REPLACED
        if known.stubbers and any(stubber.enabled for stubber in known.stubbers):
            return "mock_aws() answers"
        return found

    def _inspected(self, name: str, stubbers: list[Any]) -> ApiOperation | str:
        """Return an operation, or the obstacle if a handler of other code receives one of its events.

        Args:
            name: The operation.
            stubbers: The stubbers of moto, to which those of the operation are added.
        """
        find = self._client.meta.events._emitter._handlers.prefix_search
        request = AWSRequest("POST", headers={"User-Agent": self._client._user_agent_creator.to_string()})
        for event in _EVENTS:
            for handler in find(f"{event}.dynamodb.{name}"):
                module = getattr(handler, "__module__", None) or ""
                if module == _STUBBER_OF_MOTO:
                    # moto adds it to every client when it is imported. Only mock_aws() enables it.
                    if handler not in stubbers:
                        stubbers.append(handler)
                elif module in _USER_AGENTS:
                    handler(request=request, operation_name=name)
                elif module.partition(".")[0] not in _OURS or module == _STUBBER_OF_BOTOCORE:
                    return f"{module or repr(handler)} handles botocore's event {event}"
        # A header that is set again is added to the earlier ones. The last one is sent.
        agent = str(request.headers.get_all("User-Agent")[-1])
        return ApiOperation(name, self._client.meta.service_model.operation_model(name), agent)


def random_uuid() -> str:
    """Return a random UUID (RFC 9562, version 4)."""
    text = urandom(16).hex()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def _obstacle(client: Any, settings: Settings) -> str | None:
    """Return why no request of a client can take the direct path; None if most can."""
    call = type(client)._make_api_call
    try:
        signer, endpoint = client._request_signer, client._endpoint
        session, service = endpoint.http_session, client.meta.service_model
        obstacles = {
            # Older versions of botocore know one protocol for each service.
            "its protocol is not JSON": getattr(service, "resolved_protocol", service.protocol) != JSON,
            "its client is prepared by other code": settings.prepare is not None and settings.answer is None,
            "extra_headers decide how requests are framed": bool(
                _FRAMING & {name.lower() for name in settings.extra_headers or {}}
            ),
            # Tracers replace this method by a function or an object of their own.
            _REPLACED: (type(call) is not FunctionType or not call.__code__.co_filename.startswith(_BOTOCORE)),
            "its requests are not signed by version 4": (
                type(signer) is not RequestSigner
                or signer._signature_version != SIGNATURE
                or signer._auth_token is not None
                or bool(getattr(client.meta.config, "auth_scheme_preference", None))
            ),
            "it has no credentials": signer._credentials is None,
            "its endpoint is of another class": type(endpoint) is not Endpoint or type(session) is not URLLib3Session,
            "it has a client certificate": session._cert_file is not None,
        }
    except AttributeError as error:
        return f"this version of botocore has no {error.name}"
    return next((obstacle for obstacle, is_there in obstacles.items() if is_there), None)
