"""Derived attributes that only code of the project can compute, and comparisons of stored values with derived ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from singletable.migrations.derived import Derived
from singletable.migrations.sources import Source, UnfitItemError
from singletable.requests.stored_values import same_value
from singletable.requests.types import Item

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["CustomText", "Maker", "derived_by", "explains", "reads_of", "unexplained"]


class Maker(Protocol):
    """An operation that computes values with a function of the project."""

    @property
    def sources(self) -> Mapping[str, Source]:
        """The sources of the function, by the names of its parameters."""

    def compile_new(self) -> Callable[[Item], Mapping[str, dict[str, Any] | None]]:
        """Return a function from an item to its values, by stored name."""


@attrs.frozen(slots=False)
class CustomText(Derived):
    """A derived attribute that only code of the project can compute. Only the description in its model is known.

    Args:
        stored_name: The stored attribute.
        made_of: A description of its sources, for people and for comparisons.
        maker: The operation of an earlier migration whose function computed the value, if there is one.
    """

    made_of: str
    maker: Maker | None = attrs.field(default=None, eq=False, repr=False)

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.stored_name, self.made_of), {}

    @property
    def sources(self) -> tuple[Source, ...]:
        return ()

    @cached_property
    def function(self) -> Callable[[Item], Mapping[str, dict[str, Any] | None]] | None:
        """The compiled function of the migration that computed the value."""
        return None if self.maker is None else self.maker.compile_new()

    def with_sources(self, change: Callable[[Source], Source]) -> Self:
        if self.maker is None:
            return self
        changed = {name: change(source) for name, source in self.maker.sources.items()}
        if changed == self.maker.sources:
            return self
        return attrs.evolve(self, maker=attrs.evolve(self.maker, sources=changed))  # type: ignore[misc]  # an attrs class

    @property
    def identity(self) -> tuple[Any, ...]:
        return (self.stored_name, self.made_of)

    def derive(self, item: Item) -> dict[str, Any] | None:
        # Nothing can be compared, so the stored value counts as right.
        return item.get(self.stored_name)

    def describe(self) -> str:
        return f"{self.stored_name} = {self.made_of}"


def explains(derived: Derived | None, item: Item, stored: dict[str, Any] | None) -> bool:
    """Return whether a stored value is the one that follows from the item's other attributes.

    Args:
        derived: The derived attribute; None if the attribute is not derived.
        item: The item.
        stored: The value.
    """
    if derived is None or (isinstance(derived, CustomText) and derived.function is None):
        return False
    try:
        return same_value(derived_by(derived, item), stored)
    except UnfitItemError:
        return False


def unexplained(name: str) -> UnfitItemError:
    """Return the reason for not changing an item whose derived value has no explanation."""
    return UnfitItemError(f"{name} holds a value that is neither the new one nor the one before")


def derived_by(derived: Derived, item: Item) -> dict[str, Any] | None:
    """Return the value that follows from an item's other attributes, by the function of a migration if it has one.

    Raises:
        UnfitItemError: It cannot be computed.
    """
    if isinstance(derived, CustomText) and derived.function is not None:
        return derived.function(item).get(derived.stored_name)
    return derived.derive(item)


def reads_of(derived: Derived) -> tuple[str, ...]:
    """Return the stored attributes from which a derived attribute is computed, as far as the history knows them."""
    sources = derived.maker.sources.values() if isinstance(derived, CustomText) and derived.maker else derived.sources
    return tuple(source.stored_name for source in sources)
