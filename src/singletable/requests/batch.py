"""Many items in few requests: BatchGetItem and BatchWriteItem, with what DynamoDB left undone retried."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from singletable.errors import BatchIncomplete
from singletable.requests.types import Item, Sender

__all__ = ["GET_LIMIT", "WRITE_LIMIT", "chunked", "fetch_items", "put_items"]

GET_LIMIT = 100
"""Keys in one BatchGetItem (DynamoDB API reference)."""

WRITE_LIMIT = 25
"""Items in one BatchWriteItem (DynamoDB API reference)."""

_ATTEMPTS = 10
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 5.0
_T = TypeVar("_T")


def chunked(values: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """`values` in lists of at most `size`."""
    iterator = iter(values)
    while chunk := list(islice(iterator, size)):
        yield chunk


def fetch_items(
    sender: Sender, keys: Sequence[Item], primary: tuple[str, ...], *, consistent: bool = False
) -> list[Item | None]:
    """The items with these primary keys, in the order of the keys; None for one that does not exist.

    Args:
        sender: What to send through.
        keys: Primary keys; a key may appear more than once.
        primary: The stored names of the primary key's attributes.
        consistent: Whether to read what was last written, at twice the cost.

    Raises:
        BatchIncomplete: DynamoDB left keys unprocessed after ten attempts.
    """
    found: dict[tuple[Any, ...], Item] = {}
    unique = list({_identity(key, primary): key for key in keys}.values())
    for chunk in chunked(unique, GET_LIMIT):
        for items in _rounds(sender, "BatchGetItem", chunk, consistent=consistent):
            found.update({_identity(item, primary): item for item in items})
    return [found.get(_identity(key, primary)) for key in keys]


def put_items(sender: Sender, items: Iterable[Item], primary: tuple[str, ...]) -> Iterator[int]:
    """Write items, 25 in a request; yields how many each request wrote.

    Two items with one key never go into one request, which DynamoDB would refuse; the later one wins.

    Raises:
        BatchIncomplete: DynamoDB left items unprocessed after ten attempts.
    """
    for chunk in _distinct_chunks(items, primary):
        for _ in _rounds(sender, "BatchWriteItem", [{"PutRequest": {"Item": item}} for item in chunk]):
            pass
        yield len(chunk)


def _distinct_chunks(items: Iterable[Item], primary: tuple[str, ...]) -> Iterator[list[Item]]:
    chunk: list[Item] = []
    seen: set[tuple[Any, ...]] = set()
    for item in items:
        if len(chunk) == WRITE_LIMIT or _identity(item, primary) in seen:
            yield chunk
            chunk, seen = [], set()
        chunk.append(item)
        seen.add(_identity(item, primary))
    if chunk:
        yield chunk


def _rounds(sender: Sender, operation: str, pending: list[Any], *, consistent: bool = False) -> Iterator[list[Item]]:
    """Send one batch until nothing is left undone; yields the items that each answer brought."""
    reading = operation == "BatchGetItem"
    for attempt in range(_ATTEMPTS):
        if attempt:
            # Exponential backoff with full jitter, as DynamoDB's guide to batch operations asks for.
            time.sleep(random.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**attempt)))  # noqa: S311 - not a secret
        request: Any = {"Keys": pending, "ConsistentRead": consistent} if reading else pending
        answer = sender.send(operation, {"RequestItems": {sender.table_name: request}})
        yield answer.get("Responses", {}).get(sender.table_name, [])
        undone = answer.get("UnprocessedKeys" if reading else "UnprocessedItems") or {}
        left = undone.get(sender.table_name) or []
        pending = left.get("Keys", []) if isinstance(left, dict) else left
        if not pending:
            return
    raise BatchIncomplete(
        f"{operation}: DynamoDB left {len(pending)} items unprocessed after {_ATTEMPTS} attempts.",
        remedy="The table is throttled: send less at once, or raise its capacity.",
        unprocessed=tuple(pending),
    )


def _identity(item: Item, primary: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(item[name].get("S") or str(item[name]) for name in primary)
