"""Policies: the rights that a role needs, from the access patterns and the requests of the framework itself.

Sources: Service Authorization Reference, "Actions, resources, and condition keys for Amazon DynamoDB" and "... DynamoDB
Accelerator (DAX)"; DynamoDB Developer Guide, "Using IAM with DynamoDB transactions" (a transaction needs the actions of
its parts), "IAM security policies with PartiQL for DynamoDB", "Using IAM policy conditions for fine-grained access
control", "DAX access control" and "DynamoDB encryption at rest usage notes"; KMS Developer Guide, "AWS KMS condition
keys"; IAM User Guide, "IAM and AWS STS quotas".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import attrs

from singletable.errors import InfraError
from singletable.infra.aws_partitions import partition_of
from singletable.infra.documents import allow, document_of, merged
from singletable.infra.pattern_requests import PatternRequests, by_index, resource_of
from singletable.infra.rights import Right
from singletable.infra.tenant_statements import PUTS, READS_AND_DELETES, tenant_statements
from singletable.infra.tenants import SOME_KEY, Gap, Tenant
from singletable.keys.encoding import SEPARATOR
from singletable.models import TableDescription
from singletable.models.items.internal_items import MARKS
from singletable.patterns import AccessPattern

__all__ = ["ROLES", "Role", "Tenant", "cluster_arn", "make_role", "policy"]

ROLES = ("reader", "writer", "migrator", "stream")

_MIGRATES = (
    "ConditionCheckItem",
    "CreateTable",
    "DeleteItem",
    "DescribeContinuousBackups",
    "DescribeTable",
    "DescribeTimeToLive",
    "GetItem",
    "ListTagsOfResource",
    "PartiQLUpdate",
    "PutItem",
    "Query",
    "Scan",
    "UpdateItem",
    "UpdateTable",
    "UpdateTimeToLive",
)
_RECORDS = ("CreateTable", "DeleteItem", "DescribeTable", "GetItem", "PutItem", "Query", "UpdateItem")
_STREAMS = ("DescribeStream", "GetRecords", "GetShardIterator")
# API Reference of DAX, "CreateCluster".
_CLUSTER = re.compile(r"[A-Za-z](?:[A-Za-z0-9-]{0,18}[A-Za-z0-9])?")
_CLUSTER_ARN = re.compile(r"arn:[\w-]+:dax:[\w*-]+:[\d*]+:cache/[\w*-]+")
# Actions of DAX's own protocol, which every policy for a cluster must allow (Developer Guide, "DAX access control").
_PROTOCOL = ("DefineAttributeList", "DefineAttributeListId", "DefineKeySchema", "Endpoints")


@attrs.frozen
class Role:
    """The rights of a role, and for a tenant's role its limits.

    Args:
        statements: The statements of its policy.
        gaps: For a tenant's role, the patterns and entities that it cannot reach, and the access that IAM cannot
            prevent.
    """

    statements: tuple[dict[str, Any], ...]
    gaps: tuple[Gap, ...] = ()

    @property
    def document(self) -> dict[str, Any]:
        """The policy document, of any size; see `documents.split`."""
        return document_of(self.statements)


def policy(
    description: TableDescription,
    patterns: Sequence[AccessPattern[..., Any]],
    role: str,
    table_arn: str,
    tenant: Tenant | None = None,
    control_arn: str | None = None,
) -> dict[str, Any]:
    """Return the policy document of a role; see `make_role`."""
    return make_role(description, patterns, role, table_arn, tenant=tenant, control_arn=control_arn).document


def make_role(
    description: TableDescription,
    patterns: Sequence[AccessPattern[..., Any]],
    role: str,
    table_arn: str,
    *,
    tenant: Tenant | None = None,
    control_arn: str | None = None,
    rights: Sequence[Right] = (),
    dax_arn: str | None = None,
    customer_key: bool = False,
) -> Role:
    """Return a role.

    Args:
        description: The table.
        patterns: The access patterns of the application.
        role: `reader`, `writer`, `migrator` or `stream`.
        table_arn: The table's ARN; parts may be `*`.
        tenant: The tenant whose items a reader or a writer may reach; None for all items.
        control_arn: The ARN of the table in which migrations are recorded; None for the table itself.
        rights: The rights that the project declares for the role.
        dax_arn: The ARN of a DAX cluster that a reader or a writer may use; None without a cluster.
        customer_key: Whether the table is encrypted with a customer managed KMS key.

    Raises:
        InfraError: The role does not exist, cannot have a tenant or a cluster, or reaches nothing of a tenant.
        PatternError: An access pattern cannot be called.
    """
    _check(role, tenant, rights, dax_arn)
    gaps: list[Gap] = []
    if role == "stream":
        statements = _of_stream(table_arn)
    elif role == "migrator":
        # Verifying scans every index.
        statements = [allow(_MIGRATES, [table_arn, f"{table_arn}/index/*"])]
        if control_arn is not None:
            statements.append(allow(_RECORDS, [control_arn]))
    else:
        asked = [PatternRequests.by(pattern) for pattern in patterns]
        writing = role == "writer"
        if tenant is None:
            statements = _of_everyone(asked, table_arn, writing=writing)
        else:
            statements, gaps = tenant_statements(description, asked, table_arn, tenant, writing=writing)
        if dax_arn is not None:
            items = {each.partition(":")[2] for statement in statements for each in statement["Action"]}
            statements.append(allow(sorted({*items, *_PROTOCOL}), [dax_arn], service="dax"))
    if customer_key:
        statements.append(_of_key(table_arn))
    statements += [allow(each.actions, each.resources, service="") for each in rights]
    return Role(tuple(statements), tuple(gaps))


def cluster_arn(cluster: str, region: str, account: str) -> str:
    """Return the ARN of a DAX cluster, from its name or its ARN.

    Raises:
        InfraError: The text is neither a name nor an ARN, or no partition has the region.
    """
    if _CLUSTER_ARN.fullmatch(cluster):
        return cluster
    if not _CLUSTER.fullmatch(cluster) or "--" in cluster:
        raise InfraError(
            f"{cluster!r} is neither the name nor the ARN of a DAX cluster.",
            remedy="A name has 1 to 20 letters, digits and single hyphens, begins with a letter and does not end with a"
            " hyphen.",
            value=cluster,
        )
    return f"arn:{partition_of(region)}:dax:{region}:{account}:cache/{cluster}"


def _check(role: str, tenant: Tenant | None, rights: Sequence[Right], dax_arn: str | None) -> None:
    if role not in ROLES:
        raise InfraError(f"{role!r} is not a role.", remedy=f"Use one of: {', '.join(ROLES)}.", value=role)
    if tenant is not None and role in ("migrator", "stream"):
        raise InfraError(
            f"The role {role} works on all items and cannot have a tenant.",
            remedy="Leave --tenant-tag out.",
            value=role,
        )
    if dax_arn is not None and role in ("migrator", "stream"):
        raise InfraError(
            f"The role {role} sends its requests to the table, not to a DAX cluster.",
            remedy="Leave --dax out.",
            value=role,
        )
    if dax_arn is not None and tenant is not None:
        raise InfraError(
            "A DAX cluster reads the table with its own role, so it cannot keep tenants apart (Developer Guide, DAX"
            " access control).",
            remedy="Leave --dax out, or give each tenant a cluster with its own role.",
            value=dax_arn,
        )
    reaching = [right for right in rights if right.table]
    if tenant is not None and reaching:
        raise InfraError(
            f"The declared right to {' '.join(reaching[0].actions)} reaches the items of all tenants.",
            remedy=f"Remove it from {role} in [singletable:rights], or leave --tenant-tag out.",
            value=reaching[0].actions[0],
        )


def _of_stream(table_arn: str) -> list[dict[str, Any]]:
    """Return the statements of a function that reads the stream and marks the handled events."""
    marks = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{MARKS}{SEPARATOR}*"]}, **SOME_KEY}
    return [
        allow(_STREAMS, [f"{table_arn}/stream/*"]),
        # An event source mapping of Lambda needs it (Lambda Developer Guide, "Using Lambda with DynamoDB").
        allow(["ListStreams"], ["*"]),
        # `singletable streams run` finds the stream with it.
        allow(["DescribeTable"], [table_arn]),
        allow(["PutItem", "Query"], [table_arn], marks),
    ]


def _of_key(table_arn: str) -> dict[str, Any]:
    """Return the statement that lets DynamoDB decrypt the table's key for the caller.

    Reads and writes need it: on every access DynamoDB decrypts the table's key on behalf of the caller, unless it is in
    memory. The ARN of the KMS key is not known here, so the encryption context names the table instead. An alias
    (`kms:ResourceAliases`) is not suitable: the keys of replicas are created elsewhere and may not have an alias.
    """
    _, partition, _, region, account, table = table_arn.split(":", 5)
    condition = {
        "StringLike": {
            # The name of the service ends in the domain of the partition, such as amazonaws.com.
            "kms:ViaService": f"dynamodb.{region}.*",
            "kms:EncryptionContext:aws:dynamodb:tableName": table.removeprefix("table/"),
        }
    }
    return allow(["Decrypt"], [f"arn:{partition}:kms:{region}:{account}:key/*"], condition, service="kms")


def _of_everyone(asked: Sequence[PatternRequests], table_arn: str, *, writing: bool) -> list[dict[str, Any]]:
    used: dict[str | None, set[str]] = {None: {*READS_AND_DELETES, *PUTS}} if writing else {}
    for each in asked:
        for index, operation in each.operations():
            used.setdefault(index, set()).add(operation)
    if not used:
        raise InfraError(
            "A reader of this table has no rights: the project has no access patterns.",
            remedy="Write access patterns, and name their package in setup.cfg: patterns = patterns.",
        )
    return merged(allow(sorted(operations), [resource_of(table_arn, index)]) for index, operations in by_index(used))
