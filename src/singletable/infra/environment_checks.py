"""Rules of settings: which values AWS accepts, and which of them fit together."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from singletable.errors import InfraError
from singletable.infra.aws_partitions import partitions_by_region
from singletable.models.binding.table_names import CHARACTERS, name_fault, own_name, server_fault
from singletable.models.schema.layout import STREAM_VIEWS

if TYPE_CHECKING:
    from singletable.infra.environment import EnvironmentSettings

__all__ = ["CLASSES", "ENVIRONMENTS", "check_settings", "refuse_region", "refuse_short_name", "require_environment"]

ENVIRONMENTS = ("dev", "staging", "prod")
_BILLING = ("on-demand", "provisioned")
CLASSES = {"standard": "STANDARD", "infrequent-access": "STANDARD_INFREQUENT_ACCESS"}

_NODE_TYPE = re.compile(r"dax\.(?:r3|r4|r5|r7i)\.(?:(?:2|4|8|12|16|24)?x)?large|dax\.t[23]\.(?:small|medium)")
"""Families and sizes of DAX nodes (AWS price list of DynamoDB, as in cfn-lint's `aws_dax_cluster`)."""

_CHOICES: Mapping[str, Iterable[str]] = {"billing": _BILLING, "table_class": CLASSES, "stream": STREAM_VIEWS}
_SWITCHES = ("point_in_time_recovery", "deletion_protection", "customer_key", "alarms", "dax")
_RANGES: Mapping[str, tuple[int, int | None]] = {
    "read_units": (1, None),
    "write_units": (1, None),
    "least_units": (1, None),
    "most_units": (1, None),
    "scale_in_cooldown": (0, None),
    "scale_out_cooldown": (0, None),
    # Developer Guide, "Managing throughput capacity automatically with DynamoDB auto scaling".
    "target_percent": (20, 90),
    # Developer Guide, "DAX cluster components".
    "dax_nodes": (1, 11),
}
"""The least and the most of each whole number. Quotas that AWS raises on request are not among them."""

_REGION = re.compile(r"[a-z]{2,}(?:-[a-z]+)+-\d+")
_MOST_TAGS, _TAG_KEY, _TAG_VALUE = 50, 128, 256
"""Tags of a resource, and characters of a tag's key and value (Developer Guide, "Tagging restrictions in DynamoDB")."""

_TAG_MARKS = "+-=._:/@"
"""Characters of tags besides letters, digits and spaces (AWS Batch User Guide, "Tag restrictions", which lists the
characters that services generally allow; DynamoDB's list leaves out the `@` only)."""


def check_settings(settings: EnvironmentSettings) -> None:
    """Refuse settings that AWS refuses or that contradict each other.

    Raises:
        InfraError: A value is not accepted, or two do not fit together.
    """
    require_environment(settings.environment)
    for option, choices in _CHOICES.items():
        _require_choice(option, getattr(settings, option), choices)
    for option in _SWITCHES:
        if not isinstance(getattr(settings, option), bool):
            raise InfraError(f"{option} = {getattr(settings, option)!r} is not True or False.")
    for option, (least, most) in _RANGES.items():
        _require_whole(option, getattr(settings, option), least, most)
    _refuse_name(settings, "is an ARN" if own_name(settings.table_name) != settings.table_name else None)
    _refuse_name(settings, name_fault(settings.table_name))
    if not _NODE_TYPE.fullmatch(settings.dax_node_type):
        raise InfraError(
            f"dax_node_type = {settings.dax_node_type!r} is not a type of DAX nodes.",
            remedy="Write for example dax.r5.large or dax.t3.small: families r3, r4, r5, r7i, t2 and t3.",
            value=settings.dax_node_type,
        )
    _check_units(settings)
    _check_replicas(settings.replicas)
    _check_tags(settings)


def require_environment(name: str) -> None:
    """Refuse an environment that does not exist.

    Raises:
        InfraError: The name is not `dev`, `staging` or `prod`.
    """
    if name not in ENVIRONMENTS:
        raise InfraError(
            f"There is no environment {name!r}.", remedy=f"Use one of: {', '.join(ENVIRONMENTS)}.", value=name
        )


def refuse_short_name(settings: EnvironmentSettings) -> None:
    """Refuse a table name that is too short for DynamoDB; models and tests may use one, as they may without a server.

    Raises:
        InfraError: The name has fewer than 3 characters.
    """
    _refuse_name(settings, server_fault(settings.table_name))


def refuse_region(region: str, replicas: Collection[str]) -> None:
    """Refuse a region for a stack whose table has replicas in others.

    Raises:
        InfraError: The region is one of a replica, or belongs to another partition.
    """
    if region in replicas:
        raise InfraError(
            f"replicas names {region!r}, the region of the stack, which has the table already.",
            remedy="Name only other regions in replicas.",
            value=region,
        )
    _require_one_partition((region, *replicas))


def _require_choice(option: str, value: str, choices: Iterable[str]) -> None:
    if value not in choices:
        raise InfraError(f"{option} = {value!r} is not one of {', '.join(choices)}.", value=value)


def _require_whole(option: str, value: Any, least: int, most: int | None = None) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least or (most is not None and value > most):
        bounds = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise InfraError(f"{option} = {value!r} is not a whole number {bounds}.", value=value)


def _refuse_name(settings: EnvironmentSettings, fault: str | None) -> None:
    if fault:
        raise InfraError(
            f"The table name {settings.table_name!r} of the environment {settings.environment} {fault}.",
            remedy=f"Give table_name in [singletable:infra]: {CHARACTERS}.",
            value=settings.table_name,
        )


def _check_units(settings: EnvironmentSettings) -> None:
    """Refuse units that autoscaling would change as soon as it starts: those out of its bounds."""
    least, most = settings.least_units, settings.most_units
    if least > most:
        raise InfraError(
            f"least_units = {least} is more than most_units = {most}.",
            remedy="Autoscaling goes from the least to the most.",
            value=least,
        )
    given = {"read_units": settings.read_units, "write_units": settings.write_units}
    for index, (reads, writes) in settings.index_units.items():
        for verb, units in (("reads", reads), ("writes", writes)):
            _require_whole(f"The {verb} of {index} in index_units", units, 1)
            given[f"index_units, {verb} of {index}"] = units
    for option, units in given.items() if settings.provisioned else ():
        if not least <= units <= most:
            raise InfraError(
                f"{option} = {units} is not from least_units = {least} to most_units = {most}.",
                remedy="Autoscaling would change it at once: change the units, or its bounds.",
                value=units,
            )


def _check_replicas(regions: tuple[str, ...]) -> None:
    for number, region in enumerate(regions):
        if not _REGION.fullmatch(region):
            raise InfraError(
                f"replicas has {region!r}, which is not the name of a region.",
                remedy="Write for example eu-west-1.",
                value=region,
            )
        if region in regions[:number]:
            raise InfraError(f"replicas has {region!r} twice.", remedy="Leave one of them out.", value=region)
        if region not in partitions_by_region():
            raise InfraError(
                f"replicas has {region!r}, and the installed botocore knows no such region of DynamoDB.",
                remedy="Check the name. Update botocore if the region is new: pip install --upgrade boto3.",
                value=region,
            )
    _require_one_partition(regions)


def _require_one_partition(regions: tuple[str, ...]) -> None:
    # A region that botocore does not know may be in any of them: the stack's own is checked by CloudFormation.
    partitions = {partitions_by_region()[region]: region for region in regions if region in partitions_by_region()}
    if len(partitions) > 1:
        (one, first), (two, second) = sorted(partitions.items())[:2]
        raise InfraError(
            f"{first} ({one}) and {second} ({two}) are in two partitions of AWS; no table has replicas in both.",
            remedy="Name regions of one partition only.",
            value=second,
        )


def _check_tags(settings: EnvironmentSettings) -> None:
    own = ", ".join(settings.own_tags)
    seen: dict[str, str] = {}
    for key, value in settings.tags.items():
        _require_tag(f"The tag {key!r}", key, 1, _TAG_KEY)
        _require_tag(f"The value {value!r} of the tag {key!r}", value, 0, _TAG_VALUE)
        small = key.lower()
        # Roles take two tags that differ by capitals for one and refuse them (IAM User Guide, "Rules for tagging").
        if small in seen:
            raise InfraError(
                f"The tags {seen[small]!r} and {key!r} differ by capitals only, which IAM does not accept.",
                remedy="Leave one of them out.",
                value=key,
            )
        if small in map(str.lower, settings.own_tags):
            raise InfraError(
                f"The tag {key!r} is one of those that singletable sets: {own}.",
                remedy="Use another name.",
                value=key,
            )
        seen[small] = key
    if len(settings.all_tags) > _MOST_TAGS:
        raise InfraError(
            f"tags has {len(settings.tags)} tags. With {own} a resource has"
            f" {len(settings.all_tags)}; the limit is {_MOST_TAGS}.",
            remedy=f"Leave {len(settings.all_tags) - _MOST_TAGS} of them out.",
            value=len(settings.tags),
        )


def _require_tag(place: str, text: str, least: int, most: int) -> None:
    if not least <= len(text) <= most:
        fault = f"has {len(text)} characters; {least} to {most} are allowed"
    elif text.lower().startswith("aws:"):
        fault = "begins with 'aws:', which is reserved for AWS"
    elif not all(map(_is_of_tags, text)):
        fault = f"has characters besides letters, digits, spaces and {_TAG_MARKS}"
    else:
        return
    raise InfraError(f"{place} {fault}.", remedy="Change it in tags of [singletable:infra].", value=text)


def _is_of_tags(character: str) -> bool:
    return character in _TAG_MARKS or unicodedata.category(character)[0] in "LNZ"
