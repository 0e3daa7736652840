"""The embedded engine: a table in this process, on moto behind a lock.

Only this table's own client is answered by moto. Other AWS clients of the process, credentials and
environment are left alone, and every `embedded()` block has an account of its own, so that blocks do not
see one another's tables.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from itertools import count
from threading import RLock
from typing import Any, TypeVar

from singletable.errors import EngineUnavailable
from singletable.models import Table

__all__ = ["embedded"]

T = TypeVar("T", bound=Table)

_REGION = "us-east-1"
_accounts = count(1)
# moto is not safe under threads: eight of them lost up to 17 % of acknowledged writes (docs/reference/engines.md).
_moto_lock = RLock()


@contextmanager
def embedded(table: type[T], *, create: bool = True) -> Iterator[type[T]]:
    """A fresh table in this process, for the block: the table class and all its entities are bound to it.

    Args:
        table: The table class.
        create: Whether to create the table, too.

    Raises:
        EngineUnavailable: moto is not installed.
    """
    stubber = _OncePerToken(_stubber())
    account = f"{next(_accounts):012d}"

    def answer_by_moto(client: Any) -> None:
        client.meta.events.register_first("before-send.dynamodb", stubber)

    binding = table.bind(
        region=_REGION,
        endpoint_url=f"https://dynamodb.{_REGION}.amazonaws.com",
        credentials=("embedded", "embedded", None),
        extra_headers={"x-moto-account-id": account},
        prepare=answer_by_moto,
        place="the embedded engine",
        metered=False,
        guard=_moto_lock,
    )
    try:
        if create:
            table.create_table(wait=True)
        yield table
    finally:
        binding.undo()
        _forget(account)


class _OncePerToken:
    """Answers a transaction that comes again under its client request token as before, and takes no other under it.

    DynamoDB does so for ten minutes; moto would apply it twice.
    """

    def __init__(self, answer: Callable[..., Any]) -> None:
        self._answer = answer
        self._answered: dict[str, tuple[bytes, Any]] = {}

    def __call__(self, event_name: str, request: Any, **kwargs: Any) -> Any:
        target = request.headers.get("X-Amz-Target", b"")
        if not bytes(target if isinstance(target, bytes) else target.encode()).endswith(b".TransactWriteItems"):
            return self._answer(event_name, request, **kwargs)
        body = bytes(request.body)
        token = json.loads(body).get("ClientRequestToken")
        if token not in self._answered:
            response = self._answer(event_name, request, **kwargs)
            if token is None or response.status_code != HTTPStatus.OK:
                return response
            response.content  # noqa: B018 - read once and kept, so that it can be given again
            self._answered[token] = (body, response)
        sent, response = self._answered[token]
        return response if sent == body else _token_taken(request.url)


def _token_taken(url: str) -> Any:
    from botocore.awsrequest import AWSResponse
    from moto.core.botocore_stubber import MockRawResponse

    error = {
        "__type": "com.amazonaws.dynamodb.v20120810#IdempotentParameterMismatchException",
        "message": "The request uses the same client token as a previous, but non-identical request.",
    }
    return AWSResponse(url, HTTPStatus.BAD_REQUEST, {}, MockRawResponse(json.dumps(error)))


def _stubber() -> Any:
    try:
        from moto.core.botocore_stubber import BotocoreStubber
    except ImportError as error:
        raise EngineUnavailable(
            "The embedded engine needs moto, which is not installed.",
            remedy='Run `pip install "singletable[embedded]"`, or name a server with --endpoint-url.',
        ) from error
    stubber = BotocoreStubber()
    stubber.enabled = True
    return stubber


def _forget(account: str) -> None:
    from moto.dynamodb.models import dynamodb_backends

    with _moto_lock:
        dynamodb_backends.pop(account, None)
