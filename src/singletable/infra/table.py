"""The table itself: keys, indexes, capacity, encryption, backup, stream and time to live."""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Ref, Sub, Tags, Template, dynamodb, kms

from singletable.infra.settings import Settings
from singletable.models.description import TableDescription
from singletable.models.layout import IndexLayout

__all__ = ["TABLE", "add_key", "add_table", "key_schema", "tags_of"]

TABLE = "Table"
"""The table's name within the template. It never changes: CloudFormation would make another table."""

KEY = "TableKey"


def tags_of(settings: Settings) -> Tags:
    """The tags of everything: those of the settings, and which environment it is."""
    return Tags(**settings.all_tags)


def add_key(template: Template, settings: Settings) -> kms.Key:
    """A KMS key of the account's own, with its alias; it is turned over each year."""
    key = template.add_resource(
        kms.Key(
            KEY,
            Description=f"Encrypts the table {settings.table_name}",
            EnableKeyRotation=True,
            MultiRegion=bool(settings.replicas),
            KeyPolicy={
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "AccountAdministersAndGrants",
                        "Effect": "Allow",
                        "Principal": {"AWS": Sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root")},
                        "Action": "kms:*",
                        "Resource": "*",
                    },
                    {
                        "Sid": "DynamoDBOfThisAccount",
                        "Effect": "Allow",
                        "Principal": {"AWS": "*"},
                        "Action": [
                            "kms:CreateGrant",
                            "kms:Decrypt",
                            "kms:DescribeKey",
                            "kms:Encrypt",
                            "kms:GenerateDataKey*",
                            "kms:ReEncrypt*",
                        ],
                        "Resource": "*",
                        "Condition": {
                            "StringEquals": {"kms:CallerAccount": Ref("AWS::AccountId")},
                            "StringLike": {"kms:ViaService": "dynamodb.*.amazonaws.com"},
                        },
                    },
                ],
            },
            Tags=tags_of(settings),
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
        )
    )
    template.add_resource(kms.Alias("TableKeyAlias", AliasName=f"alias/{settings.table_name}", TargetKeyId=Ref(key)))
    return key


def key_schema(partition: str, sort: str | None) -> list[dynamodb.KeySchema]:
    """A key schema of text attributes."""
    schema = [dynamodb.KeySchema(AttributeName=partition, KeyType="HASH")]
    if sort is not None:
        schema.append(dynamodb.KeySchema(AttributeName=sort, KeyType="RANGE"))
    return schema


def projection_of(index: IndexLayout) -> dynamodb.Projection:
    """What an index holds."""
    included = {"NonKeyAttributes": list(index.included)} if index.included else {}
    return dynamodb.Projection(ProjectionType=index.projection, **included)


def definitions_of(description: TableDescription) -> list[dynamodb.AttributeDefinition]:
    """The attributes that are keys somewhere: all of them text."""
    names = [description.partition_name, description.sort_name]
    for index in description.indexes:
        names += [index.partition_name, *([index.sort_name] if index.sort_name else [])]
    return [dynamodb.AttributeDefinition(AttributeName=name, AttributeType="S") for name in sorted(set(names))]


def add_table(template: Template, description: TableDescription, settings: Settings) -> dynamodb.Table:
    """The table of one region."""
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
            # Whatever becomes of the stack, the items stay.
            DeletionPolicy="Retain" if settings.environment == "prod" else "Delete",
            UpdateReplacePolicy="Retain",
            **options,
        )
    )


def local_indexes_of(description: TableDescription) -> list[dynamodb.LocalSecondaryIndex]:
    """The local indexes."""
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
