"""Requests take the direct path unless other code could see or change them; then they go through botocore."""

import re
from functools import partial

import boto3
import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.retries import standard
from botocore.stub import Stubber
from moto import mock_aws

from singletable import Table
from singletable.errors import InvalidRequestError, InvalidValueError
from singletable.models.binding.binding import connection_of
from singletable.requests.obstacles import DIRECT
from tests.framework.app import Account, AppTable
from tests.framework.transport.faulty import faulty

KEYS = ("AKIDEXAMPLE", "secret", None)


@pytest.fixture
def server():
    with faulty() as running:
        yield running


@pytest.fixture
def connection(server):
    with AppTable.bind(endpoint_url=server.url, credentials=KEYS):
        yield connection_of(AppTable).connection


@pytest.fixture
def directly(monkeypatch):
    """The operations that were sent on the direct path."""
    from singletable.requests.direct import DirectPath

    sent, steps = [], DirectPath.steps
    monkeypatch.setattr(
        DirectPath, "steps", lambda self, name, *more: sent.append(name.name) or steps(self, name, *more)
    )
    return sent


def ask():
    return Account.item(account_id="a").one_or_none()


def test_the_usual_request_is_direct(connection, directly):
    """Nothing hooks into the client."""
    with pytest.raises(Exception, match="no entity type"):
        ask()
    assert ["GetItem"] == directly
    assert all(each == connection._obstacles.operation(each).name for each in DIRECT)
    assert "not an operation on items" in connection._obstacles.operation("DescribeTable")


@pytest.mark.parametrize(
    "event", ["before-send.dynamodb.GetItem", "before-sign.dynamodb", "request-created", "*.dynamodb.*", "needs-retry"]
)
def test_a_handler_of_other_code(connection, directly, event):
    """It sees every request from the moment at which it is added, until it is removed."""
    seen = []

    def handler(**given):
        seen.append(given["event_name"])

    connection.client.meta.events.register(event, handler)
    with pytest.raises(Exception, match="no entity type"):
        ask()
    assert [] == directly
    assert seen
    connection.client.meta.events.unregister(event, handler)
    with pytest.raises(Exception, match="no entity type"):
        ask()
    assert ["GetItem"] == directly


def test_a_handler_of_another_operation(connection, directly, server):
    """The path is chosen for each request."""
    connection.client.meta.events.register("before-send.dynamodb.PutItem", lambda **given: None)
    with pytest.raises(Exception, match="no entity type"):
        ask()
    server.script[:] = ["empty"]
    Account(account_id="a").save()
    assert ["GetItem"] == directly


def test_stubber(connection, server):
    """botocore's Stubber answers."""
    with Stubber(connection.client) as stubber:
        stubber.add_client_error("get_item", "ValidationException", "stubbed")
        with pytest.raises(Exception, match="stubbed"):
            ask()
    assert [] == server.asked


def test_mock_aws(server):
    """moto answers inside of mock_aws(), also with a client that was made before."""
    settings = {"region": "eu-west-1", "credentials": KEYS}
    with AppTable.bind(**settings):
        connection = connection_of(AppTable).connection
        connection.client  # noqa: B018 - made before mock_aws()
        assert "GetItem" == connection._obstacles.operation("GetItem").name
        with mock_aws():
            assert "mock_aws() answers" == connection._obstacles.operation("GetItem")
            AppTable.create_table(wait=True)
            Account(account_id="a").create()
            assert "a" == ask().account_id
        assert "GetItem" == connection._obstacles.operation("GetItem").name


def test_a_patched_method(connection, directly, monkeypatch):
    """Tracers and tests replace botocore's method, of the class or of one client."""
    seen = []
    made = type(connection.client)._make_api_call

    def traced(self, name, params):
        seen.append(name)
        return made(self, name, params)

    for owner in (botocore.client.BaseClient, type(connection.client), connection.client):
        with monkeypatch.context() as patched:
            patched.setattr(owner, "_make_api_call", partial(traced, owner) if owner is connection.client else traced)
            with pytest.raises(Exception, match="no entity type"):
                ask()
    assert ["GetItem"] * 3 == seen
    assert [] == directly


def test_a_client_made_after_a_patch(server, directly, monkeypatch):
    """The method was replaced before the client was made."""
    made = botocore.client.BaseClient._make_api_call
    monkeypatch.setattr(
        "botocore.client.BaseClient._make_api_call", lambda self, name, params: made(self, name, params)
    )
    with AppTable.bind(endpoint_url=server.url, credentials=KEYS, max_attempts=7):
        with pytest.raises(Exception, match="no entity type"):
            ask()
    assert [] == directly


def test_a_proxy(server, directly, monkeypatch):
    """Requests that go through a proxy are botocore's."""
    monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with AppTable.bind(endpoint_url="http://dynamodb.invalid", credentials=KEYS, max_attempts=1):
        with pytest.raises(Exception, match="no entity type"):
            ask()
    assert ["good"] == server.asked


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"signature_version": "v3"}, "not signed by version 4"),
        ({"signature_version": botocore.UNSIGNED}, "not signed by version 4"),
        ({"client_cert": "/no/such/certificate"}, "client certificate"),
    ],
    ids=["another signer", "unsigned", "a certificate"],
)
def test_the_configuration_of_a_session(server, config, reason):
    """A session may come with a configuration of its own."""
    session = botocore.session.Session()
    session.set_default_client_config(Config(**config))
    session.set_credentials(*KEYS[:2])
    with AppTable.bind(endpoint_url=server.url, region="eu-west-1", session=session):
        connection = connection_of(AppTable).connection
        connection.client  # noqa: B018 - makes the path
        assert reason in connection._obstacles.operation("GetItem")


def test_a_session_of_boto3(server, directly):
    """Requests with boto3's own handlers take the direct path."""
    session = boto3.Session(*KEYS[:2], region_name="eu-west-1")
    with AppTable.bind(endpoint_url=server.url, session=session):
        with pytest.raises(Exception, match="no entity type"):
            ask()
    assert ["GetItem"] == directly


def test_powertools(server, directly):
    """Its handler only extends the header User-Agent, and so it does here."""
    from aws_lambda_powertools.shared.user_agent import register_feature_to_botocore_session

    session = botocore.session.Session()
    session.set_credentials(*KEYS[:2])
    register_feature_to_botocore_session(session, "shop")
    found = []
    for transport in ("botocore", "direct"):
        with AppTable.bind(endpoint_url=server.url, region="eu-west-1", session=session, transport=transport):
            with pytest.raises(Exception, match="no entity type"):
                ask()
        found.append(server.headers["user-agent"].partition(" PT")[2])
    assert found[0].startswith("/shop/")
    assert found[0] == found[1]
    assert ["GetItem"] == directly


def test_extra_headers(server, connection):
    """They are sent; one that frames the request goes through botocore."""
    with AppTable.bind(endpoint_url=server.url, credentials=KEYS, extra_headers={"X-Team": "shop", "User-Agent": "me"}):
        with pytest.raises(Exception, match="no entity type"):
            ask()
        assert "GetItem" == connection_of(AppTable).connection._obstacles.operation("GetItem").name
    assert "shop" == server.headers["x-team"]
    assert "me" == server.headers["user-agent"]
    with AppTable.bind(endpoint_url=server.url, credentials=KEYS, extra_headers={"Connection": "close"}):
        connection = connection_of(AppTable).connection
        connection.client  # noqa: B018 - makes the path
        assert "framed" in connection._obstacles.operation("GetItem")


def test_transport_botocore(server, directly):
    """The setting decides."""
    with AppTable.bind(endpoint_url=server.url, credentials=KEYS, transport="botocore"):
        with pytest.raises(Exception, match="no entity type"):
            ask()
    assert [] == directly


def test_transport_direct(server):
    """A request that cannot take the direct path is refused, with the reason; operations on tables are botocore's."""
    with AppTable.bind(endpoint_url=server.url, credentials=KEYS, transport="direct"):
        connection = connection_of(AppTable).connection
        connection.client.meta.events.register("before-send", lambda **given: None)
        with pytest.raises(InvalidRequestError, match="GetItem on 'app' cannot take the direct path: .*before-send"):
            ask()
        assert [] == server.asked
        server.script[:] = ["empty"]
        assert AppTable.exists()
    assert ["empty"] == server.asked


def test_transport_is_one_of_three():
    """Another word is refused."""
    with pytest.raises(InvalidValueError, match="transport='http2' is not one of 'auto', 'direct', 'botocore'"):
        AppTable.bind(transport="http2")


def test_transport_in_meta():
    """Meta.transport holds for the table."""

    class OldTable(Table):
        class Meta:
            table_name = "old"
            transport = "botocore"

    assert "botocore" == OldTable.bound().transport
    assert "auto" == AppTable.bound().transport


def test_lambda(server, connection, monkeypatch):
    """In a Lambda function, the id of the trace is sent, as botocore does (recursion detection)."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "shop")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1\n")
    with pytest.raises(Exception, match="no entity type"):
        ask()
    assert "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1%0A" == server.headers["x-amzn-trace-id"]


def test_the_same_headers_as_botocore(server):
    """Except for the signature and the random id of the request."""
    found = {}
    for transport in ("botocore", "direct"):
        with AppTable.bind(endpoint_url=server.url, credentials=KEYS, transport=transport):
            with pytest.raises(Exception, match="no entity type"):
                ask()
        if not hasattr(standard, "MaxAttemptsSeeder"):
            # Older versions of botocore give the greatest number of attempts only from the second attempt on.
            server.headers.pop("amz-sdk-request")
        left_out = ("authorization", "amz-sdk-invocation-id", "x-amz-date", "content-length")
        found[transport] = {name: value for name, value in server.headers.items() if name not in left_out}
        # The features that botocore counts, in no order: `m/N,b,E`.
        found[transport]["user-agent"] = re.sub(" m/[^ ]+", "", found[transport]["user-agent"])
    assert found["botocore"] == found["direct"]


def test_credentials_are_asked_for_each_request(server):
    """They are refreshed before they expire."""
    from datetime import datetime, timedelta, timezone

    from botocore.credentials import RefreshableCredentials

    made = []

    def refresh(lifetime=timedelta(hours=2)):
        made.append(f"AKID{len(made)}")
        expiry = datetime.now(timezone.utc) + lifetime
        return {"access_key": made[-1], "secret_key": "s", "token": "t", "expiry_time": expiry.isoformat()}

    session = botocore.session.Session()
    session._credentials = RefreshableCredentials.create_from_metadata(
        {**refresh(timedelta(minutes=1))}, refresh, "test"
    )
    with AppTable.bind(endpoint_url=server.url, region="eu-west-1", session=session, transport="direct"):
        for _ in range(3):
            with pytest.raises(Exception, match="no entity type"):
                ask()
            assert "Credential=AKID1/" in server.headers["authorization"]
    assert ["AKID0", "AKID1"] == made


def test_a_client_error_of_a_refusal(connection, server):
    """botocore's modeled class of the error, under the SDK's name."""
    server.script[:] = ["failed condition"]
    with pytest.raises(ClientError) as caught:
        connection.dispatch("PutItem", {"TableName": "app", "Item": {"PK": {"S": "a"}}})
    assert isinstance(caught.value, connection.client.exceptions.ConditionalCheckFailedException)
