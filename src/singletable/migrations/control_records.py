"""Control records: the history of a table's migrations, as entities of the framework in the same table.

Their partition keys begin with `SINGLETABLE#`, their discriminators with `singletable:`, and scans of the application
skip them. In a control table, which several tables may share, the partition keys also hold the name of the
migrated table. Records in the migrated table itself do not: they stay valid in a copy that is restored under another
name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from pynamodb.attributes import UnicodeAttribute, UTCDateTimeAttribute

from singletable.models import IntegerAttribute, Key, Table
from singletable.models.declare.strict import StrictUnicodeAttribute
from singletable.models.items.internal_items import INTERNAL_KEYS, internal_entity, internal_table
from singletable.requests.connection import TableConnection
from singletable.requests.types import Item

__all__ = ["BACKWARD", "VERIFYING", "Records", "key_digest", "key_from_text", "key_to_text"]


BACKWARD = "~back"
"""The suffix of a migration's name in slices, checkpoints and the quarantine while it is rolled back."""

VERIFYING = "~verify"
"""The suffix of a migration's name in slices and checkpoints while a pass of it is verified."""


class Records:
    """The record classes, bound to one table.

    Args:
        connection: The connection to the table that holds the records.
        partition: The stored attribute of that table's partition key.
        sort: The stored attribute of its sort key.
        type_name: The stored attribute of the discriminator.
        of: The name of the migrated table, if the records are in another table.
    """

    def __init__(
        self, connection: TableConnection, partition: str, sort: str, type_name: str, of: str | None = None
    ) -> None:
        base = internal_table(Table, partition, sort, type_name, str(connection.table_name), connection)
        self.table = base
        self.key_names = (partition, sort)
        self.of = of
        self._arguments = (connection, partition, sort, type_name)

        def entity(declaration: type, discriminator: str, place: str, field: str, sort: str) -> Any:
            scope = f"#{of}" if of else ""
            key = Key(pk=f"{INTERNAL_KEYS}{place}{scope}{field}", sk=sort)
            return internal_entity(base, declaration, discriminator, key=key)

        self.Applied = entity(_Applied, "singletable:migration", "MIGRATIONS", "", "{name}")
        self.Segment = entity(_Segment, "singletable:segment", "SEGMENTS", "#{migration}", "{step:04d}#{number:06d}")
        self.Lease = entity(_Lease, "singletable:lease", "LEASE", "", "{name}")
        self.Quarantined = entity(
            _Quarantined, "singletable:quarantine", "QUARANTINE", "#{migration}", "{step:04d}#{digest}"
        )

    def unnamed(self) -> Records | None:
        """Return the records of an earlier version in a control table, whose keys do not name a table."""
        return Records(*self._arguments) if self.of else None


class _Applied:
    """One migration: its status and its progress.

    `status` is `running`, `applied` or `rolling-back`. `step` is the number of the next step, `digest` the digest of
    the script, and `segments` the number of segments into which the table is divided. `counts` has the number of items
    by outcome, as JSON.
    """

    name = UnicodeAttribute()
    status = UnicodeAttribute()
    digest = UnicodeAttribute()
    step = IntegerAttribute(default_for_new=0)
    segments = IntegerAttribute(default_for_new=0)
    counts = UnicodeAttribute(default_for_new="{}")
    owner = UnicodeAttribute(null=True)
    epoch = IntegerAttribute(default_for_new=0)
    started_at = UTCDateTimeAttribute(attr_name="startedAt", null=True)
    finished_at = UTCDateTimeAttribute(attr_name="finishedAt", null=True)


class _Segment:
    """The checkpoint of one segment of one pass.

    The scan continues after the key in `position`, which is JSON. `epoch` is that of the lease under which the segment
    was last taken up; a runner with a lower epoch may not write the checkpoint.
    """

    migration = UnicodeAttribute()
    step = IntegerAttribute()
    number = IntegerAttribute()
    epoch = IntegerAttribute(default_for_new=0)
    state = UnicodeAttribute(default_for_new="open")
    position = UnicodeAttribute(null=True)
    counts = UnicodeAttribute(default_for_new="{}")


class _Lease:
    """The runner that may migrate: `beat` counts up while it lives, and `epoch` with each new owner."""

    name = UnicodeAttribute()
    owner = UnicodeAttribute(null=True)
    epoch = IntegerAttribute(default_for_new=0)
    beat = IntegerAttribute(default_for_new=0)


class _Quarantined:
    """An item that a pass could not change: its key as JSON, and the reason."""

    migration = UnicodeAttribute()
    step = IntegerAttribute()
    digest = UnicodeAttribute()
    item_key = StrictUnicodeAttribute(attr_name="itemKey")
    reason = UnicodeAttribute()


def key_to_text(key: Item | None) -> str | None:
    """Return a primary key as JSON, or None for None."""
    return None if key is None else json.dumps(key, sort_keys=True, ensure_ascii=False)


def key_from_text(text: str | None) -> Item | None:
    """Return a primary key from JSON, or None for None."""
    return None if text is None else json.loads(text)


def key_digest(key: Mapping[str, Any]) -> str:
    """Return a short digest of a key."""
    return sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:32]
