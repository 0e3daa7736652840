"""Scans as values: every item of a table, or of one segment of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, Literal

import attrs
from pynamodb.expressions.condition import Condition as PynamoCondition

from singletable.requests.expressions import Placeholders, Portable
from singletable.requests.results import Results, in_rows, pages
from singletable.requests.types import E, Params, Target

__all__ = ["Scan"]


@attrs.frozen
class Scan(Portable, Generic[E]):
    """Every item of some entity types. It reads, and costs, the whole table.

    Args:
        target: Where it goes.
        filter: A PynamoDB condition; DynamoDB applies it after reading.
        limit: How many items to return at most.
        segment: Which segment of a parallel scan, from 0.
        segments: How many segments the scan is cut into.
        consistent: Whether to read what was last written, at twice the cost.
        unknown: What to do with an item of an unknown type: `raise`, `yield` it as `UnknownItem`, `skip`.
    """

    target: Target[E]
    filter: PynamoCondition | None = attrs.field(default=None, repr=False)
    limit: int | None = None
    segment: int = 0
    segments: int = 1
    consistent: bool = False
    unknown: Literal["raise", "yield", "skip"] = "raise"

    @property
    def operation(self) -> str:
        """The DynamoDB operation."""
        return "Scan"

    def params(self) -> Params:
        """The first request, as the arguments of DynamoDB's Scan; nothing is sent."""
        params: Params = {"TableName": self.target.sender.table_name}
        placeholders = Placeholders()
        if self.filter is not None:
            params["FilterExpression"] = placeholders.condition(self.filter)
        if self.segments > 1:
            params |= {"Segment": self.segment, "TotalSegments": self.segments}
        if self.consistent:
            params["ConsistentRead"] = True
        return {**params, **placeholders.arguments()}

    def __iter__(self) -> Iterator[E]:
        found = in_rows(pages(self, self.params(), self.limit))
        return Results(self.target, found, self.limit, self.unknown)

    def all(self) -> list[E]:
        """All items, as a list."""
        return list(self)
