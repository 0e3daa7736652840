"""The quarantine: the items that a pass could not change, with the reasons. It is read page by page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from singletable.migrations.control_records import BACKWARD, Records, key_digest, key_from_text, key_to_text
from singletable.requests.retry import TRANSIENT_FAULTS
from singletable.requests.types import Item

__all__ = ["Quarantine"]

_COMMON = 3


class Quarantine:
    """The quarantined items of one pass, or of one migration.

    Args:
        records: The records of the table.
        migration: The name of the pass: a migration's name, with `~back` while it is rolled back.
        step: The number of the pass within the migration; None for all of them.
    """

    def __init__(self, records: Records, migration: str, step: int | None = None) -> None:
        self._records = records
        self._migration = migration
        self._step = step

    @classmethod
    def of(cls, records: Records, migration: str) -> tuple[Quarantine, Quarantine]:
        """Return the quarantines of a migration: that of its passes, and that of its rollback."""
        return cls(records, migration), cls(records, f"{migration}{BACKWARD}")

    def __iter__(self) -> Iterator[Any]:
        """Return the records: `item_key`, `reason` and `step` of each item."""
        for each in self._records.Quarantined.query(migration=self._migration, consistent=True):
            if self._step is None or each.step == self._step:
                yield each

    def add(self, step: int, key: Item, reason: str) -> None:
        """Add an item; `reason` must not contain its values."""
        record, text = self._records.Quarantined, key_to_text(key) or ""
        TRANSIENT_FAULTS.call(
            lambda: record(
                migration=self._migration, step=step, digest=key_digest(key), item_key=text, reason=reason
            ).save()
        )

    def has(self, step: int, key: Item) -> bool:
        """Return whether an item is quarantined."""
        record = self._records.Quarantined
        try:
            record.get(migration=self._migration, step=step, digest=key_digest(key), consistent=True)
        except record.DoesNotExist:
            return False
        return True

    def summary(self) -> tuple[int, str]:
        """Return the number of items, and the most frequent reasons as text."""
        reasons = Counter(each.reason for each in self)
        common = reasons.most_common(_COMMON)
        text = "; ".join(f"{reason} ({count:,})" for reason, count in common)
        rarer = reasons.total() - sum(count for _, count in common)
        return reasons.total(), text + (f"; other reasons ({rarer:,})" if rarer else "")

    def redrive(self, attempt: Callable[[Item, int], str | None], before_change: Callable[[], None]) -> Counter[str]:
        """Try each item again, and release the items that are right now.

        Args:
            attempt: Called with the key of an item and the number of its pass; returns the reason why the item cannot
                be changed, or None.
            before_change: Called directly before a record is changed; raises if another runner has taken over.

        Returns:
            The number of items that were `released`, and that were `quarantined` again.
        """
        counts: Counter[str] = Counter()
        for record in self:
            key = key_from_text(record.item_key) or {}
            reason = attempt(key, record.step)
            before_change()
            if reason is None:
                self._delete(record)
                counts["released"] += 1
            else:
                self.add(record.step, key, reason)
                counts["quarantined"] += 1
        return counts

    def forget(self, before_change: Callable[[], None]) -> int:
        """Remove all records without changing the items. Return the number of records."""
        count = 0
        for count, record in enumerate(self, 1):  # noqa: B007 - the number of the last one is the answer
            before_change()
            self._delete(record)
        return count

    def _delete(self, record: Any) -> None:
        # After a lost response, the next attempt finds no record.
        with suppress(self._records.Quarantined.DoesNotExist):
            TRANSIENT_FAULTS.call(record.delete)
