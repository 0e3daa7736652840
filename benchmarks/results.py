"""Results: one row for each comparison, with its target; as JSON, and as words for the terminal and the page."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One comparison.

    Args:
        group: What is done: `Query of 100 items`.
        what: Which of it: `order mix`.
        peer: What it is compared with; empty where it stands alone.
        unit: Of `ours` and `theirs`: `ms`, `us`, `MB`, `items/s` (of CPU time).
        ours: The median of singletable's figures; None where nothing was measured.
        theirs: The peer's.
        ratio: The median of ours / theirs, round by round.
        target: What is aimed at, in words; empty for what is only information.
        most: The most that `ratio` may be, or `ours` where nothing is compared.
        rounds: How many rounds.
        spread: The quartiles of the ratio, between which half of the rounds are.
        note: Why it was not measured.
    """

    group: str
    what: str
    peer: str
    unit: str
    ours: float | None = None
    theirs: float | None = None
    ratio: float | None = None
    target: str = ""
    most: float | None = None
    rounds: int = 0
    spread: tuple[float, float] | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without a target or a measurement."""
        measured = self.ratio if self.peer else self.ours
        return None if measured is None or self.most is None else measured <= self.most

    @property
    def verdict(self) -> str:
        """The same in a word."""
        return "" if self.met is None else "met" if self.met else "missed"

    @property
    def measured(self) -> str:
        """What came out, in words that can be held against the target's."""
        if self.ours is None:
            return f"not measured: {self.note}"
        if self.ratio is None:
            return ""
        if self.unit == "items/s":
            return f"{self.ratio:.2f} times as many"
        if self.most is not None and self.most < 1:
            return f"{1 / self.ratio:.2f} times less"
        # What is hardly more than once as much is still more.
        return f"{self.ratio:.{3 if self.ratio < 2 else 2}f} times"

    @property
    def figures(self) -> tuple[str, str]:
        """Ours and theirs with their unit."""
        return tuple("" if each is None else _with_unit(each, self.unit) for each in (self.ours, self.theirs))  # type: ignore[return-value]  # two

    def as_json(self) -> dict[str, Any]:
        """For `results.json`."""
        return asdict(self) | {"met": self.met}


def row_of(json_row: dict[str, Any]) -> Row:
    """A row of `results.json`."""
    return Row(**{name: value for name, value in json_row.items() if name != "met"})


def compare(
    names: tuple[str, str, str],
    ours: Sequence[float],
    theirs: Sequence[float],
    *,
    unit: str,
    target: tuple[str, float] | None = None,
    scale: float = 1,
) -> Row:
    """A row of two measurements.

    Args:
        names: Its group, what of it, and the peer.
        ours: One figure for each round.
        theirs: Of the same rounds.
        unit: The unit of the figures once they are multiplied by `scale`.
        target: In words, and the most that the ratio may be.
        scale: What the figures are multiplied by.
    """
    words, most = target or ("", None)
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    low, middle, high = statistics.quantiles(ratios, method="inclusive")
    return Row(
        *names,
        unit=unit,
        ours=statistics.median(ours) * scale,
        theirs=statistics.median(theirs) * scale,
        # Of the ratios round by round: what slows a whole round down is in both.
        ratio=middle,
        target=words,
        most=most,
        rounds=len(ours),
        spread=(low, high),
    )


def _with_unit(value: float, unit: str) -> str:
    digits = 0 if value >= 1000 else 1 if value >= 100 else 2
    return f"{value:,.{digits}f} {unit}"
