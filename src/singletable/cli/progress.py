"""The progress of a migration run: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from singletable.cli.console import counted
from singletable.migrations.run_options import Progress as Done

__all__ = ["ProgressReporter"]

_EVERY = 10.0
"""Seconds between two lines of progress without a terminal."""


class ProgressReporter:
    """The progress of a run: a bar on a terminal; elsewhere, a line every ten seconds and at the end of each phase."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._shown: tuple[str, str, str] | None = None
        self._last = 0.0
        self._begun = (0.0, 0)

    def __enter__(self) -> ProgressReporter:
        if self._console.is_terminal:
            columns = (
                TextColumn("  {task.description}"),
                BarColumn(bar_width=24),
                TextColumn("{task.percentage:>3.0f} %"),
                TextColumn("{task.fields[figures]}"),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
            )
            self._bar = Progress(*columns, console=self._console)
            self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def tell(self, line: str) -> None:
        """Print a line."""
        self._console.print(line, markup=False, style=None if line[:1].isdigit() else "dim")

    def show(self, done: Done) -> None:
        """Print the progress of a pass."""
        what = (done.migration, done.step, done.phase)
        fresh = what != self._shown
        if fresh:
            self._shown, self._last = what, time.monotonic()
        looked = done.counts["scanned"]
        if fresh:
            self._begun = (time.monotonic(), looked)
        seconds = time.monotonic() - self._begun[0]
        figures = _figures(done, (looked - self._begun[1]) / seconds if seconds > 1 else None)
        if self._bar is not None:
            if fresh:
                self._task = self._bar.add_task(done.phase, total=done.segments, figures="")
            assert self._task is not None
            self._bar.update(self._task, completed=done.done, figures=figures)
            return
        now = time.monotonic()
        if done.done == done.segments or now - self._last >= _EVERY:
            self._last = now
            self._console.print(
                f"  {done.phase}: {done.done} of {counted(done.segments, 'segment')}, {figures}",
                style="dim",
                markup=False,
            )


def _figures(done: Done, rate: float | None) -> str:
    shown = [f"{done.counts[name]:,} {name}" for name in _SHOWN[done.phase] if done.counts[name] or name in _ALWAYS]
    units = [f"{done.consumed.get(kind, 0.0):,.0f} {kind}" for kind in ("read", "write") if done.consumed.get(kind)]
    parts = [", ".join(shown)]
    if rate is not None:
        parts.append(f"{rate:,.0f} items/s")
    if units:
        parts.append(" + ".join(units) + " units")
    if done.throttled:
        parts.append("throttled: " + ", ".join(f"{name} ({count:,})" for name, count in done.throttled.items()))
    return " | ".join(parts)


_SHOWN = {
    "backfill": ("scanned", "written", "already", "gone", "conflicts", "unknown", "quarantined"),
    "verify": ("verified", "wrong", "quarantined"),
}
_ALWAYS = frozenset({"written", "verified", "wrong"})
