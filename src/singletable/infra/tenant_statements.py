"""Statements for tenants: the rights of a role that reaches only the items of its caller's tenant.

Sources: Service Authorization Reference, "Actions, resources, and condition keys for Amazon DynamoDB"; DynamoDB
Developer Guide, "Using IAM policy conditions for fine-grained access control".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from singletable.errors import InfraError
from singletable.infra.documents import allow, merged
from singletable.infra.pattern_requests import PatternRequests, by_index, resource_of
from singletable.infra.tenants import Gap, Reach, Tenant, notes_on_values, reach
from singletable.models import TableDescription
from singletable.models.items.internal_items import TOKENS
from singletable.models.schema.description import EntityDescription
from singletable.models.schema.layout import IndexLayout

__all__ = ["PUTS", "READS_AND_DELETES", "tenant_statements"]

READS_AND_DELETES = ("BatchGetItem", "ConditionCheckItem", "DeleteItem", "GetItem")
PUTS = ("BatchWriteItem", "PutItem", "UpdateItem")


def tenant_statements(
    description: TableDescription, asked: Sequence[PatternRequests], table_arn: str, tenant: Tenant, *, writing: bool
) -> tuple[list[dict[str, Any]], list[Gap]]:
    """Return the statements of a tenant's role, and its gaps.

    Args:
        description: The table.
        asked: The requests of the access patterns.
        table_arn: The table's ARN.
        tenant: The tenant.
        writing: Whether the role is a writer.

    Raises:
        InfraError: The role cannot reach any item.
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
        used.setdefault(None, set()).update(READS_AND_DELETES)
        partitions[None] = set(table.patterns.values())
    if not used:
        raise _nothing(table, tenant)
    statements = [
        allow(sorted(operations), [resource_of(table_arn, index)], _leading(partitions[index], tenant))
        for index, operations in by_index(used)
    ]
    if writing:
        written = _written(description, [each for each in description.entities if _is_in(each, table)])
        closed = [name for index in description.global_indexes for name in _key_names(index) if name not in written]
        statements.append(allow(PUTS, [table_arn], _without(_leading(partitions[None], tenant), closed)))
        gaps += _gaps_of_writing(description, table, written)
    gaps += [Gap(f"tag {tenant.tag}", note) for note in notes_on_values(table.patterns, tenant)]
    return merged(statements), gaps


def _gaps_of_writing(description: TableDescription, table: Reach, written: Collection[str]) -> Iterable[Gap]:
    """Yield the entities that a tenant's writer cannot write, and the indexes in which it can write any key.

    Args:
        description: The table.
        table: The partitions that the writer reaches.
        written: The stored names of the attributes that the writer may write.
    """
    for entity in description.entities:
        if not _is_in(entity, table):
            yield Gap(f"entity {entity.name}", f"cannot be written: {table.refused[entity.primary.partition]}.")
    for index in description.global_indexes:
        if index.partition_name in written:
            yield Gap(
                f"index {index.name}",
                "IAM does not compare the keys of an index when an item is written. A caller can put an item of its own"
                " into another tenant's partition of the index, and that tenant's queries return it. Give tenants the"
                " role reader, and write by a service that derives the keys.",
            )
    yield Gap("transaction(token=...)", f"cannot be used: its record is stored under {TOKENS}.")


def _is_in(entity: EntityDescription, reached: Reach) -> bool:
    return entity.primary.partition in reached.patterns


def _out_of_reach(
    asked: PatternRequests, description: TableDescription, reaches: Mapping[str | None, Reach]
) -> list[str]:
    """Return the reasons why a tenant's role cannot use a pattern; empty if it can."""
    reasons = (
        f"on {index or 'the table'}, {reaches[index].refused[template]}"
        for index, template in asked.partitions(description)
        if template in reaches[index].refused
    )
    return list(dict.fromkeys(reasons))


def _written(description: TableDescription, entities: Sequence[EntityDescription]) -> set[str]:
    """Return the stored names of the attributes that items of some entities can have, with the keys of indexes."""
    indexes = {key.index for entity in entities for key in entity.keys}
    keys = {name for index in description.indexes if index.name in indexes for name in _key_names(index)}
    attributes = {attribute.stored_name for entity in entities for attribute in entity.attributes}
    return {description.partition_name, description.sort_name, *keys, *attributes}


def _key_names(index: IndexLayout) -> Iterable[str]:
    return filter(None, (index.partition_name, index.sort_name))


def _nothing(table: Reach, tenant: Tenant) -> InfraError:
    """Return the error for a role that cannot reach any item."""
    led = [reason for template, reason in table.refused.items() if tenant.leads(template)]
    if table.patterns:
        return InfraError(
            f"A reader of {tenant.attribute!r} has no rights: no access pattern reads only one tenant's partitions.",
            remedy="Write an access pattern for a partition key that begins with the tenant.",
            value=tenant.attribute,
        )
    return InfraError(
        f"No partition key keeps the tenants of {tenant.attribute!r} apart: {led[0]}."
        if led
        else f"No partition key begins with the attribute {tenant.attribute!r}, so items of different tenants share"
        " partitions, and IAM cannot distinguish them.",
        remedy="Put the attribute first into the partition keys, or name another with --tenant-attribute.",
        value=tenant.attribute,
    )


def _leading(partitions: Iterable[str], tenant: Tenant) -> dict[str, Any]:
    """Return the condition that every partition key of a request belongs to the tenant."""
    return {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": sorted(set(partitions))},
        **tenant.conditions,
    }


def _without(condition: Mapping[str, Any], attributes: Sequence[str]) -> dict[str, Any]:
    """Return the condition, extended so that the request must not name some attributes.

    These are the keys of indexes in which no entity that the role writes has a key, so only a foreign item would have
    them (Developer Guide, "Using IAM policy conditions for fine-grained access control", example 3).
    """
    if not attributes:
        return dict(condition)
    return {**condition, "ForAllValues:StringNotEquals": {"dynamodb:Attributes": list(attributes)}}
