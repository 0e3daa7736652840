"""Results: the rows of a request, read page by page and converted to entities one at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from enum import Enum
from functools import partial
from typing import Any, Generic, Literal, Protocol, TypeAlias, TypeVar

import attrs
from pynamodb.expressions.condition import Condition as PynamoCondition

from singletable.errors import MalformedItemError, UnknownItemError
from singletable.requests.batch_requests import GET_LIMIT, fetch_items
from singletable.requests.target import Target
from singletable.requests.types import E, Item, Params, UnknownItem
from singletable.requests.unreadable import tolerant
from singletable.steps import Steps, Stream, Together, Waitable, arun, run

__all__ = ["MOST_AT_ONCE", "Chunks", "Mark", "Page", "Results", "Row", "fetched", "pages", "rows"]

MOST_AT_ONCE = 32
"""The most partitions that are read at the same time."""

_FETCHES_AT_ONCE = 4
_FILTERED_FIRST = 100
_MOST_ASKED = 1000
_T = TypeVar("_T")


Row: TypeAlias = tuple[str, int, Item]
"""One row that DynamoDB returned: the partition key of the request, its group of partitions, and the row's content."""

Chunks: TypeAlias = Generator["Waitable | list[Row]", Any, None]
"""Rows in lists, between the steps that read them; see `Stream`."""


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
    request: PageSource,
    params: Callable[[], Params],
    want: int | None,
    start: Item | None = None,
    partition: str = "",
    group: int = 0,
) -> Chunks:
    """Yield the rows of one partition or segment, page by page; each page is one request.

    Args:
        request: The request, for its filter and its sender.
        params: Returns the arguments; called for each page, since `live` depends on the time.
        want: The number of rows that the caller will take; None for all. The first request reads as many, so that a
            limit of 20 costs as much as 20 items; with a filter, it reads at least 100. If a filter or rows of other
            entities leave too few, each further request reads twice as many as the one before, at most 1,000.
        start: The key after which to begin.
        partition: The partition key, for the rows.
        group: The number of its group of partitions, for the rows.
    """
    asked = max(want, _FILTERED_FIRST) if want is not None and request.filter is not None else want
    while True:
        arguments = params()
        if asked is not None:
            arguments["Limit"] = asked
            asked = min(asked * 2, max(_MOST_ASKED, asked))
        if start is not None:
            arguments["ExclusiveStartKey"] = start
        answer = yield from request.target.sender.steps(request.operation, arguments)
        page, start = answer.get("Items", []), answer.get("LastEvaluatedKey")
        # The page is released before the next one is read, so that only one is in memory.
        del answer
        yield [(partition, group, row) for row in page]
        del page
        # An empty page with a LastEvaluatedKey is not the end: the filter removed all of its items.
        if not start:
            return


def rows(query: RowSource, want: int | None, first: int, last: Mapping[str, Item]) -> Chunks:
    """Yield the rows of a query, group by group; the partitions of a group are read at once and merged by sort key.

    Args:
        query: The query.
        want: The number of rows that the caller will take; None for all.
        first: The first group to read.
        last: The key of the last row that an earlier page read in that group, by partition.
    """
    for number, group in enumerate(query.groups()):
        if number < first:
            continue
        found = [
            pages(query, partial(query.params_for, partition), want, last.get(partition), partition, number)
            for partition in group
        ]
        yield from found[0] if len(found) == 1 else merged(query, [Stream(each) for each in found])


def merged(query: RowSource, streams: Sequence[Stream[Row]]) -> Chunks:
    """Yield the rows of several partitions in the order of their sort keys.

    All partitions of which no row is left are read at once, since the next row may be in any of them.
    """
    buffers: list[deque[Row]] = [deque() for _ in streams]
    reading = set(range(len(streams)))
    key = query.sort_key_of
    while reading or any(buffers):
        empty = [number for number in sorted(reading) if not buffers[number]]
        if empty:
            chunks = yield Together([streams[number].take() for number in empty], MOST_AT_ONCE)
            for number, chunk in zip(empty, chunks, strict=True):
                if chunk is None:
                    reading.discard(number)
                else:
                    buffers[number].extend(chunk)
            continue
        # No partition has an unread row before the nearest of the last rows that were read.
        ends = [key(buffers[number][-1]) for number in reading]
        bound = (max if query.descending else min)(ends) if ends else None
        taken: list[Row] = []
        for buffer in buffers:
            while buffer and (bound is None or _is_within(key(buffer[0]), bound, query.descending)):
                taken.append(buffer.popleft())
        # Code points sort like UTF-8 bytes, so this is DynamoDB's order.
        taken.sort(key=key, reverse=query.descending)
        yield taken


def _is_within(sort_key: str, bound: str, descending: bool) -> bool:
    return sort_key >= bound if descending else sort_key <= bound


def fetched(target: Target[Any], found: Stream[Row], want: int | None, *, consistent: bool) -> Chunks:
    """Yield the rows with their whole items, fetched by primary key, a hundred in a request and several at once.

    A row is left out if its item was deleted, or has moved to another place in the index: an index is updated a moment
    after its table, and the item no longer belongs to the result.
    """
    least = GET_LIMIT if want is None else max(1, min(GET_LIMIT, want))
    most = GET_LIMIT * _FETCHES_AT_ONCE if want is None else least
    waiting: list[Row] = []
    while True:
        while len(waiting) < least:
            more = yield from found.take()
            if more is None:
                break
            waiting += more
        if not waiting:
            return
        chunk, waiting = waiting[:most], waiting[most:]
        keys = [target.place.primary_of(row) for _, _, row in chunk]
        items = yield from fetch_items(
            target.sender,
            keys,
            target.place.primary,
            consistent=consistent,
            workers=_FETCHES_AT_ONCE,
            only=target.place.only,
        )
        yield [
            (partition, group, item)
            for (partition, group, row), item in zip(chunk, items, strict=True)
            if item is not None and target.place.key_of(item) == target.place.key_of(row)
        ]


class Mark(Enum):
    """A value in place of an entity, if no entity follows."""

    MORE = "no row is left, but the request has more"
    END = "the request has no more items"


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
        found: Stream[Row],
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
        self._rows: Iterator[Row] = iter(())
        self._left = limit
        self._cursor_at = cursor_at
        self._group = group
        self._read: dict[str, Item] = dict(last)

    @property
    def last(self) -> dict[str, Item]:
        """The key of the last row read in the current group of partitions, by partition."""
        return {partition: self._target.place.key_of(row) for partition, row in self._read.items()}

    def take(self) -> Steps[E | Literal[Mark.END]]:
        """Return the next entity, or `Mark.END`, in steps."""
        while (found := self._next()) is Mark.MORE:
            yield from self._fill()
        return found

    def rest(self) -> Steps[list[E]]:
        """Return all entities that are left, in steps."""
        entities: list[E] = []
        while True:
            found = self._next()
            if found is Mark.MORE:
                yield from self._fill()
            elif found is Mark.END:
                return entities
            else:
                entities.append(found)

    def __iter__(self) -> Results[E]:
        return self

    def __next__(self) -> E:
        while (found := self._next()) is Mark.MORE:
            run(self._fill())
        if found is Mark.END:
            raise StopIteration
        return found

    def __aiter__(self) -> Results[E]:
        return self

    async def __anext__(self) -> E:
        while (found := self._next()) is Mark.MORE:
            await arun(self._fill())
        if found is Mark.END:
            raise StopAsyncIteration
        return found

    def _next(self) -> E | Literal[Mark.MORE, Mark.END]:
        """Return the next entity of the rows that were read."""
        if self._left == 0:
            return Mark.END
        for partition, group, row in self._rows:
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
        return Mark.MORE

    def _fill(self) -> Steps[None]:
        """Read more rows."""
        # The rows before are released first.
        self._rows = iter(())
        found = yield from self._found.take()
        if found is None:
            self._left = 0
        else:
            self._rows = iter(found)
