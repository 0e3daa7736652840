"""Marks of personal attributes: the attributes that `Meta.personal` names, and all that are declared below them."""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import Any

from pynamodb.attributes import Attribute, DynamicMapAttribute, ListAttribute, MapAttribute

from singletable.errors import InvalidValueError
from singletable.models.declare.lists import RawMapAttribute
from singletable.models.declare.operators import Scalar, hiding
from singletable.models.declare.value_faults import mark

__all__ = ["mark_personal"]


_OPERATORS = ("add", "append", "contains", "delete", "prepend", "set", "startswith")


def mark_personal(attribute: Attribute[Any]) -> None:
    """Mark an attribute and all attributes below it, in place, so that their messages show no value.

    The attributes of a map class are marked for every attribute that holds such a map. PynamoDB shares them, and a
    condition such as `Person.identity == Identity(...)` does not know the entity.
    """
    mark(attribute)
    if not isinstance(attribute, Scalar):
        for name in _OPERATORS:
            # A bound method: a copy of the attribute, which has another path, gets its own.
            vars(attribute).setdefault(name, MethodType(hiding(type(attribute), name), attribute))
    if isinstance(attribute, MapAttribute):
        _mark_map(type(attribute))
        # Paths such as `Person.identity.ssn` are made from copies.
        _mark_all(vars(attribute).values())
    elif isinstance(attribute, ListAttribute) and attribute.element_type is not None:
        attribute.element_type = _marked_element(attribute.element_type)


def _mark_map(kind: type[MapAttribute[Any, Any]]) -> None:
    if kind in (MapAttribute, DynamicMapAttribute, RawMapAttribute):
        # These classes declare nothing, and the maps of all other attributes are their subclasses.
        return
    mark(kind)
    if "_set_attributes" not in vars(kind):
        kind._set_attributes = _hiding_names(kind)  # type: ignore[method-assign]
    _mark_all(kind.get_attributes().values())
    for each in kind.__subclasses__():
        # An instance of a subclass may be stored in place of an instance of the class.
        if each is not kind:
            _mark_map(each)


def _hiding_names(kind: type[MapAttribute[Any, Any]]) -> Callable[..., None]:
    """Return a `_set_attributes` for a map class whose error does not quote the name of an unknown attribute."""
    pynamodbs = kind._set_attributes

    def set_attributes(self: MapAttribute[Any, Any], **attributes: Any) -> None:
        if not attributes.keys() <= self.get_attributes().keys():
            raise InvalidValueError(
                f"{type(self).__name__} was given an attribute that it does not declare.",
                remedy=f"It has: {', '.join(self.get_attributes()) or 'none'}.",
            )
        pynamodbs(self, **attributes)  # type: ignore[no-untyped-call]  # as above

    set_attributes.only_hides = True  # type: ignore[attr-defined]  # so the codec makes such maps as PynamoDB does
    return set_attributes


def _mark_all(found: Any) -> None:
    for each in found:
        # A map may contain itself through a list.
        if isinstance(each, Attribute) and "_is_personal" not in vars(each):
            mark_personal(each)


def _marked_element(kind: type[Attribute[Any]]) -> type[Attribute[Any]]:
    """Return the class of a list's elements, marked as personal; PynamoDB makes an instance of it for each element."""
    if issubclass(kind, MapAttribute):
        # The class itself is marked: a subclass would refuse instances of the class that an application makes.
        if kind is not MapAttribute:
            _mark_map(kind)
        return kind
    body = {"_is_personal": True, "__module__": kind.__module__, "__doc__": kind.__doc__}
    if issubclass(kind, ListAttribute) and kind.element_type is not None:
        body["element_type"] = _marked_element(kind.element_type)
    return type(kind.__name__, (kind,), body)
