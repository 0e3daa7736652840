"""Durations, as options read them and messages write them: `3h`, `5 minutes`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import click

from singletable.cli.console import counted

__all__ = ["DURATION", "duration_text"]

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"([1-9]\d{0,5})([mhdw])")


class _Duration(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """A duration: `30m`, `3h`, `7d`, `2w`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        match = _DURATION.fullmatch(str(value).strip())
        if match is None:
            self.fail(f"{value!r} is not a duration. Write for example 30m, 3h, 7d or 2w.", param, ctx)
        return timedelta(**{_UNITS[match[2]]: int(match[1])})


DURATION = _Duration()
"""The type of an option that takes a duration."""


def duration_text(seconds: float) -> str:
    """Return a duration in words: `5 minutes`, `1 hour`."""
    for size, noun in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds % size == 0:
            return counted(int(seconds // size), noun)
    return f"{seconds:g} seconds"
