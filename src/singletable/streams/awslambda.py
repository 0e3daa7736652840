"""The router as an AWS Lambda function: partial batch failures, structured logs, metrics, by aws-lambda-powertools."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from singletable.errors import EngineUnavailable, HandlersFailed, MalformedRecordError
from singletable.streams.deadletters import DeadLetter, reason_of
from singletable.streams.records import found, read_record

if TYPE_CHECKING:
    from singletable.streams.router import Outcome, StreamRouter

__all__ = ["make_handler"]

_NAMESPACE = "singletable"


def make_handler(router: StreamRouter) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """A Lambda function for an event source mapping with `ReportBatchItemFailures`.

    The records of a batch are handled in their order, and the batch ends at the first that fails: its sequence number
    is reported, and Lambda delivers that record and those behind it again, and none before it (Developer Guide of
    Lambda, "Reporting batch item failures"). So no record overtakes another of its shard.

    A line of JSON is logged for each failed record and each batch, and the counts `Handled`, `Repeated`, `Failed` and
    `DeadLetters` and the age of the last record in milliseconds are written as CloudWatch metrics (`Age`), by the
    table's name.

    Raises:
        EngineUnavailable: aws-lambda-powertools is not installed.
    """
    try:
        from aws_lambda_powertools import Logger, Metrics
        from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers
        from aws_lambda_powertools.metrics import MetricUnit
        from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
    except ModuleNotFoundError as error:
        raise EngineUnavailable(
            f"The module {error.name} is missing.", remedy="Install it: pip install 'singletable[lambda]'."
        ) from None

    class InOrder(BatchProcessor):
        """Ends at the first record that fails."""

        def process(self) -> list[tuple[Any, ...]]:
            results = []
            for record in self.records:
                results.append(self._process_record(record))
                if self.fail_messages:
                    break
            return results

    table = router.table.bound().table_name
    # The service's name is also that of a logger, which must be no other's.
    logger = Logger(service=f"{table}-stream")
    # Dead letters, and what else the framework says, are logged by a logger that knows nothing of JSON.
    logging.getLogger("singletable")
    copy_config_to_registered_loggers(logger, include={"singletable"})
    metrics = Metrics(namespace=_NAMESPACE, service=table)
    processor = InOrder(EventType.DynamoDBStreams, raise_on_entire_batch_failure=False)

    def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
        records = event.get("Records") if isinstance(event, dict) else None
        if not isinstance(records, list):
            raise MalformedRecordError(
                "The event has no Records: it is not from a DynamoDB stream.",
                remedy="Give the function an event source mapping of the table's stream.",
            )
        outcomes: list[Outcome] = []
        failed: list[DeadLetter] = []

        def process(record: Any) -> None:
            try:
                outcomes.append(router.process(record.raw_event))
            except HandlersFailed as error:
                outcomes.append(error.outcome)
                tell("handler failed", *error.letters)
                raise
            except Exception as error:  # the marks cannot be read, or a dead letter not be sent
                raw = record.raw_event
                number = found(raw, "dynamodb", "SequenceNumber")
                tell("record failed", DeadLetter(reason_of(error), found(raw, "eventID"), number))
                raise

        def tell(message: str, *letters: DeadLetter) -> None:
            failed.extend(letters)
            for letter in letters:
                logger.error(message, extra=letter.to_dict())

        with processor(records=records, handler=process):
            processor.process()
        counts = {
            "Handled": sum(len(each.handled) for each in outcomes),
            "Repeated": sum(len(each.repeated) for each in outcomes),
            "DeadLetters": sum(len(each.letters) for each in outcomes),
            "Failed": len(failed),
        }
        for name, count in counts.items():
            metrics.add_metric(name=name, unit=MetricUnit.Count, value=count)
        age = _age(records)
        if age is not None:
            metrics.add_metric(name="Age", unit=MetricUnit.Milliseconds, value=age)
        logger.info("batch", extra={"records": len(records), **{name.lower(): each for name, each in counts.items()}})
        metrics.flush_metrics()
        return dict(processor.response())

    return handle


def _age(records: list[Any]) -> float | None:
    """The age of the last record in milliseconds."""
    try:
        at = read_record(records[-1]).at if records else None
    except MalformedRecordError:
        return None
    return None if at is None else max(0.0, (datetime.now(timezone.utc) - at).total_seconds() * 1000)
