"""Targets: the place that a request reads, the loader of its rows, and the sender."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

import attrs

from singletable.errors import ItemDoesNotExist
from singletable.keys import CompositeKey
from singletable.requests.types import E, Item, Sender, UnknownItem

__all__ = ["Loader", "Place", "Target"]

E_co = TypeVar("E_co", covariant=True)


@attrs.frozen
class Place:
    """A key on a table or an index, with the items of some entities.

    Args:
        key: The composite key that is queried.
        partition_name: The stored attribute with the partition key.
        sort_name: The stored attribute with the sort key; None if there is none.
        primary: The stored attributes of the table's own key.
        whole: Whether a row has all requested attributes, so that no item must be fetched.
        projected: The stored attributes of a row; None for all.
        only: The requested stored attributes; None for all.
        expiry_name: The stored attribute by which DynamoDB deletes items; None if no entity of the table expires.
        type_name: The stored discriminator; None if a filter on it is not possible.
        types: The discriminators of the requested entities.
        keys_tell: Whether a row's keys determine its entity.
        local: Whether the key is on a local index, which can be read consistently.
    """

    key: CompositeKey
    partition_name: str
    sort_name: str | None
    primary: tuple[str, str]
    whole: bool
    projected: frozenset[str] | None
    only: tuple[str, ...] | None
    expiry_name: str | None
    type_name: str | None
    types: tuple[str, ...]
    keys_tell: bool
    local: bool

    @property
    def key_names(self) -> tuple[str, ...]:
        """The stored attributes of the queried key and of the primary key, each once."""
        own = (self.partition_name,) if self.sort_name is None else (self.partition_name, self.sort_name)
        return tuple(dict.fromkeys((*self.primary, *own)))

    @property
    def name(self) -> str:
        """The index's name, or `table`."""
        return self.key.index or "table"

    def key_of(self, row: Item) -> Item:
        """Return the part of a row with which DynamoDB continues after it."""
        return {name: row[name] for name in self.key_names if name in row}

    def primary_of(self, row: Item) -> Item:
        """Return the row's primary key."""
        return {name: row[name] for name in self.primary if name in row}


class Loader(Protocol[E_co]):
    """The conversion of rows of a place to entities."""

    def load(self, item: Item) -> E_co | UnknownItem | None:
        """Return an item as an entity or as `UnknownItem`; None if it belongs to another known entity.

        Raises:
            MalformedItemError: The model cannot read the item.
        """

    def read_keys(self, row: Item) -> dict[str, Any] | UnknownItem | None:
        """Return the attributes in a row's keys; None if the row belongs to another entity.

        Raises:
            MalformedItemError: The keys are not those of the row's entity.
        """

    def absent(self, message: str) -> ItemDoesNotExist:
        """Return the error for an item that does not exist."""

    @property
    def remake(self) -> Callable[[], Target[Any]]:
        """A function that makes the target again from the models of a process; a pickle contains it."""


@attrs.frozen
class Target(Generic[E]):
    """A place, with the loader of its rows and the sender of its requests.

    Place and loader are made once for each key; the sender is that of one request.
    """

    place: Place
    loader: Loader[E] = attrs.field(eq=False, repr=False)
    sender: Sender = attrs.field(eq=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return _made_again, (self.loader.remake, self.sender)


def _made_again(remake: Callable[[], Target[E]], sender: Sender) -> Target[E]:
    return attrs.evolve(remake(), sender=sender)
