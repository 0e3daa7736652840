"""The decorator that makes a function an access pattern, and the registry of all access patterns."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, Generic, ParamSpec, TypeVar, get_args, get_type_hints

import attrs

from singletable.errors import PatternError
from singletable.models import Table
from singletable.models.reading.targets import TableSender
from singletable.models.schema.table_schema import table_schema
from singletable.requests import Get, Query, Scan

__all__ = ["AccessPattern", "ScanInPatternError", "access_pattern", "patterns_of", "requests_of"]

P = ParamSpec("P")
R = TypeVar("R")

_registered: dict[tuple[str, str], AccessPattern[..., Any]] = {}
_SENTENCE = re.compile(r"\s*(?:(\d+)\.\s*)?(.+)", re.DOTALL)


class ScanInPatternError(PatternError):
    """An access pattern returns a scan of the whole table.

    Remedy: Declare a key for the read, or remove the function from the access patterns.
    """


class AccessPattern(Generic[P, R]):
    """A named read of the application. Calling it returns the request without sending it.

    Args:
        function: The function that returns a `Query`, a `Get`, or a tuple of them.
        sentence: A sentence that describes the result, with a number in front if the pattern has one.
        parameters: The attribute of each parameter that does not have the name of an attribute.
        permanent: Whether the items of the result must not expire.
    """

    def __init__(self, function: Callable[P, R], sentence: str, parameters: Mapping[str, str], permanent: bool) -> None:
        match = _SENTENCE.fullmatch(sentence)
        if match is None:
            raise PatternError(f"The access pattern {function.__name__} has no sentence.", value=sentence)
        functools.update_wrapper(self, function)
        self.function = function
        self.number = match[1]
        self.sentence = match[2].strip()
        self.attributes = dict(parameters)
        self.permanent = permanent

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return _of(self.name, self.function(*args, **kwargs))

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.__name__

    @property
    def title(self) -> str:
        """The sentence, after the number if the pattern has one."""
        return f"{self.number}. {self.sentence}" if self.number else self.sentence

    @functools.cached_property
    def hints(self) -> Mapping[str, Any]:
        """The resolved annotations of the function's parameters and its return value."""
        try:
            return get_type_hints(self.function)
        except Exception as error:  # resolving annotations evaluates user code
            raise PatternError(
                f"The annotations of {self.name} cannot be resolved: {type(error).__name__}: {error}.",
                remedy="Import the names outside of TYPE_CHECKING blocks.",
            ) from None

    @functools.cached_property
    def entities(self) -> tuple[type[Table], ...]:
        """The entity classes in the function's return annotation."""
        found = tuple(dict.fromkeys(_tables_in(self.hints.get("return"))))
        if not found:
            raise PatternError(
                f"The access pattern {self.name} has no return annotation that names an entity.",
                remedy="Annotate it: -> Query[Order], -> Get[User], -> Query[User | Order] for a collection, or a"
                " tuple of them.",
            )
        return found

    @property
    def table(self) -> type[Table]:
        """The table class of the pattern."""
        return table_schema(self.entities[0]).table

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters without a default."""
        signature = inspect.signature(self.function)
        return tuple(name for name, each in signature.parameters.items() if each.default is inspect.Parameter.empty)

    def attribute_for(self, parameter: str) -> str:
        """Return the name of the attribute whose values a parameter takes."""
        return self.attributes.get(parameter, parameter)

    def __repr__(self) -> str:
        return f"<access pattern {self.title!r}>"

    def __str__(self) -> str:
        return self.name


def access_pattern(
    sentence: str, *, parameters: Mapping[str, str] | None = None, permanent: bool = False
) -> Callable[[Callable[P, R]], AccessPattern[P, R]]:
    """Make a function an access pattern of its table.

    The function has a return annotation, and its parameters have the names of attributes, so that the demo, the checks
    and the tests can call it with suitable arguments::

        @access_pattern("2. A user's orders, newest first")
        def orders_of_user(user_id: str) -> Query[Order]:
            return Order.query(user_id=user_id, descending=True)

    Args:
        sentence: A sentence that describes the result; a number in front decides the pattern's place in lists.
        parameters: The attribute of each parameter with another name, for example `{"first": "placed_at"}`. Two
            parameters of one attribute are the ends of an interval, the lower first.
        permanent: Whether the items of the result must not expire; `singletable check` checks that.

    Raises:
        PatternError: The sentence is not a text, or is empty.
    """

    if not isinstance(sentence, str):
        raise PatternError(
            "@access_pattern needs a sentence.",
            remedy='Write for example @access_pattern("1. The orders of a user") above the function.',
        )

    def decorate(function: Callable[P, R]) -> AccessPattern[P, R]:
        pattern = AccessPattern(function, sentence, parameters or {}, permanent)
        _registered[function.__module__, function.__qualname__] = pattern
        return pattern

    return decorate


def patterns_of(table: type[Table]) -> list[AccessPattern[..., Any]]:
    """Return the access patterns of a table: by number, then those without a number in the order of their definition.

    A pattern without a return annotation may be of any table and is included.
    """
    mine = [pattern for pattern in _registered.values() if _is_of(pattern, table_schema(table).table)]
    return sorted(mine, key=lambda pattern: (pattern.number is None, int(pattern.number or 0)))


def _is_of(pattern: AccessPattern[..., Any], table: type[Table]) -> bool:
    try:
        return pattern.table is table
    except PatternError:
        return True


def requests_of(pattern: AccessPattern[..., Any], answer: Any) -> tuple[Query[Any] | Get[Any], ...]:
    """Return the requests that a call of a pattern returned.

    Raises:
        PatternError: The pattern did not return requests, or it returned a scan.
    """
    requests = answer if isinstance(answer, tuple) else (answer,)
    if any(isinstance(each, Scan) for each in requests):
        raise ScanInPatternError(
            f"The access pattern {pattern.name} scans the whole table.",
            remedy="Declare a key for it, or remove it from the access patterns.",
        )
    if not requests or not all(isinstance(each, (Query, Get)) for each in requests):
        raise PatternError(
            f"The access pattern {pattern.name} returned {type(answer).__name__}.",
            remedy="Return the request itself (Order.query(...), User.item(...)), not its result.",
        )
    return requests


def _of(name: str, answer: R) -> R:
    """Return the requests of a pattern with its name, which observers get with each request."""
    if isinstance(answer, (Query, Get)) and isinstance(answer.target.sender, TableSender):
        sender = attrs.evolve(answer.target.sender, name=name)
        return attrs.evolve(answer, target=attrs.evolve(answer.target, sender=sender))
    if isinstance(answer, tuple):
        parts = [_of(name, part) for part in answer]
        return type(answer)(*parts) if hasattr(answer, "_fields") else type(answer)(parts)
    return answer


def _tables_in(hint: Any) -> list[type[Table]]:
    if isinstance(hint, type) and issubclass(hint, Table):
        return [hint]
    fields = get_type_hints(hint).values() if isinstance(hint, type) and hasattr(hint, "_fields") else ()
    return [table for part in (*get_args(hint), *fields) for table in _tables_in(part)]
