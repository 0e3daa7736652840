"""The table's resource: keys, indexes, capacity, encryption, backup, stream and time to live."""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Ref, Sub, Tags, Template, dynamodb, kms

from singletable.infra.environment import EnvironmentSettings
from singletable.infra.resource_names import TABLE, alias_name
from singletable.models.schema.description import TableDescription
from singletable.models.schema.layout import IndexLayout

__all__ = ["TABLE", "add_key", "add_table", "key_schema", "lifetime_of_table", "tags_of"]

KEY = "TableKey"

_RETAINED = {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}
"""Keep a resource if its stack is changed or deleted, unless the deployment that creates it is rolled back.

With `Retain`, the resources that a failed first deployment leaves would block the next one, because their names are
taken (CloudFormation Template Reference, "DeletionPolicy attribute"). `UpdateReplacePolicy` does not have this value.
"""

_ADMINISTRATION = (
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:Delete*",
    "kms:Describe*",
    "kms:Disable*",
    "kms:Enable*",
    "kms:Get*",
    "kms:List*",
    "kms:Put*",
    "kms:ReplicateKey",
    "kms:RetireGrant",
    "kms:RevokeGrant",
    "kms:RotateKeyOnDemand",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:Update*",
)
"""Actions on a key that read no data with it (KMS Developer Guide, "Default key policy", key administrators)."""

_USE = (
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey*",
    "kms:ReEncrypt*",
)
"""Actions that DynamoDB needs on behalf of its callers.

Source: Developer Guide, "DynamoDB encryption at rest usage notes", "Key policy for a customer managed key".
"""


def tags_of(settings: EnvironmentSettings) -> Tags:
    """Return the tags of every resource: those of the settings, the environment and `ManagedBy`."""
    return Tags(**settings.all_tags)


def add_key(template: Template, settings: EnvironmentSettings) -> kms.Key:
    """Add a customer managed KMS key with its alias; it is rotated each year."""
    key = template.add_resource(
        kms.Key(
            KEY,
            Description=f"Encrypts the table {settings.table_name}",
            EnableKeyRotation=True,
            MultiRegion=bool(settings.replicas),
            KeyPolicy=_key_policy(settings),
            Tags=tags_of(settings),
            **_RETAINED,
        )
    )
    template.add_resource(kms.Alias("TableKeyAlias", AliasName=alias_name(settings.table_name), TargetKeyId=Ref(key)))
    return key


def _key_policy(settings: EnvironmentSettings) -> dict[str, Any]:
    """Return the policy of the key, which leaves it to the account's IAM policies who administers and who uses the key.

    A statement for the account's root principal does not permit anything by itself. It lets IAM policies of the account
    permit it (KMS Developer Guide, "Default key policy"). The second statement holds only for calls that DynamoDB makes
    on behalf of its caller (`kms:ViaService`), so no IAM policy can permit anyone to decrypt with the key directly.
    DynamoDB's name there ends in the domain of its partition, such as `amazonaws.com`. For a table with replicas the
    name has every region, because DynamoDB then also calls from other regions (Developer Guide, "DynamoDB encryption at
    rest usage notes", "Key policy for a customer managed key").
    """
    service: Any = "dynamodb.*" if settings.replicas else Sub("dynamodb.${AWS::Region}.*")
    account = {"AWS": Sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root")}
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "AccountAdministers",
                "Effect": "Allow",
                "Principal": account,
                "Action": list(_ADMINISTRATION),
                "Resource": "*",
            },
            {
                "Sid": "AccountUsesThroughDynamoDB",
                "Effect": "Allow",
                "Principal": account,
                "Action": list(_USE),
                "Resource": "*",
                "Condition": {"StringLike": {"kms:ViaService": service}},
            },
        ],
    }


def lifetime_of_table(settings: EnvironmentSettings) -> dict[str, str]:
    """Return the attributes that decide when the table is deleted: in production, not with its stack."""
    return _RETAINED if settings.environment == "prod" else {**_RETAINED, "DeletionPolicy": "Delete"}


def key_schema(partition: str, sort: str | None) -> list[dynamodb.KeySchema]:
    """Return a key schema of text attributes."""
    schema = [dynamodb.KeySchema(AttributeName=partition, KeyType="HASH")]
    if sort is not None:
        schema.append(dynamodb.KeySchema(AttributeName=sort, KeyType="RANGE"))
    return schema


def projection_of(index: IndexLayout) -> dynamodb.Projection:
    """Return the projection of an index."""
    included = {"NonKeyAttributes": list(index.included)} if index.included else {}
    return dynamodb.Projection(ProjectionType=index.projection, **included)


def definitions_of(description: TableDescription) -> list[dynamodb.AttributeDefinition]:
    """Return the definitions of the key attributes of the table and its indexes, which are all text."""
    names = [description.partition_name, description.sort_name]
    for index in description.indexes:
        names += [index.partition_name, *([index.sort_name] if index.sort_name else [])]
    return [dynamodb.AttributeDefinition(AttributeName=name, AttributeType="S") for name in sorted(set(names))]


def add_table(template: Template, description: TableDescription, settings: EnvironmentSettings) -> dynamodb.Table:
    """Add a table in one region."""
    options: dict[str, Any] = {}
    if settings.provisioned:
        options["ProvisionedThroughput"] = _throughput(settings.read_units, settings.write_units)
    if description.ttl is not None:
        options["TimeToLiveSpecification"] = dynamodb.TimeToLiveSpecification(
            AttributeName=description.ttl, Enabled=True
        )
    if settings.customer_key:
        options["SSESpecification"] = dynamodb.SSESpecification(
            SSEEnabled=True, SSEType="KMS", KMSMasterKeyId=GetAtt(KEY, "Arn")
        )
    global_indexes = [
        dynamodb.GlobalSecondaryIndex(
            IndexName=index.name,
            KeySchema=key_schema(index.partition_name, index.sort_name),
            Projection=projection_of(index),
            **({"ProvisionedThroughput": _throughput(*settings.units_of(index.name))} if settings.provisioned else {}),
        )
        for index in description.global_indexes
    ]
    if global_indexes:
        options["GlobalSecondaryIndexes"] = global_indexes
    local_indexes = local_indexes_of(description)
    if local_indexes:
        options["LocalSecondaryIndexes"] = local_indexes
    return template.add_resource(
        dynamodb.Table(
            TABLE,
            TableName=settings.table_name,
            TableClass=settings.aws_table_class,
            BillingMode="PROVISIONED" if settings.provisioned else "PAY_PER_REQUEST",
            AttributeDefinitions=definitions_of(description),
            KeySchema=key_schema(description.partition_name, description.sort_name),
            StreamSpecification=dynamodb.StreamSpecification(StreamViewType=settings.stream),
            PointInTimeRecoverySpecification=dynamodb.PointInTimeRecoverySpecification(
                PointInTimeRecoveryEnabled=settings.point_in_time_recovery
            ),
            DeletionProtectionEnabled=settings.deletion_protection,
            Tags=tags_of(settings),
            **lifetime_of_table(settings),
            **options,
        )
    )


def local_indexes_of(description: TableDescription) -> list[dynamodb.LocalSecondaryIndex]:
    """Return the definitions of the local indexes."""
    return [
        dynamodb.LocalSecondaryIndex(
            IndexName=index.name,
            KeySchema=key_schema(index.partition_name, index.sort_name),
            Projection=projection_of(index),
        )
        for index in description.indexes
        if index.local
    ]


def _throughput(read: int, write: int) -> dynamodb.ProvisionedThroughput:
    return dynamodb.ProvisionedThroughput(ReadCapacityUnits=read, WriteCapacityUnits=write)
