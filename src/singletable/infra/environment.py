"""Environments: the settings of a table's stack that are not in the models, for `dev`, `staging` and `prod`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from configparser import ConfigParser
from typing import Any

import attrs

from singletable.errors import InfraError
from singletable.infra.environment_checks import (
    CLASSES,
    ENVIRONMENTS,
    check_options,
    check_replicas,
    check_table_name,
    check_tags,
    check_units,
    refuse_region,
    refuse_short_name,
    require_environment,
)
from singletable.models.binding.table_names import own_name

__all__ = ["ENVIRONMENTS", "EnvironmentSettings", "read_settings"]


@attrs.frozen(kw_only=True)
class EnvironmentSettings:
    """The settings of a table in one environment. The options of `[singletable:infra]` have the same names.

    Args:
        environment: `dev`, `staging` or `prod`.
        table_name: The table's name in the environment.
        billing: `on-demand` or `provisioned`.
        read_units: The read capacity units of the table, and of each index that is not in `index_units`.
        write_units: The write capacity units of the table, and of each index that is not in `index_units`.
        index_units: The read and write units of some indexes, by name.
        least_units: The lowest number of units that autoscaling sets.
        most_units: The highest number of units that autoscaling sets.
        target_percent: The utilization that autoscaling aims at.
        scale_in_cooldown: Seconds that autoscaling waits after it has removed capacity.
        scale_out_cooldown: Seconds that autoscaling waits after it has added capacity.
        table_class: `standard` or `infrequent-access`.
        stream: The view type of the stream.
        point_in_time_recovery: Whether every second of the last 35 days can be restored.
        deletion_protection: Whether DynamoDB refuses to delete the table.
        customer_key: Whether the table is encrypted with a customer managed KMS key, which the stack creates.
        replicas: Other regions that have a replica of the table.
        alarms: Whether the stack has alarms.
        dax: Whether the template has a DAX cluster. The parameter `DaxVpcId` decides whether it is created.
        dax_node_type: The type of the cluster's nodes.
        dax_nodes: The number of the cluster's nodes.
        tags: Tags of all resources that can have tags, besides `Environment` and `ManagedBy`.

    Raises:
        InfraError: AWS does not accept a value, or two values do not fit together.
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
    scale_in_cooldown: int = 60
    scale_out_cooldown: int = 60
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

    def __attrs_post_init__(self) -> None:
        require_environment(self.environment)
        check_options(attrs.asdict(self, recurse=False))
        check_table_name(self.table_name, self.environment)
        check_units(
            {"read_units": self.read_units, "write_units": self.write_units},
            self.index_units,
            (self.least_units, self.most_units),
            provisioned=self.provisioned,
        )
        check_replicas(self.replicas)
        check_tags(self.tags, self.own_tags)

    @property
    def provisioned(self) -> bool:
        """Whether capacity is provisioned."""
        return self.billing == "provisioned"

    @property
    def aws_table_class(self) -> str:
        """The table class under AWS' name."""
        return CLASSES[self.table_class]

    @property
    def own_tags(self) -> dict[str, str]:
        """The tags that every resource has."""
        return {"Environment": self.environment, "ManagedBy": "singletable"}

    @property
    def all_tags(self) -> dict[str, str]:
        """The tags that every resource has, and those of the settings."""
        return {**self.own_tags, **self.tags}

    def units_of(self, index: str) -> tuple[int, int]:
        """Return the read and write capacity units of an index."""
        return self.index_units.get(index, (self.read_units, self.write_units))

    def check_region(self, region: str) -> None:
        """Refuse a region for the stack; the region is known only when the template is deployed.

        Raises:
            InfraError: A replica is in that region, or in another partition.
        """
        refuse_region(region, self.replicas)


_PRODUCTION: Mapping[str, Any] = {"billing": "provisioned", "deletion_protection": True}


def read_settings(
    environment: str, table_name: str, sections: Mapping[str, Mapping[str, str]], default_stream: str | None = None
) -> EnvironmentSettings:
    """Return the settings of one environment.

    Args:
        environment: The environment's name.
        table_name: The table's name or ARN in the models. Except in production, the environment is added to the name.
        sections: The options of `[singletable:infra]`, under "", and those of `[singletable:infra:prod]` and so on,
            under the environment's name. The latter override the former.
        default_stream: The view type of the stream in the models.

    Raises:
        InfraError: The environment or an option does not exist, or a value is not accepted.
    """
    for name in (environment, *filter(None, sections)):
        require_environment(name)
    values: dict[str, Any] = {
        "table_name": own_name(table_name) + ("" if environment == "prod" else f"-{environment}"),
        **(_PRODUCTION if environment == "prod" else {}),
        **({"stream": default_stream} if default_stream else {}),
    }
    for section in ("", environment):
        for option, text in sections.get(section, {}).items():
            values[option] = _read(option, text, environment)
    settings = EnvironmentSettings(environment=environment, **values)
    refuse_short_name(settings.table_name, environment)
    _refuse_idle(settings, sections.get(environment, {}))
    return settings


_PROVISIONED_ONLY = (
    "read_units",
    "write_units",
    "index_units",
    "least_units",
    "most_units",
    "target_percent",
    "scale_in_cooldown",
    "scale_out_cooldown",
)
_DAX_ONLY = ("dax_node_type", "dax_nodes")


def _refuse_idle(settings: EnvironmentSettings, options: Mapping[str, str]) -> None:
    """Refuse options of one environment's section that have no effect there.

    Options of `[singletable:infra]` apply to all environments, so they may have an effect in only some of them.
    """
    for holds, idle, needed in (
        (settings.provisioned, _PROVISIONED_ONLY, "billing = provisioned"),
        (settings.dax, _DAX_ONLY, "dax = yes"),
    ):
        for option in () if holds else sorted(set(options).intersection(idle)):
            section = f"[singletable:infra:{settings.environment}]"
            raise InfraError(
                f"{section} {option} = {options[option].strip()!r} has no effect without {needed}.",
                remedy=f"Leave {option} out, or set {needed} in {section}.",
                value=option,
            )


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


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError("it is not a whole number")
    return int(text)


def _percent(text: str) -> int:
    return _whole(text.removesuffix("%").strip())


def _boolean(text: str) -> bool:
    states = ConfigParser.BOOLEAN_STATES
    if text.lower() not in states:
        raise ValueError("it is not yes or no")
    return states[text.lower()]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


def _pairs(text: str) -> dict[str, str]:
    pairs = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, equals, value = line.partition("=")
        if not equals or not name.strip():
            raise ValueError(f"{line!r} is not of the form name = value")
        if name.strip() in pairs:
            raise ValueError(f"{name.strip()!r} is given twice")
        pairs[name.strip()] = value.strip()
    return pairs


def _index_units(text: str) -> dict[str, tuple[int, int]]:
    units = {}
    for name, value in _pairs(text).items():
        read, slash, write = value.partition("/")
        if not slash:
            raise ValueError(f"{name} = {value!r} is not of the form reads/writes, such as 100/50")
        units[name] = (_whole(read.strip()), _whole(write.strip()))
    return units


_OPTIONS: dict[str, Callable[[str], Any]] = {
    "table_name": _text,
    "billing": _text,
    "read_units": _whole,
    "write_units": _whole,
    "index_units": _index_units,
    "least_units": _whole,
    "most_units": _whole,
    "target_percent": _percent,
    "scale_in_cooldown": _whole,
    "scale_out_cooldown": _whole,
    "table_class": _text,
    "stream": _text,
    "point_in_time_recovery": _boolean,
    "deletion_protection": _boolean,
    "customer_key": _boolean,
    "replicas": _words,
    "alarms": _boolean,
    "dax": _boolean,
    "dax_node_type": _text,
    "dax_nodes": _whole,
    "tags": _pairs,
}
