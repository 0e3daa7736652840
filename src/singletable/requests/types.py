"""Types that requests share: items, arguments, and the protocols of their sender and their seal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar

import attrs

from singletable.errors import MalformedItemError

if TYPE_CHECKING:
    from singletable.requests.attempts import Attempts
    from singletable.steps import Steps

__all__ = ["E", "Handling", "Item", "MalformedItem", "Params", "Seal", "Sender", "UnknownItem"]

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

    def steps(self, operation: str, params: Params, attempts: Attempts | None = None) -> Steps[dict[str, Any]]:
        """Send one operation in steps; `attempts` records the attempts of one logical write."""


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
