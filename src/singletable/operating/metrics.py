"""What a table does: capacity, throttles, latency and errors from CloudWatch, counts and sizes from DescribeTable.

Source: Developer Guide, "DynamoDB metrics and dimensions". UserErrors is left out: it counts an account's requests in
a region, and not a table's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from singletable.operating.cloudwatch import Metric, Series
from singletable.operating.window import Window

__all__ = [
    "OPERATIONS",
    "TABLE",
    "OperationMetrics",
    "PlaceMetrics",
    "TableMetrics",
    "capacity_of",
    "metrics_of",
    "read_metrics",
]

TABLE = "table"
"""What the table itself is called among the places that have capacity; the others are global indexes."""

OPERATIONS = (
    "GetItem",
    "BatchGetItem",
    "Query",
    "Scan",
    "TransactGetItems",
    "PutItem",
    "UpdateItem",
    "DeleteItem",
    "BatchWriteItem",
    "TransactWriteItems",
    "BatchExecuteStatement",
    "ExecuteStatement",
)
"""Operations on items, for which DynamoDB counts latency and errors."""

_READS, _WRITES = "ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"
_READ_THROTTLES, _WRITE_THROTTLES = "ReadThrottleEvents", "WriteThrottleEvents"
_LATENCY, _ERRORS = "SuccessfulRequestLatency", "SystemErrors"


@attrs.frozen
class PlaceMetrics:
    """What happened on the table itself, or on a global index.

    Args:
        name: `table`, or the index's name.
        items: How many items it holds, as DynamoDB counted them up to six hours ago.
        size: How many bytes they have, likewise.
        provisioned_reads: Read capacity units that it has now; None on demand.
        provisioned_writes: Write capacity units, likewise.
        reads: Read units consumed.
        writes: Write units consumed.
        read_throttles: Reads that were throttled.
        write_throttles: Writes that were throttled.
    """

    name: str
    items: int
    size: int
    provisioned_reads: int | None
    provisioned_writes: int | None
    reads: Series
    writes: Series
    read_throttles: Series
    write_throttles: Series


@attrs.frozen
class OperationMetrics:
    """How one operation did.

    Args:
        name: `GetItem`, `Query`, ...
        requests: How many succeeded.
        latency: Milliseconds within DynamoDB, on average.
        slowest: Milliseconds that one in a hundred of them took longer than (p99).
        errors: How many failed with an error of DynamoDB's own (HTTP 500).
    """

    name: str
    requests: Series
    latency: Series
    slowest: Series
    errors: Series

    @property
    def average(self) -> float | None:
        """Milliseconds on average, over all requests; None where there were none."""
        pairs = zip(self.latency.values, self.requests.values, strict=True)
        weighted = sum(value * count for value, count in pairs if value is not None and count is not None)
        return weighted / self.requests.total if self.requests.total else None

    @property
    def seen(self) -> bool:
        """Whether there was any request."""
        return bool(self.requests.known or self.errors.known)


@attrs.frozen
class TableMetrics:
    """What a table did in a window.

    Args:
        name: The table's name.
        window: The window.
        places: The table itself, then its global indexes by name.
        operations: The operations that were seen.
    """

    name: str
    window: Window
    places: tuple[PlaceMetrics, ...]
    operations: tuple[OperationMetrics, ...]

    @property
    def seen(self) -> bool:
        """Whether CloudWatch had any point."""
        series = (each for place in self.places for each in attrs.astuple(place, recurse=False))
        return bool(self.operations) or any(isinstance(each, Series) and each.known for each in series)


def capacity_of(described: Mapping[str, Any]) -> tuple[Metric, ...]:
    """The metrics of consumed capacity, of the table and each global index.

    Args:
        described: What DescribeTable says of the table.
    """
    dimensions = [_dimensions(described, place) for place in _places(described)]
    return tuple(Metric(name, "Sum", each) for each in dimensions for name in (_READS, _WRITES))


def metrics_of(described: Mapping[str, Any]) -> tuple[Metric, ...]:
    """All metrics of a table.

    Args:
        described: What DescribeTable says of it.
    """
    dimensions = [_dimensions(described, place) for place in _places(described)]
    throttles = tuple(Metric(name, "Sum", each) for each in dimensions for name in (_READ_THROTTLES, _WRITE_THROTTLES))
    operations = tuple(
        Metric(name, statistic, _operation(described, operation))
        for operation in OPERATIONS
        for name, statistic in ((_LATENCY, "SampleCount"), (_LATENCY, "Average"), (_LATENCY, "p99"), (_ERRORS, "Sum"))
    )
    return capacity_of(described) + throttles + operations


def read_metrics(described: Mapping[str, Any], found: Mapping[Metric, Series], window: Window) -> TableMetrics:
    """What was found, as what the table did; a metric that was not asked for has no values."""
    nothing = Series(window, (None,) * len(window.starts))

    def series(name: str, statistic: str, dimensions: tuple[tuple[str, str], ...]) -> Series:
        return found.get(Metric(name, statistic, dimensions), nothing)

    places = []
    for name, place in _places(described).items():
        where = _dimensions(described, name)
        provisioned = place.get("ProvisionedThroughput") or {}
        places.append(
            PlaceMetrics(
                name=name,
                items=int(place.get("ItemCount") or 0),
                size=int(place.get("TableSizeBytes" if name == TABLE else "IndexSizeBytes") or 0),
                # On demand DynamoDB says zero.
                provisioned_reads=provisioned.get("ReadCapacityUnits") or None,
                provisioned_writes=provisioned.get("WriteCapacityUnits") or None,
                reads=series(_READS, "Sum", where),
                writes=series(_WRITES, "Sum", where),
                read_throttles=series(_READ_THROTTLES, "Sum", where),
                write_throttles=series(_WRITE_THROTTLES, "Sum", where),
            )
        )
    operations = (
        OperationMetrics(
            name=operation,
            requests=series(_LATENCY, "SampleCount", _operation(described, operation)),
            latency=series(_LATENCY, "Average", _operation(described, operation)),
            slowest=series(_LATENCY, "p99", _operation(described, operation)),
            errors=series(_ERRORS, "Sum", _operation(described, operation)),
        )
        for operation in OPERATIONS
    )
    return TableMetrics(described["TableName"], window, tuple(places), tuple(each for each in operations if each.seen))


def _places(described: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    indexes = {each["IndexName"]: each for each in described.get("GlobalSecondaryIndexes") or ()}
    return {TABLE: described, **dict(sorted(indexes.items()))}


def _dimensions(described: Mapping[str, Any], place: str) -> tuple[tuple[str, str], ...]:
    table = ("TableName", described["TableName"])
    return (table,) if place == TABLE else (table, ("GlobalSecondaryIndexName", place))


def _operation(described: Mapping[str, Any], operation: str) -> tuple[tuple[str, str], ...]:
    return ("TableName", described["TableName"]), ("Operation", operation)
