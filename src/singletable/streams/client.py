"""The client: sends requests to DynamoDB Streams at the place of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from singletable.errors import StreamMissingError, ThrottledError
from singletable.forking import renewed_in_child
from singletable.models.binding.binding import connection_of
from singletable.models.reading.targets import TableSender
from singletable.requests.sending import error_code, translate
from singletable.requests.services import operation_of

if TYPE_CHECKING:
    from singletable.models import Table

__all__ = ["StreamsClient", "stream_arn"]

_SERVICE = "DynamoDB Streams"
_FOR_THE_READER = {"ExpiredIteratorException", "TrimmedDataAccessException"}


def stream_arn(table: type[Table]) -> str:
    """Return the ARN of a table's stream.

    Raises:
        StreamMissingError: The table has no stream.
    """
    sender = TableSender(table)
    described = sender.send("DescribeTable", {"TableName": sender.table_name})["Table"]
    if not described.get("LatestStreamArn") or not described.get("StreamSpecification", {}).get("StreamEnabled"):
        view = table.describe().stream
        raise StreamMissingError(
            f"The table {sender.table_name!r} has no stream.",
            remedy="Set Meta.stream_view_type = 'NEW_AND_OLD_IMAGES', and migrate or deploy."
            if view is None
            else f"Meta declares {view}. Run singletable makemigrations and migrate, or deploy.",
        )
    return str(described["LatestStreamArn"])


class StreamsClient:
    """Sends operations of DynamoDB Streams, with the credentials, the time-outs and the attempts of the table.

    Args:
        table: The table class, which must be bound when the client is created.
    """

    def __init__(self, table: type[Table]) -> None:
        self._connection = connection_of(table)
        self._settings = self._connection.settings
        self._client = self._make_client()
        renewed_in_child(self)

    def renew(self) -> None:
        """Drop the parent process's client; called in a child process."""
        self._client = None

    def _make_client(self) -> Any:
        settings = self._settings
        client = self._connection.client_of("dynamodbstreams", _endpoint(settings.endpoint_url))
        if settings.extra_headers:
            client.meta.events.register("before-call.dynamodb-streams", self._add_headers)
        if settings.prepare:
            settings.prepare(client)
        return client

    def call(self, operation: str, **params: Any) -> dict[str, Any]:
        """Send one operation, by its name in botocore: `get_records`.

        Raises:
            SingletableError: The request failed; the subclass names the cause.
            ClientError: The iterator has expired, or its records are gone. The reader handles both.
        """
        if self._client is None:
            self._client = self._make_client()
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(**params)
        except ClientError as error:
            code = error_code(error)
            if code in _FOR_THE_READER:
                raise
            if code == "ResourceNotFoundException":
                raise StreamMissingError(
                    "The stream, or a shard of it, is gone.",
                    remedy="A stream that was switched off is kept for 24 hours. Read the table's new stream.",
                ) from error
            if code == "LimitExceededException":
                raise ThrottledError(
                    f"{operation_of(error)} of {_SERVICE} was throttled ({code}).",
                    remedy="Use fewer readers: two at once are allowed for each shard.",
                    service=_SERVICE,
                    operation=operation_of(error),
                    code=code,
                    table=self._connection.table_name,
                ) from error
            raise translate(error, operation, self._connection, _SERVICE) from error
        except BotoCoreError as error:
            raise translate(error, operation, self._connection, _SERVICE) from error
        return answer

    def _add_headers(self, params: dict[str, Any], **kwargs: Any) -> None:
        params["headers"].update(self._settings.extra_headers or {})


def _endpoint(url: str | None) -> str | None:
    """Return the URL of DynamoDB Streams for a table's URL: in AWS another host, on other servers the same URL."""
    host = urlsplit(url or "").hostname or ""
    if url is None or not (host.startswith("dynamodb.") and ".amazonaws.com" in host):
        return url
    return url.replace("//dynamodb.", "//streams.dynamodb.", 1)
