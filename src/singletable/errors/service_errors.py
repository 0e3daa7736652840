"""Errors of requests to AWS services and local servers."""

from __future__ import annotations

from singletable.errors.base_error import SingletableError

__all__ = [
    "AccessDeniedError",
    "CredentialsMissingError",
    "EndpointUnreachableError",
    "NoResponseError",
    "RequestFailedError",
    "TableMissingError",
    "ThrottledError",
]


class RequestFailedError(SingletableError):
    """An AWS service refused a request.

    Remedy: Look up `code` in the documentation of `operation`.

    Attributes:
        service: The name of the service in the SDK, such as `CloudFormation`.
        operation: The request, such as `UpdateTable`.
        code: The reason, as the service names it.
    """

    service: str | None = "DynamoDB"
    operation: str | None = None
    code: str | None = None


class ThrottledError(RequestFailedError):
    """The table, an index or another service got more requests than its capacity, after all of the SDK's retries.

    Remedy: Send fewer requests at once, spread hot partitions, or raise the capacity of the table and its indexes.

    Attributes:
        table: The name of the table.
        index: The name of the index, if DynamoDB names one and botocore is 1.40.12 or later.
    """

    table: str | None = None


class TableMissingError(RequestFailedError):
    """The table, or an index of it, does not exist in this account and region or at this endpoint.

    Remedy: Create it (`create_table(wait=True)` on the table class), or check the name of the table, the region and the
    account.
    """


class AccessDeniedError(RequestFailedError):
    """The credentials do not allow the operation.

    Remedy: Add the action that the message names to the policy of the caller. `aws sts get-caller-identity` prints the
    caller. See docs/reference/roles.md for the actions of each role.
    """


class NoResponseError(RequestFailedError, ConnectionError):
    """A request was sent, and neither it nor its retries got an answer.

    A write may have been applied all the same.

    Remedy: Send a read again. After a write, read the item before you write again.
    """


class EndpointUnreachableError(SingletableError, ConnectionError):
    """No server answers at the endpoint, or the endpoint is not a valid URL.

    Remedy: Check that the server runs, and check the region, the network and the URL (`--endpoint-url`,
    `AWS_ENDPOINT_URL_DYNAMODB`, `Meta.host`).
    """


class CredentialsMissingError(SingletableError):
    """No AWS credentials, or no region, were found for a request.

    Remedy: Run `aws configure`, set `AWS_PROFILE`, or set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` (any value
    for a local server). Set `AWS_REGION`, `Meta.region` or `--region`.
    """
