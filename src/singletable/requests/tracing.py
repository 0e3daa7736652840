"""Tracing: an observer that writes an OpenTelemetry span for each request."""

from __future__ import annotations

from typing import Any

from singletable.errors import EngineUnavailableError
from singletable.requests.observing import RequestEvent

__all__ = ["OpenTelemetryObserver"]

_NANOSECONDS = 1_000_000_000


class OpenTelemetryObserver:
    """An observer that writes a span for each request, as a child of the span that is current at the request.

    Names and attributes are OpenTelemetry's for DynamoDB (Semantic Conventions, "AWS DynamoDB client operations"), and
    `singletable.access_pattern`. They contain no key and no value of an item.

    Args:
        tracer: The tracer; None for one of the global provider.

    Raises:
        EngineUnavailableError: opentelemetry-api is not installed.
    """

    def __init__(self, tracer: Any = None) -> None:
        try:
            from opentelemetry import trace
        except ImportError:
            raise EngineUnavailableError(
                "OpenTelemetry is not installed.", remedy="Run `pip install 'singletable[opentelemetry]'`."
            ) from None
        self._trace = trace
        self._tracer = trace.get_tracer("singletable") if tracer is None else tracer

    def __call__(self, event: RequestEvent) -> None:
        attributes: dict[str, Any] = {
            "db.system.name": "aws.dynamodb",
            "db.operation.name": event.operation,
            "db.collection.name": event.table,
            "aws.dynamodb.table_names": [event.table],
            "singletable.read_units": event.read_units,
            "singletable.write_units": event.write_units,
            "singletable.attempts": event.attempts,
        }
        if event.index is not None:
            attributes["aws.dynamodb.index_name"] = event.index
        if event.pattern is not None:
            attributes["singletable.access_pattern"] = event.pattern
        if event.error is not None:
            attributes["error.type"] = event.error
        span = self._tracer.start_span(
            f"DynamoDB.{event.operation}",
            kind=self._trace.SpanKind.CLIENT,
            attributes=attributes,
            start_time=int(event.started * _NANOSECONDS),
        )
        if event.error is not None:
            span.set_status(self._trace.Status(self._trace.StatusCode.ERROR))
        span.end(end_time=int((event.started + event.seconds) * _NANOSECONDS))
