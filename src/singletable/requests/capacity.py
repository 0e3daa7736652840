"""Sizes and capacity units by DynamoDB's rules, for engines that do not report consumed capacity.

Sources: Developer Guide, "DynamoDB item sizes and formats" and "DynamoDB read and write operations".
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from singletable.requests.types import Item

__all__ = ["CONTAINER", "estimate_units", "item_size", "value_size", "write_units"]

_READ_UNIT = 4096
_WRITE_UNIT = 1024
CONTAINER = 3
"""Bytes of an empty list or map (Developer Guide, "DynamoDB item sizes and formats")."""


def item_size(item: Item) -> int:
    """Return the size of an item in bytes, including names; numbers are sized by DynamoDB's approximation."""
    return sum(len(name.encode()) + value_size(value) for name, value in item.items())


def value_size(value: dict[str, Any]) -> int:
    """Return the size of a stored value in bytes, without its name."""
    ((kind, content),) = value.items()
    if kind == "S":
        return len(content.encode())
    if kind == "N":
        digits = content.lstrip("-").split("E")[0].split("e")[0].replace(".", "").strip("0")
        return ceil(len(digits) / 2) + 1 + int(content.startswith("-"))
    if kind == "B":
        return len(content)
    if kind in ("BOOL", "NULL"):
        return 1
    if kind == "M":
        return CONTAINER + sum(1 + len(name.encode()) + value_size(each) for name, each in content.items())
    if kind == "L":
        return CONTAINER + sum(1 + value_size(each) for each in content)
    return sum(value_size({kind[0]: each}) for each in content)


def write_units(item: Item) -> int:
    """Return the write capacity units that a put of an item consumes."""
    return max(1, ceil(item_size(item) / _WRITE_UNIT))


def estimate_units(operation: str, params: dict[str, Any], answer: dict[str, Any]) -> float:
    """Return the capacity units that DynamoDB would have charged to the requested table or index.

    The units that a write consumes on other indexes are not included, nor the items that a filter removed.
    """
    if operation == "GetItem":
        return _read(item_size(answer.get("Item") or {}), bool(params.get("ConsistentRead")))
    if operation in ("Query", "Scan"):
        # DynamoDB adds up the items of one request before it rounds.
        return _read(sum(map(item_size, answer.get("Items", []))), bool(params.get("ConsistentRead")))
    if operation == "BatchGetItem":
        consistent = any(each.get("ConsistentRead") for each in params["RequestItems"].values())
        found = [item for items in answer.get("Responses", {}).values() for item in items]
        return sum(_read(item_size(item), consistent) for item in found)
    if operation == "PutItem":
        return float(write_units(params["Item"]))
    if operation == "BatchWriteItem":
        puts = [each for requests in params["RequestItems"].values() for each in requests]
        return float(sum(write_units(each["PutRequest"]["Item"]) if "PutRequest" in each else 1 for each in puts))
    if operation == "TransactGetItems":
        # Each item is read consistently twice: to prepare the transaction, and to commit it.
        return sum(2 * _read(item_size(each.get("Item") or {}), True) for each in answer.get("Responses", []))
    if operation == "TransactWriteItems":
        items = (each.get("Put", {}).get("Item", {}) for each in params["TransactItems"])
        return float(sum(2 * write_units(item) for item in items))
    return float(write_units(answer.get("Attributes") or {}))


def _read(size: int, consistent: bool) -> float:
    return max(1, ceil(size / _READ_UNIT)) * (1.0 if consistent else 0.5)
