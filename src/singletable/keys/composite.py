"""A composite key: the partition key and the sort key of a table or an index, together."""

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
"""The longest partition key, in UTF-8 bytes (DynamoDB, "Service, account, and table quotas")."""

SORT_KEY_BYTES = 1024
"""The longest sort key, in UTF-8 bytes (the same page)."""


@attrs.frozen
class CompositeKey:
    """How an entity's key in the table or in one index is made.

    Args:
        name: What the entity calls it: `key` for the primary key, any other name for an index key.
        index: The index's name; None for the table itself.
        partition: The partition key's template.
        sort: The sort key's template; None where the index has no sort key.
        when: The attributes and the values that they must have for an index key to be present.
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
        """How messages call this key: `Order.by_date`."""
        return f"{self.owner}.{self.name}" if self.owner else self.name

    @property
    def templates(self) -> tuple[Template, ...]:
        """The partition key's template, then the sort key's where there is one."""
        return (self.partition, self.sort) if self.sort else (self.partition,)

    @cached_property
    def attributes(self) -> tuple[str, ...]:
        """The attributes that the key is made of, each once, in the order in which they appear."""
        return tuple(dict.fromkeys(name for template in self.templates for name in template.attributes))

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """Every attribute that decides what the key is, or whether there is one."""
        return tuple(dict.fromkeys((*self.attributes, *(name for name, _ in self.when))))

    @cached_property
    def build(self) -> Build:
        """A function that makes the key of some values: `key.build({"user_id": "u1"})`.

        It returns the partition key's text and the sort key's. It is compiled when it is first used.

        Raises:
            MissingAttributesError: An attribute is missing or None.
            UnexpectedAttributesError: An attribute was given that the key does not use.
            InvalidKeyValueError: A value cannot stand in a key, or the key would be too long.
        """
        return self.compile({}, self.build_carefully)

    def compile(self, convert: Mapping[str, Callable[[Any], Any]], carefully: Build) -> Build:
        """The same function, of values that are to be converted first.

        Args:
            convert: What turns a value into what the key's encoding expects, by attribute.
            carefully: What builds the key of values that are out of the ordinary, or says what is wrong.
        """
        texts = {"partition": (self.partition, PARTITION_KEY_BYTES)}
        if self.sort is not None:
            texts["sort"] = (self.sort, SORT_KEY_BYTES)
        return compile_key(self.label, texts, convert, carefully)

    def build_carefully(self, values: Mapping[str, Any]) -> tuple[str, str | None]:
        """The same key, by the long way; whatever is wrong is raised here."""
        self.refuse_unexpected(values, self.attributes)
        missing = tuple(name for name in self.attributes if values.get(name) is None)
        if missing:
            raise MissingAttributesError(
                f"{self.label} needs {', '.join(missing)}.",
                remedy=f"It is made of {', '.join(self.attributes)}.",
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
        """The given attributes that the key of a query holds as they are.

        An attribute that only chooses a bucket or a shard is not among them, nor one that stands in
        the sort key behind another that is not given: the rows that are read may have other values.
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
        """The attributes that the key holds as they are, not only as a bucket or a shard."""
        return tuple(dict.fromkeys(name for template in self.templates for name in template.recoverable))

    def pick(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The key's own attributes out of many."""
        return {name: values.get(name) for name in self.attributes}

    def derive(self, values: Mapping[str, Any]) -> tuple[str, str | None] | None:
        """The key of an item with these attributes, or None where the item is absent from the index.

        It is absent while an attribute of the key is not set, or a condition of `when` does not hold.
        """
        if any(plain(values.get(name)) not in allowed for name, allowed in self.when):
            return None
        mine = self.pick(values)
        if any(value is None for value in mine.values()):
            return None
        return self.build(mine)

    @unchained
    def parse(self, partition: str, sort: str | None = None) -> dict[str, Any]:
        """The attributes that a key was built from, projections left out.

        Raises:
            KeyParseError: The key is not one of this entity's.
        """
        if not isinstance(partition, str) or (self.sort is None) != (sort is None):
            shape = "a partition key and a sort key" if self.sort else "a partition key alone"
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
                remedy=f"It is made of {', '.join(self.attributes)}." if self.attributes else "It is constant.",
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
                f"The {which} key of {self.label} would be {size:,} bytes of UTF-8; DynamoDB takes {limit:,}.",
                remedy="Shorten the values, or put a hash of the long one into the template.",
                entity=self.owner,
                index=self.index,
                size=size,
                limit=limit,
            )
