"""Composite keys: the partition key and the sort key of a table or an index together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import Any

import attrs

from singletable.chains import unchained
from singletable.errors import (
    InvalidKeyValueError,
    KeyParseError,
    KeyTooLongError,
    MissingAttributesError,
    UnexpectedAttributesError,
)
from singletable.keys.compiled import Build, compile_key
from singletable.keys.template import Template
from singletable.keys.text import plain

__all__ = ["PARTITION_KEY_BYTES", "SORT_KEY_BYTES", "CompositeKey"]

PARTITION_KEY_BYTES = 2048
"""The highest number of UTF-8 bytes of a partition key (DynamoDB, "Service, account, and table quotas")."""

SORT_KEY_BYTES = 1024
"""The highest number of UTF-8 bytes of a sort key (same source)."""


@attrs.frozen
class CompositeKey:
    """The templates of an entity's key in the table or in one index.

    Args:
        name: The key's name in the entity: `key` for the primary key, any other name for an index key.
        index: The index's name; None for the table itself.
        partition: The partition key's template.
        sort: The sort key's template; None if the index does not have a sort key.
        when: For an index key: attributes with the values that they must have, so that the item is in the index.
        owner: The entity's name, for messages.
    """

    name: str
    index: str | None
    partition: Template
    sort: Template | None
    when: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    owner: str = attrs.field(default="", eq=False)

    @property
    def label(self) -> str:
        """The name of the key in messages, such as `Order.by_date`."""
        return f"{self.owner}.{self.name}" if self.owner else self.name

    @property
    def templates(self) -> tuple[Template, ...]:
        """The partition key's template, then the sort key's template if the key has one."""
        return (self.partition, self.sort) if self.sort else (self.partition,)

    @cached_property
    def attributes(self) -> tuple[str, ...]:
        """The attributes of the key, each once, in the order of the templates."""
        return tuple(dict.fromkeys(name for template in self.templates for name in template.attributes))

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """The attributes that decide the key's value or its presence, each once."""
        return tuple(dict.fromkeys((*self.attributes, *(name for name, _ in self.when))))

    @cached_property
    def build(self) -> Build:
        """The function that builds the key of some values: `key.build({"user_id": "u1"})`.

        It returns the texts of the partition key and the sort key. It is compiled when it is first used.

        Raises:
            MissingAttributesError: An attribute is missing or None.
            UnexpectedAttributesError: An attribute was given that the key does not use.
            InvalidKeyValueError: A value cannot be part of a key, or the key would be too long.
        """
        return self.compile({}, self.build_carefully)

    def compile(self, convert: Mapping[str, Callable[[Any], Any]], carefully: Build) -> Build:
        """Return a function like `build` that converts values first.

        Args:
            convert: For some attributes, the conversion to the value that the key's encoding expects.
            carefully: The slow path, which builds the key of unusual values or raises the error.
        """
        texts = {"partition": (self.partition, PARTITION_KEY_BYTES)}
        if self.sort is not None:
            texts["sort"] = (self.sort, SORT_KEY_BYTES)
        return compile_key(self.label, texts, convert, carefully)

    def build_carefully(self, values: Mapping[str, Any]) -> tuple[str, str | None]:
        """Build the key by the slow path, which raises the errors of `build`."""
        self.refuse_unexpected(values, self.attributes)
        missing = tuple(name for name in self.attributes if values.get(name) is None)
        if missing:
            raise MissingAttributesError(
                f"{self.label} needs {', '.join(missing)}.",
                remedy=f"Give {', '.join(self.attributes)}.",
                entity=self.owner,
                index=self.index,
                missing=missing,
            )
        try:
            partition = self.partition.build(values)
            sort = self.sort.build(values) if self.sort else None
        except InvalidKeyValueError as error:
            error.entity, error.index = error.entity or self.owner, self.index
            raise
        self.check_partition_size(partition)
        if sort is not None:
            self.check_sort_size(sort)
        return partition, sort

    def fixed_by(self, given: Collection[str]) -> tuple[str, ...]:
        """Return the given attributes whose values all rows of a query have.

        An attribute that only chooses a bucket or a shard is not included, and neither is one that is in the sort key
        after another that is not given: the rows may have other values.
        """
        fixed = list(self.partition.recoverable)
        for segment in self.sort.segments if self.sort else ():
            if segment.field is not None and segment.field.attribute not in given:
                break
            if segment.field is not None and not segment.field.encoding.projection:
                fixed.append(segment.field.attribute)
        return tuple(name for name in given if name in fixed)

    @property
    def recoverable(self) -> tuple[str, ...]:
        """The attributes whose values can be read back from the key, not only as a bucket or a shard."""
        return tuple(dict.fromkeys(name for template in self.templates for name in template.recoverable))

    def pick(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the key's own attributes out of many."""
        return {name: values.get(name) for name in self.attributes}

    def derive(self, values: Mapping[str, Any]) -> tuple[str, str | None] | None:
        """Return the key of an item with these attributes; None if the item is not in the index.

        It is not in the index if an attribute of the key is None, or if a condition of `when` does not hold.
        """
        if any(plain(values.get(name)) not in allowed for name, allowed in self.when):
            return None
        mine = self.pick(values)
        if any(value is None for value in mine.values()):
            return None
        return self.build(mine)

    @unchained
    def parse(self, partition: str, sort: str | None = None) -> dict[str, Any]:
        """Return the attributes from which a key was built, without projections.

        Raises:
            KeyParseError: The key does not belong to this entity.
        """
        if not isinstance(partition, str) or (self.sort is None) != (sort is None):
            shape = "a partition key and a sort key" if self.sort else "only a partition key"
            raise KeyParseError(f"{self.label} is {shape}.", entity=self.owner, index=self.index)
        try:
            values = self.partition.parse(partition)
            if self.sort is not None and sort is not None:
                for name, value in self.sort.parse(sort).items():
                    if values.setdefault(name, value) != value:
                        raise KeyParseError(f"The two halves of the key disagree about {name}.")
            if set(self.attributes) <= set(values) and self.build(values) != (partition, sort):
                raise KeyParseError("The two halves of the key disagree.")
        except KeyParseError as error:
            raise KeyParseError(
                f"Not a key of {self.label}. {error.what}", remedy=error.remedy, entity=self.owner, index=self.index
            ) from None
        return values

    def refuse_unexpected(self, given: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
        """Raise `UnexpectedAttributesError` if `given` names an attribute outside `allowed`."""
        unexpected = tuple(name for name in given if name not in allowed)
        if unexpected:
            raise UnexpectedAttributesError(
                f"{self.label} does not use {', '.join(unexpected)}.",
                remedy=f"It uses {', '.join(self.attributes)}." if self.attributes else "It is constant.",
                entity=self.owner,
                index=self.index,
                unexpected=unexpected,
            )

    def check_partition_size(self, text: str) -> None:
        """Raise `KeyTooLongError` above 2048 bytes."""
        self._check_size(text, PARTITION_KEY_BYTES, "partition")

    def check_sort_size(self, text: str) -> None:
        """Raise `KeyTooLongError` above 1024 bytes."""
        self._check_size(text, SORT_KEY_BYTES, "sort")

    def _check_size(self, text: str, limit: int, which: str) -> None:
        size = len(text.encode())
        if size > limit:
            raise KeyTooLongError(
                f"The {which} key of {self.label} would be {size:,} bytes of UTF-8; DynamoDB allows {limit:,}.",
                remedy="Shorten the values, or put a hash of the long one into the template.",
                entity=self.owner,
                index=self.index,
                size=size,
                limit=limit,
            )
