"""Sending: one operation through the connection, and the error of singletable for each failure."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError

from singletable.errors import (
    CredentialsMissingError,
    EndpointUnreachableError,
    NoResponseError,
    RequestFailedError,
    SingletableError,
    TableMissingError,
    ThrottledError,
    mark_uncertain,
)
from singletable.requests.attempts import Attempts, following, is_read, may_have_been_applied
from singletable.requests.connection import TableConnection
from singletable.requests.retry import THROTTLED
from singletable.requests.services import (
    DYNAMODB,
    denial_of,
    error_code,
    failure_of,
    is_denied,
    operation_of,
    service_of,
)
from singletable.requests.types import Params
from singletable.steps import Steps, was_sent

__all__ = [
    "TOKEN_TAKEN",
    "cancellation_reasons",
    "current_item_of",
    "error_code",
    "place_of",
    "send",
    "token_taken",
    "translate",
    "translate_any",
]

_FOR_THE_CALLER = {
    "ConditionalCheckFailedException",
    "TransactionCanceledException",
    "TransactionConflictException",
}
_CREDENTIALS = (
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    TokenRetrievalError,
)


_ANY = "A request"
"""The name for an operation that the caller does not know."""

TOKEN_TAKEN = "IdempotentParameterMismatchException"  # noqa: S105 - an error's code
"""DynamoDB's error code for a client request token that was used for another request."""


def send(
    connection: TableConnection, operation: str, params: Params, attempts: Attempts | None = None
) -> Steps[dict[str, Any]]:
    """Send one operation, in steps.

    Args:
        connection: The table's connection.
        operation: The DynamoDB operation.
        params: Its arguments.
        attempts: The attempts of the logical write to which this request belongs; those of this request are added.

    Raises:
        SingletableError: The request failed. The subclass names the reason; `uncertain` is True if a write may have
            been applied in spite of the error. A failed condition and a conflict raise botocore's ClientError, since
            only the caller knows their meaning.
    """
    writing = not is_read(operation)
    attempts = attempts or Attempts()
    try:
        with following(attempts) if writing else nullcontext():
            return (yield from connection.connection.steps(operation, params))
    except (BotoCoreError, ClientError, ResponseParserError) as error:
        if writing and may_have_been_applied(error):
            attempts.note(error)
        if error_code(error) in _FOR_THE_CALLER:
            raise
        failure = translate(error, operation, connection)
        raise attempts.marked(failure, *_looks(operation)) from error
    except RecursionError:
        attempts.lost |= writing
        deep = NoResponseError(
            f"The answer to {operation} on {connection.table_name!r} is nested too deeply to be read.",
            remedy="DynamoDB sends no such answer: check which server answers.",
            operation=operation,
        )
        raise attempts.marked(deep, *_looks(operation)) from None
    except Exception:
        raise
    except BaseException as error:
        # A cancelled task, or an interrupt. asyncio and Python recognize the error by its class, which is kept.
        if writing and was_sent(error):
            attempts.lost = attempts.late = True
        if attempts.lost:
            mark_uncertain(error, f"The {operation} on {connection.table_name!r} may have been applied.")
        raise


def _looks(operation: str) -> tuple[str, ...]:
    """Return the remedy after a request with an unknown outcome; nothing for a request about one item."""
    if operation == "TransactWriteItems":
        return ("Read the items, or send the same plans again under the same token within ten minutes.",)
    return () if "Item" in operation else ("Describe the table before you send it again.",)


def place_of(connection: TableConnection) -> tuple[str, str]:
    """Return the region and the endpoint that a connection's requests go to.

    Raises:
        CredentialsMissingError: No region is set, or the profile does not exist.
    """
    try:
        meta = connection.connection.client.meta
    except BotoCoreError as error:
        raise translate(error, _ANY, connection) from error
    return meta.region_name, meta.endpoint_url


def cancellation_reasons(error: BaseException) -> list[dict[str, Any]]:
    """Return the reasons for a canceled transaction, one for each operation in order; empty if the answer has none."""
    # PynamoDB's error has only a part of them; botocore's error, which caused it, has all.
    for each in (error.__cause__, error):
        reasons: list[dict[str, Any]] | None = getattr(each, "response", {}).get("CancellationReasons")
        if reasons:
            return reasons
    return []


def current_item_of(error: BaseException) -> dict[str, Any] | None:
    """Return the item on which a condition failed; None if the answer has none."""
    # PynamoDB's error has only the code; botocore's error, which caused it, has the item.
    for each in (error, error.__cause__):
        item: dict[str, Any] | None = getattr(each, "response", {}).get("Item")
        if item:
            return item
    return None


def translate_any(
    error: BaseException, operation: str = _ANY, connection: TableConnection | None = None
) -> SingletableError:
    """Return the error of singletable for an error of PynamoDB, or one that botocore raised outside of `send`."""
    cause = getattr(error, "cause", None) or error.__cause__ or error
    return translate(cause if isinstance(cause, Exception) else RuntimeError(str(error)), operation, connection)


def translate(
    error: Exception, operation: str, connection: TableConnection | None, service: str | None = None
) -> SingletableError:
    """Return the error of singletable for an error that botocore raised.

    Args:
        error: The error.
        operation: The operation that was requested. The one that failed may be another, such as STS's AssumeRole.
        connection: The table's connection; None if no table is known.
        service: The service of the request, by the SDK's name. None means DynamoDB if a connection is given, and
            otherwise an unknown service.
    """
    missing = _missing_credentials(error)
    if missing is not None:
        return missing
    service = service_of(error) or service or (None if connection is None else DYNAMODB)
    if service not in (None, DYNAMODB):
        return failure_of(error, service, operation_of(error) or operation)
    if operation == _ANY:
        operation = operation_of(error) or operation
    what = operation if connection is None else f"{operation} on {connection.table_name!r}"
    if not isinstance(error, ClientError) and may_have_been_applied(error):
        return NoResponseError(
            f"No answer to {what} came from {_endpoint(error, connection)} ({type(error).__name__}).",
            remedy="Try again." if is_read(operation) else "",
            operation=operation,
        )
    if isinstance(error, ConnectionError):
        return EndpointUnreachableError(
            f"No server answers at {_endpoint(error, connection)} ({type(error).__name__}).",
            remedy="Check that the server runs, and the URL (--endpoint-url, AWS_ENDPOINT_URL_DYNAMODB, Meta.host).",
            value=_endpoint(error, connection),
        )
    if is_denied(error):
        return denial_of(error, service, operation, what)
    return _refusal(error, operation, what, connection)


def _missing_credentials(error: Exception) -> CredentialsMissingError | None:
    if isinstance(error, _CREDENTIALS):
        return CredentialsMissingError(
            f"No usable AWS credentials: {error}.".replace("..", "."),
            remedy="Run `aws configure`, set AWS_PROFILE, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            " (any value for a local server).",
        )
    if isinstance(error, NoRegionError):
        return CredentialsMissingError("No AWS region is set.", remedy="Set AWS_REGION, Meta.region or --region.")
    return None


def _refusal(error: Exception, operation: str, what: str, connection: TableConnection | None) -> SingletableError:
    """Return the error for a request that DynamoDB refused for a reason other than permissions."""
    code = error_code(error)
    if code == "ResourceNotFoundException" and connection is not None:
        return TableMissingError(
            f"The table {connection.table_name!r} (or an index of it) does not exist at {_where(connection)}.",
            remedy="Create it (create_table(wait=True) on the table class), or check the table's name, the region"
            " and the account.",
            operation=operation,
            code=code,
        )
    if code in THROTTLED:
        index = _throttling_index(error)
        return ThrottledError(
            f"{what} was throttled{f' by the index {index}' if index else ''} ({code}).",
            remedy="Send fewer requests at once, spread hot partitions, or raise the capacity of the table and its"
            " indexes.",
            operation=operation,
            code=code,
            table=connection and connection.table_name,
            index=index,
        )
    if code == "UnknownOperationException":
        return RequestFailedError(
            f"The server at {_where(connection)} has no {operation}.",
            remedy="DynamoDB and the embedded engine have it; some local servers lack transactions and TTL.",
            operation=operation,
            code=code,
        )
    if code == TOKEN_TAKEN and connection is not None:
        return token_taken(connection.table_name)
    message = getattr(error, "response", {}).get("Error", {}).get("Message")
    if not message:
        message = "the answer cannot be read" if isinstance(error, ClientError) else str(error)
    return RequestFailedError(
        f"{what} failed ({code or type(error).__name__}): {message.removesuffix('.')}.", operation=operation, code=code
    )


def token_taken(table_name: str) -> RequestFailedError:
    """Return the error for a client request token that was used for another transaction."""
    return RequestFailedError(
        f"TransactWriteItems on {table_name!r}: its client request token was used for another transaction.",
        remedy="Give each transaction a token of its own; DynamoDB remembers them for ten minutes.",
        operation="TransactWriteItems",
        code=TOKEN_TAKEN,
    )


def _throttling_index(error: Exception) -> str | None:
    """Return the throttled index, from the ARN in the error (API Reference, "ThrottlingReason"); None if none is."""
    for each in (error, error.__cause__):
        for reason in getattr(each, "response", {}).get("ThrottlingReasons", ()):
            _, found, index = str(reason.get("resource", "")).partition("/index/")
            if found:
                return index
    return None


def _endpoint(error: Exception, connection: TableConnection | None) -> str:
    kwargs = getattr(error, "kwargs", {})
    return str(kwargs.get("endpoint_url") or (connection and connection.connection.host) or "DynamoDB")


def _where(connection: TableConnection | None) -> str:
    if connection is None:
        return "DynamoDB"
    if connection.connection.place:
        return str(connection.connection.place)
    return connection.connection.host or f"AWS {connection.connection.region or ''}".strip()
