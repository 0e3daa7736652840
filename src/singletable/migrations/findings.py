"""The findings of a verification, and the report that collects them."""

from __future__ import annotations

from collections import Counter
from typing import Literal

import attrs

from singletable.requests.types import Item

__all__ = ["ItemFinding", "Kind", "VerificationReport"]

_SHOWN = 1000

Kind = Literal[
    "missing",
    "wrong",
    "extra",
    "unreadable",
    "malformed",
    "required",
    "unidentified",
    "not in the index",
    "only in the index",
]


@attrs.frozen
class ItemFinding:
    """A fault of an item, or of a row of an index.

    Args:
        kind: `missing`, `wrong` or `extra` for a derived attribute, `unreadable` if it cannot be computed;
            `malformed` for a declared attribute that its form or class cannot read, `required` for one that is
            absent; `unidentified` for an item of no known entity; `not in the index` or `only in the index` for a row.
        entity: The discriminator of the item, if it has one.
        name: The attribute or the index.
        key: The item's primary key; it may hold personal values (`TableState.show_key`).
        reason: The reason why it is unreadable, malformed or unidentified, without values.
    """

    kind: Kind
    entity: str | None
    name: str
    key: Item = attrs.field(repr=False)
    reason: str = ""

    @property
    def why(self) -> str:
        """The reason; without one, the attribute and the kind."""
        return self.reason or f"{self.name} is {self.kind}"


@attrs.define
class VerificationReport:
    """The result of a verification.

    Args:
        items: The number of checked items, by entity.
        rows: The number of rows, by index.
        counts: The number of findings of each kind, without repaired ones.
        findings: The first thousand findings.
        repaired: The number of repaired findings of each kind.
        unknown: The number of items of no known entity. Each is a finding, unless they are allowed.
        not_checked: The parts that were not checked, one sentence each, with the reason.
    """

    items: Counter[str] = attrs.field(factory=Counter)
    rows: Counter[str] = attrs.field(factory=Counter)
    counts: Counter[str] = attrs.field(factory=Counter)
    findings: list[ItemFinding] = attrs.field(factory=list)
    repaired: Counter[str] = attrs.field(factory=Counter)
    unknown: int = 0
    not_checked: list[str] = attrs.field(factory=list)

    @property
    def right(self) -> bool:
        """Whether the checks found no fault."""
        return not self.counts

    def add(self, finding: ItemFinding) -> None:
        """Add a finding."""
        self.counts[finding.kind] += 1
        if len(self.findings) < _SHOWN:
            self.findings.append(finding)
