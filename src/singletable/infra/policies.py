"""Policies: what a role needs of the table, from what the access patterns ask of it; and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from singletable.errors import InfraError
from singletable.keys import CompositeKey, Template
from singletable.keys.encoding import SEPARATOR
from singletable.models import TableDescription
from singletable.models.own import MARKS
from singletable.patterns import AccessPattern, placeholder_arguments, requests_of
from singletable.requests import Get, Query

__all__ = ["ROLES", "Tenant", "policy"]

ROLES = ("reader", "writer", "migrator", "stream")

_WRITES = ("BatchWriteItem", "ConditionCheckItem", "DeleteItem", "PutItem", "UpdateItem")
_MIGRATES = (
    "BatchGetItem",
    "ConditionCheckItem",
    "CreateTable",
    "DeleteItem",
    "DescribeContinuousBackups",
    "DescribeTable",
    "DescribeTimeToLive",
    "GetItem",
    "PartiQLUpdate",
    "PutItem",
    "Query",
    "Scan",
    "UpdateItem",
    "UpdateTable",
    "UpdateTimeToLive",
)
_RECORDS = ("ConditionCheckItem", "DeleteItem", "DescribeTable", "GetItem", "PutItem", "Query", "UpdateItem")
# ForAllValues holds where there is nothing to compare, as in a Scan.
_SOME_KEY = {"Null": {"dynamodb:LeadingKeys": "false"}}
_STREAMS = ("DescribeStream", "GetRecords", "GetShardIterator")


@attrs.frozen
class Tenant:
    """Whose items a role may reach: those whose partition key holds the value of a tag of the caller.

    Args:
        tag: The tag of the caller's session or role, `aws:PrincipalTag/...`.
        attribute: The attribute that stands in partition keys.
    """

    tag: str
    attribute: str


def policy(
    description: TableDescription,
    patterns: Sequence[AccessPattern[..., Any]],
    role: str,
    table_arn: str,
    tenant: Tenant | None = None,
    control_arn: str | None = None,
) -> dict[str, Any]:
    """An IAM policy document.

    Args:
        description: The table.
        patterns: What the application asks.
        role: `reader`, `writer`, `migrator` or `stream`.
        table_arn: The table's ARN; parts may be `*`.
        tenant: Whose items a reader or a writer may reach; None for everyone's.
        control_arn: The ARN of the table in which migrations are recorded; None for the table itself.

    Raises:
        InfraError: There is no such role, or no partition key holds the tenant.
        PatternError: An access pattern cannot be called.
    """
    if role not in ROLES:
        raise InfraError(f"There is no role {role!r}.", remedy=f"Use one of: {', '.join(ROLES)}.", value=role)
    if role == "stream":
        marks = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{MARKS}{SEPARATOR}*"]}, **_SOME_KEY}
        statements = [
            _allow(_STREAMS, [f"{table_arn}/stream/*"]),
            _allow(["ListStreams"], ["*"]),
            # What the router remembers of the events that were handled.
            _allow(["PutItem", "Query"], [table_arn], marks),
        ]
    elif role == "migrator":
        # Verifying scans every index.
        statements = [_allow(_MIGRATES, [table_arn, f"{table_arn}/index/*"])]
        if control_arn is not None:
            statements.append(_allow(_RECORDS, [control_arn]))
    else:
        statements = _of_patterns(description, patterns, table_arn, tenant)
        if role == "writer":
            statements.append(_allow(_WRITES, [table_arn], _leading(_partitions(description, None), tenant)))
    if tenant is not None and role in ("migrator", "stream"):
        raise InfraError(
            f"The role {role} works on all items; it has no tenant.", remedy="Leave --tenant-tag out.", value=role
        )
    return {"Version": "2012-10-17", "Statement": statements}


def _of_patterns(
    description: TableDescription,
    patterns: Sequence[AccessPattern[..., Any]],
    table_arn: str,
    tenant: Tenant | None,
) -> list[dict[str, Any]]:
    """A statement for the table, and one for each index that a pattern asks."""
    used: dict[str | None, set[str]] = {}
    keys: dict[str | None, list[CompositeKey]] = {}
    for pattern in patterns:
        for request in requests_of(pattern, pattern(**placeholder_arguments(pattern))):
            index = request.target.key.index
            used.setdefault(index, set()).add("GetItem" if isinstance(request, Get) else "Query")
            keys.setdefault(index, []).append(request.target.key)
            if isinstance(request, Query) and not request.target.whole:
                # What an index does not hold is fetched from the table, by primary key.
                used.setdefault(None, set()).add("BatchGetItem")
    statements = []
    for index, operations in sorted(used.items(), key=lambda each: each[0] or ""):
        resource = table_arn if index is None else f"{table_arn}/index/{index}"
        condition = None
        if tenant is not None:
            partitions = _partitions(description, None) if index is None else [key.partition for key in keys[index]]
            if index is not None and not any(tenant.attribute in each.attributes for each in partitions):
                continue
            condition = _leading(partitions, tenant)
        statements.append(_allow(sorted(operations), [resource], condition))
    return statements


def _partitions(description: TableDescription, index: str | None) -> list[Template]:
    return [key.partition for entity in description.entities for key in entity.keys if key.index == index]


def _leading(partitions: Sequence[Template], tenant: Tenant | None) -> dict[str, Any] | None:
    """The condition that every partition key that is touched is the tenant's.

    Raises:
        InfraError: None of the templates holds the tenant before all other values.
    """
    if tenant is None:
        return None
    prefixes = sorted(filter(None, {_prefix(template, tenant) for template in partitions}))
    if not prefixes:
        raise InfraError(
            f"No partition key begins with the attribute {tenant.attribute!r}: items of different tenants share"
            " partitions, and IAM cannot tell them apart.",
            remedy="Put it first into the partition keys, or name another with --tenant-attribute.",
            value=tenant.attribute,
        )
    return {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": prefixes},
        **_SOME_KEY,
    }


def _prefix(template: Template, tenant: Tenant) -> str | None:
    """The partition keys of one tenant; None where the template does not say whose they are."""
    parts = []
    for position, segment in enumerate(template.segments):
        field = segment.field
        if field is None:
            parts.append(segment.literal)
            continue
        if field.attribute != tenant.attribute or field.encoding.projection:
            return None
        parts.append(f"{segment.literal}${{aws:PrincipalTag/{tenant.tag}}}")
        text = SEPARATOR.join(parts)
        # With the separator at its end: the tenant `1` must not reach the keys of `10`.
        return text if position == len(template.segments) - 1 else f"{text}{SEPARATOR}*"
    return None


def _allow(
    operations: Sequence[str], resources: Sequence[str], condition: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Action": [f"dynamodb:{each}" for each in operations],
        "Resource": list(resources),
    }
    return {**statement, "Condition": condition} if condition else statement
