"""Conversion of instances to JSON-serializable dicts, and back: `to_dynamodb_dict()`, `to_simple_dict()`.

Both directions are exact, or raise an error. PynamoDB's own methods encode binary values in place, which would change
the item with which an instance was read. They also round numbers to floats, and drop attributes that the model does not
declare.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from pynamodb.attributes import Attribute, AttributeContainer, ListAttribute
from pynamodb.constants import ATTRIBUTE_TYPES, BINARY_SET, NUMBER_SET, STRING_SET

from singletable.errors import InvalidValueError
from singletable.keys.text import plain
from singletable.models.items.partial import refuse_partial
from singletable.models.schema.table_schema import table_schema
from singletable.requests.stored_values import NESTING, check_item, number_fault, number_text, number_value
from singletable.requests.types import Item

if TYPE_CHECKING:
    from singletable.models.items.item import StoredItem

__all__ = ["as_dynamodb", "as_simple", "copied", "fill", "from_dynamodb", "from_simple"]

_SETS = (STRING_SET, NUMBER_SET, BINARY_SET)
_EXACT = "Use to_dynamodb_dict(), which holds every value exactly."
_TYPED = 'Write a type and its content, such as {"S": "text"}; for an item of boto3\'s client, use from_raw_data().'

Declared = Attribute[Any] | type | None
"""The attribute or the class of attributes that declares a value; None for a value that no model declares."""


class _InexactValueError(Exception):
    """The error for a value that has no exact form after the conversion."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.reason, self.remedy = reason, remedy


# --- out of an instance -------------------------------------------------------------------


def as_dynamodb(entity: StoredItem) -> Item:
    """Return an instance as DynamoDB's JSON, with base64 text for binary values."""
    return {name: _encoded(value) for name, value in _outgoing(entity).items()}


def as_simple(entity: StoredItem, *, force: bool) -> dict[str, Any]:
    """Return an instance as plain JSON.

    Args:
        entity: The instance.
        force: Whether to include binary values and sets whose types the model declares.

    Raises:
        InvalidValueError: A value has no exact form in plain JSON.
    """
    known = _declared(type(entity))

    def simple(name: str, value: dict[str, Any]) -> Any:
        return _simple(value, known.get(name), force)

    return _each(entity, _outgoing(entity), simple)


def _outgoing(entity: StoredItem) -> Item:
    refuse_partial(entity)
    item = entity._container_serialize(null_check=False)
    entity._refuse_unstorable(item)
    return item


def _encoded(value: dict[str, Any]) -> dict[str, Any]:
    ((kind, content),) = value.items()
    if kind == "B":
        return {kind: _text_of(content)}
    if kind == BINARY_SET:
        return {kind: [_text_of(each) for each in content]}
    return {kind: _rebuilt(kind, content, _encoded)}


def copied(item: Item) -> Item:
    """Return a deep copy of an item; only immutable values are shared."""
    return {name: _copied(value) for name, value in item.items()}


def _copied(value: Any, level: int = 1) -> Any:
    # The code that reads or writes the value reports a malformed or too deeply nested value.
    if not isinstance(value, dict) or level > NESTING + 1:
        return value
    return {kind: _rebuilt(kind, content, partial(_copied, level=level + 1)) for kind, content in value.items()}


def _rebuilt(kind: str, content: Any, each: Callable[[Any], Any]) -> Any:
    """Return the content of a value with a function applied to all values in it."""
    if kind == "M" and isinstance(content, Mapping):
        return {name: each(inner) for name, inner in content.items()}
    if kind == "L" and isinstance(content, (list, tuple)):
        return [each(inner) for inner in content]
    return list(content) if isinstance(content, (list, tuple, set, frozenset)) else content


def _text_of(content: bytes | str) -> str:
    return b64encode(content.encode() if isinstance(content, str) else content).decode()


def _simple(value: dict[str, Any], declared: Declared, force: bool) -> Any:
    ((kind, content),) = value.items()
    if kind == "NULL":
        return None
    if kind == "N":
        return _simple_number(content)
    if kind == "L":
        element = _element(declared)
        return [_simple(each, element, force) for each in content]
    if kind == "M":
        entries = _declared(declared)
        return {name: _simple(each, entries.get(name), force) for name, each in content.items()}
    if kind not in (*_SETS, "B"):
        return content
    if declared is None or declared.attr_type != kind:  # type: ignore[union-attr]  # a class of attributes also has it
        raise _InexactValueError(
            f"it holds a value of type {kind}, but the model declares no type to restore it", _EXACT
        )
    if not force:
        raise _InexactValueError(
            f"it holds a value of type {kind}, which plain JSON lacks", f"{_EXACT} Or pass force=True."
        )
    if kind == "B":
        return _text_of(content)
    converters: dict[str, Callable[[Any], Any]] = {BINARY_SET: _text_of, NUMBER_SET: _simple_number, STRING_SET: str}
    return [converters[kind](each) for each in content]


def _simple_number(text: str) -> int | float:
    number = number_value(text)
    if isinstance(number, Decimal):
        raise _InexactValueError("it holds a number with more digits than a float keeps", _EXACT)
    return number


# --- into an instance ---------------------------------------------------------------------


def from_dynamodb(entity: StoredItem, given: Any) -> Item:
    """Return the item in a dict of DynamoDB's JSON; the given dict is not changed.

    Raises:
        InvalidValueError: The dict is not DynamoDB's JSON.
    """
    return _checked(entity, "from_dynamodb_dict", given, lambda name, value: _decoded(value, 1))


def from_simple(entity: StoredItem, given: Any) -> Item:
    """Return the item in a dict of plain JSON, by the types that the model declares; the given dict is not changed.

    Raises:
        InvalidValueError: A value has no exact stored form.
    """
    known = _declared(type(entity))
    return _checked(entity, "from_simple_dict", given, lambda name, value: _stored(value, known.get(name), 1))


def fill(entity: StoredItem, item: Item) -> None:
    """Give an instance the contents of an item that is not known to be stored.

    The instance is then like a new one with these values, unknown attributes included: it is not compared with the
    table, and unchanged values are written in the form that they have in the given item.

    Raises:
        InvalidValueError: The item belongs to another entity.
        MalformedItemError: The model cannot read the item.
    """
    schema, layout = entity._schema_of(), table_schema(entity).layout
    kind = item.get(layout.type_name, {}).get("S", schema.discriminator)
    if kind != schema.discriminator:
        raise InvalidValueError(
            f"{schema.name}: the dict has the entity type {kind!r}.",
            remedy=f"Fill an instance of that entity, or leave {layout.type_name!r} out of the dict.",
            entity=schema.name,
            attribute=layout.type_name,
            value=kind,
        )
    # Read into another instance, so that a malformed item does not change this one.
    made = schema.entity._codec().load(item)
    vars(entity).update({**vars(made), "_stored": None, "_raw": None, "_form": item})


def _checked(entity: StoredItem, method: str, given: Any, convert: Callable[[str, Any], dict[str, Any]]) -> Item:
    name = type(entity).__name__
    if not isinstance(given, Mapping) or not all(isinstance(each, str) for each in given):
        raise InvalidValueError(
            f"{name}.{method}() was given a {type(given).__name__} that is not a dict with texts as keys.",
            remedy=f"Give a dict that {method.replace('from', 'to')}() returned.",
            entity=name,
        )
    item = _each(entity, {plain(each): value for each, value in given.items()}, convert)
    check_item(name, item, entity._schema_of().personal_stored)
    return item


def _each(entity: StoredItem, values: Mapping[str, Any], convert: Callable[[str, Any], Any]) -> dict[str, Any]:
    """Return all values converted; an error names the attribute and shows no value."""
    found = {}
    for name, value in values.items():
        try:
            found[name] = convert(name, value)
        except _InexactValueError as error:
            unfit = error
        else:
            continue
        # Raised outside the handler: the error above has a traceback through the value.
        raise InvalidValueError(
            f"{type(entity).__name__}: {name!r} cannot be converted: {unfit.reason}.",
            remedy=unfit.remedy,
            entity=type(entity).__name__,
            attribute=name,
        )
    return found


def _decoded(value: Any, level: int) -> dict[str, Any]:
    _limit(level)
    if not isinstance(value, Mapping) or len(value) != 1 or next(iter(value)) not in ATTRIBUTE_TYPES:
        raise _InexactValueError("it is not a type with its content", _TYPED)
    ((kind, content),) = value.items()
    kind = plain(kind)
    if kind == "B":
        return {kind: _bytes_of(content)}
    if kind == BINARY_SET and isinstance(content, (list, tuple)):
        return {kind: [_bytes_of(each) for each in content]}
    return {kind: _rebuilt(kind, content, partial(_decoded, level=level + 1))}


def _stored(value: Any, declared: Declared, level: int) -> dict[str, Any]:
    _limit(level)
    wanted = getattr(declared, "attr_type", None)
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, (int, float, Decimal)):
        return {"N": _number_of(value)}
    if isinstance(value, str):
        return {"B": _bytes_of(value)} if wanted == "B" else {"S": plain(value)}
    if isinstance(value, (list, tuple)):
        if wanted in _SETS:
            return _stored_set(str(wanted), value)
        element = _element(declared)
        return {"L": [_stored(each, element, level + 1) for each in value]}
    if isinstance(value, Mapping) and all(isinstance(each, str) for each in value):
        entries = _declared(declared)
        return {"M": {plain(name): _stored(each, entries.get(name), level + 1) for name, each in value.items()}}
    raise _InexactValueError(f"it holds a {type(value).__name__}, which plain JSON lacks", "Use from_dynamodb_dict().")


def _stored_set(kind: str, values: list[Any] | tuple[Any, ...]) -> dict[str, Any]:
    convert: Callable[[Any], Any] = {BINARY_SET: _bytes_of, NUMBER_SET: _number_of, STRING_SET: plain}[kind]
    # An attribute with an empty set is not stored.
    return {kind: list(dict.fromkeys(map(convert, values)))} if values else {"NULL": True}


def _number_of(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise _InexactValueError(f"it holds a {type(value).__name__} instead of a number", "Give a number.")
    number = Decimal(repr(value)) if isinstance(value, float) else value
    fault = number_fault(number)
    if fault is not None:
        raise _InexactValueError(f"it holds a number that DynamoDB cannot store: {fault}", "Give another number.")
    return number_text(Decimal(number))


def _bytes_of(text: Any) -> bytes:
    if isinstance(text, str):
        try:
            return b64decode(text, validate=True)
        except ValueError:
            pass
    raise _InexactValueError(
        "it holds a binary value that is not base64 text", "Encode the bytes with base64.b64encode()."
    )


def _limit(level: int) -> None:
    if level > NESTING + 1:
        raise _InexactValueError(f"it is nested over {NESTING} levels", "Store the inner part as JSON text.")


# --- the attributes that the model declares -----------------------------------------------


def _declared(owner: Any) -> Mapping[str, Attribute[Any]]:
    """Return the attributes that a model or a typed map declares, by stored name."""
    kind = owner if isinstance(owner, type) else type(owner)
    if not issubclass(kind, AttributeContainer):
        return {}
    return {each.attr_name: each for each in kind.get_attributes().values()}


def _element(declared: Declared) -> type | None:
    kind = declared if isinstance(declared, type) else type(declared)
    return declared.element_type if issubclass(kind, ListAttribute) else None  # type: ignore[union-attr]
