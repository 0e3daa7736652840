"""Alarms: throttled reads and writes, internal errors of DynamoDB, and a growing delay of the stream's reader."""

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
"""The highest allowed delay of a stream's reader, in milliseconds."""

_ALARM_NAME = 255
"""The highest number of characters of an alarm's name (CloudWatch API Reference, "PutMetricAlarm")."""

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
    """Add the alarms to a template; they notify the SNS topic that is given as a parameter."""
    topic = template.add_parameter(
        Parameter("AlarmTopicArn", Type="String", Default="", Description="SNS topic for the alarms; empty for none")
    )
    told = template.add_condition("AlarmsAreTold", Not(Equals(Ref(topic), "")))
    actions = If(told, [Ref(topic)], Ref("AWS::NoValue"))
    common: dict[str, Any] = {
        "AlarmActions": actions,
        "OKActions": actions,
        "EvaluationPeriods": 5,
        "DatapointsToAlarm": 3,
        "TreatMissingData": "notBreaching",
        "Period": MINUTE,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    places: list[tuple[str, str, str | None]] = [(TABLE, TABLE.lower(), None)]
    # An index is throttled by itself, and a throttled write of an index also throttles the table.
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
                    Threshold=0,
                    **common,
                )
            )
    # The period of an alarm on an expression is that of its metrics.
    without_period = {name: value for name, value in common.items() if name != "Period"}
    for name, (label, operations) in _SYSTEM_ERRORS.items():
        template.add_resource(
            Alarm(
                name,
                AlarmName=_alarm_name(settings, label),
                AlarmDescription=f"DynamoDB answers with errors of its own (HTTP 500): {', '.join(operations)}",
                Metrics=_sum_of_errors(operations),
                Threshold=0,
                **without_period,
            )
        )
    _add_stream_alarm(template, settings, common)


def _sum_of_errors(operations: tuple[str, ...]) -> list[MetricDataQuery]:
    """Return the metrics of the system errors of some operations, and the expression that adds them up."""
    metrics = [
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
    ]
    total = MetricDataQuery(Id="errors", Expression="SUM(METRICS())", Label="System errors", ReturnData=True)
    return [total, *metrics]


def _add_stream_alarm(template: Template, settings: EnvironmentSettings, common: Mapping[str, Any]) -> None:
    """Add the alarm on the delay of the Lambda function that reads the stream and is given as a parameter."""
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
            AlarmDescription=f"The delay of the stream's reader is more than {ITERATOR_AGE // 1000} seconds",
            Namespace="AWS/Lambda",
            MetricName="IteratorAge",
            Dimensions=[MetricDimension(Name="FunctionName", Value=Ref(function))],
            Statistic="Maximum",
            Threshold=ITERATOR_AGE,
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
