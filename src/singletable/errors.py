"""Every error that singletable raises.

`SingletableError` is the base. Each subclass is named after the situation and keeps its parts as
fields, so that a program can act on them and a person can read the message: what failed, with the
offending value, and what to do about it. Where a caller of plain Python or of PynamoDB would expect
a built-in or PynamoDB class (`ValueError`, `TypeError`, `DoesNotExist`), the subclass is one too.
Every error can be pickled.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar, cast

from pynamodb.exceptions import DeleteError, DoesNotExist, PutError, TransactWriteError, UpdateError

from singletable.pickling import nearest_class, portable, rebuild

__all__ = [
    "AccessDenied",
    "AlreadyExists",
    "AlreadyHandled",
    "BatchIncomplete",
    "ConcurrentUpdateError",
    "ConditionFailed",
    "CredentialsMissing",
    "CursorError",
    "DeclarationError",
    "EndpointUnreachable",
    "EngineUnavailable",
    "HandlerNotRun",
    "HandlersFailed",
    "ImageMissing",
    "InfraError",
    "InvalidBatchError",
    "InvalidConditionError",
    "InvalidKeyValueError",
    "InvalidRequestError",
    "InvalidTransactionError",
    "InvalidUpdateError",
    "InvalidValueError",
    "ItemDoesNotExist",
    "ItemTooLarge",
    "KeyChangeError",
    "KeyParseError",
    "KeyTooLongError",
    "LeaseHeld",
    "LeaseLost",
    "MalformedItemError",
    "MalformedRecordError",
    "MigrationConflict",
    "MigrationError",
    "MigrationPaused",
    "MigrationStopped",
    "MissingAttributesError",
    "MultipleItemsFound",
    "NoResponse",
    "NotProjectedError",
    "OperatingError",
    "PartialItemError",
    "PatternError",
    "ProjectError",
    "RequestFailed",
    "SingletableError",
    "StaleKeyError",
    "StreamMissing",
    "StreamTrimmed",
    "StreamViewError",
    "TableMissing",
    "Throttled",
    "TransactionCancelled",
    "UnexpectedAttributesError",
    "UnknownItemError",
    "Unprocessable",
]


class SingletableError(Exception):
    """The base of all errors.

    Args:
        what: What failed, with the offending value.
        remedy: What to do about it; printed after `what`.
        parts: The situation's parts (`entity`, `index`, `attribute`, `value`, ...), readable as
            attributes of the error. A part that was not given reads as None.

    `uncertain` is True if the error ends a write that may have been applied, because an attempt got no answer.
    Otherwise nothing was written.
    """

    entity: str | None = None
    index: str | None = None
    attribute: str | None = None
    value: Any = None
    uncertain: bool = False

    def __init__(self, what: str, *, remedy: str = "", **parts: Any) -> None:
        self.what = what
        self.remedy = remedy
        super().__init__(f"{what} {remedy}".strip())
        # Behind the other base classes: PynamoDB's set fields of their own.
        for name, part in parts.items():
            setattr(self, name, part)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the message and every part that can be pickled; a process pool sends errors that way.

        An error of a class that cannot be imported, such as the `DoesNotExist` of an entity within a function, arrives
        as its base. `__cause__` and the traceback stay behind, as with any exception.
        """
        return rebuild, (
            nearest_class(type(self)),
            self.args,
            {name: portable(each) for name, each in vars(self).items()},
        )

    def __copy__(self) -> SingletableError:
        # In this process every part is kept, whether it can be pickled or not.
        return cast(SingletableError, rebuild(type(self), self.args, vars(self)))


E = TypeVar("E", bound=SingletableError)


def as_uncertain(error: E, look: str = "Read the item (refresh() or get()) before you write again.") -> E:
    """Mark an error as one that ends a write which may have been applied, and say so in its message.

    Args:
        error: The error.
        look: The remedy that is added to its own.
    """
    error.uncertain = True
    error.what = f"{error.what} An attempt ended without a definite answer, so the write may have been applied."
    error.remedy = f"{error.remedy} {look}".strip()
    error.args = (f"{error.what} {error.remedy}",)
    return error


# --- declaring ------------------------------------------------------------------------


class DeclarationError(SingletableError, ValueError):
    """A table, entity, key or expiry is declared in a way that could not work.

    `rule` is the id under which `singletable check` documents the rule (`ST101`, ...); `ST100` if no rule fits.
    """

    rule: str = "ST100"


class PatternError(SingletableError, TypeError):
    """An access pattern is declared in a way that nothing can be done with it."""


# --- keys -----------------------------------------------------------------------------


class InvalidValueError(SingletableError, ValueError):
    """The attribute cannot store this value: wrong type, naive datetime, or not finite.

    `attribute` is the Python name of the top-level attribute. `path` is the place below it, such as `(0, "label")`:
    names within maps and positions within lists. `reason` is the fault alone, such as `expected str, got int`.
    """

    path: tuple[str | int, ...] = ()
    reason: str = ""
    shown: str = ""


class InvalidKeyValueError(InvalidValueError):
    """A value cannot stand in a key: empty, of the wrong type, naive, inexact, too wide."""


class KeyTooLongError(InvalidKeyValueError):
    """A key is longer than DynamoDB's limit: 2048 bytes of UTF-8 (partition), 1024 (sort)."""

    size: int = 0
    limit: int = 0


class KeyParseError(SingletableError, ValueError):
    """A stored key is not one that this entity could have written."""


class MissingAttributesError(SingletableError, TypeError):
    """A key cannot be built, or a query not be asked, without more attributes."""

    missing: tuple[str, ...] = ()


class UnexpectedAttributesError(SingletableError, TypeError):
    """Attributes were given that the key does not use at this place."""

    unexpected: tuple[str, ...] = ()


# --- reading --------------------------------------------------------------------------


class InvalidConditionError(SingletableError, ValueError):
    """A condition cannot be asked of this key."""


class InvalidRequestError(SingletableError, ValueError):
    """A request was asked for with options that it cannot have."""


class NotProjectedError(SingletableError, ValueError):
    """An attribute was not read: the index does not hold it, or `only=` left it out."""


class PartialItemError(SingletableError, ValueError):
    """A write was asked of an instance that was read with `only=`, and so does not have the whole item."""


class ItemDoesNotExist(SingletableError, DoesNotExist):
    """No item has the key. Each entity has its own subclass, `Order.DoesNotExist`."""

    def __init__(self, what: str = "The item does not exist.", **parts: Any) -> None:
        # PynamoDB's class takes one message; its own __init__ adds nothing else.
        SingletableError.__init__(self, what, **parts)


class MultipleItemsFound(SingletableError, ValueError):
    """One item was asked for and there were more; `count` says how many."""

    count: int = 0


class UnknownItemError(SingletableError, ValueError):
    """An item is of no entity type that the table knows, or says no type at all.

    `entity_type` is what the item says (None where it says nothing), `key` its primary key. `cursor` continues the
    query or scan after the item: `page(size, error.cursor)`, without a limit. It is None outside of queries and scans.
    """

    entity_type: str | None = None
    key: tuple[Any, Any] | None = None
    cursor: str | None = None


class MalformedItemError(SingletableError, ValueError):
    """A stored item holds something that its model cannot read; the value stays out of the message.

    `key` is the item's primary key. `cursor` continues the query or scan after the item: `page(size, error.cursor)`,
    without a limit. It is None outside of queries and scans.
    """

    key: tuple[Any, Any] | None = None
    cursor: str | None = None


class CursorError(SingletableError, ValueError):
    """A cursor is malformed, altered, expired, or belongs to another query, table or client."""


# --- writing --------------------------------------------------------------------------


class ConditionFailed(SingletableError, PutError, UpdateError, DeleteError):
    """The condition of a write does not hold. Nothing was written, unless `uncertain` is True.

    `item` is the stored item, as DynamoDB sent it; None if there is none.
    """

    item: dict[str, Any] | None = None


class AlreadyExists(ConditionFailed):
    """`create()` or `move()` found an item under the same primary key; nothing was written."""


class ConcurrentUpdateError(ConditionFailed):
    """Another writer was faster: the version is another, or what a key depends on keeps changing."""


class KeyChangeError(SingletableError, ValueError):
    """A write would change the primary key, and so leave the old item behind."""


class InvalidUpdateError(InvalidValueError):
    """An update cannot be made: its actions contradict each other, or the item has no part that an action needs."""


class StaleKeyError(SingletableError, ValueError):
    """A write would leave a derived attribute behind, and there is no way to tell what it should be."""


class ItemTooLarge(InvalidValueError):
    """An item is larger than DynamoDB's 400 KB. `size` is in bytes; `largest` has (attribute, bytes) pairs."""

    size: int = 0
    limit: int = 0
    largest: tuple[tuple[str, int], ...] = ()


class InvalidBatchError(SingletableError, ValueError):
    """A batch was asked for something that BatchWriteItem cannot do."""


class BatchIncomplete(SingletableError):
    """A batch was not finished after all retries, or a request of it failed.

    `unprocessed` holds exactly the operations that the batch had taken and not done: entities, requests for items, or
    keys, as they were given; `verbs` names each a put, delete or get. `rest` is an iterator over the operations that it
    had not taken yet from an iterable. `Batch.resume(error)` sends all of them.
    If a request failed, `__cause__` is its error. The writes of that request are all in `unprocessed`; some of them may
    have been done if `uncertain` is True.
    A pickle holds the operations that the batch had taken. If its iterable has more, the copy raises
    `InvalidBatchError` when it reaches the rest.
    `sender` is the sender of the batch.
    """

    unprocessed: tuple[Any, ...] = ()
    verbs: tuple[str, ...] = ()
    sender: Any = None
    pending: Iterator[Any] = iter(())
    rest: Iterator[Any] = iter(())


class InvalidTransactionError(SingletableError, ValueError):
    """A transaction that DynamoDB would refuse: too many items, too many bytes, one item twice."""


class TransactionCancelled(SingletableError, TransactWriteError):
    """A transaction was cancelled. Nothing of it was written, unless `uncertain` is True.

    `reasons` has one `singletable.CancellationReason` for each operation, in the order in which they were given.
    """

    reasons: tuple[Any, ...] = ()


# --- streams --------------------------------------------------------------------------


class StreamViewError(SingletableError):
    """A stream does not show what a handler needs; `view` is what it shows, `handler` the first that needs more."""

    view: str | None = None
    handler: str | None = None


class StreamMissing(SingletableError):
    """The table has no stream, or the stream is gone."""


class StreamTrimmed(SingletableError):
    """Records were dropped before they were read: they were older than the 24 hours for which a stream keeps them.

    `shard` is the shard's id.
    """

    shard: str | None = None


class MalformedRecordError(SingletableError, ValueError):
    """What came as a record of a stream is none; `event_id` and `sequence_number` say which, as far as is known."""

    event_id: str | None = None
    sequence_number: str | None = None


class ImageMissing(SingletableError, AttributeError):
    """A change has no such image, or the stream does not show it; `image` is `new` or `old`."""

    image: str | None = None


class Unprocessable(SingletableError):
    """A handler raises it for an event that it can never handle: a dead letter at once, and no further attempt.

    Its text is the letter's reason: leave values of items out of it.
    """


class AlreadyHandled(SingletableError):
    """The handler has handled this event before: its transaction was not done again. The router counts it so."""


class HandlerNotRun(SingletableError, TypeError):
    """A handler, or a function that takes dead letters, returned an awaitable or a generator: its work is not done.

    `handler` is its name.
    """

    handler: str | None = None


class HandlersFailed(SingletableError):
    """Handlers of a record failed; the others are done and are not called again for it.

    `letters` has one `singletable.streams.DeadLetter` for each that failed, `errors` what they raised; `outcome` is
    what became of the others.
    """

    letters: tuple[Any, ...] = ()
    outcome: Any = None
    errors: tuple[BaseException, ...] = ()


# --- migrations -----------------------------------------------------------------------


class MigrationError(SingletableError):
    """A migration script, or the history that the scripts are, cannot work; nothing was written.

    `migration` is the script's name, `place` its file and line, where they are known.
    """

    migration: str | None = None
    place: str | None = None


class MigrationConflict(MigrationError):
    """What a table is, or what it has recorded, does not fit the scripts."""


class LeaseHeld(SingletableError):
    """Another runner is at work on the table; `owner` says which."""

    owner: str | None = None


class LeaseLost(SingletableError):
    """Another runner has taken over: this one was silent for too long, and stops. What it wrote is right."""


class MigrationStopped(SingletableError):
    """A migration run stopped before its end: errors over the limit, or what it found afterwards. It can be resumed."""


class MigrationPaused(MigrationStopped):
    """A migration run was asked to pause. It can be resumed."""


# --- the table and its surroundings ---------------------------------------------------


class RequestFailed(SingletableError):
    """A service of AWS refused a request.

    `service` is its name as the SDK has it, such as `CloudFormation`; `operation` is the request, `code` the reason.
    """

    service: str | None = "DynamoDB"
    operation: str | None = None
    code: str | None = None


class Throttled(RequestFailed):
    """The table, an index or another service got more requests than its capacity, after all of the SDK's retries.

    `table` is the table's name, `index` the index, where DynamoDB says that it is one.
    """

    table: str | None = None


class TableMissing(RequestFailed):
    """The table does not exist where it was looked for."""


class AccessDenied(RequestFailed):
    """The credentials do not allow the operation."""


class NoResponse(RequestFailed, ConnectionError):
    """A request was sent, and no answer came to it or to its retries. A write may have been done all the same."""


class EndpointUnreachable(SingletableError, ConnectionError):
    """Nothing answers at the endpoint."""


class CredentialsMissing(SingletableError):
    """There are no AWS credentials, or no region, to send a request with."""


class EngineUnavailable(SingletableError):
    """The chosen engine cannot be installed or started, or a needed package is not installed."""


class ProjectError(SingletableError):
    """The folder is not a singletable project, or its setup.cfg names what is not there."""


class InfraError(SingletableError):
    """A template, a policy or a stack cannot be made as it was asked for."""


class OperatingError(SingletableError):
    """Metrics or costs cannot be worked out from what was given."""
