"""The change of one item: its old state, its new state, and the attributes that must not change meanwhile."""

from __future__ import annotations

import attrs

from singletable.requests.types import Item

__all__ = ["ItemChange"]


@attrs.frozen
class ItemChange:
    """A planned change of one item.

    Args:
        item: The item as it was read.
        image: The item after the change.
        pins: The stored attributes that must still have the values that were read.
        key_names: The stored attributes of the primary key.
        sets: The attributes to set.
    """

    item: Item = attrs.field(repr=False)
    image: Item = attrs.field(repr=False)
    pins: frozenset[str]
    key_names: tuple[str, str]
    sets: Item = attrs.field(init=False, eq=False, repr=False)

    @sets.default
    def _compare(self) -> Item:
        return {name: value for name, value in self.image.items() if self.item.get(name) != value}

    @property
    def key(self) -> Item:
        """The item's primary key, as it was read."""
        return {name: self.item[name] for name in self.key_names}

    @property
    def moves(self) -> bool:
        """Whether the item gets another primary key."""
        return any(self.image[name] != self.item[name] for name in self.key_names)

    @property
    def removes(self) -> list[str]:
        """The attributes to remove."""
        return [name for name in self.item if name not in self.image]
