"""Global tables: a table with replicas in other regions is one resource, which scales its capacity itself."""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Parameter, Ref, Template, dynamodb

from singletable.infra.environment import EnvironmentSettings
from singletable.infra.table_resource import (
    KEY,
    TABLE,
    definitions_of,
    key_schema,
    lifetime_of_table,
    local_indexes_of,
    projection_of,
    tags_of,
)
from singletable.models.schema.description import TableDescription

__all__ = ["REPLICATED", "add_global_table"]

REPLICATED = "NEW_AND_OLD_IMAGES"
"""The view type of the stream that replication reads."""


def add_global_table(
    template: Template, description: TableDescription, settings: EnvironmentSettings
) -> dynamodb.GlobalTable:
    """Add a table in this region and in the regions of its replicas."""
    options: dict[str, Any] = {}
    if settings.provisioned:
        options["WriteProvisionedThroughputSettings"] = _writes(settings, settings.write_units)
    if description.ttl is not None:
        options["TimeToLiveSpecification"] = dynamodb.TimeToLiveSpecification(
            AttributeName=description.ttl, Enabled=True
        )
    if settings.customer_key:
        options["SSESpecification"] = dynamodb.GlobalTableSSESpecification(SSEEnabled=True, SSEType="KMS")
    global_indexes = [
        dynamodb.GlobalTableGlobalSecondaryIndex(
            IndexName=index.name,
            KeySchema=key_schema(index.partition_name, index.sort_name),
            Projection=projection_of(index),
            **(
                {"WriteProvisionedThroughputSettings": _writes(settings, settings.units_of(index.name)[1])}
                if settings.provisioned
                else {}
            ),
        )
        for index in description.global_indexes
    ]
    if global_indexes:
        options["GlobalSecondaryIndexes"] = global_indexes
    local_indexes = local_indexes_of(description)
    if local_indexes:
        options["LocalSecondaryIndexes"] = local_indexes
    replicas = [_replica(description, settings, Ref("AWS::Region"), GetAtt(KEY, "Arn"))]
    for region in settings.replicas:
        key = Ref(_key_parameter(template, region)) if settings.customer_key else None
        replicas.append(_replica(description, settings, region, key))
    return template.add_resource(
        dynamodb.GlobalTable(
            TABLE,
            TableName=settings.table_name,
            BillingMode="PROVISIONED" if settings.provisioned else "PAY_PER_REQUEST",
            AttributeDefinitions=definitions_of(description),
            KeySchema=key_schema(description.partition_name, description.sort_name),
            StreamSpecification=dynamodb.StreamSpecification(StreamViewType=REPLICATED),
            Replicas=replicas,
            **lifetime_of_table(settings),
            **options,
        )
    )


def _key_parameter(template: Template, region: str) -> Parameter:
    """Add a parameter for the key in a replica's region, because a stack creates keys only in its own region."""
    name = "KeyArnOf" + "".join(part.capitalize() for part in region.split("-"))
    return template.add_parameter(
        Parameter(name, Type="String", Description=f"ARN of the KMS key that encrypts the replica in {region}")
    )


def _replica(
    description: TableDescription, settings: EnvironmentSettings, region: Any, key: Any
) -> dynamodb.ReplicaSpecification:
    options: dict[str, Any] = {}
    if settings.customer_key:
        options["SSESpecification"] = dynamodb.ReplicaSSESpecification(KMSMasterKeyId=key)
    if settings.provisioned:
        options["ReadProvisionedThroughputSettings"] = _reads(settings, settings.read_units)
        indexes = [
            dynamodb.ReplicaGlobalSecondaryIndexSpecification(
                IndexName=index.name,
                ReadProvisionedThroughputSettings=_reads(settings, settings.units_of(index.name)[0]),
            )
            for index in description.global_indexes
        ]
        if indexes:
            options["GlobalSecondaryIndexes"] = indexes
    return dynamodb.ReplicaSpecification(
        Region=region,
        TableClass=settings.aws_table_class,
        PointInTimeRecoverySpecification=dynamodb.PointInTimeRecoverySpecification(
            PointInTimeRecoveryEnabled=settings.point_in_time_recovery
        ),
        DeletionProtectionEnabled=settings.deletion_protection,
        Tags=tags_of(settings),
        **options,
    )


def _reads(settings: EnvironmentSettings, units: int) -> dynamodb.ReadProvisionedThroughputSettings:
    return dynamodb.ReadProvisionedThroughputSettings(ReadCapacityAutoScalingSettings=_scaling(settings, units))


def _writes(settings: EnvironmentSettings, units: int) -> dynamodb.WriteProvisionedThroughputSettings:
    return dynamodb.WriteProvisionedThroughputSettings(WriteCapacityAutoScalingSettings=_scaling(settings, units))


def _scaling(settings: EnvironmentSettings, units: int) -> dynamodb.CapacityAutoScalingSettings:
    return dynamodb.CapacityAutoScalingSettings(
        MinCapacity=settings.least_units,
        MaxCapacity=settings.most_units,
        SeedCapacity=units,
        TargetTrackingScalingPolicyConfiguration=dynamodb.TargetTrackingScalingPolicyConfiguration(
            TargetValue=settings.target_percent,
            ScaleInCooldown=settings.scale_in_cooldown,
            ScaleOutCooldown=settings.scale_out_cooldown,
        ),
    )
