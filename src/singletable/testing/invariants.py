"""The invariant: an item's stored keys and expiry are the ones derived from its stored attributes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from singletable.models import Table
from singletable.models.items.deriving import derived_item
from singletable.models.reading.targets import TableSender, load
from singletable.models.schema.table_schema import entity_schema, table_schema
from singletable.requests import UnknownItem
from singletable.requests.stored_values import same_value
from singletable.requests.types import Item

__all__ = ["check_fresh", "scan_raw", "stale_attributes"]


def stale_attributes(table: type[Table], item: Item) -> list[str]:
    """Return the stored names of an item's derived attributes that are missing, wrong or superfluous.

    The list is empty for an item of an unknown type and for the framework's own items, because no model describes them.

    Args:
        table: The table class.
        item: An item in the form of DynamoDB's answers.
    """
    entity = load(table_schema(table).table, item)
    if entity is None or isinstance(entity, UnknownItem):
        return []
    schema = entity_schema(entity)
    right = derived_item(schema, entity)
    expiry = table_schema(entity).expiry_name
    names = [*schema.layout.key_names, *([expiry] if expiry else [])]
    # An index may have the discriminator as a key, which is not derived.
    names = [name for name in dict.fromkeys(names) if name != schema.layout.type_name]
    return [name for name in names if not same_value(item.get(name), right.get(name))]


def check_fresh(table: type[Table], items: Iterable[Item] | None = None) -> int:
    """Assert the invariant on items.

    Args:
        table: The table class.
        items: The items; None reads all items of the table by a scan.

    Returns:
        The number of checked items.

    Raises:
        AssertionError: An item's keys or expiry are stale; the message has their names, without values.
    """
    count = 0
    for item in scan_raw(table) if items is None else items:
        count += 1
        stale = stale_attributes(table, item)
        assert not stale, f"{load(table_schema(table).table, item)!r} is stored with stale {', '.join(stale)}"
    return count


def scan_raw(table: type[Table]) -> Iterator[Item]:
    """Return every item of a table in the form of DynamoDB's answers, by consistent reads."""
    sender = TableSender(table_schema(table).table)
    start: Item | None = None
    while True:
        more = {"ExclusiveStartKey": start} if start else {}
        answer = sender.send("Scan", {"TableName": sender.table_name, "ConsistentRead": True, **more})
        yield from answer.get("Items", [])
        start = answer.get("LastEvaluatedKey")
        if not start:
            return
