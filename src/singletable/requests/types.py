"""Types that requests share: items, arguments, targets, and the protocols of their sender and their seal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeAlias, TypeVar

import attrs

from singletable.errors import ItemDoesNotExist, MalformedItemError
from singletable.keys import CompositeKey

if TYPE_CHECKING:
    from singletable.requests.attempts import Attempts

__all__ = ["E", "Handling", "Item", "MalformedItem", "Params", "Seal", "Sender", "Target", "UnknownItem"]

Item: TypeAlias = dict[str, dict[str, Any]]
"""An item in DynamoDB's format: stored attribute names to `{type: value}`."""

Params: TypeAlias = dict[str, Any]
"""The arguments of one DynamoDB operation."""

Handling: TypeAlias = Literal["raise", "yield", "skip"]
"""The treatment of an item that a read cannot convert to an entity."""

E = TypeVar("E")


class Seal(Protocol):
    """An object that writes and opens cursors; see `CursorSeal`."""

    def write(self, bound: bytes, last: Mapping[str, Item]) -> str:
        """Return a cursor."""

    def open(self, bound: bytes, cursor: str) -> dict[str, Item]:
        """Return the key of the last row read, for each partition."""


class Sender(Protocol):
    """An object that sends requests to a table."""

    @property
    def table_name(self) -> str:
        """The table's name in its current binding."""

    @property
    def seal(self) -> Seal:
        """The seal of the table's cursors."""

    def send(self, operation: str, params: Params, attempts: Attempts | None = None) -> dict[str, Any]:
        """Send one operation, and return the answer; `attempts` records the attempts of one logical write."""


@attrs.frozen
class UnknownItem:
    """An item without a type, or of a type that the table does not know.

    Args:
        entity_type: The item's type; None if it has none.
        key: Its partition key and sort key. The repr shows neither the key nor the item.
        item: The whole item, in DynamoDB's format.
    """

    entity_type: str | None
    key: tuple[Any, Any] = attrs.field(repr=False)
    item: Item = attrs.field(repr=False)


@attrs.frozen
class MalformedItem:
    """An item that its model cannot read, for example with an enum value that only a newer version knows.

    Args:
        entity: The name of the item's entity class.
        attribute: The Python name of the attribute that cannot be read; None if it is not known.
        key: Its partition key and sort key. The repr shows neither the key nor the item.
        item: The whole item, in DynamoDB's format.
        error: The error that `malformed="raise"` raises.
    """

    entity: str | None
    attribute: str | None
    key: tuple[Any, Any] | None = attrs.field(repr=False)
    item: Item = attrs.field(repr=False)
    error: MalformedItemError = attrs.field(eq=False, repr=False)


@attrs.frozen
class Target(Generic[E]):
    """The place that a request reads, and the functions that convert its items to entities.

    Args:
        key: The composite key that is queried.
        sender: The sender of the requests.
        partition_name: The stored attribute with the partition key.
        sort_name: The stored attribute with the sort key; None if there is none.
        primary: The stored attributes of the table's own key.
        whole: Whether a row has all requested attributes, so that no item must be fetched.
        projected: The stored attributes of a row; None for all.
        only: The requested stored attributes; None for all.
        expiry_name: The stored attribute by which DynamoDB deletes items; None if no entity of the table expires.
        type_name: The stored discriminator; None if a filter on it is not possible.
        types: The discriminators of the requested entities.
        load: Returns an item as an entity or as `UnknownItem`; None if it belongs to another known entity. It raises
            `MalformedItemError`.
        read_keys: Returns the attributes in a row's keys; None if the row belongs to another entity. It raises
            `MalformedItemError`.
        keys_tell: Whether a row's keys determine its entity.
        local: Whether the key is on a local index, which can be read consistently.
        absent: Returns the error for an item that does not exist, from a message.
        remake: Creates the target again from the models of the process; a pickle contains this function.
    """

    key: CompositeKey
    sender: Sender = attrs.field(eq=False)
    partition_name: str
    sort_name: str | None
    primary: tuple[str, str]
    whole: bool
    projected: frozenset[str] | None
    only: tuple[str, ...] | None
    expiry_name: str | None
    type_name: str | None
    types: tuple[str, ...]
    load: Callable[[Item], E | UnknownItem | None] = attrs.field(eq=False, repr=False)
    read_keys: Callable[[Item], dict[str, Any] | UnknownItem | None] = attrs.field(eq=False, repr=False)
    keys_tell: bool
    local: bool
    absent: Callable[[str], ItemDoesNotExist] = attrs.field(eq=False, repr=False)
    remake: Callable[[], Target[E]] = attrs.field(eq=False, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return _made_again, (self.remake, self.sender)

    @property
    def key_names(self) -> tuple[str, ...]:
        """The stored attributes of the queried key and of the primary key, each once."""
        own = (self.partition_name,) if self.sort_name is None else (self.partition_name, self.sort_name)
        return tuple(dict.fromkeys((*self.primary, *own)))

    @property
    def place(self) -> str:
        """The index's name, or `table`."""
        return self.key.index or "table"

    def key_of(self, row: Item) -> Item:
        """Return the part of a row with which DynamoDB continues after it."""
        return {name: row[name] for name in self.key_names if name in row}

    def primary_of(self, row: Item) -> Item:
        """Return the row's primary key."""
        return {name: row[name] for name in self.primary if name in row}


def _made_again(remake: Callable[[], Target[E]], sender: Sender) -> Target[E]:
    return attrs.evolve(remake(), sender=sender)
