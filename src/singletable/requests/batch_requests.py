"""Batches: many items in few requests, BatchGetItem and BatchWriteItem, with unprocessed items sent again."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, TypeAlias, TypeVar

import attrs

from singletable.errors import BatchIncompleteError, ThrottledError, as_uncertain, mark_uncertain
from singletable.errors.batch_errors import MissingRest
from singletable.requests.attempts import Attempts
from singletable.requests.expressions import projected
from singletable.requests.retry import Retry
from singletable.requests.types import Item, Sender
from singletable.steps import Crew, Steps, Stream, Waitable

__all__ = ["GET_LIMIT", "WRITE_LIMIT", "BatchOperation", "fetch_items", "identity", "write_all"]

GET_LIMIT = 100
"""The most keys in one BatchGetItem (DynamoDB API Reference)."""

WRITE_LIMIT = 25
"""The most items in one BatchWriteItem (DynamoDB API Reference)."""

_RETRY = Retry(attempts=10, first=0.1, longest=5.0)
"""The attempts of one chunk. DynamoDB's guide to batch operations asks for exponential backoff with full jitter."""

_T = TypeVar("_T")
_InProgress: TypeAlias = dict[Any, "list[BatchOperation]"]

Chunks: TypeAlias = Generator["Waitable | list[BatchOperation]", Any, None]
"""Operations in lists, between the steps that send them; see `Stream`."""


@attrs.frozen
class BatchOperation:
    """One put, delete or get of a batch.

    Args:
        key: The item's primary key, as a tuple of its texts.
        request: Its part of the arguments of BatchWriteItem or BatchGetItem.
        subject: The caller's object for it: an entity or a key.
        write: The planned write, if it is one.
    """

    key: tuple[str, ...] = attrs.field(repr=False)
    request: dict[str, Any] = attrs.field(repr=False)
    subject: Any = None
    write: Any = attrs.field(default=None, eq=False, repr=False)

    @property
    def verb(self) -> str:
        """The kind of the operation: put, delete or get."""
        return "put" if "PutRequest" in self.request else "delete" if "DeleteRequest" in self.request else "get"


class Remainder(Iterator[BatchOperation]):
    """The operations that a batch has not sent: those already taken from its iterable, then the others.

    A pickle contains the operations that were taken. If the iterable has more, the copy raises when it reaches them.

    Args:
        taken: The operations that were taken.
        more: The others.
    """

    def __init__(self, taken: Iterable[BatchOperation], more: Iterator[BatchOperation]) -> None:
        self._taken = deque(taken)
        self._more = more
        self._has_more: bool | None = None

    def __next__(self) -> BatchOperation:
        return self._taken.popleft() if self._taken else next(self._more)

    def __reduce__(self) -> tuple[Any, ...]:
        if self._has_more is None:
            # Only taking one shows whether any is left. It becomes a part of the pickle.
            try:
                self._taken.append(next(self._more))
                self._has_more = True
            except StopIteration:
                self._has_more = False
            except Exception:  # the caller's iterable may raise any
                self._has_more = True
        return Remainder, (tuple(self._taken), MissingRest() if self._has_more else iter(()))


@attrs.frozen
class _Subjects(Iterator[Any]):
    """The entities or keys of operations, as the caller gave them."""

    operations: Iterator[BatchOperation]

    def __next__(self) -> Any:
        return next(self.operations).subject


@attrs.frozen
class _Pending(Iterator[BatchOperation]):
    """The operations that were left unprocessed, then the rest of the batch, which `_Subjects` shares."""

    undone: deque[BatchOperation]
    rest: Remainder

    def __next__(self) -> BatchOperation:
        return self.undone.popleft() if self.undone else next(self.rest)


def identity(item: Item, primary: tuple[str, ...]) -> tuple[str, ...]:
    """Return the values of an item's primary key as texts: equal only for the same item of a table."""
    return tuple(str(item[name].get("S") or item[name]) for name in primary)


def fetch_items(
    sender: Sender,
    keys: Sequence[Item],
    primary: tuple[str, ...],
    *,
    consistent: bool = False,
    workers: int = 1,
    subjects: Sequence[Any] | None = None,
    only: Sequence[str] | None = None,
) -> Steps[list[Item | None]]:
    """Return the items with these primary keys, in the order of the keys; None for an item that does not exist.

    Args:
        sender: The sender of the requests.
        keys: Primary keys; a key may appear more than once.
        primary: The stored names of the primary key's attributes.
        consistent: Whether to read consistently, at twice the cost.
        workers: The most requests in progress at once.
        subjects: The caller's object for each key; None for the keys themselves.
        only: The stored attributes to read, including those of the primary key; None for whole items.

    Raises:
        BatchIncompleteError: DynamoDB left keys unprocessed after ten attempts.
    """
    found: dict[tuple[str, ...], Item] = {}
    named = zip(keys, keys if subjects is None else subjects, strict=True)
    operations = (BatchOperation(identity(key, primary), key, subject) for key, subject in named)
    unique = {operation.key: operation for operation in operations}
    projection = projected(only)

    def send(pending: list[Any], attempts: Attempts) -> Steps[list[Any]]:
        request = {"Keys": pending, "ConsistentRead": consistent, **projection}
        answer = yield from sender.steps("BatchGetItem", {"RequestItems": {sender.table_name: request}})
        items = answer.get("Responses", {}).get(sender.table_name, [])
        found.update({identity(item, primary): item for item in items})
        left = (answer.get("UnprocessedKeys") or {}).get(sender.table_name) or {}
        return list(left.get("Keys", []))

    done = Stream(_all_chunks("BatchGetItem", unique.values(), GET_LIMIT, send, primary, workers))
    while (yield from done.take()) is not None:
        pass
    return [found.get(identity(key, primary)) for key in keys]


def write_all(
    sender: Sender, operations: Iterable[BatchOperation], primary: tuple[str, ...], *, workers: int = 1
) -> Chunks:
    """Put and delete items, 25 in a request; yield the operations that each finished request has done.

    If several operations are on one item, the last one wins, as if they were sent one after the other: a request
    contains only the last of them, and it waits for any request in progress that contains the same item.

    Args:
        sender: The sender of the requests.
        operations: The operations; they are taken from an iterator only when they are sent.
        primary: The stored names of the primary key's attributes.
        workers: The most requests in progress at once.

    Raises:
        BatchIncompleteError: DynamoDB left items unprocessed after ten attempts.
    """

    def send(pending: list[Any], attempts: Attempts) -> Steps[list[Any]]:
        answer = yield from sender.steps("BatchWriteItem", {"RequestItems": {sender.table_name: pending}}, attempts)
        return list((answer.get("UnprocessedItems") or {}).get(sender.table_name) or [])

    return _all_chunks("BatchWriteItem", operations, WRITE_LIMIT, send, primary, workers)


def _all_chunks(
    name: str, operations: Iterable[BatchOperation], size: int, send: Any, primary: tuple[str, ...], workers: int
) -> Chunks:
    chunks = _distinct_chunks(operations, size)
    in_progress: _InProgress = {}
    crew = Crew(workers)
    failure: Exception | None = None
    try:
        while True:
            try:
                chunk = next(chunks, None)
            except Exception as error:  # the caller's iterable may raise any
                failure = error
                break
            if chunk is None:
                break
            keys = {operation.key for operation in chunk}
            while in_progress and (
                len(in_progress) >= workers or any(keys & {each.key for each in busy} for busy in in_progress.values())
            ):
                yield from _finished(name, crew, in_progress, Remainder(chunk, chain.from_iterable(chunks)))
            task = yield crew.start(_until_done(send, chunk, primary))
            in_progress[task] = chunk
        while in_progress:
            yield from _finished(name, crew, in_progress, Remainder((), iter(())))
    except BaseException as error:
        if in_progress and name == "BatchWriteItem" and not isinstance(error, Exception):
            # A cancelled task, or an interrupt.
            mark_uncertain(error, f"Some of the {sum(map(len, in_progress.values()))} items may have been written.")
        raise
    finally:
        crew.close()
    if failure is not None:
        raise failure


def _finished(name: str, crew: Crew, in_progress: _InProgress, rest: Remainder) -> Chunks:
    """Wait for a request, and yield the operations that it has done.

    A request with unprocessed items ends the batch, after all requests in progress have finished.
    """
    undone: list[BatchOperation] = []
    failure: Exception | None = None
    lost, waiting = False, True
    while waiting:
        done = yield crew.first_ended()
        for task in done:
            chunk = in_progress.pop(task)
            ended = task.result()
            if ended.failure is not None and chunk[0].verb == "get":
                # A read changes nothing, so a lost answer does not make its outcome uncertain.
                raise ended.failure
            left, failure = ended.left, failure or ended.failure
            lost |= bool(left) and ended.attempts.lost
            keys = {operation.key for operation in left}
            yield [operation for operation in chunk if operation.key not in keys]
            undone += left
        waiting = bool(undone and in_progress)
    if undone:
        what = f"after {_RETRY.attempts} attempts" if failure is None else f"when a request failed: {failure}"
        incomplete = BatchIncompleteError(
            f"{name}: {len(undone):,} items were left unprocessed {what}".rstrip(".") + ".",
            remedy=(
                "The table is throttled: send fewer items at once, or raise its capacity. " if failure is None else ""
            )
            + "The error's fields unprocessed and rest hold the operations left; batch.resume(error) sends them.",
            unprocessed=tuple(operation.subject for operation in undone),
            verbs=tuple(operation.verb for operation in undone),
            rest=_Subjects(rest),
            pending=_Pending(deque(undone), rest),
        )
        raise (as_uncertain(incomplete) if lost else incomplete) from failure


@attrs.frozen
class _Ended:
    """The outcome of one chunk.

    Args:
        left: The operations that were not done, or whose outcome is unknown.
        attempts: The attempts of its requests.
        failure: The error that ended it; None if all was done, or after the last attempt.
    """

    left: list[BatchOperation]
    attempts: Attempts
    failure: Exception | None = None


def _until_done(send: Any, chunk: list[BatchOperation], primary: tuple[str, ...]) -> Steps[_Ended]:
    """Send one chunk, at most ten times, until no operation is left."""
    attempts = Attempts()
    failure: Exception | None = None
    pending = [operation.request for operation in chunk]
    for attempt in range(_RETRY.attempts):
        yield from _RETRY.before(attempt)
        try:
            pending = yield from send(pending, attempts)
        except ThrottledError:
            continue
        except Exception as error:  # the caller raises it after the other chunks
            failure = error
            break
        if not pending:
            return _Ended([], attempts)
    left = {identity(_key_in(request), primary) for request in pending}
    return _Ended([operation for operation in chunk if operation.key in left], attempts, failure)


def _key_in(request: dict[str, Any]) -> Item:
    put, delete = request.get("PutRequest"), request.get("DeleteRequest")
    key: Item = put["Item"] if put else delete["Key"] if delete else request
    return key


def _distinct_chunks(operations: Iterable[BatchOperation], size: int) -> Iterator[list[BatchOperation]]:
    """Return chunks in which no item appears twice; the last operation on an item replaces the earlier ones."""
    chunk: dict[tuple[str, ...], BatchOperation] = {}
    failure: Exception | None = None
    try:
        for operation in operations:
            if operation.key not in chunk and len(chunk) == size:
                yield list(chunk.values())
                chunk = {}
            chunk[operation.key] = operation
    except Exception as error:  # the caller's iterable may raise any; the operations taken before are still sent
        failure = error
    if chunk:
        yield list(chunk.values())
    if failure is not None:
        raise failure
