"""Change sets: the effect on each resource, and the changes that a deployment refuses.

Sources: CloudFormation Template Reference, `AWS::DynamoDB::Table` and `AWS::DynamoDB::GlobalTable` ("Update requires"
of each property), "UpdateReplacePolicy attribute"; API Reference, `ResourceChange`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from singletable.errors import InfraError
from singletable.infra.resource_names import TABLE

__all__ = ["ChangeSet", "ResourceChange", "refuse_loss", "refuse_other_table", "refuse_types", "resource_change"]

_TABLES = ("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable")
_RETAINED = ("Retain", "RetainExceptOnCreate")
_UPDATED = frozenset(
    {
        "BillingMode",
        "ContributorInsightsSpecification",
        "DeletionPolicy",
        "DeletionProtectionEnabled",
        "GlobalSecondaryIndexes",
        "KinesisStreamSpecification",
        "Metadata",
        "OnDemandThroughput",
        "PointInTimeRecoverySpecification",
        "ProvisionedThroughput",
        "ReadOnDemandThroughputSettings",
        "ReadProvisionedThroughputSettings",
        "Replicas",
        "ResourcePolicy",
        "SSESpecification",
        "StreamSpecification",
        "TableClass",
        "Tags",
        "TimeToLiveSpecification",
        "UpdateReplacePolicy",
        "WarmThroughput",
        "WriteOnDemandThroughputSettings",
        "WriteProvisionedThroughputSettings",
    }
)
"""Properties and attributes of a table that CloudFormation is documented to change without replacing the table."""

_BY_IMPORT = (
    "`singletable deploy --import` takes the table out of the stack without changing it, and imports it again as the"
    " models and setup.cfg describe it"
)


@attrs.frozen
class ResourceChange:
    """The effect of a change set on one resource.

    Args:
        action: `Add`, `Modify`, `Remove`, `Import`.
        name: The resource's logical id.
        kind: The resource's type, such as `AWS::DynamoDB::Table`.
        replaced: `True`, `False` or `Conditional`, as CloudFormation reports it.
        parts: The properties that change.
    """

    action: str
    name: str
    kind: str
    replaced: str = "False"
    parts: tuple[str, ...] = ()


@attrs.frozen
class ChangeSet:
    """The effect of an update of a stack.

    Args:
        name: The name of the change set.
        new: Whether the stack is new.
        changes: The effects on resources; empty if only outputs change, or nothing does.
        made_stack: Whether the change set created the stack's entry, which holds nothing else.
        exists: Whether it can be executed; False if nothing changes.
        released: The logical ids of retained resources that leave the stack and stay as they are.
    """

    name: str
    new: bool
    changes: tuple[ResourceChange, ...]
    made_stack: bool = False
    exists: bool = True
    released: frozenset[str] = frozenset()


def resource_change(change: Mapping[str, Any]) -> ResourceChange:
    """Return the change of a resource, from an item of `DescribeChangeSet`."""
    targets = (each.get("Target", {}) for each in change.get("Details", ()))
    parts = (each.get("Name") or each.get("Attribute") for each in targets)
    return ResourceChange(
        action=change["Action"],
        name=change["LogicalResourceId"],
        kind=change["ResourceType"],
        replaced=str(change.get("Replacement", "False")),
        parts=tuple(dict.fromkeys(filter(None, parts))),
    )


def refuse_other_table(stack: str, resource: Mapping[str, Any], name: str) -> None:
    """Refuse a stack that has another table, because its name was given by mistake.

    Raises:
        InfraError: The stack has another table.
    """
    found = resource.get("Properties", {}).get("TableName")
    if found != name:
        raise InfraError(
            f"The stack {stack!r} has the table {found!r}, not {name!r}.",
            remedy="Check --stack, --environment, and table_name in setup.cfg.",
            value=found,
        )


def refuse_types(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Refuse a template in which a resource has another type than in the stack, as CloudFormation does.

    Args:
        before: The resources of the stack's template.
        after: The resources of the new template.

    Raises:
        InfraError: A resource has another type. A table becomes a global table only by an import.
    """
    for name, resource in after.items():
        old = before.get(name, resource)["Type"]
        if old == resource["Type"]:
            continue
        if name == TABLE:
            replicas = "with replicas" if resource["Type"] == _TABLES[1] else "without replicas"
            raise InfraError(
                f"The new template has a table {replicas} ({resource['Type']}). In the stack it is of type {old},"
                " and no update changes the type of a resource.",
                remedy=f"Undo the change of `replicas`, or import the table: {_BY_IMPORT}.",
                value=resource["Type"],
            )
        raise InfraError(
            f"The type of the resource {name} is {resource['Type']} in the new template and {old} in the stack. No"
            " update changes the type of a resource.",
            remedy="Give the new resource another name, or first remove the old one by a deployment.",
            value=name,
        )


def refuse_loss(
    changes: ChangeSet, before: Mapping[str, Any] | None = None, after: Mapping[str, Any] | None = None
) -> None:
    """Refuse a change that removes or replaces a resource that the stack must retain: the table and its key.

    Args:
        changes: The change set.
        before: The resources of the stack's template, with their deletion policies.
        after: The resources of the new template.

    Raises:
        InfraError: The change removes or replaces such a resource.
    """
    old, new = before or {}, after or {}
    for change in changes.changes:
        resource = old.get(change.name, {})
        if change.action == "Remove" and change.name in changes.released:
            continue
        if change.name == TABLE:
            _refuse_table(change, resource, new.get(TABLE, {}))
        elif _is_retained(resource) and (change.action == "Remove" or change.replaced == "True"):
            verb = "removed from the stack" if change.action == "Remove" else "replaced"
            raise InfraError(
                f"{change.name} ({change.kind}) would be {verb} and would remain as an orphan. The stack retains it,"
                " because items may be encrypted with it.",
                remedy="Undo the change (customer_key in setup.cfg). To switch to another key, first change the table's"
                " encryption, and keep the key until no backup needs it.",
                value=change.name,
            )


def _refuse_table(change: ResourceChange, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    removed = change.action == "Remove"
    reasons = [each for each in change.parts if _replaces(each, before, after)]
    harmless = change.replaced == "Conditional" and change.parts and not reasons
    if not removed and (change.replaced == "False" or harmless):
        return
    reason = ", ".join(reasons or change.parts) or "its name or its keys"
    raise InfraError(
        f"The table would be {'removed' if removed else 'replaced'} ({reason} changed), without its items.",
        remedy="The name, the keys and the local indexes of a table never change. Deploy a stack with another name and"
        " move the items there by a migration, or undo the change.",
        value=change.name,
    )


def _replaces(part: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Return whether a changed property replaces a table.

    A change of `AttributeDefinitions` replaces the table only if an attribute gets another type. A definition that is
    added or removed, as with each index, does not. CloudFormation reports both as `Conditional`.
    """
    if part != "AttributeDefinitions":
        return part not in _UPDATED
    types = [_types(each) for each in (before, after)]
    return any(types[1].get(name, kind) != kind for name, kind in types[0].items())


def _types(resource: Mapping[str, Any]) -> dict[str, str]:
    definitions = resource.get("Properties", {}).get("AttributeDefinitions", ())
    return {each["AttributeName"]: each["AttributeType"] for each in definitions}


def _is_retained(resource: Mapping[str, Any]) -> bool:
    return resource.get("DeletionPolicy") in _RETAINED or resource.get("UpdateReplacePolicy") == "Retain"
