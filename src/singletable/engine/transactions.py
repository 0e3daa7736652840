"""Transactions on moto as DynamoDB does them: once for each token, and without a trace when they are cancelled."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Any

__all__ = ["Transactions"]


class Transactions:
    """Has moto answer requests, and makes up for where it does TransactWriteItems otherwise than DynamoDB.

    A transaction that comes again under its client request token is answered as before, and no other is taken under
    it: DynamoDB does so for ten minutes; moto would apply it twice.

    Of a cancelled transaction nothing is in the stream. moto writes into the stream as it goes, and takes the table
    back to a copy of its own that no reader of the stream has.

    Args:
        answer: What has moto answer a request.
        tables: moto's tables of the account.
    """

    def __init__(self, answer: Callable[..., Any], tables: Callable[[], Sequence[Any]]) -> None:
        self._answer = answer
        self._tables = tables
        self._answered: dict[str, tuple[bytes, Any]] = {}

    def __call__(self, event_name: str, request: Any, **kwargs: Any) -> Any:
        if not event_name.endswith(".TransactWriteItems"):
            return self._answer(event_name, request, **kwargs)
        body = bytes(request.body)
        token = json.loads(body).get("ClientRequestToken")
        if token in self._answered:
            sent, response = self._answered[token]
            return response if sent == body else _token_taken(request.url)
        streams = [(table.name, _kept(table.stream_shard)) for table in self._tables() if table.stream_shard]
        lengths = [len(stream.items) for _, stream in streams]
        response = self._answer(event_name, request, **kwargs)
        if response.status_code == HTTPStatus.OK:
            if token is not None:
                response.content  # noqa: B018 - read once and kept, so that it can be given again
                self._answered[token] = (body, response)
            return response
        tables = {table.name: table for table in self._tables()}
        for (name, stream), length in zip(streams, lengths, strict=True):
            del stream.items[length:]
            stream.table = tables[name]
        return response


def _kept(shard: Any) -> Any:
    """A table's stream, such that a copy of the table has that same stream, and not a copy of it."""
    plain, kept = _kinds()
    if type(shard) is plain:
        shard.__class__ = kept
    return shard


@lru_cache(maxsize=1)
def _kinds() -> tuple[type, type]:
    from moto.dynamodb.models.table import StreamShard

    class Kept(StreamShard):
        def __deepcopy__(self, memo: object) -> Kept:
            return self

    return StreamShard, Kept


def _token_taken(url: str) -> Any:
    from botocore.awsrequest import AWSResponse
    from moto.core.botocore_stubber import MockRawResponse

    error = {
        "__type": "com.amazonaws.dynamodb.v20120810#IdempotentParameterMismatchException",
        "message": "The request uses the same client token as a previous, but non-identical request.",
    }
    return AWSResponse(url, HTTPStatus.BAD_REQUEST, {}, MockRawResponse(json.dumps(error)))
