"""The base classes of operations: their place in a script, and their effect on a state, on items or on the table."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import attrs

from singletable.errors import MigrationError
from singletable.migrations.script import Frozen
from singletable.migrations.state import TableState
from singletable.requests.types import Item

if TYPE_CHECKING:
    from singletable.migrations.table_admin import TableAdmin

__all__ = ["Change", "Edit", "ItemOperation", "Operation", "TableOperation"]

_PACKAGE = str(Path(__file__).parents[2]) + os.sep


@attrs.frozen
class Edit:
    """The change of one item by one operation.

    Args:
        values: The attributes to set, by stored name; None removes an attribute.
        pins: The stored attributes from which it was computed. The item is written only while they are unchanged.
    """

    values: Mapping[str, dict[str, Any] | None] = attrs.field(repr=False)
    pins: frozenset[str]


Change = Callable[[Item], "Edit | None"]
"""Returns the edit of an item; None if it needs no change. Raises `UnfitItemError` if the edit cannot be computed."""


@attrs.frozen
class Operation(Frozen):
    """One step of a migration."""

    place: str | None = attrs.field(init=False, eq=False, repr=False, default=None)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "place", _caller())
        for field in ("function", "reverse_function"):
            value = getattr(self, field, None)
            if value is not None and not (callable(value) and hasattr(value, "__name__")):
                raise self.fail(
                    f"{field}={value!r} is not a function with a name.",
                    "Define one with def in the script: its name is shown in plans and reasons.",
                )

    def describe(self) -> str:
        """Return a description in one line."""
        raise NotImplementedError

    def apply(self, state: TableState) -> TableState:
        """Return the state after it.

        Raises:
            MigrationError: It does not fit this state.
        """
        raise NotImplementedError

    def reverse(self, before: TableState) -> Operation | None:
        """Return the operation that reverses it, or None; `before` is the state before it."""
        return None

    def fail(self, what: str, remedy: str = "") -> MigrationError:
        """Return an error that names the script and the line."""
        return MigrationError(f"{type(self).__name__}: {what}", remedy=remedy, place=self.place)


@attrs.frozen
class TableOperation(Operation):
    """An operation on the table as a whole."""

    def run(self, table: TableAdmin, before: TableState) -> None:
        """Change the table, unless it has been changed already.

        Args:
            table: The table.
            before: The state before the operation.
        """
        raise NotImplementedError


@attrs.frozen
class ItemOperation(Operation):
    """An operation on every item of one entity.

    Args:
        entity: The discriminator of its items.
    """

    entity: str

    def compile(self, before: TableState, later: TableState | None = None) -> Change:
        """Return a function from an item to its edit, which depends on nothing but the item.

        Args:
            before: The state before the operation.
            later: The state after the whole history. Values that its code would write are not changed.
        """
        raise NotImplementedError

    @property
    def targets(self) -> tuple[str, ...]:
        """The stored attributes that it writes."""
        raise NotImplementedError

    def changed_names(self, before: TableState) -> frozenset[str]:
        """Return the stored attributes with new values; attributes that are derived from them change also."""
        return frozenset(self.targets)

    def read_names(self, before: TableState) -> frozenset[str]:
        """Return the stored attributes from which the change of an item is computed."""
        return frozenset()

    def written_names(self, before: TableState) -> frozenset[str]:
        """Return the stored attributes that it writes or removes."""
        return self.changed_names(before)

    @property
    def discriminators(self) -> tuple[str, ...]:
        """The discriminators of its items, before it and after it."""
        return (self.entity,)

    @property
    def stamps_untyped(self) -> bool:
        """Whether it looks at items without a discriminator."""
        return False

    def concerns_untyped(self, item: Item, before: TableState) -> bool:
        """Return whether an item without a discriminator is one of its entity, by its key."""
        return False


def _caller() -> str | None:
    """Return the file and line of the code outside of the framework that makes an operation."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith((_PACKAGE, "<attrs")):
            return f"{file}:{frame.f_lineno}"
        frame = frame.f_back
    return None
