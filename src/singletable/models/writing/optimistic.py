"""Changes that first read the item: `mutate()`, which changes it with a function, and `move()` to another key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy, deepcopy
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action

from singletable.errors import (
    AlreadyExistsError,
    ConditionFailed,
    KeyChangeError,
    TransactionCancelled,
    UnexpectedAttributesError,
)
from singletable.keys.text import plain_names
from singletable.models.binding.binding import held
from singletable.models.items.partial import refuse_partial
from singletable.models.writing import plan
from singletable.models.writing.checked_actions import assignments
from singletable.models.writing.transaction import Transaction
from singletable.models.writing.writes import send_write, too_contended
from singletable.requests.expressions import ItemPath
from singletable.requests.retry import CONTENTION
from singletable.requests.stored_values import check_value, same_value
from singletable.steps import Steps

if TYPE_CHECKING:
    from singletable.models.items.item import StoredItem
    from singletable.models.writing.writable import WritableItem

__all__ = ["differences", "move", "moving", "mutate"]

T = TypeVar("T", bound="WritableItem")
R = TypeVar("R")


def mutate(entity: T, function: Callable[[T], R]) -> Steps[R]:
    """Read an item, change it with a function, and write it, unless another writer was faster; see `Table.mutate`."""
    refuse_partial(entity)
    with held(entity._table_class()):
        return (yield from _mutate(entity, function))


def _mutate(entity: T, function: Callable[[T], R]) -> Steps[R]:
    for attempt in range(CONTENTION.attempts):
        yield from CONTENTION.before(attempt)
        known = copy(entity)
        yield from known._refresh(True)
        # A deep copy: the function may change maps and lists in place.
        fresh = deepcopy(known)
        result = function(fresh)
        actions = differences(known, fresh)
        if actions:
            write = plan.update_actions(known, actions, plan.unchanged(known), fenced=plan.is_fenced(known))
            try:
                yield from send_write(attrs.evolve(write, reads=True))
            except ConditionFailed as error:
                if error.uncertain:
                    raise
                continue
        vars(entity).update(vars(known))
        return result
    raise too_contended(entity)


def differences(known: StoredItem, after: StoredItem) -> list[Action]:
    """Return the update actions that turn the item as read into the instance's current state.

    Args:
        known: The item as it was read; it shares no mutable value with the instance.
        after: The instance.
    """
    schema, before, held = after._schema_of(), known._held(), after._held()
    paths = (
        (Path([attribute.attr_name]), held.get(attribute.attr_name))
        for name, attribute in schema.attributes.items()
        if name not in (schema.version, schema.token)
        and not same_value(before.get(attribute.attr_name), held.get(attribute.attr_name))
    )
    changes = [path.remove() if value is None else path.set(value) for path, value in paths]
    return [*changes, *_extra_changes(known, after)]


def _extra_changes(before: StoredItem, after: StoredItem) -> list[Action]:
    """Return the actions for attributes that the model does not declare, which are kept in stored form."""
    old, new = before._unknown(), after._unknown()
    for name, value in new.items():
        check_value(type(after).__name__, name, value)
    names = [name for name in dict.fromkeys((*old, *new)) if not same_value(old.get(name), new.get(name))]
    paths = ((name, ItemPath(name)) for name in names)
    return [path.set(new[name]) if name in new else path.remove() for name, path in paths]


def move(entity: WritableItem, changes: Mapping[str, Any]) -> Steps[None]:
    """Give an item another primary key; see `Table.move`."""
    refuse_partial(entity)
    with held(entity._table_class()):
        yield from _move(entity, changes)


def _move(entity: WritableItem, changes: Mapping[str, Any]) -> Steps[None]:
    old = copy(entity)
    for attempt in range(CONTENTION.attempts):
        yield from CONTENTION.before(attempt)
        yield from old._refresh(True)
        transaction, new = moving(old, changes)
        try:
            yield from transaction.steps()
        except TransactionCancelled as error:
            if error.uncertain:
                # The item may be under its new key.
                raise
            created, deleted = error.reasons
            if deleted.error is not None:
                # The item was deleted or changed. The next attempt reads it, and raises if it does not exist.
                continue
            if isinstance(created.error, AlreadyExistsError):
                raise created.error from error
            raise
        vars(entity).update(vars(new))
        return
    raise too_contended(entity)


def moving(old: T, changes: Mapping[str, Any]) -> tuple[Transaction, T]:
    """Return the transaction that moves an item as it was read, and the instance that it stores.

    Raises:
        UnexpectedAttributesError: The entity has no such attribute.
        KeyChangeError: The primary key would stay the same.
    """
    changes = plain_names(changes)
    assignments(old._schema_of(), changes)  # refuses unknown names and invalid values
    new = copy(old)
    for name, value in changes.items():
        if name == old._schema_of().version:
            raise UnexpectedAttributesError(f"{name} is a version, and every write increments it.", unexpected=(name,))
        setattr(new, name, value)
    old_key, new._stored = old._stored_key(), None
    if new._stored_key() == old_key:
        raise KeyChangeError(
            f"{old!r}: move({', '.join(changes)}) would not change its primary key.",
            remedy="Use update().",
            entity=type(old).__name__,
        )
    transaction = Transaction(old._table_class())
    # The version continues: if the item returns to its old key, writers that read it there before are still refused.
    transaction.add(plan.create(new, version=old._schema_of().next_version(plan.version_of(old))))
    transaction.delete(old, condition=plan.unchanged(old))
    return transaction, new
