"""Alarms: throttled reads and writes, errors of DynamoDB's own, and a stream that nobody keeps up with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from troposphere import Equals, If, Not, Parameter, Ref, Template
from troposphere.cloudwatch import Alarm, Metric, MetricDataQuery, MetricDimension, MetricStat

from singletable.infra.environment import EnvironmentSettings
from singletable.infra.resource_names import TABLE, index_id, index_label, shorten
from singletable.models.schema.description import TableDescription

__all__ = ["add_alarms"]

MINUTE = 60
ITERATOR_AGE = 60_000
"""Milliseconds that a stream's reader may be behind."""

_ALARM_NAME = 255
"""Characters of an alarm's name (CloudWatch API Reference, "PutMetricAlarm")."""

_SYSTEM_ERRORS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "SystemErrors": (
        "system-errors",
        (
            "GetItem",
            "Query",
            "Scan",
            "BatchGetItem",
            "PutItem",
            "UpdateItem",
            "DeleteItem",
            "BatchWriteItem",
            "TransactGetItems",
            "TransactWriteItems",
        ),
    ),
    "StatementErrors": (
        "statement-errors",
        ("ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction", "GetRecords"),
    ),
}
"""The operations that each alarm about system errors covers.

DynamoDB counts these errors by operation and not by table (Developer Guide, "DynamoDB metrics and dimensions"). An
alarm on an expression has at most 10 metrics (CloudWatch User Guide, "Limits that apply to alarms based on metric math
expressions") and no SEARCH (CDK API Reference, "MathExpression").
"""


def add_alarms(template: Template, description: TableDescription, settings: EnvironmentSettings) -> None:
    """The alarms; they tell an SNS topic where one is given as a parameter."""
    topic = template.add_parameter(
        Parameter("AlarmTopicArn", Type="String", Default="", Description="SNS topic that alarms tell; empty for none")
    )
    told = template.add_condition("AlarmsAreTold", Not(Equals(Ref(topic), "")))
    actions = If(told, [Ref(topic)], Ref("AWS::NoValue"))
    common: dict[str, Any] = {
        "AlarmActions": actions,
        "OKActions": actions,
        "EvaluationPeriods": 5,
        "DatapointsToAlarm": 3,
        "TreatMissingData": "notBreaching",
    }
    places: list[tuple[str, str, str | None]] = [(TABLE, TABLE.lower(), None)]
    # An index throttles by itself, and a throttled write of an index throttles the table's.
    places += [(index_id(index.name), index_label(index.name), index.name) for index in description.global_indexes]
    for name, label, index in places:
        for verb in ("Read", "Write"):
            template.add_resource(
                Alarm(
                    f"{name}{verb}Throttling",
                    AlarmName=_alarm_name(settings, f"{label}-{verb.lower()}-throttling"),
                    AlarmDescription=f"{verb}s of {index or 'the table'} are throttled",
                    Namespace="AWS/DynamoDB",
                    MetricName=f"{verb}ThrottleEvents",
                    Dimensions=_dimensions(index),
                    Statistic="Sum",
                    Period=MINUTE,
                    Threshold=0,
                    ComparisonOperator="GreaterThanThreshold",
                    **common,
                )
            )
    for name, (label, operations) in _SYSTEM_ERRORS.items():
        template.add_resource(
            Alarm(
                name,
                AlarmName=_alarm_name(settings, label),
                AlarmDescription=f"DynamoDB answers with errors of its own (HTTP 500): {', '.join(operations)}",
                Metrics=[
                    MetricDataQuery(
                        Id="errors",
                        Expression="SUM(METRICS())",
                        Label="System errors",
                        ReturnData=True,
                    ),
                    *(
                        MetricDataQuery(
                            Id=f"m{number}",
                            MetricStat=MetricStat(
                                Metric=Metric(
                                    Namespace="AWS/DynamoDB",
                                    MetricName="SystemErrors",
                                    Dimensions=[
                                        MetricDimension(Name="TableName", Value=Ref(TABLE)),
                                        MetricDimension(Name="Operation", Value=operation),
                                    ],
                                ),
                                Period=MINUTE,
                                Stat="Sum",
                            ),
                            ReturnData=False,
                        )
                        for number, operation in enumerate(operations)
                    ),
                ],
                Threshold=0,
                ComparisonOperator="GreaterThanThreshold",
                **common,
            )
        )
    function = template.add_parameter(
        Parameter(
            "StreamFunctionName",
            Type="String",
            Default="",
            Description="Lambda function that reads the stream, whose delay is watched; empty for none",
        )
    )
    template.add_condition("StreamIsRead", Not(Equals(Ref(function), "")))
    template.add_resource(
        Alarm(
            "StreamIteratorAge",
            Condition="StreamIsRead",
            AlarmName=_alarm_name(settings, "stream-iterator-age"),
            AlarmDescription=f"The stream's reader is more than {ITERATOR_AGE // 1000} seconds behind",
            Namespace="AWS/Lambda",
            MetricName="IteratorAge",
            Dimensions=[MetricDimension(Name="FunctionName", Value=Ref(function))],
            Statistic="Maximum",
            Period=MINUTE,
            Threshold=ITERATOR_AGE,
            ComparisonOperator="GreaterThanThreshold",
            **common,
        )
    )


def _alarm_name(settings: EnvironmentSettings, label: str) -> str:
    return shorten(f"{settings.table_name}-{label}", _ALARM_NAME)


def _dimensions(index: str | None) -> list[MetricDimension]:
    dimensions = [MetricDimension(Name="TableName", Value=Ref(TABLE))]
    if index is not None:
        dimensions.append(MetricDimension(Name="GlobalSecondaryIndexName", Value=index))
    return dimensions
