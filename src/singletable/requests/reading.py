"""Reading: the part of queries and scans that does not depend on the source of their rows."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, Generic

import attrs
from pynamodb.constants import NUMBER
from pynamodb.expressions.condition import Condition as PynamoCondition

from singletable.errors import (
    InvalidRequestError,
    MalformedItemError,
    MultipleItemsFoundError,
    NotProjectedError,
    SingletableError,
    UnknownItemError,
)
from singletable.requests.cursor import bound_to
from singletable.requests.expressions import ItemPath, Placeholders, Portable, all_of
from singletable.requests.results import Chunks, Mark, Page, Results, fetched
from singletable.requests.target import Target
from singletable.requests.types import E, Handling, Item, Params
from singletable.requests.unreadable import check_handling
from singletable.steps import Steps, Stream, arun, run

__all__ = ["Reading", "check_options"]


class Reading(Portable, Generic[E]):
    """The base of `Query` and `Scan`: many items, read page by page."""

    __slots__ = ()

    target: Target[E]
    filter: PynamoCondition | None
    limit: int | None
    consistent: bool
    unknown: Handling
    malformed: Handling
    live: bool

    # --- the plan -----------------------------------------------------------------

    def conditions_at(self, now: int | None = None) -> PynamoCondition | None:
        """Return the filter that is sent: the caller's, and that of `live`.

        Args:
            now: The time, in epoch seconds; None for the present.
        """
        if not self.live:
            return self.filter
        now = int(time.time()) if now is None else now
        # DynamoDB deletes no item whose attribute is absent or not a number. For these, its comparison with a number is
        # false. moto fails to compare a text with a number, so the type is checked first.
        expiry = ItemPath(str(self.target.place.expiry_name))
        return all_of(self.filter, ~(expiry.is_type(NUMBER) & (expiry <= {"N": str(now)})))

    def _common_params(self, placeholders: Placeholders, now: int | None) -> Params:
        """Return the arguments that a Query and a Scan share, without the placeholders' names and values."""
        params: Params = {}
        filter = self.conditions_at(now)
        if filter is not None:
            params["FilterExpression"] = placeholders.condition(filter)
        if self.target.place.only is not None and self.target.place.whole:
            params["ProjectionExpression"] = placeholders.projection(self.target.place.only)
        if self.consistent:
            params["ConsistentRead"] = True
        return params

    # --- sending it ---------------------------------------------------------------

    def __iter__(self) -> Iterator[E]:
        return self._results(self.limit)

    def __aiter__(self) -> AsyncIterator[E]:
        return self._results(self.limit)

    def all(self) -> list[E]:
        """Return all items, as a list."""
        return run(self.all_steps())

    async def aall(self) -> list[E]:
        """Return all items, as a list."""
        return await arun(self.all_steps())

    def first(self) -> E | None:
        """Return the first item, or None if no item was found."""
        return run(self._first())

    async def afirst(self) -> E | None:
        """Return the first item, or None if no item was found."""
        return await arun(self._first())

    def one(self) -> E:
        """Return the only item.

        Raises:
            ItemDoesNotExist: No item was found.
            MultipleItemsFoundError: Several items were found; its `count` is their number.
        """
        return run(self.one_steps())

    async def aone(self) -> E:
        """Return the only item, as `one` does."""
        return await arun(self.one_steps())

    def one_or_none(self) -> E | None:
        """Return the only item, or None if no item was found.

        Raises:
            MultipleItemsFoundError: Several items were found; its `count` is their number.
        """
        return run(self.one_or_none_steps())

    async def aone_or_none(self) -> E | None:
        """Return the only item, or None, as `one_or_none` does."""
        return await arun(self.one_or_none_steps())

    def count(self) -> int:
        """Return the number of items that iteration yields, at most `limit`; all of them are read.

        Raises:
            UnknownItemError: An item has an unknown type, and `unknown` is `raise`.
            MalformedItemError: An item cannot be read, and `malformed` is `raise`.
        """
        return run(self._count())

    async def acount(self) -> int:
        """Return the number of items, as `count` does."""
        return await arun(self._count())

    def page(self, size: int, cursor: str | None = None, *, context: str | None = None) -> Page[E]:
        """Return one page.

        If an item of the page cannot be read, the error's `cursor` continues after that item, and the earlier items of
        the page are not returned. Pages of one item lose none.

        Args:
            size: The most items of the page.
            cursor: The cursor of the page before, or of an error; None for the first page.
            context: A text that the cursor is bound to besides this request: a tenant, a session. The call for the next
                page must give the same one.

        Raises:
            CursorError: The cursor is malformed, altered, expired, or of another request or context.
            UnknownItemError: An item has an unknown type, and `unknown` is `raise`.
            MalformedItemError: An item cannot be read, and `malformed` is `raise`.
        """
        return run(self._page(size, cursor, context))

    async def apage(self, size: int, cursor: str | None = None, *, context: str | None = None) -> Page[E]:
        """Return one page, as `page` does."""
        return await arun(self._page(size, cursor, context))

    # --- in steps -------------------------------------------------------------------

    def all_steps(self) -> Steps[list[E]]:
        """Return all items as a list, in steps."""
        return self._results(self.limit).rest()

    def _first(self) -> Steps[E | None]:
        found = yield from self._results(1).take()
        return None if found is Mark.END else found

    def one_steps(self) -> Steps[E]:
        """Return the only item, in steps."""
        item = yield from self.one_or_none_steps()
        if item is None:
            raise self.target.loader.absent(f"No item {self._where}.")
        return item

    def one_or_none_steps(self) -> Steps[E | None]:
        """Return the only item or None, in steps."""
        found = yield from self._results(2).rest()
        if len(found) > 1:
            count = yield from self._count_all()
            raise MultipleItemsFoundError(
                f"{self._label} has {count} items {self._where}; at most one was expected.",
                remedy="Narrow the request by attributes or a filter, or use first() or all().",
                entity=self.target.place.key.owner,
                index=self.target.place.key.index,
                count=count,
            )
        return found[0] if found else None

    def _count(self) -> Steps[int]:
        count, results = 0, self._results(self.limit)
        while (yield from results.take()) is not Mark.END:
            count += 1
        return count

    def _page(self, size: int, cursor: str | None, context: str | None) -> Steps[Page[E]]:
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise InvalidRequestError(
                f"A page has a size of at least 1, not {size!r}.", remedy="Write for example page(20).", value=size
            )
        if self.limit is not None:
            raise InvalidRequestError(
                f"{self._label} {self._where} has limit={self.limit}; a request with a limit has no pages.",
                remedy="Leave limit out; the argument of page() is the size of a page.",
            )
        bound, seal = self._bound_to(context), self.target.sender.seal
        last = {} if cursor is None else seal.open(bound, cursor)
        # One item more than the size is read, to know whether a next page exists.
        results = self._results(None, want=size + 1, last=last, context=context)
        items: list[E] = []
        ended: dict[str, Item] = {}
        while True:
            try:
                item = yield from results.take()
            except (MalformedItemError, UnknownItemError):
                if len(items) < size:
                    raise
                # The item is on the next page, which raises for it.
                return Page(items, seal.write(bound, ended))
            if item is Mark.END:
                return Page(items, None)
            if len(items) == size:
                return Page(items, seal.write(bound, ended))
            items.append(item)
            if len(items) == size:
                ended = results.last

    # --- inside -------------------------------------------------------------------

    @property
    def _label(self) -> str:
        """The request's name in messages."""
        raise NotImplementedError

    @property
    def _where(self) -> str:
        """The place that the request reads, in messages."""
        raise NotImplementedError

    def _bound_params(self) -> Params:
        """Return the arguments of the first request at epoch second 0: a cursor of `live` is valid at any time."""
        raise NotImplementedError

    def _rows(self, want: int | None, group: int, last: Mapping[str, Item]) -> Chunks:
        """Return the rows after a place.

        Args:
            want: The number of rows that the caller will take; None for all.
            group: The first group of partitions to read.
            last: The key of the last row that was read in that group, by partition.
        """
        raise NotImplementedError

    def _group_of(self, last: Mapping[str, Item]) -> int:
        """Return the group of partitions in which an earlier page ended."""
        raise NotImplementedError

    def _results(
        self,
        limit: int | None,
        *,
        want: int | None = None,
        last: Mapping[str, Item] | None = None,
        context: str | None = None,
    ) -> Results[E]:
        return self._read_by(
            self.target.loader.load, not self.target.place.whole, limit, want=want, last=last, context=context
        )

    def _read_by(
        self,
        load: Callable[[Item], Any],
        fetch: bool,
        limit: int | None,
        *,
        want: int | None = None,
        last: Mapping[str, Item] | None = None,
        context: str | None = None,
    ) -> Results[Any]:
        if self.limit is not None:
            limit = self.limit if limit is None else min(limit, self.limit)
        want = limit if want is None else want
        last = last or {}
        group = self._group_of(last) if last else 0
        found = Stream(self._rows(want, group, last))
        if fetch:
            found = Stream(fetched(self.target, found, want, consistent=self.consistent))

        def cursor_at(place: Mapping[str, Item]) -> str | None:
            try:
                return self.target.sender.seal.write(self._bound_to(context), place)
            except SingletableError:
                # A bad secret must not hide the item's error. page() reports the secret.
                return None

        return Results(self.target, found, load, limit, self.unknown, self.malformed, cursor_at, group, last)

    def _bound_to(self, context: str | None) -> bytes:
        return bound_to(self._bound_params(), context)

    def _count_all(self) -> Steps[int]:
        """Return the number of items without a limit, and without the items that would raise."""
        raising = (name for name in ("unknown", "malformed") if getattr(self, name) == "raise")
        whole: Reading[E] = attrs.evolve(self, limit=None, **dict.fromkeys(raising, "skip"))  # type: ignore[misc]
        return whole._count()


def check_options(request: Reading[Any]) -> None:
    """Refuse invalid options of a query or a scan.

    Raises:
        InvalidRequestError: The limit is below 1, a word is not one of `Handling`, or `live` is True and no entity of
            the table expires.
        NotProjectedError: `live` is True, and the attribute by which items expire is not projected into the index.
    """
    limit, target = request.limit, request.target
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise InvalidRequestError(
            f"limit={limit!r} is not a whole number of at least 1.", remedy="Write for example limit=20."
        )
    check_handling(unknown=request.unknown, malformed=request.malformed)
    if not isinstance(request.live, bool):
        raise InvalidRequestError(f"live={request.live!r} is not a bool.", remedy="Write live=True, or leave it out.")
    if not request.live:
        return
    place = target.place
    name = place.expiry_name
    if name is None:
        raise InvalidRequestError(
            f"{place.key.label}: live=True leaves out expired items, but no entity of the table has an Expiry.",
            remedy="Leave live out, or declare an Expiry on an entity.",
            entity=place.key.owner,
        )
    if place.projected is not None and name not in place.projected:
        raise NotProjectedError(
            f"live=True reads {name!r}, which is not projected into the index {place.key.index}: no item would be"
            " left out.",
            remedy=f"Project {name!r} into the index, or compare expires_at after reading.",
            entity=place.key.owner,
            index=place.key.index,
        )
