"""Rates: how often patterns are called and entities written, as options and files say it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from configparser import ConfigParser
from configparser import Error as ConfigError
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import click

from singletable.errors import OperatingError

__all__ = ["RATE", "Rates", "read_rates"]

Rates = Mapping[str, Mapping[str, Decimal]]
"""Rates by kind (`reads`, `writes`, ...), then by the name of a pattern or an entity."""


class _Rate(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """A name and how often in a second: `orders_of_user=50`."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Decimal]:
        name, equals, text = str(value).partition("=")
        try:
            if not equals or not name.strip():
                raise ValueError
            return name.strip(), _number(text)
        except ValueError:
            self.fail(f"{value!r} is not of the form NAME=N, such as orders_of_user=50.", param, ctx)


RATE = _Rate()
"""The type of an option that takes a name and a rate."""


def read_rates(file: Path | None, options: Mapping[str, Sequence[tuple[str, Decimal]]]) -> Rates:
    """The rates of a file and of options, which go before it.

    Args:
        file: A file with sections `[reads]`, `[writes]`, ... of lines `name = rate`; None for none.
        options: What options say, by kind.

    Raises:
        OperatingError: The file cannot be read, or has a section or a value that cannot be meant.
    """
    rates: dict[str, dict[str, Decimal]] = {kind: {} for kind in options}
    if file is not None:
        for kind, lines in _sections(file).items():
            if kind not in rates:
                raise OperatingError(
                    f"{file} has a section [{kind}], which says nothing here.",
                    remedy=f"Use: {', '.join(f'[{each}]' for each in rates)}.",
                    value=kind,
                )
            for name, text in lines.items():
                try:
                    rates[kind][name] = _number(text)
                except ValueError:
                    raise OperatingError(
                        f"{file}: {name} = {text!r} is no rate.", remedy="Write how often in a second.", value=text
                    ) from None
    for kind, given in options.items():
        rates[kind] |= dict(given)
    return rates


def _sections(file: Path) -> dict[str, dict[str, str]]:
    config = ConfigParser(interpolation=None, default_section="")
    config.optionxform = str  # type: ignore[assignment,method-assign]  # documented way to keep case
    try:
        config.read_string(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise OperatingError(f"{file} cannot be read: {error.strerror}.", value=str(file)) from None
    except (ConfigError, UnicodeDecodeError) as error:
        raise OperatingError(f"{file} cannot be read: {error}.".replace("\n", " "), value=str(file)) from None
    return {name: dict(config[name]) for name in config.sections()}


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        raise ValueError(text) from None
    if not number.is_finite() or number < 0:
        raise ValueError(text)
    return number
