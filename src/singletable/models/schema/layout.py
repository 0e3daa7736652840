"""Layouts: the stored names of the key attributes of a table and of its indexes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import attrs
from pynamodb.indexes import Index, LocalSecondaryIndex

if TYPE_CHECKING:
    from singletable.models.table import Table

__all__ = [
    "INTERNAL_TYPES",
    "PRIMARY",
    "STREAM_VIEWS",
    "IndexLayout",
    "TableLayout",
    "described_indexes",
    "index_attribute",
    "index_layout",
    "layout_of",
]

PRIMARY = "key"
"""The name under which every entity declares its primary key."""

INTERNAL_TYPES = "singletable:"
"""The prefix of the discriminators of internal items: records of migrations, checkpoints, leases."""


STREAM_VIEWS: Mapping[str, frozenset[str]] = {
    "NEW_AND_OLD_IMAGES": frozenset({"new", "old"}),
    "NEW_IMAGE": frozenset({"new"}),
    "OLD_IMAGE": frozenset({"old"}),
    "KEYS_ONLY": frozenset(),
}
"""The view types of a table's stream: the parts of an item that a record has (API Reference, "StreamSpecification")."""


@attrs.frozen
class IndexLayout:
    """The layout of one index.

    Args:
        name: The index's name in DynamoDB.
        attribute: The name of the index in the table class.
        partition_name: The stored attribute of its partition key.
        sort_name: The stored attribute of its sort key; None if it has none.
        projection: `ALL`, `KEYS_ONLY` or `INCLUDE`.
        included: The stored attributes that an `INCLUDE` projection adds.
        local: Whether it is a local index.
    """

    name: str
    attribute: str
    partition_name: str
    sort_name: str | None
    projection: str
    included: tuple[str, ...] = ()
    local: bool = False

    def held(self, primary: tuple[str, str]) -> frozenset[str] | None:
        """Return the stored attributes that a row of the index holds; None for all attributes of the item.

        Args:
            primary: The stored names of the table's own key.
        """
        if self.projection == "ALL":
            return None
        names = (*primary, self.partition_name, self.sort_name, *self.included)
        return frozenset(name for name in names if name)


@attrs.frozen
class TableLayout:
    """The stored names of a table's key attributes.

    Args:
        partition_name: The partition key.
        sort_name: The sort key.
        type_name: The discriminator.
        indexes: The indexes, by name.
        raw: Whether keys hold values as they are.
    """

    partition_name: str
    sort_name: str
    type_name: str
    indexes: Mapping[str, IndexLayout]
    raw: bool = False

    @property
    def primary(self) -> tuple[str, str]:
        """The stored names of the table's own key."""
        return self.partition_name, self.sort_name

    def names_at(self, index: str | None) -> tuple[str, str | None]:
        """Return the stored names of the partition and sort key of the table (for None) or of an index."""
        if index is None:
            return self.primary
        return self.indexes[index].partition_name, self.indexes[index].sort_name

    @property
    def key_names(self) -> tuple[str, ...]:
        """The stored attributes that are part of a key of the table or of an index."""
        names = [self.partition_name, self.sort_name]
        for index in self.indexes.values():
            names += [index.partition_name, *([index.sort_name] if index.sort_name else [])]
        return tuple(dict.fromkeys(names))


def index_layout(attribute: str, index: Index) -> IndexLayout:  # type: ignore[type-arg]  # any model's
    """Return the layout of an index, read from its PynamoDB class."""
    keys = index.Meta.attributes.values()
    sort = next((each.attr_name for each in keys if each.is_range_key), None)
    return IndexLayout(
        name=index.Meta.index_name,
        attribute=attribute,
        partition_name=next(each.attr_name for each in keys if each.is_hash_key),
        sort_name=sort,
        projection=index.Meta.projection.projection_type,
        included=tuple(index.Meta.projection.non_key_attributes or ()),
        local=isinstance(index, LocalSecondaryIndex),
    )


def described_indexes(table: Mapping[str, Any]) -> Iterator[tuple[IndexLayout, str]]:
    """Yield the layout and the status of each index of a deployed table.

    Args:
        table: The table in the answer of DescribeTable, or the properties of its resource in a CloudFormation
            template, which use the same names for keys and projections; in a template, each index counts as `ACTIVE`.
    """
    for place, local in (("GlobalSecondaryIndexes", False), ("LocalSecondaryIndexes", True)):
        for each in table.get(place) or ():
            names = {key["KeyType"]: key["AttributeName"] for key in each["KeySchema"]}
            projection = each.get("Projection") or {}
            layout = IndexLayout(
                name=each["IndexName"],
                attribute=each["IndexName"],
                partition_name=names["HASH"],
                sort_name=names.get("RANGE"),
                projection=projection.get("ProjectionType", "ALL"),
                # The order is kept: CloudFormation treats another order as a change.
                included=tuple(projection.get("NonKeyAttributes") or ()),
                local=local,
            )
            yield layout, each.get("IndexStatus", "ACTIVE")


def index_attribute(index: str, name: str) -> str:
    """Return the name in the model of an index's key attribute: `gsi1_pk`."""
    return f"{index}_{name}"


def layout_of(table: type[Table]) -> TableLayout:
    """Return the layout of a table class, read from its PynamoDB attributes and indexes."""
    attributes = table.get_attributes()
    indexes = [index_layout(name, index) for name, index in declared_indexes(table)]
    return TableLayout(
        partition_name=attributes[str(table._hash_keyname)].attr_name,
        sort_name=attributes[str(table._range_keyname)].attr_name,
        type_name=attributes[str(table._discriminator)].attr_name,
        indexes={index.name: index for index in sorted(indexes, key=lambda each: each.name)},
        raw=getattr(table.Meta, "key_encoding", "escaped") == "raw",
    )


def declared_indexes(table: type[Table]) -> list[tuple[str, Index]]:  # type: ignore[type-arg]
    """Return the indexes of a table class, each with its name in the class."""
    return [(name, value) for name, value in vars(table).items() if isinstance(value, Index)]
