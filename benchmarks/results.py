"""Results: one row for each comparison, with its target, as JSON and as text for the terminal and the page."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One comparison.

    Args:
        group: The work: `Query of 100 items`.
        what: The variant: `order mix`.
        peer: The compared peer; empty if the row has no comparison.
        unit: The unit of `ours` and `theirs`: `ms`, `us`, `MB`, `items/s` (of CPU time).
        ours: The median of singletable's figures; None if nothing was measured.
        theirs: The median of the peer's figures.
        ratio: The median of ours / theirs over the rounds.
        target: The target in words; empty if the row has none.
        most: The maximum of `ratio`, or of `ours` if the row has no comparison.
        rounds: The number of rounds.
        spread: The quartiles of the ratio; half of the rounds are between them.
        note: The reason why it was not measured.
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
        """Whether the target is met, as one word."""
        return "" if self.met is None else "met" if self.met else "missed"

    @property
    def measured(self) -> str:
        """The measurement, in words that can be compared with the target's."""
        if self.ours is None:
            return f"not measured: {self.note}"
        if self.ratio is None:
            return ""
        if self.unit == "items/s":
            return f"{self.ratio:.2f} times as many"
        if self.most is not None and self.most < 1:
            return f"{1 / self.ratio:.2f} times less"
        # A ratio slightly above 1 must not be rounded to 1.
        return f"{self.ratio:.{3 if self.ratio < 2 else 2}f} times"

    @property
    def figures(self) -> tuple[str, str]:
        """Both figures with their unit."""
        return tuple("" if each is None else _with_unit(each, self.unit) for each in (self.ours, self.theirs))  # type: ignore[return-value]  # two

    def as_json(self) -> dict[str, Any]:
        """Return the row for `results.json`."""
        return asdict(self) | {"met": self.met}


def row_of(json_row: dict[str, Any]) -> Row:
    """Return the row of an entry of `results.json`."""
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
    """Return the row of two measurements.

    Args:
        names: The group, the variant and the peer.
        ours: One figure for each round.
        theirs: The peer's figures of the same rounds.
        unit: The unit of the figures multiplied by `scale`.
        target: The target in words, and the maximum of the ratio.
        scale: The factor of the figures.
    """
    words, most = target or ("", None)
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    low, middle, high = statistics.quantiles(ratios, method="inclusive")
    return Row(
        *names,
        unit=unit,
        ours=statistics.median(ours) * scale,
        theirs=statistics.median(theirs) * scale,
        # Ratios are computed for each round, because a slow round slows both peers.
        ratio=middle,
        target=words,
        most=most,
        rounds=len(ours),
        spread=(low, high),
    )


def _with_unit(value: float, unit: str) -> str:
    digits = 0 if value >= 1000 else 1 if value >= 100 else 2
    return f"{value:,.{digits}f} {unit}"
