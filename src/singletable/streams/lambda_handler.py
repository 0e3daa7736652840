"""The router as an AWS Lambda function: partial batch failures, structured logs, metrics.

The log formatter and the metrics are those of aws-lambda-powertools, in objects that only this function uses. The
`Logger` and the `Metrics` that powertools shares in the whole process belong to the handlers.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from singletable.errors import EngineUnavailableError, HandlersFailedError, MalformedRecordError
from singletable.streams.deadletters import DeadLetter, logged_to, reason_of
from singletable.streams.events import Delivered, records_of
from singletable.streams.records import found, read_record

if TYPE_CHECKING:
    from singletable.models import Table
    from singletable.streams.outcome import Outcome

__all__ = ["make_handler"]

_NAMESPACE = "singletable"
_LEVELS = ("POWERTOOLS_LOG_LEVEL", "AWS_LAMBDA_LOG_LEVEL")


def make_handler(
    table: type[Table], process: Callable[[Any], Outcome]
) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Return a Lambda function for an event source mapping with `ReportBatchItemFailures`.

    It takes the records of one table, delivered by DynamoDB Streams or wrapped by Kinesis Data Streams. The records of
    a batch are handled in their order, and the batch ends at the first record that fails. Its sequence number is
    reported, and Lambda delivers that record and the ones after it again (Developer Guide of Lambda, "Reporting batch
    item failures"). So no record overtakes another of its shard.

    A line of JSON is logged at the start, for each failed record, for each dead letter of a router without a sink and
    for each batch. The counts `Handled`, `Repeated`, `Failed` and `DeadLetters` and the age of the last record in
    milliseconds (`Age`) are written as CloudWatch metrics. Lines and metrics have the name to which the table is bound
    when this is called.

    The function raises `MalformedRecordError` for an event of another service or another table, before any record is
    handled. It also raises that error if the first record of a batch fails and has no sequence number.

    Args:
        table: The table class of the router.
        process: The router's `process_own`.

    Raises:
        EngineUnavailableError: aws-lambda-powertools is not installed.
    """
    try:
        from aws_lambda_powertools import metrics as powertools
    except ModuleNotFoundError as error:
        raise EngineUnavailableError(
            f"The module {error.name} is missing.", remedy="Install it: pip install 'singletable[lambda]'."
        ) from None

    name = table.bound().table_name
    logger = _make_logger(name)
    metrics = powertools.EphemeralMetrics(namespace=_NAMESPACE, service=name)
    logger.info("started")

    def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
        delivered = records_of(event, table)
        with logged_to(logger):
            invocation = _Invocation(process, logger)
            failures = invocation.run(delivered)
        for name, count in invocation.counts.items():
            metrics.add_metric(name=name, unit=powertools.MetricUnit.Count, value=count)
        age = _age(delivered)
        if age is not None:
            metrics.add_metric(name="Age", unit=powertools.MetricUnit.Milliseconds, value=age)
        counts = {name.lower(): count for name, count in invocation.counts.items()}
        logger.info("batch", extra={"records": len(delivered), **counts})
        metrics.flush_metrics()
        if None in failures:
            raise MalformedRecordError(
                "The first record of a batch failed and has no sequence number. Lambda delivers the whole batch again.",
                remedy="Read the reason in the line 'record failed' of the log.",
            )
        return {"batchItemFailures": [{"itemIdentifier": number} for number in failures]}

    return handle


class _Invocation:
    """One invocation of the function: it handles the records in order, up to the first that fails."""

    def __init__(self, process: Callable[[Any], Outcome], logger: logging.Logger) -> None:
        self._process = process
        self._logger = logger
        self._outcomes: list[Outcome] = []
        self._failed = 0

    def run(self, delivered: list[Delivered]) -> list[str | None]:
        """Handle the records; return the sequence number from which Lambda must deliver again, or an empty list."""
        before: str | None = None
        for each in delivered:
            if not self._handle(each):
                # A damaged record may have no number. Lambda then delivers it again with the record before it.
                return [each.number or before]
            before = each.number or before
        return []

    @property
    def counts(self) -> dict[str, int]:
        """The counts of the batch, by the names of their metrics."""
        return {
            "Handled": sum(len(each.handled) for each in self._outcomes),
            "Repeated": sum(len(each.repeated) for each in self._outcomes),
            "DeadLetters": sum(len(each.letters) for each in self._outcomes),
            "Failed": self._failed,
        }

    def _handle(self, each: Delivered) -> bool:
        try:
            self._outcomes.append(self._process(each.raw))
        except HandlersFailedError as error:
            self._outcomes.append(error.outcome)
            self._log("handler failed", *error.letters)
            return False
        except Exception as error:  # the marks cannot be read, or the sink of dead letters fails
            self._log("record failed", DeadLetter(reason_of(error), found(each.raw, "eventID"), each.number))
            return False
        return True

    def _log(self, message: str, *letters: DeadLetter) -> None:
        self._failed += len(letters)
        for letter in letters:
            self._logger.error(message, extra=letter.to_dict())


def _make_logger(table: str) -> logging.Logger:
    """Return a logger that no other code can reach by its name, and that writes JSON to standard output."""
    from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

    given = next((os.environ[name] for name in _LEVELS if os.environ.get(name)), "INFO").upper()
    level = logging.getLevelName(given)  # a number; a text if the name is unknown
    # At a level above ERROR dead letters would not be logged.
    logger = logging.Logger(f"{table}-stream", min(level, logging.ERROR) if isinstance(level, int) else logging.INFO)
    handler = logging.StreamHandler(sys.stdout)
    formatter = LambdaPowertoolsFormatter()
    formatter.append_keys(service=f"{table}-stream", table=table)
    handler.setFormatter(formatter)
    logger.addHandler(handler)
    return logger


def _age(delivered: list[Delivered]) -> float | None:
    """Return the age of the last record in milliseconds; None if it has no time."""
    try:
        at = read_record(delivered[-1].raw).at if delivered else None
    except MalformedRecordError:
        return None
    return None if at is None else max(0.0, (datetime.now(timezone.utc) - at).total_seconds() * 1000)
