"""Dead letters: the events that could not be handled, by id and reason, without values of items."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeAlias

import attrs

from singletable.errors import (
    HandlerNotRunError,
    ImageMissingError,
    MalformedItemError,
    MalformedRecordError,
    StreamViewError,
    TransactionCancelled,
    UnprocessableError,
)
from singletable.requests.services import error_code, operation_of, service_of

__all__ = ["DeadLetter", "Sink", "log_letter", "logged_to", "reason_of"]

_HERE = Path(__file__).parents[1]
_log = logging.getLogger("singletable.streams")
_other_log: ContextVar[logging.Logger | None] = ContextVar("_other_log", default=None)
_SAFE = (
    HandlerNotRunError,
    ImageMissingError,
    MalformedItemError,
    MalformedRecordError,
    StreamViewError,
    UnprocessableError,
)
"""Errors whose messages do not quote values of items."""


@attrs.frozen
class DeadLetter:
    """A record that was given up; in `HandlersFailedError`, a record that will be given up after the last attempt.

    Args:
        reason: The kind of the error and the place where it was raised. The error's message is left out, because it may
            quote an item, except for errors that are meant for this: `UnprocessableError`, records that cannot be read,
            streams that show too few images. For a canceled transaction the reason names the operations that failed.
        event_id: The event's id.
        sequence_number: The position of the record in its shard, where it can be read again for 24 hours.
        event: `INSERT`, `MODIFY` or `REMOVE`.
        entity: The entity's name, if it is known.
        handler: The name of the handler; None if the record did not reach a handler.
    """

    reason: str
    event_id: str | None = None
    sequence_number: str | None = None
    event: str | None = None
    entity: str | None = None
    handler: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as values that JSON can represent."""
        return attrs.asdict(self)


Sink: TypeAlias = Callable[[DeadLetter], None]
"""A function that receives dead letters. If it raises, the record is not given up, but processed again."""


def log_letter(letter: DeadLetter) -> None:
    """Write a dead letter to the log `singletable.streams`, at level ERROR: the sink of a router without one."""
    (_other_log.get() or _log).error("dead letter: %s", letter.reason, extra=letter.to_dict())


@contextmanager
def logged_to(logger: logging.Logger) -> Iterator[None]:
    """Make `log_letter` write to another log within a block."""
    token = _other_log.set(logger)
    try:
        yield
    finally:
        _other_log.reset(token)


def _failed_operations(error: BaseException) -> str:
    """Return the operations that canceled a transaction, each with its verb, its entity and the code."""
    reasons = error.reasons if isinstance(error, TransactionCancelled) else ()
    return ", ".join(f"{each.verb} of {type(each.entity).__name__}: {each.code}" for each in reasons if each.code)


def _request(error: BaseException) -> str:
    """Return the operation, the service and the code of a failed request, as far as they are known."""
    request = " of ".join(filter(None, (operation_of(error), service_of(error))))
    return ": ".join(filter(None, (request, error_code(error))))


def reason_of(error: BaseException) -> str:
    """Return why a handler failed, without an error message that could quote values."""
    if isinstance(error, _SAFE):
        return str(error)
    detail = _failed_operations(error) or _request(error)
    kind = type(error).__name__ + (f" ({detail})" if detail else "")
    frames = traceback.extract_tb(error.__traceback__)
    # The last frame of the project's own code, not of a library that it called.
    own = [each for each in frames if "site-packages" not in each.filename and _HERE not in Path(each.filename).parents]
    if not own:
        return kind
    return f"{kind} in {own[-1].name} ({Path(own[-1].filename).name}:{own[-1].lineno})"
