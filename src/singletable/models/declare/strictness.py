"""Strict attributes: each attribute gets the class that replaces PynamoDB's, in place, at any depth.

The modules of typed maps and of lists add their classes to `TWINS` and their methods to `METHODS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pynamodb.attributes import (
    Attribute,
    DynamicMapAttribute,
    ListAttribute,
    MapAttribute,
)

from singletable.models.declare.strict import SCALAR_TWINS
from singletable.models.declare.value_faults import (
    Steps,
)

__all__ = ["METHODS", "TWINS", "inner_attributes", "python_steps", "strict", "strict_kind"]

TWINS: dict[type[Attribute[Any]], type[Attribute[Any]]] = dict(SCALAR_TWINS)
"""The class that replaces each class of PynamoDB's."""

METHODS: dict[str, tuple[tuple[Any, ...], Any]] = {}
"""For each method of a class of typed maps: PynamoDB's methods that are replaced, and the replacement."""


def strict(attribute: Attribute[Any]) -> None:
    """Make a PynamoDB attribute and the attributes of the map classes in it strict, in place.

    A subclass of PynamoDB's classes keeps its own methods. A map class is changed for all models that use it.
    """
    _make_strict(attribute)
    if isinstance(attribute, (ListAttribute, MapAttribute)):
        for each in list(inner_attributes(attribute)):
            _make_strict(each)


def strict_kind(kind: type[MapAttribute[Any, Any]]) -> None:
    """Make a map class and its attributes strict; it may be a subclass that was defined after the entity."""
    if "_is_strict" in vars(kind):
        return
    _make_kind_strict(kind)
    for each in list(inner_attributes(kind)):
        _make_strict(each)


def _make_strict(attribute: Attribute[Any]) -> None:
    twin = _twin_of(type(attribute))
    if twin is not None:
        # A map has its own `__setattr__`.
        object.__setattr__(attribute, "__class__", twin)
    kind = attribute.element_type if isinstance(attribute, ListAttribute) else type(attribute)
    if kind is not None and issubclass(kind, MapAttribute):
        _make_kind_strict(kind)


def _make_kind_strict(kind: type[MapAttribute[Any, Any]]) -> None:
    if _is_untyped(kind) or "_is_strict" in vars(kind):
        return
    kind._is_strict = True  # type: ignore[attr-defined]  # remembers it
    for name, (pynamodbs, ours) in METHODS.items():
        if getattr(kind, name) in pynamodbs and not (name == "__setattr__" and _takes_any_name(kind)):
            setattr(kind, name, ours)


def _takes_any_name(kind: type[MapAttribute[Any, Any]]) -> bool:
    """Return whether instances of a map class may have fields that it does not declare."""
    return issubclass(kind, DynamicMapAttribute) or kind.__init__ is not MapAttribute.__init__


def _twin_of(kind: type[Attribute[Any]]) -> type[Attribute[Any]] | None:
    """Return the strict class that replaces a class; None if the class stores values in its own way."""
    if kind in TWINS:
        return TWINS[kind]
    if issubclass(kind, MapAttribute):
        return None
    known = next((each for each in kind.__mro__ if each in TWINS), None)
    if known is None or issubclass(kind, TWINS[known]):
        return None
    own = any(getattr(kind, name) is not getattr(known, name) for name in ("serialize", "deserialize", "get_value"))
    if own:
        return None
    if "_strict_twin" not in vars(kind):
        # The subclass stores values as its parent does. Its own methods take precedence.
        body = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__}
        kind._strict_twin = type(kind.__name__, (kind, TWINS[known]), body)  # type: ignore[attr-defined]  # is kept
    twin: type[Attribute[Any]] = vars(kind)["_strict_twin"]
    return twin


def python_steps(attribute: Attribute[Any] | type[Attribute[Any]] | None, steps: Iterable[str | int]) -> Steps:
    """Return a place below an attribute with the stored names of declared entries replaced by their Python names."""
    found: list[str | int] = []
    for step in steps:
        kind: Any = attribute
        attribute = None
        if isinstance(step, int):
            attribute = getattr(kind, "element_type", None)
        elif kind is not None and issubclass(kind if isinstance(kind, type) else type(kind), MapAttribute):
            for name, each in kind.get_attributes().items():
                if each.attr_name == step:
                    step, attribute = name, each
                    break
        found.append(step)
    return tuple(found)


def inner_attributes(attribute: Attribute[Any] | type[Attribute[Any]]) -> Iterator[Attribute[Any]]:
    """Yield the attributes that typed maps and their subclasses declare, at any depth below an attribute.

    Each of them exists twice: once in the map's class, and as a copy with its own path in the attribute.
    """
    seen: set[int] = set()
    left: list[Attribute[Any] | type] = [attribute]
    while left:
        outer = left.pop()
        if id(outer) in seen:
            continue
        seen.add(id(outer))
        element = getattr(outer, "element_type", None)
        if isinstance(element, type) and issubclass(element, MapAttribute):
            left.append(element)
        if isinstance(outer, MapAttribute):
            left.append(type(outer))
        if isinstance(outer, MapAttribute) or (isinstance(outer, type) and issubclass(outer, MapAttribute)):
            names = outer.get_attributes()
            inside = [each for name, each in vars(outer).items() if name in names and isinstance(each, Attribute)]
            inside += names.values() if isinstance(outer, type) else ()
            yield from inside
            left += inside
            if isinstance(outer, type) and not _is_untyped(outer):
                left += outer.__subclasses__()


def _is_untyped(kind: type) -> bool:
    """Return whether a class is a class of untyped maps, whose entries are not declared."""
    return kind in (MapAttribute, DynamicMapAttribute, TWINS.get(MapAttribute))
