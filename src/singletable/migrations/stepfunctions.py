"""AWS Step Functions: a state machine that migrates a table with Lambda functions, hundreds of segments at a time.

The state machine holds very little. Checkpoints, counts and the results of verifications are records of the table, so
that a Lambda function or an execution may die at any time, and another one continues.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from singletable.errors import MigrationError

__all__ = ["MOST_SEGMENTS", "state_machine"]

_LATER = 5
"""Seconds until Begin continues to wait for an index: much less than a lease, which has no heartbeat meanwhile."""

_TIMEOUT = 960
"""Seconds after which a call counts as failed; Lambda itself should have ended it after 15 minutes."""

MOST_SEGMENTS = 10_000
"""The most segments: the states pass their numbers on, in at most 256 KiB (Developer Guide, "Service quotas")."""

_FINAL = (
    "AccessDeniedError",
    "CredentialsMissingError",
    "LeaseHeldError",
    "LeaseLostError",
    "MigrationConflictError",
    "MigrationError",
    "MigrationStoppedError",
    "TableMissingError",
)
"""Errors for which another attempt is useless. Step Functions names a Python error by its class."""


def state_machine(function_arn: str, *, concurrency: int = 40) -> dict[str, Any]:
    """Return the definition of a state machine in the Amazon States Language, for `json.dumps`.

    An execution's input is an `Order` as plain data.

    Args:
        function_arn: The Lambda function whose handler is `handler`, with a timeout of 15 minutes.
        concurrency: The number of segments to process in parallel.

    Raises:
        MigrationError: `concurrency` is out of range.
    """
    if not 1 <= concurrency <= MOST_SEGMENTS:
        raise MigrationError(f"concurrency={concurrency!r} is out of range.", remedy=f"Give 1 to {MOST_SEGMENTS:,}.")
    return {
        "Comment": "Migrations of a DynamoDB table, by singletable",
        "StartAt": "Begin",
        "States": {**_sweeping(_Tasks(function_arn), concurrency), **_ending(_Tasks(function_arn))},
    }


_EXECUTION = {"execution.$": "$$.Execution.Id", "input.$": "$$.Execution.Input"}
_CATCH = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "GiveBack"}]


def _sweeping(task: _Tasks, concurrency: int) -> dict[str, Any]:
    """Return the states that take one step after the other, until all migrations are applied."""
    return {
        "Begin": {
            "Comment": "Take every step that is not a pass over items, and return the segments of the next pass",
            **task("begin", {**_EXECUTION, "concurrency": concurrency}),
            "OutputPath": "$.Payload",
            "Catch": _CATCH,
            "Next": "Begun",
        },
        "Begun": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.state", "StringEquals": "applied", "Next": "Applied"},
                {"Variable": "$.state", "StringEquals": "again", "Next": "Later"},
            ],
            "Default": "Sweep",
        },
        "Later": {"Type": "Wait", "Seconds": _LATER, "Next": "Begin"},
        "Sweep": {**_map(task, "slice", "$.open", concurrency), "Catch": _CATCH, "Next": "Swept"},
        "Swept": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.verify", "BooleanEquals": True, "Next": "Verify"}],
            "Default": "End",
        },
        "Verify": {**_map(task, "verify", "$.all", concurrency), "Catch": _CATCH, "Next": "End"},
        "End": {
            "Comment": "Check that the pass is done, nothing is quarantined, and the verification found no fault",
            **task("end", {**_EXECUTION, "work.$": "$.work"}),
            "ResultPath": None,
            "Catch": _CATCH,
            "Next": "Begin",
        },
    }


def _ending(task: _Tasks) -> dict[str, Any]:
    """Return the states that end an execution, after a failure with the lease given back."""
    return {
        "Applied": {"Type": "Succeed"},
        "GiveBack": {
            "Comment": "Give the lease back, so that the next run does not wait for it",
            **task("release", {**_EXECUTION, "error.$": "$.error"}),
            "ResultSelector": {"Error.$": "$.Payload.Error", "Cause.$": "$.Payload.Cause"},
            "ResultPath": "$.error",
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": None, "Next": "Failed"}],
            "Next": "Failed",
        },
        "Failed": {"Type": "Fail", "ErrorPath": "$.error.Error", "CausePath": "$.error.Cause"},
    }


class _Tasks:
    """Creates task states that call the Lambda function, and call it again after errors that may be temporary."""

    def __init__(self, function_arn: str) -> None:
        self._function_arn = function_arn
        parts = function_arn.split(":")
        self._partition = parts[1] if parts[0] == "arn" and len(parts) > 1 else "aws"

    def __call__(self, action: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "Type": "Task",
            "Resource": f"arn:{self._partition}:states:::lambda:invoke",
            "Parameters": {"FunctionName": self._function_arn, "Payload": {"action": action, **payload}},
            "TimeoutSeconds": _TIMEOUT,
            "Retry": [
                {"ErrorEquals": list(_FINAL), "MaxAttempts": 0},
                {
                    "ErrorEquals": ["States.ALL"],
                    "IntervalSeconds": 2,
                    "BackoffRate": 2.0,
                    "MaxDelaySeconds": 60,
                    "MaxAttempts": 8,
                    "JitterStrategy": "FULL",
                },
            ],
        }


def _map(task: _Tasks, action: str, items: str, concurrency: int) -> dict[str, Any]:
    """Return a distributed Map over segments, in which each segment is processed by as many calls as it needs."""
    return {
        "Type": "Map",
        "ItemsPath": items,
        "ItemSelector": {"work.$": "$.work", "segment.$": "$$.Map.Item.Value"},
        "MaxConcurrency": concurrency,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Segment",
            "States": {
                "Segment": {
                    **task(action, {"work.$": "$.work", "segment.$": "$.segment"}),
                    "ResultSelector": {"done.$": "$.Payload.done"},
                    "ResultPath": "$.result",
                    "Next": "AtItsEnd",
                },
                "AtItsEnd": {
                    "Type": "Choice",
                    "Choices": [{"Variable": "$.result.done", "BooleanEquals": True, "Next": "Done"}],
                    "Default": "Segment",
                },
                # Nothing is returned: the results are in the table, and the output of a Map is limited.
                "Done": {"Type": "Succeed", "OutputPath": None},
            },
        },
        "ResultPath": None,
    }
