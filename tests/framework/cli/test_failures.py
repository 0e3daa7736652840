"""Errors of other services than DynamoDB: each command names the service, the operation and the action."""

from types import SimpleNamespace

import pytest
from botocore.endpoint import Endpoint
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

from models import ShopTable
from singletable.requests.services import service_of
from singletable.streams import StreamRouter
from tests.framework.cli.test_commands import assert_one_line
from tests.framework.infra.test_commands import CREDENTIALS, here
from tests.framework.operating.cloudwatch import watched_server
from tests.shop.conftest import table

__all__ = ["table"]  # a fixture

URL = "https://somewhere.amazonaws.com"


@pytest.fixture(scope="module")
def server():
    with watched_server() as url:
        yield url


@pytest.fixture
def failing(monkeypatch):
    """A function that makes one operation of one service fail, with an error code or an exception."""
    send = Endpoint.make_request

    def fail(service, operation, fault, message=""):
        def make_request(self, model, request):
            if (service, operation) != (model.service_model.service_id, model.name):
                return send(self, model, request)
            if isinstance(fault, Exception):
                raise fault
            answer = {"Error": {"Code": fault, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 403}}
            return SimpleNamespace(status_code=403), answer

        monkeypatch.setattr(Endpoint, "make_request", make_request)

    return fail


def deploy(url):
    return here("deploy", "--environment", "dev", "--yes", "--no-migrate", "--endpoint-url", url, **CREDENTIALS)


@pytest.mark.parametrize("operation", ["DescribeStacks", "CreateChangeSet"])
def test_deploy_without_a_permission(server, failing, operation):
    """The message names CloudFormation and the action to allow, but not the table."""
    failing("CloudFormation", operation, "AccessDenied")
    done = deploy(server)
    assert_one_line(done, f"{operation} of CloudFormation is not allowed (AccessDenied)")
    assert_one_line(done, f"Allow cloudformation:{operation};")
    assert "the table" not in done.stderr


def test_the_action_that_aws_names(server, failing):
    """The action comes from AWS's message if it has one: a change set may need an action of another service."""
    failing("CloudFormation", "CreateChangeSet", "AccessDenied", "not authorized to perform: iam:PassRole on resource")
    assert_one_line(deploy(server), "CreateChangeSet of CloudFormation", "Allow iam:PassRole;")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("ExpiredToken", ("is not allowed (ExpiredToken)", "Check which credentials are used")),
        ("Throttling", ("DescribeStacks of CloudFormation was throttled (Throttling)", "Try again")),
        ("InternalFailure", ("DescribeStacks of CloudFormation failed (InternalFailure)",)),
        (
            ConnectTimeoutError(endpoint_url=URL),
            ("DescribeStacks of CloudFormation failed", URL, "AWS_ENDPOINT_URL_CLOUDFORMATION"),
        ),
        (ReadTimeoutError(endpoint_url=URL), ("No answer to DescribeStacks of CloudFormation came from", URL)),
    ],
)
def test_other_faults_of_cloudformation(server, failing, fault, words):
    """The messages of throttling, expired credentials and a lost connection name CloudFormation."""
    failing("CloudFormation", "DescribeStacks", fault)
    done = deploy(server)
    assert_one_line(done, *words)
    assert "the table" not in done.stderr
    assert "capacity" not in done.stderr


@pytest.mark.parametrize("command", [("metrics",), ("cost", "--from-cloudwatch")])
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("AccessDenied", ("GetMetricData of CloudWatch is not allowed", "Allow cloudwatch:GetMetricData;")),
        ("ExpiredToken", ("GetMetricData of CloudWatch is not allowed", "Check which credentials are used")),
        (ReadTimeoutError(endpoint_url=URL), ("No CloudWatch answers",)),
    ],
)
def test_metrics_without_a_permission(server, failing, command, fault, words):
    """The message names CloudWatch and the action."""
    failing("CloudWatch", "GetMetricData", fault)
    done = here(*command, "--endpoint-url", server, **CREDENTIALS)
    assert_one_line(done, *words)
    assert "'shop'" not in done.stderr


def test_metrics_without_a_permission_for_the_table(server, failing):
    """DynamoDB's own error names the table, and the action."""
    failing("DynamoDB", "DescribeTable", "AccessDeniedException")
    done = here("metrics", "--endpoint-url", server, **CREDENTIALS)
    assert_one_line(done, "DescribeTable on 'shop' is not allowed", "Allow dynamodb:DescribeTable;")


@pytest.mark.parametrize("operation", ["DescribeStream", "GetShardIterator", "GetRecords"])
def test_streams_without_a_permission(table, failing, monkeypatch, operation):
    """The error is that of DynamoDB Streams, whose actions have DynamoDB's prefix."""
    monkeypatch.setattr("shop.stream.router", StreamRouter(ShopTable))
    failing("DynamoDB Streams", operation, "AccessDeniedException")
    done = here("streams", "run", "--stop-when-idle", "0")
    assert_one_line(done, f"{operation} of DynamoDB Streams is not allowed", f"Allow dynamodb:{operation};")


def test_a_fault_of_an_unknown_service():
    """An error without a service names none."""
    assert service_of(ReadTimeoutError(endpoint_url=URL)) is None
