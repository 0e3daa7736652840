"""Rules about keys, which only read the description of the table."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from singletable.check.finding import Finding, Severity
from singletable.check.rules import RULES
from singletable.keys import CompositeKey, Field, keys_collide
from singletable.keys.encoding import Boolean, Choice, RawText
from singletable.keys.numbers import PlainInteger, PlainNumber
from singletable.keys.shard import Shard
from singletable.keys.time import Bucket
from singletable.models import EntityDescription, TableDescription

__all__ = ["key_findings"]

_FEW_VALUES = ("status", "state", "type", "kind", "active", "enabled", "deleted", "flag", "level")
"""Usual names of text attributes with few values; the description has no other sign of them."""


def key_findings(table: TableDescription) -> Iterator[Finding]:
    """Yield each violation of a rule about keys."""
    yield from _collisions(table)
    for entity in table.entities:
        yield from _nullable(entity)
        for key in entity.keys:
            yield from _ambiguous(key)
            yield from _unpadded(key)
            yield from _hot(key)


def _collisions(table: TableDescription) -> Iterator[Finding]:
    for one, other in combinations(table.entities, 2):
        if other.name in one.shares_keys_with:
            continue
        witness = keys_collide(one.primary, other.primary)
        if witness is not None:
            partition, sort = witness
            yield Finding(
                RULES["ST201"],
                f"{one.name}, {other.name}",
                f"{one.name} ({_shape(one.primary)}) and {other.name} ({_shape(other.primary)}) can both have the key"
                f" {partition!r} / {sort!r}.",
            )


def _shape(key: CompositeKey) -> str:
    return " / ".join(template.text for template in key.templates)


def _nullable(entity: EntityDescription) -> Iterator[Finding]:
    for name in entity.primary.attributes:
        if entity.attribute(name).nullable:
            yield Finding(RULES["ST102"], f"{entity.name}.key", f"The primary key uses {name}, which may be None.")


def _ambiguous(key: CompositeKey) -> Iterator[Finding]:
    """Yield a finding for each raw template that other code makes ambiguous by a separator in a value.

    Escaped templates are never ambiguous.
    """
    for template in key.templates:
        raw = [str(field) for field in template.fields if isinstance(field.encoding, RawText)]
        if len(raw) > 1:
            yield Finding(
                RULES["ST103"],
                key.label,
                f"{template.text!r} holds {' and '.join(raw)} without escapes: a stored key with '#' in a value would"
                " be read back as other values.",
                remedy='singletable refuses to write values with "#". Make sure that no other code writes them, or'
                " migrate to escaped keys.",
                severity=Severity.WARNING,
            )


def _unpadded(key: CompositeKey) -> Iterator[Finding]:
    for field in key.sort.fields if key.sort else ():
        if isinstance(field.encoding, (PlainInteger, PlainNumber)):
            yield Finding(
                RULES["ST104"], key.label, f"{field} in the sort key has no width.", severity=Severity.WARNING
            )


def _hot(key: CompositeKey) -> Iterator[Finding]:
    fields = key.partition.fields
    if key.index is None or not all(_has_few_values(field) for field in fields):
        return
    if fields:
        reason = f"{key.partition.text!r} has only as many values as {' and '.join(f.attribute for f in fields)}"
    else:
        reason = f"{key.partition.text!r} is the same for all items"
    yield Finding(RULES["ST203"], key.label, f"The partition key {reason}, with no bucket or shard ({key.index}).")


def _has_few_values(field: Field) -> bool:
    if isinstance(field.encoding, (Bucket, Shard)):
        return False
    if isinstance(field.encoding, (Boolean, Choice)):
        return True
    return field.attribute.rsplit("_", 1)[-1] in _FEW_VALUES
