"""The router: which handlers a change goes to, and what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from singletable.errors import (
    AlreadyHandled,
    DeclarationError,
    HandlersFailed,
    MalformedItemError,
    MalformedRecordError,
    Unprocessable,
)
from singletable.models.schema.table_schema import table_schema
from singletable.requests import request_name
from singletable.requests.types import Handling
from singletable.requests.unreadable import check_handling
from singletable.streams.change_event import Change, is_own, read_change
from singletable.streams.deadletters import DeadLetter, Sink, log_letter, reason_of
from singletable.streams.events import require_own
from singletable.streams.handlers import Handler, call, name_of, require_synchronous, wanted_of
from singletable.streams.marks import Delivery, Marks
from singletable.streams.records import EVENTS, Event, StreamRecord, read_record, refuse_event

if TYPE_CHECKING:
    from singletable.models import Table

__all__ = ["Outcome", "StreamRouter"]

T = TypeVar("T", bound="Table")
F = TypeVar("F", bound=Callable[[Change[Any]], None])

_CAUGHT = (Exception, asyncio.CancelledError)
"""The exceptions of a handler that do not end the batch. An interruption and an exit end it."""

_LONGEST_NAME = 1024
"""Bytes of a handler's name, which is the sort key of its marks."""

_LONGEST = 3650
"""Days for which marks may be kept: beyond that it is another thing that is wanted."""


@attrs.frozen
class Outcome:
    """What became of one record.

    Args:
        handled: The handlers that handled it now.
        repeated: Those that had handled it before, and were not called again.
        letters: The dead letters that it made.
        own: Whether it is of an item of the framework's own, which no handler is given.
    """

    handled: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()
    letters: tuple[DeadLetter, ...] = ()
    own: bool = False

    def then(self, later: Outcome) -> Outcome:
        """What became of a record that was given again after this."""
        now = {*self.handled, *(each.handler for each in self.letters)}
        repeated = dict.fromkeys((*self.repeated, *later.repeated))
        return Outcome(
            self.handled + later.handled,
            tuple(each for each in repeated if each not in now),
            self.letters + later.letters,
            later.own,
        )


class StreamRouter:
    """Gives the changes of a table to handlers, as entities.

    A handler takes one `Change`. Each handler handles each event once, as far as its effects are in the table: do
    them in `change.transaction()`, and they are done exactly once. Effects elsewhere, such as a mail, are done at
    least once: a process that dies between the mail and the mark sends it again.

    Where a handler raises, the others of the record are called all the same; the record comes again, and only those
    that failed are called again.

    Args:
        table: The table class.
        dead_letters: What takes the records that are given up; without one they are logged as errors.
        remember_days: How many days the marks of handled events are kept. An event is delivered for at most 24 hours
            after it happened, unless it is sent again by hand later.
        malformed: How to treat an image that a handler needs and its model cannot read, such as an enum value of a
            newer version: `raise` makes a dead letter at once, `yield` gives the handler `MalformedItem` as the image,
            `skip` does not call the handler. Handlers that do not need the image (`needs=`) are called.

    Raises:
        DeclarationError: `dead_letters` is an `async def`, or `remember_days` is out of its bounds.
    """

    def __init__(
        self,
        table: type[Table],
        *,
        dead_letters: Sink | None = None,
        remember_days: float = 7,
        malformed: Handling = "raise",
    ) -> None:
        check_handling(malformed=malformed)
        if isinstance(remember_days, bool) or not 1 <= remember_days <= _LONGEST:
            raise DeclarationError(
                f"remember_days={remember_days!r}: an event may come again for a day.",
                remedy=f"Give a number of days from 1 to {_LONGEST}.",
                rule="ST118",
            )
        self.table = table_schema(table).table
        self._sink: Sink = dead_letters or log_letter
        require_synchronous(self._sink, "dead_letters")
        self._marks = Marks(self.table, remember_days)
        self._handlers: list[Handler] = []
        self._default: Handler | None = None
        self._malformed = malformed
        self._starters: list[Callable[[], object]] = []

    # --- what goes where ----------------------------------------------------------

    def on(
        self,
        entity: type[T],
        *events: Event,
        changed: str | Collection[str] = (),
        expired: bool | None = None,
        needs: Collection[str] | None = None,
        idempotent: bool = False,
        name: str | None = None,
    ) -> Callable[[Callable[[Change[T]], None]], Callable[[Change[T]], None]]:
        """Make a function the handler of some events of an entity, and of the entities that inherit from it.

        Args:
            entity: The entity class; the table class for every entity.
            events: `INSERT`, `MODIFY`, `REMOVE`.
            changed: An attribute, or several, of which one must have changed: MODIFY only for those.
            expired: True for what time to live removed, False for what a user did; None for both.
            needs: The images that the handler reads, of `new` and `old`. Left out, those that the events have: new for
                INSERT, old for REMOVE, both for MODIFY. Give () for a handler that reads `change.key` alone. A record
                whose image cannot be read is a dead letter only for the handlers that need that image.
            idempotent: Whether it may as well be called twice for an event: no mark is kept then.
            name: What it is called in marks and messages; left out, its module and name. A mark under another name is
                not seen: a handler that is renamed handles again what is delivered again.

        Raises:
            DeclarationError: The table has no such entity, the events do not fit together, or the function is an
                `async def` or a generator.
        """
        wanted = wanted_of(self.table, entity, events, changed, expired, needs)

        def register(function: Callable[[Change[T]], None]) -> Callable[[Change[T]], None]:
            self._add(Handler(name or name_of(function), function, wanted, idempotent))
            return function

        return register

    def default(self, function: F) -> F:
        """Make a function the handler of items of unknown types; without one they are dead letters."""
        if self._default is not None:
            raise DeclarationError(
                f"{self._default.name} is the default handler already.",
                remedy="There is only one.",
                rule="ST118",
            )
        require_synchronous(function, "router.default")
        self._default = Handler(name_of(function), function, wanted_of(self.table, self.table, EVENTS, needs=()))
        self._require_ttl(self._default.name)
        return function

    def on_start(self, function: Callable[[], object]) -> Callable[[], object]:
        """Have a function called at the start: what it raises is told then, and not at the first event."""
        require_synchronous(function, "router.on_start")
        self._starters.append(function)
        return function

    @property
    def handlers(self) -> tuple[Handler, ...]:
        """The handlers, in the order in which they were registered, without the default one."""
        return tuple(self._handlers)

    @property
    def marks(self) -> Marks:
        """The marks of handled events."""
        return self._marks

    def _add(self, handler: Handler) -> None:
        if not isinstance(handler.name, str) or not 0 < len(handler.name.encode()) <= _LONGEST_NAME:
            raise DeclarationError(
                f"name={handler.name!r}: it is a part of the key of the handler's marks.",
                remedy=f"Give a text of 1 to {_LONGEST_NAME} bytes.",
                rule="ST118",
            )
        require_synchronous(handler.function, f"router.on({handler.wanted.entity.__name__}, ...)")
        if any(each.name == handler.name for each in self._handlers):
            raise DeclarationError(
                f"Two handlers are called {handler.name}: their marks would be one.",
                remedy="Give one a name=.",
                rule="ST118",
            )
        if not handler.idempotent:
            self._require_ttl(handler.name)
        self._handlers.append(handler)

    def _require_ttl(self, handler: str) -> None:
        if table_schema(self.table).expiry_name is None:
            raise DeclarationError(
                f"{self.table.__name__} has no time to live: the marks of what {handler} handled would stay for ever.",
                remedy="Declare an Expiry on an entity, or make the handler idempotent=True.",
                rule="ST118",
            )

    # --- running ------------------------------------------------------------------

    def start(self, view: str | None = None) -> None:
        """Check what can be checked before the first event, and call what was registered by `on_start`.

        Args:
            view: What the stream shows; None to go by `Meta.stream_view_type`, if that is declared.

        Raises:
            StreamViewError: The stream does not show what a handler needs.
        """
        shown = view or self.table.describe().stream
        if shown is not None:
            self._check_view(shown)
        for each in self._starters:
            call(each, name=getattr(each, "__qualname__", type(each).__name__))

    def _check_view(self, view: str) -> None:
        for handler in self._handlers:
            handler.require(self.table, view)

    def process(self, raw: Any) -> Outcome:
        """Give one record to its handlers.

        Args:
            raw: The record, as Lambda or GetRecords gives it.

        Raises:
            HandlersFailed: Handlers failed. The others are done; give the record again.
            MalformedRecordError: The record is of another table, or is a whole event of Lambda.
            StreamViewError: The stream does not show an image that a handler needs.
        """
        refuse_event(raw)
        require_own(raw, self.table)
        return self.process_own(raw)

    def process_own(self, raw: Any) -> Outcome:
        """Give one record to its handlers, which is known to be of the router's table; otherwise as `process`."""
        try:
            record = read_record(raw)
        except MalformedRecordError as error:
            return self.bury(DeadLetter(reason_of(error), error.event_id, error.sequence_number))
        if record.view is not None:
            self._check_view(record.view)
        if is_own(self.table, record):
            return Outcome(own=True)
        try:
            change = self._read(record)
            if change.entity is None:
                handlers = [] if self._default is None else [self._default]
            else:
                handlers = [each for each in self._handlers if each.wanted.fits(change)]
        except (MalformedItemError, MalformedRecordError) as error:
            return self.bury(
                DeadLetter(reason_of(error), record.event_id, record.sequence_number, record.event, error.entity)
            )
        if change.entity is None and not handlers:
            return self.bury(_letter(change, None, "no entity of the table has its type, and no default handler"))
        if self._malformed == "skip":
            handlers = [each for each in handlers if each.wanted.readable(change)]
        return self._run(change, handlers)

    def bury(self, *letters: DeadLetter) -> Outcome:
        """Give dead letters to the router's sink.

        Raises:
            HandlerNotRun: The sink returned an awaitable.
        """
        for letter in letters:
            call(self._sink, letter, name="dead_letters")
        return Outcome(letters=letters)

    def _read(self, record: StreamRecord) -> Change[Any]:
        return read_change(self.table, record, tolerate=self._malformed == "yield")

    def _run(self, change: Change[Any], handlers: list[Handler]) -> Outcome:
        if not handlers:
            return Outcome()
        marked = any(not each.idempotent for each in handlers)
        done = self._marks.of(change.event_id) if marked else {}
        handled: list[str] = []
        repeated = [each.name for each in handlers if each.name in done and done[each.name] is None]
        letters: list[DeadLetter] = []
        failed: list[tuple[DeadLetter, BaseException]] = []
        # Those whose handler is done, while the sink was not there.
        for owed in (_letter(change, each, reason) for each in handlers if (reason := done.get(each.name)) is not None):
            try:
                self.bury(owed)
                self._marks.write(change.event_id, str(owed.handler))
            except Exception as error:
                failed.append((attrs.evolve(owed, reason=reason_of(error)), error))
            else:
                letters.append(owed)
        for number, handler in enumerate(each for each in handlers if each.name not in done):
            delivery = Delivery(self.table, None if handler.idempotent else self._marks, change.event_id, handler.name)
            # Entities of its own: what a handler sets, updates or refreshes is not what the next one is given.
            given = self._read(change.record) if number else change
            try:
                letter = self._call(handler, attrs.evolve(given, delivery=delivery), delivery)
            except _CAUGHT as error:  # the other handlers are called after any error
                if isinstance(error, AlreadyHandled) and delivery.repeated:
                    repeated.append(handler.name)
                else:
                    failed.append((_letter(change, handler, reason_of(error)), error))
            else:
                if letter is None:
                    handled.append(handler.name)
                else:
                    letters.append(letter)
        outcome = Outcome(tuple(handled), tuple(repeated), tuple(letters))
        if failed:
            raise HandlersFailed(
                f"{len(failed)} of {len(handlers)} handlers failed for the event {change.event_id}: "
                + "; ".join(f"{letter.handler}: {letter.reason}" for letter, _ in failed),
                letters=tuple(letter for letter, _ in failed),
                errors=tuple(error for _, error in failed),
                outcome=outcome,
            ) from failed[0][1]
        return outcome

    def _call(self, handler: Handler, change: Change[Any], delivery: Delivery) -> DeadLetter | None:
        """Call a handler, and mark the event as handled; the dead letter that came of it."""
        reason = letter = None
        with request_name(handler.name):
            try:
                handler.wanted.read(change)
                call(handler.function, change, name=handler.name)
                delivery.refuse_unsent()
            except Unprocessable as error:
                reason = reason_of(error)
            except Exception as error:
                if delivery.marked:
                    # The event is marked, and the handler is not called again for it.
                    reason = f"{reason_of(error)}, behind its transaction, which is done"
                elif any(error is each for each in change.images.faults):
                    letter = _letter(change, handler, reason_of(error))
                    self.bury(letter)
                    # No mark: a later version of the models may read the image.
                    return letter
                else:
                    raise
            if reason is not None:
                letter = _letter(change, handler, reason)
                # Given up for good, before it is marked as done.
                try:
                    self.bury(letter)
                except Exception:
                    delivery.keep(letter.reason)
                    raise
            delivery.finish()
        return letter

    @cached_property
    def lambda_handler(self) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
        """The handler for AWS Lambda. Reading it starts the router: a module says `handler = router.lambda_handler`.

        Raises:
            StreamViewError: The stream does not show what a handler needs.
            EngineUnavailable: aws-lambda-powertools is not installed.
        """
        from singletable.streams.lambda_handler import make_handler

        self.start()
        return make_handler(self)


def _letter(change: Change[Any], handler: Handler | None, reason: str) -> DeadLetter:
    record: StreamRecord = change.record
    return DeadLetter(
        reason,
        record.event_id,
        record.sequence_number,
        record.event,
        change.entity.__name__ if change.entity else None,
        handler.name if handler else None,
    )
