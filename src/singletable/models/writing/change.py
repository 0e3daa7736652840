"""Changes: update actions, with everything that is derived from what they touch carried along.

An action says what becomes of one attribute. Keys and expiry that depend on it are derived from the item
as it will be then; that item is worked out from the one that the instance was read with, so the write is
conditional on what was read being stored still, wherever the result depends on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
from pynamodb.attributes import Attribute
from pynamodb.constants import NULL
from pynamodb.expressions.condition import Condition as PynamoCondition
from pynamodb.expressions.operand import Path, Value
from pynamodb.expressions.update import Action, RemoveAction, SetAction

from singletable.errors import (
    InvalidUpdateError,
    InvalidValueError,
    KeyChangeError,
    StaleKeyError,
    UnexpectedAttributesError,
)
from singletable.models.declare.defaults import evaluated
from singletable.models.declare.faults import spelled
from singletable.models.items.deriving import serialize
from singletable.models.schema.entity_schema import EntitySchema
from singletable.models.schema.layout import PRIMARY
from singletable.models.schema.table_schema import table_schema
from singletable.models.writing.effects import changed_attribute, evolve, path_of, read_attributes
from singletable.requests.expressions import Actions, Portable, is_whole, steps_of, still_holds, values_in
from singletable.requests.stored_values import check_value, same_value
from singletable.requests.types import Item

if TYPE_CHECKING:
    from singletable.models.items.item import StoredItem

__all__ = [
    "Change",
    "assignments",
    "checked_actions",
    "derivations",
    "plan_change",
    "refuse_overlaps",
    "stamped_values",
    "update_error",
    "value_in",
]

_MOST_OPERANDS = 50
"""Levels of operands in one action; DynamoDB takes 300 operators and functions in all of an update."""


@attrs.frozen
class Change(Portable):
    """What an update sends.

    Args:
        actions: The caller's actions, and those on derived attributes.
        guards: What must still be stored, by stored name; None for what must not be.
        after: The item as it will be, as far as the instance knows; None where it does not.
        stamped: The attributes that the update sets by itself, by stored name.
    """

    actions: tuple[Action, ...] = attrs.field(converter=Actions)
    guards: Mapping[str, dict[str, Any] | None] = attrs.field(repr=False)
    after: Item | None = attrs.field(repr=False)
    stamped: Item = attrs.field(factory=dict, repr=False)

    def conditions(self) -> Iterator[PynamoCondition]:
        """The guards, as conditions."""
        return (still_holds(name, value) for name, value in self.guards.items())

    def holds_on(self, item: Item) -> bool:
        """Whether an item holds what the guards ask for."""
        return all(same_value(item.get(name), value) for name, value in self.guards.items())


def assignments(schema: EntitySchema, values: Mapping[str, Any]) -> list[Action]:
    """The actions that give attributes these values; None removes.

    Raises:
        UnexpectedAttributesError: The entity has no such attribute.
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
    return [_assign(schema, name, value) for name, value in values.items()]


def plan_change(instance: StoredItem, actions: Sequence[Action]) -> Change:
    """What an update with these actions must send.

    Raises:
        KeyChangeError: An action changes an attribute of the primary key.
        StaleKeyError: An action changes something derived, or what a key is made of in a way that depends on
            a value that was never read.
        InvalidValueError: A value cannot be stored, or an attribute that must be there would be removed.
    """
    schema = instance._schema_of()
    planned = checked_actions(instance, schema, actions)
    stamped = stamped_values(schema, {changed_attribute(action) for action in planned})
    planned += [Path([stored]).set(value) for stored, value in stamped.items()]
    known = instance._known()
    planned, unstored = _with_defaults(instance, schema, planned, known)
    touched = {changed_attribute(action) for action in planned}
    derived: list[Action] = []
    guards: dict[str, dict[str, Any] | None] = dict.fromkeys(unstored)
    for sources, derive in derivations(schema):
        stored = {schema.attributes[name].attr_name: name for name in sources}
        deciding = [action for action in planned if changed_attribute(action) in stored]
        if not deciding:
            continue
        reading = {name for action in deciding for name in read_attributes(action)}
        if reading and instance._raw is None:
            raise _never_read(schema, deciding)
        after = _evolved(schema, known, deciding)
        _refuse_other_types(schema, touched & set(stored), after)
        derived += derive({name: value_in(schema, name, after) for name in sources})
        # The primary key, under which the item is found, fixes what it is made of.
        fixed = {schema.attributes[name].attr_name for name in schema.primary.recoverable}
        for name in (reading | (set(stored) - touched)) - fixed - set(unstored):
            guards[name] = known.get(name)
    expiry = table_schema(instance).expiry_name
    if expiry is not None and schema.expiry is None and expiry in known:
        # Other code stored it; the item would be deleted, although its entity never expires.
        derived.append(Path([expiry]).remove())
    # DynamoDB takes no update of nothing: what sets the primary key's attributes to what they are is sent then.
    everything = (*planned, *derived) or tuple(actions)
    refuse_overlaps(schema, everything)
    result = _after(known, everything)
    _refuse_other_types(schema, touched, result or {})
    return Change(everything, guards, result, stamped)


def checked_actions(instance: StoredItem, schema: EntitySchema, actions: Sequence[Action]) -> list[Action]:
    """Return a caller's actions as they are sent, without those that change nothing.

    Raises: as `plan_change` does.
    """
    return [checked for action in actions if (checked := _check(instance, schema, action)) is not None]


def refuse_overlaps(schema: EntitySchema, actions: Sequence[Action]) -> None:
    """Refuse actions on one path, or on a path and a part of it; some engines take the last one."""
    seen: dict[tuple[str | int, ...], bool] = {}
    for action in actions:
        steps = tuple(steps_of(path_of(action)))
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


def _refuse_other_types(schema: EntitySchema, changed: set[str], after: Item) -> None:
    """What an update leaves of another type could not be read again."""
    for stored in changed & after.keys() & schema.stored_names.keys():
        name = schema.stored_names[stored]
        expected = schema.attributes[name].attr_type
        if expected not in after[stored]:
            raise InvalidValueError(
                f"{schema.name}.{name} is of type {expected}, and would be given a value of type"
                f" {'/'.join(after[stored])}.",
                remedy="Give a value, or another attribute, of its type.",
                entity=schema.name,
                attribute=name,
            )


def _evolved(schema: EntitySchema, known: Item, actions: Sequence[Action]) -> Item:
    """Return the item after an update; the error names the entity."""
    try:
        return evolve(known, actions)
    except InvalidUpdateError as error:
        found = update_error(schema, error)
    # Raised outside the handler: the error of a personal attribute must not lead to the other one.
    raise found


def update_error(schema: EntitySchema, error: InvalidUpdateError) -> InvalidUpdateError:
    """Return an error of an update as the entity's; that for a personal attribute shows no path within it."""
    stored = error.attribute
    name = schema.stored_names.get(str(stored), stored)
    if stored not in schema.personal_stored:
        schema.named(error)
        return InvalidUpdateError(
            f"{schema.name}: {error.what}",
            remedy=error.remedy,
            entity=schema.name,
            attribute=error.attribute,
            path=error.path,
        )
    return InvalidUpdateError(
        f"{schema.name}: the update within {name} cannot be made: the item does not have a part that it reads or"
        " changes.",
        remedy="Read the item first, or set the whole attribute.",
        entity=schema.name,
        attribute=name,
    )


def _after(known: Item, actions: Sequence[Action]) -> Item | None:
    try:
        return evolve(known, actions)
    except InvalidUpdateError:
        # DynamoDB decides: another writer may have stored the part that an action reads. No key depends on it.
        return None


# --- the caller's actions -------------------------------------------------------------


def _check(instance: StoredItem, schema: EntitySchema, action: Action) -> Action | None:
    """The action as it is sent; None for one that changes nothing."""
    _refuse_deep_operands(schema, action)
    stored = changed_attribute(action)
    name = schema.stored_names.get(stored)
    whole = is_whole(path_of(action))
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
                # PynamoDB's attr.set(None) would write NULL, which is not "absent" to an index or a condition.
                action = path_of(action).remove()
            elif value.attr_type != schema.attributes[name].attr_type:
                raise InvalidValueError(
                    f"{schema.name}.{name} is of type {schema.attributes[name].attr_type}, and was given a value of"
                    f" type {value.attr_type}: PynamoDB takes a dict with one type key for already serialised.",
                    remedy=f"Use update({name}=value).",
                    entity=schema.name,
                    attribute=name,
                )
    if isinstance(action, (SetAction, RemoveAction)):
        action = _fitting(schema, action)
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
    return action


def _fitting(schema: EntitySchema, action: Action) -> Action:
    """Refuse an action that would leave a declared attribute, at any depth, without a value or with another type.

    Returns:
        The action; a removal for one that sets a part of a map to None.
    """
    path = path_of(action)
    target: Attribute[Any] | None = path.attribute
    if target is None:
        return action
    _, *inside = steps_of(path)
    in_list = isinstance(steps_of(path)[-1], int)
    operand = action.values[1] if isinstance(action, SetAction) else None
    if isinstance(operand, Value) and operand.attr_type == NULL and inside and not in_list:
        action, operand = path.remove(), None
    if isinstance(action, RemoveAction):
        if target.null or in_list or not inside:
            return action
        reason, remedy = "cannot be removed", "Give a value, or declare the attribute with null=True."
    else:
        given = _type_of(operand)
        # A list takes NULL, and a value of a whole attribute was looked at before.
        allowed = (None, target.attr_type, *([NULL] if in_list else []))
        if given in allowed or (not inside and isinstance(operand, Value)):
            return action
        reason = f"is of type {target.attr_type}, and would be given a value of type {given}"
        remedy = "Give a value, or another attribute, of its type."
    name, shown = schema.place_of(steps_of(path))
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
        remedy="Work the value out first, and set the attribute to it.",
        entity=schema.name,
    )


def _refuse_derived(schema: EntitySchema, stored: str, name: str | None, expiry: str | None) -> None:
    if name is not None and name in (schema.version, schema.token):
        raise UnexpectedAttributesError(
            f"{schema.name}.{name} is a version, and counts by itself."
            if name == schema.version
            else f"{schema.name}.{name} is the write token, which every write sets by itself.",
            remedy="Leave it out.",
            entity=schema.name,
            unexpected=(name,),
        )
    if stored == expiry or stored in schema.layout.key_names or stored == schema.layout.type_name:
        # An index key is made of its own key's attributes; the type and the expiry are told with all of them.
        own = [key.sources for key in schema.keys.values() if stored in schema.layout.names_at(key.index)]
        sources = ", ".join(own[0] if own else schema.key_sources)
        raise StaleKeyError(
            f"{schema.name}: {stored!r} is derived, and follows the attributes that it is made of.",
            remedy=f"Update those ({sources})." if sources else "",
            entity=schema.name,
            attribute=stored,
        )


def _refuse_key_change(instance: StoredItem, schema: EntitySchema, name: str, action: Action) -> None:
    """An action that sets an attribute of the primary key to what it is changes nothing; any other is refused."""
    stored = schema.attributes[name].attr_name
    value = action.values[1] if isinstance(action, SetAction) else None
    if not isinstance(value, Value) or not same_value(value.value, instance._known().get(stored)):
        raise KeyChangeError(
            f"{schema.name}: {name} is part of the primary key and cannot be updated.",
            remedy=f"Use move({name}=...), which writes the item anew under the new key and deletes the old one.",
            entity=schema.name,
            attribute=name,
        )


def _assign(schema: EntitySchema, name: str, value: Any) -> Action:
    attribute = schema.attributes[name]
    path = Path([attribute.attr_name])
    serialized = None if value is None else serialize(schema, name, value)
    if serialized is not None:
        # Given with its type, since PynamoDB takes a dict such as {"S": "x"} for already serialised.
        return path.set({attribute.attr_type: serialized})
    return path.remove()


def stamped_values(schema: EntitySchema, touched: set[str]) -> Item:
    """Return the attributes that every write sets by itself, as this one stores them, without those of the caller."""
    return {
        attribute.attr_name: {attribute.attr_type: serialize(schema, name, stamp.fresh())}
        for name, stamp in schema.stamps.items()
        if (attribute := schema.attributes[name]).attr_name not in touched
    }


# --- what follows from them -----------------------------------------------------------


def derivations(schema: EntitySchema) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Everything that is derived, but the primary key: what it is made of, and how it becomes actions."""
    for name, key in schema.keys.items():
        if name != PRIMARY:
            yield key.sources, lambda values, key=key: _key_actions(schema, key, values)
    if schema.expiry:
        yield (schema.expiry.after,), lambda values: _expiry_actions(schema, values)


def _key_actions(schema: EntitySchema, key: Any, values: Mapping[str, Any]) -> list[Action]:
    derived = key.derive(schema.to_keys(values)) or (None, None)
    own = (schema.layout.partition_name, schema.layout.sort_name, schema.layout.type_name)
    return [
        Path([stored]).remove() if text is None else Path([stored]).set({"S": text})
        for stored, text in zip(schema.layout.names_at(key.index), derived, strict=True)
        if stored is not None and stored not in own
    ]


def _expiry_actions(schema: EntitySchema, values: Mapping[str, Any]) -> list[Action]:
    assert schema.expiry is not None
    seconds = schema.expiry.derive(values[schema.expiry.after])
    path = Path([schema.expiry.stored_name])
    return [path.remove() if seconds is None else path.set({"N": str(seconds)})]


def value_in(schema: EntitySchema, name: str, item: Item) -> Any:
    """Return an attribute's value in an item; its default if nothing is stored."""
    attribute = schema.attributes[name]
    raw = item.get(attribute.attr_name)
    if raw is None:
        # The declared one, not what the instance has been given since.
        return evaluated(attribute.default)
    return None if NULL in raw else attribute.deserialize(attribute.get_value(raw))


def _with_defaults(
    instance: StoredItem, schema: EntitySchema, actions: list[Action], known: Item
) -> tuple[list[Action], tuple[str, ...]]:
    """The actions, and those that store defaults that a touched key is made of; the latter's stored names.

    A default that is not stored would leave the key derived from nothing that is stored. Storing one
    touches every other key that is made of it.
    """
    touched = {changed_attribute(action) for action in actions}
    unstored: dict[str, Action] = {}
    pending = True
    while pending:
        pending = False
        for sources, _ in derivations(schema):
            names = {schema.attributes[name].attr_name: name for name in sources}
            if not touched & set(names):
                continue
            for stored, name in names.items():
                if stored in touched or stored in known or name in schema.primary.recoverable:
                    continue
                value = value_in(schema, name, known)
                if value is not None:
                    unstored[stored] = _assign(schema, name, value)
                    touched.add(stored)
                    pending = True
    return [*actions, *unstored.values()], tuple(unstored)


def _never_read(schema: EntitySchema, actions: Sequence[Action]) -> StaleKeyError:
    action = next(action for action in actions if read_attributes(action))
    stored = changed_attribute(action)
    name = schema.stored_names.get(stored, stored)
    return StaleKeyError(
        f"{schema.name}: the update of {name} depends on a stored value that was never read, and keys depend on"
        " the result.",
        remedy=f"Read the item first (get or refresh()), or set {name} to a value.",
        entity=schema.name,
        attribute=name,
    )
