"""Bindings of a table and all its entities to a server, for the process or for a block.

The effective settings are computed when a request is made: the settings of `Meta`, then those of the process-wide
bindings in the order in which they were made, then those of the current context, innermost last. Nothing changes
`Meta`.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, cast

from singletable.errors import InvalidValueError, UnexpectedAttributesError
from singletable.models.binding.blocks import is_entered_at_once
from singletable.models.binding.folding import FIELDS, PUBLIC, Layer, is_pinned, with_region_of_session
from singletable.models.binding.table_names import NAME_RULE, name_fault
from singletable.requests.connection import TableConnection
from singletable.requests.connection_settings import PLACE, SOURCES, Settings

if TYPE_CHECKING:
    from singletable.models.binding.home import Home, TableClass
    from singletable.models.table import Table

__all__ = ["Binding", "bind", "bound", "connection_of", "held", "is_bound", "pinned"]

_log = logging.getLogger("singletable")
_TEXTS = ("table_name", "region", "endpoint_url", "profile", "role_arn")

_context: ContextVar[tuple[tuple[Home, Layer], ...]] = ContextVar("singletable_bindings", default=())
"""The bindings of the current context, of all tables, innermost last."""


class Binding:
    """A table bound to a place.

    As a statement it holds for the process, until `undo()`. In `with` or `async with` it holds for the current
    context, until the block ends. It may be entered again, also within its own block.
    """

    def __init__(self, home: Home, layer: Layer) -> None:
        self._home = home
        self._layer = layer

    @property
    def table(self) -> type[Table]:
        """The table class."""
        return self._home.table

    @property
    def settings(self) -> Settings:
        """The settings of a request that is made now, if this binding is the innermost one."""
        outer = tuple(each for each in _layers(self._home) if each is not self._layer)
        return self._home.effective((*outer, self._layer)).settings

    def undo(self) -> None:
        """Remove this binding from the process and from the current context."""
        self._leave_process()
        _context.set(tuple(each for each in _context.get() if each[1] is not self._layer))

    @contextmanager
    def everywhere(self) -> Iterator[Binding]:
        """Make the binding hold for the block: in the process, and as the innermost one of the current context."""
        self._leave_process()
        self._hold()
        _enter(self._home, self._layer)
        try:
            yield self
        finally:
            self.undo()

    def _hold(self) -> Binding:
        self._report_place()
        with self._home.lock:
            self._home.bindings = (*self._home.bindings, self._layer)
        return self

    def _leave_process(self) -> None:
        with self._home.lock:
            self._home.bindings = tuple(each for each in self._home.bindings if each is not self._layer)

    def _report_place(self) -> None:
        ignored = [] if self._layer.pinned else sorted(PLACE & self._layer.given.keys())
        if ignored and is_pinned((*self._home.bindings, *_layers(self._home))):
            _log.info(
                "%s stays at %s: bind() ignores %s in this block.",
                self.table.__name__,
                bound(self.table).place,
                ", ".join(ignored),
            )

    def __enter__(self) -> Binding:
        # In this order, the calling thread never sees the table without the binding.
        self._report_place()
        _enter(self._home, self._layer)
        self._leave_process()
        return self

    def __exit__(self, *exception: object) -> None:
        _leave(self._layer)

    async def __aenter__(self) -> Binding:
        return self.__enter__()

    async def __aexit__(self, *exception: object) -> None:
        self.__exit__()

    def __repr__(self) -> str:
        return f"<{self.table.__name__} bound to {self.settings.table_name!r}>"


def bind(table: TableClass, **settings: Any) -> Binding:
    """Bind a table; see `Table.bind`."""
    unknown = tuple(each for each in settings if each not in FIELDS)
    if unknown:
        raise UnexpectedAttributesError(
            f"{', '.join(unknown)}: not a setting of bind().",
            remedy=f"Its settings are: {', '.join(PUBLIC)}.",
            unexpected=unknown,
        )
    binding = Binding(table._home, Layer(_checked(settings)))
    # The frame of Table.bind or of another function of this package, which returns the binding to its caller.
    return binding if is_entered_at_once(sys._getframe(1)) else binding._hold()


@contextmanager
def pinned(table: TableClass, **settings: Any) -> Iterator[Binding]:
    """Fix a table's place for the block: no binding within the block changes the server that a request reaches.

    It holds for the process, so that threads that are started in the block also use the place, and as the innermost
    binding of the current context.

    Args:
        table: The table class.
        settings: Fields of `Settings`. The settings that name the place are not inherited if they are not given.
    """
    with Binding(table._home, Layer(_checked(settings), pinned=True)).everywhere() as binding:
        # Read now: at the end of the block, the environment variable with the table's name may be unset.
        place = binding.settings
        try:
            yield binding
        finally:
            table._home.drop(place)


@contextmanager
def held(table: TableClass) -> Iterator[Settings]:
    """Keep a table's present settings for the block, in the current context.

    Args:
        table: The table class.
    """
    home = table._table_class()._home
    layer = Layer({}, held=home.effective(_layers(home)))
    _enter(home, layer)
    try:
        yield bound(table)
    finally:
        _leave(layer)


def bound(table: TableClass, settings: Mapping[str, Any] | None = None) -> Settings:
    """Return the settings of a request that is made now.

    Args:
        table: The table class.
        settings: Settings to add as the innermost binding; None to add none.
    """
    home: Home = table._home
    layers = _layers(home)
    return home.effective(layers if settings is None else (*layers, Layer(settings))).settings


def is_bound(table: TableClass) -> bool:
    """Return whether a binding holds, for the process or in the current context."""
    return bool(table._home.bindings or _layers(table._home))


def connection_of(table: TableClass, settings: Settings | None = None) -> TableConnection:
    """Return a table's connection, which its entities and all threads share.

    Args:
        table: The table class.
        settings: The settings of the connection; None for those of a request that is made now.

    Raises:
        InvalidValueError: The table's name is too short for a server.
    """
    home: Home = table._home
    return home.connection(bound(table) if settings is None else settings)


def _layers(home: Home) -> tuple[Layer, ...]:
    entered = _context.get()
    return tuple([layer for of, layer in entered if of is home]) if entered else ()


def _enter(home: Home, layer: Layer) -> None:
    _context.set((*_context.get(), (home, layer)))


def _leave(layer: Layer) -> None:
    """Remove the innermost entry of a layer from the context."""
    # Not by a `ContextVar` token: it would fail if a fixture exits in another context.
    entered = _context.get()
    for position in range(len(entered) - 1, -1, -1):
        if entered[position][1] is layer:
            _context.set((*entered[:position], *entered[position + 1 :]))
            return


def _checked(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that are given, in the form in which `Settings` holds them.

    Raises:
        SingletableError: A setting has an invalid value, or two settings contradict each other.
    """
    given = {name: value for name, value in settings.items() if value is not None}
    for name in _TEXTS:
        if name in given:
            given[name] = _text(name, given[name])
    fault = name_fault(given["table_name"]) if "table_name" in given else None
    if fault:
        raise InvalidValueError(
            f"The table name {given['table_name']!r} {fault}.",
            remedy=f"{NAME_RULE} Leave table_name out to use the name in Meta.",
            value=given["table_name"],
        )
    sources = [name for name in SOURCES if name in given]
    if len(sources) > 1:
        raise InvalidValueError(
            f"bind() was given {' and '.join(sources)}, which name different credentials.", remedy="Give one of them."
        )
    for name, value in given.items():
        field = FIELDS[name]
        if field.converter is not None:
            given[name] = cast("Callable[[Any], Any]", field.converter)(value)
        if field.validator is not None:
            field.validator(None, field, given[name])
    return with_region_of_session(given)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidValueError(f"{name}={value!r} is not a text.", remedy=f'Write {name}="...".', value=value)
    # A member of an enumeration becomes its text.
    return str.__str__(value)
