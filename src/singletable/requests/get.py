"""One item, as a value: by primary key (GetItem), or through an index (a Query that must find one)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Generic

import attrs

from singletable.keys import KeyRange
from singletable.requests.explanation import Explanation
from singletable.requests.expressions import projected
from singletable.requests.query import Query
from singletable.requests.types import E, Handling, Item, Params, Target
from singletable.requests.unreadable import tolerant

__all__ = ["Get"]


@attrs.frozen(repr=False)
class Get(Generic[E]):
    """The item with a primary key. `one()` sends it and raises if there is none.

    Args:
        target: Where it goes.
        equals: The attributes that the key is made of.
        consistent: Whether to read what was last written, at twice the cost.
    """

    target: Target[E]
    equals: Mapping[str, Any]
    consistent: bool = False

    def __repr__(self) -> str:
        # Values may be personal; the explanation hides those.
        return f"<Get {self.target.key.label}: {self.explain().key_condition}>"

    def params(self) -> Params:
        """The request, as the arguments of DynamoDB's GetItem; nothing is sent."""
        partition, sort = self.target.key.build(self.equals)
        names = (self.target.partition_name, self.target.sort_name)
        params: Params = {
            "TableName": self.target.sender.table_name,
            "Key": {name: {"S": text} for name, text in zip(names, (partition, sort), strict=True) if name},
        }
        if self.consistent:
            params["ConsistentRead"] = True
        return {**params, **projected(self.target.only)}

    def explain(self) -> Explanation:
        """The request in words: the key, with personal values hidden."""
        return Query(self.target, self.equals).explain()

    def sort_range(self) -> KeyRange:
        """The one sort key that is asked for."""
        return Query(self.target, self.equals).sort_range()

    def one(self) -> E:
        """The item.

        Raises:
            ItemDoesNotExist: It does not exist, or is of another entity.
            UnknownItemError: It is of no type that the table knows.
            MalformedItemError: Its model cannot read it.
        """
        item = self.one_or_none()
        if item is None:
            raise self.target.absent(f"No {self.target.key.owner} at {self.explain().key_condition}.")
        return item

    def one_or_none(self) -> E | None:
        """The item, or None where there is none."""
        return self.loaded(self.target.sender.send("GetItem", self.params()).get("Item"))

    def loaded(self, item: Item | None, unknown: Handling = "raise", malformed: Handling = "raise") -> E | None:
        """Return the entity in the answer of any operation; None if the answer has no item.

        Args:
            item: The item in the answer.
            unknown: What to do with an item of an unknown type; `yield` gives `UnknownItem`, `skip` None.
            malformed: What to do with an item that cannot be read; `yield` gives `MalformedItem`, `skip` None.

        Raises:
            UnknownItemError: It is of no type that the table knows.
            MalformedItemError: Its model cannot read it.
        """
        # With "yield" the caller has asked for UnknownItem and MalformedItem.
        return tolerant(self.target.load, unknown, malformed)(item) if item else None  # type: ignore[return-value]

    def all(self) -> list[E]:
        """The item as a list of one, or an empty list; as queries have it."""
        return list(self)

    def __iter__(self) -> Iterator[E]:
        item = self.one_or_none()
        return iter(() if item is None else (item,))
