"""Autoscaling: the read and write capacity of the table and of each global index, with a target utilization."""

from __future__ import annotations

from typing import Any

from troposphere import Ref, Sub, Template
from troposphere import applicationautoscaling as autoscaling

from singletable.infra.environment import EnvironmentSettings
from singletable.infra.resource_names import TABLE, index_id, index_label, shorten
from singletable.models.schema.description import TableDescription

__all__ = ["add_scaling"]

_POLICY_NAME = 256
"""The highest number of characters of a policy's name (Application Auto Scaling API Reference, "PutScalingPolicy")."""


def add_scaling(template: Template, description: TableDescription, settings: EnvironmentSettings) -> None:
    """Add a target and a policy for the read and the write capacity of the table and each global index."""
    places: list[tuple[str, str, str, Any]] = [(TABLE, TABLE.lower(), "table", Sub(f"table/${{{TABLE}}}"))]
    places += [
        (index_id(index.name), index_label(index.name), "index", Sub(f"table/${{{TABLE}}}/index/{index.name}"))
        for index in description.global_indexes
    ]
    for name, label, kind, resource in places:
        for verb in ("Read", "Write"):
            target = template.add_resource(
                autoscaling.ScalableTarget(
                    f"{name}{verb}Scaling",
                    ServiceNamespace="dynamodb",
                    ResourceId=resource,
                    ScalableDimension=f"dynamodb:{kind}:{verb}CapacityUnits",
                    MinCapacity=settings.least_units,
                    MaxCapacity=settings.most_units,
                )
            )
            template.add_resource(
                autoscaling.ScalingPolicy(
                    f"{name}{verb}ScalingPolicy",
                    PolicyName=shorten(f"{settings.table_name}-{label}-{verb.lower()}", _POLICY_NAME),
                    PolicyType="TargetTrackingScaling",
                    ScalingTargetId=Ref(target),
                    TargetTrackingScalingPolicyConfiguration=autoscaling.TargetTrackingScalingPolicyConfiguration(
                        TargetValue=float(settings.target_percent),
                        ScaleInCooldown=settings.scale_in_cooldown,
                        ScaleOutCooldown=settings.scale_out_cooldown,
                        PredefinedMetricSpecification=autoscaling.PredefinedMetricSpecification(
                            PredefinedMetricType=f"DynamoDB{verb}CapacityUtilization"
                        ),
                    ),
                )
            )
