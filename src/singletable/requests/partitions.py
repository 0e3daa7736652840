"""Which partitions a query visits: one, the buckets of an interval in order, or all shards at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Any

from singletable.errors import InvalidConditionError, MissingAttributesError
from singletable.keys import CompositeKey, Condition, Field
from singletable.keys.shard import Shard
from singletable.keys.time import Bucket

__all__ = ["partition_groups"]


def partition_groups(
    key: CompositeKey, equals: Mapping[str, Any], condition: Condition | None, *, descending: bool = False
) -> Iterator[tuple[str, ...]]:
    """The partition keys to query, as groups.

    The groups are visited one after the other, which is the order of the sort key where they are the
    buckets of an interval; the partitions of one group, its shards, are merged by sort key.

    Raises:
        MissingAttributesError: An attribute of the partition key is not given.
        InvalidConditionError: A bucketed attribute has no lower or no upper bound.
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
        raise MissingAttributesError(
            f"{key.label} cannot be queried without {', '.join(missing)}: DynamoDB would have to scan.",
            remedy=f"Give {', '.join(missing)}, or declare a Key whose partition key does not need it.",
            entity=key.owner,
            index=key.index,
            missing=missing,
        )
    open_buckets = [field for field in fields if _is_open(field, equals) and isinstance(field.encoding, Bucket)]
    if len(open_buckets) > 1:
        raise InvalidConditionError(
            f"{key.label} holds {len(open_buckets)} buckets, and a query can visit only one series of them.",
            remedy=f"Give {', '.join(field.attribute for field in open_buckets[1:])} as well.",
            entity=key.owner,
            index=key.index,
        )
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


def _is_open(field: Field, equals: Mapping[str, Any]) -> bool:
    return equals.get(field.attribute) is None


def _labels(key: CompositeKey, field: Field, condition: Condition) -> Iterator[str]:
    bucket = field.encoding
    assert isinstance(bucket, Bucket)
    if condition.operator != "between":
        raise InvalidConditionError(
            f"{key.label}: {condition.attribute} {condition.operator} ... has no end, and each {bucket.format} is a"
            " partition of its own to visit.",
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
            remedy="Give the lower bound first; DynamoDB refuses such a query too.",
            attribute=condition.attribute,
        )
    return bucket.between(first, last)
