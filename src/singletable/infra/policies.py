"""Policies: the rights that a role needs, from the access patterns and from the requests of the framework's own code.

Sources: Service Authorization Reference, "Actions, resources, and condition keys for Amazon DynamoDB" and "... DynamoDB
Accelerator (DAX)"; DynamoDB Developer Guide, "Using IAM with DynamoDB transactions" (a transaction needs the actions of
its parts), "IAM security policies with PartiQL for DynamoDB", "Using IAM policy conditions for fine-grained access
control", "DAX access control" and "DynamoDB encryption at rest usage notes"; KMS Developer Guide, "AWS KMS condition
keys"; IAM User Guide, "IAM and AWS STS quotas".
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import attrs

from singletable.errors import InfraError
from singletable.infra.aws_partitions import partition_of
from singletable.infra.documents import allow, document_of, merged
from singletable.infra.rights import Right
from singletable.infra.tenants import SOME_KEY, Gap, Reach, Tenant, notes_on_values, reach
from singletable.keys import Template
from singletable.keys.encoding import SEPARATOR
from singletable.models import TableDescription
from singletable.models.items.internal_items import MARKS, TOKENS
from singletable.models.schema.description import EntityDescription
from singletable.models.schema.layout import IndexLayout
from singletable.patterns import AccessPattern, placeholder_arguments, requests_of
from singletable.requests import Get, Query

__all__ = ["ROLES", "Role", "Tenant", "cluster_arn", "make_role", "policy"]

ROLES = ("reader", "writer", "migrator", "stream")

_READS_AND_DELETES = ("BatchGetItem", "ConditionCheckItem", "DeleteItem", "GetItem")
_PUTS = ("BatchWriteItem", "PutItem", "UpdateItem")
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
# Actions of DAX's own protocol, which every policy for a cluster has to allow (Developer Guide, "DAX access control").
_PROTOCOL = ("DefineAttributeList", "DefineAttributeListId", "DefineKeySchema", "Endpoints")


@attrs.frozen
class Role:
    """A role: its statements and its limits.

    Args:
        statements: The statements of its policy.
        gaps: For a tenant's role, the patterns and entities that it cannot reach and the holes that IAM leaves open.
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
        tenant: The tenant whose items a reader or a writer may reach; None for everyone's.
        control_arn: The ARN of the table in which migrations are recorded; None for the table itself.
        rights: Rights that the project declares for the role.
        dax_arn: The ARN of a DAX cluster that a reader or a writer may use; None for none.
        customer_key: Whether the table is encrypted with a KMS key of the account's own.

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
        asked = [_Asked.by(pattern) for pattern in patterns]
        writing = role == "writer"
        if tenant is None:
            statements = _of_everyone(asked, table_arn, writing=writing)
        else:
            statements, gaps = _of_tenant(description, asked, table_arn, tenant, writing=writing)
        if dax_arn is not None:
            items = {each.partition(":")[2] for statement in statements for each in statement["Action"]}
            statements.append(allow(sorted({*items, *_PROTOCOL}), [dax_arn], service="dax"))
    if customer_key:
        statements.append(_of_key(table_arn))
    statements += [allow(each.actions, each.resources, service="") for each in rights]
    return Role(tuple(statements), tuple(gaps))


def cluster_arn(cluster: str, region: str, account: str) -> str:
    """Return the ARN of a DAX cluster, given by its name or its ARN.

    Raises:
        InfraError: It is neither, or the region is in no partition.
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
        raise InfraError(f"There is no role {role!r}.", remedy=f"Use one of: {', '.join(ROLES)}.", value=role)
    if tenant is not None and role in ("migrator", "stream"):
        raise InfraError(
            f"The role {role} works on all items; it has no tenant.", remedy="Leave --tenant-tag out.", value=role
        )
    if dax_arn is not None and role in ("migrator", "stream"):
        raise InfraError(
            f"The role {role} sends its requests to the table, not to a DAX cluster.",
            remedy="Leave --dax out.",
            value=role,
        )
    if dax_arn is not None and tenant is not None:
        raise InfraError(
            "A DAX cluster reads the table with its own role: it does not keep tenants apart (Developer Guide, DAX"
            " access control).",
            remedy="Leave --dax out; or give each tenant a cluster with a role of its own.",
            value=dax_arn,
        )
    reaching = [right for right in rights if right.table]
    if tenant is not None and reaching:
        raise InfraError(
            f"The declared right to {' '.join(reaching[0].actions)} reaches the items of all tenants.",
            remedy=f"Take it out of {role} in [singletable:rights], or leave --tenant-tag out.",
            value=reaching[0].actions[0],
        )


def _of_stream(table_arn: str) -> list[dict[str, Any]]:
    """Return the statements of a function that reads the stream and marks the events that it has handled."""
    marks = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{MARKS}{SEPARATOR}*"]}, **SOME_KEY}
    return [
        allow(_STREAMS, [f"{table_arn}/stream/*"]),
        # An event source mapping of Lambda asks for it (Lambda Developer Guide, "Using Lambda with DynamoDB").
        allow(["ListStreams"], ["*"]),
        # `singletable streams run` finds the stream by it.
        allow(["DescribeTable"], [table_arn]),
        allow(["PutItem", "Query"], [table_arn], marks),
    ]


def _of_key(table_arn: str) -> dict[str, Any]:
    """Return the statement that lets DynamoDB decrypt the table's own key for the caller.

    Reads and writes need it: on every access DynamoDB decrypts that key in the name of the caller, unless it has it in
    memory. The ARN of the KMS key is not known here. The encryption context names the table instead. An alias
    (`kms:ResourceAliases`) would not do: the keys of replicas are made elsewhere and may have none.
    """
    _, partition, _, region, account, table = table_arn.split(":", 5)
    condition = {
        "StringLike": {
            # The name ends in the domain of the partition, such as amazonaws.com.
            "kms:ViaService": f"dynamodb.{region}.*",
            "kms:EncryptionContext:aws:dynamodb:tableName": table.removeprefix("table/"),
        }
    }
    return allow(["Decrypt"], [f"arn:{partition}:kms:{region}:{account}:key/*"], condition, service="kms")


@attrs.frozen
class _Asked:
    """The requests of an access pattern.

    Args:
        name: The pattern's name.
        requests: Its requests.
        hydrated: Whether items are fetched from the table by primary key, because a row of the index lacks parts.
        entities: The names of the entities that it returns.
    """

    name: str
    requests: tuple[Query[Any] | Get[Any], ...]
    hydrated: bool
    entities: tuple[str, ...]

    @classmethod
    def by(cls, pattern: AccessPattern[..., Any]) -> _Asked:
        requests = requests_of(pattern, pattern(**placeholder_arguments(pattern)))
        hydrated = any(isinstance(each, Query) and not each.target.place.whole for each in requests)
        return cls(pattern.name, requests, hydrated, tuple(each.__name__ for each in pattern.entities))

    def operations(self) -> Iterable[tuple[str | None, str]]:
        """Yield each index that it asks, None for the table, with the operation."""
        for request in self.requests:
            yield request.target.place.key.index, "GetItem" if isinstance(request, Get) else "Query"
        if self.hydrated:
            yield None, "BatchGetItem"

    def partitions(self, description: TableDescription) -> Iterable[tuple[str | None, Template]]:
        """Yield each index that it asks, None for the table, with the template of the partition key."""
        for request in self.requests:
            yield request.target.place.key.index, request.target.place.key.partition
        if self.hydrated:
            for name in self.entities:
                yield None, description.entity(name).primary.partition


def _of_everyone(asked: Sequence[_Asked], table_arn: str, *, writing: bool) -> list[dict[str, Any]]:
    used: dict[str | None, set[str]] = {None: {*_READS_AND_DELETES, *_PUTS}} if writing else {}
    for each in asked:
        for index, operation in each.operations():
            used.setdefault(index, set()).add(operation)
    if not used:
        raise InfraError(
            "A reader of this table has no rights: the project has no access patterns.",
            remedy="Write access patterns, and name their package in setup.cfg: patterns = patterns.",
        )
    return merged(allow(sorted(operations), [_resource(table_arn, index)]) for index, operations in _sorted(used))


def _of_tenant(
    description: TableDescription, asked: Sequence[_Asked], table_arn: str, tenant: Tenant, *, writing: bool
) -> tuple[list[dict[str, Any]], list[Gap]]:
    """Return the statements of a tenant's role, and its gaps.

    Raises:
        InfraError: The role reaches nothing.
    """
    reaches = {
        index: reach(description, index, tenant) for index in (None, *(each.name for each in description.indexes))
    }
    table = reaches[None]
    gaps: list[Gap] = []
    used: dict[str | None, set[str]] = {}
    partitions: dict[str | None, set[str]] = {}
    for each in asked:
        reasons = _out_of_reach(each, description, reaches)
        if reasons:
            gaps.append(Gap(f"pattern {each.name}", f"cannot be asked: {'; '.join(reasons)}."))
            continue
        for index, operation in each.operations():
            used.setdefault(index, set()).add(operation)
        for index, template in each.partitions(description):
            partitions.setdefault(index, set()).add(reaches[index].patterns[template])
    writing = writing and bool(table.patterns)
    if writing:
        used.setdefault(None, set()).update(_READS_AND_DELETES)
        partitions[None] = set(table.patterns.values())
    if not used:
        raise _nothing(table, tenant)
    statements = [
        allow(sorted(operations), [_resource(table_arn, index)], _leading(partitions[index], tenant))
        for index, operations in _sorted(used)
    ]
    if writing:
        written = _written(description, [each for each in description.entities if _is_in(each, table)])
        closed = [name for index in description.global_indexes for name in _key_names(index) if name not in written]
        statements.append(allow(_PUTS, [table_arn], _without(_leading(partitions[None], tenant), closed)))
        gaps += _gaps_of_writing(description, table, written)
    gaps += [Gap(f"tag {tenant.tag}", note) for note in notes_on_values(table.patterns, tenant)]
    return merged(statements), gaps


def _gaps_of_writing(description: TableDescription, table: Reach, written: Collection[str]) -> Iterable[Gap]:
    """Yield the entities that a tenant's writer cannot write, and the indexes in which it can write anything.

    Args:
        description: The table.
        table: The partitions that it reaches.
        written: The stored names of the attributes that it may write.
    """
    for entity in description.entities:
        if not _is_in(entity, table):
            yield Gap(f"entity {entity.name}", f"cannot be written: {table.refused[entity.primary.partition]}.")
    for index in description.global_indexes:
        if index.partition_name in written:
            yield Gap(
                f"index {index.name}",
                "IAM does not compare the keys of an index when an item is written: a caller can put an item of its own"
                " into another tenant's partition of the index, where that tenant's queries find it. Give tenants the"
                " role reader, and write by a service that derives the keys.",
            )
    yield Gap("transaction(token=...)", f"cannot be used: its record is stored under {TOKENS}.")


def _is_in(entity: EntityDescription, reached: Reach) -> bool:
    return entity.primary.partition in reached.patterns


def _out_of_reach(asked: _Asked, description: TableDescription, reaches: Mapping[str | None, Reach]) -> list[str]:
    """Return the reasons for which a tenant's role cannot ask a pattern; none if it can."""
    reasons = (
        f"on {index or 'the table'}, {reaches[index].refused[template]}"
        for index, template in asked.partitions(description)
        if template in reaches[index].refused
    )
    return list(dict.fromkeys(reasons))


def _written(description: TableDescription, entities: Sequence[EntityDescription]) -> set[str]:
    """Return the stored names of the attributes that the items of some entities can have, keys of indexes included."""
    indexes = {key.index for entity in entities for key in entity.keys}
    keys = {name for index in description.indexes if index.name in indexes for name in _key_names(index)}
    attributes = {attribute.stored_name for entity in entities for attribute in entity.attributes}
    return {description.partition_name, description.sort_name, *keys, *attributes}


def _key_names(index: IndexLayout) -> Iterable[str]:
    return filter(None, (index.partition_name, index.sort_name))


def _nothing(table: Reach, tenant: Tenant) -> InfraError:
    """Return the error for a role that reaches nothing."""
    led = [reason for template, reason in table.refused.items() if tenant.leads(template)]
    if table.patterns:
        return InfraError(
            f"A reader of {tenant.attribute!r} has no rights: no access pattern asks only for one tenant's partitions.",
            remedy="Write an access pattern for a partition key that begins with the tenant.",
            value=tenant.attribute,
        )
    return InfraError(
        f"No partition key keeps the tenants of {tenant.attribute!r} apart: {led[0]}."
        if led
        else f"No partition key begins with the attribute {tenant.attribute!r}: items of different tenants share"
        " partitions, and IAM cannot tell them apart.",
        remedy="Put it first into the partition keys, or name another with --tenant-attribute.",
        value=tenant.attribute,
    )


def _leading(partitions: Iterable[str], tenant: Tenant) -> dict[str, Any]:
    """Return the condition that every partition key of a request is the tenant's."""
    return {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": sorted(set(partitions))},
        **tenant.conditions,
    }


def _without(condition: Mapping[str, Any], attributes: Sequence[str]) -> dict[str, Any]:
    """Return the condition with one more: that the request names none of these attributes.

    No entity that the role writes has a key in their indexes, so that only a foreign item would (Developer Guide,
    "Using IAM policy conditions for fine-grained access control", example 3).
    """
    if not attributes:
        return dict(condition)
    return {**condition, "ForAllValues:StringNotEquals": {"dynamodb:Attributes": list(attributes)}}


def _sorted(used: Mapping[str | None, set[str]]) -> list[tuple[str | None, set[str]]]:
    return sorted(used.items(), key=lambda each: each[0] or "")


def _resource(table_arn: str, index: str | None) -> str:
    return table_arn if index is None else f"{table_arn}/index/{index}"
