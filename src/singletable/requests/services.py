"""Services: the AWS service that refused a request, and the error that names it.

Sources: Service Authorization Reference (prefixes of actions); Developer Guide, "IAM and transactions" (a transaction
needs the actions of its operations).
"""

from __future__ import annotations

import re
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError

from singletable.errors import (
    AccessDeniedError,
    EndpointUnreachableError,
    NoResponseError,
    RequestFailedError,
    SingletableError,
    ThrottledError,
)
from singletable.requests.attempts import is_read, may_have_been_applied

__all__ = [
    "DYNAMODB",
    "denial_of",
    "error_code",
    "failure_of",
    "is_denied",
    "label_errors",
    "message_of",
    "operation_of",
    "refuse_denied",
    "service_of",
]

DYNAMODB = "DynamoDB"
"""The service's name in messages, which is the SDK's."""

_SERVICE, _OPERATION = "singletable_service", "singletable_operation"
_ELSEWHERE = {"AssumeRole": "STS", "AssumeRoleWithWebIdentity": "STS", "GetRoleCredentials": "SSO"}
"""Operations that the SDK sends for credentials, with its own clients."""

_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_CREDENTIALS = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_THROTTLED = frozenset({"RequestLimitExceeded", "Throttling", "ThrottlingException", "TooManyRequestsException"})
_ACTION = re.compile(r"not authorized to perform: ([\w-]+:\w+)")
_WHOSE = "`aws sts get-caller-identity` shows the caller."
_ACTIONS = {
    "TransactGetItems": "dynamodb:GetItem",
    "TransactWriteItems": "dynamodb:PutItem, UpdateItem, DeleteItem and ConditionCheckItem, as far as it has them",
    "ExecuteStatement": "the dynamodb:PartiQL action of the statement",
    "BatchExecuteStatement": "the dynamodb:PartiQL actions of the statements",
}
"""The IAM actions of operations of DynamoDB whose names differ from their actions."""


def label_errors(client: Any) -> Any:
    """Add the service's name to each error of a botocore client, for `service_of`.

    Returns:
        The client.
    """
    service = client.meta.service_model.service_id

    def note_answer(parsed: dict[str, Any], **_: Any) -> None:
        # A ClientError has the answer, and no field for the service.
        parsed.setdefault("ResponseMetadata", {})[_SERVICE] = service

    def note_fault(exception: Exception, event_name: str, **_: Any) -> None:
        setattr(exception, _SERVICE, service)
        setattr(exception, _OPERATION, event_name.rpartition(".")[2])

    client.meta.events.register("after-call", note_answer)
    client.meta.events.register("after-call-error", note_fault)
    return client


def error_code(error: BaseException | None) -> str | None:
    """Return the service's code for a failed request, or None."""
    response = getattr(error, "response", None)
    return response.get("Error", {}).get("Code") if isinstance(response, dict) else None


def service_of(error: BaseException) -> str | None:
    """Return the name of the service that a failed request was sent to; None if it is unknown."""
    error = _origin(error)
    response = getattr(error, "response", None)
    metadata = response.get("ResponseMetadata", {}) if isinstance(response, dict) else {}
    found = getattr(error, _SERVICE, None) or metadata.get(_SERVICE)
    return found or _ELSEWHERE.get(operation_of(error) or "")


def operation_of(error: BaseException) -> str | None:
    """Return the operation of a failed request, by the service's name; None if it is unknown."""
    error = _origin(error)
    return getattr(error, "operation_name", None) or getattr(error, _OPERATION, None)


def _origin(error: BaseException) -> BaseException:
    """Return botocore's error, from which PynamoDB raises an error of its own that names the table's operation."""
    return error.__cause__ if isinstance(error.__cause__, ClientError) else error


def is_denied(error: BaseException) -> bool:
    """Return whether a service refused a request because of its credentials or their permissions."""
    return error_code(error) in _DENIED | _CREDENTIALS


def denial_of(error: BaseException, service: str | None, operation: str, what: str) -> AccessDeniedError:
    """Return the error for a request that was refused because of its credentials or their permissions.

    Args:
        error: The error.
        service: The service; None if it is unknown.
        operation: The operation.
        what: The operation and its object, for the message.
    """
    code = error_code(error)
    advice = (
        f"Allow {_action_of(error, service, operation)};" if code in _DENIED else "Check which credentials are used:"
    )
    return AccessDeniedError(
        f"{what} is not allowed ({code}).",
        remedy=f"{advice} {_WHOSE}",
        service=service,
        operation=operation,
        code=code,
    )


def failure_of(error: Exception, service: str, operation: str) -> SingletableError:
    """Return the error for a failed request to a service other than DynamoDB.

    Args:
        error: The error that botocore raised.
        service: The service, by the SDK's name: `CloudFormation`.
        operation: The operation: `CreateChangeSet`.
    """
    what, code = f"{operation} of {service}", error_code(error)
    parts = {"service": service, "operation": operation}
    url = str(getattr(error, "kwargs", {}).get("endpoint_url") or service)
    if not isinstance(error, ClientError) and may_have_been_applied(error):
        return NoResponseError(
            f"No answer to {what} came from {url} ({type(error).__name__}).",
            remedy="Try again." if is_read(operation) else "It may have been applied: check before you try again.",
            **parts,
        )
    if isinstance(error, ConnectionError):
        variable = f"AWS_ENDPOINT_URL_{service.upper().replace(' ', '_')}"
        return EndpointUnreachableError(
            f"{what} failed: no server answers at {url} ({type(error).__name__}).",
            remedy=f"Check the region, the network, and the URL (--endpoint-url, {variable}).",
            value=url,
        )
    if is_denied(error):
        return denial_of(error, service, operation, what)
    if code in _THROTTLED:
        return ThrottledError(f"{what} was throttled ({code}).", remedy="Try again in a minute.", code=code, **parts)
    message = message_of(error)
    reason = f": {message.removesuffix('.')}." if message else "."
    return RequestFailedError(f"{what} failed ({code or type(error).__name__}){reason}", code=code, **parts)


def message_of(error: Exception) -> str:
    """Return the message of a failed request in one line; empty if the server sent none.

    A server that does not know the request may answer with an HTML page, which is not a message.
    """
    answer = getattr(error, "response", {}).get("Error", {}).get("Message") or ""
    text = " ".join(str(error if isinstance(error, BotoCoreError) else answer).split())
    return "" if text.startswith("<") else text


def refuse_denied(error: ClientError, service: str) -> None:
    """Raise if a service refused a request because of its credentials or of their permissions.

    Args:
        error: The error that botocore raised.
        service: The service, by the SDK's name.

    Raises:
        AccessDeniedError: It names the operation and the action to allow.
    """
    if is_denied(error):
        raise failure_of(error, service, error.operation_name) from error


def _action_of(error: BaseException, service: str | None, operation: str) -> str:
    """Return the IAM action that a refused request needs: the one in AWS's message, or the one of the operation."""
    named_by_aws = _ACTION.search(str(error))
    if named_by_aws:
        return named_by_aws.group(1)
    if service is None:
        return operation
    prefix = service.lower().removesuffix(" streams").removesuffix("v2").replace(" ", "")
    return _ACTIONS.get(operation, f"{prefix}:{operation}")
