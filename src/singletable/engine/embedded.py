"""The embedded engine: a table in this process, on moto with a lock.

moto answers only this table's own client. Other AWS clients of the process, credentials and the environment are not
changed. Every `embedded()` block has its own account, so blocks do not see each other's tables. In the whole process,
moto serializes DynamoDB's answers with the faster `serializer`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from threading import RLock
from typing import Any, TypeAlias, TypeVar

from singletable.engine.serializer import serialize_quickly
from singletable.engine.transactions import Transactions
from singletable.errors import EngineUnavailableError
from singletable.forking import renewed_in_child
from singletable.models import Table
from singletable.models.binding.binding import pinned
from singletable.models.schema.table_schema import table_schema

__all__ = ["Answer", "Intercept", "embedded"]

Answer: TypeAlias = Callable[..., Any]
"""A function that answers one HTTP attempt, an `AWSResponse`, from botocore's event name and prepared request."""

Intercept: TypeAlias = Callable[[Answer, str, Any], Any]
"""A function around an `Answer`: it takes the `Answer`, the event name and the request; it answers or raises."""

T = TypeVar("T", bound=Table)

_REGION = "us-east-1"
_accounts = count(1)


class _Guard:
    """A lock around moto, which is not thread-safe: eight threads lost up to 17 % of acknowledged writes.

    See docs/reference/engines.md. In a forked process the lock is free, even if a thread of the parent held it.
    """

    def __init__(self) -> None:
        self.renew()
        renewed_in_child(self)

    def renew(self) -> None:
        """Replace the lock."""
        self._lock = RLock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *exception: object) -> None:
        self._lock.release()


_moto_lock = _Guard()


@contextmanager
def embedded(table: type[T], *, create: bool = True, intercept: Intercept | None = None) -> Iterator[type[T]]:
    """Bind a table class and all its entities to a fresh table in this process, for a block.

    Within the block, `bind()` changes the table's name, time-outs and attempts, but never the place. Threads that are
    started within the block also use the table.

    Args:
        table: The table class.
        create: Whether to create the table.
        intercept: Called for each HTTP attempt of the table's client, including the SDK's retries, with the function
            that answers it. `singletable.testing.simulate` uses it.

    Raises:
        EngineUnavailableError: moto is not installed.
    """
    account = f"{next(_accounts):012d}"
    transactions = Transactions(_stubber(), lambda: _tables(account))

    def answer(event_name: str, request: Any, **kwargs: Any) -> Any:
        # The lock is held for one attempt, not for a call with its retries: other writers work between the retries.
        with _moto_lock:
            response = transactions(event_name, request, **kwargs)
            if event_name.endswith(".UpdateTable"):
                _end_streams(_tables(account))
        return response

    handler = answer if intercept is None else _intercepted(intercept, answer)

    def answer_by_moto(client: Any) -> None:
        # The client is one of DynamoDB or of DynamoDB Streams.
        service = client.meta.service_model.service_id.hyphenize()
        # botocore calls every handler, so within mock_aws() moto would execute each request twice.
        client.meta.events.unregister("before-send", _stubber_of_mock_aws())
        client.meta.events.register_first(f"before-send.{service}", handler)

    place = pinned(
        table_schema(table).table,
        region=_REGION,
        endpoint_url=f"https://dynamodb.{_REGION}.amazonaws.com",
        credentials=("embedded", "embedded", None),
        extra_headers={"x-moto-account-id": account},
        prepare=answer_by_moto,
        answer=handler,
        place="the embedded engine",
        metered=False,
    )
    try:
        with place:
            if create:
                table.create_table(wait=True)
            yield table
    finally:
        _forget(account)


def _intercepted(intercept: Intercept, answer: Answer) -> Answer:
    return lambda event_name, request, **kwargs: intercept(partial(answer, **kwargs), event_name, request)


def _stubber() -> Any:
    try:
        from moto.core.botocore_stubber import BotocoreStubber
    except ImportError as error:
        raise EngineUnavailableError(
            "The embedded engine needs moto, which is not installed.",
            remedy='Run `pip install "singletable[embedded]"`, or name a server with --endpoint-url.',
        ) from error
    serialize_quickly()
    stubber = BotocoreStubber()
    stubber.enabled = True
    return stubber


def _end_streams(tables: list[Any]) -> None:
    """Remove the streams that were switched off. moto would keep writing to them, fail, and accept no new stream."""
    for table in tables:
        if table.stream_shard is not None and not table.stream_specification.get("StreamEnabled"):
            table.stream_shard = table.latest_stream_label = None


def _stubber_of_mock_aws() -> Any:
    from moto.core.models import botocore_stubber

    return botocore_stubber


def _tables(account: str) -> list[Any]:
    """Return moto's tables of an account."""
    from moto.dynamodb.models import dynamodb_backends

    return list(dynamodb_backends[account][_REGION].tables.values())


def _forget(account: str) -> None:
    from moto.dynamodb.models import dynamodb_backends

    with _moto_lock:
        dynamodb_backends.pop(account, None)
