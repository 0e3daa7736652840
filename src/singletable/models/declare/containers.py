"""Strict maps and lists: they store and read values exactly, at any depth.

PynamoDB's own classes round numbers to floats, take a naive datetime for UTC and a text for a list of letters, drop
entries that a typed map does not declare, and do not name the part of a value that was refused. `StrictListAttribute`
and `RawMapAttribute` replace its list and its untyped map. A typed map is a class of the user's: `strict` gives it the
functions `store_map`, `read_map` and `set_map`, unless it has its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

from pynamodb.attributes import (
    Attribute,
    AttributeContainer,
    BinaryAttribute,
    BinarySetAttribute,
    DynamicMapAttribute,
    ListAttribute,
    MapAttribute,
)
from pynamodb.constants import NULL
from pynamodb.expressions.operand import _Operand

from singletable.errors import InvalidValueError, UnexpectedAttributesError
from singletable.keys.text import plain_names
from singletable.models.declare.attributes import SCALAR_TWINS, refused, taking_maps, typed
from singletable.models.declare.defaults import is_made_for_new, stored_default
from singletable.models.declare.faults import (
    HIDDEN,
    Steps,
    fault,
    guarded,
    is_personal,
    mark,
    place_below,
    similar,
    stepped,
)
from singletable.models.declare.untyped import (
    UntypedPath,
    check_step,
    is_map,
    raw_map,
    read_untyped,
    store_container,
    store_entries,
    store_untyped,
)
from singletable.requests.merging import keep_read, leave_out
from singletable.requests.types import Item

__all__ = [
    "FAULTS",
    "RawMapAttribute",
    "StrictListAttribute",
    "class_name",
    "comparable",
    "element_of",
    "inner_attributes",
    "is_plain_map",
    "not_storable",
    "python_steps",
    "read_map",
    "rewritten",
    "serialized",
    "set_map",
    "store_map",
    "strict",
    "strict_kind",
    "without_generated",
]

FAULTS = (ArithmeticError, AttributeError, KeyError, RecursionError, TypeError, ValueError)
"""The errors that PynamoDB raises for a value that an attribute cannot store or read."""

# --- lists and untyped maps -------------------------------------------------------------


class RawMapAttribute(MapAttribute[str, Any]):
    """PynamoDB's untyped map, which never takes a key of a dict for an argument of its constructor."""

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
    """PynamoDB's list, which takes lists alone, and whose errors name the position."""

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
        # PynamoDB's form of an empty set within a list, which cannot leave it out.
        return {NULL: True} if content is None else {element.attr_type: content}

    def deserialize(self, values: Any) -> Any:
        if self.element_type is None:
            return [read_untyped(each) for each in values]
        element = element_of(self.element_type)
        if isinstance(element, MapAttribute):
            element._make_attribute()  # type: ignore[no-untyped-call]  # PynamoDB's
        found = []
        for position, each in enumerate(values):
            # The element's name has the position, as in PynamoDB.
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

    def append(self, other: Any) -> Any:
        return super().append(self._list(other))

    def prepend(self, other: Any) -> Any:
        return super().prepend(self._list(other))

    def _list(self, value: Any) -> Any:
        """Return an operand of append and prepend: a list, or another operand."""
        if isinstance(value, (list, _Operand, Attribute)) and not is_map(value):
            return value
        raise refused(self, value, f"expected list, got {type(value).__name__}", "Give a list.")

    def _operand(self, value: Any) -> Any:
        if self.element_type is not None or not is_map(value):
            return value
        return guarded(self, store_untyped, self, value)

    def _whole(self, value: Any) -> Any:
        """Return an operand of comparisons of the whole list."""
        if value is None or isinstance(value, (_Operand, Attribute)):
            return value
        return {"L": self.serialize(value)}

    def __or__(self, other: Any) -> Any:
        return typed(super().__or__(other), lambda value: {"L": self.serialize(value)})


taking_maps(RawMapAttribute, "__eq__", "__ne__", "is_in", "set")
taking_maps(StrictListAttribute, "contains")
taking_maps(StrictListAttribute, "__eq__", "__ne__", "is_in", by="_whole")


def element_of(kind: type[Attribute[Any]]) -> Attribute[Any]:
    """Return a new attribute of the class of a list's elements, made strict."""
    element = kind(legacy_encoding=False) if issubclass(kind, (BinaryAttribute, BinarySetAttribute)) else kind()
    strict(element)
    return element


def store(attribute: Attribute[Any], value: Any, *, null_check: bool = True) -> Any:
    """Return the value of an attribute within a map or a list as it is stored, without its type.

    Raises:
        InvalidValueError: It cannot be stored; `path` is the place within the value.
    """
    try:
        return serialized(attribute, value, null_check=null_check)
    except (InvalidValueError, RecursionError):
        raise
    except FAULTS as error:
        found = not_storable(attribute, value, error)
    # Raised outside the handler: the error above may quote the value.
    raise found


def serialized(attribute: Attribute[Any], value: Any, *, null_check: bool) -> Any:
    """Return a value as its attribute serializes it; only maps and lists can leave out the check for None."""
    if isinstance(attribute, (ListAttribute, MapAttribute)):
        return attribute.serialize(value, null_check=null_check)
    return attribute.serialize(value)


def not_storable(attribute: Attribute[Any], value: Any, error: Exception) -> InvalidValueError:
    """Return the error for a value of which an attribute's class raised another one."""
    reason = f"{class_name(attribute)} cannot store a {type(value).__name__} ({type(error).__name__})"
    return fault(attribute, value, reason, "Give a value of its type.")


# --- typed maps -------------------------------------------------------------------------

_SET = "_set"
"""The field in which a map keeps the names of the entries with a default that were set since it was read."""

_GENERATED = "_generated"
"""The field in which a new map keeps the values that its class made by calling a default: times, ids."""

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


set_defaults.only_hides = True  # type: ignore[attr-defined]  # generated code reads, and makes nothing

_READ = "_read"
"""The field in which a map keeps its entries as they were read: unknown and unchanged ones are written from there."""


def store_map(self: MapAttribute[Any, Any], values: Any, *, null_check: bool = True) -> Item:
    """Return a typed map's entries as they are stored; the `serialize` of a strict map.

    A dict becomes a map with the defaults of its class. Stored entries that the class does not declare are kept.
    """
    return guarded(self, _store_typed, self, values, null_check)


@store_container.register
def _store_in_untyped(value: MapAttribute, owner: object) -> Item:  # type: ignore[type-arg]  # read at run time
    """Return the entries of a map that is a value within an untyped map or list."""
    if type(value) is MapAttribute:
        return store_entries(owner, value.attribute_values)
    strict_kind(type(value))
    # PynamoDB's dynamic map itself is left alone: it may be used by other models.
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
    """Take, in place, defaults out of a map that were not stored in it, and that nobody has set."""
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


def rewritten(attribute: Attribute[Any], stored: dict[str, Any]) -> dict[str, Any] | None:
    """Return a stored value after it was read and written by its attribute; None if the attribute writes no value."""
    if NULL in stored and attribute.attr_type != NULL:
        return None
    value = attribute.deserialize(attribute.get_value(stored))
    content = None if value is None else attribute.serialize(value)
    return None if content is None else {attribute.attr_type: content}


def made_map(self: MapAttribute[Any, Any], values: Any) -> MapAttribute[Any, Any]:
    """Return a map of an attribute's class with entries, by Python name, and its defaults for the others."""
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
    """Return the error about a name within a map; it shows no value."""
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
    """Return a value of an attribute so that equal values are equal: PynamoDB's maps are equal only to themselves."""
    if isinstance(value, MapAttribute):
        return type(value), {name: comparable(each) for name, each in value.attribute_values.items()}
    if isinstance(value, Mapping):
        return {name: comparable(each) for name, each in value.items()}
    return [comparable(each) for each in value] if isinstance(value, (list, tuple)) else value


_MADE_BY = ("__init__", "__new__", "__setattr__", "_instantiate", "_set_attributes", "_set_defaults", "is_raw")


def is_plain_map(kind: type[MapAttribute[Any, Any]]) -> bool:
    """Whether a typed map is made as PynamoDB makes it, holds declared entries alone, and may not be of a subclass."""
    own = (vars(each).items() for each in kind.__mro__[: kind.__mro__.index(MapAttribute)])
    made = {name for members in own for name, member in members if not getattr(member, "only_hides", False)}
    return not (getattr(kind, "_discriminator", None) or made.intersection(_MADE_BY))


# --- making attributes strict -----------------------------------------------------------


class _StrictDynamicMap(DynamicMapAttribute):
    """PynamoDB's dynamic map, which stores exactly its entries."""


def _map_operator(name: str) -> Any:
    """Return an operator of typed maps that takes a map as a value, and never as one that is stored already."""

    def operator(self: MapAttribute[Any, Any], *values: Any) -> Any:
        if self._is_attribute_container():  # type: ignore[no-untyped-call]  # PynamoDB's
            # Two maps that hold entries are compared by identity, as PynamoDB does.
            return NotImplemented
        return getattr(Attribute, name)(self, *(_map_operand(self, each) for each in values))

    operator.__name__ = name
    return operator


def _map_operand(self: MapAttribute[Any, Any], value: Any) -> Any:
    if value is None or isinstance(value, _Operand) or (isinstance(value, Attribute) and not is_map(value)):
        return value
    return {"M": store_map(self, value)}


def set_entry(self: MapAttribute[Any, Any], name: str, value: Any) -> None:
    """Set an entry of a typed map; the `__setattr__` of a strict map, which refuses a name that it does not declare."""
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


set_entry.only_hides = True  # type: ignore[attr-defined]  # generated code sets what it read by itself

_TWINS: dict[type[Attribute[Any]], type[Attribute[Any]]] = {
    **SCALAR_TWINS,
    DynamicMapAttribute: _StrictDynamicMap,
    ListAttribute: StrictListAttribute,
    MapAttribute: RawMapAttribute,
}
_DECLARED: dict[type, type] = {twin: known for known, twin in _TWINS.items()}
_UNTYPED = (MapAttribute, DynamicMapAttribute, RawMapAttribute)
_METHODS: dict[str, tuple[tuple[Any, ...], Any]] = {
    "serialize": ((MapAttribute.serialize, DynamicMapAttribute.serialize), store_map),
    "deserialize": ((MapAttribute.deserialize, DynamicMapAttribute.deserialize), read_map),
    "__set__": ((MapAttribute.__set__,), set_map),
    "__setattr__": ((MapAttribute.__setattr__,), set_entry),
    "_set_defaults": ((MapAttribute._set_defaults,), set_defaults),
    "__getitem__": ((MapAttribute.__getitem__,), part_of_map),
    **{name: ((getattr(MapAttribute, name),), _map_operator(name)) for name in ("__eq__", "__ne__", "is_in", "set")},
}


def strict(attribute: Attribute[Any]) -> None:
    """Make an attribute of PynamoDB's, and the attributes of the map classes in it, strict, in place.

    A subclass of PynamoDB's classes keeps its own methods. A map class is changed for all models that use it.
    """
    _make_strict(attribute)
    if isinstance(attribute, (ListAttribute, MapAttribute)):
        for each in list(inner_attributes(attribute)):
            _make_strict(each)


def strict_kind(kind: type[MapAttribute[Any, Any]]) -> None:
    """Make a class of maps strict, with all that it declares; it may be a subclass that is younger than the entity."""
    if "_is_strict" in vars(kind):
        return
    _make_kind_strict(kind)
    for each in list(inner_attributes(kind)):
        _make_strict(each)


def _make_strict(attribute: Attribute[Any]) -> None:
    twin = _twin_of(type(attribute))
    if twin is not None:
        # A map has a `__setattr__` of its own.
        object.__setattr__(attribute, "__class__", twin)
    kind = attribute.element_type if isinstance(attribute, ListAttribute) else type(attribute)
    if kind is not None and issubclass(kind, MapAttribute):
        _make_kind_strict(kind)


def _make_kind_strict(kind: type[MapAttribute[Any, Any]]) -> None:
    if kind in _UNTYPED or "_is_strict" in vars(kind):
        return
    kind._is_strict = True  # type: ignore[attr-defined]  # remembers it
    for name, (pynamodbs, ours) in _METHODS.items():
        if getattr(kind, name) in pynamodbs and not (name == "__setattr__" and _takes_any_name(kind)):
            setattr(kind, name, ours)


def _takes_any_name(kind: type[MapAttribute[Any, Any]]) -> bool:
    """Whether instances of a map class may have fields that it does not declare."""
    return issubclass(kind, DynamicMapAttribute) or kind.__init__ is not MapAttribute.__init__


def _twin_of(kind: type[Attribute[Any]]) -> type[Attribute[Any]] | None:
    """Return the strict class that takes the place of a class; None if the class stores values in its own way."""
    if kind in _TWINS:
        return _TWINS[kind]
    if issubclass(kind, MapAttribute):
        return None
    known = next((each for each in kind.__mro__ if each in _TWINS), None)
    if known is None or issubclass(kind, _TWINS[known]):
        return None
    own = any(getattr(kind, name) is not getattr(known, name) for name in ("serialize", "deserialize", "get_value"))
    if own:
        return None
    if "_strict_twin" not in vars(kind):
        # A subclass that stores values as its parent does. Its own methods come first.
        body = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__}
        kind._strict_twin = type(kind.__name__, (kind, _TWINS[known]), body)  # type: ignore[attr-defined]  # is kept
    twin: type[Attribute[Any]] = vars(kind)["_strict_twin"]
    return twin


_make_kind_strict(_StrictDynamicMap)


def class_name(attribute: Attribute[Any]) -> str:
    """Return the name of the class that an attribute was declared with, not of its strict twin."""
    return _DECLARED.get(type(attribute), type(attribute)).__name__


def python_steps(attribute: Attribute[Any] | type[Attribute[Any]] | None, steps: Iterable[str | int]) -> Steps:
    """Return a place below an attribute with the Python names of declared entries, from their stored names."""
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
            if isinstance(outer, type) and outer not in _UNTYPED:
                left += outer.__subclasses__()
