"""Faults of values: errors that name the entity, the attribute and the place below it, and give the reason.

An attribute of an entity knows its place (`place_attributes`). An attribute of a map class or of a list's elements does
not, since several attributes may share it. Each container that its error passes adds a step to the error's path
(`stepped`), and the attribute of the entity adds its own name at the end (`guarded`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any, TypeAlias, TypeVar

import attrs
from pynamodb.attributes import Attribute, MapAttribute

from singletable.errors import InvalidValueError
from singletable.keys.shown import kept, shown
from singletable.requests.stored_values import NESTING

__all__ = [
    "HIDDEN",
    "Steps",
    "fault",
    "guarded",
    "hidden",
    "is_personal",
    "located",
    "mark",
    "place_attributes",
    "place_below",
    "settled",
    "similar",
    "spelled",
    "stepped",
    "too_deep",
]

T = TypeVar("T")

Steps: TypeAlias = "tuple[str | int, ...]"
"""The place of a value below an attribute: names within maps, and positions within lists."""

HIDDEN = "‹personal›"
"""The text that replaces a value of a personal attribute, or a name within it."""


@attrs.frozen
class _Place:
    """The place of an attribute: the class that declares it, its Python name, and the Python names below it."""

    entity: str
    attribute: str
    path: Steps = ()


# A map keeps its declared attributes among its fields, so these names are private.
_PLACE = "_place"
_PERSONAL = "_is_personal"


def mark(owner: Attribute[Any] | type[Attribute[Any]]) -> None:
    """Mark an attribute, or a class of maps, as personal."""
    if isinstance(owner, type):
        owner._is_personal = True  # type: ignore[attr-defined]  # classes take attributes
    else:
        vars(owner)[_PERSONAL] = True


def is_personal(owner: object) -> bool:
    """Return whether an attribute or a map is marked as personal."""
    # Not getattr of the owner: an untyped map has an attribute of every name.
    return owner is not None and (vars(owner).get(_PERSONAL) is True or getattr(type(owner), _PERSONAL, False) is True)


def place_attributes(entity: str, name: str, attribute: Attribute[Any], path: Steps = ()) -> None:
    """Store the place in an attribute of an entity and in its own copies of a map's attributes.

    Args:
        entity: The name of the class that declares the attribute.
        name: The Python name of the top-level attribute.
        attribute: The attribute.
        path: The place below the top-level attribute.
    """
    vars(attribute)[_PLACE] = _Place(entity, name, path)
    if isinstance(attribute, MapAttribute):
        for inner in attribute.get_attributes():
            each = vars(attribute).get(inner)
            if isinstance(each, Attribute):
                place_attributes(entity, name, each, (*path, inner))


def place_below(attribute: Attribute[Any], inner: Attribute[Any], step: str | int) -> None:
    """Store the place in an attribute that was made from another, such as an element of a list."""
    place: _Place | None = vars(attribute).get(_PLACE)
    if place is not None:
        place_attributes(place.entity, place.attribute, inner, (*place.path, step))


def spelled(attribute: str | None, path: Iterable[str | int] = ()) -> str:
    """Return a place as text: `items[0].label`."""
    text = attribute or ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def hidden(path: Iterable[str | int]) -> Steps:
    """Return a place below a personal attribute, without the names in it."""
    return tuple(step if isinstance(step, int) else HIDDEN for step in path)


def fault(owner: object, value: Any, reason: str, remedy: str) -> InvalidValueError:
    """Return the error for a value within an attribute that is not known yet.

    Args:
        owner: The attribute or the map that the value is for.
        value: The value.
        reason: The reason, as a clause: `expected str, got int`.
        remedy: What to do.
    """
    personal = is_personal(owner)
    return located(
        InvalidValueError(
            "",
            remedy=remedy,
            reason=reason,
            value=None if personal else kept(value),
            shown=HIDDEN if personal else shown(value),
        )
    )


def located(error: InvalidValueError, *, entity: str | None = None, attribute: str | None = None) -> InvalidValueError:
    """Add the entity and the attribute to an error and to its message, and return the error."""
    error.entity, error.attribute = entity or error.entity, attribute or error.attribute
    if error.reason:
        place = spelled(error.attribute, error.path)
        owner = f"{error.entity}." if error.entity and place else ""
        given = f"={error.shown}" if error.shown and place else error.shown
        error.what = f"{owner}{place}{given}{' cannot be stored or compared' if given else ''}: {error.reason}."
        error.args = (f"{error.what} {error.remedy}".strip(),)
    return error


def settled(attribute: Attribute[Any], error: InvalidValueError) -> InvalidValueError:
    """Add the attribute to an error, if it is an attribute of an entity, and return the error."""
    place: _Place | None = vars(attribute).get(_PLACE)
    if place is not None:
        error.path = (*place.path, *error.path)
    if is_personal(attribute):
        # A part of the value, such as a map within an untyped list, may not be marked as personal itself.
        error.path, error.value, error.shown = hidden(error.path), None, HIDDEN if error.shown else ""
    if place is None:
        # Elements of lists and maps that hold entries have no name.
        names = vars(attribute).get("attr_path") or (None,)
        return located(error, attribute=None if error.path else names[-1])
    return located(error, entity=place.entity, attribute=place.attribute)


def similar(name: str, names: Iterable[str]) -> str:
    """Return the remedy for a name that does not exist, with the most similar name; "" if no name is similar."""
    near = get_close_matches(name, list(names), 1)
    return f"Did you mean {near[0]!r}?" if near else ""


def stepped(owner: object, step: str | int, function: Callable[..., T], *args: Any, **options: Any) -> T:
    """Call a function for a part of a map or a list, and add the part's name or position to its error."""
    try:
        return function(*args, **options)
    except InvalidValueError as error:
        if error.reason:
            error.path = (HIDDEN if isinstance(step, str) and is_personal(owner) else step, *error.path)
            error.attribute = None
        raise


def guarded(attribute: Attribute[Any], function: Callable[..., T], *args: Any, **options: Any) -> T:
    """Call a function for a value of a map or list attribute, and add the attribute to its error."""
    try:
        return function(*args, **options)
    except InvalidValueError as error:
        settled(attribute, error)
        raise
    except RecursionError:
        if _PLACE not in vars(attribute):
            raise
    # Raised outside the handler, where the stack is too deep.
    raise settled(attribute, too_deep())


def too_deep() -> InvalidValueError:
    """Return the error for a value that is nested too deeply to be stored."""
    return InvalidValueError(
        "",
        reason="the value is nested too deeply, or contains itself",
        remedy=f"DynamoDB stores {NESTING} levels of maps and lists.",
    )
