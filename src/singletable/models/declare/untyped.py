"""Values without a declared type, in untyped maps and lists: how they are stored and read, and paths to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from decimal import Decimal
from functools import singledispatch
from typing import Any

from pynamodb.attributes import Attribute, MapAttribute
from pynamodb.constants import NULL
from pynamodb.expressions.operand import Value

from singletable.errors import InvalidRequestError, InvalidValueError
from singletable.models.declare.contents import number_content, utf8
from singletable.models.declare.value_faults import fault, hidden, is_personal, located, settled, stepped
from singletable.requests.expressions import ItemPath, path_steps
from singletable.requests.stored_values import number_value
from singletable.requests.types import Item

__all__ = [
    "UntypedPath",
    "is_map",
    "raw_map",
    "read_untyped",
    "read_untyped_map",
    "store_container",
    "store_entries",
    "store_untyped",
]

_NUMBERS = (int, float, Decimal)
_BYTES = (bytes, bytearray)


def is_map(value: Any) -> bool:
    """Return whether a value is a dict, or a PynamoDB map that holds entries."""
    return isinstance(value, Mapping) or (isinstance(value, MapAttribute) and value._is_attribute_container())  # type: ignore[no-untyped-call]  # PynamoDB's


def store_untyped(owner: object, value: Any) -> dict[str, Any]:
    """Return a value as it is stored, with its type.

    Args:
        owner: The attribute or map that holds the value; if it is marked as personal, an error hides the value.
        value: The value.

    Raises:
        InvalidValueError: DynamoDB has no type for the value; `path` is the place within it.
    """
    if value is None:
        return {NULL: True}
    if isinstance(value, str):
        return {"S": utf8(value, owner)}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, _NUMBERS):
        return {"N": number_content(value, owner)}
    if isinstance(value, _BYTES):
        return {"B": value}
    if isinstance(value, MapAttribute):
        return {"M": store_container(value, owner)}
    if isinstance(value, Mapping):
        return {"M": store_entries(owner, value)}
    if isinstance(value, (list, tuple)):
        return {
            "L": [stepped(owner, position, store_untyped, owner, each) for position, each in enumerate(value)],
        }
    if isinstance(value, AbstractSet):
        return _store_set(owner, value)
    raise fault(
        owner,
        value,
        f"DynamoDB has no type for a {type(value).__name__}",
        "Give a text, a number, a bool, bytes, None, or a map, list or set of them. Store a datetime as text.",
    )


@singledispatch
def store_container(value: object, owner: object) -> Item:
    """Return the entries of a PynamoDB map as they are stored; other modules register their map classes here."""
    raise NotImplementedError(type(value).__name__)


def store_entries(owner: object, entries: Mapping[Any, Any]) -> Item:
    """Return the entries of an untyped map as they are stored.

    Raises:
        InvalidValueError: A name is not a text, or DynamoDB has no type for a value.
    """
    stored = {}
    for name, value in entries.items():
        if not isinstance(name, str):
            error = fault(
                owner, None, f"a name within a map is a {type(name).__name__}", "Names within maps are texts."
            )
            error.shown = ""
            raise located(error)
        stored[str.__str__(name)] = stepped(owner, name, store_untyped, owner, value)
    return stored


def _store_set(owner: object, value: AbstractSet[Any]) -> dict[str, Any]:
    if value and all(isinstance(each, str) for each in value):
        return {"SS": [utf8(each, owner) for each in value]}
    if value and all(isinstance(each, _BYTES) for each in value):
        return {"BS": list(value)}
    if value and all(isinstance(each, _NUMBERS) and not isinstance(each, bool) for each in value):
        return {"NS": [number_content(each, owner) for each in value]}
    kinds = ", ".join(sorted({type(each).__name__ for each in value}))
    raise fault(
        owner,
        value,
        f"DynamoDB has no type for a set of {kinds}" if value else "DynamoDB does not store empty sets",
        "Give a set of texts, of numbers or of bytes, or None.",
    )


def read_untyped(value: dict[str, Any]) -> Any:
    """Return the Python value of a stored value; every number is exact."""
    ((kind, content),) = value.items()
    return content if kind == "S" else _READ[kind](content)


_READ: dict[str, Callable[[Any], Any]] = {
    "S": lambda content: content,
    "N": number_value,
    "B": lambda content: content,
    "BOOL": bool,
    NULL: lambda content: None,
    "SS": set,
    "NS": lambda content: set(map(number_value, content)),
    "BS": set,
    "L": lambda content: [read_untyped(each) for each in content],
    "M": lambda content: {name: read_untyped(each) for name, each in content.items()},
}


def read_untyped_map(content: dict[str, Any]) -> MapAttribute[Any, Any]:
    """Return a stored map as a container of values, as an instance holds it."""
    return raw_map({name: read_untyped(each) for name, each in content.items()})


def raw_map(values: Mapping[str, Any]) -> MapAttribute[Any, Any]:
    """Return an untyped map as an instance holds it: PynamoDB's container, made without its constructor.

    The constructor treats keys such as `self` and `null` as its own arguments.
    """
    made = MapAttribute.__new__(MapAttribute)
    vars(made).update(attribute_kwargs={}, attribute_values=dict(values))
    return made


def check_step(step: Any, *, in_list: bool = False) -> None:
    """Refuse a step that is neither a position in a list nor a name within a map.

    Raises:
        InvalidRequestError: The step is negative, empty, or of another type.
    """
    if isinstance(step, int) and not isinstance(step, bool):
        if step >= 0:
            return
    elif isinstance(step, str) and step and not in_list:
        return
    raise InvalidRequestError(
        f"{step!r} is not a position in a list" + ("." if in_list else ", nor a name within a map."),
        remedy="Positions are whole numbers from 0" + ("." if in_list else ", names are texts that are not empty."),
    )


class UntypedPath(ItemPath):
    """A path within an untyped map or list; its operands are stored like the values there."""

    owner: Attribute[Any]
    """The attribute from which the path was made."""

    @classmethod
    def below(cls, owner: Attribute[Any], step: str | int) -> UntypedPath:
        """Return the path to a part of an attribute."""
        check_step(step)
        made = cls(*path_steps(owner.attr_path), step)
        made.owner = owner
        return made

    def __getitem__(self, item: int | str) -> UntypedPath:
        check_step(item)
        inside = type(self)(*self.steps, item)
        inside.owner = self.owner
        return inside

    def _checked(self, name: str, *values: Any) -> Any:
        """Apply one of PynamoDB's operators; an error names the attribute and shows the value."""
        try:
            return getattr(super(), name)(*values)
        except InvalidValueError:
            raise
        except (TypeError, ValueError):
            pass
        reason = f"a value of this type has no {name.strip('_')}"
        error = fault(self.owner, values[0] if values else None, reason, "Give another value.")
        raise self._located(error)

    def add(self, *values: Any) -> Any:
        return self._checked("add", *values)

    def delete(self, *values: Any) -> Any:
        return self._checked("delete", *values)

    def append(self, other: Any) -> Any:
        return self._checked("append", other)

    def prepend(self, other: Any) -> Any:
        return self._checked("prepend", other)

    def startswith(self, prefix: str) -> Any:
        return self._checked("startswith", prefix)

    def __add__(self, other: Any) -> Any:
        return self._checked("__add__", other)

    def __sub__(self, other: Any) -> Any:
        return self._checked("__sub__", other)

    def __or__(self, other: Any) -> Any:
        made = super().__or__(other)  # type: ignore[no-untyped-call]  # PynamoDB's
        made._to_value = self._to_value
        return made

    def _to_value(self, value: Any) -> Value:
        try:
            return Value(store_untyped(self.owner, value))
        except InvalidValueError as error:
            self._located(error)
            raise

    def _located(self, error: InvalidValueError) -> InvalidValueError:
        inside = self.steps[len(path_steps(self.owner.attr_path)) :]
        error.path = (*(hidden(inside) if is_personal(self.owner) else inside), *error.path)
        return settled(self.owner, error)
