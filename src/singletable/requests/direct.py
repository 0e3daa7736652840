"""The direct path of a request: signed, sent and answered without botocore's layers, which cost 90 % of a request.

A botocore client stays the source of every decision: endpoint, region, credentials, trust, user agent, retry mode and
errors. This path only replaces its serializer, signer, HTTP client and parser. If anything could see or change requests
on botocore's path (an event handler of other code, a patched client, a proxy, a client certificate, another signer),
the request goes there.
"""

from __future__ import annotations

import json
import logging
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial
from http import HTTPStatus
from os import environ, path, urandom
from types import FunctionType
from typing import Any
from urllib.parse import urlsplit

import attrs
import botocore
import orjson
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.endpoint import Endpoint
from botocore.handlers import add_recursion_detection_header
from botocore.hooks import first_non_none_response
from botocore.httpsession import URLLib3Session
from botocore.parsers import create_parser
from botocore.signers import RequestSigner

from singletable.requests.connection_settings import Settings
from singletable.requests.types import Params
from singletable.requests.wire import read_answer
from singletable.transport.exchange import Exchange, Pools
from singletable.transport.http import Answer, request_bytes
from singletable.transport.server import Server
from singletable.transport.signing import Signer
from singletable.transport.steps import Blocking, Pause, Step, Steps

__all__ = ["DIRECT", "DirectPath"]

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
"""The packages whose handlers of these events have no effect on this path, or the same effect."""

_STUBBER = "botocore.stub"
"""The exception: botocore's own stubber for tests."""

_FRAMING = frozenset({"connection", "content-length", "host", "transfer-encoding"})
"""Headers that decide how a request is sent."""

_SIGNATURE = "v4"
_BOTOCORE = path.dirname(botocore.__file__)

_log = logging.getLogger("singletable")


@attrs.frozen
class _Target:
    """The server of a request, and the signer of its requests.

    Args:
        pools: The connections.
        signer: The signer.
        path: The path of the URL.
        headers: The headers that are signed in each request, by their names in lower case.
    """

    pools: Pools
    signer: Signer
    path: str
    headers: Mapping[str, str]


class DirectPath:
    """The direct path of the requests of one botocore client.

    Args:
        client: The client.
        settings: The settings that it was made from.
    """

    def __init__(self, client: Any, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._make_api_call: Any = type(client)._make_api_call
        self._always = _obstacle(client, settings)
        self._handlers_seen: Any = None
        self._operations: dict[str, _Operation | str] = {}
        self._targets: dict[Any, _Target | None] = {}
        self._stubbers: list[Any] = []
        # The tokens of the retry mode's quota that this path has spent and not given back.
        self._spent = 0

    def obstacle(self, operation: str) -> str | None:
        """Return why a request cannot take this path; None if it can.

        It is asked before each request, since other code may add a handler at any time.
        """
        if self._always is not None or operation not in DIRECT:
            return self._always or f"{operation} is not an operation on items"
        client = self._client
        # botocore makes a new cache when a handler is added or removed.
        handlers = client.meta.events._emitter._lookup_cache
        if handlers is not self._handlers_seen:
            self._operations, self._stubbers, self._handlers_seen = {}, [], handlers
        if operation not in self._operations:
            self._operations[operation] = self._operation(operation)
        found = self._operations[operation]
        if isinstance(found, str):
            return found
        if type(client)._make_api_call is not self._make_api_call:
            return "the client's method _make_api_call was replaced"
        return "mock_aws() answers" if any(stubber.enabled for stubber in self._stubbers) else None

    def steps(self, operation: str, params: Params, timeout: float) -> Steps[dict[str, Any] | None]:
        """Send one operation, and return its answer, as botocore does; None if its endpoint needs botocore's path.

        Args:
            operation: The operation, which has no `obstacle`.
            params: Its arguments.
            timeout: Seconds to wait for the answer.

        Raises:
            BotoCoreError: No credentials can be loaded, or no answer arrived.
            ClientError: DynamoDB refused the request.
        """
        asked = self._operations[operation]
        assert isinstance(asked, _Operation), "obstacle() was asked"
        credentials = yield from self._frozen_credentials()
        target = self._target(asked, params, credentials)
        if target is None:
            return None
        body = _encoded(asked.with_token(params))
        more = {**_BESIDE, "user-agent": self._user_agent, "amz-sdk-invocation-id": _invocation()}
        if _LAMBDA in environ:
            add_recursion_detection_header(params={"headers": more})
        context: dict[str, Any] = {}
        attempt = 0
        while True:
            attempt += 1
            headers = target.signer.sign({**target.headers, "x-amz-target": asked.target}, body, credentials)
            headers.update(more)
            headers["amz-sdk-request"] = f"attempt={attempt}; max={self._settings.max_attempts}"
            headers.update(self._extra_headers)
            answer = fault = None
            try:
                answer = yield self._exchange(asked, target, headers, body, timeout)
            except Exception as error:  # the retry mode decides about all, as on botocore's path
                fault = error
            else:
                found = self._good(asked, answer, attempt, context)
                if found is not None:
                    return found
            response = None if answer is None else self._parsed(asked, answer, target)
            pause = self._pause(asked, attempt, context, response, fault)
            if pause is None:
                return self._outcome(asked, attempt, context, response, fault)
            _log.debug("%s is sent again in %.3f seconds.", operation, pause)
            yield Pause(pause)
            credentials = yield from self._frozen_credentials()

    def close(self) -> None:
        """Close the idle connections."""
        for target in self._targets.values():
            if target is not None:
                target.pools.close()

    # --- one attempt ------------------------------------------------------------------

    def _exchange(
        self, asked: _Operation, target: _Target, headers: dict[str, str], body: bytes, timeout: float
    ) -> Step:
        if self._settings.answer is None:
            return Exchange(target.pools, request_bytes(target.path, headers, body), timeout)
        request = AWSPreparedRequest("POST", target.pools.server.url, HTTPHeaders.from_dict(headers), body, False)
        return Blocking(partial(_answered, self._settings.answer, asked.event("before-send"), request))

    def _frozen_credentials(self) -> Steps[ReadOnlyCredentials]:
        """Return the credentials, which botocore refreshes before they expire; that may take a request."""
        credentials = self._client._request_signer._credentials
        if type(credentials) is not Credentials:
            needs = getattr(credentials, "refresh_needed", None)
            if needs is None or needs():
                found: ReadOnlyCredentials = yield Blocking(credentials.get_frozen_credentials)
                return found
        return credentials.get_frozen_credentials()

    def _target(self, asked: _Operation, params: Params, credentials: ReadOnlyCredentials) -> _Target | None:
        """Return the target by botocore's rules, which depend on the account and on the ARNs of tables."""
        key = (getattr(credentials, "account_id", None), *_arns(params))
        if key not in self._targets:
            self._targets[key] = self._resolved(asked, params)
        return self._targets[key]

    def _resolved(self, asked: _Operation, params: Params) -> _Target | None:
        client, context = self._client, {"client_region": self._client.meta.region_name, "auth_type": _SIGNATURE}
        url, more, _ = client._resolve_endpoint_ruleset(asked.model, params, context)
        signing: Any = context.get("signing") or {}
        session = client._endpoint.http_session
        unusual = context["auth_type"] != _SIGNATURE or signing.keys() - {"region", "signing_name"}
        if unusual or session._proxy_config.proxy_url_for(url) or urlsplit(url).query:
            return None
        parts = urlsplit(url)
        parts = parts._replace(path=parts.path or "/")
        region = signing.get("region") or client._request_signer._region_name
        service = signing.get("signing_name") or client._request_signer._signing_name
        server = Server(
            parts.geturl(),
            session._verify,
            tuple(tuple(option) for option in session._socket_options),
            self._settings.connect_timeout,
            self._settings.max_connections,
        )
        headers = {
            "host": _host(parts),
            "content-type": f"application/x-amz-json-{asked.model.metadata['jsonVersion']}",
            **{name.lower(): value for name, value in more.items()},
        }
        return _Target(Pools(server), Signer(region, service, parts.path), parts.path, headers)

    def _good(self, asked: _Operation, answer: Answer, attempt: int, context: dict[str, Any]) -> dict[str, Any] | None:
        """Return the parsed answer if it is the usual one: of status 200, and sound."""
        if answer.status != HTTPStatus.OK:
            return None
        headers = answer.headers
        found = read_answer(answer.body, headers.get("x-amz-crc32"), asked.members)
        if found is None:
            return None
        metadata = {"HTTPStatusCode": answer.status, "HTTPHeaders": headers, "RetryAttempts": attempt - 1}
        if "x-amzn-requestid" in headers:
            metadata["RequestId"] = headers["x-amzn-requestid"]
        found["ResponseMetadata"] = metadata
        if self._spent:
            self._give_back(asked, context, answer)
        return found

    def _parsed(self, asked: _Operation, answer: Answer, target: _Target) -> tuple[AWSResponse, dict[str, Any]]:
        """Return an unusual answer as botocore parses it."""
        raw = AWSResponse(target.pools.server.url, answer.status, answer.headers, _Raw(answer.body))
        response: dict[str, Any] = {
            "headers": raw.headers,
            "status_code": answer.status,
            "context": {"operation_name": asked.name},
            "body": answer.body,
        }
        customized: dict[str, Any] = {}
        self._client.meta.events.emit(
            asked.event("before-parse"),
            operation_model=asked.model,
            response_dict=response,
            customized_response_dict=customized,
        )
        parser = create_parser(asked.model.service_model.resolved_protocol)
        parsed: dict[str, Any] = parser.parse(response, asked.model.output_shape)
        parsed.update(customized)
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            code = parsed.get("Error", {}).get("Code")
            shape = None if code is None else asked.model.service_model.shape_for_error_code(code)
            if shape is not None:
                parsed.update(parser.parse(response, shape))
        return raw, parsed

    def _pause(
        self,
        asked: _Operation,
        attempt: int,
        context: dict[str, Any],
        response: tuple[AWSResponse, dict[str, Any]] | None,
        fault: Exception | None,
    ) -> float | None:
        """Return the pause before the next attempt by the client's retry mode; None if there is none."""
        answers = self._client.meta.events.emit(
            asked.event("needs-retry"),
            response=response,
            endpoint=self._client._endpoint,
            operation=asked.model,
            attempts=attempt,
            caught_exception=fault,
            request_dict={"context": context},
        )
        pause = first_non_none_response(answers)
        if pause is None or pause is False:
            return None
        self._spent += context.get("retry_quota_capacity", 0)
        return float(pause)

    def _give_back(self, asked: _Operation, context: dict[str, Any], answer: Answer) -> None:
        """Let the retry mode's quota recover after a success, as botocore's path does after each one."""
        self._spent = max(0, self._spent - context.get("retry_quota_capacity", 1))
        self._client.meta.events.emit(
            asked.event("after-call"),
            http_response=AWSResponse(None, answer.status, {}, None),
            parsed={},
            model=asked.model,
            context=context,
        )

    def _outcome(
        self,
        asked: _Operation,
        attempt: int,
        context: dict[str, Any],
        response: tuple[AWSResponse, dict[str, Any]] | None,
        fault: Exception | None,
    ) -> dict[str, Any]:
        """Return the answer of the last attempt, or raise its error."""
        if response is None:
            assert fault is not None
            raise fault
        raw, parsed = response
        if "ResponseMetadata" in parsed:
            parsed["ResponseMetadata"]["RetryAttempts"] = attempt - 1
        if raw.status_code >= HTTPStatus.MULTIPLE_CHOICES:
            raise self._client.exceptions.from_code(parsed.get("Error", {}).get("Code"))(parsed, asked.name)
        return parsed

    # --- which requests can take this path --------------------------------------------

    @cached_property
    def _user_agent(self) -> str:
        return str(self._client._user_agent_creator.to_string())

    @cached_property
    def _extra_headers(self) -> dict[str, str]:
        # PynamoDB adds them after the signature.
        return {name.lower(): value for name, value in (self._settings.extra_headers or {}).items()}

    def _operation(self, name: str) -> _Operation | str:
        """Return an operation, or the obstacle if a handler of other code receives one of its events."""
        find = self._client.meta.events._emitter._handlers.prefix_search
        for event in _EVENTS:
            for handler in find(f"{event}.dynamodb.{name}"):
                module = getattr(handler, "__module__", None) or ""
                if module == "moto.core.botocore_stubber":
                    # moto adds it to every client when it is imported. Only mock_aws() enables it.
                    self._stubbers.append(handler)
                elif module.partition(".")[0] not in _OURS or module == _STUBBER:
                    return f"{module or handler!r} handles botocore's event {event}"
        return _Operation(name, self._client.meta.service_model.operation_model(name))


@attrs.frozen(slots=False)
class _Operation:
    """An operation of DynamoDB, with the parts of botocore's description that a request needs."""

    name: str
    model: Any

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
        return {**params, **{name: _invocation() for name in missing}} if missing else params

    def event(self, name: str) -> str:
        """Return the name of one of botocore's events for the operation."""
        return f"{name}.dynamodb.{self.name}"


@attrs.frozen
class _Raw:
    """The content of an answer, as botocore's `AWSResponse` reads it."""

    body: bytes

    def stream(self) -> Iterator[bytes]:
        """Yield the content."""
        yield self.body


def _answered(answer: Callable[..., Any], event_name: str, request: AWSPreparedRequest) -> Answer:
    """Return the answer of an engine in this process."""
    found = answer(event_name=event_name, request=request)
    pairs = [(name.encode("latin-1"), str(value).encode("latin-1")) for name, value in found.headers.items()]
    return Answer(found.status_code, pairs, found.content)


_LAMBDA = "AWS_LAMBDA_FUNCTION_NAME"
_BESIDE = {"accept-encoding": "identity"}
"""Headers that are not signed; urllib3 adds this one, too."""


def _obstacle(client: Any, settings: Settings) -> str | None:
    """Return why no request of a client can take the direct path; None if most can."""
    call = type(client)._make_api_call
    try:
        signer, endpoint = client._request_signer, client._endpoint
        session = endpoint.http_session
        obstacles = {
            "its client is prepared by other code": settings.prepare is not None and settings.answer is None,
            "extra_headers decide how requests are framed": bool(
                _FRAMING & {name.lower() for name in settings.extra_headers or {}}
            ),
            # Tracers replace this method by a function or an object of their own.
            "the client's method _make_api_call was replaced": (
                type(call) is not FunctionType
                or not call.__code__.co_filename.startswith(_BOTOCORE)
                or "_make_api_call" in vars(client)
            ),
            "its requests are not signed by version 4": (
                type(signer) is not RequestSigner
                or signer._signature_version != _SIGNATURE
                or signer._auth_token is not None
                or bool(client.meta.config.auth_scheme_preference)
            ),
            "it has no credentials": signer._credentials is None,
            "its endpoint is of another class": type(endpoint) is not Endpoint or type(session) is not URLLib3Session,
            "it has a client certificate": session._cert_file is not None,
        }
    except AttributeError as error:
        return f"this version of botocore has no {error.name}"
    return next((obstacle for obstacle, is_there in obstacles.items() if is_there), None)


def _arns(params: Params) -> Iterator[str]:
    """Yield the names of tables in a request that are ARNs."""
    name = params.get("TableName")
    if name is not None:
        names: Any = (name,)
    elif "RequestItems" in params:
        names = params["RequestItems"]
    else:
        names = [part.get("TableName", "") for each in params.get("TransactItems", ()) for part in each.values()]
    for each in names:
        if each.startswith("arn:"):
            yield each


def _host(parts: Any) -> str:
    """Return the header Host of a URL, which leaves out the scheme's own port."""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    default = {"http": 80, "https": 443}[parts.scheme]
    return host if parts.port in (None, default) else f"{host}:{parts.port}"


def _invocation() -> str:
    """Return a random UUID."""
    text = urandom(16).hex()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def _encoded(params: Params) -> bytes:
    """Return the body of a request."""
    try:
        return orjson.dumps(params, default=_plain)
    except orjson.JSONEncodeError:
        # An integer of over 64 bits, or a text that is not Unicode. DynamoDB refuses both by their names.
        return json.dumps(params, default=_plain).encode()


def _plain(value: Any) -> Any:
    """Return a value that JSON has no type for, as botocore's serializer writes it."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return b64encode(value).decode()
    if isinstance(value, (set, frozenset)):
        return list(value)
    raise TypeError(f"A request cannot hold a {type(value).__name__}.")
