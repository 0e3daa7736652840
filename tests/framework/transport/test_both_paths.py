"""botocore's path and the direct one, in a thread and on an event loop: the same answers, errors and requests."""

import asyncio
import itertools

import attrs
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from botocore.retries import standard
from pynamodb.connection.base import MetaTable

from singletable.requests.attempts import Attempts, following
from singletable.requests.connection import TableConnection
from singletable.requests.connection_settings import Settings
from singletable.steps import arun, run
from tests.framework.transport.faulty import BEHAVIORS, faulty

CREDENTIALS = ("AKIDEXAMPLE", "secret", "token")
PATHS = ("botocore", "direct", "asyncio")

GET = ("GetItem", {"TableName": "t", "Key": {"PK": {"S": "a"}}})
PUT = ("PutItem", {"TableName": "t", "Item": {"PK": {"S": "a"}, "value": {"B": b"\x00\x01"}}})
TRANSACT = ("TransactWriteItems", {"TransactItems": [{"Delete": {"TableName": "t", "Key": {"PK": {"S": "a"}}}}]})


@pytest.fixture(scope="module")
def server():
    with faulty() as running:
        yield running


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    """Retries follow at once, and do not use up the quota."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    monkeypatch.setattr("botocore.retries.standard.RetryQuotaChecker.acquire_retry_quota", lambda *_: True)


MISREAD = {"informational", "cut in the headers"}
"""What botocore's HTTP client misreads: it takes status 103 for the answer, and cut-off headers for whole ones."""

# Older versions of botocore treat a body that is cut off as a closed connection, not as a damaged answer.
OLDER = set() if hasattr(standard, "MaxAttemptsSeeder") else {"cut in the body"}

SAME = [name for name in BEHAVIORS if name not in MISREAD | OLDER]


@attrs.frozen
class Outcome:
    """The result of one request for the caller, and the behaviors of the server."""

    answer: object
    error: object
    attempts: object
    asked: object


def connection_to(server, **settings):
    """Return a new connection to the server."""
    given = Settings(
        "t",
        region="eu-west-1",
        endpoint_url=server.url,
        credentials=CREDENTIALS,
        read_timeout=settings.pop("read_timeout", 0.3),
        **settings,
    )
    return TableConnection(given, MetaTable({"TableName": "t", "KeySchema": [], "AttributeDefinitions": []})).connection


def outcome_of(path, server, request, script, *, resend=True):
    """Send one request on a path, over a connection that has been used before, and return its outcome."""
    connection = connection_to(server)
    operation, params = request
    client, direct = connection.client, connection._direct
    described = connection._obstacles.operation(operation)
    assert not isinstance(described, str)
    attempts = Attempts(resend=resend)

    def send():
        if path == "botocore":
            return client._make_api_call(operation, params)
        return run(direct.steps(described, params, connection.settings.read_timeout))

    async def asend():
        return await arun(direct.steps(described, params, connection.settings.read_timeout))

    server.script[:] = ["good", *script]
    answer = error = None

    async def both():
        await asend()
        server.asked.clear()
        with following(attempts):
            return await asend()

    try:
        if path == "asyncio":
            answer = asyncio.run(both())
        else:
            send()
            server.asked.clear()
            with following(attempts):
                answer = send()
    except (BotoCoreError, ClientError) as raised:
        error = shape_of(raised)
    finally:
        connection.drop()
    if answer is not None:
        answer = plain(answer)
    return Outcome(answer, error, (attempts.lost, attempts.late), tuple(server.asked))


def plain(answer):
    """Return an answer without the time of the server."""
    metadata = answer["ResponseMetadata"]
    return {**answer, "ResponseMetadata": {**metadata, "HTTPHeaders": dict(sorted(metadata["HTTPHeaders"].items()))}}


def shape_of(error):
    """Return the parts of an error on which code depends."""
    if isinstance(error, ClientError):
        return type(error).__name__, error.operation_name, plain(error.response)
    return type(error).__name__, error.kwargs.get("endpoint_url")


@pytest.mark.parametrize("name", SAME)
@pytest.mark.parametrize("request_", [GET, PUT], ids=["get", "put"])
def test_every_behavior_has_the_same_outcome(server, request_, name):
    """One attempt ends in each way; the next one is good."""
    outcomes = {path: outcome_of(path, server, request_, [name]) for path in PATHS}
    assert outcomes["botocore"] == outcomes["direct"]
    assert outcomes["botocore"] == outcomes["asyncio"]


@pytest.mark.parametrize("name", SAME)
def test_every_behavior_for_good(server, name):
    """All attempts end in the same way."""
    outcomes = {path: outcome_of(path, server, PUT, [name] * 6) for path in PATHS}
    assert outcomes["botocore"] == outcomes["direct"]
    assert outcomes["botocore"] == outcomes["asyncio"]


@pytest.mark.parametrize("name", SAME)
def test_a_write_that_must_not_be_sent_again(server, name):
    """After an attempt that may have been applied, no other follows."""
    outcomes = {path: outcome_of(path, server, TRANSACT, [name], resend=False) for path in PATHS}
    assert outcomes["botocore"] == outcomes["direct"]
    assert outcomes["botocore"] == outcomes["asyncio"]


@pytest.mark.parametrize(("first", "second"), [*itertools.product(["dropped", "throttled", "500"], repeat=2)])
def test_two_faults_in_a_row(server, first, second):
    """The retry mode counts the attempts of one request."""
    outcomes = {path: outcome_of(path, server, GET, [first, second]) for path in PATHS}
    assert 3 == len(outcomes["direct"].asked)
    assert outcomes["botocore"] == outcomes["direct"]
    assert outcomes["botocore"] == outcomes["asyncio"]


@pytest.mark.parametrize("path", ["direct", "asyncio"])
def test_an_informational_answer_is_not_the_answer(server, path):
    """HTTP allows any number of them before the answer (RFC 9110, 15.2)."""
    found = outcome_of(path, server, GET, ["informational"])
    assert ["informational"] == list(found.asked)
    assert {"PK": {"S": "a"}, "value": {"B": b"\x00\x01"}} == found.answer["Item"]


@pytest.mark.parametrize("path", ["direct", "asyncio"])
def test_headers_that_are_cut_off_are_no_answer(server, path):
    """The request is sent again, and a write may have been applied."""
    found = outcome_of(path, server, PUT, ["cut in the headers"])
    assert ["cut in the headers", "good"] == list(found.asked)
    assert (True, True) == found.attempts
    for_good = outcome_of(path, server, PUT, ["cut in the headers"] * 6)
    assert ("ConnectionClosedError", f"{server.url}/") == for_good.error
    assert 4 == len(for_good.asked)
