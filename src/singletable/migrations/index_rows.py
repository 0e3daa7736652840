"""The rows of one index, compared with the items of its table."""

from __future__ import annotations

from singletable.migrations.clock import Clock
from singletable.migrations.live_table import LiveTable
from singletable.migrations.segments import pages_of
from singletable.migrations.state import Index, TableState
from singletable.migrations.sums import Sums, key_text
from singletable.migrations.throttle import Throttle
from singletable.requests.stored_values import same_value
from singletable.requests.types import Item, Params

__all__ = ["IndexRows", "is_row", "row_names"]

_PAGE = 1000
_QUERIES_PER_SCAN = 100
"""A query for one row takes about as long as a scan of a hundred rows. It consumes as much capacity as forty."""

_SETTLE_SECONDS = 1.0
"""Seconds after which a differing row is read again: an index is updated a moment after its table."""


class IndexRows:
    """The rows of one index.

    Args:
        table: The table.
        state: The state that the table should have.
        index: The index.
        throttle: The limits of the capacity to consume.
        sums: The sums of the index, by which it finds the groups of rows that differ.
        clock: The clock, which tests replace.
        size: The number of rows of the index.
    """

    def __init__(
        self, table: LiveTable, state: TableState, index: Index, throttle: Throttle, sums: Sums, clock: Clock, size: int
    ) -> None:
        self._table = table
        self._state = state
        self._index = index
        self._throttle = throttle
        self._sums = sums
        self._clock = clock
        self._size = size
        self.names = row_names(state, index)

    def lost(self, items: list[Item]) -> list[Item]:
        """Return the items without a row in the index, now and a moment later."""
        present = self._present(items)
        left = [each for each in items if self._identity(each) not in present and self.is_item(each)]
        if left:
            self._clock.sleep(_SETTLE_SECONDS)
        return [each for each in left if not self._has_row(each) and self.is_item(each)]

    def orphaned(self, rows: list[Item]) -> list[Item]:
        """Return the rows that the index still has a moment later without an item in the table."""
        self._clock.sleep(_SETTLE_SECONDS)
        present = self._present(rows)
        return [each for each in rows if self._identity(each) in present and not self.is_item(each)]

    def _present(self, rows: list[Item]) -> set[bytes]:
        """Return the identities of the rows that the index has, by one scan of it or by a query for each row."""
        if self._size > _QUERIES_PER_SCAN * len(rows):
            return {self._identity(each) for each in rows if self._has_row(each)}
        wanted = {self._identity(each) for each in rows}
        found: set[bytes] = set()
        request: Params = {"TableName": self._table.name, "IndexName": self._index.name, "Limit": _PAGE}
        for page in pages_of(self._table, request, self._throttle):
            mine = (row for row in page if self._sums.differs(row))
            found |= wanted.intersection(self._identity(row) for row in mine)
        return found

    def _identity(self, row: Item) -> bytes:
        return key_text(row, self.names)

    def is_item(self, row: Item) -> bool:
        """Return whether the table has an item with the keys of a row now."""
        item = self._table.item({name: row[name] for name in self._state.key_names}) or {}
        return all(same_value(item.get(name), row.get(name)) for name in self.names)

    def _has_row(self, item: Item) -> bool:
        """Return whether the index has a row of an item now."""
        # Placeholders: names of attributes may be reserved words.
        names = {f"#{number}": name for number, name in enumerate(self.names)}
        places = {name: place for place, name in names.items()}
        keys = [name for name in self._index.names if name in places]
        others = [name for name in self._state.key_names if name not in self._index.names]
        used = {places[name]: name for name in (*keys, *others)}
        request: Params = {
            "TableName": self._table.name,
            "IndexName": self._index.name,
            "KeyConditionExpression": " AND ".join(f"{places[name]} = :{places[name][1:]}" for name in keys),
            "ExpressionAttributeNames": used,
            "ExpressionAttributeValues": {f":{place[1:]}": item[name] for place, name in used.items()},
        }
        if others:
            request["FilterExpression"] = " AND ".join(f"{places[name]} = :{places[name][1:]}" for name in others)
        for page in pages_of(self._table, request, self._throttle, "Query"):
            for row in page:
                if not all(same_value(row.get(name), item.get(name)) for name in self._index.names):
                    return False  # the server does not evaluate the condition: no page can be trusted
                if all(same_value(row.get(name), item.get(name)) for name in self._state.key_names):
                    return True
        return False


def row_names(state: TableState, index: Index) -> tuple[str, ...]:
    """Return the stored attributes that identify a row: the keys of the table and of the index."""
    return tuple(dict.fromkeys((*state.key_names, *index.names)))


def is_row(item: Item, index: Index) -> bool:
    """Return whether DynamoDB keeps an item in an index: every key attribute is a String that is not empty."""
    return all(item.get(name, {}).get("S") for name in index.names)
