"""Time to live: switch on the deletion of expired items for a table."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from singletable.errors import InvalidRequestError, SingletableError
from singletable.models.reading.targets import TableSender
from singletable.models.schema.table_schema import table_schema

if TYPE_CHECKING:
    from singletable.models.items.item import StoredItem

__all__ = ["switch_on"]

_log = logging.getLogger("singletable")


def switch_on(table: type[StoredItem], *, ignore_errors: bool) -> None:
    """Switch on a table's time to live; see `Table.update_ttl`."""
    wanted = table_schema(table).expiry_name
    if wanted is None:
        raise InvalidRequestError(
            f"{table.__name__}.update_ttl(): no entity of the table has an Expiry.",
            remedy="Declare an expiry in an entity, such as expires_at = Expiry(after=..., days=30).",
            entity=table.__name__,
        )
    sender = TableSender(table)
    try:
        _switch_on(sender, wanted)
    except SingletableError as error:
        if not ignore_errors:
            raise
        _log.info("The time to live of %s is not on: %s", sender.table_name, error)


def _switch_on(sender: TableSender, wanted: str) -> None:
    answer = sender.send("DescribeTimeToLive", {"TableName": sender.table_name})
    found = answer.get("TimeToLiveDescription", {})
    status, attribute = found.get("TimeToLiveStatus", "DISABLED"), found.get("AttributeName")
    if status in ("ENABLED", "ENABLING"):
        if attribute == wanted:
            return
        raise InvalidRequestError(
            f"The items of {sender.table_name!r} expire by {attribute!r}, but {sender.table.__name__} declares"
            f" {wanted!r}; a DynamoDB table has one such attribute.",
            remedy=f"Declare Expiry(attr_name={attribute!r}), or switch the time to live off (UpdateTimeToLive with"
            " Enabled=False) and call update_ttl() again; DynamoDB allows one change an hour.",
        )
    if status == "DISABLING":
        raise InvalidRequestError(
            f"The time to live of {sender.table_name!r} is being switched off.",
            remedy="Call update_ttl() again in an hour; DynamoDB allows one change an hour.",
        )
    sender.send(
        "UpdateTimeToLive",
        {
            "TableName": sender.table_name,
            "TimeToLiveSpecification": {"AttributeName": wanted, "Enabled": True},
        },
    )
