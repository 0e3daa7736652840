"""Spans of time and series of values, as the command line reads and draws them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import click

from singletable.cli.console import counted

__all__ = ["SPAN", "span_words", "sparkline"]

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SPAN = re.compile(r"([1-9]\d{0,5})([mhdw])")
_BLOCKS = "▁▂▃▄▅▆▇█"


class _Span(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """A span of time: `30m`, `3h`, `7d`, `2w`."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        match = _SPAN.fullmatch(str(value).strip())
        if match is None:
            self.fail(f"{value!r} is no span of time: write for example 30m, 3h, 7d or 2w.", param, ctx)
        return timedelta(**{_UNITS[match[2]]: int(match[1])})


SPAN = _Span()
"""The type of an option that takes a span of time."""


def span_words(seconds: float) -> str:
    """A span in words: `5 minutes`, `1 hour`."""
    for size, noun in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds % size == 0:
            return counted(int(seconds // size), noun)
    return f"{seconds:g} seconds"


def sparkline(values: Sequence[float | None]) -> str:
    """Values as blocks, from nothing to the highest of them; a gap where there is none."""
    highest = max((value for value in values if value is not None), default=0.0)
    top = len(_BLOCKS) - 1
    return "".join(
        " " if value is None else _BLOCKS[round(value / highest * top) if highest > 0 else 0] for value in values
    )
