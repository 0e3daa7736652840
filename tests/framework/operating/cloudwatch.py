"""A server with a table and its metrics for tests: moto's, extended here by percentiles, which moto lacks."""

import math
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from unittest.mock import patch

from botocore.session import get_session
from moto.cloudwatch.models import Statistics

from models import ShopTable
from tests.framework.migrations.server import CREDENTIALS, moto_server

_without_percentiles = Statistics.get_statistics_for_type


def percentile(values, share):
    """Return the value at a percentile, by the nearest rank."""
    return sorted(values)[max(0, math.ceil(share / 100 * len(values)) - 1)]


def _with_percentiles(statistics, name):
    if name.startswith("p"):
        return percentile([each.value for each in statistics.metric_data], float(name[1:]))
    return _without_percentiles(statistics, name)


@contextmanager
def watched_server():
    """Return the URL of a server that has the shop's table and also answers for CloudWatch."""
    with patch.object(Statistics, "get_statistics_for_type", _with_percentiles), moto_server() as url:
        with ShopTable.bind(endpoint_url=url, credentials=CREDENTIALS):
            ShopTable.create_table(wait=True)
        yield url


def put(url, name, values, **dimensions):
    """Put values of a metric of the table `shop`: the first for one minute ago, the second for two, and so on."""
    access, secret, _ = CREDENTIALS
    client = get_session().create_client(
        "cloudwatch",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id=access,
        aws_secret_access_key=secret,
    )
    minute = datetime.now(timezone.utc).replace(second=0, microsecond=0)
    named = [{"Name": key, "Value": value} for key, value in {"TableName": "shop", **dimensions}.items()]
    data = [
        {"MetricName": name, "Dimensions": named, "Timestamp": minute - timedelta(minutes=age), "Value": value}
        for age, value in enumerate(values, start=1)
    ]
    client.put_metric_data(Namespace="AWS/DynamoDB", MetricData=data)
