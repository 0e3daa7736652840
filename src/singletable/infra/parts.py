"""Shared parts: the global indexes and the time to live of a table, which both a stack and migrations handle.

Only its stack changes a table that a stack deployed. Migrations decide the order: an index or a time to live is added
to the template when the items are ready for it (decision 18).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from singletable.infra.environment import EnvironmentSettings
from singletable.models.schema.description import TableDescription
from singletable.models.schema.layout import IndexLayout, described_indexes

__all__ = ["Parts", "of_models", "of_table", "of_template"]


@attrs.frozen
class Parts:
    """The global indexes and the time to live of a table.

    Args:
        indexes: The global indexes, by name.
        ttl: The stored attribute of the time to live; None if it is off.
    """

    indexes: Mapping[str, IndexLayout]
    ttl: str | None = None

    def with_index(self, index: IndexLayout) -> Parts:
        """Return these parts with an index that is added, or replaced if the name exists."""
        return attrs.evolve(self, indexes={**self.indexes, index.name: index})

    def without_index(self, name: str) -> Parts:
        """Return these parts without an index."""
        return attrs.evolve(self, indexes={each: index for each, index in self.indexes.items() if each != name})

    def with_ttl(self, name: str | None) -> Parts:
        """Return these parts with another time to live."""
        return attrs.evolve(self, ttl=name)

    def steps_to(self, other: Parts) -> list[str]:
        """Return the changes from these parts to others, a phrase each: `create the index GSI4`."""
        steps = []
        for name in sorted({*self.indexes, *other.indexes}):
            if name not in other.indexes:
                steps.append(f"delete the index {name}")
            elif name not in self.indexes:
                steps.append(f"create the index {name}")
            elif _key(self.indexes[name]) != _key(other.indexes[name]):
                steps.append(f"replace the index {name}")
        if self.ttl != other.ttl:
            steps.append(f"switch the time to live {f'on, by {other.ttl}' if other.ttl else 'off'}")
        return steps

    def describe(self, description: TableDescription) -> TableDescription:
        """Return a description of the table with these indexes and this time to live, for a template."""
        local = [index for index in description.indexes if index.local]
        mine = sorted((*local, *self.indexes.values()), key=lambda index: index.name)
        return attrs.evolve(description, indexes=tuple(mine), ttl=self.ttl)

    def restrict(self, settings: EnvironmentSettings) -> EnvironmentSettings:
        """Return settings whose `index_units` have only these indexes."""
        units = {name: each for name, each in settings.index_units.items() if name in self.indexes}
        return attrs.evolve(settings, index_units=units)


def of_models(description: TableDescription) -> Parts:
    """Return the parts that the models describe."""
    return Parts({index.name: index for index in description.global_indexes}, description.ttl)


def of_template(resource: Mapping[str, Any]) -> Parts:
    """Return the parts of the table in a template.

    Args:
        resource: The resource of the table.
    """
    properties = resource.get("Properties", {})
    ttl = properties.get("TimeToLiveSpecification") or {}
    # cfn_flip and YAML give the text "true" or the boolean.
    enabled = str(ttl.get("Enabled", False)).lower() == "true"
    return Parts(_global_indexes(properties), ttl.get("AttributeName") if enabled else None)


def of_table(described: Mapping[str, Any], ttl: Mapping[str, Any] | None) -> Parts:
    """Return the parts of an existing table.

    Args:
        described: The table that `DescribeTable` describes.
        ttl: The description of `DescribeTimeToLive`; None if the server does not know time to live.
    """
    found = ttl or {}
    enabled = found.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
    return Parts(_global_indexes(described), found.get("AttributeName") if enabled else None)


def _global_indexes(table: Mapping[str, Any]) -> dict[str, IndexLayout]:
    found = described_indexes(table)
    return {index.name: index for index, status in found if not index.local and status != "DELETING"}


def _key(index: IndexLayout) -> object:
    """Return the parts that identify an index. Its Python name and the order of its included attributes do not."""
    return index.partition_name, index.sort_name, index.projection, frozenset(index.included)
