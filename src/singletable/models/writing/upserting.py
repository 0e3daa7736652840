"""Upserts: one request that creates an item, or updates it if it exists.

DynamoDB's UpdateItem creates an item that does not exist. For that case the request sets all attributes of the instance
and all derived attributes that are absent: `SET status = if_not_exists(status, :new)`. Its condition holds for a new
item, and for an item that has these attributes and in which the keys that the update changes would be derived from the
same values. Otherwise DynamoDB returns the stored item, and an ordinary update of that item follows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import attrs
from pynamodb.expressions.condition import Condition as PynamoCondition
from pynamodb.expressions.operand import Path, Value, _IfNotExists, _Increment, _Operand
from pynamodb.expressions.update import Action, AddAction, RemoveAction, SetAction

from singletable.errors import InvalidUpdateError, InvalidValueError, SingletableError
from singletable.models.schema.entity_schema import EntitySchema
from singletable.models.writing.actions import ParsedAction, parse_action, parse_actions
from singletable.models.writing.checked_actions import checked_actions, refuse_overlaps
from singletable.models.writing.effects import evolve
from singletable.models.writing.planned_change import (
    PlannedChange,
    derivations,
    stamped_values,
    update_error,
    value_in,
)
from singletable.models.writing.writes import UpdateWrite, Write
from singletable.requests.expressions import ItemPath, steps_of, still_holds, top_name
from singletable.requests.types import Item

if TYPE_CHECKING:
    from singletable.models.items.item import StoredItem

__all__ = ["UpsertWrite", "plan_upsert"]

T = TypeVar("T", bound="StoredItem")


@attrs.frozen(kw_only=True, repr=False, eq=False)
class UpsertWrite(UpdateWrite[T]):
    """An update that creates the item if it does not exist."""

    verb: ClassVar[str] = "upsert"

    def judge(self, current_item: Item | None, *, lost: bool) -> Write[T] | SingletableError | None:
        schema = self.entity._schema_of()
        if current_item is not None and current_item.get(schema.layout.type_name) != {"S": schema.discriminator}:
            return self.refusal(current_item, lost=lost)
        if current_item is not None and not self.actions and self.condition is None:
            # The item exists, and the upsert changes none of its attributes.
            return None
        if current_item is None:
            # The caller's condition does not hold for an absent item, or the item was deleted meanwhile.
            return self if self.condition is None and not lost else self.refusal(current_item, lost=lost)
        found = super().judge(current_item, lost=lost)
        return attrs.evolve(found, otherwise=self) if isinstance(found, UpdateWrite) else found

    def _is_refused(self, current_item: Item) -> bool:
        # The condition of an upsert decides whether its request applies. The ordinary update has its own condition.
        return False


def plan_upsert(entity: StoredItem, actions: Sequence[Action]) -> tuple[PlannedChange, PynamoCondition]:
    """Return the change that an upsert sends, and the condition of its request.

    Raises:
        InvalidUpdateError: A new item would need two actions on one attribute: give its value or the action.
    """
    schema = entity._schema_of()
    start = {**entity._unknown(), **entity._foreign(), **entity._held()}
    for name in schema.set_by_writes:
        start.pop(schema.attributes[name].attr_name, None)
    given = parse_actions(actions)
    planned = checked_actions(entity, schema, given)
    touched = {action.stored for action in planned}
    new = _new_item(schema, start, planned)
    stamped = stamped_values(schema, touched)
    sent = [_starting(schema, action, start) for action in planned]
    sent += [ItemPath(name).set(value) for name, value in stamped.items()]
    initial = [(name, value) for name, value in start.items() if name not in touched]
    guards: list[PynamoCondition] = []
    for sources, derive in derivations(schema):
        stored = {schema.attributes[name].attr_name: name for name in sources}
        derived = derive({name: value_in(schema, name, new) for name in sources})
        if not touched & stored.keys():
            initial += _values_set(derived)
            continue
        sent += derived
        guards += _same_sources(schema, planned, start, stored)
    sent += [_if_absent(name, value) for name, value in initial]
    guards += [ItemPath(name).exists() for name, _ in initial]
    sent.append(ItemPath(schema.layout.type_name).set({"S": schema.discriminator}))
    if schema.version is not None:
        counter = ItemPath(schema.attributes[schema.version].attr_name)
        before = Value({"N": str((schema.next_version(None) or 1) - 1)})
        sent.append(SetAction(counter, _Increment(_IfNotExists(counter, before), Value({"N": "1"}))))
    entity._refuse_unstorable(new)
    parsed = parse_actions(sent)
    refuse_overlaps(schema, parsed)
    changed = tuple(action.stored for action in parsed)
    change = PlannedChange(sent, {}, None, changed, any(action.reads for action in given), stamped)
    return change, _new_or_like(schema, guards)


def _new_item(schema: EntitySchema, start: Item, planned: Sequence[ParsedAction]) -> Item:
    """Return the item, without keys, that the upsert creates if it does not exist."""
    try:
        new = evolve(start, planned)
    except InvalidUpdateError as error:
        found = update_error(schema, error)
    else:
        for name, attribute in schema.attributes.items():
            given = attribute.null or attribute.default is not None or attribute.attr_name in new
            if not given and name not in schema.set_by_writes:
                raise InvalidValueError(
                    f"{schema.name}.{name} is None, but a new item must have it.",
                    remedy="Give the instance a value, or declare the attribute with null=True.",
                    entity=schema.name,
                    attribute=name,
                )
        return new
    # Raised outside the handler: the error of a personal attribute must not refer to the other error.
    raise found


def _values_set(actions: Iterable[Action]) -> Iterator[tuple[str, dict[str, Any]]]:
    for action in actions:
        if isinstance(action, SetAction) and isinstance(action.values[1], Value):
            yield parse_action(action).stored, action.values[1].value


def _new_or_like(schema: EntitySchema, guards: Iterable[PynamoCondition]) -> PynamoCondition:
    of_type: PynamoCondition = ItemPath(schema.layout.type_name) == {"S": schema.discriminator}
    return ItemPath(schema.layout.partition_name).does_not_exist() | reduce(and_, guards, of_type)  # type: ignore[no-any-return]


def _same_sources(
    schema: EntitySchema, planned: Sequence[ParsedAction], start: Item, stored: dict[str, str]
) -> Iterator[PynamoCondition]:
    """Yield the conditions under which an existing item gives a touched key the derived value of a new one."""
    deciding = {action.stored: action for action in planned}
    fixed = {schema.attributes[name].attr_name for name in schema.primary.recoverable}
    for name in stored:
        action = deciding.get(name)
        if action is None and name not in fixed:
            yield still_holds(name, start.get(name))
        elif action is not None:
            for read in sorted(action.reads):
                yield still_holds(read, start.get(read))


def _if_absent(name: str, value: dict[str, Any]) -> Action:
    path = ItemPath(name)
    return SetAction(path, _IfNotExists(path, Value(value)))


def _starting(schema: EntitySchema, parsed: ParsedAction, start: Item) -> Action:
    """Return an action that reads the values of the instance if the item is new."""
    action, path, name = parsed.action, parsed.path, parsed.stored
    if isinstance(action, RemoveAction) and parsed.is_whole:
        return action
    if isinstance(action, SetAction):
        if not parsed.is_whole and name in start:
            raise _twice(schema, name)
        return SetAction(path, _reading(schema, action.values[1], start))
    if name not in start:
        return action
    if isinstance(action, AddAction) and "N" in start[name]:
        return SetAction(path, _Increment(_IfNotExists(path, Value(start[name])), action.values[1]))
    raise _twice(schema, name)


def _reading(schema: EntitySchema, operand: Any, start: Item) -> Any:
    if isinstance(operand, Path):
        name = top_name(operand)
        if name not in start:
            return operand
        if len(steps_of(operand)) > 1:
            raise _twice(schema, name)
        return _IfNotExists(operand, Value(start[name]))
    if isinstance(operand, Value) or not isinstance(operand, _Operand) or isinstance(operand, _IfNotExists):
        return operand
    made = object.__new__(type(operand))
    made.values = tuple(_reading(schema, each, start) for each in operand.values)
    return made


def _twice(schema: EntitySchema, stored: str) -> InvalidUpdateError:
    name = schema.stored_names.get(stored, stored)
    return InvalidUpdateError(
        f"{schema.name}: the instance has a value of {name}, but an action of the upsert needs a part of it.",
        remedy=f"Leave {name} out of the instance, or set the whole attribute.",
        entity=schema.name,
        attribute=name,
    )
