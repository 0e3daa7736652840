"""Spans: an observer that writes an OpenTelemetry span for each request."""

from __future__ import annotations

from typing import Any

from singletable.errors import EngineUnavailable
from singletable.requests.observing import Observer, RequestEvent

__all__ = ["spans"]

_NANOSECONDS = 1_000_000_000


def spans(tracer: Any = None) -> Observer:
    """An observer that writes a span for each request, below the span that is current where the request is sent.

    Names and attributes are OpenTelemetry's for DynamoDB (Semantic Conventions, "AWS DynamoDB client operations"), and
    `singletable.access_pattern`. No key and no value of an item is in them.

    Args:
        tracer: The tracer; None for one of the global provider.

    Raises:
        EngineUnavailable: opentelemetry-api is not installed.
    """
    try:
        from opentelemetry import trace
    except ImportError:
        raise EngineUnavailable(
            "OpenTelemetry is not installed.", remedy="Run `pip install 'singletable[opentelemetry]'`."
        ) from None
    used = trace.get_tracer("singletable") if tracer is None else tracer

    def write(sent: RequestEvent) -> None:
        attributes: dict[str, Any] = {
            "db.system.name": "aws.dynamodb",
            "db.operation.name": sent.operation,
            "db.collection.name": sent.table,
            "aws.dynamodb.table_names": [sent.table],
            "singletable.read_units": sent.read_units,
            "singletable.write_units": sent.write_units,
            "singletable.attempts": sent.attempts,
        }
        if sent.index is not None:
            attributes["aws.dynamodb.index_name"] = sent.index
        if sent.pattern is not None:
            attributes["singletable.access_pattern"] = sent.pattern
        if sent.error is not None:
            attributes["error.type"] = sent.error
        span = used.start_span(
            f"DynamoDB.{sent.operation}",
            kind=trace.SpanKind.CLIENT,
            attributes=attributes,
            start_time=int(sent.started * _NANOSECONDS),
        )
        if sent.error is not None:
            span.set_status(trace.Status(trace.StatusCode.ERROR))
        span.end(end_time=int((sent.started + sent.seconds) * _NANOSECONDS))

    return write
