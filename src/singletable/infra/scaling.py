"""Autoscaling: reads and writes of the table and of every index, each towards a utilisation."""

from __future__ import annotations

import re
from typing import Any

from troposphere import Ref, Sub, Template
from troposphere import applicationautoscaling as autoscaling

from singletable.infra.settings import Settings
from singletable.infra.table import TABLE
from singletable.models.description import TableDescription

__all__ = ["add_scaling", "logical"]


def logical(name: str) -> str:
    """A name within the template: letters and digits only."""
    return re.sub(r"[^A-Za-z0-9]", "", name[:1].upper() + name[1:])


def add_scaling(template: Template, description: TableDescription, settings: Settings) -> None:
    """A target and a policy for each kind of capacity."""
    places: list[tuple[str, str, Any]] = [("Table", "table", Sub(f"table/${{{TABLE}}}"))]
    places += [
        (logical(index.name), "index", Sub(f"table/${{{TABLE}}}/index/{index.name}"))
        for index in description.global_indexes
    ]
    for name, kind, resource in places:
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
                    PolicyName=f"{settings.table_name}-{name}-{verb}".lower(),
                    PolicyType="TargetTrackingScaling",
                    ScalingTargetId=Ref(target),
                    TargetTrackingScalingPolicyConfiguration=autoscaling.TargetTrackingScalingPolicyConfiguration(
                        TargetValue=float(settings.target_percent),
                        PredefinedMetricSpecification=autoscaling.PredefinedMetricSpecification(
                            PredefinedMetricType=f"DynamoDB{verb}CapacityUtilization"
                        ),
                    ),
                )
            )
