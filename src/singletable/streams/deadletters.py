"""Dead letters: what could not be handled, by id and reason; never with a value of an item."""

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
    HandlerNotRun,
    ImageMissing,
    MalformedItemError,
    MalformedRecordError,
    StreamViewError,
    TransactionCancelled,
    Unprocessable,
)
from singletable.requests.services import error_code, operation_of, service_of

__all__ = ["DeadLetter", "Sink", "log_letter", "logged_to", "reason_of"]

_HERE = Path(__file__).parents[1]
_log = logging.getLogger("singletable.streams")
_other_log: ContextVar[logging.Logger | None] = ContextVar("_other_log", default=None)
_SAFE = (HandlerNotRun, ImageMissing, MalformedItemError, MalformedRecordError, StreamViewError, Unprocessable)
"""Errors whose messages quote no value of an item."""


@attrs.frozen
class DeadLetter:
    """A record that was given up, or, in `HandlersFailed`, would be.

    Args:
        reason: Why: the kind of the error and where it was raised. What an error says is left out, since it may quote
            an item; but for what is raised for this (`Unprocessable`, records that cannot be read, streams that show
            too little). Of a cancelled transaction it is said which operations were in the way.
        event_id: The event's id.
        sequence_number: Its place in its shard: the record can be read again there for 24 hours.
        event: `INSERT`, `MODIFY` or `REMOVE`.
        entity: The entity's name, where it is known.
        handler: The name of the handler; None where no handler was reached.
    """

    reason: str
    event_id: str | None = None
    sequence_number: str | None = None
    event: str | None = None
    entity: str | None = None
    handler: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Its parts, as JSON takes them."""
        return attrs.asdict(self)


Sink: TypeAlias = Callable[[DeadLetter], None]
"""What takes dead letters. Where it raises, the record is not given up, but comes again."""


def log_letter(letter: DeadLetter) -> None:
    """Write a dead letter to the log `singletable.streams`, at level ERROR: the sink of a router without one."""
    (_other_log.get() or _log).error("dead letter: %s", letter.reason, extra=letter.to_dict())


@contextmanager
def logged_to(logger: logging.Logger) -> Iterator[None]:
    """Let `log_letter` write to another log for a block."""
    token = _other_log.set(logger)
    try:
        yield
    finally:
        _other_log.reset(token)


def _in_the_way(error: BaseException) -> str:
    """Which operations of a cancelled transaction were in the way: what they were, of which entity, and the code."""
    reasons = error.reasons if isinstance(error, TransactionCancelled) else ()
    return ", ".join(f"{each.verb} of {type(each.entity).__name__}: {each.code}" for each in reasons if each.code)


def _request(error: BaseException) -> str:
    """Return the operation, the service and the code of a failed request, as far as they are known."""
    request = " of ".join(filter(None, (operation_of(error), service_of(error))))
    return ": ".join(filter(None, (request, error_code(error))))


def reason_of(error: BaseException) -> str:
    """Why a handler failed, without what the error says of values."""
    if isinstance(error, _SAFE):
        return str(error)
    detail = _in_the_way(error) or _request(error)
    kind = type(error).__name__ + (f" ({detail})" if detail else "")
    frames = traceback.extract_tb(error.__traceback__)
    # Where the project's own code was, and not a library that it called.
    own = [each for each in frames if "site-packages" not in each.filename and _HERE not in Path(each.filename).parents]
    if not own:
        return kind
    return f"{kind} in {own[-1].name} ({Path(own[-1].filename).name}:{own[-1].lineno})"
