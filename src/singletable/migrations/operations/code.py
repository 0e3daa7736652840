"""An operation that runs code of the project as a step of a migration."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs

from singletable.migrations.operations.base import TableOperation
from singletable.migrations.state import TableState

if TYPE_CHECKING:
    from singletable.migrations.live_table import LiveTable

__all__ = ["RunPython"]


@attrs.frozen
class RunPython(TableOperation):
    """Call a function.

    After an interruption, the next run calls it again: repeated calls must do no harm.

    Args:
        function: Takes the live table: `table.name`, `table.item(key)`, `table.items(...)`,
            `table.transact(...)`, and `table.send(operation, params)` for anything else.
        reverse_function: The function that a rollback calls; None if the migration cannot be rolled back.
        needs_items: Whether the function has nothing to do on an empty table, which is then brought to the state of
            the whole history at once.
    """

    function: Callable[[LiveTable], Any] = attrs.field(eq=False)
    reverse_function: Callable[[LiveTable], Any] | None = attrs.field(default=None, eq=False)
    needs_items: bool = attrs.field(default=False, kw_only=True)

    def describe(self) -> str:
        return f"Run {self.function.__name__}()"

    def apply(self, state: TableState) -> TableState:
        return state

    def run(self, table: LiveTable, before: TableState) -> None:
        self.function(table)

    def reverse(self, before: TableState) -> TableOperation | None:
        if self.reverse_function is None:
            return None
        return RunPython(self.reverse_function, self.function, needs_items=self.needs_items)
