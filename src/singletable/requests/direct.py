"""The direct path of a request: signed, sent and answered without botocore's layers, which cost 90 % of a request.

A botocore client stays the source of every decision: endpoint, region, credentials, trust, user agent, retry mode and
errors. This path only replaces its serializer, signer, HTTP client and parser. If anything could see or change requests
on botocore's path, the request goes there; see `obstacles`.
"""

from __future__ import annotations

import json
import logging
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial
from http import HTTPStatus
from os import environ
from typing import Any
from urllib.parse import urlsplit

import attrs
import orjson
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.handlers import add_recursion_detection_header
from botocore.hooks import first_non_none_response
from botocore.parsers import create_parser

from singletable.requests.connection_settings import Settings
from singletable.requests.obstacles import JSON, SIGNATURE, ApiOperation, random_uuid
from singletable.requests.types import Params
from singletable.requests.wire import read_answer
from singletable.steps import Blocking, Pause, Steps, Waitable
from singletable.transport.exchange import Exchange, Pools
from singletable.transport.http import HttpAnswer, request_bytes
from singletable.transport.origin import Origin
from singletable.transport.signing import Signer

__all__ = ["DirectPath"]

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
        self._targets: dict[Any, _Target | None] = {}
        # The tokens of the retry mode's quota that this path has spent and not given back.
        self._spent = 0

    def steps(self, operation: ApiOperation, params: Params, timeout: float) -> Steps[dict[str, Any] | None]:
        """Send one operation, and return its answer, as botocore does; None if its endpoint needs botocore's path.

        Args:
            operation: The operation, for which there is no obstacle.
            params: Its arguments.
            timeout: Seconds to wait for the answer.

        Raises:
            BotoCoreError: No credentials can be loaded, or no answer arrived.
            ClientError: DynamoDB refused the request.
        """
        body = _encoded(operation.with_token(params))
        more = {**_BESIDE, "user-agent": operation.user_agent, "amz-sdk-invocation-id": random_uuid()}
        if _LAMBDA in environ:
            add_recursion_detection_header(params={"headers": more})
        context: dict[str, Any] = {}
        attempt = 0
        while True:
            attempt += 1
            credentials = yield from self._frozen_credentials()
            target = self._target(operation, params, credentials)
            if target is None:
                return None
            headers = target.signer.sign({**target.headers, "x-amz-target": operation.target}, body, credentials)
            headers.update(more)
            headers["amz-sdk-request"] = f"attempt={attempt}; max={self._settings.max_attempts}"
            headers.update(self._extra_headers)
            answer = fault = None
            try:
                answer = yield self._exchange(operation, target, headers, body, timeout)
            except Exception as error:  # the retry mode decides about all, as on botocore's path
                fault = error
            else:
                found = self._good(operation, answer, attempt, context)
                if found is not None:
                    return found
            response = None if answer is None else self._parsed(operation, answer, target)
            pause = self._pause(operation, attempt, context, response, fault)
            if pause is None:
                return self._outcome(operation, attempt, response, fault)
            _log.debug("%s is sent again in %.3f seconds.", operation.name, pause)
            yield Pause(pause)

    def close(self) -> None:
        """Close the idle connections."""
        for target in self._targets.values():
            if target is not None:
                target.pools.close()

    # --- one attempt ------------------------------------------------------------------

    def _exchange(
        self, operation: ApiOperation, target: _Target, headers: dict[str, str], body: bytes, timeout: float
    ) -> Waitable:
        if self._settings.answer is None:
            return Exchange(target.pools, request_bytes(target.path, headers, body), timeout)
        request = AWSPreparedRequest("POST", target.pools.origin.url, HTTPHeaders.from_dict(headers), body, False)
        return Blocking(partial(_answered, self._settings.answer, operation.event("before-send"), request))

    def _frozen_credentials(self) -> Steps[ReadOnlyCredentials]:
        """Return the credentials, which botocore refreshes before they expire; that may take a request."""
        credentials = self._client._request_signer._credentials
        if type(credentials) is not Credentials:
            needs = getattr(credentials, "refresh_needed", None)
            if needs is None or needs():
                found: ReadOnlyCredentials = yield Blocking(credentials.get_frozen_credentials)
                return found
        return credentials.get_frozen_credentials()

    def _target(self, operation: ApiOperation, params: Params, credentials: ReadOnlyCredentials) -> _Target | None:
        """Return the target by botocore's rules, which depend on the account and on the ARNs of tables."""
        key = (getattr(credentials, "account_id", None), *_arns(params))
        if key not in self._targets:
            self._targets[key] = self._resolved(operation, params)
        return self._targets[key]

    def _resolved(self, operation: ApiOperation, params: Params) -> _Target | None:
        client, context = self._client, {"client_region": self._client.meta.region_name, "auth_type": SIGNATURE}
        url, more, _ = client._resolve_endpoint_ruleset(operation.model, params, context)
        signing: Any = context.get("signing") or {}
        session = client._endpoint.http_session
        unusual = context["auth_type"] != SIGNATURE or signing.keys() - {"region", "signing_name"}
        parts = urlsplit(url)
        if unusual or session._proxy_config.proxy_url_for(url) or parts.query:
            return None
        parts = parts._replace(path=parts.path or "/")
        region = signing.get("region") or client._request_signer._region_name
        service = signing.get("signing_name") or client._request_signer._signing_name
        origin = Origin(
            parts.geturl(),
            session._verify,
            tuple(tuple(option) for option in session._socket_options),
            self._settings.connect_timeout,
            self._settings.max_connections,
        )
        headers = {
            "host": origin.authority,
            "content-type": f"application/x-amz-json-{operation.model.metadata['jsonVersion']}",
            **{name.lower(): value for name, value in more.items()},
        }
        return _Target(Pools(origin), Signer(region, service, parts.path), parts.path, headers)

    def _good(
        self, operation: ApiOperation, answer: HttpAnswer, attempt: int, context: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Return the parsed answer if it is the usual one: of status 200, and sound."""
        if answer.status != HTTPStatus.OK:
            return None
        headers = answer.headers
        found = read_answer(answer.body, headers.get("x-amz-crc32"), operation.members)
        if found is None:
            return None
        metadata = {"HTTPStatusCode": answer.status, "HTTPHeaders": headers, "RetryAttempts": attempt - 1}
        if "x-amzn-requestid" in headers:
            metadata["RequestId"] = headers["x-amzn-requestid"]
        found["ResponseMetadata"] = metadata
        if self._spent:
            self._give_back(operation, context, answer)
        return found

    def _parsed(
        self, operation: ApiOperation, answer: HttpAnswer, target: _Target
    ) -> tuple[AWSResponse, dict[str, Any]]:
        """Return an unusual answer as botocore parses it."""
        raw = AWSResponse(target.pools.origin.url, answer.status, answer.headers, _Raw(answer.body))
        response: dict[str, Any] = {
            "headers": raw.headers,
            "status_code": answer.status,
            "context": {"operation_name": operation.name},
            "body": answer.body,
        }
        customized: dict[str, Any] = {}
        self._client.meta.events.emit(
            operation.event("before-parse"),
            operation_model=operation.model,
            response_dict=response,
            customized_response_dict=customized,
        )
        parser = create_parser(JSON)
        parsed: dict[str, Any] = parser.parse(response, operation.model.output_shape)
        parsed.update(customized)
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            code = parsed.get("Error", {}).get("Code")
            shape = None if code is None else operation.model.service_model.shape_for_error_code(code)
            if shape is not None:
                parsed.update(parser.parse(response, shape))
        return raw, parsed

    def _pause(
        self,
        operation: ApiOperation,
        attempt: int,
        context: dict[str, Any],
        response: tuple[AWSResponse, dict[str, Any]] | None,
        fault: Exception | None,
    ) -> float | None:
        """Return the pause before the next attempt by the client's retry mode; None after the last attempt."""
        answers = self._client.meta.events.emit(
            operation.event("needs-retry"),
            response=response,
            endpoint=self._client._endpoint,
            operation=operation.model,
            attempts=attempt,
            caught_exception=fault,
            request_dict={"context": context},
        )
        pause = first_non_none_response(answers)
        if pause is None or pause is False:
            return None
        self._spent += context.get("retry_quota_capacity", 0)
        return float(pause)

    def _give_back(self, operation: ApiOperation, context: dict[str, Any], answer: HttpAnswer) -> None:
        """Let the retry mode's quota recover after a success, as botocore's path does after each one."""
        self._spent = max(0, self._spent - context.get("retry_quota_capacity", 1))
        self._client.meta.events.emit(
            operation.event("after-call"),
            http_response=AWSResponse(None, answer.status, {}, None),
            parsed={},
            model=operation.model,
            context=context,
        )

    def _outcome(
        self,
        operation: ApiOperation,
        attempt: int,
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
            raise self._client.exceptions.from_code(parsed.get("Error", {}).get("Code"))(parsed, operation.name)
        return parsed

    @cached_property
    def _extra_headers(self) -> dict[str, str]:
        # PynamoDB adds them after the signature.
        return {name.lower(): value for name, value in (self._settings.extra_headers or {}).items()}


@attrs.frozen
class _Raw:
    """The content of an answer, as botocore's `AWSResponse` reads it."""

    body: bytes

    def stream(self) -> Iterator[bytes]:
        """Yield the content."""
        yield self.body


def _answered(answer: Callable[..., Any], event_name: str, request: AWSPreparedRequest) -> HttpAnswer:
    """Return the answer of an engine in this process."""
    found = answer(event_name=event_name, request=request)
    pairs = [(name.encode("latin-1"), str(value).encode("latin-1")) for name, value in found.headers.items()]
    return HttpAnswer(found.status_code, pairs, found.content)


_LAMBDA = "AWS_LAMBDA_FUNCTION_NAME"
_BESIDE = {"accept-encoding": "identity"}
"""Headers that are not signed; urllib3 also adds this one."""


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
