"""Results: the rows of a request, read page by page and converted to entities one at a time."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import repeat
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import attrs
from pynamodb.expressions.condition import Condition as PynamoCondition

from singletable.errors import MalformedItemError, UnknownItemError
from singletable.requests.batch_requests import GET_LIMIT, chunked, fetch_items
from singletable.requests.target import Target
from singletable.requests.types import E, Item, Params, UnknownItem
from singletable.requests.unreadable import tolerant

__all__ = ["Page", "Results", "Row", "fetched", "in_rows", "pages", "rows"]

_FILTERED_FIRST = 100
_MOST_ASKED = 1000
_T = TypeVar("_T")


Row: TypeAlias = tuple[str, int, Item]
"""One row that DynamoDB returned: the partition key of the request, its group of partitions, and the row's content."""


class PageSource(Protocol):
    """A request whose answers are pages of rows: a query or a scan."""

    @property
    def operation(self) -> str:
        """The DynamoDB operation."""

    @property
    def target(self) -> Target[Any]:
        """The target of the request."""

    @property
    def filter(self) -> PynamoCondition | None:
        """The caller's filter."""


class RowSource(PageSource, Protocol):
    """A request that reads groups of partitions, in the order of their sort keys: a query."""

    @property
    def descending(self) -> bool:
        """Whether the last sort key comes first."""

    def groups(self) -> Iterator[tuple[str, ...]]:
        """Return the partition keys to read; those of one group are merged by sort key."""

    def params_for(self, partition: str) -> Params:
        """Return the request to one partition, without `Limit` and `ExclusiveStartKey`."""

    def sort_key_of(self, row: Row) -> str:
        """Return the row's sort key."""


@attrs.frozen
class Page(Generic[_T]):
    """One page of a query.

    Args:
        items: The entities.
        cursor: The argument of `page()` for the next page; None on the last page.
    """

    items: list[_T]
    cursor: str | None

    def __iter__(self) -> Iterator[_T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


def pages(
    request: PageSource, params: Callable[[], Params], want: int | None, start: Item | None = None
) -> Iterator[list[Item]]:
    """Yield the pages of one partition or segment; each page is one request.

    Args:
        request: The request, for its filter and its sender.
        params: Returns the arguments; called for each page, since `live` depends on the time.
        want: The number of rows that the caller will take; None for all. The first request reads as many, so that a
            limit of 20 costs as much as 20 items; with a filter, it reads at least 100. If a filter or rows of other
            entities leave too few, each further request reads twice as many as the one before, at most 1,000.
        start: The key after which to begin.
    """
    asked = max(want, _FILTERED_FIRST) if want is not None and request.filter is not None else want
    while True:
        arguments = params()
        if asked is not None:
            arguments["Limit"] = asked
            asked = min(asked * 2, max(_MOST_ASKED, asked))
        if start is not None:
            arguments["ExclusiveStartKey"] = start
        answer = request.target.sender.send(request.operation, arguments)
        page, start = answer.get("Items", []), answer.get("LastEvaluatedKey")
        # The page is released before the next one is read, so that only one is in memory.
        del answer
        yield page
        del page
        # An empty page with a LastEvaluatedKey is not the end: the filter removed all of its items.
        if not start:
            return


def rows(query: RowSource, want: int | None, first: int, last: Mapping[str, Item]) -> Iterator[Row]:
    """Yield the rows of a query, group by group; the partitions of a group are merged by sort key.

    Args:
        query: The query.
        want: The number of rows that the caller will take; None for all.
        first: The first group to read.
        last: The key of the last row that an earlier page read in that group, by partition.
    """
    for number, group in enumerate(query.groups()):
        if number < first:
            continue
        streams = [_stream(query, partition, number, want, last.get(partition)) for partition in group]
        if len(streams) == 1:
            yield from streams[0]
        else:
            # Code points sort like UTF-8 bytes, so this is DynamoDB's order.
            yield from heapq.merge(*streams, key=query.sort_key_of, reverse=query.descending)


def _stream(query: RowSource, partition: str, group: int, want: int | None, start: Item | None) -> Iterator[Row]:
    return in_rows(pages(query, partial(query.params_for, partition), want, start), partition, group)


def in_rows(found: Iterator[list[Item]], partition: str = "", group: int = 0) -> Iterator[Row]:
    """Yield the rows of pages of one partition."""
    for page in found:
        yield from zip(repeat(partition), repeat(group), page)
        del page


def fetched(target: Target[Any], found: Iterator[Row], want: int | None, *, consistent: bool) -> Iterator[Row]:
    """Yield the rows with their whole items, fetched a hundred at a time by primary key.

    A row is left out if its item was deleted, or has moved to another place in the index: an index is updated a moment
    after its table, and the item no longer belongs to the result.
    """
    size = GET_LIMIT if want is None else max(1, min(GET_LIMIT, want))
    for chunk in chunked(found, size):
        keys = [target.place.primary_of(row) for _, _, row in chunk]
        items = fetch_items(target.sender, keys, target.place.primary, consistent=consistent, only=target.place.only)
        for (partition, group, row), item in zip(chunk, items, strict=True):
            if item is not None and target.place.key_of(item) == target.place.key_of(row):
                yield partition, group, item


class Results(Generic[E]):
    """An iterator of entities that continues after an error, so that one bad item does not hide those after it.

    Args:
        target: The target of the request.
        found: The rows.
        load: Reads a row; see `Target`.
        limit: The most items to yield; None for all.
        unknown: The treatment of an item of an unknown type: a word of `Handling`.
        malformed: The treatment of an item that cannot be read: a word of `Handling`.
        cursor_at: Returns the cursor of a place, for the errors.
        group: The group of partitions in which the rows begin.
        last: The key of the last row that an earlier page read in that group, by partition.
    """

    def __init__(
        self,
        target: Target[Any],
        found: Iterator[Row],
        load: Callable[[Item], E | UnknownItem | None],
        limit: int | None,
        unknown: str,
        malformed: str,
        cursor_at: Callable[[Mapping[str, Item]], str | None],
        group: int,
        last: Mapping[str, Item],
    ) -> None:
        self._target = target
        self._read_item = tolerant(load, unknown, malformed)
        self._found = found
        self._left = limit
        self._cursor_at = cursor_at
        self._group = group
        self._read: dict[str, Item] = dict(last)

    @property
    def last(self) -> dict[str, Item]:
        """The key of the last row read in the current group of partitions, by partition."""
        return {partition: self._target.place.key_of(row) for partition, row in self._read.items()}

    def __iter__(self) -> Results[E]:
        return self

    def __next__(self) -> E:
        while self._left is None or self._left > 0:
            partition, group, row = next(self._found)
            if group != self._group:
                self._group, self._read = group, {}
            self._read[partition] = row
            try:
                entity = self._read_item(row)
            except (MalformedItemError, UnknownItemError) as error:
                error.cursor = self._cursor_at(self.last)
                raise
            if entity is None:
                continue
            if self._left is not None:
                self._left -= 1
            # With "yield" the caller accepts UnknownItem and MalformedItem among the entities.
            return entity  # type: ignore[return-value]
        raise StopIteration
