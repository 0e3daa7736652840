"""Queries as values: what would be asked, then asking it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Generic, Literal

import attrs
from pynamodb.expressions.condition import Condition as PynamoCondition
from pynamodb.expressions.operand import Path

from singletable.errors import CursorError, InvalidConditionError, MultipleItemsFound
from singletable.keys import CompositeKey, Condition, KeyRange, sort_range
from singletable.requests.cursor import bound_to
from singletable.requests.explanation import Explanation, explain
from singletable.requests.expressions import Placeholders, Portable, key_condition
from singletable.requests.partitions import partition_groups
from singletable.requests.results import Page, Results, Row, fetched, rows, unknown_item
from singletable.requests.types import E, Item, Params, Target, UnknownItem

__all__ = ["Query", "check_options", "make_query"]

_MOST_TYPES_IN_FILTER = 100


@attrs.frozen(repr=False)
class Query(Portable, Generic[E]):
    """Items of one partition (or of a series of buckets, or of all shards), as a value.

    Iterate it, or take `all()`, `first()`, `one()`, `one_or_none()`, `count()`, `page()`, `keys()`.
    `params()` is the exact request and sends nothing.

    Args:
        target: Where it goes.
        equals: The attributes whose values are given.
        condition: The condition on the next attribute of the sort key, if any.
        filter: A PynamoDB condition on other attributes; DynamoDB applies it after reading.
        descending: Whether the last sort key comes first.
        limit: How many items to return at most.
        consistent: Whether to read what was last written, at twice the cost; never on an index.
        unknown: What to do with an item of an unknown type: `raise`, `yield` it as `UnknownItem`, `skip`.
    """

    target: Target[E]
    equals: Mapping[str, Any]
    condition: Condition | None = None
    filter: PynamoCondition | None = None
    descending: bool = False
    limit: int | None = None
    consistent: bool = False
    unknown: Literal["raise", "yield", "skip"] = "raise"

    @property
    def operation(self) -> str:
        """The DynamoDB operation."""
        return "Query"

    @property
    def key(self) -> CompositeKey:
        """The key that is asked."""
        return self.target.key

    def __repr__(self) -> str:
        # Values may be personal; the explanation hides those.
        return f"<Query {self.key.label}: {self.explain().key_condition}>"

    # --- the plan -----------------------------------------------------------------

    def params(self) -> Params:
        """The first request, as the arguments of DynamoDB's Query; nothing is sent."""
        return next(self.all_params())

    def all_params(self) -> Iterator[Params]:
        """The first request to each partition that the query may visit, in order; nothing is sent."""
        for group in self.groups():
            for partition in group:
                params = self.params_for(partition)
                if self.limit is not None:
                    params["Limit"] = self.limit
                yield params

    def params_for(self, partition: str) -> Params:
        """The request to one partition, without `Limit` and `ExclusiveStartKey`."""
        target, placeholders = self.target, Placeholders()
        condition = key_condition(placeholders, target.partition_name, partition, target.sort_name, self.sort_range())
        params: Params = {"TableName": target.sender.table_name, "KeyConditionExpression": condition}
        if target.key.index is not None:
            params["IndexName"] = target.key.index
        if self.filter is not None:
            params["FilterExpression"] = placeholders.condition(self.filter)
        if self.descending:
            params["ScanIndexForward"] = False
        if self.consistent:
            params["ConsistentRead"] = True
        return {**params, **placeholders.arguments()}

    def groups(self) -> Iterator[tuple[str, ...]]:
        """The partition keys to visit; those of one group are merged by sort key."""
        return partition_groups(self.key, self.equals, self.condition, descending=self.descending)

    def sort_range(self) -> KeyRange:
        """The range of sort keys that the attributes and the condition mean."""
        return sort_range(self.key, self.equals, self.condition) if self.key.sort else KeyRange("all")

    def explain(self) -> Explanation:
        """The request in words: index and key condition, with personal values hidden."""
        return explain(self)

    # --- sending it ---------------------------------------------------------------

    def __iter__(self) -> Iterator[E]:
        return self._results(self.limit)

    def all(self) -> list[E]:
        """All items, as a list."""
        return list(self)

    def first(self) -> E | None:
        """The first item, or None."""
        return next(self._results(1), None)

    def one(self) -> E:
        """The only item.

        Raises:
            ItemDoesNotExist: There is none.
            MultipleItemsFound: There are several; its `count` says how many.
        """
        item = self.one_or_none()
        if item is None:
            raise self.target.absent(f"No item at {self.explain().key_condition} ({self.target.place}).")
        return item

    def one_or_none(self) -> E | None:
        """The only item, or None where there is none.

        Raises:
            MultipleItemsFound: There are several; its `count` says how many.
        """
        found = list(self._results(2))
        if len(found) > 1:
            count = attrs.evolve(self, limit=None).count()
            raise MultipleItemsFound(
                f"{self.key.label} has {count} items at {self.explain().key_condition}, where one was asked for.",
                remedy="Give more attributes, or use first() or all().",
                entity=self.key.owner,
                index=self.key.index,
                count=count,
            )
        return found[0] if found else None

    def count(self) -> int:
        """How many items of these entities there are, at most `limit`. DynamoDB reads them all to count them."""
        target = self.target
        if target.type_name is None or len(target.types) > _MOST_TYPES_IN_FILTER:
            return sum(1 for _ in attrs.evolve(self, unknown="skip").keys())  # noqa: SIM118 - a query is no dict
        count = 0
        types = Path([target.type_name]).is_in(*target.types)
        counting = attrs.evolve(self, filter=types if self.filter is None else self.filter & types)
        for partition in (each for group in self.groups() for each in group):
            params = {**counting.params_for(partition), "Select": "COUNT"}
            start: Item | None = None
            while self.limit is None or count < self.limit:
                answer = target.sender.send("Query", params | ({"ExclusiveStartKey": start} if start else {}))
                count += answer.get("Count", 0)
                start = answer.get("LastEvaluatedKey")
                if not start:
                    break
        return count if self.limit is None else min(count, self.limit)

    def page(self, size: int, cursor: str | None = None, *, context: str | None = None) -> Page[E]:
        """One page.

        Args:
            size: How many items it holds at most.
            cursor: The cursor of the page before; None for the first page.
            context: What the cursor is bound to beside this query: a tenant, a session. The next page is given
                only for the same one.

        Raises:
            CursorError: The cursor is malformed, altered, expired, or of another query or context.
        """
        if size < 1:
            raise InvalidConditionError(f"A page of {size} items cannot be asked for.", value=size)
        if self.limit is not None:
            raise InvalidConditionError(
                f"{self.key.label}: a query with limit={self.limit} has no pages.",
                remedy="Leave limit out; page() is given the size of a page.",
            )
        bound, seal = bound_to(self.params(), context), self.target.sender.seal
        last = {} if cursor is None else seal.open(bound, cursor)
        # One more than the page holds is asked for, to know whether there is a next page.
        results = self._results(None, want=size + 1, last=last)
        items: list[E] = []
        ended: dict[str, Item] = {}
        for item in results:
            if len(items) == size:
                return Page(items, seal.write(bound, ended))
            items.append(item)
            if len(items) == size:
                ended = results.last
        return Page(items, None)

    def keys(self) -> Iterator[dict[str, Any]]:
        """The attributes that the rows' keys hold; projections are left out.

        Items are fetched only where an index does not hold their type and a class shares its keys with
        its subclass, so that the keys do not say which of the two a row is of.
        """
        found = rows(self, self.limit, 0, {})
        if not self.target.keys_tell:
            found = fetched(self.target, found, self.limit, consistent=self.consistent)
        # islice stops at the limit without looking for one row more, which might be another request.
        yield from islice(self._read_keys(found), self.limit)

    def _read_keys(self, found: Iterator[Row]) -> Iterator[dict[str, Any]]:
        for row in found:
            values = self.target.read_keys(row[2])
            if isinstance(values, UnknownItem):
                if self.unknown == "raise":
                    raise unknown_item(values)
            elif values is not None:
                yield values

    # --- inside -------------------------------------------------------------------

    def sort_key_of(self, row: Row) -> str:
        """The row's sort key, by which shards are merged."""
        name = self.target.sort_name
        return str(row[2][name]["S"]) if name else ""

    def _results(
        self, limit: int | None, *, want: int | None = None, last: Mapping[str, Item] | None = None
    ) -> Results[E]:
        if self.limit is not None and limit is not None:
            limit = min(limit, self.limit)
        want = limit if want is None else want
        last = last or {}
        first = self._group_of(last) if last else 0
        found = rows(self, want, first, last)
        if not self.target.whole:
            found = fetched(self.target, found, want, consistent=self.consistent)
        return Results(self.target, found, limit, self.unknown, first, last)

    def _group_of(self, last: Mapping[str, Item]) -> int:
        """The group of partitions in which an earlier page ended."""
        for number, group in enumerate(self.groups()):
            if any(partition in last for partition in group):
                return number
        raise CursorError(
            "The cursor ends in a partition that the query does not visit.",
            remedy="Ask for the first page again, without a cursor.",
        )


def check_options(limit: Any, unknown: Any) -> None:
    """Refuse a limit below 1, and a word for unknown items that is none.

    Raises:
        InvalidConditionError: One of them cannot be meant.
    """
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise InvalidConditionError(f"A limit of {limit!r} items cannot be asked for.", remedy="Give 1 or more.")
    if unknown not in ("raise", "yield", "skip"):
        raise InvalidConditionError(f"unknown={unknown!r} is none of 'raise', 'yield', 'skip'.")


def make_query(
    target: Target[E],
    equals: Mapping[str, Any],
    condition: Condition | None,
    **options: Any,
) -> Query[E]:
    """A query whose every part was checked, so that whatever is wrong is said before anything is sent."""
    key = target.key
    empty = tuple(name for name, value in equals.items() if value is None)
    if empty:
        raise InvalidConditionError(
            f"{key.label} was asked for {', '.join(empty)}=None; an item without it has no such key.",
            remedy="Leave the attribute out, or give a value.",
            entity=key.owner,
            index=key.index,
            attribute=empty[0],
        )
    check_options(options.get("limit"), options.get("unknown", "raise"))
    if options.get("consistent") and key.index is not None and not target.local:
        raise InvalidConditionError(
            f"{key.label} is on a global index, which DynamoDB cannot read consistently.",
            remedy="Leave consistent out, or read by the primary key.",
            entity=key.owner,
            index=key.index,
        )
    query = Query(target, dict(equals), condition, **options)
    # Building the first partition key and the range of sort keys checks every value.
    next(query.groups())
    query.sort_range()
    return query
