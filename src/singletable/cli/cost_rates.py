"""Rates: how often patterns are called and entities written, as options and files say it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from configparser import ConfigParser
from configparser import Error as ConfigError
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from singletable.errors import OperatingError

if TYPE_CHECKING:
    from singletable.operating.workload import Companion

__all__ = ["RATE", "TOGETHER", "WITH", "Rates", "read_companions", "read_rates", "read_together"]

TOGETHER = "together"
"""The section of a file of rates that has companions instead of rates."""

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


class _With(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """An entity and its companions: `Order=OrderRequest, 3 OrderItem`."""

    name = "with"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        name, equals, text = str(value).partition("=")
        if not equals or not name.strip():
            self.fail(f"{value!r} is not of the form ENTITY=ENTITY,..., such as User=EmailClaim.", param, ctx)
        return name.strip(), text.strip()


WITH = _With()
"""The type of an option that takes an entity and the items that are written with it."""


def read_companions(entity: str, text: str, source: str) -> tuple[Companion, ...]:
    """Return the companions of an entity's new items.

    Args:
        entity: The entity.
        text: Companions, separated by commas: `OrderRequest, 3 OrderItem, 3 update Product`. Empty for none.
        source: The text's origin, for messages.

    Raises:
        OperatingError: The text cannot be read.
    """
    from singletable.operating.workload import VERBS, Companion

    found = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        words = part.split()
        try:
            count = _number(words.pop(0)) if words[0][0].isdigit() else Decimal(1)
            verb = next((each for each in VERBS if words and each == words[0]), None)
            (name,) = words[verb is not None :]
        except ValueError:
            raise OperatingError(
                f"{source}: {part!r}, which is written with {entity}, cannot be read.",
                remedy=f"Write [COUNT] [VERB] ENTITY, such as `3 update Product`; verbs are {', '.join(VERBS)}.",
                value=part,
            ) from None
        found.append(Companion(name, verb or "create", count))
    return tuple(found)


def read_together(
    project: Mapping[str, str], file: Path | None, options: Sequence[tuple[str, str]]
) -> dict[str, tuple[Companion, ...]]:
    """Return the companions of each entity. Options go before the file of rates, and that before setup.cfg.

    Args:
        project: The lines of setup.cfg.
        file: A file of rates, which may have a section `[together]`; None for none.
        options: The values of `--with`.

    Raises:
        OperatingError: The file cannot be read, or a line cannot.
    """
    lines = {} if file is None else _sections(file).get(TOGETHER, {})
    sources = (("setup.cfg", project), (str(file), lines), ("--with", dict(options)))
    found: dict[str, tuple[Companion, ...]] = {}
    for source, each in sources:
        found |= {entity: read_companions(entity, text, source) for entity, text in each.items()}
    return {entity: companions for entity, companions in found.items() if companions}


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
            if kind == TOGETHER:
                continue
            if kind not in rates:
                raise OperatingError(
                    f"{file} has a section [{kind}], which says nothing here.",
                    remedy=f"Use: {', '.join(f'[{each}]' for each in (*rates, TOGETHER))}.",
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
