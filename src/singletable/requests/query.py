"""Queries as values: the requests, and methods that send them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs
from pynamodb.expressions.condition import Condition as PynamoCondition

from singletable.errors import CursorError, InvalidConditionError, InvalidRequestError
from singletable.keys import CompositeKey, Condition, KeyRange, sort_range
from singletable.requests.explanation import Explanation, explain
from singletable.requests.expressions import Placeholders, key_condition
from singletable.requests.partitions import partition_groups
from singletable.requests.reading import Reading, check_options
from singletable.requests.results import Chunks, Results, Row, rows
from singletable.requests.target import Target
from singletable.requests.types import E, Handling, Item, Params

__all__ = ["Query", "make_query"]


@attrs.frozen(repr=False)
class Query(Reading[E]):
    """A request for the items of one partition, of a series of buckets, or of all shards.

    Iterate over it, or call `all()`, `first()`, `one()`, `one_or_none()`, `count()`, `page()` or `keys()`.
    `params()` returns the exact request, and sends nothing.

    Args:
        target: The target of the request.
        equals: The attributes whose values are given.
        condition: The condition on the next attribute of the sort key, if any.
        filter: A PynamoDB condition on other attributes; DynamoDB applies it after reading.
        descending: Whether the last sort key comes first.
        limit: The most items to return.
        consistent: Whether to read consistently, at twice the cost; never on a global index.
        unknown: The treatment of an item of an unknown type: `raise`, `yield` it as `UnknownItem`, `skip`.
        malformed: The treatment of an item that its model cannot read: `raise`, `yield` it as `MalformedItem`, `skip`.
        live: Whether to leave out items whose expiry has passed and that DynamoDB has not deleted yet.
    """

    target: Target[E]
    equals: Mapping[str, Any]
    condition: Condition | None = None
    filter: PynamoCondition | None = None
    descending: bool = False
    limit: int | None = None
    consistent: bool = False
    unknown: Handling = "raise"
    malformed: Handling = "raise"
    live: bool = False

    @property
    def operation(self) -> str:
        """The DynamoDB operation."""
        return "Query"

    @property
    def key(self) -> CompositeKey:
        """The key that is queried."""
        return self.target.place.key

    def __repr__(self) -> str:
        # Values may be personal. The explanation hides personal values.
        return f"<Query {self.key.label}: {self.explain().key_condition}>"

    # --- the plan -----------------------------------------------------------------

    def params(self) -> Params:
        """Return the arguments of the first request, DynamoDB's Query; nothing is sent."""
        return next(self.all_params())

    def all_params(self) -> Iterator[Params]:
        """Yield the first request to each partition that the query may read, in order; nothing is sent."""
        for group in self.groups():
            for partition in group:
                params = self.params_for(partition)
                if self.limit is not None:
                    params["Limit"] = self.limit
                yield params

    def params_for(self, partition: str, now: int | None = None) -> Params:
        """Return the request to one partition, without `Limit` and `ExclusiveStartKey`.

        Args:
            partition: The partition key.
            now: The time for `live`, in epoch seconds; None for the present.
        """
        target, placeholders = self.target, Placeholders()
        condition = key_condition(
            placeholders, target.place.partition_name, partition, target.place.sort_name, self.sort_range()
        )
        params: Params = {"TableName": target.sender.table_name, "KeyConditionExpression": condition}
        if target.place.key.index is not None:
            params["IndexName"] = target.place.key.index
        params |= self._common_params(placeholders, now)
        if self.descending:
            params["ScanIndexForward"] = False
        return {**params, **placeholders.arguments()}

    def groups(self) -> Iterator[tuple[str, ...]]:
        """Return the partition keys to read, in groups; those of one group are merged by sort key."""
        return partition_groups(self.key, self.equals, self.condition, descending=self.descending)

    def sort_range(self) -> KeyRange:
        """Return the range of sort keys that the attributes and the condition describe."""
        return sort_range(self.key, self.equals, self.condition) if self.key.sort else KeyRange("all")

    def explain(self) -> Explanation:
        """Return the request in words: index and key condition, with personal values hidden."""
        return explain(self)

    # --- sending it ---------------------------------------------------------------

    def keys(self) -> Results[dict[str, Any]]:
        """Iterate over the attributes in the rows' keys, without projected attributes; with `for` or `async for`.

        Items are fetched only if the index does not contain their type, and a class shares its keys with its subclass,
        so that the keys do not determine the class of a row.

        Raises:
            UnknownItemError: A row has an unknown type, and `unknown` is `raise`.
            MalformedItemError: The keys of a row are not those of its entity, and `malformed` is `raise`.
        """
        return self._read_by(self.target.loader.read_keys, not self.target.place.keys_tell, None)

    # --- inside -------------------------------------------------------------------

    def sort_key_of(self, row: Row) -> str:
        """Return the row's sort key, by which shards are merged."""
        name = self.target.place.sort_name
        return str(row[2][name]["S"]) if name else ""

    @property
    def _label(self) -> str:
        return self.key.label

    @property
    def _where(self) -> str:
        return f"at {self.explain().key_condition} ({self.target.place.name})"

    def _bound_params(self) -> Params:
        return self.params_for(next(self.groups())[0], now=0)

    def _rows(self, want: int | None, group: int, last: Mapping[str, Item]) -> Chunks:
        return rows(self, want, group, last)

    def _group_of(self, last: Mapping[str, Item]) -> int:
        for number, group in enumerate(self.groups()):
            if any(partition in last for partition in group):
                return number
        raise CursorError(
            "The cursor ends in a partition that the query does not read.",
            remedy="Ask for the first page again, without a cursor.",
        )


def make_query(
    target: Target[E],
    equals: Mapping[str, Any],
    condition: Condition | None,
    **options: Any,
) -> Query[E]:
    """Return a query after checks of all its parts, so that errors are raised before a request is sent."""
    key = target.place.key
    empty = tuple(name for name, value in equals.items() if value is None)
    if empty:
        raise InvalidConditionError(
            f"{key.label} was given {', '.join(empty)}=None; an item without a value for it does not have this key.",
            remedy="Leave the attribute out, or give a value.",
            entity=key.owner,
            index=key.index,
            attribute=empty[0],
        )
    query = Query(target, dict(equals), condition, **options)
    check_options(query)
    if query.consistent and key.index is not None and not target.place.local:
        raise InvalidRequestError(
            f"{key.label} is on a global index, which DynamoDB cannot read consistently.",
            remedy="Leave consistent out, or read by the primary key.",
            entity=key.owner,
            index=key.index,
        )
    # Building the first partition key and the range of sort keys checks all values.
    next(query.groups())
    query.sort_range()
    return query
