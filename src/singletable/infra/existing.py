"""Existing tables: a table as a resource of a template that matches it exactly, so that an import changes nothing.

CloudFormation does not compare an imported resource with its template. Later updates are differences of templates, so
a property that is wrong in the import would never be set (User Guide, "Import AWS resources into a CloudFormation
stack").
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
from botocore.exceptions import ClientError

from singletable.errors import InfraError
from singletable.infra.environment import EnvironmentSettings
from singletable.infra.resource_names import TABLE
from singletable.requests.services import error_code, refuse_denied
from singletable.requests.tags import STACK_TAG, table_tags

__all__ = ["Existing", "detached", "look_at", "retained"]

_PLACEHOLDER = "Placeholder"
_MISSING = "ResourceNotFoundException"


@attrs.frozen
class Existing:
    """The description of a table, with the settings that `DescribeTable` does not return.

    Args:
        described: The table that `DescribeTable` describes.
        ttl: The description of `DescribeTimeToLive`.
        recovery: Whether point-in-time recovery is on.
        tags: The table's tags, without those of AWS.
        stack: The name of the stack that it belongs to, from CloudFormation's tag; None without such a tag.
    """

    described: Mapping[str, Any]
    ttl: Mapping[str, Any] | None
    recovery: bool
    tags: Mapping[str, str]
    stack: str | None

    @property
    def identifier(self) -> dict[str, Any]:
        """The resource to import, in the form of `CreateChangeSet`."""
        kind = "AWS::DynamoDB::GlobalTable" if self._is_global else "AWS::DynamoDB::Table"
        name = {"TableName": self.described["TableName"]}
        return {"ResourceType": kind, "LogicalResourceId": TABLE, "ResourceIdentifier": name}

    @property
    def _is_global(self) -> bool:
        return bool(self.described.get("Replicas"))

    def resource(self, settings: EnvironmentSettings) -> dict[str, Any]:
        """Return the table as a resource of a template that retains it.

        Its provisioned units are those of the settings, because autoscaling has changed the real ones. An import does
        not compare them, so the real ones stay.

        Args:
            settings: The settings of the environment.

        Raises:
            InfraError: The table has replicas, or keys that are not text, which the models do not describe.
        """
        other = [each for each in self.described["AttributeDefinitions"] if each["AttributeType"] != "S"]
        if other:
            raise InfraError(
                f"{self.described['TableName']!r} has the key attribute {other[0]['AttributeName']!r} of type"
                f" {other[0]['AttributeType']}; a stack of these models has only keys of text (S).",
                remedy="If it is the key of an index, delete the index. Otherwise deploy without singletable.",
                value=other[0]["AttributeName"],
            )
        if self._is_global:
            raise InfraError(
                f"{self.described['TableName']!r} is a global table. Only tables of one region can be imported.",
                remedy="Import it in the console as AWS::DynamoDB::GlobalTable, with the template of `singletable infra"
                " cloudformation`.",
                value=self.described["TableName"],
            )
        return {
            "Type": "AWS::DynamoDB::Table",
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": dict(self._properties(settings)),
        }

    def _properties(self, settings: EnvironmentSettings) -> Iterator[tuple[str, Any]]:
        table = self.described
        on_demand = (table.get("BillingModeSummary") or {}).get("BillingMode") == "PAY_PER_REQUEST"
        yield "TableName", table["TableName"]
        yield "KeySchema", table["KeySchema"]
        yield "AttributeDefinitions", table["AttributeDefinitions"]
        yield "BillingMode", "PAY_PER_REQUEST" if on_demand else "PROVISIONED"
        if not on_demand:
            yield "ProvisionedThroughput", _units(settings, table, (settings.read_units, settings.write_units))
        for place in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
            own_units = not on_demand and place == "GlobalSecondaryIndexes"
            indexes = [_index(settings, each, with_throughput=own_units) for each in table.get(place) or ()]
            if indexes:
                yield place, indexes
        stream = table.get("StreamSpecification") or {}
        if stream.get("StreamEnabled"):
            yield "StreamSpecification", {"StreamViewType": stream["StreamViewType"]}
        encryption = table.get("SSEDescription") or {}
        if encryption.get("Status") in ("ENABLED", "ENABLING", "UPDATING"):
            key = {"KMSMasterKeyId": encryption["KMSMasterKeyArn"]} if encryption.get("KMSMasterKeyArn") else {}
            yield "SSESpecification", {"SSEEnabled": True, "SSEType": "KMS", **key}
        ttl = self.ttl or {}
        if ttl.get("TimeToLiveStatus") in ("ENABLED", "ENABLING"):
            yield "TimeToLiveSpecification", {"AttributeName": ttl["AttributeName"], "Enabled": True}
        yield "TableClass", (table.get("TableClassSummary") or {}).get("TableClass", "STANDARD")
        yield "DeletionProtectionEnabled", bool(table.get("DeletionProtectionEnabled"))
        yield "PointInTimeRecoverySpecification", {"PointInTimeRecoveryEnabled": self.recovery}
        if self.tags:
            yield "Tags", [{"Key": key, "Value": value} for key, value in sorted(self.tags.items())]


def look_at(client: Any, name: str) -> Existing | None:
    """Return an existing table; None if it does not exist. Only describe calls are sent.

    Args:
        client: A client of DynamoDB.
        name: The table's name.

    Raises:
        AccessDeniedError: A call is not allowed.
    """
    described = _ask(client.describe_table, TableName=name)
    if described is None:
        return None
    table = described["Table"]
    ttl = _ask(client.describe_time_to_live, TableName=name)
    backups = _ask(client.describe_continuous_backups, TableName=name) or {}
    recovery = backups.get("ContinuousBackupsDescription", {}).get("PointInTimeRecoveryDescription", {})
    tags = table_tags(lambda params: _ask(client.list_tags_of_resource, **params) or {}, table.get("TableArn"))
    return Existing(
        described=table,
        ttl=None if ttl is None else ttl["TimeToLiveDescription"],
        recovery=recovery.get("PointInTimeRecoveryStatus") == "ENABLED",
        tags={key: value for key, value in tags.items() if not key.lower().startswith("aws:")},
        stack=tags.get(STACK_TAG),
    )


def retained(template: Mapping[str, Any]) -> dict[str, Any]:
    """Return a template that retains its table when the table is taken out of the stack.

    A tag also changes, because CloudFormation may not count a change of the deletion policy alone as a change.
    """
    copy: dict[str, Any] = json.loads(json.dumps(template))
    table = copy["Resources"][TABLE]
    table |= {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
    places = table["Properties"].get("Replicas") or [table["Properties"]]
    for place in places:
        place["Tags"] = [*(each for each in place.get("Tags", ()) if each["Key"] != _DETACHING), _TAG]
    return copy


_DETACHING = "singletable:detaching"
_TAG = {"Key": _DETACHING, "Value": "yes"}


def detached(template: Mapping[str, Any]) -> dict[str, Any]:
    """Return a template without its table, the resources that refer to it, and all outputs.

    An import must not change outputs. A template needs at least one resource: if none is left, a placeholder is added.
    """
    copy: dict[str, Any] = json.loads(json.dumps(template))
    copy.pop("Outputs", None)
    resources: dict[str, Any] = copy["Resources"]
    gone = {TABLE}
    while going := gone & set(resources):
        for name in going:
            del resources[name]
        gone |= {name for name, each in resources.items() if any(_refers(each, to) for to in gone)}
    if not resources:
        resources[_PLACEHOLDER] = {"Type": "AWS::CloudFormation::WaitConditionHandle"}
    return copy


def _refers(value: Any, name: str) -> bool:
    """Return whether a part of a template refers to a resource, by Ref, Fn::GetAtt, Fn::Sub or DependsOn."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            if key in ("Ref", "DependsOn") and (each == name or (isinstance(each, list) and name in each)):
                return True
            if key == "Fn::GetAtt" and (each if isinstance(each, str) else each[0]).split(".")[0] == name:
                return True
            if key == "Fn::Sub" and f"${{{name}" in (each if isinstance(each, str) else each[0]):
                return True
            if _refers(each, name):
                return True
        return False
    return isinstance(value, (list, tuple)) and any(_refers(each, name) for each in value)


def _index(settings: EnvironmentSettings, index: Mapping[str, Any], *, with_throughput: bool) -> dict[str, Any]:
    kept = {name: index[name] for name in ("IndexName", "KeySchema", "Projection")}
    if not with_throughput:
        return kept
    return {**kept, "ProvisionedThroughput": _units(settings, index, settings.units_of(index["IndexName"]))}


def _units(settings: EnvironmentSettings, described: Mapping[str, Any], wanted: tuple[int, int]) -> dict[str, int]:
    names = ("ReadCapacityUnits", "WriteCapacityUnits")
    if settings.provisioned:
        return dict(zip(names, wanted, strict=True))
    return {name: int(described["ProvisionedThroughput"][name]) for name in names}


def _ask(call: Any, **arguments: Any) -> dict[str, Any] | None:
    """Return an answer; None if the table does not exist, or the server does not support the request."""
    try:
        answer: dict[str, Any] = call(**arguments)
    except ClientError as error:
        refuse_denied(error, "DynamoDB")
        if error_code(error) in (_MISSING, "UnknownOperationException", "TableNotFoundException"):
            return None
        raise
    return answer
