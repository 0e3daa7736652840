"""The console that commands print to, and how they count."""

from __future__ import annotations

import os

from rich.console import Console

__all__ = ["counted", "make_console"]

_PLAIN_WIDTH = 120


def make_console() -> Console:
    """A console as wide as the terminal; without one as wide as COLUMNS says, or 120 characters."""
    console = Console(highlight=False)
    if console.is_terminal:
        return console
    columns = os.environ.get("COLUMNS", "")
    return Console(highlight=False, width=int(columns) if columns.isdecimal() and int(columns) else _PLAIN_WIDTH)


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number of things: `1 item`, `2 items`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
