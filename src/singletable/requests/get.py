"""Gets as values: one item by its primary key."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Generic

import attrs

from singletable.keys import KeyRange
from singletable.requests.explanation import Explanation
from singletable.requests.expressions import projected
from singletable.requests.query import Query
from singletable.requests.target import Target
from singletable.requests.types import E, Handling, Item, Params
from singletable.requests.unreadable import tolerant
from singletable.steps import Steps, arun, run

__all__ = ["Get"]


@attrs.frozen(repr=False)
class Get(Generic[E]):
    """A request for the item with a primary key; `one()` sends it, and raises if the item does not exist.

    Args:
        target: The target of the request.
        equals: The attributes of the key.
        consistent: Whether to read consistently, at twice the cost.
    """

    target: Target[E]
    equals: Mapping[str, Any]
    consistent: bool = False

    def __repr__(self) -> str:
        # Values may be personal. The explanation hides personal values.
        return f"<Get {self.target.place.key.label}: {self.explain().key_condition}>"

    def params(self) -> Params:
        """Return the arguments of DynamoDB's GetItem; nothing is sent."""
        partition, sort = self.target.place.key.build(self.equals)
        names = (self.target.place.partition_name, self.target.place.sort_name)
        params: Params = {
            "TableName": self.target.sender.table_name,
            "Key": {name: {"S": text} for name, text in zip(names, (partition, sort), strict=True) if name},
        }
        if self.consistent:
            params["ConsistentRead"] = True
        return {**params, **projected(self.target.place.only)}

    def explain(self) -> Explanation:
        """Return the request in words: the key, with personal values hidden."""
        return Query(self.target, self.equals).explain()

    def sort_range(self) -> KeyRange:
        """Return the sort key as a range."""
        return Query(self.target, self.equals).sort_range()

    def one(self) -> E:
        """Return the item.

        Raises:
            ItemDoesNotExist: The item does not exist, or belongs to another entity.
            UnknownItemError: Its type is unknown to the table.
            MalformedItemError: Its model cannot read it.
        """
        return run(self.one_steps())

    async def aone(self) -> E:
        """Return the item, as `one` does."""
        return await arun(self.one_steps())

    def one_or_none(self) -> E | None:
        """Return the item, or None if it does not exist."""
        return run(self.one_or_none_steps())

    async def aone_or_none(self) -> E | None:
        """Return the item, or None if it does not exist."""
        return await arun(self.one_or_none_steps())

    def one_steps(self) -> Steps[E]:
        """Return the item, in steps."""
        item = yield from self.one_or_none_steps()
        if item is None:
            raise self.target.loader.absent(f"No {self.target.place.key.owner} at {self.explain().key_condition}.")
        return item

    def one_or_none_steps(self) -> Steps[E | None]:
        """Return the item or None, in steps."""
        answer = yield from self.target.sender.steps("GetItem", self.params())
        return self.loaded(answer.get("Item"))

    def loaded(self, item: Item | None, unknown: Handling = "raise", malformed: Handling = "raise") -> E | None:
        """Return the entity in the answer of any operation; None if the answer has no item.

        Args:
            item: The item in the answer.
            unknown: What to do with an item of an unknown type; `yield` gives `UnknownItem`, `skip` None.
            malformed: What to do with an item that cannot be read; `yield` gives `MalformedItem`, `skip` None.

        Raises:
            UnknownItemError: Its type is unknown to the table.
            MalformedItemError: Its model cannot read it.
        """
        # With "yield" the caller accepts UnknownItem and MalformedItem.
        return tolerant(self.target.loader.load, unknown, malformed)(item) if item else None  # type: ignore[return-value]

    def all(self) -> list[E]:
        """Return a list of the item, or an empty list, like the method of queries."""
        return list(self)

    async def aall(self) -> list[E]:
        """Return a list of the item, or an empty list."""
        item = await self.aone_or_none()
        return [] if item is None else [item]

    def __iter__(self) -> Iterator[E]:
        item = self.one_or_none()
        return iter(() if item is None else (item,))

    async def __aiter__(self) -> AsyncIterator[E]:
        for each in await self.aall():
            yield each
