"""Lists and untyped maps whose elements and entries are stored exactly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pynamodb.attributes import (
    Attribute,
    BinaryAttribute,
    BinarySetAttribute,
    ListAttribute,
    MapAttribute,
)
from pynamodb.constants import NULL
from pynamodb.expressions.operand import _Operand

from singletable.keys.text import plain_names
from singletable.models.declare.contents import refused
from singletable.models.declare.operators import ConvertedOperands, typed
from singletable.models.declare.storing import DECLARED, store
from singletable.models.declare.strictness import TWINS, strict
from singletable.models.declare.typed_maps import made_map
from singletable.models.declare.untyped import (
    UntypedPath,
    check_step,
    is_map,
    raw_map,
    read_untyped,
    store_entries,
    store_untyped,
)
from singletable.models.declare.value_faults import (
    fault,
    guarded,
    is_personal,
    mark,
    place_below,
    stepped,
)
from singletable.requests.types import Item

__all__ = ["RawMapAttribute", "StrictListAttribute", "element_of"]


class RawMapAttribute(ConvertedOperands, MapAttribute[str, Any]):
    """PynamoDB's untyped map, which never treats a key of a dict as an argument of its constructor."""

    @classmethod
    def is_raw(cls) -> bool:
        return True

    def __set__(self, instance: Any, value: Any) -> None:
        super().__set__(instance, raw_map(plain_names(value)) if isinstance(value, Mapping) else value)

    def __getitem__(self, item: Any) -> Any:
        if self._is_attribute_container():  # type: ignore[no-untyped-call]  # PynamoDB's
            return super().__getitem__(item)
        return UntypedPath.below(self, str(item))

    def serialize(self, values: Any, *, null_check: bool = True) -> Any:
        return guarded(self, self._store, values)

    def _store(self, values: Any) -> Item:
        if not is_map(values):
            raise fault(self, values, f"expected a map, got {type(values).__name__}", "Give a dict.")
        if isinstance(values, Mapping):
            return store_entries(self, values)
        content: Item = store_untyped(self, values)["M"]
        return content

    def deserialize(self, values: Any) -> Any:
        return {name: read_untyped(each) for name, each in values.items()}

    def _operand(self, value: Any) -> Any:
        return {"M": self.serialize(value)} if is_map(value) else value


class StrictListAttribute(ListAttribute[Any]):
    """PynamoDB's list, which accepts only lists, and whose errors name the position."""

    def serialize(self, values: Any, *, null_check: bool = True) -> Any:
        return guarded(self, self._store, values, null_check=null_check)

    def _store(self, values: Any, *, null_check: bool) -> list[dict[str, Any]]:
        if not isinstance(values, (list, tuple)):
            raise fault(self, values, f"expected list, got {type(values).__name__}", "Give a list.")
        if isinstance(values, list):
            for position, each in enumerate(values):
                # A dict that was added to the list becomes a map once, so that it gets its defaults once.
                if isinstance(each, Mapping) and self._holds_typed_maps():
                    values[position] = self._element(each, position)
        return [
            stepped(self, position, self._store_element, each, null_check=null_check)
            for position, each in enumerate(values)
        ]

    def _holds_typed_maps(self) -> bool:
        kind = self.element_type
        return kind is not None and issubclass(kind, MapAttribute) and kind is not MapAttribute

    def _store_element(self, value: Any, *, null_check: bool) -> dict[str, Any]:
        kind = self.element_type
        if value is None:
            return {NULL: True}
        if kind is None:
            return store_untyped(self, value)
        if isinstance(value, Attribute) and not isinstance(value, kind):
            wanted = kind.__name__
            raise fault(self, value, f"expected {wanted}, got {type(value).__name__}", f"Give a {wanted}.")
        # An instance of a subclass is stored in its own way.
        element = value if isinstance(value, MapAttribute) and type(value) is not kind else element_of(kind)
        content = store(element, value, null_check=null_check)
        # PynamoDB's form of an empty set within a list, where the element cannot be left out.
        return {NULL: True} if content is None else {element.attr_type: content}

    def deserialize(self, values: Any) -> Any:
        if self.element_type is None:
            return [read_untyped(each) for each in values]
        element = element_of(self.element_type)
        if isinstance(element, MapAttribute):
            element._make_attribute()  # type: ignore[no-untyped-call]  # PynamoDB's
        found = []
        for position, each in enumerate(values):
            # The element's name contains the position, as in PynamoDB.
            element.attr_name = f"{self.attr_name or ''}[{position}]"
            found.append(None if NULL in each else element.deserialize(element.get_value(each)))
        return found

    def __getitem__(self, position: int) -> Any:  # type: ignore[override]  # as PynamoDB's
        check_step(position, in_list=True)
        if self.element_type is None:
            return UntypedPath.below(self, position)
        element = element_of(self.element_type)
        if isinstance(element, MapAttribute):
            element._make_attribute()  # type: ignore[no-untyped-call]  # PynamoDB's
        element.attr_path = [*self.attr_path[:-1], f"{self.attr_path[-1]}[{position}]"]
        if isinstance(element, MapAttribute):
            for segment in reversed(element.attr_path):
                element._update_attribute_paths(segment)  # type: ignore[no-untyped-call]  # PynamoDB's
            strict(element)
        if is_personal(self):
            mark(element)
        place_below(self, element, position)
        return element

    def __set__(self, instance: Any, value: Any) -> None:
        if isinstance(value, list) and self._holds_typed_maps():
            # A dict becomes a map once, so that it gets its defaults once.
            value = [guarded(self, self._element, each, position) for position, each in enumerate(value)]
        super().__set__(instance, value)

    def _element(self, value: Any, position: int) -> Any:
        if not isinstance(value, Mapping) or self.element_type is None:
            return value
        return stepped(self, position, made_map, element_of(self.element_type), value)

    def __eq__(self, other: Any) -> Any:
        return Attribute.__eq__(self, self._whole(other))

    def __ne__(self, other: Any) -> Any:
        return Attribute.__ne__(self, self._whole(other))

    def is_in(self, *values: Any) -> Any:
        return Attribute.is_in(self, *map(self._whole, values))

    def contains(self, value: Any) -> Any:
        return Attribute.contains(self, self._operand(value))

    def append(self, other: Any) -> Any:
        return super().append(self._list(other))

    def prepend(self, other: Any) -> Any:
        return super().prepend(self._list(other))

    def _list(self, value: Any) -> Any:
        """Return the operand of append and prepend: a list, or another operand."""
        if isinstance(value, (list, _Operand, Attribute)) and not is_map(value):
            return value
        raise refused(self, value, f"expected list, got {type(value).__name__}", "Give a list.")

    def _operand(self, value: Any) -> Any:
        if self.element_type is not None or not is_map(value):
            return value
        return guarded(self, store_untyped, self, value)

    def _whole(self, value: Any) -> Any:
        """Return the operand of a comparison with the whole list."""
        if value is None or isinstance(value, (_Operand, Attribute)):
            return value
        return {"L": self.serialize(value)}

    def __or__(self, other: Any) -> Any:
        return typed(super().__or__(other), lambda value: {"L": self.serialize(value)})


def element_of(kind: type[Attribute[Any]]) -> Attribute[Any]:
    """Return a new attribute of the class of a list's elements, made strict."""
    element = kind(legacy_encoding=False) if issubclass(kind, (BinaryAttribute, BinarySetAttribute)) else kind()
    strict(element)
    return element


DECLARED.update({StrictListAttribute: ListAttribute, RawMapAttribute: MapAttribute})
TWINS.update({ListAttribute: StrictListAttribute, MapAttribute: RawMapAttribute})
