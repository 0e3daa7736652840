"""Verifying: every derived attribute of every item worked out again, then each index compared with the table.

All that is kept of a table, whatever its size, is a few thousand checksums: for each of 4,096 groups of keys how many
rows it has and the sum of their hashes. Only groups that differ are looked at a second time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any, Literal

import attrs

from singletable.migrations.live import LiveTable
from singletable.migrations.segments import pages_of
from singletable.migrations.sources import Unfit
from singletable.migrations.state import Entity, Index, TableState
from singletable.migrations.throttle import Throttle
from singletable.models.layout import OWN_TYPES
from singletable.requests.types import Item, Params
from singletable.requests.values import same_value

__all__ = ["Finding", "Report", "findings_of", "verify"]

Kind = Literal["missing", "wrong", "extra", "unreadable", "not in the index", "only in the index"]

_GROUPS = 4096
_SHOWN = 1000


@attrs.frozen
class Finding:
    """Something that is not as it should be.

    Args:
        kind: `missing`, `wrong` or `extra` for a derived attribute, `unreadable` where it cannot be told,
            `not in the index` or `only in the index` for a row.
        entity: The item's entity, where it says one.
        name: The attribute or the index.
        key: The item's primary key; it may hold personal values (`TableState.show_key`).
        reason: Why it is unreadable.
    """

    kind: Kind
    entity: str | None
    name: str
    key: Item = attrs.field(repr=False)
    reason: str = ""


@attrs.define
class Report:
    """What a verification found.

    Args:
        items: How many items were looked at, by entity.
        rows: How many rows each index has.
        counts: How many findings of each kind there are.
        findings: The first thousand of them.
        unknown: How many items are of no known entity.
    """

    items: Counter[str] = attrs.field(factory=Counter)
    rows: Counter[str] = attrs.field(factory=Counter)
    counts: Counter[str] = attrs.field(factory=Counter)
    findings: list[Finding] = attrs.field(factory=list)
    unknown: int = 0

    @property
    def right(self) -> bool:
        """Whether everything is as it should be. Unknown items are nobody's fault."""
        return not self.counts

    def add(self, finding: Finding) -> None:
        """Take a finding."""
        self.counts[finding.kind] += 1
        if len(self.findings) < _SHOWN:
            self.findings.append(finding)


def verify(
    table: LiveTable,
    state: TableState,
    throttle: Throttle,
    *,
    indexes: bool = True,
) -> Report:
    """Read a whole table consistently, and then its indexes.

    Args:
        table: The table.
        state: What it should be.
        throttle: How fast.
        indexes: Whether to read the indexes, too.
    """
    report = Report()
    sums = {name: _Sums(_row_names(state, index)) for name, index in state.indexes.items()} if indexes else {}
    for item in _scan(table, throttle, {"ConsistentRead": True}):
        says = item.get(state.type_name, {}).get("S")
        if says is not None and says.startswith(OWN_TYPES):
            continue
        entity = state.entities.get(says or "")
        if entity is None:
            report.unknown += 1
        else:
            report.items[entity.name] += 1
            for finding in findings_of(item, entity, state):
                report.add(finding)
        for name, each in sums.items():
            if _is_row(item, state.indexes[name]):
                each.add(item)
    for name, expected in sums.items():
        _compare(table, state, state.indexes[name], expected, throttle, report)
    return report


def findings_of(item: Item, entity: Entity, state: TableState) -> Iterator[Finding]:
    """What is wrong with one item's derived attributes.

    Args:
        item: The item.
        entity: What it says it is.
        state: The table's state.
    """
    key = {name: item[name] for name in state.key_names}
    expected = {each.stored_name: each for each in entity.all_derived}
    for name, each in expected.items():
        try:
            value = each.derive(item)
        except Unfit as unfit:
            yield Finding("unreadable", entity.name, name, key, unfit.reason)
            continue
        kind = _difference(value, item.get(name))
        if kind is not None:
            yield Finding(kind, entity.name, name, key)
    # An index key or an expiry that the entity should not have puts it where it does not belong.
    for name in state.owned_names:
        if name in item and name not in expected and name not in entity.attributes:
            yield Finding("extra", entity.name, name, key)


def _difference(expected: Mapping[str, Any] | None, stored: Mapping[str, Any] | None) -> Kind | None:
    if same_value(expected, stored):
        return None
    if stored is None:
        return "missing"
    return "extra" if expected is None else "wrong"


# --- indexes --------------------------------------------------------------------------


class _Sums:
    """For each group of keys how many rows there are, and the sum of their hashes."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self.counts = [0] * _GROUPS
        self.sums = [0] * _GROUPS

    def add(self, row: Item) -> None:
        group = _group(row, self._names)
        self.counts[group] += 1
        self.sums[group] += _hash(row, self._names)

    def differing(self, other: _Sums) -> set[int]:
        mine, others = zip(self.counts, self.sums, strict=True), zip(other.counts, other.sums, strict=True)
        return {group for group, (one, two) in enumerate(zip(mine, others, strict=True)) if one != two}


def _compare(
    table: LiveTable, state: TableState, index: Index, expected: _Sums, throttle: Throttle, report: Report
) -> None:
    names = _row_names(state, index)
    found = _Sums(names)
    for row in _scan(table, throttle, {"IndexName": index.name}):
        if not _is_own(row, state):
            report.rows[index.name] += 1
            found.add(row)
    groups = expected.differing(found)
    if not groups:
        return
    # Read again, and only what differs is kept: an index follows its table a moment later.
    here = _rows(_scan(table, throttle, {"ConsistentRead": True}), state, index, groups)
    there = _rows(_scan(table, throttle, {"IndexName": index.name}), state, index, groups)
    for number in here.keys() - there.keys():
        if _still(table, here[number], index, state):
            report.add(Finding("not in the index", _type(here[number], state), index.name, _key(here[number], state)))
    for number in there.keys() - here.keys():
        if not _still(table, there[number], index, state):
            report.add(
                Finding("only in the index", _type(there[number], state), index.name, _key(there[number], state))
            )


def _rows(items: Iterator[Item], state: TableState, index: Index, groups: set[int]) -> dict[int, Item]:
    names = _row_names(state, index)
    return {
        _hash(item, names): {name: item[name] for name in (*names, state.type_name) if name in item}
        for item in items
        if _is_row(item, index) and not _is_own(item, state) and _group(item, names) in groups
    }


def _still(table: LiveTable, row: Item, index: Index, state: TableState) -> bool:
    """Whether the table has an item with this row's keys now."""
    item = table.item(_key(row, state)) or {}
    return all(same_value(item.get(name), row.get(name)) for name in _row_names(state, index))


def _scan(table: LiveTable, throttle: Throttle, options: Params) -> Iterator[Item]:
    for page in pages_of(table, {"TableName": table.name, **options}, throttle):
        yield from page


def _row_names(state: TableState, index: Index) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*state.key_names, *index.names)))


def _is_row(item: Item, index: Index) -> bool:
    """Whether DynamoDB keeps an item in an index: every key attribute is there, as a String that is not empty."""
    return all(item.get(name, {}).get("S") for name in index.names)


def _is_own(item: Item, state: TableState) -> bool:
    # A keys-only index has no discriminator; records of the framework are in none.
    return bool(item.get(state.type_name, {}).get("S", "").startswith(OWN_TYPES))


def _type(row: Item, state: TableState) -> str | None:
    return row.get(state.type_name, {}).get("S")


def _key(row: Item, state: TableState) -> Item:
    return {name: row[name] for name in state.key_names}


def _hash(row: Item, names: tuple[str, ...]) -> int:
    text = "\x00".join(f"{kind}{value}" for name in names for kind, value in row[name].items())
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def _group(row: Item, names: tuple[str, ...]) -> int:
    return _hash(row, names[:2]) % _GROUPS
