"""Metrics: the requests to CloudWatch, all pages of the answers, and the results."""

from datetime import datetime, timedelta, timezone

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from botocore.parsers import ResponseParserError

from singletable.errors import AccessDeniedError, CredentialsMissingError, EndpointUnreachableError, RequestFailedError
from singletable.operating.cloudwatch import Metric, MetricRequest, Series, fetch, requests_for
from singletable.operating.metrics import OPERATIONS, OperationMetrics, capacity_of, metrics_of, read_metrics
from singletable.operating.window import Window

START = datetime(2026, 11, 26, 12, tzinfo=timezone.utc)
WINDOW = Window(START, START + timedelta(minutes=3), 60)
READS = Metric("ConsumedReadCapacityUnits", "Sum", (("TableName", "shop"),))
DESCRIBED = {
    "TableName": "shop",
    "ItemCount": 4,
    "TableSizeBytes": 1000,
    "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 0},
    "GlobalSecondaryIndexes": [{"IndexName": "GSI1", "ItemCount": 2, "IndexSizeBytes": 100}],
}


def series(*values):
    return Series(WINDOW, values)


def answer(token=None, **points):
    """Return a page: values by id, each with its minute."""
    results = [
        {"Id": name, "Timestamps": [START + timedelta(minutes=at) for at, _ in found], "Values": [v for _, v in found]}
        for name, found in points.items()
    ]
    return {"MetricDataResults": results, **({"NextToken": token} if token else {})}


def test_the_request_is_a_value():
    """The exact request, and the one with a token for the next page."""
    request = MetricRequest((READS,), WINDOW)
    params = request.params()
    assert {
        "MetricDataQueries": [
            {
                "Id": "m0",
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/DynamoDB",
                        "MetricName": "ConsumedReadCapacityUnits",
                        "Dimensions": [{"Name": "TableName", "Value": "shop"}],
                    },
                    "Period": 60,
                    "Stat": "Sum",
                },
            }
        ],
        "StartTime": START,
        "EndTime": START + timedelta(minutes=3),
        "ScanBy": "TimestampAscending",
    } == params
    assert {**params, "NextToken": "t"} == request.params("t")


def test_what_is_asked():
    """Capacity and throttles of the table and each index, latency and errors of each operation of the table."""
    asked = metrics_of(DESCRIBED)
    assert len(set(asked)) == len(asked) == 2 * 4 + len(OPERATIONS) * 4
    index = (("TableName", "shop"), ("GlobalSecondaryIndexName", "GSI1"))
    assert Metric("WriteThrottleEvents", "Sum", index) in asked
    assert Metric("SuccessfulRequestLatency", "p99", (("TableName", "shop"), ("Operation", "Query"))) in asked
    assert set(capacity_of(DESCRIBED)) < set(asked)


def test_all_pages_are_read():
    """Points of one metric may come on several pages; a period without one has no value."""
    pages = {None: answer("a", m0=[(0, 6.0)]), "a": answer("b", m1=[(1, 1.0)]), "b": answer(m0=[(2, 9.0)])}
    tokens = []

    def send(**params):
        tokens.append(params.get("NextToken"))
        return pages[tokens[-1]]

    other = Metric("ReadThrottleEvents", "Sum", (("TableName", "shop"),))
    found = fetch(send, (READS, other), WINDOW, "here")
    assert [None, "a", "b"] == tokens
    assert {READS: series(6.0, None, 9.0), other: series(None, 1.0, None)} == found


def test_a_request_has_500_metrics_at_most():
    metrics = tuple(Metric("x", "Sum", (("TableName", str(number)),)) for number in range(1001))
    assert [500, 500, 1] == [len(request.metrics) for request in requests_for(metrics, WINDOW)]


def test_sums_become_rates():
    """In a second of each period; on average over the whole window, because a missing point means no consumption."""
    consumed = series(60.0, None, 120.0)
    assert (1.0, None, 2.0) == consumed.rates.values
    assert 1.0 == consumed.average
    assert (180.0, 2.0) == (consumed.total, consumed.rates.highest)
    assert series(None, None, None).highest is None


def test_latency_on_average_is_that_of_all_requests():
    """Not the average of all periods: ninety fast requests and ten slow ones."""
    nothing = series(None, None, None)
    operation = OperationMetrics("Query", series(90.0, None, 10.0), series(2.0, None, 12.0), nothing, nothing)
    assert 3.0 == operation.average
    assert OperationMetrics("Query", nothing, nothing, nothing, nothing).average is None


def test_places_have_counts_sizes_and_provisioned_units():
    """From DescribeTable; zero means on demand."""
    metrics = read_metrics(DESCRIBED, {READS: series(1.0, None, None)}, WINDOW)
    table, index = metrics.places
    assert ("table", 4, 1000, 5, None) == (
        table.name,
        table.items,
        table.size,
        table.provisioned_reads,
        table.provisioned_writes,
    )
    assert ("GSI1", 2, 100) == (index.name, index.items, index.size)
    assert () == metrics.operations
    assert metrics.seen
    assert not read_metrics(DESCRIBED, {}, WINDOW).seen


def test_an_answer_that_is_none():
    """For example from another web server."""
    with pytest.raises(
        RequestFailedError, match=r"The answer of http://127.0.0.1:8000 to GetMetricData has no metrics"
    ):
        fetch(lambda **params: {}, (READS,), WINDOW, LOCAL)


def refused(code, message=""):
    return ClientError({"Error": {"Code": code, "Message": message}}, "GetMetricData")


LOCAL, AWS = "http://127.0.0.1:8000", "https://monitoring.us-east-1.amazonaws.com"
PAGE = "<!doctype html>\n<title>404 Not Found</title>"


@pytest.mark.parametrize(
    ("fault", "where", "kind", "words"),
    [
        (
            refused("AccessDenied"),
            AWS,
            AccessDeniedError,
            r"not allowed \(AccessDenied\)\. Allow cloudwatch:GetMetricData",
        ),
        (refused("AccessDeniedException"), AWS, AccessDeniedError, r"\(AccessDeniedException\)"),
        (refused("Throttling", "Rate\nexceeded"), AWS, RequestFailedError, r"\(Throttling\): Rate exceeded$"),
        (refused("404", PAGE), LOCAL, RequestFailedError, r"8000 \(404\)\. A local DynamoDB server has no metrics"),
        (
            ResponseParserError("no XML"),
            LOCAL,
            RequestFailedError,
            r"8000 \(ResponseParserError\)\. A local DynamoDB server",
        ),
        (NoCredentialsError(), AWS, CredentialsMissingError, r"Unable to locate credentials"),
        (
            EndpointConnectionError(endpoint_url=LOCAL),
            LOCAL,
            EndpointUnreachableError,
            r"No CloudWatch answers at http://127.0.0.1:8000 .* set AWS_ENDPOINT_URL_CLOUDWATCH",
        ),
        (EndpointConnectionError(endpoint_url=AWS), AWS, EndpointUnreachableError, r"Check the region and the network"),
    ],
)
def test_faults_are_told_with_the_remedy(fault, where, kind, words):
    def send(**params):
        raise fault

    with pytest.raises(kind, match=words):
        fetch(send, (READS,), WINDOW, where)
