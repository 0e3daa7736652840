"""A table in DynamoDB: its description and its items. Reads and writes are repeated after transient faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError

from singletable.errors import TableMissingError
from singletable.requests.connection import TableConnection
from singletable.requests.retry import TRANSIENT_FAULTS
from singletable.requests.sending import send
from singletable.requests.types import Item, Params
from singletable.steps import run

__all__ = ["LiveTable", "pages"]


class LiveTable:
    """A table in DynamoDB, with its items.

    Args:
        connection: The connection that sends the requests.
    """

    def __init__(self, connection: TableConnection) -> None:
        self.connection = connection

    @property
    def name(self) -> str:
        """The table's name."""
        return str(self.connection.table_name)

    def send(self, operation: str, params: Params) -> dict[str, Any]:
        """Send one operation. A failed condition raises botocore's ClientError, another fault a `SingletableError`."""
        return run(send(self.connection, operation, params))

    def describe(self) -> dict[str, Any] | None:
        """Return the answer of DescribeTable; None if the table does not exist."""
        try:
            table: dict[str, Any] = self.send("DescribeTable", {"TableName": self.name})["Table"]
        except TableMissingError:
            return None
        return table

    def require(self) -> dict[str, Any]:
        """Return the answer of DescribeTable.

        Raises:
            TableMissingError: The table does not exist.
        """
        table: dict[str, Any] = self.send("DescribeTable", {"TableName": self.name})["Table"]
        return table

    def item(self, key: Item) -> Item | None:
        """Return the item with a key, read consistently; None if it does not exist."""
        params = {"TableName": self.name, "Key": key, "ConsistentRead": True}
        return TRANSIENT_FAULTS.call(lambda: self.send("GetItem", dict(params))).get("Item") or None

    def items(self, **params: Any) -> Iterator[Item]:
        """Yield the items of a scan, read consistently, page by page. A throttled page is requested again.

        Args:
            params: Arguments of `Scan` besides the table's name, such as a filter expression.
        """
        request = {"TableName": self.name, "ConsistentRead": True, **params}
        for page in pages(lambda asked: TRANSIENT_FAULTS.call(lambda: self.send("Scan", dict(asked))), request):
            yield from page

    def transact(self, *writes: Params) -> bool:
        """Make several writes in one transaction, all or none.

        Args:
            writes: Members of `TransactItems` without the table's name: `{"Put": {"Item": ...}}`.

        Returns:
            Whether they were made: False if a condition failed, or if another request is changing one of the items.
        """
        items = [{verb: {"TableName": self.name, **each} for verb, each in write.items()} for write in writes]
        try:
            TRANSIENT_FAULTS.call(lambda: self.send("TransactWriteItems", {"TransactItems": items}))
        except ClientError as error:
            codes = {each.get("Code") for each in error.response.get("CancellationReasons", ())}
            if codes - {"None", "ConditionalCheckFailed", "TransactionConflict"}:
                raise
            return False
        return True


def pages(ask: Callable[[Params], dict[str, Any]], params: Params) -> Iterator[list[Item]]:
    """Yield every page of a scan or a query.

    Args:
        ask: Sends the request for one page, and returns the answer.
        params: The request for the first page.
    """
    start: Item | None = None
    while True:
        answer = ask({**params, "ExclusiveStartKey": start} if start else params)
        yield answer.get("Items", [])
        start = answer.get("LastEvaluatedKey")
        if not start:
            return
