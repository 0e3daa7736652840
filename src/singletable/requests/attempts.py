"""Attempts: whether one of the HTTP attempts of a write may have been applied although no answer arrived.

A write can be applied while its answer is lost: by a time-out, a reset connection, a body that arrived damaged, or a
status 500, after which a write may have succeeded or failed (DynamoDB Developer Guide, "Error handling with DynamoDB").
The SDK then sends the request again, and the answer to the second attempt does not cover the first. `Attempts`
records this over all requests of one logical write, and decides whether the SDK may send the request again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any, TypeVar

import attrs
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ProxyConnectionError,
    SSLError,
)
from botocore.parsers import ResponseParserError

from singletable.errors import SingletableError, as_uncertain
from singletable.requests.wire import DAMAGED, DamagedAnswerError

__all__ = ["Attempts", "following", "is_read", "lose", "may_have_been_applied", "watch"]

E = TypeVar("E", bound=SingletableError)

_READING = ("BatchGet", "Describe", "Get", "List", "Query", "Scan", "TransactGet")
_FAULTS_OF_THE_SERVER = {"InternalServerError", "InternalFailure", "ServiceUnavailable", "ServiceUnavailableException"}
_IN_PROGRESS = "TransactionInProgressException"
_NEVER_SENT = (ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError)


@attrs.define
class Attempts:
    """The record of the attempts of one logical write, over all of its requests.

    Args:
        resend: Whether the SDK may send a request again after an attempt that may have been applied.
        lost: Whether an attempt may have been applied, and its answer was lost.
        late: Whether an attempt got no answer at all, or is in progress, so that it may still be applied.
    """

    resend: bool = True
    lost: bool = False
    late: bool = False

    def note(self, fault: BaseException) -> None:
        """Note an attempt that may have been applied; `fault` is how it ended."""
        self.lost = True
        answered = isinstance(fault, (ClientError, DamagedAnswerError)) and _code(fault) != _IN_PROGRESS
        self.late |= not answered

    def marked(self, error: E, *look: str) -> E:
        """Return the error that ends the write; mark it as uncertain if an answer was lost.

        Args:
            error: The error.
            look: The remedy of an uncertain error, in place of the usual one.
        """
        return as_uncertain(error, *look) if self.lost else error


_current: ContextVar[Attempts | None] = ContextVar("attempts", default=None)


@contextmanager
def following(attempts: Attempts) -> Iterator[None]:
    """Note the attempts of the requests that are sent in the block."""
    token = _current.set(attempts)
    try:
        yield
    finally:
        _current.reset(token)


def is_read(operation: str) -> bool:
    """Return whether an operation of DynamoDB only reads."""
    return operation.startswith(_READING)


def watch(client: Any) -> None:
    """Note each attempt of a botocore client of DynamoDB before its retry mode decides about the next one."""
    client.meta.events.register_first("needs-retry.dynamodb", _note)


def lose(fault: Exception) -> None:
    """Note that the answer of an attempt was lost.

    Args:
        fault: The reason; raised if the request must not be sent again.
    """
    attempts = _current.get()
    if attempts is not None:
        attempts.note(fault)
        if not attempts.resend:
            raise fault


def may_have_been_applied(error: BaseException) -> bool:
    """Return whether a write may have been applied although its last attempt ended with this error.

    A refused request (status 400: throttled, invalid, denied, a failed condition, a conflict) was not applied. Neither
    was a request that was never sent: no connection, no credentials.
    """
    if isinstance(error, ClientError):
        # PynamoDB's error has no status; botocore's error, which caused it, has one.
        cause = error.__cause__ if isinstance(error.__cause__, ClientError) else error
        status = cause.response.get("ResponseMetadata", {}).get("HTTPStatusCode", HTTPStatus.BAD_REQUEST)
        code = _code(cause)
        return status >= HTTPStatus.INTERNAL_SERVER_ERROR or code in _FAULTS_OF_THE_SERVER or code == _IN_PROGRESS
    if isinstance(error, SSLError):
        # A rejected certificate ends the handshake. Any other TLS error may occur while the answer is read.
        return "CERTIFICATE_VERIFY_FAILED" not in str(error)
    return isinstance(error, (HTTPClientError, ResponseParserError)) and not isinstance(error, _NEVER_SENT)


def _code(error: BaseException) -> str | None:
    # botocore's errors of the connection also have a response, which is None.
    code: str | None = (getattr(error, "response", None) or {}).get("Error", {}).get("Code")
    return code


def _note(operation: Any, response: Any, caught_exception: Exception | None, **_: Any) -> None:
    """Note an attempt that may have been applied; botocore calls this after each attempt.

    It returns None, which leaves the decision about another attempt to the retry mode.
    """
    if _current.get() is None or is_read(operation.name):
        return
    fault = caught_exception if response is None else _fault_of(operation.name, *response)
    if fault is not None and _is_uncertain(fault):
        lose(fault)


def _fault_of(operation: str, answer: Any, parsed: dict[str, Any]) -> Exception | None:
    fault: Exception | None = None
    if DAMAGED in parsed:
        fault = DamagedAnswerError(endpoint_url=answer.url)
    elif answer.status_code != HTTPStatus.OK:
        fault = ClientError(parsed, operation)
    return fault


def _is_uncertain(fault: Exception) -> bool:
    # Any other exception comes from a handler, before or after the request was sent.
    known = isinstance(fault, (ClientError, HTTPClientError, *_NEVER_SENT, SSLError))
    return may_have_been_applied(fault) if known else True
