"""Errors of batches and transactions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

from pynamodb.exceptions import TransactWriteError

from singletable.errors.base_error import SingletableError

__all__ = [
    "BatchIncompleteError",
    "InvalidBatchError",
    "InvalidTransactionError",
    "MissingRest",
    "TransactionCancelled",
]


class InvalidBatchError(SingletableError, ValueError):
    """A batch was given an operation that BatchWriteItem or BatchGetItem cannot do.

    Remedy: Use `save()` or `transaction()` for entities that have a version or need a condition. Open another `batch()`
    if the block has ended.
    """


class BatchIncompleteError(SingletableError):
    """A batch was not finished after all retries, or a request of it failed.

    If a request failed, `__cause__` is its error. The writes of that request are all in `unprocessed`; some of them may
    have been done if `uncertain` is True.

    A pickle holds the operations that the batch had taken. If its iterable has more, the copy raises
    `InvalidBatchError` when it reaches the rest.

    Remedy: Call `resume(error)` of another batch, which sends all operations in `unprocessed` and `rest`. Reads cannot
    be resumed: request the items in `unprocessed` again. See docs/reference/writing.md#batches.

    Attributes:
        unprocessed: Exactly the operations that the batch had taken and not done: entities, requests for items, or
            keys, as they were given.
        verbs: The verb of each operation in `unprocessed`: put, delete or get.
        sender: The sender of the batch.
        pending: An iterator over `unprocessed` and `rest`, for `resume()`.
        rest: An iterator over the operations that the batch had not taken yet from an iterable.
    """

    unprocessed: tuple[Any, ...] = ()
    verbs: tuple[str, ...] = ()
    sender: Any = None
    pending: Iterator[Any] = iter(())
    rest: Iterator[Any] = iter(())

    def _replacement(self, part: Any) -> Any:
        return MissingRest() if isinstance(part, Iterator) else super()._replacement(part)


class MissingRest(Iterator[Any]):
    """An iterator whose `__next__` raises; it replaces, in a pickle, an iterator over the rest of a batch.

    An empty iterator in its place would mean that nothing is left to do.
    """

    def __next__(self) -> NoReturn:
        raise InvalidBatchError(
            "The rest of the batch is in the process in which it failed: an iterator cannot be pickled.",
            remedy="Call resume(error) in that process, or give the rest of the source to another batch.",
        )


class InvalidTransactionError(SingletableError, ValueError):
    """DynamoDB would refuse the transaction: too many items or bytes, or two operations on one item.

    Remedy: Split it into several transactions, and put all changes of one item into one update.
    """


class TransactionCancelled(SingletableError, TransactWriteError):  # noqa: N818 - DynamoDB's term
    """A transaction was cancelled.

    Nothing of it was written, unless `uncertain` is True.

    Remedy: Look at `reasons`. If other writers caused the conflict, try again.

    Attributes:
        reasons: One `singletable.CancellationReason` for each operation, in the order in which they were given.
    """

    reasons: tuple[Any, ...] = ()
