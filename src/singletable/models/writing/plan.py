"""Plans: the writes of entities as values. `plan.update(order, status="PAID").params()` is the exact request.

Nothing is sent until a plan's `send()` is called, or a transaction sends it. Each function plans the write of the
method with its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import attrs
from pynamodb.expressions.condition import Condition as PynamoCondition
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action

from singletable.errors import InvalidRequestError, InvalidUpdateError
from singletable.keys.text import plain_names
from singletable.models.items.partial import refuse_partial
from singletable.models.reading.conditions import check_condition
from singletable.models.reading.targets import TableSender
from singletable.models.schema.entity_schema import EntitySchema
from singletable.models.schema.table_schema import table_schema
from singletable.models.writing.actions import parse_action
from singletable.models.writing.checked_actions import assignments
from singletable.models.writing.effects import evolve
from singletable.models.writing.planned_change import PlannedChange, plan_change
from singletable.models.writing.upserting import UpsertWrite, plan_upsert
from singletable.models.writing.writes import CheckWrite, CreateWrite, DeleteWrite, SaveWrite, UpdateWrite
from singletable.requests.expressions import all_of, still_holds
from singletable.requests.types import Item
from singletable.requests.write_requests import Check, Delete, Put, Update

if TYPE_CHECKING:
    from singletable.models.items.item import StoredItem

__all__ = ["check", "create", "delete", "put", "save", "update", "upsert"]

T = TypeVar("T", bound="StoredItem")


def create(entity: T, *, version: int | None = None) -> CreateWrite[T]:
    """Plan a put of an item that must not exist yet.

    Args:
        entity: The instance.
        version: The first version, if the entity has versions; None for the version of a new item.

    Raises:
        InvalidValueError: An attribute cannot hold its value, or the item would be over 400 KB.
    """
    schema = entity._schema_of()
    written, item = _outgoing(entity, schema.next_version(None) if version is None else version)
    layout = table_schema(entity).layout
    return CreateWrite(
        entity=entity,
        written=written,
        item=item,
        # Another writer may delete the item before a second attempt, which would create it again.
        resend=False,
        mark=_mark_of_item(schema, item, first=version is None),
        request=Put(
            sender=TableSender(entity._table_class()),
            item=item,
            condition=Path([layout.partition_name]).does_not_exist(),
        ),
    )


def save(entity: T, condition: PynamoCondition | None = None, *, add_version_condition: bool = True) -> SaveWrite[T]:
    """Plan a put that replaces a stored item.

    Args:
        entity: The instance.
        condition: A PynamoDB condition on the stored item.
        add_version_condition: Whether the stored version must be the one that was read.

    Raises:
        KeyChangeError: The primary key differs from the one under which the item was read.
        InvalidValueError: An attribute cannot hold its value, or the item would be over 400 KB.
    """
    check_condition(entity._schema_of(), condition)
    schema = entity._schema_of()
    version = version_of(entity)
    written, item = _outgoing(entity, schema.next_version(version))
    return SaveWrite(
        entity=entity,
        written=written,
        item=item,
        version=version,
        locked=add_version_condition,
        condition=condition,
        resend=_may_resend(schema, version, condition, locked=add_version_condition),
        mark=_mark_of_item(schema, item, first=version is None),
        request=Put(
            sender=TableSender(entity._table_class()),
            item=item,
            condition=all_of(
                condition, _expected(entity, version) if add_version_condition else None, _still_of_type(entity)
            ),
        ),
    )


put = save
"""DynamoDB's name for it."""


def update(
    entity: T,
    actions: Sequence[Action] | None = None,
    condition: PynamoCondition | None = None,
    *,
    add_version_condition: bool = True,
    **values: Any,
) -> UpdateWrite[T]:
    """Plan a change of attributes of the stored item, and of the keys and the expiry that are derived from them.

    Args:
        entity: The instance.
        actions: PynamoDB's update actions, instead of values.
        condition: A PynamoDB condition on the stored item.
        add_version_condition: Whether the stored version must be the one that was read.
        values: The new values, by attribute; None removes.

    Raises:
        KeyChangeError: An attribute of the primary key would change.
        StaleKeyError: A source of a key would change in a way that depends on an unknown value.
        InvalidValueError: A value cannot be stored, or the item would be over 400 KB.
    """
    values = plain_names(values)
    if not actions and not values:
        raise _either_or(entity, "update", "neither")
    asked = _asked(entity, "update", actions, values)
    write = update_actions(entity, asked, condition, add_version_condition=add_version_condition)
    return attrs.evolve(write, values=values)


def update_actions(
    entity: T,
    actions: Sequence[Action],
    condition: PynamoCondition | None,
    *,
    add_version_condition: bool = True,
    fenced: bool = False,
) -> UpdateWrite[T]:
    """Plan an update by actions alone.

    Args:
        entity: The instance.
        actions: PynamoDB's update actions.
        condition: A PynamoDB condition on the stored item.
        add_version_condition: Whether the stored version must be the one that was read.
        fenced: Whether the condition can hold only once, independent of other writers.
    """
    refuse_partial(entity)
    schema = entity._schema_of()
    check_condition(schema, condition)
    change = plan_change(entity, actions)
    version = version_of(entity)
    if schema.version is not None:
        counter = Path([schema.attributes[schema.version].attr_name])
        # Without a condition the stored version is unknown, so DynamoDB increments it.
        following = {"N": str(schema.next_version(version))}
        count: Action = counter.set(following) if add_version_condition else counter.add({"N": "1"})
        change = attrs.evolve(
            change,
            actions=(*change.actions, count),
            changed=(*change.changed, counter.path[0]),
            after=change.after and evolve(change.after, [parse_action(count)]),
        )
    if change.after is not None and entity._raw is not None:
        entity._refuse_unstorable(change.after)
    reads = change.reads
    return UpdateWrite(
        entity=entity,
        actions=actions,
        replan=update_actions,
        reads=reads,
        change=change,
        version=version,
        locked=add_version_condition,
        condition=condition,
        resend=fenced or _may_resend(schema, version, condition, locked=add_version_condition, reads=reads),
        mark=_mark_of_change(schema, change),
        request=Update(
            sender=TableSender(entity._table_class()),
            key=entity._key_item(),
            actions=change.actions,
            condition=all_of(
                must_exist(schema),
                *change.conditions(),
                _expected(entity, version) if add_version_condition else None,
                condition,
            ),
        ),
    )


def upsert(
    entity: T, actions: Sequence[Action] | None = None, condition: PynamoCondition | None = None, **values: Any
) -> UpsertWrite[T]:
    """Plan an update that creates the item if it does not exist, in one request.

    Args:
        entity: The instance; a new item gets its attributes.
        actions: PynamoDB's update actions, instead of values.
        condition: A PynamoDB condition on the stored item.
        values: The new values, by attribute; None removes an attribute.

    Raises:
        KeyChangeError: An attribute of the primary key would change.
        InvalidUpdateError: Both values and actions were given, or the actions cannot be combined with the instance.
        InvalidValueError: A value cannot be stored, or a new item would lack an attribute or be over 400 KB.
    """
    refuse_partial(entity)
    schema = entity._schema_of()
    values = plain_names(values)
    asked = _asked(entity, "upsert", actions, values)
    check_condition(schema, condition)
    change, required = plan_upsert(entity, asked)
    reads = change.reads or schema.version is not None
    return UpsertWrite(
        entity=entity,
        actions=asked,
        replan=update_actions,
        values=values,
        reads=reads,
        change=change,
        locked=False,
        condition=condition,
        resend=_may_resend(schema, None, condition, locked=False, reads=reads),
        mark=_mark_of_change(schema, change),
        request=Update(
            sender=TableSender(entity._table_class()),
            key=entity._key_item(),
            actions=change.actions,
            condition=all_of(required, condition),
        ),
    )


def delete(
    entity: T,
    condition: PynamoCondition | None = None,
    *,
    add_version_condition: bool = True,
    missing: Literal["ignore", "raise"] = "ignore",
) -> DeleteWrite[T]:
    """Plan a delete.

    Args:
        entity: The instance.
        condition: A PynamoDB condition on the stored item.
        add_version_condition: Whether the stored version must be the one that was read.
        missing: Whether an item that does not exist is ignored or raises `DoesNotExist`.

    Raises:
        KeyChangeError: The primary key differs from the one under which the item was read.
        InvalidRequestError: `missing` has another value.
    """
    if missing not in ("ignore", "raise"):
        raise InvalidRequestError(
            f"missing={missing!r} is not an option of delete().",
            remedy='Use "ignore" or "raise".',
            entity=entity._schema_of().name,
        )
    check_condition(entity._schema_of(), condition)
    version = version_of(entity)
    required = must_exist(entity._schema_of()) if missing == "raise" else None
    expected = _expected(entity, version) if add_version_condition else None
    return DeleteWrite(
        entity=entity,
        version=version,
        locked=add_version_condition,
        condition=condition,
        required=missing == "raise",
        resend=_may_resend(entity._schema_of(), version, all_of(required, condition), locked=add_version_condition),
        request=Delete(
            sender=TableSender(entity._table_class()),
            key=entity._key_item(),
            condition=all_of(required, condition, expected, _still_of_type(entity)),
        ),
    )


def check(entity: T, condition: PynamoCondition | None = None) -> CheckWrite[T]:
    """Plan a check of an item that a transaction does not write. Without a condition, the item must exist.

    Args:
        entity: The instance; only its primary key is read.
        condition: A PynamoDB condition on the stored item.
    """
    check_condition(entity._schema_of(), condition)
    required = must_exist(entity._schema_of()) if condition is None else condition
    return CheckWrite(
        entity=entity,
        locked=False,
        condition=condition,
        request=Check(
            sender=TableSender(entity._table_class()),
            key=entity._key_item(),
            condition=required,
        ),
    )


def _asked(
    entity: StoredItem, method: str, actions: Sequence[Action] | None, values: Mapping[str, Any]
) -> list[Action]:
    """Return the actions that a caller gave, either directly or as values.

    Raises:
        InvalidUpdateError: Both actions and values were given.
    """
    if actions and values:
        raise _either_or(entity, method, "both")
    return list(actions or assignments(entity._schema_of(), values))


def _either_or(entity: StoredItem, method: str, given: str) -> InvalidUpdateError:
    name = type(entity).__name__
    return InvalidUpdateError(
        f"{name}.{method}() takes either values or actions, but was given {given}.",
        remedy=f'Write {method}(status="PAID") or {method}(actions=[...]).',
        entity=name,
    )


def must_exist(schema: EntitySchema) -> PynamoCondition:
    """Return the condition that an item exists and has the entity's type: an update never creates an item."""
    of_type: PynamoCondition = Path([schema.layout.type_name]) == {"S": schema.discriminator}
    return Path([schema.layout.partition_name]).exists() & of_type  # type: ignore[no-any-return]


def _still_of_type(entity: StoredItem) -> PynamoCondition | None:
    """Return the condition that an item that was read is still of its type, if other entities share its primary key."""
    schema = entity._schema_of()
    others = (each for each in table_schema(entity).entities.values() if each is not schema)
    if entity._raw is None or not any(each.key_owner is schema.key_owner for each in others):
        return None
    stored = Path([schema.layout.type_name])
    return stored.does_not_exist() | (stored == {"S": schema.discriminator})  # type: ignore[no-any-return]


def unchanged(entity: StoredItem) -> PynamoCondition:
    """Return the condition that the stored item is the one that was read: by its version, if the entity has one."""
    schema = entity._schema_of()
    required = must_exist(schema)
    if schema.version is not None:
        return required & _expected(entity, version_of(entity))  # type: ignore[no-any-return]
    known: Mapping[str, Any] = entity._known()
    names = [attribute.attr_name for attribute in schema.attributes.values()]
    for name in dict.fromkeys((*names, *entity._unknown())):
        required &= still_holds(name, known.get(name))
    return required


def is_fenced(entity: StoredItem) -> bool:
    """Return whether the condition of `unchanged` can hold only once, since no writer restores the compared values.

    These include the version, or else a timestamp or a write token.
    """
    schema = entity._schema_of()
    return bool(schema.stamps) if schema.version is None else version_of(entity) is not None


def _may_resend(
    schema: EntitySchema, version: int | None, condition: PynamoCondition | None, *, locked: bool, reads: bool = False
) -> bool:
    """Return whether a request may be sent again after an attempt whose answer was lost.

    With a condition on the version that was read, it can be applied only once. Without any condition it may be applied
    twice, and the last writer wins, as always. A request whose result depends on the stored value is not sent again.
    """
    if locked and schema.version is not None:
        return version is not None
    return condition is None and not reads


def _mark_of_item(schema: EntitySchema, item: Item, *, first: bool) -> Mapping[str, dict[str, Any]]:
    """Return the values that only this put stores: its token, a random first version, or the item and its timestamp."""
    if schema.token is not None:
        name = schema.attributes[schema.token].attr_name
        return {name: item[name]}
    if first and schema.version is not None and schema.first_version is None:
        name = schema.attributes[schema.version].attr_name
        return {name: item[name]}
    return item if schema.stamps else {}


def _mark_of_change(schema: EntitySchema, change: PlannedChange) -> Mapping[str, dict[str, Any] | None]:
    """Return the values that only this update stores: its token, or all its changes and its timestamp."""
    token = schema.attributes[schema.token].attr_name if schema.token is not None else None
    if token in change.stamped:
        return {token: change.stamped[token]}
    if change.after is None or not change.stamped:
        return {}
    return {name: change.after.get(name) for name in change.changed}


def _outgoing(entity: T, version: int | None) -> tuple[T, Item]:
    """Return a copy with the times of writing and the next version, and the item to write."""
    refuse_partial(entity)
    written = copy(entity)
    written._stamp(version)
    item = written._container_serialize()
    entity._refuse_unstorable(item)
    return written, item


def version_of(entity: StoredItem) -> int | None:
    """Return the version of an instance; None if it has no version."""
    name = entity._schema_of().version
    version: int | None = getattr(entity, name) if name is not None else None
    return version


def _expected(entity: StoredItem, version: int | None) -> PynamoCondition | None:
    schema = entity._schema_of()
    if schema.version is None:
        return None
    return still_holds(schema.attributes[schema.version].attr_name, None if version is None else {"N": str(version)})
