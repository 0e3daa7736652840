"""Retries and time-outs over HTTP: the number of the SDK's attempts, the pauses between them, and the final error."""

import json
import time
from contextlib import contextmanager
from importlib.metadata import version
from statistics import mean

import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.wrappers import Request, Response

from singletable import observe
from singletable.errors import InvalidValueError, NoResponseError, ThrottledError, UnexpectedAttributesError
from singletable.models.binding.binding import connection_of
from tests.framework.app import Account, AppTable
from tests.framework.migrations.server import CREDENTIALS, OneAtATime, serving

THROTTLED = "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"
ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/app"


class Moody:
    """moto, except that some requests get a given answer, and some operations are slow."""

    def __init__(self):
        self.moto = OneAtATime(DomainDispatcherApplication(create_backend_app))
        self.answers, self.asked, self.slow = [], [], {}

    def __call__(self, environ, start_response):
        operation = Request(environ).headers.get("X-Amz-Target", "").rpartition(".")[2]
        self.asked.append(operation)
        time.sleep(self.slow.get(operation, 0))
        if self.answers:
            status, body = self.answers.pop(0)
            response = Response(json.dumps(body), status, content_type="application/x-amz-json-1.0")
            return response(environ, start_response)
        return self.moto(environ, start_response)

    def throttle(self, times, **more):
        """Throttle the next requests."""
        self.asked.clear()
        self.answers = [(400, {"__type": THROTTLED, "message": "slow down", **more})] * times


@pytest.fixture(scope="module")
def server():
    moody = Moody()
    with serving(moody) as url:
        moody.url = url
        with AppTable.bind(endpoint_url=url, credentials=CREDENTIALS):
            AppTable.create_table(wait=True)
        yield moody


@pytest.fixture
def pauses(monkeypatch):
    """The pauses of the SDK between attempts, in seconds; the test does not sleep."""
    found = []

    class Clock:
        @staticmethod
        def sleep(seconds):
            found.append(seconds)

    monkeypatch.setattr("botocore.endpoint.time", Clock)
    monkeypatch.setattr("singletable.steps.time", Clock)
    return found


@contextmanager
def bound(server, **settings):
    with AppTable.bind(endpoint_url=server.url, credentials=CREDENTIALS, **settings):
        yield


@pytest.mark.parametrize("attempts", [1, 2, 4])
def test_a_throttled_request_is_sent_as_often_as_is_set(server, pauses, attempts):
    """The first attempt counts; the final error names the table."""
    with bound(server, max_attempts=attempts):
        server.throttle(attempts - 1)
        assert Account.item(account_id="a").one_or_none() is None
        assert attempts == len(server.asked)
        server.throttle(99)
        with pytest.raises(
            ThrottledError, match="GetItem on 'app' was throttled .* Send fewer requests at once"
        ) as caught:
            Account.item(account_id="a").one_or_none()
        assert attempts == len(server.asked)
        assert ("app", None) == (caught.value.table, caught.value.index)
    assert 2 * (attempts - 1) == len(pauses)


def test_pauses_grow_with_full_jitter(server, pauses):
    """Each is between zero and twice the previous bound, so that throttled clients do not retry at the same time."""
    # A client has a quota of retries: if all requests are throttled, it is empty after about thirty.
    for number in range(3):
        with bound(server, max_attempts=4, max_connections=10 + number):
            for _ in range(20):
                server.throttle(3)
                Account.item(account_id="a").one_or_none()
    for number, longest in enumerate((1, 2, 4)):
        found = pauses[number::3]
        assert all(0 <= each <= longest for each in found)
        assert min(found) < longest / 4
        assert longest * 3 / 4 < max(found)
        assert longest / 4 < mean(found) < longest * 3 / 4


@pytest.mark.skipif(
    tuple(map(int, version("botocore").split("."))) < (1, 40, 12),
    reason="older descriptions of the service lack ThrottlingReasons",
)
def test_what_throttles_is_said(server, pauses):
    """The error names the index if DynamoDB does (API Reference, "ThrottlingReason")."""
    reason = {"reason": "IndexWriteProvisionedThroughputExceeded", "resource": f"{ARN}/index/GSI2"}
    with bound(server, max_attempts=1):
        server.throttle(1, ThrottlingReasons=[reason])
        with pytest.raises(ThrottledError, match="PutItem on 'app' was throttled by the index GSI2") as caught:
            Account(account_id="a").create()
        assert ("app", "GSI2") == (caught.value.table, caught.value.index)
        server.throttle(1, ThrottlingReasons=[{**reason, "resource": ARN}])
        with pytest.raises(ThrottledError, match="PutItem on 'app' was throttled \\("):
            Account(account_id="a").create()


def test_attempts_are_told_to_observers(server, pauses):
    """Events of successes and of failures have the number of attempts."""
    told = []
    with bound(server, max_attempts=3), observe(AppTable, told.append):
        server.throttle(2)
        Account.item(account_id="a").one_or_none()
        server.throttle(3)
        with pytest.raises(ThrottledError):
            Account.item(account_id="a").one_or_none()
    assert [(3, None), (3, "ProvisionedThroughputExceededException")] == [(each.attempts, each.error) for each in told]


def test_an_operation_may_have_a_time_out_of_its_own(server):
    """Other operations keep theirs."""
    server.answers.clear()
    server.slow = {"GetItem": 0.6, "Query": 0.6}
    try:
        with bound(server, max_attempts=1, timeouts={"GetItem": 0.1}):
            started = time.monotonic()
            with pytest.raises(NoResponseError, match="No answer to GetItem on 'app'"):
                Account.item(account_id="a").one_or_none()
            waited = time.monotonic() - started
            assert [] == Account.query(account_id="a").all()
        server.slow["BatchWriteItem"] = 0.2
        with bound(server, max_attempts=1, read_timeout=0.1, timeouts={"Query": 30, "BatchWriteItem": 30}):
            with AppTable.batch() as batch:
                batch.save(Account(account_id="a"))
            Account(account_id="a").delete()
            assert [] == Account.query(account_id="a").all()
            with pytest.raises(NoResponseError):
                Account.item(account_id="a").one_or_none()
    finally:
        server.slow = {}
    assert waited < 0.6


def test_a_time_out_in_meta(monkeypatch):
    """Meta has it, like PynamoDB's other time-outs."""
    monkeypatch.setattr(AppTable.Meta, "timeouts", {"Scan": 60}, raising=False)
    assert {"Scan": 60} == connection_of(AppTable).connection.settings.timeouts


@pytest.mark.parametrize(
    ("timeouts", "error", "message"),
    [
        (
            {"get_item": 1},
            UnexpectedAttributesError,
            "'get_item' is not an operation that .* Such operations are: BatchGetItem",
        ),
        ({"GetItem": 0}, InvalidValueError, "The time-out of GetItem is 0, which is not a number of seconds above 0"),
        ({"GetItem": "1"}, InvalidValueError, "The time-out of GetItem is '1'"),
        ({"GetItem": True}, InvalidValueError, "The time-out of GetItem is True"),
        ({"GetItem": float("nan")}, InvalidValueError, "The time-out of GetItem is nan"),
    ],
)
def test_a_time_out_that_is_none(timeouts, error, message):
    """An invalid time-out raises where it is set."""
    with pytest.raises(error, match=message):
        AppTable.bind(timeouts=timeouts)
