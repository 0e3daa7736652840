"""Checks of a caller's actions: no derived attribute, no change of the key, no value of another type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pynamodb.attributes import Attribute
from pynamodb.constants import NULL
from pynamodb.expressions.operand import Path, Value
from pynamodb.expressions.update import Action, RemoveAction, SetAction

from singletable.errors import (
    InvalidUpdateError,
    InvalidValueError,
    KeyChangeError,
    StaleKeyError,
    UnexpectedAttributesError,
)
from singletable.models.declare.value_faults import spelled
from singletable.models.items.deriving import serialize
from singletable.models.schema.entity_schema import EntitySchema
from singletable.models.schema.table_schema import table_schema
from singletable.models.writing.actions import ParsedAction, parse_action
from singletable.requests.expressions import values_in
from singletable.requests.stored_values import check_value, same_value

if TYPE_CHECKING:
    from singletable.models.items.item import StoredItem

__all__ = ["assign", "assignments", "checked_actions", "refuse_overlaps"]

_MOST_OPERANDS = 50
"""The most levels of operands in one action; DynamoDB allows 300 operators and functions in one update."""


def assignments(schema: EntitySchema, values: Mapping[str, Any]) -> list[Action]:
    """Return the actions that set attributes to values; None removes an attribute.

    Raises:
        UnexpectedAttributesError: The entity does not have an attribute.
        InvalidValueError: An attribute cannot hold the value.
    """
    unknown = tuple(name for name in values if name not in schema.attributes)
    if unknown:
        raise UnexpectedAttributesError(
            f"{schema.name} has no attribute {', '.join(unknown)}.",
            remedy=f"It has: {', '.join(schema.attributes)}.",
            entity=schema.name,
            unexpected=unknown,
        )
    return [assign(schema, name, value) for name, value in values.items()]


def checked_actions(instance: StoredItem, schema: EntitySchema, actions: Sequence[ParsedAction]) -> list[ParsedAction]:
    """Return a caller's actions in the form that is sent, without those that change nothing.

    Raises:
        SingletableError: The errors of `plan_change`.
    """
    return [checked for action in actions if (checked := _check(instance, schema, action)) is not None]


def refuse_overlaps(schema: EntitySchema, actions: Sequence[ParsedAction]) -> None:
    """Refuse actions on one path, or on a path and a part of it; some engines apply the last one."""
    seen: dict[tuple[str | int, ...], bool] = {}
    for action in actions:
        steps = action.steps
        above = [steps[:length] for length in range(1, len(steps))]
        if steps in seen or any(seen.get(each) for each in above):
            name = schema.stored_names.get(str(steps[0]), str(steps[0]))
            inside = "" if len(steps) == 1 else ", or a part of it," if steps[0] not in schema.personal_stored else ","
            raise InvalidUpdateError(
                f"{schema.name}: the update changes {name}{inside} twice.",
                remedy="Give one action for each path.",
                entity=schema.name,
                attribute=name,
            )
        seen.update(dict.fromkeys(above, False))
        seen[steps] = True


def _check(instance: StoredItem, schema: EntitySchema, parsed: ParsedAction) -> ParsedAction | None:
    """Return the action in the form that is sent; None for an action that changes nothing."""
    action, stored = parsed.action, parsed.stored
    _refuse_deep_operands(schema, action)
    name = schema.stored_names.get(stored)
    whole = parsed.is_whole
    _refuse_derived(schema, stored, name, table_schema(instance).expiry_name)
    for operand in values_in(action):
        try:
            check_value(schema.name, stored, operand.value, personal=stored in schema.personal_stored)
        except InvalidValueError as error:
            schema.named(error)
            raise
    if isinstance(action, SetAction) and whole:
        value = action.values[1]
        if isinstance(value, Value) and name is not None:
            if value.attr_type == NULL:
                # PynamoDB's attr.set(None) would write NULL. For an index or a condition, NULL does not mean absent.
                action = parsed.path.remove()
            elif value.attr_type != schema.attributes[name].attr_type:
                raise InvalidValueError(
                    f"{schema.name}.{name} is of type {schema.attributes[name].attr_type}, and was given a value of"
                    f" type {value.attr_type}: PynamoDB treats a dict with one type key as already serialized.",
                    remedy=f"Use update({name}=value).",
                    entity=schema.name,
                    attribute=name,
                )
    if isinstance(action, (SetAction, RemoveAction)):
        action = _fitting(schema, parsed, action)
    if name in schema.primary.sources:
        _refuse_key_change(instance, schema, str(name), action)
        return None
    if isinstance(action, RemoveAction) and whole and name is not None and not schema.attributes[name].null:
        raise InvalidValueError(
            f"{schema.name}.{name} cannot be None.",
            remedy="Give a value, or declare the attribute with null=True.",
            entity=schema.name,
            attribute=name,
        )
    return parsed if action is parsed.action else parse_action(action)


def _fitting(schema: EntitySchema, parsed: ParsedAction, action: Action) -> Action:
    """Refuse an action that would leave a declared attribute, at any depth, without a value or with another type.

    Returns:
        The action; a removal for one that sets a part of a map to None.
    """
    path = parsed.path
    target: Attribute[Any] | None = path.attribute
    if target is None:
        return action
    inside = parsed.steps[1:]
    in_list = isinstance(parsed.steps[-1], int)
    operand = action.values[1] if isinstance(action, SetAction) else None
    if isinstance(operand, Value) and operand.attr_type == NULL and inside and not in_list:
        action, operand = path.remove(), None
    if isinstance(action, RemoveAction):
        if target.null or in_list or not inside:
            return action
        reason, remedy = "cannot be removed", "Give a value, or declare the attribute with null=True."
    else:
        given = _type_of(operand)
        # A list accepts NULL, and the value of a whole attribute was checked before.
        allowed = (None, target.attr_type, *([NULL] if in_list else []))
        if given in allowed or (not inside and isinstance(operand, Value)):
            return action
        reason = f"is of type {target.attr_type}, but would be set to a value of type {given}"
        remedy = "Give a value, or another attribute, of its type."
    name, shown = schema.place_of(parsed.steps)
    raise InvalidValueError(
        f"{schema.name}.{spelled(name, shown)} {reason}.",
        remedy=remedy,
        entity=schema.name,
        attribute=name,
        path=shown,
    )


def _type_of(operand: Any) -> str | None:
    """Return the stored type of a value, or the declared type of another attribute; None if it is not known."""
    if isinstance(operand, Path):
        return operand.attribute.attr_type if operand.attribute is not None else None
    return operand.attr_type if isinstance(operand, Value) else None


def _refuse_deep_operands(schema: EntitySchema, action: Action) -> None:
    """Refuse operands that are nested too deeply: PynamoDB serializes them by recursion."""
    inside: list[Any] = [action]
    for _ in range(_MOST_OPERANDS):
        inside = [each for outer in inside if not isinstance(outer, (Path, Value)) for each in outer.values]
        if not inside:
            return
    raise InvalidUpdateError(
        f"{schema.name}: an update action nests over {_MOST_OPERANDS} operands.",
        remedy="Compute the value first, and set the attribute to it.",
        entity=schema.name,
    )


def _refuse_derived(schema: EntitySchema, stored: str, name: str | None, expiry: str | None) -> None:
    if name is not None and name in (schema.version, schema.token):
        raise UnexpectedAttributesError(
            f"{schema.name}.{name} is a version, and every write increments it."
            if name == schema.version
            else f"{schema.name}.{name} is the write token, which every write sets by itself.",
            remedy="Leave it out.",
            entity=schema.name,
            unexpected=(name,),
        )
    if stored == expiry or stored in schema.layout.key_names or stored == schema.layout.type_name:
        # An index key has the sources of its own key; for the type and the expiry the message names all sources.
        own = [key.sources for key in schema.keys.values() if stored in schema.layout.names_at(key.index)]
        sources = ", ".join(own[0] if own else schema.key_sources)
        raise StaleKeyError(
            f"{schema.name}: {stored!r} is derived, and cannot be updated directly.",
            remedy=f"Update those ({sources})." if sources else "",
            entity=schema.name,
            attribute=stored,
        )


def _refuse_key_change(instance: StoredItem, schema: EntitySchema, name: str, action: Action) -> None:
    """Refuse an action on an attribute of the primary key, unless it sets the present value."""
    stored = schema.attributes[name].attr_name
    value = action.values[1] if isinstance(action, SetAction) else None
    if not isinstance(value, Value) or not same_value(value.value, instance._known().get(stored)):
        raise KeyChangeError(
            f"{schema.name}: {name} is part of the primary key and cannot be updated.",
            remedy=f"Use move({name}=...), which writes the item under the new key and deletes the old one.",
            entity=schema.name,
            attribute=name,
        )


def assign(schema: EntitySchema, name: str, value: Any) -> Action:
    attribute = schema.attributes[name]
    path = Path([attribute.attr_name])
    serialized = None if value is None else serialize(schema, name, value)
    if serialized is not None:
        # Given with its type, since PynamoDB treats a dict such as {"S": "x"} as already serialized.
        return path.set({attribute.attr_type: serialized})
    return path.remove()
