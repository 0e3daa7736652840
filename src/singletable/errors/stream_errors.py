"""Errors of streams and their handlers."""

from __future__ import annotations

from typing import Any

from singletable.errors.base_error import SingletableError

__all__ = [
    "AlreadyHandledError",
    "HandlerNotRunError",
    "HandlersFailedError",
    "ImageMissingError",
    "MalformedRecordError",
    "StreamMissingError",
    "StreamTrimmedError",
    "StreamViewError",
    "UnprocessableError",
]


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


class StreamMissingError(SingletableError):
    """The table has no stream, the stream was removed, or a file of checkpoints cannot be used.

    Remedy: Set `Meta.stream_view_type`, and migrate or deploy. If a new stream has replaced the old one, start again on
    the new one: DynamoDB keeps a stream for 24 hours after it is switched off. For a file of checkpoints, name a file
    that can be written, or remove the file to start again.
    """


class StreamTrimmedError(SingletableError):
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


class ImageMissingError(SingletableError, AttributeError):
    """The change does not have this image, or the stream does not contain it.

    An INSERT has only a new image, a REMOVE only an old one.

    Remedy: Use the other image, switch the stream to `NEW_AND_OLD_IMAGES` (`Meta.stream_view_type`), or read the entity
    by `change.key`.

    Attributes:
        image: The missing image: `new` or `old`.
    """

    image: str | None = None


class UnprocessableError(SingletableError):
    """A handler raises it for an event that it can never handle.

    The event becomes a dead letter at once, and the handler is not called again for it. The text of the error is the
    reason in the dead letter: leave values of items out of it.

    Remedy: Repair the data that depends on the event. The dead letter has its id and its sequence number, and the
    stream keeps the record for 24 hours. See docs/how-to/streams.md.
    """


class AlreadyHandledError(SingletableError):
    """The handler has handled this event before, so its transaction was not applied again.

    Remedy: Let the handler raise it. The router counts the event as handled.
    """


class HandlerNotRunError(SingletableError, TypeError):
    """A handler, or a function that takes dead letters, returned an awaitable or a generator: its work is not done.

    Remedy: Write a plain function that returns when all is done; it may call `asyncio.run()`.

    Attributes:
        handler: The name of the function.
    """

    handler: str | None = None


class HandlersFailedError(SingletableError):
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
