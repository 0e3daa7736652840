"""Strict twins of PynamoDB's list and untyped map, and the attributes that typed maps declare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pynamodb.attributes import Attribute, ListAttribute, MapAttribute

from singletable.errors import InvalidValueError
from singletable.keys.text import plain_names
from singletable.requests.values import NESTING

__all__ = ["RawMapAttribute", "StrictListAttribute", "inner_attributes", "raw_map"]


class RawMapAttribute(MapAttribute[str, Any]):
    """PynamoDB's untyped map, which never takes a key of a dict for an argument of its constructor."""

    @classmethod
    def is_raw(cls) -> bool:
        return True

    def __set__(self, instance: Any, value: Any) -> None:
        super().__set__(instance, raw_map(plain_names(value)) if isinstance(value, Mapping) else value)

    def serialize(self, values: Any, *, null_check: bool = True) -> Any:
        try:
            return super().serialize(values, null_check=null_check)
        except RecursionError:
            raise _too_deep(self) from None


class StrictListAttribute(ListAttribute[Any]):
    """PynamoDB's list, which refuses a value that is nested too deeply instead of exhausting the stack."""

    def serialize(self, values: Any, *, null_check: bool = True) -> Any:
        try:
            return super().serialize(values, null_check=null_check)
        except RecursionError:
            raise _too_deep(self) from None


def _too_deep(attribute: Attribute[Any]) -> InvalidValueError:
    return InvalidValueError(
        f"{attribute.attr_name} is nested too deeply, or contains itself.",
        remedy=f"DynamoDB stores {NESTING} levels of maps and lists.",
        attribute=attribute.attr_name,
    )


def raw_map(values: Mapping[str, Any]) -> MapAttribute[Any, Any]:
    """Return an untyped map as an instance holds it: PynamoDB's container, not made by its constructor.

    The constructor takes keys such as `self` and `null` for its own arguments.
    """
    made = MapAttribute.__new__(MapAttribute)
    vars(made).update(attribute_kwargs={}, attribute_values=dict(values))
    return made


def inner_attributes(attribute: Attribute[Any]) -> Iterator[Attribute[Any]]:
    """Yield the attributes that typed maps declare, at any depth below an attribute.

    A typed map holds them twice: its class has one of each, and the attribute a copy with its own path.
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
