"""Planned changes: the update actions of a caller, with actions for all keys and the expiry that depend on them.

An action changes one attribute. Keys and expiry that depend on it are derived from the resulting item, which is
computed from the item that was read. If the result depends on values that were read, the update is conditional on them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
from pynamodb.constants import NULL
from pynamodb.expressions.condition import Condition as PynamoCondition
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action

from singletable.errors import (
    InvalidUpdateError,
    InvalidValueError,
    StaleKeyError,
)
from singletable.models.declare.defaults import evaluated
from singletable.models.items.deriving import serialize
from singletable.models.schema.entity_schema import EntitySchema
from singletable.models.schema.layout import PRIMARY
from singletable.models.schema.table_schema import table_schema
from singletable.models.writing.actions import ParsedAction, parse_actions
from singletable.models.writing.checked_actions import assign, checked_actions, refuse_overlaps
from singletable.models.writing.effects import evolve
from singletable.requests.expressions import Actions, Portable, still_holds
from singletable.requests.stored_values import same_value
from singletable.requests.types import Item

if TYPE_CHECKING:
    from singletable.models.items.item import StoredItem

__all__ = ["PlannedChange", "derivations", "plan_change", "stamped_values", "update_error", "value_in"]


@attrs.frozen
class PlannedChange(Portable):
    """The actions of an update, with their conditions and their result.

    Args:
        actions: The caller's actions, and those on derived attributes.
        guards: The values that must be stored, by stored name; None for an attribute that must be absent.
        after: The resulting item, as far as the instance knows it; None if it does not.
        changed: The stored names of the attributes that the actions change, in their order.
        reads: Whether the result of a caller's action depends on stored values.
        stamped: The attributes that the update sets by itself, by stored name.
    """

    actions: tuple[Action, ...] = attrs.field(converter=Actions)
    guards: Mapping[str, dict[str, Any] | None] = attrs.field(repr=False)
    after: Item | None = attrs.field(repr=False)
    changed: tuple[str, ...] = ()
    reads: bool = False
    stamped: Item = attrs.field(factory=dict, repr=False)

    def conditions(self) -> Iterator[PynamoCondition]:
        """Return the guards as conditions."""
        return (still_holds(name, value) for name, value in self.guards.items())

    def holds_on(self, item: Item) -> bool:
        """Return whether an item has the values of the guards."""
        return all(same_value(item.get(name), value) for name, value in self.guards.items())


def plan_change(instance: StoredItem, actions: Sequence[Action]) -> PlannedChange:
    """Return the change that an update with these actions sends.

    Raises:
        KeyChangeError: An action changes an attribute of the primary key.
        StaleKeyError: An action changes a derived attribute, or changes a source of a key in a way that depends on a
            value that was never read.
        InvalidValueError: A value cannot be stored, or a required attribute would be removed.
    """
    schema = instance._schema_of()
    given = parse_actions(actions)
    planned = checked_actions(instance, schema, given)
    stamped = stamped_values(schema, {action.stored for action in planned})
    planned += parse_actions(Path([stored]).set(value) for stored, value in stamped.items())
    known = instance._known()
    planned, unstored = _with_defaults(schema, planned, known)
    touched = {action.stored for action in planned}
    derived: list[Action] = []
    guards: dict[str, dict[str, Any] | None] = dict.fromkeys(unstored)
    for sources, derive in derivations(schema):
        stored = {schema.attributes[name].attr_name: name for name in sources}
        deciding = [action for action in planned if action.stored in stored]
        if not deciding:
            continue
        reading = {name for action in deciding for name in action.reads}
        if reading and instance._raw is None:
            raise _never_read(schema, deciding)
        after = _evolved(schema, known, deciding)
        _refuse_other_types(schema, touched & set(stored), after)
        derived += derive({name: value_in(schema, name, after) for name in sources})
        # The primary key, under which the item is found, determines its own sources.
        fixed = {schema.attributes[name].attr_name for name in schema.primary.recoverable}
        for name in (reading | (set(stored) - touched)) - fixed - set(unstored):
            guards[name] = known.get(name)
    expiry = table_schema(instance).expiry_name
    if expiry is not None and schema.expiry is None and expiry in known:
        # Other code stored the expiry. DynamoDB would delete the item, although its entity never expires.
        derived.append(Path([expiry]).remove())
    # DynamoDB does not accept an update without actions: those that set an attribute of the primary key to its present
    # value are sent then.
    everything = [*planned, *parse_actions(derived)] or given
    refuse_overlaps(schema, everything)
    result = _after(known, everything)
    _refuse_other_types(schema, touched, result or {})
    changed = tuple(action.stored for action in everything)
    return PlannedChange(
        [action.action for action in everything],
        guards,
        result,
        changed,
        any(action.reads for action in given),
        stamped,
    )


def _refuse_other_types(schema: EntitySchema, changed: set[str], after: Item) -> None:
    """Refuse an update that leaves a value of another type, which could not be read again."""
    for stored in changed & after.keys() & schema.stored_names.keys():
        name = schema.stored_names[stored]
        expected = schema.attributes[name].attr_type
        if expected not in after[stored]:
            raise InvalidValueError(
                f"{schema.name}.{name} is of type {expected}, but would be set to a value of type"
                f" {'/'.join(after[stored])}.",
                remedy="Give a value, or another attribute, of its type.",
                entity=schema.name,
                attribute=name,
            )


def _evolved(schema: EntitySchema, known: Item, actions: Sequence[ParsedAction]) -> Item:
    """Return the item after an update; the error names the entity."""
    try:
        return evolve(known, actions)
    except InvalidUpdateError as error:
        found = update_error(schema, error)
    # Raised outside the handler: the error of a personal attribute must not refer to the other error.
    raise found


def update_error(schema: EntitySchema, error: InvalidUpdateError) -> InvalidUpdateError:
    """Return the error of an update with the entity's names; for a personal attribute it hides the path within it."""
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


def _after(known: Item, actions: Sequence[ParsedAction]) -> Item | None:
    try:
        return evolve(known, actions)
    except InvalidUpdateError:
        # Another writer may have stored the part that an action reads, so DynamoDB decides. No key depends on it.
        return None


def stamped_values(schema: EntitySchema, touched: set[str]) -> Item:
    """Return the new values of the attributes that every write sets, without those that the caller sets."""
    return {
        attribute.attr_name: {attribute.attr_type: serialize(schema, name, stamp.fresh())}
        for name, stamp in schema.stamps.items()
        if (attribute := schema.attributes[name]).attr_name not in touched
    }


def derivations(schema: EntitySchema) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the sources of each index key and of the expiry, with a function from their values to actions."""
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
        # The declared default, not the present value of the instance.
        return evaluated(attribute.default)
    return None if NULL in raw else attribute.deserialize(attribute.get_value(raw))


def _with_defaults(
    schema: EntitySchema, actions: list[ParsedAction], known: Item
) -> tuple[list[ParsedAction], tuple[str, ...]]:
    """Return the actions with those that store defaults of sources of changed keys, and the stored names of the latter.

    Without the stored default, the key would be derived from no stored value. A stored default changes every other key
    of which it is a source.
    """
    touched = {action.stored for action in actions}
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
                    unstored[stored] = assign(schema, name, value)
                    touched.add(stored)
                    pending = True
    return [*actions, *parse_actions(unstored.values())], tuple(unstored)


def _never_read(schema: EntitySchema, actions: Sequence[ParsedAction]) -> StaleKeyError:
    stored = next(action.stored for action in actions if action.reads)
    name = schema.stored_names.get(stored, stored)
    return StaleKeyError(
        f"{schema.name}: the update of {name} depends on a stored value that was never read, and keys depend on"
        " the result.",
        remedy=f"Read the item first (get or refresh()), or set {name} to a value.",
        entity=schema.name,
        attribute=name,
    )
