"""Partitions that a query reads: one, the buckets of an interval in order, or all shards merged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from math import prod
from typing import Any

from singletable.errors import InvalidConditionError, MissingAttributesError
from singletable.keys import CompositeKey, Condition, Field
from singletable.keys.shard import Shard
from singletable.keys.time import Bucket

__all__ = ["MOST_PARTITIONS", "NeedsScanError", "partition_groups"]

MOST_PARTITIONS = 10_000
"""The most buckets that a query reads one after the other, and the most shards that it merges."""


class NeedsScanError(MissingAttributesError):
    """A query does not give the partition key, so only a scan could answer it.

    Remedy: Give the attributes of the partition key, or declare a `Key` whose partition key does not need them.
    """


def partition_groups(
    key: CompositeKey, equals: Mapping[str, Any], condition: Condition | None, *, descending: bool = False
) -> Iterator[tuple[str, ...]]:
    """Return the partition keys to read, in groups.

    The groups are read one after the other: for the buckets of an interval, this is the order of the sort keys. The
    partitions of one group, its shards, are merged by sort key.

    Raises:
        MissingAttributesError: An attribute of the partition key has no value.
        InvalidConditionError: A bucketed attribute has no lower or no upper bound, or there are over 10,000 buckets or
            shards.
    """
    fields = key.partition.fields
    missing = tuple(
        dict.fromkeys(
            field.attribute
            for field in fields
            if equals.get(field.attribute) is None
            and not isinstance(field.encoding, Shard)
            and not (isinstance(field.encoding, Bucket) and condition and condition.attribute == field.attribute)
        )
    )
    if missing:
        raise NeedsScanError(
            f"{key.label} cannot be queried without {', '.join(missing)}: DynamoDB would have to scan.",
            remedy=f"Give {', '.join(missing)}, or declare a Key whose partition key does not need it.",
            entity=key.owner,
            index=key.index,
            missing=missing,
        )
    open_buckets = [field for field in fields if _is_open(field, equals) and isinstance(field.encoding, Bucket)]
    if len(open_buckets) > 1:
        raise InvalidConditionError(
            f"{key.label} has {len(open_buckets)} bucketed attributes without a value; a query can read one"
            " series of buckets.",
            remedy=f"Give {', '.join(field.attribute for field in open_buckets[1:])} as well.",
            entity=key.owner,
            index=key.index,
        )
    _refuse_many_shards(key, equals)
    labels: Iterable[str | None] = (None,)
    if open_buckets:
        assert condition is not None
        labels = _labels(key, open_buckets[0], condition)
        if descending:
            labels = reversed(list(labels))
    return (_group(key, equals, label) for label in labels)


def _group(key: CompositeKey, equals: Mapping[str, Any], label: str | None) -> tuple[str, ...]:
    texts: list[tuple[str, ...]] = []
    for field in key.partition.fields:
        if not _is_open(field, equals):
            texts.append((field.encode(equals[field.attribute], key.partition.text),))
        elif isinstance(field.encoding, Shard):
            texts.append(field.encoding.all())
        else:
            texts.append((str(label),))
    group = tuple(key.partition.fill(iter(combination)) for combination in product(*texts))
    for partition in group:
        key.check_partition_size(partition)
    return group


def _refuse_many_shards(key: CompositeKey, equals: Mapping[str, Any]) -> None:
    """Refuse to merge over 10,000 shards; if several fields of a key are sharded, their numbers multiply."""
    fields = [field for field in key.partition.fields if isinstance(field.encoding, Shard) and _is_open(field, equals)]
    shards = prod(field.encoding.count for field in fields if isinstance(field.encoding, Shard))
    if shards > MOST_PARTITIONS:
        raise InvalidConditionError(
            f"{key.label} has {shards:,} shards; a query merges at most {MOST_PARTITIONS:,}.",
            remedy=f"Give {' or '.join(dict.fromkeys(field.attribute for field in fields))}.",
            entity=key.owner,
            index=key.index,
        )


def _is_open(field: Field, equals: Mapping[str, Any]) -> bool:
    return equals.get(field.attribute) is None


def _labels(key: CompositeKey, field: Field, condition: Condition) -> Iterator[str]:
    bucket = field.encoding
    assert isinstance(bucket, Bucket)
    if condition.operator != "between":
        raise InvalidConditionError(
            f"{key.label}: {condition.attribute} {condition.operator} ... has only one bound, and each {bucket.format}"
            " is a partition of its own.",
            remedy=f"Use {condition.attribute}.between(first, last).",
            entity=key.owner,
            index=key.index,
            attribute=condition.attribute,
        )
    first, last = condition.values
    field.encode(first, key.partition.text)
    field.encode(last, key.partition.text)
    if first > last:
        raise InvalidConditionError(
            f"{condition.attribute} between {field.show(first)} and {field.show(last)}: the bounds are reversed.",
            remedy="Give the lower bound first; DynamoDB also refuses such a query.",
            attribute=condition.attribute,
        )
    buckets = bucket.count(first, last)
    if buckets > MOST_PARTITIONS:
        raise InvalidConditionError(
            f"{key.label}: {condition.attribute} between {field.show(first)} and {field.show(last)} covers {buckets:,}"
            f" buckets of {bucket.format}; a query visits at most {MOST_PARTITIONS:,}.",
            remedy="Ask for a shorter interval, or declare a key with larger buckets.",
            entity=key.owner,
            index=key.index,
            attribute=condition.attribute,
        )
    return bucket.between(first, last)
