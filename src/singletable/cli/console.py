"""The console that commands print to: its width, its tables, counted nouns and questions."""

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
    """Return a console as wide as the terminal; without a terminal, as wide as COLUMNS, or 120 characters."""
    console = Console(highlight=False)
    if console.is_terminal:
        return console
    columns = os.environ.get("COLUMNS", "")
    return Console(highlight=False, width=int(columns) if columns.isdecimal() and int(columns) else _PLAIN_WIDTH)


def make_table(title: str) -> Table:
    """Return a table that has a title, but no columns or rows yet."""
    return Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold")


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: `1 item`, `2 items`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def confirm(question: str, *, yes: bool) -> None:
    """Ask before a write, and end the command with exit code 1 if the user declines.

    Args:
        question: The question.
        yes: Whether `--yes` is given, so that the question is not asked.

    Raises:
        MigrationError: The question got no answer.
    """
    if yes:
        return
    try:
        agreed = click.confirm(question)
    except click.Abort:
        # Without a terminal, standard input ends immediately.
        raise MigrationError(
            "The question got no answer, and nothing was done.", remedy="Give --yes to do it without asking."
        ) from None
    if not agreed:
        sys.exit(1)
