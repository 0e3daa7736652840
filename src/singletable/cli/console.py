"""The console that commands print to, its tables, and how they count."""

from __future__ import annotations

import os
import sys

import click
from rich import box
from rich.console import Console
from rich.table import Table

from singletable.errors import MigrationError

__all__ = ["confirm", "counted", "make_console", "make_table"]

_PLAIN_WIDTH = 120


def make_console() -> Console:
    """A console as wide as the terminal; without one as wide as COLUMNS says, or 120 characters."""
    console = Console(highlight=False)
    if console.is_terminal:
        return console
    columns = os.environ.get("COLUMNS", "")
    return Console(highlight=False, width=int(columns) if columns.isdecimal() and int(columns) else _PLAIN_WIDTH)


def make_table(title: str) -> Table:
    """A table with a title, without columns or rows yet."""
    return Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold")


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number of things: `1 item`, `2 items`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def confirm(question: str, *, yes: bool) -> None:
    """Ask before a write, and end the command if the answer is no.

    Raises:
        MigrationError: The question got no answer, and `--yes` is not given.
    """
    if yes:
        return
    try:
        agreed = click.confirm(question)
    except click.Abort:
        # Without a terminal, standing input ends at once.
        raise MigrationError(
            "The question got no answer, and nothing was done.", remedy="Give --yes to do it without asking."
        ) from None
    if not agreed:
        sys.exit(1)
