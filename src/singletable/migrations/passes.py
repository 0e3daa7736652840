"""Passes: consecutive operations on items, applied to each item together in a single scan of the table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from singletable.errors import SingletableError
from singletable.migrations.change_expressions import check_expressions
from singletable.migrations.item_change import ItemChange
from singletable.migrations.operations import ItemOperation, Operation, TableOperation
from singletable.migrations.operations.base import Change, Edit
from singletable.migrations.rederiving import Rederive, rederiving
from singletable.migrations.sources import UnfitItemError
from singletable.migrations.state import TableState
from singletable.requests.capacity import item_size
from singletable.requests.stored_values import ITEM_BYTES, check_value, same_value
from singletable.requests.types import Item

__all__ = ["Pass", "Step", "checked_change", "steps_of"]


@attrs.frozen
class _Part:
    """One compiled operation of a pass."""

    operation: ItemOperation
    before: TableState
    change: Change
    rederive: Rederive | None


class Pass:
    """The work of one scan.

    Args:
        operations: The operations, in their order.
        before: The state before the first operation.
        later: The state of the whole history.
    """

    def __init__(self, operations: Sequence[Operation], before: TableState, later: TableState | None = None) -> None:
        self.operations = tuple(each for each in operations if isinstance(each, ItemOperation))
        self.before = before
        self.later = later
        self.key_names = before.key_names
        self.type_name = before.type_name
        self._parts: list[_Part] = []
        state = before
        for operation in operations:
            after = operation.apply(state)
            if isinstance(operation, ItemOperation):
                self._parts.append(_part(operation, state, after, later))
            state = after
        self.after = state
        self.known = frozenset({*before.entities, *state.entities, *(later.entities if later else ())})
        names = [name for each in self.operations for name in each.discriminators]
        self.entities: tuple[str, ...] = tuple(dict.fromkeys(names))
        self._stamps = [(part.operation, part.before) for part in self._parts if part.operation.stamps_untyped]

    @property
    def targets(self) -> tuple[str, ...]:
        """The stored attributes that it writes."""
        return tuple(dict.fromkeys(name for each in self.operations for name in each.targets))

    @property
    def written(self) -> frozenset[str]:
        """The stored attributes that its operations write or remove."""
        return frozenset().union(*(part.operation.written_names(part.before) for part in self._parts))

    @property
    def touched(self) -> frozenset[str]:
        """The stored attributes that its operations read, write or remove."""
        return self.written.union(*(part.operation.read_names(part.before) for part in self._parts))

    def describe(self) -> str:
        """Return a description in one line."""
        return "; ".join(each.describe() for each in self.operations)

    def type_of(self, item: Item) -> str | None:
        """Return the discriminator of an item; None if it has none."""
        return self.before.type_of(item)

    def concerns(self, item: Item) -> bool:
        """Return whether the pass concerns an item, by its discriminator, or by its key if it has no discriminator."""
        says = self.type_of(item)
        if says is not None or self.type_name in item:
            return says in self.entities
        return any(each.concerns_untyped(item, before) for each, before in self._stamps)

    def change(self, item: Item) -> ItemChange | None:
        """Return the change of an item; None if it needs no change or the pass does not concern it.

        Raises:
            UnfitItemError: The change cannot be computed, or DynamoDB would refuse the result.
        """
        image = dict(item)
        pins: set[str] = set()
        for part in self._parts:
            says = self.type_of(image)
            if says != part.operation.entity and not (part.operation.stamps_untyped and self.type_name not in image):
                continue
            was = image
            edit = _edit(part.change, was)
            if edit is None:
                continue
            image = _edited(was, edit)
            pins |= edit.pins
            more = _edit(lambda now, part=part, was=was: part.rederive(was, now), image) if part.rederive else None  # type: ignore[misc]
            if more is not None:
                image = _edited(image, more)
                pins |= more.pins
        if image == item or (image.keys() == item.keys() and all(same_value(image[n], item[n]) for n in item)):
            return None
        return checked_change(item, image, pins, self.key_names, self.type_name)


def checked_change(
    item: Item, image: Item, pins: Iterable[str], key_names: tuple[str, str], type_name: str
) -> ItemChange:
    """Return the change from an item to an image.

    Args:
        item: The item as it was read.
        image: The item after the change.
        pins: The stored attributes that must be unchanged; the discriminator is always one of them.
        key_names: The stored attributes of the primary key.
        type_name: The stored attribute of the discriminator.

    Raises:
        UnfitItemError: DynamoDB would refuse the result.
    """
    change = ItemChange(item, image, frozenset(pins) - set(key_names) | {type_name}, key_names)
    try:
        for name, value in change.sets.items():
            check_value("the item", name, value)
    except SingletableError as error:
        raise UnfitItemError(error.what.rstrip(".")) from None
    size = item_size(image)
    if size > ITEM_BYTES:
        raise UnfitItemError(f"the item would have {size:,} bytes; DynamoDB accepts {ITEM_BYTES:,}")
    check_expressions(change)
    return change


def _part(operation: ItemOperation, before: TableState, after: TableState, later: TableState | None) -> _Part:
    changed = operation.changed_names(before)
    names = [name for name in operation.discriminators if name in after.entities]
    rederive = None
    if names and operation.entity in before.entities:
        entity = before.entities[operation.entity]
        rederive = rederiving(entity, after.entities[names[-1]], changed, before.ttl, later)
    return _Part(operation, before, operation.compile(before, later), rederive)


def _edited(item: Item, edit: Edit) -> Item:
    image = {**item, **edit.values}
    return {name: value for name, value in image.items() if value is not None}


def _edit(change: Change, image: Item) -> Edit | None:
    try:
        return change(image)
    except UnfitItemError:
        raise
    except Exception as error:
        # One odd item must not end the whole run. The reason must not contain its values.
        raise UnfitItemError(f"its change could not be computed ({type(error).__name__})") from error


@attrs.frozen
class Step:
    """One step of a migration: a pass over the items, or one operation of another kind.

    Args:
        number: Its number within the migration, from 0.
        before: The state before it.
        operations: Its operations.
        later: The state after the whole history.
    """

    number: int
    before: TableState
    operations: tuple[Operation, ...]
    later: TableState | None = None

    @property
    def is_pass(self) -> bool:
        """Whether it is a pass over the items."""
        return isinstance(self.operations[0], ItemOperation)

    def compile(self) -> Pass:
        """Return the compiled pass."""
        return Pass(self.operations, self.before, self.later)

    def describe(self) -> str:
        """Return a description in one line."""
        return "; ".join(each.describe() for each in self.operations if _acts(each))


def steps_of(operations: Iterable[Operation], before: TableState, later: TableState | None = None) -> list[Step]:
    """Return the steps of a migration. Consecutive operations on items share a scan, if the scan can be repeated.

    An operation that only changes the state has no step.
    """
    steps: list[Step] = []
    state = before
    for operation in operations:
        last = steps[-1] if steps else None
        if last and last.is_pass and not isinstance(operation, TableOperation) and _can_join(last, operation, state):
            steps[-1] = attrs.evolve(last, operations=(*last.operations, operation))
        elif _acts(operation):
            steps.append(Step(len(steps), state, (operation,), later))
        state = operation.apply(state)
    return steps


def _can_join(step: Step, operation: Operation, before: TableState) -> bool:
    """Return whether a pass can be repeated if an operation joins it.

    A repeated pass finds items that all of its operations have changed. If an operation writes or removes an attribute
    that an earlier one reads or writes, the earlier one would have another result the second time.
    """
    if not isinstance(operation, ItemOperation):
        return True
    written = operation.written_names(before)
    state = step.before
    for each in step.operations:
        if (
            isinstance(each, ItemOperation)
            and set(each.discriminators) & set(operation.discriminators)
            and written & (each.read_names(state) | each.written_names(state))
        ):
            return False
        state = each.apply(state)
    return True


def _acts(operation: Operation) -> bool:
    return isinstance(operation, (ItemOperation, TableOperation))
