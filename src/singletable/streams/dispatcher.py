"""The dispatcher: calls the handlers of a change, and marks or gives up the event for each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs

from singletable.errors import AlreadyHandledError, HandlersFailedError, UnprocessableError
from singletable.requests import request_name
from singletable.streams.change_event import Change, read_change
from singletable.streams.deadletters import DeadLetter, Sink, reason_of
from singletable.streams.handlers import Handler, call
from singletable.streams.marks import Delivery, Marks
from singletable.streams.outcome import Outcome
from singletable.streams.records import StreamRecord

if TYPE_CHECKING:
    from singletable.models import Table

__all__ = ["Dispatcher", "letter_of"]

_CAUGHT = (Exception, asyncio.CancelledError)
"""The exceptions of a handler that do not end the batch. KeyboardInterrupt and SystemExit end it."""


class Dispatcher:
    """Gives a change to each of its handlers.

    Args:
        table: The table class.
        marks: The marks of handled events.
        sink: The function that receives dead letters.
        tolerate: Whether an image that its model cannot read becomes a `MalformedItem`.
    """

    def __init__(self, table: type[Table], marks: Marks, sink: Sink, *, tolerate: bool) -> None:
        self._table = table
        self._marks = marks
        self._sink = sink
        self._tolerate = tolerate

    def read(self, record: StreamRecord) -> Change[Any]:
        """Return the change of a record; each call reads new entities.

        Raises:
            MalformedItemError: The keys are not those of the entity that an image names.
            MalformedRecordError: An image or a key is not an item.
        """
        return read_change(self._table, record, tolerate=self._tolerate)

    def bury(self, *letters: DeadLetter) -> Outcome:
        """Give dead letters to the sink.

        Raises:
            HandlerNotRunError: The sink returned an awaitable.
        """
        for letter in letters:
            call(self._sink, letter, name="dead_letters")
        return Outcome(letters=letters)

    def dispatch(self, change: Change[Any], handlers: Sequence[Handler]) -> Outcome:
        """Call each handler that has not handled the event yet.

        Raises:
            HandlersFailedError: Some handlers failed. The others are done.
        """
        if not handlers:
            return Outcome()
        marked = any(not each.idempotent for each in handlers)
        done = self._marks.of(change.event_id) if marked else {}
        handled: list[str] = []
        repeated = [each.name for each in handlers if each.name in done and done[each.name] is None]
        letters: list[DeadLetter] = []
        failed: list[tuple[DeadLetter, BaseException]] = []
        # The handlers of these are done, but the sink failed when it was given the dead letter.
        pending = (letter_of(change, each, reason) for each in handlers if (reason := done.get(each.name)) is not None)
        for letter in pending:
            try:
                self.bury(letter)
                self._marks.write(change.event_id, str(letter.handler))
            except Exception as error:
                failed.append((attrs.evolve(letter, reason=reason_of(error)), error))
            else:
                letters.append(letter)
        for number, handler in enumerate(each for each in handlers if each.name not in done):
            delivery = Delivery(self._table, None if handler.idempotent else self._marks, change.event_id, handler.name)
            # Each handler gets entities of its own, so that it does not see the changes that another makes to them.
            given = self.read(change.record) if number else change
            try:
                new = self._call(handler, attrs.evolve(given, delivery=delivery), delivery)
            except _CAUGHT as error:  # the other handlers are called after any error
                if isinstance(error, AlreadyHandledError) and delivery.repeated:
                    repeated.append(handler.name)
                else:
                    failed.append((letter_of(change, handler, reason_of(error)), error))
            else:
                if new is None:
                    handled.append(handler.name)
                else:
                    letters.append(new)
        outcome = Outcome(tuple(handled), tuple(repeated), tuple(letters))
        if failed:
            raise HandlersFailedError(
                f"{len(failed)} of {len(handlers)} handlers failed for the event {change.event_id}: "
                + "; ".join(f"{letter.handler}: {letter.reason}" for letter, _ in failed),
                letters=tuple(letter for letter, _ in failed),
                errors=tuple(error for _, error in failed),
                outcome=outcome,
            ) from failed[0][1]
        return outcome

    def _call(self, handler: Handler, change: Change[Any], delivery: Delivery) -> DeadLetter | None:
        """Call a handler and mark the event as handled; return the dead letter if the event was given up."""
        reason = letter = None
        with request_name(handler.name):
            try:
                handler.wanted.read(change)
                call(handler.function, change, name=handler.name)
                delivery.refuse_unsent()
            except UnprocessableError as error:
                reason = reason_of(error)
            except Exception as error:
                if delivery.marked:
                    # The transaction marked the event, so the handler is not called again for it.
                    reason = f"{reason_of(error)}, after its transaction succeeded"
                elif any(error is each for each in change.images.faults):
                    letter = letter_of(change, handler, reason_of(error))
                    self.bury(letter)
                    # No mark: a later version of the models may be able to read the image.
                    return letter
                else:
                    raise
            if reason is not None:
                letter = letter_of(change, handler, reason)
                # The sink gets the letter before the event is marked: if the sink fails, the letter is not lost.
                try:
                    self.bury(letter)
                except Exception:
                    delivery.keep(letter.reason)
                    raise
            delivery.finish()
        return letter


def letter_of(change: Change[Any], handler: Handler | None, reason: str) -> DeadLetter:
    """Return the dead letter of a change, for one handler or for none."""
    record: StreamRecord = change.record
    return DeadLetter(
        reason,
        record.event_id,
        record.sequence_number,
        record.event,
        change.entity.__name__ if change.entity else None,
        handler.name if handler else None,
    )
