"""Every error that singletable raises.

`SingletableError` is the base. Each subclass is named after its situation. The message states the failure, with the
offending value, and the remedy. The fields hold the parts of the situation, for programs. A subclass also derives from
the class that callers of plain Python or of PynamoDB expect (`ValueError`, `TypeError`, `DoesNotExist`). Every error
can be pickled.

`python -m tests.documents.errors_page` writes `docs/reference/errors.md` from the docstrings of these classes: the
first line is the situation, `Remedy:` the advice, and `Attributes:` the fields.
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

    Its text is `what`, a space and `remedy`.

    Args:
        what: The failure, with the offending value.
        remedy: The advice that follows `what` in the message.
        parts: Values for the fields of the error. A field without a value reads as None or as its default.

    Attributes:
        what: The failure, with the offending value.
        remedy: The advice that follows `what` in the message; "" if the message has none.
        entity: The name of the entity.
        index: The name of the index.
        attribute: The Python name of the attribute.
        value: The offending value, unless it is personal.
        uncertain: True if the error ends a write that may have been applied, because an attempt ended without a
            definite answer. If it is False, nothing was written. See docs/reference/writing.md#lost-answers.
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
        # After the constructors of the other base classes, because those of PynamoDB set fields of their own.
        for name, part in parts.items():
            setattr(self, name, part)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the message and every part that can be pickled; process pools send errors as pickles.

        An error of a class that cannot be imported, such as the `DoesNotExist` of an entity within a function, arrives
        as its base. `__cause__` and the traceback are not pickled, as with any exception.
        """
        return rebuild, (
            nearest_class(type(self)),
            self.args,
            {name: portable(each) for name, each in vars(self).items()},
        )

    def __copy__(self) -> SingletableError:
        # A copy in this process keeps every part, also those that cannot be pickled.
        return cast(SingletableError, rebuild(type(self), self.args, vars(self)))


E = TypeVar("E", bound=SingletableError)


def as_uncertain(error: E, look: str = "Read the item (refresh() or get()) before you write again.") -> E:
    """Mark an error as one that ends a write which may have been applied, and add that to its message.

    Args:
        error: The error.
        look: The advice that is added to the error's remedy.

    Returns:
        The error.
    """
    error.uncertain = True
    error.what = f"{error.what} An attempt ended without a definite answer, so the write may have been applied."
    error.remedy = f"{error.remedy} {look}".strip()
    error.args = (f"{error.what} {error.remedy}",)
    return error


# --- declaring ------------------------------------------------------------------------


class DeclarationError(SingletableError, ValueError):
    """A table, an entity, a key or an expiry has a declaration that cannot work.

    Remedy: Change the declaration. See docs/reference/rules.md for the reason and the remedy of each rule.

    Attributes:
        rule: The id of the rule that the declaration breaks, such as `ST101`; `ST100` if no other rule fits.
    """

    rule: str = "ST100"


class PatternError(SingletableError, TypeError):
    """An access pattern has a declaration that cannot be used.

    Remedy: Give the function a sentence, an annotation of the request that it returns, and parameters that are named
    after attributes. See docs/reference/patterns.md.
    """


# --- keys -----------------------------------------------------------------------------


class InvalidValueError(SingletableError, ValueError):
    """The attribute cannot store this value: wrong type, naive datetime, or not finite.

    Functions also raise it for an argument that is outside the documented values, such as a time-out of 0 seconds.

    Remedy: Give a value that fits. See docs/reference/writing.md#refused-values for the values that are refused.

    Attributes:
        path: The place of the value below `attribute`, such as `(0, "label")`: names within maps and positions within
            lists. `()` is the attribute itself.
        reason: The fault alone, such as `expected str, got int`.
        shown: The value as the message shows it; a placeholder if the value is personal.
    """

    path: tuple[str | int, ...] = ()
    reason: str = ""
    shown: str = ""


class InvalidKeyValueError(InvalidValueError):
    """A key cannot contain this value: empty, of the wrong type, naive, inexact, or too wide.

    Remedy: Give a value that the template can hold, or change the width in the template.
    See docs/reference/keys.md#values.
    """


class KeyTooLongError(InvalidKeyValueError):
    """A key is longer than DynamoDB's limit: 2048 bytes of UTF-8 (partition key) or 1024 bytes (sort key).

    Remedy: Shorten the values, or put a hash of the long value into the template.

    Attributes:
        size: The length of the key in bytes.
        limit: The limit in bytes.
    """

    size: int = 0
    limit: int = 0


class KeyParseError(SingletableError, ValueError):
    """A stored key is not one that this entity could have written.

    Remedy: Parse the key with the entity that wrote it. If other code wrote the key, fix the item.
    """


class MissingAttributesError(SingletableError, TypeError):
    """A key or a query needs more attributes than it was given.

    Remedy: Give every attribute that the message names.

    Attributes:
        missing: The names of the missing attributes.
    """

    missing: tuple[str, ...] = ()


class UnexpectedAttributesError(SingletableError, TypeError):
    """A key, a query or a method was given attributes or options that it does not use.

    Remedy: Leave them out, or use the names that the message lists.

    Attributes:
        unexpected: The names that were given.
    """

    unexpected: tuple[str, ...] = ()


# --- reading --------------------------------------------------------------------------


class InvalidConditionError(SingletableError, ValueError):
    """A key, a filter or a write cannot have this condition.

    Remedy: A key takes one of `==`, `<`, `<=`, `>`, `>=`, `between` and `startswith` on its next attribute. Write other
    conditions as `filter=`. See docs/reference/queries.md and docs/reference/writing.md#conditions.
    """


class InvalidRequestError(SingletableError, ValueError):
    """A request has an option that it cannot have: `limit=0`, `unknown="x"`, a page of a query with a limit.

    Remedy: Change or leave out the option. See docs/reference/queries.md for the options of each read.
    """


class NotProjectedError(SingletableError, ValueError):
    """An attribute was not read: the index does not hold it, or `only=` left it out.

    Remedy: Add the attribute to `only=`, or call `refresh()`, which reads the whole item. For a filter, project the
    attribute into the index, or filter after reading.
    """


class PartialItemError(SingletableError, ValueError):
    """An instance that was read with `only=` cannot be written, because it does not have the whole item.

    Remedy: Call `refresh()` first, or read the item without `only=`. See docs/reference/queries.md#parts-of-items.
    """


class ItemDoesNotExist(SingletableError, DoesNotExist):
    """No item has the key.

    Each entity has its own subclass, such as `Order.DoesNotExist`.

    Remedy: Check the attributes of the key, the table and the region. An item may have been deleted or moved.
    """

    def __init__(self, what: str = "The item does not exist.", **parts: Any) -> None:
        # PynamoDB's class takes one message; its own __init__ adds nothing else.
        SingletableError.__init__(self, what, **parts)


class MultipleItemsFound(SingletableError, ValueError):
    """A read of one item found several.

    Remedy: Narrow the request by more attributes or a filter, or use `first()` or `all()`.

    Attributes:
        count: The number of items.
    """

    count: int = 0


class UnknownItemError(SingletableError, ValueError):
    """An item has an entity type that the table does not know, or has no type.

    Remedy: Deploy the models that declare the type. Or read with `unknown="yield"` (the results then contain an
    `UnknownItem`) or `unknown="skip"`. See docs/reference/queries.md#items-that-cannot-be-read.

    Attributes:
        entity_type: The type that the item has; None if it has no type.
        key: The primary key of the item.
        cursor: A cursor that continues the query or scan after the item: `page(size, error.cursor)`, without a limit.
            None outside of queries and scans.
    """

    entity_type: str | None = None
    key: tuple[Any, Any] | None = None
    cursor: str | None = None


class MalformedItemError(SingletableError, ValueError):
    """A stored item holds a value that its model cannot read.

    The message does not contain the value.

    Remedy: Fix the item or the attribute's class. Or read with `malformed="yield"` (the results then contain a
    `MalformedItem`) or `malformed="skip"`. See docs/reference/queries.md#items-that-cannot-be-read.

    Attributes:
        key: The primary key of the item.
        cursor: A cursor that continues the query or scan after the item: `page(size, error.cursor)`, without a limit.
            None outside of queries and scans.
    """

    key: tuple[Any, Any] | None = None
    cursor: str | None = None


class CursorError(SingletableError, ValueError):
    """A cursor is malformed, altered, expired, or belongs to another query, table or client.

    Remedy: Ask for the first page again, without a cursor. If several processes read pages, give them the same secret.
    See docs/reference/queries.md#cursors.
    """


# --- writing --------------------------------------------------------------------------


class ConditionFailed(SingletableError, PutError, UpdateError, DeleteError):
    """The condition of a write does not hold.

    Nothing was written, unless `uncertain` is True.

    Remedy: Compare your condition with the stored item in `item`.

    Attributes:
        item: The stored item, as DynamoDB sent it; None if it does not exist.
    """

    item: dict[str, Any] | None = None


class AlreadyExists(ConditionFailed):
    """`create()` or `move()` found an item under the same primary key.

    Nothing was written, unless `uncertain` is True.

    Remedy: Use `save()` to replace the item, or `update()` to change some of its attributes.
    """


class ConcurrentUpdateError(ConditionFailed):
    """Another writer changed the item since it was read, or changes it again and again.

    The stored version is not the one that was read, or the stored values on which a key depends changed during all
    attempts of an update.

    Remedy: Call `refresh()` and decide whether to send the change again, or use `mutate()`, which does so by itself.
    If many writers change one item, let fewer of them do so.
    """


class KeyChangeError(SingletableError, ValueError):
    """A write would change the primary key, so the old item would stay in the table.

    Remedy: Use `move()`, which creates the item under the new key and deletes the old one.
    """


class InvalidUpdateError(InvalidValueError):
    """An update cannot be made: its actions contradict each other, or the item has no part that an action needs.

    Remedy: Give one action for each path. If a part is missing, read the item first, or set the whole attribute.
    """


class StaleKeyError(SingletableError, ValueError):
    """A write would leave a derived attribute with an old value, and the new value is not known.

    Remedy: Read the item first (`get()` or `refresh()`), or set the attribute to a value. Never set a derived attribute
    yourself; update the attributes that it is made of.
    """


class ItemTooLarge(InvalidValueError):
    """An item is larger than DynamoDB's limit of 400 KB.

    Remedy: Split it into several items of one partition, or keep the large part in S3 and its address in the item.

    Attributes:
        size: The size of the item in bytes.
        limit: The limit in bytes.
        largest: The largest attributes, as pairs of a name and a size in bytes.
    """

    size: int = 0
    limit: int = 0
    largest: tuple[tuple[str, int], ...] = ()


class InvalidBatchError(SingletableError, ValueError):
    """A batch was given an operation that BatchWriteItem or BatchGetItem cannot do.

    Remedy: Use `save()` or `transaction()` for entities that have a version or need a condition. Open another `batch()`
    if the block has ended.
    """


class BatchIncomplete(SingletableError):
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


class InvalidTransactionError(SingletableError, ValueError):
    """DynamoDB would refuse the transaction: too many items or bytes, or two operations on one item.

    Remedy: Split it into several transactions, and put all changes of one item into one update.
    """


class TransactionCancelled(SingletableError, TransactWriteError):
    """A transaction was cancelled.

    Nothing of it was written, unless `uncertain` is True.

    Remedy: Look at `reasons`. If other writers caused the conflict, try again.

    Attributes:
        reasons: One `singletable.CancellationReason` for each operation, in the order in which they were given.
    """

    reasons: tuple[Any, ...] = ()


# --- streams --------------------------------------------------------------------------


class StreamViewError(SingletableError):
    """The stream does not have the images that a handler needs.

    Remedy: Switch the stream to `NEW_AND_OLD_IMAGES` (`Meta.stream_view_type`), or name with `needs=` the images that
    the handler reads.

    Attributes:
        view: The view type of the stream.
        handler: The name of the first handler that needs more.
    """

    view: str | None = None
    handler: str | None = None


class StreamMissing(SingletableError):
    """The table has no stream, the stream was removed, or a file of checkpoints cannot be used.

    Remedy: Set `Meta.stream_view_type`, and migrate or deploy. If a new stream has replaced the old one, start again on
    the new one: DynamoDB keeps a stream for 24 hours after it is switched off. For a file of checkpoints, name a file
    that can be written, or remove the file to start again.
    """


class StreamTrimmed(SingletableError):
    """Records were dropped before they were read: they were older than the 24 hours for which a stream keeps them.

    Remedy: Repair the data that depends on them from the table itself, then continue with `--accept-gaps`
    (`accept_gaps=True`).

    Attributes:
        shard: The id of the shard.
    """

    shard: str | None = None


class MalformedRecordError(SingletableError, ValueError):
    """The stream record could not be parsed.

    It is not a record of a DynamoDB stream, or it was damaged. `singletable.streams.record_of` raises it for entities
    of which it cannot make a record.

    Remedy: Give `router.lambda_handler` the whole event of Lambda, and `router.process` one record of it.

    Attributes:
        event_id: The `eventID` of the record, if it is known.
        sequence_number: The sequence number of the record, if it is known.
    """

    event_id: str | None = None
    sequence_number: str | None = None


class ImageMissing(SingletableError, AttributeError):
    """The change does not have this image, or the stream does not contain it.

    An INSERT has only a new image, a REMOVE only an old one.

    Remedy: Use the other image, switch the stream to `NEW_AND_OLD_IMAGES` (`Meta.stream_view_type`), or read the entity
    by `change.key`.

    Attributes:
        image: The missing image: `new` or `old`.
    """

    image: str | None = None


class Unprocessable(SingletableError):
    """A handler raises it for an event that it can never handle.

    The event becomes a dead letter at once, and the handler is not called again for it. The text of the error is the
    reason in the dead letter: leave values of items out of it.

    Remedy: Repair the data that depends on the event. The dead letter has its id and its sequence number, and the
    stream keeps the record for 24 hours. See docs/how-to/streams.md.
    """


class AlreadyHandled(SingletableError):
    """The handler has handled this event before, so its transaction was not applied again.

    Remedy: Let the handler raise it. The router counts the event as handled.
    """


class HandlerNotRun(SingletableError, TypeError):
    """A handler, or a function that takes dead letters, returned an awaitable or a generator: its work is not done.

    Remedy: Write a plain function that returns when all is done; it may call `asyncio.run()`.

    Attributes:
        handler: The name of the function.
    """

    handler: str | None = None


class HandlersFailed(SingletableError):
    """Handlers of a record failed.

    The other handlers are done and are not called again for the record.

    Remedy: Give the record to the router again. A runner or a Lambda function does so by itself.

    Attributes:
        letters: One `singletable.streams.DeadLetter` for each handler that failed.
        outcome: The outcome of the other handlers.
        errors: The exceptions that the failed handlers raised.
    """

    letters: tuple[Any, ...] = ()
    outcome: Any = None
    errors: tuple[BaseException, ...] = ()


# --- migrations -----------------------------------------------------------------------


class MigrationError(SingletableError):
    """A migration script, or the history that the scripts form, cannot work.

    Nothing was written.

    Remedy: Fix the script at `place`.

    Attributes:
        migration: The name of the script, if it is known.
        place: The file and line of the script, if they are known.
    """

    migration: str | None = None
    place: str | None = None


class MigrationConflict(MigrationError):
    """The table, or the history recorded for it, does not fit the scripts.

    Remedy: Check `--table`, `--region` and the endpoint. If the table is right, the message names the command that
    brings it and the scripts together, such as `singletable stamp`.
    """


class LeaseHeld(SingletableError):
    """Another runner is migrating the table.

    Remedy: Wait until it has finished. If it is dead and the error stays, run `singletable unlock`.

    Attributes:
        owner: The name of that runner.
    """

    owner: str | None = None


class LeaseLost(SingletableError):
    """Another runner has taken over, because this one did not renew its lease in time.

    This runner stops. Its writes are correct.

    Remedy: Look at `singletable status`, and let the other runner finish.
    """


class MigrationStopped(SingletableError):
    """A migration run stopped before its end.

    It met more errors than its limit, or it found items afterwards that are not as they should be. It can be resumed.

    Remedy: Look at `singletable status`, correct the items or the script, and run the command again.
    """


class MigrationPaused(MigrationStopped):
    """A migration run was asked to pause.

    Remedy: Run the same command again. A migration continues from its last checkpoints.
    """


# --- the table and its surroundings ---------------------------------------------------


class RequestFailed(SingletableError):
    """An AWS service refused a request.

    Remedy: Look up `code` in the documentation of `operation`.

    Attributes:
        service: The name of the service in the SDK, such as `CloudFormation`.
        operation: The request, such as `UpdateTable`.
        code: The reason, as the service names it.
    """

    service: str | None = "DynamoDB"
    operation: str | None = None
    code: str | None = None


class Throttled(RequestFailed):
    """The table, an index or another service got more requests than its capacity, after all of the SDK's retries.

    Remedy: Send fewer requests at once, spread hot partitions, or raise the capacity of the table and its indexes.

    Attributes:
        table: The name of the table.
        index: The name of the index, if DynamoDB names one.
    """

    table: str | None = None


class TableMissing(RequestFailed):
    """The table, or an index of it, does not exist in this account and region or at this endpoint.

    Remedy: Create it (`create_table(wait=True)` on the table class), or check the name of the table, the region and the
    account.
    """


class AccessDenied(RequestFailed):
    """The credentials do not allow the operation.

    Remedy: Add the action that the message names to the policy of the caller. `aws sts get-caller-identity` prints the
    caller. See docs/reference/roles.md for the actions of each role.
    """


class NoResponse(RequestFailed, ConnectionError):
    """A request was sent, and neither it nor its retries got an answer.

    A write may have been applied all the same.

    Remedy: Send a read again. After a write, read the item before you write again.
    """


class EndpointUnreachable(SingletableError, ConnectionError):
    """No server answers at the endpoint, or the endpoint is not a valid URL.

    Remedy: Check that the server runs, and check the region, the network and the URL (`--endpoint-url`,
    `AWS_ENDPOINT_URL_DYNAMODB`, `Meta.host`).
    """


class CredentialsMissing(SingletableError):
    """No AWS credentials, or no region, were found for a request.

    Remedy: Run `aws configure`, set `AWS_PROFILE`, or set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` (any value
    for a local server). Set `AWS_REGION`, `Meta.region` or `--region`.
    """


class EngineUnavailable(SingletableError):
    """The chosen engine cannot be installed or started, or a needed package is not installed.

    Remedy: Install the package that the message names. See docs/reference/engines.md for the needs of each engine.
    """


class ProjectError(SingletableError):
    """The folder is not a singletable project, or its configuration names a module or an object that does not exist.

    Remedy: Run the command in the folder of the project, and check `[singletable]` in its setup.cfg.
    """


class InfraError(SingletableError):
    """A template, a policy or a stack cannot be made with the given options.

    Remedy: Change the option or the stack that the message names. See docs/reference/infrastructure.md.
    """


class OperatingError(SingletableError):
    """Metrics or costs cannot be computed from the given input.

    Remedy: Correct the rates or the time window that the message names. See docs/how-to/operate.md.
    """
