"""Requests of access patterns: the operations, indexes and partition keys for which a role needs rights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from singletable.keys import Template
from singletable.models import TableDescription
from singletable.patterns import AccessPattern, placeholder_arguments, requests_of
from singletable.requests import Get, Query

__all__ = ["PatternRequests", "by_index", "resource_of"]


@attrs.frozen
class PatternRequests:
    """The requests of an access pattern.

    Args:
        name: The pattern's name.
        requests: Its requests.
        hydrated: Whether items are fetched from the table by primary key, because rows of the index lack attributes.
        entities: The names of the entities that it returns.
    """

    name: str
    requests: tuple[Query[Any] | Get[Any], ...]
    hydrated: bool
    entities: tuple[str, ...]

    @classmethod
    def by(cls, pattern: AccessPattern[..., Any]) -> PatternRequests:
        """Return the requests of a pattern, which is called with placeholder arguments.

        Raises:
            PatternError: The pattern cannot be called.
        """
        requests = requests_of(pattern, pattern(**placeholder_arguments(pattern)))
        hydrated = any(isinstance(each, Query) and not each.target.place.whole for each in requests)
        return cls(pattern.name, requests, hydrated, tuple(each.__name__ for each in pattern.entities))

    def operations(self) -> Iterable[tuple[str | None, str]]:
        """Yield the index of each request, None for the table, with the operation."""
        for request in self.requests:
            yield request.target.place.key.index, "GetItem" if isinstance(request, Get) else "Query"
        if self.hydrated:
            yield None, "BatchGetItem"

    def partitions(self, description: TableDescription) -> Iterable[tuple[str | None, Template]]:
        """Yield the index of each request, None for the table, with the template of the partition key."""
        for request in self.requests:
            yield request.target.place.key.index, request.target.place.key.partition
        if self.hydrated:
            for name in self.entities:
                yield None, description.entity(name).primary.partition


def by_index(used: Mapping[str | None, set[str]]) -> list[tuple[str | None, set[str]]]:
    """Return the entries in the order of the indexes' names, the table first."""
    return sorted(used.items(), key=lambda each: each[0] or "")


def resource_of(table_arn: str, index: str | None) -> str:
    """Return the ARN of an index, or of the table for None."""
    return table_arn if index is None else f"{table_arn}/index/{index}"
