"""Checks of an environment's settings: the values that AWS accepts, and the combinations that fit together."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from singletable.errors import InfraError
from singletable.infra.aws_partitions import partitions_by_region
from singletable.models.binding.table_names import CHARACTERS, name_fault, own_name, server_fault
from singletable.models.schema.layout import STREAM_VIEWS

__all__ = [
    "CLASSES",
    "ENVIRONMENTS",
    "check_options",
    "check_replicas",
    "check_table_name",
    "check_tags",
    "check_units",
    "refuse_region",
    "refuse_short_name",
    "require_environment",
]

ENVIRONMENTS = ("dev", "staging", "prod")
_BILLING = ("on-demand", "provisioned")
CLASSES = {"standard": "STANDARD", "infrequent-access": "STANDARD_INFREQUENT_ACCESS"}

_NODE_TYPE = re.compile(r"dax\.(?:r3|r4|r5|r7i)\.(?:(?:2|4|8|12|16|24)?x)?large|dax\.t[23]\.(?:small|medium)")
"""The families and sizes of DAX nodes (AWS price list of DynamoDB, as in cfn-lint's `aws_dax_cluster`)."""

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
"""The lowest and the highest value of each whole number, without quotas that AWS raises on request."""

_REGION = re.compile(r"[a-z]{2,}(?:-[a-z]+)+-\d+")
_MOST_TAGS, _TAG_KEY, _TAG_VALUE = 50, 128, 256
"""The highest number of tags of a resource, and of characters of a tag's key and of its value.

Source: Developer Guide, "Tagging restrictions in DynamoDB".
"""

_TAG_MARKS = "+-=._:/@"
"""Characters of tags besides letters, digits and spaces (AWS Batch User Guide, "Tag restrictions", which lists the
characters that services generally allow; DynamoDB's list leaves out the `@` only)."""


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse values that AWS does not accept, each by itself.

    Args:
        options: All settings, by the name of the option.

    Raises:
        InfraError: A value is not accepted.
    """
    for option, choices in _CHOICES.items():
        _require_choice(option, options[option], choices)
    for option in _SWITCHES:
        if not isinstance(options[option], bool):
            raise InfraError(f"{option} = {options[option]!r} is not True or False.")
    for option, (least, most) in _RANGES.items():
        _require_whole(option, options[option], least, most)
    node_type = options["dax_node_type"]
    if not _NODE_TYPE.fullmatch(node_type):
        raise InfraError(
            f"dax_node_type = {node_type!r} is not a type of DAX nodes.",
            remedy="Write for example dax.r5.large or dax.t3.small: families r3, r4, r5, r7i, t2 and t3.",
            value=node_type,
        )


def require_environment(name: str) -> None:
    """Refuse an environment that does not exist.

    Raises:
        InfraError: The name is not `dev`, `staging` or `prod`.
    """
    if name not in ENVIRONMENTS:
        raise InfraError(
            f"{name!r} is not an environment.", remedy=f"Use one of: {', '.join(ENVIRONMENTS)}.", value=name
        )


def check_table_name(table_name: str, environment: str) -> None:
    """Refuse a table name that DynamoDB does not accept, and an ARN.

    Raises:
        InfraError: The name is an ARN or is not accepted.
    """
    _refuse_name(table_name, environment, "is an ARN" if own_name(table_name) != table_name else None)
    _refuse_name(table_name, environment, name_fault(table_name))


def refuse_short_name(table_name: str, environment: str) -> None:
    """Refuse a table name that is too short for DynamoDB. Models and tests may use one without a server.

    Raises:
        InfraError: The name has fewer than 3 characters.
    """
    _refuse_name(table_name, environment, server_fault(table_name))


def check_units(
    units: Mapping[str, int],
    index_units: Mapping[str, tuple[int, int]],
    bounds: tuple[int, int],
    *,
    provisioned: bool,
) -> None:
    """Refuse capacity units that autoscaling would change at once, because they are out of its bounds.

    Args:
        units: The units of the table, by the name of their option.
        index_units: The read and write units of indexes, by the name of the index.
        bounds: `least_units` and `most_units`.
        provisioned: Whether capacity is provisioned. Otherwise units may be out of bounds.

    Raises:
        InfraError: The bounds are in the wrong order, the units of an index are not whole numbers of at least 1, or
            units are out of bounds.
    """
    least, most = bounds
    if least > most:
        raise InfraError(
            f"least_units = {least} is more than most_units = {most}.",
            remedy="Autoscaling goes from least_units to most_units.",
            value=least,
        )
    given = dict(units)
    for index, (reads, writes) in index_units.items():
        for verb, number in (("reads", reads), ("writes", writes)):
            _require_whole(f"The {verb} of {index} in index_units", number, 1)
            given[f"index_units, {verb} of {index}"] = number
    for option, number in given.items() if provisioned else ():
        if not least <= number <= most:
            raise InfraError(
                f"{option} = {number} is not from least_units = {least} to most_units = {most}.",
                remedy="Autoscaling would change it at once. Change the units or the bounds.",
                value=number,
            )


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


def _refuse_name(table_name: str, environment: str, fault: str | None) -> None:
    if fault:
        raise InfraError(
            f"The table name {table_name!r} of the environment {environment} {fault}.",
            remedy=f"Give table_name in [singletable:infra]: {CHARACTERS}.",
            value=table_name,
        )


def _require_choice(option: str, value: str, choices: Iterable[str]) -> None:
    if value not in choices:
        raise InfraError(f"{option} = {value!r} is not one of {', '.join(choices)}.", value=value)


def _require_whole(option: str, value: Any, least: int, most: int | None = None) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least or (most is not None and value > most):
        bounds = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise InfraError(f"{option} = {value!r} is not a whole number {bounds}.", value=value)


def check_replicas(regions: tuple[str, ...]) -> None:
    """Refuse regions of replicas that do not exist, are given twice, or are in two partitions of AWS.

    Raises:
        InfraError: The regions are not accepted.
    """
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
                f"replicas has {region!r}, which is not a region of DynamoDB in the installed botocore.",
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


def check_tags(tags: Mapping[str, str], own_tags: Mapping[str, str]) -> None:
    """Refuse tags that AWS does not accept.

    Args:
        tags: The tags of the settings.
        own_tags: The tags that singletable sets itself.

    Raises:
        InfraError: A tag is not accepted, or there are too many.
    """
    own = ", ".join(own_tags)
    seen: dict[str, str] = {}
    for key, value in tags.items():
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
        if small in map(str.lower, own_tags):
            raise InfraError(
                f"The tag {key!r} is one of those that singletable sets: {own}.",
                remedy="Use another name.",
                value=key,
            )
        seen[small] = key
    number = len({**own_tags, **tags})
    if number > _MOST_TAGS:
        raise InfraError(
            f"tags has {len(tags)} tags. With {own} a resource has {number}; the limit is {_MOST_TAGS}.",
            remedy=f"Leave {number - _MOST_TAGS} of them out.",
            value=len(tags),
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
