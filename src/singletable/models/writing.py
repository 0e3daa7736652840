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
    InvalidConditionError,
    InvalidValueError,
    KeyChangeError,
    SingletableError,
    StaleKeyError,
    UnexpectedAttributesError,
)
from singletable.models.conditions import refuse_none
from singletable.models.schema import PRIMARY, EntitySchema
from singletable.models.targets import TableSender
from singletable.requests.sending import error_code, standing_item
from singletable.requests.types import Item
from singletable.requests.write import Put, Update

if TYPE_CHECKING:
    from singletable.models.table import Table

__all__ = ["apply", "create", "derived_values", "must_exist", "refuse_derived", "serialize", "update"]

T = TypeVar("T", bound="Table")


def derived_values(schema: EntitySchema, values: Mapping[str, Any]) -> dict[str, str | None]:
    """Every derived key attribute by stored name; None where the item is absent from an index."""
    derived: dict[str, str | None] = {}
    for index in schema.layout.indexes.values():
        derived[index.partition_name] = None
        if index.sort_name:
            derived[index.sort_name] = None
    for key in schema.keys.values():
        built = key.build(key.pick(values)) if key.index is None else key.derive(values)
        for stored, text in zip(schema.layout.names_at(key.index), built or (), strict=False):
            if stored is not None:
                derived[stored] = text
    # An index may be on the discriminator, which every item has by itself.
    derived.pop(schema.layout.type_name, None)
    return derived


def create(instance: Table) -> None:
    """Write an item that must not be there yet."""
    table = instance._table_class()
    layout = table._layout_of()
    item = instance.serialize()
    version = instance._version_attribute_name
    if version is not None:
        # What was deleted and is created again begins anew.
        item[instance.get_attributes()[version].attr_name] = {"N": "1"}
    condition = Path([layout.partition_name]).does_not_exist()
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
    if version is not None:
        setattr(instance, version, 1)
    instance._remember(item)


def update(instance: Table, values: Mapping[str, Any], condition: PynamoCondition | None) -> None:
    """Set attributes of a stored item, and the derived ones with them.

    Where a derived value also depends on attributes that are not set here, it is derived from what the
    instance was read with, and the request is conditional on those still being stored.
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
    _refuse_version(instance, schema, values)
    _refuse_key_change(instance, schema, values)
    actions = {schema.attributes[name].attr_name: _assign(schema, name, value) for name, value in values.items()}
    derived, guards = _follow(instance, schema, values)
    _write(instance, [*(actions | derived).values()], guards, condition)


def apply(instance: Table, actions: Sequence[Action], condition: PynamoCondition | None) -> None:
    """PynamoDB's update actions, where they touch nothing that a derived attribute depends on."""
    refuse_derived(instance, actions)
    _write(instance, list(actions), [], condition)


def refuse_derived(instance: Table, actions: Sequence[Action]) -> None:
    """Refuse update actions on derived attributes and on what they are derived from.

    Raises:
        StaleKeyError: An action touches one.
    """
    schema = instance._schema_of()
    watched = {schema.attributes[name].attr_name for name in schema.key_sources}
    if schema.expiry:
        watched |= {schema.attributes[schema.expiry.after].attr_name, schema.expiry.stored_name}
    if instance._version_attribute_name is not None:
        watched.add(instance.get_attributes()[instance._version_attribute_name].attr_name)
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


def must_exist(instance: Table) -> PynamoCondition:
    """The condition that an item is stored, and still of the instance's type: an update never creates one."""
    schema = instance._schema_of()
    of_type: PynamoCondition = Path([schema.layout.type_name]) == schema.discriminator
    return Path([schema.layout.partition_name]).exists() & of_type  # type: ignore[no-any-return]


def _refuse_version(instance: Table, schema: EntitySchema, values: Mapping[str, Any]) -> None:
    version = instance._version_attribute_name
    if version is not None and version in values:
        raise UnexpectedAttributesError(
            f"{schema.name}.{version} is a version, and counts by itself.",
            remedy="Leave it out.",
            entity=schema.name,
            unexpected=(version,),
        )


def _refuse_key_change(instance: Table, schema: EntitySchema, values: Mapping[str, Any]) -> None:
    given = schema.to_keys({name: values[name] for name in schema.primary.attributes if name in values})
    held = schema.to_keys({name: getattr(instance, name) for name in given})
    changed = [name for name, value in given.items() if value != held[name]]
    if changed:
        raise KeyChangeError(
            f"{schema.name}: {', '.join(changed)} is part of the primary key and cannot be updated.",
            remedy="Create a new item and delete this one.",
            entity=schema.name,
            attribute=changed[0],
        )


def _assign(schema: EntitySchema, name: str, value: Any) -> Action:
    attribute = schema.attributes[name]
    path = Path([attribute.attr_name])
    serialized = None if value is None else serialize(schema, name, value)
    if serialized is not None:
        # Given with its type, since PynamoDB takes a dict such as {"S": "x"} for already serialised.
        return path.set({attribute.attr_type: serialized})
    if not attribute.null:
        raise InvalidValueError(
            f"{schema.name}.{name} cannot be None.",
            remedy="Give a value, or declare the attribute with null=True.",
            entity=schema.name,
            attribute=name,
        )
    # PynamoDB's attr.set(None) would write NULL, which is not "absent" to an index or a condition.
    return path.remove()


def serialize(schema: EntitySchema, name: str, value: Any) -> Any:
    """An attribute's value as it is stored.

    Raises:
        InvalidValueError: The attribute cannot hold it.
    """
    attribute = schema.attributes[name]
    try:
        return attribute.serialize(value)
    except SingletableError:
        raise
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvalidValueError(
            f"{schema.name}.{name}: a {type(value).__name__} cannot be stored by {type(attribute).__name__}"
            f" ({type(error).__name__}).",
            entity=schema.name,
            attribute=name,
        ) from error


def _follow(
    instance: Table, schema: EntitySchema, values: Mapping[str, Any]
) -> tuple[dict[str, Action], list[PynamoCondition]]:
    """The actions on derived attributes, by stored name, and the conditions on sources that are not set."""
    actions: dict[str, Action] = {}
    guards: list[PynamoCondition] = []
    unstored = _defaults_to_store(instance, schema, set(values))
    touched = {**values, **unstored}
    own = (schema.layout.partition_name, schema.layout.sort_name, schema.layout.type_name)
    untouched: dict[str, None] = {}
    for name, key in schema.keys.items():
        if name == PRIMARY or not set(key.sources) & set(touched):
            continue
        sources = {each: touched[each] if each in touched else instance._read_value(each) for each in key.sources}
        derived = key.derive(schema.to_keys(sources)) or (None, None)
        for stored, text in zip(schema.layout.names_at(key.index), derived, strict=True):
            if stored is not None and stored not in own:
                actions[stored] = Path([stored]).remove() if text is None else Path([stored]).set(text)
        untouched |= dict.fromkeys(each for each in key.sources if each not in touched)
    expiry = schema.expiry
    if expiry and expiry.after in touched:
        seconds = expiry.derive(touched[expiry.after])
        path = Path([expiry.stored_name])
        actions[expiry.stored_name] = path.remove() if seconds is None else path.set(seconds)
    for source, value in unstored.items():
        stored = schema.attributes[source].attr_name
        actions[stored] = _assign(schema, source, value)
        guards.append(Path([stored]).does_not_exist())
    for source in untouched:
        # The primary key, under which the item is found, fixes what it is made of.
        if source not in schema.primary.recoverable:
            path, raw = Path([schema.attributes[source].attr_name]), instance._read_raw(source)
            guards.append(path.does_not_exist() if raw is None else path == raw)
    return actions, guards


def _defaults_to_store(instance: Table, schema: EntitySchema, touched: set[str]) -> dict[str, Any]:
    """Defaults that are not stored, and that a touched key is made of: they must be stored with it.

    Storing one touches every other key that is made of it.
    """
    found: dict[str, Any] = {}
    pending = True
    while pending:
        pending = False
        for name, key in schema.keys.items():
            if name == PRIMARY or not set(key.sources) & touched:
                continue
            for source in key.sources:
                if source in touched or source in schema.primary.recoverable or instance._read_raw(source) is not None:
                    continue
                value = instance._read_value(source)
                if value is not None:
                    found[source] = value
                    touched = touched | {source}
                    pending = True
    return found


def _write(
    instance: Table,
    actions: list[Action],
    guards: list[PynamoCondition],
    condition: PynamoCondition | None,
) -> None:
    table = instance._table_class()
    if condition is not None and not isinstance(condition, PynamoCondition):
        raise InvalidConditionError(
            f"condition= was given a {type(condition).__name__}, which is no condition.",
            remedy="Use for example condition=Order.total > 10.",
        )
    if condition is not None:
        refuse_none(instance._schema_of(), condition)
    required = must_exist(instance)
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
        raise _refused(instance, standing_item(error)) from None
    instance.deserialize(item)


def _refused(instance: Table, standing: Item | None) -> SingletableError:
    schema = instance._schema_of()
    if standing is None or standing.get(schema.layout.type_name) != {"S": schema.discriminator}:
        what = "does not exist" if standing is None else "is another entity by now"
        return instance.DoesNotExist(  # type: ignore[call-arg,return-value]  # the class that the metaclass made
            f"{instance!r} {what}; nothing was written.",
            remedy="Use create() to write it first.",
            entity=schema.name,
        )
    return ConcurrentUpdateError(
        f"{instance!r} was changed by another writer, or does not meet the condition; nothing was written.",
        remedy="refresh() it and try again.",
        entity=schema.name,
    )
