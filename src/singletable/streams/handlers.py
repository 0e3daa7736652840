"""Handlers: which changes a function wants, checked when it is declared."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

from singletable.errors import (
    DeclarationError,
    HandlerNotRun,
    MalformedItemError,
    MalformedRecordError,
    StreamViewError,
)
from singletable.models.schema.layout import STREAM_VIEWS
from singletable.models.schema.table_schema import entity_schema, table_schema
from singletable.streams.change_event import Change, keys_tell
from singletable.streams.records import EVENTS, Event

if TYPE_CHECKING:
    from singletable.models import Table

__all__ = ["Handler", "Wanted", "call", "name_of", "require_synchronous", "wanted_of", "without_arguments"]

_NEEDS: dict[Event, frozenset[str]] = {
    "INSERT": frozenset({"new"}),
    "MODIFY": frozenset({"new", "old"}),
    "REMOVE": frozenset({"old"}),
}


@attrs.frozen
class Wanted:
    """Which changes a handler is called for.

    Args:
        entity: Of this class, and of those that inherit from it.
        events: What happened.
        changed: For MODIFY: the attributes of which one has changed; none for any change.
        expired: For REMOVE: whether time to live removed it; None for both.
        needs: The images that the handler reads, of `new` and `old`.
    """

    entity: type[Table]
    events: tuple[Event, ...]
    changed: frozenset[str]
    expired: bool | None
    needs: frozenset[str]

    @property
    def shown(self) -> frozenset[str]:
        """The images that the stream must show: those that the handler reads, and both to compare attributes."""
        return self.needs | _NEEDS["MODIFY"] if self.changed else self.needs

    def read(self, change: Change[Any]) -> None:
        """Read the images that the handler needs, so that one that cannot be read stops it before it begins.

        Raises:
            MalformedItemError: A model cannot read one.
            MalformedRecordError: One is not an item.
        """
        if self.changed and change.event == "MODIFY" and change.changed is None:
            raise change.images.incomplete()
        for which in sorted(self.needs):
            getattr(change.images, which)

    def readable(self, change: Change[Any]) -> bool:
        """Whether models can read all images that the handler needs."""
        try:
            self.read(change)
        except MalformedItemError:
            return False
        except MalformedRecordError:
            pass  # it is not an item at all, and a dead letter
        return True

    def fits(self, change: Change[Any]) -> bool:
        """Whether a change is one of these."""
        if change.event not in self.events or change.entity is None or not issubclass(change.entity, self.entity):
            return False
        if change.event == "REMOVE" and self.expired is not None and change.expired is not self.expired:
            return False
        if change.event == "MODIFY" and self.changed:
            # Without both images this is unknown; `read` reports it.
            return change.changed is None or not self.changed.isdisjoint(change.changed)
        return True


@attrs.frozen
class Handler:
    """A function that takes changes.

    Args:
        name: What it is called in marks and messages.
        function: The function.
        wanted: Which changes it is given.
        idempotent: Whether it may as well be called twice for an event.
    """

    name: str
    function: Callable[[Change[Any]], None]
    wanted: Wanted
    idempotent: bool = False

    def require(self, table: type[Table], view: str) -> None:
        """Refuse a stream that does not show what the handler needs.

        Args:
            table: The table class.
            view: What its stream shows.

        Raises:
            StreamViewError: An image is missing; or only keys are shown, which do not say what an item is.
        """
        entity, shown = self.wanted.entity, STREAM_VIEWS.get(view, frozenset())
        missing = sorted(self.wanted.shown - shown)
        if missing:
            raise StreamViewError(
                f"The stream shows {view}; {self.name} needs the {' and the '.join(missing)} image.",
                remedy="Switch the stream to NEW_AND_OLD_IMAGES (Meta.stream_view_type), or say with needs= what"
                " the handler reads.",
                view=view,
                handler=self.name,
            )
        if not shown and not keys_tell(table, entity):
            raise StreamViewError(
                f"The stream shows {view}, and a key does not say whether an item is of {entity.__name__}:"
                f" {self.name} would not be called.",
                remedy="Switch the stream to NEW_AND_OLD_IMAGES (Meta.stream_view_type), or handle the class in"
                " which the key is declared.",
                view=view,
                handler=self.name,
            )


def wanted_of(
    table: type[Table],
    entity: type[Table],
    events: tuple[Event, ...],
    changed: str | Collection[str] = (),
    expired: bool | None = None,
    needs: Collection[str] | None = None,
) -> Wanted:
    """What `StreamRouter.on` was given, checked; see there.

    Raises:
        DeclarationError: The table has no such entity, or the handler could never be called.
    """
    if not (isinstance(entity, type) and issubclass(entity, table)):
        raise DeclarationError(
            f"{entity!r} is no entity of {table.__name__}.",
            remedy="Name one of its classes.",
            rule="ST118",
        )
    called = entity.__name__
    unknown = [each for each in events if each not in EVENTS]
    if unknown or not events:
        raise DeclarationError(
            f"router.on({called}, ...) names " + (f"the event {unknown[0]!r}." if unknown else "no event."),
            remedy=f"There are {', '.join(EVENTS)}.",
            entity=called,
            rule="ST118",
        )
    if changed and "MODIFY" not in events:
        raise DeclarationError(
            f"router.on({called}, changed={changed!r}) is of no MODIFY: nothing changes else.",
            remedy="Name MODIFY, or leave changed= out.",
            entity=called,
            rule="ST118",
        )
    if expired is not None and "REMOVE" not in events:
        raise DeclarationError(
            f"router.on({called}, expired={expired}) is of no REMOVE: what expires is removed.",
            remedy="Name REMOVE, or leave expired= out.",
            entity=called,
            rule="ST118",
        )
    schemas = [each for each in table_schema(table).entities.values() if issubclass(each.entity, entity)]
    if expired and all(each.expiry is None for each in schemas):
        raise DeclarationError(
            f"{called} has no Expiry: time to live removes none of it.",
            remedy="Declare one, or leave expired= out.",
            entity=called,
            rule="ST118",
        )
    attributes = frozenset([changed] if isinstance(changed, str) else changed)
    known = _changeable(table, entity) if attributes else []
    for each in sorted(attributes.difference(known)):
        raise DeclarationError(
            f"{called} has no attribute {each!r} that could change.",
            remedy=f"It has: {', '.join(known)}. What is derived follows from these.",
            entity=called,
            attribute=each,
            rule="ST118",
        )
    images = frozenset(needs) if needs is not None else frozenset().union(*(_NEEDS[each] for each in events))
    if not images <= {"new", "old"}:
        raise DeclarationError(
            f"needs={sorted(images)}: an image is new or old.",
            remedy='Write needs={"new"}, {"old"}, both, or ().',
            entity=called,
            rule="ST118",
        )
    return Wanted(entity, events, attributes, expired, images)


def without_arguments(function: Callable[..., Any]) -> Any:
    """Return the function that a `functools.partial`, or several, gives arguments to; any other as it is."""
    while isinstance(function, partial):
        function = function.func
    return function


def require_synchronous(function: Callable[..., object], what: str) -> None:
    """Refuse a function whose call does nothing but make a coroutine or a generator.

    Args:
        function: The function, or another callable.
        what: Its part in the router, for the message.

    Raises:
        DeclarationError: It is declared with `async def`, or has a `yield`.
    """
    if not callable(function):
        raise DeclarationError(f"{what}: {function!r} cannot be called.", remedy="Give a function.", rule="ST118")
    inner = without_arguments(function)
    for each in (inner, type(inner).__call__):
        if inspect.iscoroutinefunction(each) or inspect.isasyncgenfunction(each):
            kind, remedy = "async def", "Write a plain function; it may call asyncio.run()."
        elif inspect.isgeneratorfunction(each):
            kind, remedy = "a generator (it has a yield)", "Write a function without yield."
        else:
            continue
        raise DeclarationError(
            f"{what}: {getattr(inner, '__name__', type(inner).__name__)} is {kind}, and calling it would run nothing.",
            remedy=remedy,
            rule="ST118",
        )


def call(function: Callable[..., Any], *arguments: object, name: str) -> None:
    """Call a function that has done its work when it returns.

    Raises:
        HandlerNotRun: It returned an awaitable, a future or an iterator such as a generator, which nothing would run.
    """
    result = function(*arguments)
    if inspect.isawaitable(result) or inspect.isasyncgen(result) or isinstance(result, (Iterator, Future)):
        if inspect.iscoroutine(result) or inspect.isgenerator(result):
            result.close()  # otherwise Python warns of it later, and elsewhere
        raise HandlerNotRun(
            f"{name} returned {type(result).__name__!r}: its work is not done.",
            remedy="Write a plain function that returns when all is done; it may call asyncio.run().",
            handler=name,
        )


def name_of(function: Callable[..., object]) -> str:
    """The name of a function, for its marks.

    Raises:
        DeclarationError: It has none.
    """
    try:
        return f"{function.__module__}.{function.__qualname__}"
    except AttributeError:
        raise DeclarationError(
            f"{type(function).__name__} has no name that its marks could have.",
            remedy="Give one with name=.",
            rule="ST118",
        ) from None


def _changeable(table: type[Table], entity: type[Table]) -> list[str]:
    """The attributes that can change under one primary key; of the table class, those of every entity."""
    if entity is table:
        return sorted(set(entity.get_attributes()) - set(table_schema(entity).derived))
    schema = entity_schema(entity)
    return sorted(set(schema.attributes) - set(schema.primary.attributes))
