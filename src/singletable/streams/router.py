"""The router: the handlers of a table's changes, and the choice of handlers for each record."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from singletable.errors import DeclarationError, MalformedItemError, MalformedRecordError
from singletable.models.schema.table_schema import table_schema
from singletable.requests.types import Handling
from singletable.requests.unreadable import check_handling
from singletable.streams.change_event import Change, is_own
from singletable.streams.deadletters import DeadLetter, Sink, log_letter, reason_of
from singletable.streams.dispatcher import Dispatcher, letter_of
from singletable.streams.events import require_own
from singletable.streams.handlers import Handler, call, name_of, require_synchronous, wanted_of
from singletable.streams.marks import Marks
from singletable.streams.outcome import Outcome
from singletable.streams.records import EVENTS, Event, read_record, refuse_event

if TYPE_CHECKING:
    from singletable.models import Table

__all__ = ["StreamRouter"]

T = TypeVar("T", bound="Table")
F = TypeVar("F", bound=Callable[[Change[Any]], None])


_LONGEST_NAME = 1024
"""Bytes of a handler's name, which is the sort key of its marks."""

_LONGEST = 3650
"""The highest number of days for which marks may be kept. A higher number is probably in another unit."""


class StreamRouter:
    """Gives the changes of a table to handlers, as entities.

    A handler takes one `Change`. Effects on the table that a handler makes in `change.transaction()` are made exactly
    once for each event. Effects elsewhere, such as a mail, are made at least once: a process that dies between the
    mail and the mark sends the mail again.

    If a handler raises, the other handlers of the record are still called. The record is then delivered again, and
    only the handlers that failed are called again.

    Args:
        table: The table class.
        dead_letters: The function that receives the records that are given up. By default they are logged as errors.
        remember_days: The number of days for which the marks of handled events are kept, from 1 to 3650. An event is
            delivered for at most 24 hours after it happened, unless it is sent again by hand later.
        malformed: How to treat an image that a handler needs and its model cannot read, such as an enum value of a
            newer version: `raise` makes a dead letter at once, `yield` gives the handler `MalformedItem` as the image,
            `skip` does not call the handler. Handlers that do not need the image (`needs=`) are called.

    Raises:
        DeclarationError: `dead_letters` is an `async def` or a generator, or `remember_days` is out of its bounds.
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
                f"remember_days={remember_days!r} is not a number of days from 1 to {_LONGEST}.",
                remedy="Give at least 1: an event may be delivered again for a day.",
                rule="ST118",
            )
        self.table = table_schema(table).table
        self._sink: Sink = dead_letters or log_letter
        require_synchronous(self._sink, "dead_letters")
        self._marks = Marks(self.table, remember_days)
        self._handlers: list[Handler] = []
        self._default: Handler | None = None
        self._malformed = malformed
        self._dispatcher = Dispatcher(self.table, self._marks, self._sink, tolerate=malformed == "yield")
        self._starters: list[Callable[[], object]] = []

    # --- registration -------------------------------------------------------------

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
            changed: The name of an attribute, or several names. The handler is called for a MODIFY only if at least one
                of them has changed.
            expired: For REMOVE: True for items that time to live removed, False for other removals, None for both.
            needs: The images that the handler reads, of `new` and `old`. By default those that the events have: new for
                INSERT, old for REMOVE, both for MODIFY. Give () for a handler that reads only `change.key`. A record
                whose image cannot be read is a dead letter only for the handlers that need that image.
            idempotent: Whether the handler may be called twice for an event. No mark is kept then.
            name: The handler's name in marks and messages; by default its module and its qualified name. Marks belong
                to a name: a renamed handler handles an event again that is delivered again.

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
        """Make a function the handler of items of unknown types, which are dead letters otherwise.

        Raises:
            DeclarationError: The router has a default handler already, the function is an `async def` or a generator,
                or the table has no time to live.
        """
        if self._default is not None:
            raise DeclarationError(
                f"{self._default.name} is the default handler already.",
                remedy="Register one default handler.",
                rule="ST118",
            )
        require_synchronous(function, "router.default")
        self._default = Handler(name_of(function), function, wanted_of(self.table, self.table, EVENTS, needs=()))
        self._require_ttl(self._default.name)
        return function

    def on_start(self, function: Callable[[], object]) -> Callable[[], object]:
        """Call a function at the start, so that its errors are raised before the first event."""
        require_synchronous(function, "router.on_start")
        self._starters.append(function)
        return function

    @property
    def handlers(self) -> tuple[Handler, ...]:
        """The handlers in the order of their registration, without the default handler."""
        return tuple(self._handlers)

    @property
    def marks(self) -> Marks:
        """The marks of handled events."""
        return self._marks

    def _add(self, handler: Handler) -> None:
        if not isinstance(handler.name, str) or not 0 < len(handler.name.encode()) <= _LONGEST_NAME:
            raise DeclarationError(
                f"name={handler.name!r} is not a text of 1 to {_LONGEST_NAME} bytes.",
                remedy="Give a shorter name: it is a part of the key of the handler's marks.",
                rule="ST118",
            )
        require_synchronous(handler.function, f"router.on({handler.wanted.entity.__name__}, ...)")
        if any(each.name == handler.name for each in self._handlers):
            raise DeclarationError(
                f"Two handlers have the name {handler.name!r}, so they would share their marks.",
                remedy="Give one of them another name with name=.",
                rule="ST118",
            )
        if not handler.idempotent:
            self._require_ttl(handler.name)
        self._handlers.append(handler)

    def _require_ttl(self, handler: str) -> None:
        if table_schema(self.table).expiry_name is None:
            raise DeclarationError(
                f"{self.table.__name__} has no time to live, so the marks of {handler} would never be removed.",
                remedy="Declare an Expiry on an entity, or register the handler with idempotent=True.",
                rule="ST118",
            )

    # --- running ------------------------------------------------------------------

    def start(self, view: str | None = None) -> None:
        """Check the stream view, and call the functions that were registered with `on_start`.

        Args:
            view: The stream view type; None to use `Meta.stream_view_type`, if that is declared.

        Raises:
            StreamViewError: The stream does not show an image that a handler needs.
            HandlerNotRunError: A function returned an awaitable.
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
            raw: The record, in the form of a Lambda event or of GetRecords.

        Raises:
            HandlersFailedError: Some handlers failed. The others are done. Process the record again.
            MalformedRecordError: The record is of another table, or is a whole event of Lambda.
            StreamViewError: The stream does not show an image that a handler needs.
        """
        refuse_event(raw)
        require_own(raw, self.table)
        return self.process_own(raw)

    def process_own(self, raw: Any) -> Outcome:
        """Give one record to its handlers, like `process`, if its table was checked already."""
        try:
            record = read_record(raw)
        except MalformedRecordError as error:
            return self.bury(DeadLetter(reason_of(error), error.event_id, error.sequence_number))
        if record.view is not None:
            self._check_view(record.view)
        if is_own(self.table, record):
            return Outcome(own=True)
        try:
            change = self._dispatcher.read(record)
            if change.entity is None:
                handlers = [] if self._default is None else [self._default]
            else:
                handlers = [each for each in self._handlers if each.wanted.fits(change)]
        except (MalformedItemError, MalformedRecordError) as error:
            return self.bury(
                DeadLetter(reason_of(error), record.event_id, record.sequence_number, record.event, error.entity)
            )
        if change.entity is None and not handlers:
            return self.bury(letter_of(change, None, "no entity of the table has its type, and no default handler"))
        if self._malformed == "skip":
            handlers = [each for each in handlers if each.wanted.readable(change)]
        return self._dispatcher.dispatch(change, handlers)

    def bury(self, *letters: DeadLetter) -> Outcome:
        """Give dead letters to the router's sink.

        Raises:
            HandlerNotRunError: The sink returned an awaitable.
        """
        return self._dispatcher.bury(*letters)

    @cached_property
    def lambda_handler(self) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
        """The handler for AWS Lambda. The first read starts the router.

        A module writes `handler = router.lambda_handler`.

        Raises:
            StreamViewError: The stream does not show an image that a handler needs.
            EngineUnavailableError: aws-lambda-powertools is not installed.
        """
        from singletable.streams.lambda_handler import make_handler

        self.start()
        return make_handler(self.table, self.process_own)
