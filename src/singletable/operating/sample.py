"""Samples: measures the units of each access pattern and the size of stored items on a loaded sample.

Each pattern is called with the values that return the most items, so that its cost is that of a large result, read
completely.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import attrs

from singletable.models import Table, plan
from singletable.models.schema.description import TableDescription
from singletable.operating.metrics import TABLE
from singletable.operating.workload import OVERHEAD, Footprint, PatternCall
from singletable.patterns import AccessPattern, draw_arguments, requests_of
from singletable.requests import measure
from singletable.requests.capacity import item_size, write_units
from singletable.requests.types import Item

__all__ = ["assumed_footprint", "call_of", "footprint_of", "footprints_of", "places_of"]

_ASSUMED_SIZE = 1024


def places_of(description: TableDescription) -> tuple[str, ...]:
    """Return the names of the places with their own capacity: the table and its global indexes."""
    return (TABLE, *(index.name for index in description.global_indexes))


def call_of(pattern: AccessPattern[..., Any], entities: Sequence[Table]) -> PatternCall | None:
    """Measure a call of a pattern on a table that holds a sample; None if the sample has no arguments for it.

    Args:
        pattern: The access pattern. Its table is bound and holds the sample.
        entities: The entities of the sample.

    Raises:
        PatternError: The pattern cannot be called.
    """
    arguments = draw_arguments(pattern, entities)
    if arguments is None:
        return None
    global_indexes = places_of(pattern.table.describe())
    units: dict[str, Decimal] = {}
    items = sent = 0
    requests = requests_of(pattern, pattern(**arguments))
    for request in requests:
        with measure() as usage:
            items += len(request.all())
        sent += usage.requests
        for index, read in usage.read_units_at.items():
            # A local index has no capacity of its own.
            place = index if index in global_indexes else TABLE
            units[str(place)] = units.get(str(place), Decimal(0)) + Decimal(str(read))
    consistent = any(bool(getattr(request, "consistent", False)) for request in requests)
    return PatternCall(pattern.name, pattern.title, items, sent, units, consistent)


def footprints_of(description: TableDescription, entities: Iterable[Table]) -> tuple[Footprint, ...]:
    """Return the footprint of an item of each entity of a sample, ordered by name."""
    items: dict[str, list[Item]] = {}
    for entity in entities:
        items.setdefault(type(entity).__name__, []).append(plan.create(entity).item)
    expiries = {entity.name: entity.expiry for entity in description.entities}
    return tuple(
        _footprint(description, name, found, expiries[name].days if expiries[name] else None)  # type: ignore[union-attr]
        for name, found in sorted(items.items())
    )


def footprint_of(description: TableDescription, name: str, entity: Table, days: float) -> Footprint:
    """Return the footprint of an item that expires after some days, such as a mark."""
    return _footprint(description, name, [plan.create(entity).item], days)


def assumed_footprint(description: TableDescription, name: str) -> Footprint:
    """Return a footprint for an entity that the sample lacks: 1 KB, on the table and each index that has its key."""
    (entity,) = (each for each in description.entities if each.name == name)
    indexes = {index.name: index for index in description.indexes}
    copies = [TABLE]
    for key in entity.keys:
        if key.index is not None:
            copies.append(TABLE if indexes[key.index].local else key.index)
    units: dict[str, Decimal] = {}
    for place in copies:
        units[place] = units.get(place, Decimal(0)) + 1
    return Footprint(
        name=name,
        sampled=0,
        size=Decimal(_ASSUMED_SIZE),
        units=units,
        stored=Decimal(len(copies) * (_ASSUMED_SIZE + OVERHEAD)),
        days=Decimal(str(entity.expiry.days)) if entity.expiry else None,
    )


@attrs.frozen
class _Copy:
    """The copy of an item in the table or in one index."""

    place: str
    item: Item


def _footprint(description: TableDescription, name: str, items: Sequence[Item], days: float | None) -> Footprint:
    copies = [copy for item in items for copy in _copies(description, item)]
    count = Decimal(len(items))
    units: dict[str, Decimal] = {}
    for copy in copies:
        units[copy.place] = units.get(copy.place, Decimal(0)) + write_units(copy.item)
    return Footprint(
        name=name,
        sampled=len(items),
        size=Decimal(sum(map(item_size, items))) / count,
        units={place: total / count for place, total in units.items()},
        stored=Decimal(sum(item_size(copy.item) + OVERHEAD for copy in copies)) / count,
        days=None if days is None else Decimal(str(days)),
    )


def _copies(description: TableDescription, item: Item) -> Iterable[_Copy]:
    yield _Copy(TABLE, item)
    primary = (description.partition_name, description.sort_name)
    for index in description.indexes:
        names = [name for name in (index.partition_name, index.sort_name) if name]
        if all(name in item for name in names):
            held = index.held(primary)
            row = item if held is None else {name: value for name, value in item.items() if name in held}
            yield _Copy(TABLE if index.local else index.name, row)
