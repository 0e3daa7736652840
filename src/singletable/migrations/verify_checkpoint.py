"""The checkpoint of a verification: a local file from which an interrupted verification continues."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs

from singletable.errors import MigrationError
from singletable.migrations.clock import Clock
from singletable.migrations.findings import ItemFinding, VerificationReport
from singletable.migrations.sums import Sums
from singletable.requests.types import Item

__all__ = ["Checkpoint"]

_EVERY_SECONDS = 30.0
_DONE = "done"


class Checkpoint:
    """The progress of a verification: the positions of its passes, its report and its sums.

    Args:
        path: The file; None for no checkpoint.
        about: The parameters of the verification; a file with others is refused.
        report: The report, which is filled from the file.
        sums: The sums, which are filled from the file.
        clock: The clock, which tests replace.
    """

    def __init__(
        self,
        path: Path | None,
        about: Mapping[str, Any],
        report: VerificationReport,
        sums: Mapping[str, Sums],
        clock: Clock,
    ) -> None:
        self.path = path
        self._about = dict(about)
        self._report = report
        self._sums = sums
        self._clock = clock
        self._saved = clock.monotonic()
        self._positions: dict[str, dict[str, Any]] = {}

    def open_segments(self, phase: str, segments: int) -> list[int]:
        """Return the segments of a pass that are not finished."""
        reached = self._positions.get(phase, {})
        return [number for number in range(segments) if reached.get(str(number)) != _DONE]

    def position(self, phase: str, segment: int) -> Item | None:
        """Return the key after which a segment continues; None for its beginning."""
        return self._positions.get(phase, {}).get(str(segment))

    def reach(self, phase: str, segment: int, position: Item | None) -> None:
        """Record the position of a segment; None for its end. The file is written now and then."""
        self._positions.setdefault(phase, {})[str(segment)] = position or _DONE
        if self._clock.monotonic() - self._saved >= _EVERY_SECONDS:
            self.save()

    def end(self, phase: str, segments: int) -> None:
        """Record that a pass is finished."""
        self._positions[phase] = dict.fromkeys(map(str, range(segments)), _DONE)
        self.save()

    def save(self) -> None:
        """Write the file, and replace the earlier one."""
        if self.path is None:
            return
        self._saved = self._clock.monotonic()
        plain = {
            "about": self._about,
            "positions": self._positions,
            "report": attrs.asdict(self._report),
            "sums": {name: each.to_text() for name, each in self._sums.items()},
        }
        draft = self.path.with_name(f"{self.path.name}.part")
        try:
            # Keys may hold personal values: only the owner may read the file.
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                json.dump(plain, file)
            draft.replace(self.path)
        except OSError as error:
            raise MigrationError(
                f"The checkpoint {self.path} cannot be written: {error.strerror}.", remedy="Give another --checkpoint."
            ) from None

    def load(self) -> None:
        """Fill the report, the sums and the positions from the file, if it exists.

        Raises:
            MigrationError: The file belongs to another verification, or is not a checkpoint.
        """
        if self.path is None or not self.path.exists():
            return
        try:
            plain = json.loads(self.path.read_text(encoding="utf-8"))
            about = plain["about"]
            if about == self._about:
                self._positions = plain["positions"]
                for name, each in self._sums.items():
                    each.load(plain["sums"][name])
                self._fill(plain["report"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise MigrationError(
                f"{self.path} is not a checkpoint of a verification.", remedy="Give another file, or delete it."
            ) from None
        if about != self._about:
            differs = ", ".join(sorted(name for name in self._about if about.get(name) != self._about[name]))
            raise MigrationError(
                f"{self.path} is the checkpoint of another verification: its {differs} differ.",
                remedy="Give another file, or delete it to start over.",
            )

    def remove(self) -> None:
        """Delete the file at the end of the verification."""
        if self.path is not None:
            with suppress(FileNotFoundError):
                self.path.unlink()

    def _fill(self, plain: Mapping[str, Any]) -> None:
        for field in attrs.fields(type(self._report)):
            value = plain[field.name]
            if field.name == "findings":
                value = [ItemFinding(**each) for each in value]
            setattr(self._report, field.name, Counter(value) if isinstance(value, dict) else value)
