"""Metrics of a table: capacity, throttles, latency and errors from CloudWatch, counts and sizes from DescribeTable.

Source: Developer Guide, "DynamoDB metrics and dimensions". UserErrors is left out, because it counts the requests of an
account in a region, not those of a table.
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
"""The name of the table itself among the places that have capacity; the others are global indexes."""

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
    """The metrics of the table itself or of a global index.

    Args:
        name: `table`, or the index's name.
        items: The number of items, which DynamoDB counted up to six hours ago.
        size: The bytes of the items, which DynamoDB counted up to six hours ago.
        provisioned_reads: The provisioned read capacity units; None on demand.
        provisioned_writes: The provisioned write capacity units; None on demand.
        reads: The consumed read units.
        writes: The consumed write units.
        read_throttles: The number of throttled reads.
        write_throttles: The number of throttled writes.
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
    """The metrics of one operation.

    Args:
        name: The operation, such as `GetItem`.
        requests: The number of successful requests.
        latency: The average milliseconds within DynamoDB.
        slowest: The milliseconds within DynamoDB that one in a hundred requests exceeded (p99).
        errors: The number of requests that failed with an internal error of DynamoDB (HTTP 500).
    """

    name: str
    requests: Series
    latency: Series
    slowest: Series
    errors: Series

    @property
    def average(self) -> float | None:
        """The average milliseconds of all requests; None without requests."""
        pairs = zip(self.latency.values, self.requests.values, strict=True)
        weighted = sum(value * count for value, count in pairs if value is not None and count is not None)
        return weighted / self.requests.total if self.requests.total else None

    @property
    def seen(self) -> bool:
        """Whether the operation had any request."""
        return bool(self.requests.known or self.errors.known)


@attrs.frozen
class TableMetrics:
    """The metrics of a table in a window.

    Args:
        name: The table's name.
        window: The window.
        places: The table itself, then its global indexes by name.
        operations: The operations that had requests.
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
    """Return the metrics of consumed capacity, of the table and each global index.

    Args:
        described: The table that DescribeTable describes.
    """
    dimensions = [_dimensions(described, place) for place in _places(described)]
    return tuple(Metric(name, "Sum", each) for each in dimensions for name in (_READS, _WRITES))


def metrics_of(described: Mapping[str, Any]) -> tuple[Metric, ...]:
    """Return all metrics of a table.

    Args:
        described: The table that DescribeTable describes.
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
    """Return the metrics of a table from the series that were found; a missing metric has a series without values."""
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
                # For a table on demand DynamoDB returns zero.
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
