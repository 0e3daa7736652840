"""Records of applied transactions, by which a repeated transaction is recognized despite other generated values.

DynamoDB compares whole requests with the same client request token. A transaction that is planned again has other
timestamps, IDs and versions, so that DynamoDB refuses it although the operations are the same. Therefore such a
transaction also writes a record to the table: an item with the token as its key, and with a digest of the operations
without the generated values. If the record exists already, the transaction was applied.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import attrs
from pynamodb.attributes import ListAttribute, UnicodeAttribute, UTCDateTimeAttribute

from singletable.models.declare.expiry import Expiry
from singletable.models.declare.key import Key
from singletable.models.declare.timestamps import utcnow
from singletable.models.declare.typed_maps import without_generated
from singletable.models.items.internal_items import TOKENS, internal_table_beside
from singletable.models.reading.targets import TableSender, stored_item
from singletable.models.schema.table_schema import table_schema
from singletable.models.writing import plan
from singletable.models.writing.checked_actions import assignments
from singletable.models.writing.upserting import UpsertWrite
from singletable.models.writing.writes import CreateWrite, DeleteWrite, SaveWrite, UpdateWrite, Write
from singletable.requests.batch_requests import fetch_items
from singletable.requests.expressions import Placeholders
from singletable.requests.stored_values import canonical
from singletable.requests.types import Item
from singletable.steps import Steps

if TYPE_CHECKING:
    from singletable.models.items.item import StoredItem

__all__ = ["Record", "adopt", "record_of"]

_DAYS = 1
"""The number of days for which a record is kept, if the table has a time to live."""


@attrs.frozen
class Record:
    """The record of a transaction, before it is sent.

    Args:
        write: The put of the record, which must not exist yet.
        digest: The digest of the operations.
    """

    write: CreateWrite[Any]
    digest: str

    def is_of(self, current_item: Item | None) -> bool:
        """Return whether a stored record has the same operations."""
        return current_item is not None and current_item.get("digest") == {"S": self.digest}

    def stored(self, sender: TableSender) -> Steps[Item | None]:
        """Return the stored record with the same token; None if no record exists."""
        return stored_item(self.write.entity, sender)


def record_of(table: type[StoredItem], sender: TableSender, token: str, writes: Sequence[Write[Any]]) -> Record | None:
    """Return the record of a transaction with a caller's token; None if each plan of it makes the same request."""
    with without_generated():
        named = [_named(write) for write in writes]
    if not any(map(_differs, writes, named)):
        return None
    layout = table_schema(table).layout
    kind = _record_class(table, table_schema(table).expiry_name)
    digest = sha256(json.dumps(named, sort_keys=True, default=_text).encode()).hexdigest()
    keys = [[write.request.item_or_key[name]["S"] for name in layout.primary] for write in writes]
    return Record(plan.create(kind(token=token, digest=digest, keys=keys)).through(sender), digest)


def adopt(writes: Sequence[Write[Any]], record: Item, sender: TableSender) -> Steps[None]:
    """Update the instances of a repeated transaction with the items that are stored under the keys that it wrote."""
    primary = table_schema(sender.table).layout.primary
    places = [[each["S"] for each in key["L"]] for key in record["keys"]["L"]]
    keys: list[Item] = [{name: {"S": text} for name, text in zip(primary, place, strict=True)} for place in places]
    items = yield from fetch_items(sender, keys, primary, consistent=True)
    for write, item in zip(writes, items, strict=True):
        if not isinstance(write, (SaveWrite, UpdateWrite, DeleteWrite)):
            continue
        entity: StoredItem = write.entity
        schema = entity._schema_of()
        if item is not None and item.get(schema.layout.type_name) == {"S": schema.discriminator}:
            entity.deserialize(item)
        else:
            entity._forget()


@lru_cache(maxsize=8)
def _record_class(table: type[StoredItem], ttl: str | None) -> Any:
    base = internal_table_beside(table, "tokens")
    body = {
        "__qualname__": "AppliedTransaction",
        "__module__": __name__,
        "token": UnicodeAttribute(),
        "digest": UnicodeAttribute(),
        "keys": ListAttribute(),
        "applied_at": UTCDateTimeAttribute(attr_name="appliedAt", default_for_new=utcnow),
        "key": Key(pk=TOKENS + "#{token}", sk="TOKEN"),
    }
    if ttl is not None:
        body["expires_at"] = Expiry(after="applied_at", days=_DAYS, attr_name=ttl)
    return type(base)("AppliedTransaction", (base,), body, discriminator="singletable:applied")


def _differs(write: Write[Any], named: list[Any]) -> bool:
    """Return whether the same operation makes another request if it is planned again.

    Args:
        write: The operation.
        named: The result of `_named` for the operation, without the values that its maps generated.
    """
    schema, entity = write.entity._schema_of(), write.entity
    if isinstance(write, DeleteWrite):
        return schema.version is not None
    if not isinstance(write, (SaveWrite, UpdateWrite)):
        return False
    if schema.set_by_writes or entity._generated_now():
        return True
    guarded = isinstance(write, UpdateWrite) and bool(write.change.guards)
    return guarded or named != _named(write)


def _named(write: Write[Any]) -> list[Any]:
    """Return the operation as the caller gave it, without the values that each plan generates."""
    entity = write.entity
    schema = entity._schema_of()
    if isinstance(write, (SaveWrite, UpsertWrite)):
        generated = {schema.attributes[name].attr_name for name in (*entity._generated_now(), *schema.set_by_writes)}
        held = {**entity._unknown(), **entity._serialized()}
        values = {name: canonical(value) for name, value in held.items() if name not in generated}
    else:
        # Only the key: the instance may have no other values, if it was read with only=, or made for its key.
        values = {name: canonical(write.request.item_or_key[name]) for name in schema.layout.primary}
    placeholders = Placeholders()
    asked = []
    if isinstance(write, UpdateWrite):
        actions = assignments(schema, write.values) if write.values else write.actions
        asked = [action.serialize(placeholders.names, placeholders.values) for action in actions]
    condition = None if write.condition is None else placeholders.condition(write.condition)
    return [write.verb, schema.name, values, asked, condition, placeholders.names, placeholders.values]


def _text(value: Any) -> str:
    return value.hex() if isinstance(value, (bytes, bytearray)) else str(value)
