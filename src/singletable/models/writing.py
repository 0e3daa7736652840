"""Writing: keys and expiry derived from an instance's attributes on every way out.

This much is here so that no write can leave a stale key behind: puts derive, an update of named
attributes carries its derived ones along under a condition, and what cannot be followed is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError
from pynamodb.expressions.condition import Condition as PynamoCondition
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action

from singletable.errors import (
    AlreadyExists,
    ConcurrentUpdateError,
    KeyChangeError,
    StaleKeyError,
    UnexpectedAttributesError,
)
from singletable.models.schema import PRIMARY, EntitySchema
from singletable.models.targets import TableSender
from singletable.requests.sending import error_code, standing_item
from singletable.requests.types import Item
from singletable.requests.write import Put, Update

if TYPE_CHECKING:
    from singletable.models.table import Table

__all__ = ["apply", "create", "derived_values", "update"]

T = TypeVar("T", bound="Table")


def derived_values(schema: EntitySchema, values: Mapping[str, Any]) -> dict[str, str | None]:
    """Every derived key attribute by stored name; None where the item is absent from an index."""
    derived: dict[str, str | None] = {}
    for index in schema.layout.indexes.values():
        derived[index.partition_name] = None
        if index.sort_name:
            derived[index.sort_name] = None
    for key in schema.keys.values():
        partition_name, sort_name = schema.layout.names_at(key.index)
        built = (
            key.build({name: values.get(name) for name in key.attributes}) if key.index is None else key.derive(values)
        )
        if built is None:
            continue
        derived[partition_name] = built[0]
        if sort_name:
            derived[sort_name] = built[1]
    # An index may be on the discriminator, which every item has by itself.
    derived.pop(schema.layout.type_name, None)
    return derived


def create(instance: Table) -> None:
    """Write an item that must not be there yet."""
    table = instance._table_class()
    layout = table._layout_of()
    item = instance.serialize()
    version = instance._handle_version_attribute(attributes=item)
    condition = Path([layout.partition_name]).does_not_exist()
    if version is not None:
        condition &= version
    try:
        Put(TableSender(table), item, condition).send()
    except ClientError as error:
        if error_code(error) != "ConditionalCheckFailedException":
            raise
        raise AlreadyExists(
            f"{instance!r} exists already; nothing was written.",
            remedy="Use save() to replace it, or update() to change some of its attributes.",
            entity=type(instance).__name__,
        ) from None
    instance.update_local_version_attribute()  # type: ignore[no-untyped-call]
    instance._remember_key()


def update(instance: Table, values: Mapping[str, Any], condition: PynamoCondition | None) -> None:
    """Set attributes of a stored item, and the derived ones with them.

    Where a derived value also depends on attributes that are not set here, the request is conditional
    on those being what the instance holds.
    """
    schema = instance._schema_of()
    unknown = tuple(name for name in values if name not in schema.attributes)
    if unknown:
        raise UnexpectedAttributesError(
            f"{schema.name} has no attribute {', '.join(unknown)}.",
            remedy=f"It has: {', '.join(schema.attributes)}.",
            entity=schema.name,
            unexpected=unknown,
        )
    _refuse_key_change(instance, schema, values)
    actions = [_assign(schema, name, value) for name, value in values.items()]
    derived_actions, guards = _follow(instance, schema, values)
    _write(instance, [*actions, *derived_actions], guards, condition)


def apply(instance: Table, actions: Sequence[Action], condition: PynamoCondition | None) -> None:
    """PynamoDB's update actions, where they touch nothing that a derived attribute depends on."""
    schema = instance._schema_of()
    watched = {schema.attributes[name].attr_name for key in schema.keys.values() for name in key.sources}
    if schema.expiry:
        watched.add(schema.attributes[schema.expiry.after].attr_name)
    watched |= set(schema.layout.key_names) | {schema.layout.type_name}
    for action in actions:
        stored = action.values[0].path[0].partition("[")[0]  # type: ignore[attr-defined]  # a Path
        if stored in watched:
            raise StaleKeyError(
                f"{schema.name}: an update action on {stored!r} would leave derived keys behind.",
                remedy="Use update(name=value), which carries them along.",
                entity=schema.name,
                attribute=schema.stored_names.get(stored),
            )
    _write(instance, list(actions), [], condition)


def _refuse_key_change(instance: Table, schema: EntitySchema, values: Mapping[str, Any]) -> None:
    changed = [name for name in schema.primary.sources if name in values and values[name] != getattr(instance, name)]
    if changed:
        raise KeyChangeError(
            f"{schema.name}: {', '.join(changed)} is part of the primary key and cannot be updated.",
            remedy="Create a new item and delete this one.",
            entity=schema.name,
            attribute=changed[0],
        )


def _assign(schema: EntitySchema, name: str, value: Any) -> Action:
    attribute = schema.attributes[name]
    # PynamoDB's attr.set(None) would write NULL, which is not "absent" to an index or a condition.
    return attribute.remove() if value is None else attribute.set(value)


def _follow(
    instance: Table, schema: EntitySchema, values: Mapping[str, Any]
) -> tuple[list[Action], list[PynamoCondition]]:
    """The actions on derived attributes, and the conditions on sources that the update does not set."""
    held = schema.key_values(instance)
    after = derived_values(schema, {**held, **schema.to_keys({n: v for n, v in values.items() if n in held})})
    actions: list[Action] = []
    untouched: set[str] = set()
    for name, key in schema.keys.items():
        if name == PRIMARY or not set(key.sources) & set(values):
            continue
        for stored in filter(None, schema.layout.names_at(key.index)):
            if stored in (schema.layout.partition_name, schema.layout.sort_name, schema.layout.type_name):
                continue
            text = after[stored]
            path = Path([stored])
            actions.append(path.remove() if text is None else path.set(text))
        untouched |= set(key.sources) - set(values)
    expiry = schema.expiry
    if expiry and expiry.after in values:
        seconds = expiry.derive(values[expiry.after])
        path = Path([expiry.stored_name])
        actions.append(path.remove() if seconds is None else path.set(seconds))
    untouched -= set(schema.primary.sources)
    guards = []
    for name in sorted(untouched):
        attribute, value = schema.attributes[name], getattr(instance, name)
        guards.append(attribute.does_not_exist() if value is None else attribute == value)
    return actions, guards


def _write(
    instance: Table,
    actions: list[Action],
    guards: list[PynamoCondition],
    condition: PynamoCondition | None,
) -> None:
    table = instance._table_class()
    layout = table._layout_of()
    required = Path([layout.partition_name]).exists()
    version = instance._handle_version_attribute(actions=actions)
    for guard in (*guards, version, condition):
        if guard is not None:
            required &= guard
    key: Item = {name: {"S": text} for name, text in instance._stored_key().items()}
    try:
        item = Update(TableSender(table), key, actions, required).send()
    except ClientError as error:
        if error_code(error) != "ConditionalCheckFailedException":
            raise
        if standing_item(error) is None:
            raise instance.DoesNotExist(  # type: ignore[call-arg]  # the class that the metaclass made
                f"{instance!r} does not exist; nothing was written.",
                remedy="Use create() to write it first.",
                entity=type(instance).__name__,
            ) from None
        raise ConcurrentUpdateError(
            f"{instance!r} was changed by another writer, or does not meet the condition; nothing was written.",
            remedy="refresh() it and try again.",
            entity=type(instance).__name__,
        ) from None
    instance.deserialize(item)
