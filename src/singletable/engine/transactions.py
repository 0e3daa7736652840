"""Transactions on moto as in DynamoDB: executed once for each token, and without stream records if canceled."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy, deepcopy
from functools import lru_cache
from http import HTTPStatus
from typing import Any

__all__ = ["Transactions"]


class Transactions:
    """Passes requests to moto, and corrects the differences of its TransactWriteItems from DynamoDB.

    A transaction that is sent again with its client request token gets the same answer. A different transaction with
    that token is refused. DynamoDB does so for ten minutes; moto would apply the transaction twice.

    A canceled transaction leaves no records in the stream. moto writes records while it executes the operations, and
    then restores the table from a copy, which readers of the stream do not use.

    Args:
        answer: The function that lets moto answer a request.
        tables: Returns moto's tables of the account.
    """

    def __init__(self, answer: Callable[..., Any], tables: Callable[[], Sequence[Any]]) -> None:
        self._answer = answer
        self._tables = tables
        self._answered: dict[str, tuple[bytes, Any]] = {}

    def __call__(self, event_name: str, request: Any, **kwargs: Any) -> Any:
        if not event_name.endswith(".TransactWriteItems"):
            return self._answer(event_name, request, **kwargs)
        body = bytes(request.body)
        asked = json.loads(body)
        token = asked.get("ClientRequestToken")
        if token in self._answered:
            sent, response = self._answered[token]
            return response if sent == body else _token_taken(request.url)
        lengths = {table.name: len(table.stream_shard.items) for table in self._tables() if table.stream_shard}
        with self._copied_cheaply(asked):
            response = self._answer(event_name, request, **kwargs)
        if response.status_code == HTTPStatus.OK:
            if token is not None:
                response.content  # noqa: B018 - read once and kept, so that it can be returned again
                self._answered[token] = (body, response)
            return response
        for table in self._tables():
            if table.name in lengths:
                del table.stream_shard.items[lengths[table.name] :]
                table.stream_shard.table = table
        return response

    @contextmanager
    def _copied_cheaply(self, asked: dict[str, Any]) -> Iterator[None]:
        """Make copies of moto's tables cheap within a block.

        moto copies the whole table for each operation of a transaction, to restore it after a failure. With a thousand
        items that takes most of the time. Only the items that a transaction updates are changed in place, so only these
        are copied.
        """
        operations = [each["Update"] for each in asked.get("TransactItems", []) if "Update" in each]
        plain, cheap = _kinds()
        for table in self._tables():
            table.updated = [each["Key"] for each in operations if each.get("TableName") == table.name]
            table.__class__ = cheap
        try:
            yield
        finally:
            # After a canceled transaction these tables are the copies.
            for table in self._tables():
                table.__class__ = plain
                del table.updated


@lru_cache(maxsize=1)
def _kinds() -> tuple[type, type]:
    """Return moto's table class, and one whose copies share unchanged items and the stream, which readers use."""
    from moto.dynamodb.models.dynamo_type import DynamoType
    from moto.dynamodb.models.table import Table

    class Cheap(Table):
        updated: list[dict[str, Any]]

        def __deepcopy__(self, memo: object) -> Cheap:
            twin = copy(self)
            twin.items = defaultdict(dict, {partition: copy(items) for partition, items in self.items.items()})
            for key in self.updated:
                try:
                    names = [DynamoType(key[name]) for name in (self.hash_key_attr, self.range_key_attr) if name]
                    item = self.get_item(names[0], names[1] if len(names) > 1 else None)
                except Exception:  # noqa: S112 - moto reports a malformed key itself
                    continue
                if item is not None:
                    # Without a sort key, moto stores the item itself in place of the partition.
                    place: Any = twin.items[names[0]] if len(names) > 1 else twin.items
                    place[names[-1]] = deepcopy(item)
            return twin

    return Table, Cheap


def _token_taken(url: str) -> Any:
    from botocore.awsrequest import AWSResponse
    from moto.core.botocore_stubber import MockRawResponse

    error = {
        "__type": "com.amazonaws.dynamodb.v20120810#IdempotentParameterMismatchException",
        "message": "The request uses the same client token as a previous, but non-identical request.",
    }
    return AWSResponse(url, HTTPStatus.BAD_REQUEST, {}, MockRawResponse(json.dumps(error)))
