"""Records: what a table remembers of its migrations, as entities of the framework's own in that same table.

Their partition keys begin with `SINGLETABLE#`, their discriminators with `singletable:`; scans of the application
pass over them. In a control table, which several tables may share, the partition keys also hold the name of the
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
from singletable.models.items.internal_items import internal_table
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
        connection: Where the records are.
        partition: The stored attribute of that table's partition key.
        sort: The stored attribute of its sort key.
        type_name: The stored attribute of the discriminator.
        of: The name of the migrated table, if the records are in another one.
    """

    def __init__(
        self, connection: TableConnection, partition: str, sort: str, type_name: str, of: str | None = None
    ) -> None:
        base = internal_table(Table, partition, sort, type_name, str(connection.table_name), connection)
        self.table = base
        self.key_names = (partition, sort)
        self.of = of
        self._arguments = (connection, partition, sort, type_name)
        scope = f"#{of}" if of else ""

        class Applied(base, discriminator="singletable:migration"):
            """One migration: whether it is applied, and how far it is.

            `status` is `running`, `applied` or `rolling-back`; `step` the number of the step that is next; `digest`
            that of the script; `segments` into how many the table is cut; `counts` what was done, as JSON.
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

            key = Key(pk=f"SINGLETABLE#MIGRATIONS{scope}", sk="{name}")

        class Segment(base, discriminator="singletable:segment"):
            """The checkpoint of one segment of one pass.

            `position` is the key behind which the scan goes on, as JSON; `epoch` that of the lease under which the
            segment was last taken up: a runner with a lower one may not write here.
            """

            migration = UnicodeAttribute()
            step = IntegerAttribute()
            number = IntegerAttribute()
            epoch = IntegerAttribute(default_for_new=0)
            state = UnicodeAttribute(default_for_new="open")
            position = UnicodeAttribute(null=True)
            counts = UnicodeAttribute(default_for_new="{}")

            key = Key(pk=f"SINGLETABLE#SEGMENTS{scope}#{{migration}}", sk="{step:04d}#{number:06d}")

        class Lease(base, discriminator="singletable:lease"):
            """Who may migrate: `beat` counts up while its owner lives, `epoch` with each owner."""

            name = UnicodeAttribute()
            owner = UnicodeAttribute(null=True)
            epoch = IntegerAttribute(default_for_new=0)
            beat = IntegerAttribute(default_for_new=0)

            key = Key(pk=f"SINGLETABLE#LEASE{scope}", sk="{name}")

        class Quarantined(base, discriminator="singletable:quarantine"):
            """An item that a pass could not change: its key as JSON, and why."""

            migration = UnicodeAttribute()
            step = IntegerAttribute()
            digest = UnicodeAttribute()
            item_key = StrictUnicodeAttribute(attr_name="itemKey")
            reason = UnicodeAttribute()

            key = Key(pk=f"SINGLETABLE#QUARANTINE{scope}#{{migration}}", sk="{step:04d}#{digest}")

        self.Applied = Applied
        self.Segment = Segment
        self.Lease = Lease
        self.Quarantined = Quarantined

    def unnamed(self) -> Records | None:
        """Return the records of an earlier version in a control table, whose keys do not name a table."""
        return Records(*self._arguments) if self.of else None


def key_to_text(key: Item | None) -> str | None:
    """A primary key as JSON; None for none."""
    return None if key is None else json.dumps(key, sort_keys=True, ensure_ascii=False)


def key_from_text(text: str | None) -> Item | None:
    """A primary key from JSON."""
    return None if text is None else json.loads(text)


def key_digest(key: Mapping[str, Any]) -> str:
    """A short text that stands for a key."""
    return sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:32]
