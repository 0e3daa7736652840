"""Typed maps: how they are made, stored and read without losing entries that they do not declare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

from pynamodb.attributes import (
    Attribute,
    AttributeContainer,
    DynamicMapAttribute,
    MapAttribute,
)
from pynamodb.constants import NULL
from pynamodb.expressions.operand import _Operand

from singletable.errors import InvalidValueError, UnexpectedAttributesError
from singletable.keys.text import plain_names
from singletable.models.declare.defaults import is_made_for_new, stored_default
from singletable.models.declare.storing import DECLARED, FAULTS, class_name, rewritten, store
from singletable.models.declare.strictness import METHODS, TWINS, strict_kind
from singletable.models.declare.untyped import (
    UntypedPath,
    is_map,
    read_untyped,
    store_container,
    store_entries,
    store_untyped,
)
from singletable.models.declare.value_faults import (
    HIDDEN,
    fault,
    guarded,
    is_personal,
    similar,
    stepped,
)
from singletable.requests.merging import keep_read, leave_out
from singletable.requests.types import Item

__all__ = [
    "comparable",
    "is_plain_map",
    "made_map",
    "part_of_map",
    "read_map",
    "set_defaults",
    "set_entry",
    "set_map",
    "store_map",
    "without_generated",
]

_SET = "_set"
"""The field of a map for the names of the entries with a default that were set since the map was read."""

_GENERATED = "_generated"
"""The field of a new map for the values that its class made by calling a default, such as times and IDs."""

_BLANK: ContextVar[bool] = ContextVar("blank", default=False)


@contextmanager
def without_generated() -> Iterator[None]:
    """Store maps without the values that their classes made by calling a default."""
    token = _BLANK.set(True)
    try:
        yield
    finally:
        _BLANK.reset(token)


def set_defaults(self: MapAttribute[Any, Any], _user_instantiated: bool = True) -> None:
    """Set the defaults of a typed map, and remember the generated ones; the `_set_defaults` of a strict map."""
    AttributeContainer._set_defaults(self, _user_instantiated=_user_instantiated)
    if _user_instantiated:
        made = [name for name, each in self.get_attributes().items() if is_made_for_new(each)]
        if made:
            vars(self)[_GENERATED] = {name: self.attribute_values.get(name) for name in made}


set_defaults.only_hides = True  # type: ignore[attr-defined]  # generated code only reads maps

_READ = "_read"
"""The field of a map for its entries as read; unknown and unchanged entries are written from there."""


def store_map(self: MapAttribute[Any, Any], values: Any, *, null_check: bool = True) -> Item:
    """Return a typed map's entries as they are stored; the `serialize` of a strict map.

    A dict becomes a map with the defaults of its class. Stored entries that the class does not declare are kept.
    """
    return guarded(self, _store_typed, self, values, null_check)


@store_container.register
def _store_in_untyped(value: MapAttribute, owner: object) -> Item:  # type: ignore[type-arg]  # read at run time
    """Return the stored entries of a map that is a value within an untyped map or list."""
    if type(value) is MapAttribute:
        return store_entries(owner, value.attribute_values)
    strict_kind(type(value))
    # PynamoDB's dynamic map itself is not changed: other models may use it.
    content: Item = store_map(value, value) if type(value) is DynamicMapAttribute else value.serialize(value)
    return content


def _store_typed(self: MapAttribute[Any, Any], values: Any, null_check: bool) -> Item:
    found = values if isinstance(values, type(self)) else made_map(self, values)
    strict_kind(type(found))
    declared = found.get_attributes()
    item: Item = {}
    for name, attribute in declared.items():
        value = getattr(found, name)
        if value is not None and _BLANK.get() and vars(found).get(_GENERATED, {}).get(name) is value:
            continue
        content = None if value is None else stepped(self, name, store, attribute, value, null_check=null_check)
        if content is not None:
            item[attribute.attr_name] = {attribute.attr_type: content}
        elif null_check and not attribute.null:
            raise _about(self, name, "it is missing", "Give a value, or declare the attribute with null=True.")
    if isinstance(found, DynamicMapAttribute):
        undeclared = {name: each for name, each in found.attribute_values.items() if name not in declared}
        taken = next((name for name in undeclared if name in item), None)
        if taken is not None:
            raise _about(self, taken, "a declared attribute is stored under this name", "Use another name.")
        item.update(store_entries(self, undeclared))
    read: Item | None = vars(found).get(_READ)
    if read is not None and read != item:
        known = {attribute.attr_name: attribute for attribute in declared.values()}
        if not isinstance(found, DynamicMapAttribute):
            item = {**{name: each for name, each in read.items() if name not in known}, **item}
        keep_read(item, read, [*known, *item], lambda name, stored: _again(known.get(name), stored))
        _leave_out_defaults(found, item, read)
    return item


def _leave_out_defaults(found: MapAttribute[Any, Any], item: Item, read: Item) -> None:
    """Remove from a map, in place, the defaults that were not stored in it and that were not set since."""
    if type(found).__setattr__ is not set_entry:
        # The class does not record the entries that were set.
        return
    was_set = vars(found).get(_SET, ())
    untouched = {
        attribute.attr_name: attribute
        for name, attribute in found.get_attributes().items()
        if attribute.default is not None and name not in was_set
    }
    leave_out(item, read, untouched, lambda name: stored_default(untouched[name], partial(store, untouched[name])))


def _again(attribute: Attribute[Any] | None, stored: dict[str, Any]) -> dict[str, Any] | None:
    return store_untyped(None, read_untyped(stored)) if attribute is None else rewritten(attribute, stored)


def made_map(self: MapAttribute[Any, Any], values: Any) -> MapAttribute[Any, Any]:
    """Return a map of an attribute's class with the given entries, by Python name, and defaults for the others."""
    kind: Any = type(self)
    if not is_map(values) or (isinstance(values, MapAttribute) and type(values) not in (MapAttribute, _base_of(kind))):
        raise fault(
            self, values, f"expected {kind.__name__} or a dict, got {type(values).__name__}", f"Give a {kind.__name__}."
        )
    entries = plain_names(values) if isinstance(values, Mapping) else values.attribute_values
    made: MapAttribute[Any, Any] = kind()
    declared = kind.get_attributes()
    for name, value in entries.items():
        if name in declared:
            stepped(self, name, _set_entry, self, made, name, value)
        elif isinstance(made, DynamicMapAttribute):
            made.attribute_values[name] = value
        else:
            raise _about(
                self, name, f"{kind.__name__} does not declare it", f"It has: {', '.join(declared) or 'nothing'}."
            )
    return made


def _base_of(kind: type[Any]) -> type[Any] | None:
    return DynamicMapAttribute if kind is _StrictDynamicMap else None


def part_of_map(self: MapAttribute[Any, Any], item: Any) -> Any:
    """Return an entry, or the path to one; the `__getitem__` of a strict map."""
    declared = self.get_attributes()
    untyped = isinstance(self, DynamicMapAttribute) and item not in declared
    if untyped and not self._is_attribute_container():  # type: ignore[no-untyped-call]  # PynamoDB's
        return UntypedPath.below(self, item)
    return MapAttribute.__getitem__(self, item)


def _set_entry(self: MapAttribute[Any, Any], made: MapAttribute[Any, Any], name: str, value: Any) -> None:
    try:
        setattr(made, name, value)
        return
    except InvalidValueError:
        raise
    except FAULTS as error:
        kind = type(error).__name__
    attribute = made.get_attributes()[name]
    raise fault(
        self, value, f"{class_name(attribute)} does not take a {type(value).__name__} ({kind})", "Give another value."
    )


def _about(self: MapAttribute[Any, Any], name: str, reason: str, remedy: str) -> InvalidValueError:
    """Return the error for a name within a map, without a value."""
    error = fault(self, None, reason, remedy)
    error.shown, error.path = "", (HIDDEN if is_personal(self) else name,)
    return error


def set_map(self: MapAttribute[Any, Any], instance: Any, value: Any) -> None:
    """Set a typed map, which may be given as a dict; the `__set__` of a strict map."""
    Attribute.__set__(self, instance, guarded(self, made_map, self, value) if isinstance(value, Mapping) else value)


def read_map(self: MapAttribute[Any, Any], content: Item) -> MapAttribute[Any, Any]:
    """Return a typed map with stored entries; the `deserialize` of a strict map."""
    kind: Any = type(self)
    found = kind._get_discriminator_class(content) or kind
    if not issubclass(found, kind):
        raise ValueError(f"it is a {found.__name__}, not a {kind.__name__}")
    made: MapAttribute[Any, Any] = found(_user_instantiated=False)
    vars(made)["attribute_values"] = {}
    made._set_discriminator()
    made._set_defaults(_user_instantiated=False)
    strict_kind(found)
    declared = found.get_attributes()
    for name, attribute in declared.items():
        stored = content.get(attribute.attr_name)
        if stored and NULL not in stored:
            setattr(made, name, attribute.deserialize(attribute.get_value(stored)))
    if isinstance(made, DynamicMapAttribute):
        known = {attribute.attr_name for attribute in declared.values()}
        made.attribute_values.update({name: read_untyped(each) for name, each in content.items() if name not in known})
    vars(made)[_READ] = content
    vars(made).pop(_SET, None)
    return made


def comparable(value: Any) -> Any:
    """Return a value in a form that compares by content: a PynamoDB map is equal only to itself."""
    if isinstance(value, MapAttribute):
        return type(value), {name: comparable(each) for name, each in value.attribute_values.items()}
    if isinstance(value, Mapping):
        return {name: comparable(each) for name, each in value.items()}
    return [comparable(each) for each in value] if isinstance(value, (list, tuple)) else value


_MADE_BY = ("__init__", "__new__", "__setattr__", "_instantiate", "_set_attributes", "_set_defaults", "is_raw")


def is_plain_map(kind: type[MapAttribute[Any, Any]]) -> bool:
    """Return whether a typed map is made as PynamoDB does, holds only declared entries, and cannot be of a subclass."""
    own = (vars(each).items() for each in kind.__mro__[: kind.__mro__.index(MapAttribute)])
    made = {name for members in own for name, member in members if not getattr(member, "only_hides", False)}
    return not (getattr(kind, "_discriminator", None) or made.intersection(_MADE_BY))


class _StrictDynamicMap(DynamicMapAttribute):
    """PynamoDB's dynamic map, which stores exactly its entries."""


def _map_operator(name: str) -> Any:
    """Return an operator of typed maps that takes a map as a value, never as an already stored value."""

    def operator(self: MapAttribute[Any, Any], *values: Any) -> Any:
        if self._is_attribute_container():  # type: ignore[no-untyped-call]  # PynamoDB's
            # Two maps that hold entries are compared by identity, as in PynamoDB.
            return NotImplemented
        return getattr(Attribute, name)(self, *(_map_operand(self, each) for each in values))

    operator.__name__ = name
    return operator


def _map_operand(self: MapAttribute[Any, Any], value: Any) -> Any:
    if value is None or isinstance(value, _Operand) or (isinstance(value, Attribute) and not is_map(value)):
        return value
    return {"M": store_map(self, value)}


def set_entry(self: MapAttribute[Any, Any], name: str, value: Any) -> None:
    """Set an entry of a typed map; the `__setattr__` of a strict map. It refuses names that are not declared."""
    declared = self.get_attributes()
    if not self._is_attribute_container() or name.startswith("_") or name in vars(self) or name == "attribute_values":  # type: ignore[no-untyped-call]  # PynamoDB's
        object.__setattr__(self, name, value)
    elif name in declared:
        object.__setattr__(self, name, value)
        if declared[name].default is not None:
            vars(self)[_SET] = vars(self).get(_SET, frozenset()) | {name}
    elif hasattr(type(self), name):
        object.__setattr__(self, name, value)
    else:
        personal = is_personal(self)
        raise UnexpectedAttributesError(
            f"{type(self).__name__} has no attribute {HIDDEN if personal else repr(name)}.",
            remedy=("" if personal else similar(name, declared)) or f"It has: {', '.join(declared) or 'nothing'}.",
            unexpected=(HIDDEN if personal else name,),
        )


set_entry.only_hides = True  # type: ignore[attr-defined]  # generated code sets the entries by itself


DECLARED[_StrictDynamicMap] = DynamicMapAttribute
TWINS[DynamicMapAttribute] = _StrictDynamicMap
METHODS.update(
    {
        "serialize": ((MapAttribute.serialize, DynamicMapAttribute.serialize), store_map),
        "deserialize": ((MapAttribute.deserialize, DynamicMapAttribute.deserialize), read_map),
        "__set__": ((MapAttribute.__set__,), set_map),
        "__setattr__": ((MapAttribute.__setattr__,), set_entry),
        "_set_defaults": ((MapAttribute._set_defaults,), set_defaults),
        "__getitem__": ((MapAttribute.__getitem__,), part_of_map),
        **{
            name: ((getattr(MapAttribute, name),), _map_operator(name)) for name in ("__eq__", "__ne__", "is_in", "set")
        },
    }
)
strict_kind(_StrictDynamicMap)
