"""Explanations: a request in words, for the demo, the checks and error messages, without personal values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import attrs
from pynamodb.expressions.condition import Condition as PynamoCondition

from singletable.keys import CompositeKey, Condition, KeyRange
from singletable.requests.expressions import SORT_CONDITIONS, paths_of
from singletable.requests.target import Target

__all__ = ["Explanation", "explain"]

_HIDDEN = "‹personal›"
_COUNTED = 1000


@attrs.frozen
class Explanation:
    """A request in words.

    Args:
        place: The index's name, or `table`.
        key_condition: The key condition, in DynamoDB's syntax.
        partitions: The number of partitions that are read; counting stops at a thousand.
        filtered: The stored attributes that the filter reads, including that of `live`.
    """

    place: str
    key_condition: str
    partitions: int
    filtered: tuple[str, ...] = ()


class Explained(Protocol):
    """A request that can be put into words: a query."""

    @property
    def target(self) -> Target[Any]:
        """The target of the request."""

    @property
    def key(self) -> CompositeKey:
        """The key that is queried."""

    @property
    def equals(self) -> Mapping[str, Any]:
        """The attributes whose values are given."""

    @property
    def condition(self) -> Condition | None:
        """The condition on the next attribute of the sort key, if any."""

    def groups(self) -> Iterator[tuple[str, ...]]:
        """Return the partition keys to read, in groups."""

    def sort_range(self) -> KeyRange:
        """Return the range of sort keys."""

    def conditions_at(self) -> PynamoCondition | None:
        """Return the filter that is sent."""


def explain(query: Explained) -> Explanation:
    """Return a query in words."""
    target, key = query.target, query.key
    groups, texts = 0, list[str]()
    for group in query.groups():
        groups += 1
        texts += group
        if len(texts) >= _COUNTED:
            break
    shown = [repr(key.partition.mask(text, _HIDDEN)) for text in (texts[0], texts[-1])]
    partition = f"{target.place.partition_name} = {shown[0]}"
    if len(texts) > 1:
        way = "shards, merged" if groups == 1 else "buckets, in order"
        partition = f"{target.place.partition_name} = {shown[0]} … {shown[1]} ({len(texts)} {way})"
    filtered = tuple(dict.fromkeys(path.path[0] for path in paths_of(query.conditions_at())))
    return Explanation(target.place.name, partition + _sort(query, query.sort_range()), len(texts), filtered)


def _sort(query: Explained, keys: KeyRange) -> str:
    name, template = query.target.place.sort_name, query.key.sort
    if name is None or template is None or keys.operator == "all":
        return ""
    asked = {*query.equals, *((query.condition.attribute,) if query.condition else ())}
    personal = any(field.personal and field.attribute in asked for field in template.fields)
    operands = [repr(_HIDDEN) if personal else repr(_shorten(text)) for text in keys.operands]
    return " AND " + SORT_CONDITIONS[keys.operator].format(*operands, name=name)


def _shorten(text: str) -> str:
    """Return a text without the run of greatest characters that fills an upper bound: up to 250 of them."""
    return re.sub("\U0010ffff{2,}[\x7f\u07ff\uffff]?", "\U0010ffff…", text)
