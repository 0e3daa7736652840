"""CloudWatch: metrics as values, one GetMetricData request as a value, and the step that sends it.

Sources: API Reference, "GetMetricData" (500 metrics a request, pages, one point for each period that has data).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError
from botocore.parsers import ResponseParserError

from singletable.errors import EndpointUnreachableError, RequestFailedError, SingletableError
from singletable.operating.window import Window
from singletable.requests.sending import translate
from singletable.requests.services import error_code, is_denied, message_of, service_of
from singletable.requests.types import Params

__all__ = ["Metric", "MetricRequest", "Series", "fetch", "requests_for"]

_SERVICE = "CloudWatch"
_NAMESPACE = "AWS/DynamoDB"
_MOST = 500
_ELSEWHERE = "A local DynamoDB server has no metrics: set AWS_ENDPOINT_URL_CLOUDWATCH to a server that has."


@attrs.frozen
class Metric:
    """One statistic of one metric of DynamoDB.

    Args:
        name: The metric's name, such as `ConsumedReadCapacityUnits`.
        statistic: `Sum`, `Average`, `SampleCount` or `p99`.
        dimensions: The dimensions, as (name, value) pairs.
    """

    name: str
    statistic: str
    dimensions: tuple[tuple[str, str], ...]


@attrs.frozen
class Series:
    """The values of a metric in a window, one for each period.

    Args:
        window: The window.
        values: A value for each period of the window; None if CloudWatch has no point, because DynamoDB had nothing to
            count.
    """

    window: Window
    values: tuple[float | None, ...]

    @property
    def known(self) -> tuple[float, ...]:
        """The values of the periods that have a point."""
        return tuple(value for value in self.values if value is not None)

    @property
    def total(self) -> float:
        """The sum of the values."""
        return sum(self.known)

    @property
    def highest(self) -> float | None:
        """The highest value; None without values."""
        return max(self.known, default=None)

    @property
    def average(self) -> float:
        """The average in a second, over the whole window."""
        return self.total / self.window.seconds

    @property
    def rates(self) -> Series:
        """The values as averages in a second of their period."""
        pairs = zip(self.window.starts, self.values, strict=True)
        rates = (None if value is None else value / self.window.seconds_of(start) for start, value in pairs)
        return Series(self.window, tuple(rates))


@attrs.frozen
class MetricRequest:
    """A request to CloudWatch, as a value.

    Args:
        metrics: The metrics, at most 500.
        window: The window.
    """

    metrics: tuple[Metric, ...]
    window: Window

    def params(self, token: str | None = None) -> Params:
        """Return the parameters of the first request, or of the request for the page after a token."""
        queries = [
            {
                "Id": f"m{number}",
                "MetricStat": {
                    "Metric": {
                        "Namespace": _NAMESPACE,
                        "MetricName": metric.name,
                        "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions],
                    },
                    "Period": self.window.period,
                    "Stat": metric.statistic,
                },
            }
            for number, metric in enumerate(self.metrics)
        ]
        return {
            "MetricDataQueries": queries,
            "StartTime": self.window.start,
            "EndTime": self.window.end,
            "ScanBy": "TimestampAscending",
            **({"NextToken": token} if token else {}),
        }

    def read(self, pages: Sequence[Mapping[str, Any]]) -> dict[Metric, Series]:
        """Return the pages of an answer as a series for each metric."""
        points: dict[str, dict[datetime, float]] = {}
        for page in pages:
            for each in page["MetricDataResults"]:
                found = zip(each["Timestamps"], each["Values"], strict=True)
                points.setdefault(each["Id"], {}).update((moment, value) for moment, value in found)
        starts = self.window.starts
        return {
            metric: Series(self.window, tuple(points.get(f"m{number}", {}).get(start) for start in starts))
            for number, metric in enumerate(self.metrics)
        }


def requests_for(metrics: Sequence[Metric], window: Window) -> Iterator[MetricRequest]:
    """Yield requests for some metrics, as few as CloudWatch's limit allows."""
    for first in range(0, len(metrics), _MOST):
        yield MetricRequest(tuple(metrics[first : first + _MOST]), window)


def fetch(
    send: Callable[..., Mapping[str, Any]], metrics: Sequence[Metric], window: Window, where: str
) -> dict[Metric, Series]:
    """Fetch some metrics from CloudWatch, all pages of them.

    Args:
        send: A client's `get_metric_data`.
        metrics: The metrics.
        window: The window.
        where: The name of the server in messages.

    Raises:
        SingletableError: The request failed; the subclass names the cause.
    """
    found: dict[Metric, Series] = {}
    for request in requests_for(metrics, window):
        pages: list[Mapping[str, Any]] = []
        token: str | None = None
        while not pages or token:
            try:
                page = send(**request.params(token))
            except (BotoCoreError, ClientError, ResponseParserError) as error:
                raise _translated(error, where) from error
            if "MetricDataResults" not in page:
                raise RequestFailedError(
                    f"The answer of {where} to GetMetricData has no metrics.", remedy=_ELSEWHERE, service=_SERVICE
                )
            pages.append(page)
            token = page.get("NextToken")
        found |= request.read(pages)
    return found


def _translated(error: Exception, where: str) -> SingletableError:
    """Return an error of CloudWatch's client as an error with a remedy."""
    remedy = "" if ".amazonaws." in where else _ELSEWHERE
    if isinstance(error, (ConnectionError, HTTPClientError)):
        fault = f"No CloudWatch answers at {where} ({type(error).__name__})."
        return EndpointUnreachableError(fault, remedy=remedy or "Check the region and the network.", value=where)
    code = error_code(error)
    if isinstance(error, BotoCoreError) or is_denied(error) or service_of(error) not in (None, _SERVICE):
        return translate(error, "GetMetricData", None, _SERVICE)
    message = message_of(error)
    return RequestFailedError(
        f"GetMetricData failed at {where} ({code or type(error).__name__}){f': {message}' if message else '.'}",
        remedy=remedy,
        service=_SERVICE,
        operation="GetMetricData",
        code=code,
    )
