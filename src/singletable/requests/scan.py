"""Scans as values: requests for all items of a table, or of one segment of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from pynamodb.expressions.condition import Condition as PynamoCondition

from singletable.errors import InvalidRequestError
from singletable.requests.expressions import Placeholders
from singletable.requests.reading import Reading, check_options
from singletable.requests.results import Chunks, pages
from singletable.requests.target import Target
from singletable.requests.types import E, Handling, Item, Params

__all__ = ["Scan", "make_scan"]

_SCAN = ""
"""The name under which a cursor stores the place of a scan, instead of a partition key."""


@attrs.frozen
class Scan(Reading[E]):
    """A request for all items of some entity types; it reads, and costs, the whole table.

    Iterate over it, or call `all()`, `first()`, `one()`, `one_or_none()`, `count()` or `page()`.

    Args:
        target: The target of the request.
        filter: A PynamoDB condition; DynamoDB applies it after reading.
        limit: The most items to return.
        segment: The number of a segment of a parallel scan, from 0.
        segments: The number of segments of the parallel scan.
        consistent: Whether to read consistently, at twice the cost.
        unknown: The treatment of an item of an unknown type: `raise`, `yield` it as `UnknownItem`, `skip`.
        malformed: The treatment of an item that its model cannot read: `raise`, `yield` it as `MalformedItem`, `skip`.
        live: Whether to leave out items whose expiry has passed and that DynamoDB has not deleted yet.
    """

    target: Target[E]
    filter: PynamoCondition | None = attrs.field(default=None, repr=False)
    limit: int | None = None
    segment: int = 0
    segments: int = 1
    consistent: bool = False
    unknown: Handling = "raise"
    malformed: Handling = "raise"
    live: bool = False

    @property
    def operation(self) -> str:
        """The DynamoDB operation."""
        return "Scan"

    def params(self) -> Params:
        """Return the arguments of the first request, DynamoDB's Scan; nothing is sent."""
        return self._params() if self.limit is None else {**self._params(), "Limit": self.limit}

    # --- inside -------------------------------------------------------------------

    def _params(self, now: int | None = None) -> Params:
        placeholders = Placeholders()
        params: Params = {"TableName": self.target.sender.table_name, **self._common_params(placeholders, now)}
        if self.segments > 1:
            params |= {"Segment": self.segment, "TotalSegments": self.segments}
        return {**params, **placeholders.arguments()}

    @property
    def _label(self) -> str:
        return "The scan"

    @property
    def _where(self) -> str:
        return f"in the table {self.target.sender.table_name!r}"

    def _bound_params(self) -> Params:
        return self._params(now=0)

    def _rows(self, want: int | None, group: int, last: Mapping[str, Item]) -> Chunks:
        return pages(self, self._params, want, last.get(_SCAN), _SCAN)

    def _group_of(self, last: Mapping[str, Item]) -> int:
        return 0


def make_scan(target: Target[E], filter: PynamoCondition | None, **options: Any) -> Scan[E]:
    """Return a scan after a check of its options.

    Raises:
        InvalidRequestError: An option is invalid.
    """
    scan = Scan(target, filter, **options)
    check_options(scan)
    if type(scan.segments) is not int or scan.segments < 1 or scan.segment not in range(scan.segments):
        raise InvalidRequestError(
            f"segment={scan.segment!r} is not one of segments={scan.segments!r}.",
            remedy="Give segments of at least 1, and a segment from 0 to segments - 1.",
        )
    return scan
