"""The items that every peer reads and writes: two mixes of twenty attributes, as values and in DynamoDB's form.

This module imports only the standard library, because the environment of a peer may have no other packages.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

MIXES = ("flat", "order")
"""Flat: 2 ids, 8 texts, 5 numbers, 3 flags, 2 points in time. Order: the attributes of an order, some nested."""

QUERIED = 100
"""The number of items of a Query's answer."""

ITERATED = 100_000
"""The number of items of the iteration in pages."""

MEGABYTE = 2**20
"""The bytes of one page of DynamoDB, by its definition of an item's size."""

USER = "u1"
ORDER = "o00007"
SAVED = 7
"""The number of the item that is saved and got; ORDER is its id."""

NUMBER = {"flat": "number_0", "order": "total"}
"""The number attribute whose sum a proof contains, by mix."""

_TIMES = ("created_at", "updated_at")
_STORED = {"user_id": "userId", "order_id": "orderId", "created_at": "createdAt", "updated_at": "updatedAt"}
_START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def values(mix: str, number: int) -> dict[str, Any]:
    """Return the twenty attributes of an item, by Python name."""
    made = {
        "user_id": USER,
        "order_id": f"o{number:05d}",
        "created_at": _START + timedelta(hours=number),
        "updated_at": _START + timedelta(hours=number, minutes=1),
    }
    return made | (_flat(number) if mix == "flat" else _order(number))


def _flat(number: int) -> dict[str, Any]:
    return {
        **{f"text_{place}": f"text_{place} of {number}" for place in range(8)},
        **{f"number_{place}": number * 10 + place for place in range(5)},
        **{f"flag_{place}": bool(number % 2) for place in range(3)},
    }


def _order(number: int) -> dict[str, Any]:
    prices = [19.95 + number, 4.5, 120 + number % 7]
    return {
        "status": ("PENDING", "PAID", "SHIPPED")[number % 3],
        "currency": "EUR",
        "channel": "web",
        "customer_name": f"Ada Lovelace {number}",
        "email": f"ada.{number}@example.com",
        "note": "Please ring twice; the dog is friendly.",
        "total": 2 * 19.95 + number,
        "shipping": 4.95,
        "item_count": 3 + number % 5,
        "paid": number % 3 > 0,
        "gift": number % 4 == 0,
        "tags": {"new", "priority", f"batch-{number % 9}"},
        "coupons": ["WELCOME10", f"SPRING-{number}"],
        "address": {
            "name": f"Ada Lovelace {number}",
            "street": f"{number} St James's Square",
            "city": "London",
            "postcode": "SW1Y 4LE",
            "country": "GB",
        },
        "lines": [
            {"sku": f"SKU-{number:05d}-{place}", "title": f"Article {place}", "quantity": place + 1, "price": price}
            for place, price in enumerate(prices)
        ],
        "metadata": {"source": "newsletter", "attempts": number % 3, "score": 0.5 + number, "seen": True},
    }


def keys(mix: str, given: Mapping[str, Any]) -> dict[str, str]:
    """Return the key texts of an item, by stored name; an order is also in an index."""
    made = {"PK": f"USER#{given['user_id']}", "SK": f"ORDER#{given['order_id']}"}
    if mix == "order":
        moment = given["created_at"].strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        made |= {"GSI1PK": f"STATUS#{given['status']}", "GSI1SK": f"ORDER#{moment}"}
    return made


def stored(mix: str, number: int) -> dict[str, Any]:
    """Return an item in DynamoDB's form: its keys, its type, its attributes."""
    given = values(mix, number)
    own = {_STORED.get(name, name): _typed(value) for name, value in given.items()}
    return {name: {"S": text} for name, text in keys(mix, given).items()} | {"entityType": {"S": "ORDER"}} | own


def answer(mix: str, items: list[Any], more: Mapping[str, Any] | None = None) -> bytes:
    """Return the body of a Query's answer."""
    body: dict[str, Any] = {"Items": items, "Count": len(items), "ScannedCount": len(items)}
    if more is not None:
        body["LastEvaluatedKey"] = more
    return json.dumps(body | consumed(mix)).encode()


def consumed(mix: str) -> dict[str, Any]:
    """Return the consumed capacity of an answer; every peer except the floor requests it."""
    return {"ConsumedCapacity": {"TableName": f"bench-{mix}", "CapacityUnits": 2.5}}


def _typed(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, (int, float)):
        return {"N": repr(value)}
    if isinstance(value, datetime):
        # PynamoDB's form, which the others also read.
        return {"S": value.strftime("%Y-%m-%dT%H:%M:%S.%f+0000")}
    if isinstance(value, set):
        return {"SS": sorted(value)}
    if isinstance(value, list):
        return {"L": [_typed(each) for each in value]}
    if isinstance(value, dict):
        return {"M": {name: _typed(each) for name, each in value.items()}}
    return {"S": value}


def size(typed: Mapping[str, Any]) -> int:
    """Return an item's size as DynamoDB defines it: names and values in UTF-8, numbers and containers with overhead."""
    return sum(len(name.encode()) + _size(value) for name, value in typed.items())


def _size(typed: Mapping[str, Any]) -> int:
    ((kind, content),) = typed.items()
    if kind == "S":
        return len(content.encode())
    if kind == "N":
        return len(content.strip("0.-")) // 2 + 2
    if kind == "SS":
        return sum(len(each.encode()) for each in content)
    if kind == "L":
        return 3 + sum(1 + _size(each) for each in content)
    return 3 + size(content) + len(content) if kind == "M" else 1


# --- proofs that every peer has read the same items ------------------------------------


def proof(mix: str, read: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a proof that every attribute of items was read with its type; it is the same for all peers.

    Args:
        mix: The mix.
        read: The attributes of each item by Python name, with points in time as datetimes and numbers as numbers.
    """
    rows = [{name: _comparable(row[name]) for name in values(mix, 0)} for row in read]
    return {
        "count": len(rows),
        "sum": sum(row[NUMBER[mix]] for row in rows),
        "last": rows[-1]["created_at"],
        "attributes": _digest(rows),
    }


def proof_of_instances(mix: str, read: Iterable[Any]) -> dict[str, Any]:
    """Return the proof for instances of a model."""
    names = values(mix, 0)
    return proof(mix, ({name: getattr(each, name) for name in names} for each in read))


def proof_of_stored(mix: str, read: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the proof for items in DynamoDB's form."""
    return proof(mix, (_untyped_item(mix, item) for item in read))


def proof_of_written(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return a proof that an item was written with its keys and attributes; it is the same for all peers."""
    return {"names": len(item), "item": _digest({name: _ordered(value) for name, value in item.items()})}


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _comparable(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).isoformat()
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, set):
        return sorted(value)
    if isinstance(value, list):
        return [_comparable(each) for each in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    if hasattr(value, "as_dict"):  # PynamoDB's maps
        value = value.as_dict()
    if isinstance(value, Mapping):
        return {name: _comparable(each) for name, each in value.items()}
    return value


def _ordered(typed: Any) -> Any:
    """Return a stored value with sorted sets, because writers order them differently."""
    return {kind: sorted(content) if kind == "SS" else content for kind, content in typed.items()}


def _untyped_item(mix: str, item: Mapping[str, Any]) -> dict[str, Any]:
    made = {name: _untyped(item[_STORED.get(name, name)]) for name in values(mix, 0)}
    return made | {name: datetime.strptime(made[name], "%Y-%m-%dT%H:%M:%S.%f%z") for name in _TIMES}


def _untyped(typed: Mapping[str, Any]) -> Any:
    ((kind, content),) = typed.items()
    if kind == "N":
        return float(content)
    if kind == "SS":
        return set(content)
    if kind == "L":
        return [_untyped(each) for each in content]
    return {name: _untyped(each) for name, each in content.items()} if kind == "M" else content
