"""Handlers: functions and the changes that they are called for, checked when they are registered."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

from singletable.errors import (
    DeclarationError,
    HandlerNotRunError,
    MalformedItemError,
    MalformedRecordError,
    StreamViewError,
)
from singletable.models.schema.layout import STREAM_VIEWS
from singletable.models.schema.table_schema import entity_schema, table_schema
from singletable.streams.change_event import Change, key_identifies
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
    """The changes that a handler is called for.

    Args:
        entity: The class of the changed entity; classes that inherit from it are included.
        events: The events: `INSERT`, `MODIFY`, `REMOVE`.
        changed: For MODIFY: the names of attributes of which at least one has changed; empty for any change.
        expired: For REMOVE: whether time to live removed the item; None for both.
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
        """Read the images that the handler needs, so that an unreadable image raises before the handler is called.

        Raises:
            MalformedItemError: A model cannot read an image.
            MalformedRecordError: An image is not an item.
        """
        if self.changed and change.event == "MODIFY" and change.changed is None:
            raise change.images.incomplete()
        for which in sorted(self.needs):
            getattr(change.images, which)

    def readable(self, change: Change[Any]) -> bool:
        """Return whether models can read all images that the handler needs."""
        try:
            self.read(change)
        except MalformedItemError:
            return False
        except MalformedRecordError:
            pass  # an image that is not an item makes a dead letter
        return True

    def fits(self, change: Change[Any]) -> bool:
        """Return whether the handler is called for a change."""
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
    """A function that handles changes.

    Args:
        name: Its name in marks and messages.
        function: The function.
        wanted: The changes that it is called for.
        idempotent: Whether it may be called twice for an event.
    """

    name: str
    function: Callable[[Change[Any]], None]
    wanted: Wanted
    idempotent: bool = False

    def require(self, table: type[Table], view: str) -> None:
        """Refuse a stream that does not show the images that the handler needs.

        Args:
            table: The table class.
            view: The view type of its stream.

        Raises:
            StreamViewError: An image is missing; or only keys are shown, and they do not identify the entity.
        """
        entity, shown = self.wanted.entity, STREAM_VIEWS.get(view, frozenset())
        missing = sorted(self.wanted.shown - shown)
        if missing:
            raise StreamViewError(
                f"The stream shows {view}; {self.name} needs the {' and the '.join(missing)} image.",
                remedy="Switch the stream to NEW_AND_OLD_IMAGES (Meta.stream_view_type), or name with needs= the"
                " images that the handler reads.",
                view=view,
                handler=self.name,
            )
        if not shown and not key_identifies(table, entity):
            raise StreamViewError(
                f"The stream shows {view}, and a key does not show whether an item is of {entity.__name__}:"
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
    """Return the checked arguments of `StreamRouter.on`; see there.

    Raises:
        DeclarationError: The table has no such entity, or the handler could never be called.
    """
    if not (isinstance(entity, type) and issubclass(entity, table)):
        raise DeclarationError(
            f"{entity!r} is not an entity of {table.__name__}.",
            remedy="Name one of its classes.",
            rule="ST118",
        )
    _check_events(table, entity, events, changed, expired)
    name = entity.__name__
    attributes = frozenset([changed] if isinstance(changed, str) else changed)
    known = _changeable(table, entity) if attributes else []
    for each in sorted(attributes.difference(known)):
        raise DeclarationError(
            f"{name} has no attribute {each!r} that could change.",
            remedy=f"It has: {', '.join(known)}. Derived attributes change with these.",
            entity=name,
            attribute=each,
            rule="ST118",
        )
    images = frozenset(needs) if needs is not None else frozenset().union(*(_NEEDS[each] for each in events))
    if not images <= {"new", "old"}:
        raise DeclarationError(
            f"needs={sorted(images)} names an image other than 'new' and 'old'.",
            remedy='Write needs={"new"}, {"old"}, both, or ().',
            entity=name,
            rule="ST118",
        )
    return Wanted(entity, events, attributes, expired, images)


def _check_events(
    table: type[Table],
    entity: type[Table],
    events: tuple[Event, ...],
    changed: str | Collection[str],
    expired: bool | None,
) -> None:
    """Refuse events that do not exist, and options without effect on these events."""
    name = entity.__name__
    unknown = [each for each in events if each not in EVENTS]
    if unknown or not events:
        raise DeclarationError(
            f"router.on({name}, ...) names " + (f"the unknown event {unknown[0]!r}." if unknown else "no event."),
            remedy=f"Use {', '.join(EVENTS)}.",
            entity=name,
            rule="ST118",
        )
    if changed and "MODIFY" not in events:
        raise DeclarationError(
            f"router.on({name}, changed={changed!r}) has no effect without the event MODIFY.",
            remedy="Name MODIFY, or leave changed= out.",
            entity=name,
            rule="ST118",
        )
    if expired is not None and "REMOVE" not in events:
        raise DeclarationError(
            f"router.on({name}, expired={expired}) has no effect without the event REMOVE.",
            remedy="Name REMOVE, or leave expired= out.",
            entity=name,
            rule="ST118",
        )
    schemas = [each for each in table_schema(table).entities.values() if issubclass(each.entity, entity)]
    if expired and all(each.expiry is None for each in schemas):
        raise DeclarationError(
            f"{name} has no Expiry, so time to live never removes its items.",
            remedy="Declare an Expiry, or leave expired= out.",
            entity=name,
            rule="ST118",
        )


def without_arguments(function: Callable[..., Any]) -> Any:
    """Return the function inside one or several `functools.partial`; any other callable unchanged."""
    while isinstance(function, partial):
        function = function.func
    return function


def require_synchronous(function: Callable[..., object], role: str) -> None:
    """Refuse a function whose call only creates a coroutine or a generator.

    Args:
        function: The function, or another callable.
        role: Its role in the router, for the message.

    Raises:
        DeclarationError: It cannot be called, is declared with `async def`, or has a `yield`.
    """
    if not callable(function):
        raise DeclarationError(f"{role}: {function!r} cannot be called.", remedy="Give a function.", rule="ST118")
    inner = without_arguments(function)
    for each in (inner, type(inner).__call__):
        if inspect.iscoroutinefunction(each) or inspect.isasyncgenfunction(each):
            kind, remedy = "async def", "Write a plain function; it may call asyncio.run()."
        elif inspect.isgeneratorfunction(each):
            kind, remedy = "a generator (it has a yield)", "Write a function without yield."
        else:
            continue
        raise DeclarationError(
            f"{role}: {getattr(inner, '__name__', type(inner).__name__)} is {kind}, and calling it would run nothing.",
            remedy=remedy,
            rule="ST118",
        )


def call(function: Callable[..., Any], *arguments: object, name: str) -> None:
    """Call a function that must have done its work when it returns.

    Raises:
        HandlerNotRunError: It returned an awaitable, a future or an iterator such as a generator, which nothing would
            run.
    """
    result = function(*arguments)
    if inspect.isawaitable(result) or inspect.isasyncgen(result) or isinstance(result, (Iterator, Future)):
        if inspect.iscoroutine(result) or inspect.isgenerator(result):
            result.close()  # otherwise Python warns about it later, at another place
        raise HandlerNotRunError(
            f"{name} returned {type(result).__name__!r}: its work is not done.",
            remedy="Write a plain function that returns when its work is done; it may call asyncio.run().",
            handler=name,
        )


def name_of(function: Callable[..., object]) -> str:
    """Return the name of a function, for its marks.

    Raises:
        DeclarationError: The callable has no name.
    """
    try:
        return f"{function.__module__}.{function.__qualname__}"
    except AttributeError:
        raise DeclarationError(
            f"{type(function).__name__} has no name, which its marks need.",
            remedy="Give a name with name=.",
            rule="ST118",
        ) from None


def _changeable(table: type[Table], entity: type[Table]) -> list[str]:
    """Return the attributes that can change under one primary key; for the table class, those of every entity."""
    if entity is table:
        return sorted(set(entity.get_attributes()) - set(table_schema(entity).derived))
    schema = entity_schema(entity)
    return sorted(set(schema.attributes) - set(schema.primary.attributes))
