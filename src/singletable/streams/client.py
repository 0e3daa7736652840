"""The client: DynamoDB Streams, at the place where a table is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from singletable.errors import StreamMissing, Throttled
from singletable.models.binding.binding import connection_of
from singletable.models.reading.targets import TableSender
from singletable.requests.forking import renewed_in_child
from singletable.requests.sending import error_code, translate
from singletable.requests.services import operation_of

if TYPE_CHECKING:
    from singletable.models import Table

__all__ = ["StreamsClient", "stream_arn"]

_SERVICE = "DynamoDB Streams"
_FOR_THE_READER = {"ExpiredIteratorException", "TrimmedDataAccessException"}


def stream_arn(table: type[Table]) -> str:
    """The ARN of a table's stream.

    Raises:
        StreamMissing: It has none.
    """
    sender = TableSender(table)
    described = sender.send("DescribeTable", {"TableName": sender.table_name})["Table"]
    if not described.get("LatestStreamArn") or not described.get("StreamSpecification", {}).get("StreamEnabled"):
        view = table.describe().stream
        raise StreamMissing(
            f"The table {sender.table_name!r} has no stream.",
            remedy="Set Meta.stream_view_type = 'NEW_AND_OLD_IMAGES', and migrate or deploy."
            if view is None
            else f"Meta says {view}, and the table does not have it yet: singletable makemigrations, then migrate; or"
            " deploy.",
        )
    return str(described["LatestStreamArn"])


class StreamsClient:
    """Sends operations of DynamoDB Streams, with the credentials, the time-outs and the attempts of the table.

    Args:
        table: The table class; where it is bound when this is made.
    """

    def __init__(self, table: type[Table]) -> None:
        self._connection = connection_of(table)
        self._settings = self._connection.settings
        self._client = self._make_client()
        renewed_in_child(self)

    def renew(self) -> None:
        """Forget the parent process's client; called in a child."""
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
            SingletableError: A subclass that says what stands in the way.
            ClientError: The iterator has expired, or its records are gone: the reader knows what to do.
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
                raise StreamMissing(
                    "The stream, or a shard of it, is gone.",
                    remedy="A stream that was switched off is kept for 24 hours. Start again on the table's new one.",
                ) from error
            if code == "LimitExceededException":
                raise Throttled(
                    f"{operation_of(error)} of {_SERVICE} was throttled ({code}).",
                    remedy="Have fewer readers: two at once are allowed for each shard.",
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
    """Where streams are, for a table at a URL: in AWS at a host of their own, on other servers at the same one."""
    host = urlsplit(url or "").hostname or ""
    if url is None or not (host.startswith("dynamodb.") and ".amazonaws.com" in host):
        return url
    return url.replace("//dynamodb.", "//streams.dynamodb.", 1)
