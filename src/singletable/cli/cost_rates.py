"""The rates of `singletable cost`: calls of patterns and writes of entities per second, from options and files."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from configparser import ConfigParser
from configparser import Error as ConfigError
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import click

from singletable.errors import OperatingError

if TYPE_CHECKING:
    from singletable.operating.workload import Companion

__all__ = [
    "Rates",
    "WorkloadOptions",
    "read_companions",
    "read_rates",
    "read_together",
    "workload_options",
]

F = TypeVar("F", bound=Callable[..., Any])

_TOGETHER = "together"
"""The section of a file of rates that lists companions in place of rates."""

Rates = Mapping[str, Mapping[str, Decimal]]
"""Rates per second, by kind (`reads`, `writes`, ...), then by the name of a pattern or an entity."""


class _Rate(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """A name with a rate per second: `orders_of_user=50`."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Decimal]:
        name, equals, text = str(value).partition("=")
        try:
            if not equals or not name.strip():
                raise ValueError
            return name.strip(), _number(text)
        except ValueError:
            self.fail(f"{value!r} is not of the form NAME=N, such as orders_of_user=50.", param, ctx)


class _With(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """An entity with its companions: `Order=OrderRequest, 3 OrderItem`."""

    name = "with"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        name, equals, text = str(value).partition("=")
        if not equals or not name.strip():
            self.fail(f"{value!r} is not of the form ENTITY=ENTITY,..., such as User=EmailClaim.", param, ctx)
        return name.strip(), text.strip()


@attrs.frozen
class WorkloadOptions:
    """The options that describe a workload.

    Args:
        rates: Names and rates, by kind: `reads`, `writes`, `transactions`, `updates`, `deletes`.
        together: The values of `--with`: an entity, and the text of its companions.
        no_marks: Whether the marks of stream handlers are left out.
        file: A file of rates; None if there is none.
    """

    rates: Mapping[str, Sequence[tuple[str, Decimal]]]
    together: Sequence[tuple[str, str]]
    no_marks: bool
    file: Path | None

    @property
    def any(self) -> bool:
        """Whether any of these options is given."""
        return bool(self.file or any(self.rates.values()) or self.together or self.no_marks)


_RATES = {
    "reads": ("--read", "PATTERN=N", "Calls of an access pattern per second, on average. May be repeated."),
    "writes": ("--write", "ENTITY=N", "New items per second. May be repeated."),
    "transactions": (
        "--transact",
        "ENTITY=N",
        "New items per second that are written in transactions. May be repeated.",
    ),
    "updates": ("--update", "ENTITY=N", "Changes of existing items per second. May be repeated."),
    "deletes": (
        "--delete",
        "ENTITY=N",
        "Deletions per second, without those by time to live, which are free. May be repeated.",
    ),
}
"""The option, its metavar and its help for each kind of rate."""


def workload_options(command: F) -> F:
    """Add the options that describe a workload; the command gets `WorkloadOptions` as `given`."""

    @functools.wraps(command)
    def with_workload(together: tuple[tuple[str, str], ...], no_marks: bool, file: Path | None, **options: Any) -> Any:
        rates = {kind: options.pop(kind) for kind in _RATES}
        return command(given=WorkloadOptions(rates, together, no_marks, file), **options)

    decorated: Any = with_workload
    for option in (
        click.option(
            "--rates",
            "file",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            help="File with rates and companions. Options take precedence.",
        ),
        click.option("--no-marks", is_flag=True, help="Leave out the marks of the project's stream handlers."),
        click.option(
            "--with",
            "together",
            multiple=True,
            type=_With(),
            metavar="ENTITY=ENTITY,...",
            show_default="those in setup.cfg",
            help="Operations in one transaction with each new item; `ENTITY=` for none. May be repeated.",
        ),
        *(
            click.option(name, kind, multiple=True, type=_Rate(), metavar=metavar, help=text)
            for kind, (name, metavar, text) in reversed(_RATES.items())
        ),
    ):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]  # click's decorators return the same kind of callable


def read_companions(entity: str, text: str, source: str) -> tuple[Companion, ...]:
    """Return the companions of an entity's new items.

    Args:
        entity: The entity.
        text: The companions, separated by commas: `OrderRequest, 3 OrderItem, 3 update Product`. Empty for none.
        source: The origin of the text, for messages.

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
    """Return the companions of each entity.

    Options take precedence over the file of rates, and the file over setup.cfg.

    Args:
        project: The lines in setup.cfg, by entity.
        file: A file of rates, which may have a section `[together]`; None for none.
        options: The values of `--with`.

    Raises:
        OperatingError: The file, or a line, cannot be read.
    """
    lines = {} if file is None else _sections(file).get(_TOGETHER, {})
    sources = (("setup.cfg", project), (str(file), lines), ("--with", dict(options)))
    found: dict[str, tuple[Companion, ...]] = {}
    for source, each in sources:
        found |= {entity: read_companions(entity, text, source) for entity, text in each.items()}
    return {entity: companions for entity, companions in found.items() if companions}


def read_rates(file: Path | None, options: Mapping[str, Sequence[tuple[str, Decimal]]]) -> Rates:
    """Return the rates of a file and of options. Options take precedence.

    Args:
        file: A file with sections `[reads]`, `[writes]`, ... of lines `name = rate`; None for none.
        options: The rates of the options, by kind.

    Raises:
        OperatingError: The file cannot be read, or has an unknown section or a value that is not a rate.
    """
    rates: dict[str, dict[str, Decimal]] = {kind: {} for kind in options}
    if file is not None:
        for kind, lines in _sections(file).items():
            if kind == _TOGETHER:
                continue
            if kind not in rates:
                raise OperatingError(
                    f"{file} has an unknown section [{kind}].",
                    remedy=f"Use: {', '.join(f'[{each}]' for each in (*rates, _TOGETHER))}.",
                    value=kind,
                )
            for name, text in lines.items():
                try:
                    rates[kind][name] = _number(text)
                except ValueError:
                    raise OperatingError(
                        f"{file}: {name} = {text!r} is not a rate.", remedy="Write a number per second.", value=text
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
