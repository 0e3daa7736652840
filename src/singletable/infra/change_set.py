"""Changes: the effect of a change set on each resource, and the changes that a deployment refuses.

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
"""Properties and attributes of a table whose change is documented to need no replacement."""

_BY_IMPORT = (
    "`singletable deploy --import` takes the table out of the stack, which leaves it as it is, and imports it as the"
    " models and setup.cfg want it"
)


@attrs.frozen
class ResourceChange:
    """The effect on one resource.

    Args:
        action: `Add`, `Modify`, `Remove`, `Import`.
        name: Its logical id.
        kind: Its type: `AWS::DynamoDB::Table`.
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
        name: Its name.
        new: Whether the stack is a new one.
        changes: The effects on resources; empty if only outputs change, or nothing does.
        made_stack: Whether the change set made the stack's entry, which holds nothing else.
        exists: Whether it can be executed: not if nothing changes.
        released: The logical ids of retained resources that are to leave the stack, and stay as they are.
    """

    name: str
    new: bool
    changes: tuple[ResourceChange, ...]
    made_stack: bool = False
    exists: bool = True
    released: frozenset[str] = frozenset()


def resource_change(change: Mapping[str, Any]) -> ResourceChange:
    """Return the change of a resource that `DescribeChangeSet` describes."""
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
    """Refuse a stack that has another table: its name was given by mistake.

    Raises:
        InfraError: It has another table.
    """
    there = resource.get("Properties", {}).get("TableName")
    if there != name:
        raise InfraError(
            f"The stack {stack!r} has the table {there!r}, and not {name!r}.",
            remedy="Check --stack, --environment, and table_name in setup.cfg.",
            value=there,
        )


def refuse_types(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Refuse a template in which a resource has another type than in the stack, as CloudFormation does.

    Args:
        before: The resources of the stack's template.
        after: Those of the new one.

    Raises:
        InfraError: A resource has another type. A table becomes a global table only by an import.
    """
    for name, resource in after.items():
        old = before.get(name, resource)["Type"]
        if old == resource["Type"]:
            continue
        if name == TABLE:
            wish = "has replicas" if resource["Type"] == _TABLES[1] else "has no replicas"
            raise InfraError(
                f"The table is to become one that {wish}, of type {resource['Type']}; in the stack it is of type {old},"
                " and no update changes the type of a resource.",
                remedy=f"Take `replicas` back, or import the table: {_BY_IMPORT}.",
                value=resource["Type"],
            )
        raise InfraError(
            f"The resource {name} is to become {resource['Type']}; in the stack it is {old}, and no update changes the"
            " type of a resource.",
            remedy="Give the new one another name, or remove the old one by a deployment first.",
            value=name,
        )


def refuse_loss(
    changes: ChangeSet, before: Mapping[str, Any] | None = None, after: Mapping[str, Any] | None = None
) -> None:
    """Refuse a change that removes or replaces a resource that the stack is to retain: the table and its key.

    Args:
        changes: The change set.
        before: The resources of the stack's template, with their deletion policies.
        after: Those of the new one.

    Raises:
        InfraError: It names the resource, the reason and the way round.
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
                f"{change.name} ({change.kind}) would be {verb}, and stay as an orphan: the stack retains it, because"
                " items may be encrypted with it.",
                remedy="Take the change back (customer_key in setup.cfg). To go over to another key, change the table's"
                " encryption first, and keep the key until no backup needs it.",
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
        f"The table would be {'removed' if removed else 'replaced'} ({reason} changed), and its items left behind.",
        remedy="The name, the keys and the local indexes of a table never change. Deploy a stack of another name, and"
        " move the items there by a migration; or take the change back.",
        value=change.name,
    )


def _replaces(part: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether a changed property replaces a table.

    `AttributeDefinitions` does only if an attribute gets another type; a definition that is added or removed, as with
    each index, does not. CloudFormation reports both as `Conditional`.
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
