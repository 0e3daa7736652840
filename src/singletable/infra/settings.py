"""Settings: what a table's stack is made of beyond the models, for each environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from configparser import ConfigParser
from typing import Any

import attrs

from singletable.errors import InfraError
from singletable.models.layout import STREAM_VIEWS
from singletable.models.table_names import CHARACTERS, own_name, server_fault

__all__ = ["ENVIRONMENTS", "Settings", "read_settings"]

ENVIRONMENTS = ("dev", "staging", "prod")

_BILLING = ("on-demand", "provisioned")
_CLASSES = {"standard": "STANDARD", "infrequent-access": "STANDARD_INFREQUENT_ACCESS"}


@attrs.frozen(kw_only=True)
class Settings:
    """How a table is run in one environment. Options of `[singletable:infra]` have these names.

    Args:
        environment: `dev`, `staging` or `prod`.
        table_name: The table's name there.
        billing: `on-demand` or `provisioned`.
        read_units: Read capacity units of the table, and of each index that `index_units` leaves out.
        write_units: Write capacity units, likewise.
        index_units: Read and write units of some indexes, by name.
        least_units: The least that autoscaling goes down to.
        most_units: The most that it goes up to.
        target_percent: The utilisation that it aims at.
        table_class: `standard` or `infrequent-access`.
        stream: What the stream shows.
        point_in_time_recovery: Whether every second of the last 35 days can be restored.
        deletion_protection: Whether the table refuses to be deleted.
        customer_key: Whether it is encrypted with a KMS key of the account's own.
        replicas: Other regions that have a replica of the table.
        alarms: Whether there are alarms.
        dax: Whether the template has a DAX cluster; a parameter then says whether it is made.
        dax_node_type: The type of its nodes.
        dax_nodes: How many it has.
        tags: Tags of everything that takes them.
    """

    environment: str
    table_name: str
    billing: str = "on-demand"
    read_units: int = 100
    write_units: int = 100
    index_units: Mapping[str, tuple[int, int]] = attrs.field(factory=dict)
    least_units: int = 50
    most_units: int = 1000
    target_percent: int = 70
    table_class: str = "standard"
    stream: str = "NEW_AND_OLD_IMAGES"
    point_in_time_recovery: bool = True
    deletion_protection: bool = False
    customer_key: bool = True
    replicas: tuple[str, ...] = ()
    alarms: bool = True
    dax: bool = True
    dax_node_type: str = "dax.r5.large"
    dax_nodes: int = 3
    tags: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def provisioned(self) -> bool:
        """Whether capacity is provisioned."""
        return self.billing == "provisioned"

    @property
    def aws_table_class(self) -> str:
        """The table class, as AWS calls it."""
        return _CLASSES[self.table_class]

    @property
    def all_tags(self) -> dict[str, str]:
        """Its tags, and which environment it is."""
        return {"Environment": self.environment, "ManagedBy": "singletable", **self.tags}

    def units_of(self, index: str) -> tuple[int, int]:
        """The read and write capacity units of an index."""
        return self.index_units.get(index, (self.read_units, self.write_units))


_PRODUCTION: Mapping[str, Any] = {"billing": "provisioned", "deletion_protection": True}


def read_settings(
    environment: str, table_name: str, sections: Mapping[str, Mapping[str, str]], default_stream: str | None = None
) -> Settings:
    """The settings of one environment.

    Args:
        environment: Its name.
        table_name: The table's name or ARN in the models; except in production, the environment is added to the name.
        sections: The options of `[singletable:infra]`, under "", and those of `[singletable:infra:prod]` and so on,
            under the environment's name, which go before them.
        default_stream: What the models say of the stream.

    Raises:
        InfraError: There is no such environment or option, or a value cannot be meant.
    """
    for name in (environment, *filter(None, sections)):
        if name not in ENVIRONMENTS:
            raise InfraError(
                f"There is no environment {name!r}.", remedy=f"Use one of: {', '.join(ENVIRONMENTS)}.", value=name
            )
    values: dict[str, Any] = {
        "table_name": own_name(table_name) + ("" if environment == "prod" else f"-{environment}"),
        **(_PRODUCTION if environment == "prod" else {}),
        **({"stream": default_stream} if default_stream else {}),
    }
    for section in ("", environment):
        for option, text in sections.get(section, {}).items():
            values[option] = _read(option, text, environment)
    settings = Settings(environment=environment, **values)
    name = settings.table_name
    fault = "is an ARN" if own_name(name) != name else server_fault(name)
    if fault:
        raise InfraError(
            f"The table name {name!r} of the environment {environment} {fault}.",
            remedy=f"Give table_name in [singletable:infra]: {CHARACTERS}.",
            value=name,
        )
    if settings.least_units > settings.most_units:
        raise InfraError(
            f"least_units = {settings.least_units} is more than most_units = {settings.most_units}.",
            remedy="Autoscaling goes from the least to the most.",
        )
    return settings


def _read(option: str, text: str, environment: str) -> Any:
    reader = _OPTIONS.get(option)
    if reader is None:
        raise InfraError(
            f"[singletable:infra] has no option {option!r}.",
            remedy=f"It has: {', '.join(sorted(_OPTIONS))}.",
            value=option,
        )
    try:
        return reader(text.strip().replace("{environment}", environment))
    except ValueError as error:
        raise InfraError(
            f"[singletable:infra] {option} = {text.strip()!r} cannot be read: {error}.", value=text.strip()
        ) from None


def _text(text: str) -> str:
    if not text:
        raise ValueError("it is empty")
    return text


def _positive(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else 0
    if number < 1:
        raise ValueError("a whole number above 0 is wanted")
    return number


def _percent(text: str) -> int:
    number = _positive(text.removesuffix("%").strip())
    if not 20 <= number <= 90:
        raise ValueError("DynamoDB takes targets from 20 to 90 percent")
    return number


def _nodes(text: str) -> int:
    number = _positive(text)
    if number > 11:
        raise ValueError("a cluster has 1 to 11 nodes")
    return number


def _boolean(text: str) -> bool:
    states = ConfigParser.BOOLEAN_STATES
    if text.lower() not in states:
        raise ValueError("yes or no is wanted")
    return states[text.lower()]


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"one of {', '.join(choices)} is wanted")
        return text

    return read


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


def _pairs(text: str) -> dict[str, str]:
    pairs = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, equals, value = line.partition("=")
        if not equals or not name.strip():
            raise ValueError(f"{line!r} is not of the form name = value")
        pairs[name.strip()] = value.strip()
    return pairs


def _index_units(text: str) -> dict[str, tuple[int, int]]:
    units = {}
    for name, value in _pairs(text).items():
        read, slash, write = value.partition("/")
        if not slash:
            raise ValueError(f"{name} = {value!r} is not of the form reads/writes, such as 100/50")
        units[name] = (_positive(read.strip()), _positive(write.strip()))
    return units


_OPTIONS: dict[str, Callable[[str], Any]] = {
    "table_name": _text,
    "billing": _one_of(*_BILLING),
    "read_units": _positive,
    "write_units": _positive,
    "index_units": _index_units,
    "least_units": _positive,
    "most_units": _positive,
    "target_percent": _percent,
    "table_class": _one_of(*_CLASSES),
    "stream": _one_of(*STREAM_VIEWS),
    "point_in_time_recovery": _boolean,
    "deletion_protection": _boolean,
    "customer_key": _boolean,
    "replicas": _words,
    "alarms": _boolean,
    "dax": _boolean,
    "dax_node_type": _text,
    "dax_nodes": _nodes,
    "tags": _pairs,
}
