"""The invariant: an item's stored keys and expiry are the ones derived from its stored attributes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from singletable.models import Table
from singletable.models.items.deriving import derived_item
from singletable.models.reading.targets import TableSender, load
from singletable.models.schema.table_schema import entity_schema, table_schema
from singletable.requests import UnknownItem
from singletable.requests.types import Item
from singletable.requests.values import same_value

__all__ = ["check_fresh", "scan_raw", "stale_attributes"]


def stale_attributes(table: type[Table], item: Item) -> list[str]:
    """The derived attributes of an item that are missing, wrong or too many, by stored name.

    An item of an unknown type, or of the framework's own, has none, since nothing says what should be in it.

    Args:
        table: The table class.
        item: An item as DynamoDB sends it.
    """
    entity = load(table_schema(table).table, item)
    if entity is None or isinstance(entity, UnknownItem):
        return []
    schema = entity_schema(entity)
    right = derived_item(schema, entity)
    expiry = table_schema(entity).expiry_name
    names = [*schema.layout.key_names, *([expiry] if expiry else [])]
    # An index may be on the discriminator, which is not derived.
    names = [name for name in dict.fromkeys(names) if name != schema.layout.type_name]
    return [name for name in names if not same_value(item.get(name), right.get(name))]


def check_fresh(table: type[Table], items: Iterable[Item] | None = None) -> int:
    """Assert the invariant on items.

    Args:
        table: The table class.
        items: The items; every item of the table, by a scan, where they are left out.

    Returns:
        How many items were looked at.

    Raises:
        AssertionError: An item's keys or expiry are stale; it says which, and not their values.
    """
    count = 0
    for item in scan_raw(table) if items is None else items:
        count += 1
        stale = stale_attributes(table, item)
        assert not stale, f"{load(table_schema(table).table, item)!r} is stored with stale {', '.join(stale)}"
    return count


def scan_raw(table: type[Table]) -> Iterator[Item]:
    """Every item of a table as DynamoDB sends it, read consistently."""
    sender = TableSender(table_schema(table).table)
    start: Item | None = None
    while True:
        more = {"ExclusiveStartKey": start} if start else {}
        answer = sender.send("Scan", {"TableName": sender.table_name, "ConsistentRead": True, **more})
        yield from answer.get("Items", [])
        start = answer.get("LastEvaluatedKey")
        if not start:
            return
