"""Lambda events: records of the own table, direct or wrapped by Kinesis, are handled; all others are errors."""

import base64
import json
import logging
import re
import time

import pytest

from singletable.errors import MalformedRecordError
from singletable.models.binding.binding import bound
from singletable.streams import StreamRouter, record_of
from tests.framework.app import Account, AppTable
from tests.framework.streams.kinesis import kinesis_record, wrapped
from tests.framework.streams.test_lambda_handler import lines, printed_by

ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/{}/stream/2026-11-30T00:00:00.000"


@pytest.fixture
def router(table, logged):
    """Return a router that collects new accounts in `seen` and changes in `changes`, and fails for `failing`."""
    made = StreamRouter(AppTable)
    made.seen, made.changes, made.failing = [], [], set()

    @made.on(Account, "INSERT", "REMOVE", name="note")
    def note(change):
        if change.key["account_id"] in made.failing:
            raise ValueError("secret")
        made.seen.append(change.key["account_id"])
        made.changes.append(change)

    return made


def record(name, **more):
    """Return a record of a new account in the form of Lambda."""
    return json.loads(json.dumps({**record_of(new=Account(account_id=name), sequence_number=f"1{name}"), **more}))


def from_kinesis(*names, start=100, table="app", **options):
    """Return an event of Kinesis with new accounts, whose sequence numbers count from `start`."""
    return {
        "Records": [
            kinesis_record(record(name), str(start + place), table=table, **options) for place, name in enumerate(names)
        ]
    }


def numbers(answer):
    """Return the sequence numbers that an answer reports as failed."""
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


# --- wrapped by Kinesis -------------------------------------------------------------------


def test_records_that_kinesis_wraps_are_handled(router, logged):
    """In their order, with both images, the event's id and the sequence number of Kinesis."""
    event = from_kinesis("a", "b")
    ids = [json.loads(base64.b64decode(each["kinesis"]["data"]))["eventID"] for each in event["Records"]]
    assert [] == numbers(router.lambda_handler(event, None))
    assert ["a", "b"] == router.seen
    assert ids == [each.event_id for each in router.changes]
    assert ["100", "101"] == [each.record.sequence_number for each in router.changes]
    assert {"Handled": 2, "Repeated": 0, "Failed": 0, "DeadLetters": 0} == lines(logged)[1]


def test_a_batch_of_kinesis_ends_at_the_first_that_fails(router):
    """Its number in the Kinesis shard is reported. After a redelivery from there, each is handled once."""
    router.failing.add("b")
    event = from_kinesis("a", "b", "c")
    assert ["101"] == numbers(router.lambda_handler(event, None))
    assert ["a"] == router.seen
    router.failing.clear()
    assert [] == numbers(router.lambda_handler({"Records": event["Records"][1:]}, None))
    assert ["a", "b", "c"] == router.seen


def test_a_change_that_both_streams_deliver_is_handled_once(router):
    """Both deliveries have the same event id."""
    raw = record("a")
    router.lambda_handler({"Records": [raw]}, None)
    router.lambda_handler({"Records": [kinesis_record(raw, "7", table="app")]}, None)
    assert ["a"] == router.seen


@pytest.mark.parametrize("precision", ["MILLISECOND", "MICROSECOND"])
def test_the_time_of_a_change_is_read_in_each_unit(router, logged, precision):
    """Kinesis has milliseconds or microseconds, DynamoDB Streams has seconds."""
    before = time.time()
    router.lambda_handler(from_kinesis("a", precision=precision), None)
    assert before - 1 < router.changes[0].at.timestamp() < time.time() + 1
    (metrics,) = (each for each in printed_by(logged) if "_aws" in each)
    assert 0 <= metrics["Age"][0] < 60_000


def test_binary_values_and_deletions_by_time_to_live_pass_through_kinesis(router):
    """They are the same as in records of DynamoDB Streams."""
    expired = json.loads(json.dumps(record_of(old=Account(account_id="a"), expired=True)))
    router.lambda_handler({"Records": [kinesis_record(expired, "1", table="app")]}, None)
    assert [True] == [each.expired for each in router.changes]


@pytest.mark.parametrize("data", [b"\xff", b"not json", b"", b"{"])
def test_data_of_kinesis_that_is_damaged_is_a_dead_letter(router, logged, data):
    """It has the number of its Kinesis record; the other records are handled."""
    event = from_kinesis("a", "b")
    event["Records"].insert(1, wrapped(data, "77"))
    assert [] == numbers(router.lambda_handler(event, None))
    assert ["a", "b"] == router.seen
    (letter,) = (each for each in printed_by(logged) if "dead letter" in each.get("message", ""))
    assert ("77", "shardId-000000000000:77") == (letter["sequence_number"], letter["event_id"])


def test_a_damaged_record_of_kinesis_whose_letter_cannot_be_sent_is_delivered_again(table, logged):
    """It is reported by its own number."""

    def down(letter):
        raise OSError("secret")

    router = StreamRouter(AppTable, dead_letters=down)
    event = from_kinesis("a")
    event["Records"].append(wrapped(b"{", "77"))
    assert ["77"] == numbers(router.lambda_handler(event, None))


# --- everything else ----------------------------------------------------------------------

SQS = {"messageId": "m", "receiptHandle": "x", "body": "{}", "eventSource": "aws:sqs"}
SNS = {"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": {"Message": "{}"}}
S3 = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}}}


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"Records": [SQS]}, "from 'aws:sqs', not from a DynamoDB stream"),
        ({"Records": [SNS]}, "from 'aws:sns', not from a DynamoDB stream"),
        ({"Records": [S3, S3]}, "from 'aws:s3', not from a DynamoDB stream"),
        ({"Records": [{"body": "{}"}]}, "no record of a DynamoDB stream"),
        ({"Records": [None, "x", {}]}, "no record of a DynamoDB stream"),
        ({"version": "0", "source": "aws.s3", "detail": {}}, "no Records, so it is not from a DynamoDB stream"),
        ({"rawPath": "/", "body": "{}"}, "no Records"),
    ],
)
def test_an_event_of_another_service_raises(router, event, message):
    """No record of it is acknowledged."""
    with pytest.raises(MalformedRecordError, match=message):
        router.lambda_handler(event, None)


def test_an_event_with_a_foreign_record_among_its_own_raises_before_any_is_handled(router):
    """The record is of another service or table, or has other data in a Kinesis data stream."""
    for event in (
        {"Records": [record("a"), SQS]},
        {"Records": [record("a"), record("b", eventSourceARN=ARN.format("other"))]},
        {"Records": [*from_kinesis("a")["Records"], *from_kinesis("b", table="other")["Records"]]},
        {"Records": [*from_kinesis("a")["Records"], wrapped(b'{"temperature": 3}', "1")]},
        {"Records": [*from_kinesis("a")["Records"], wrapped(b"[1]", "1")]},
    ):
        with pytest.raises(MalformedRecordError):
            router.lambda_handler(event, None)
    assert [] == router.seen


@pytest.mark.parametrize(
    ("mine", "theirs", "own"),
    [
        ("app", "app", True),
        ("app", "app-dev", False),
        ("app-dev", "app", False),
        ("arn:aws:dynamodb:eu-west-1:123456789012:table/app", "app", True),
        ("arn:aws:dynamodb:us-east-1:123456789012:table/app", "app", False),
        ("arn:aws:dynamodb:eu-west-1:999999999999:table/app", "app", False),
    ],
)
def test_the_table_of_a_record_is_the_one_to_which_the_router_is_bound(router, mine, theirs, own):
    """By name. A table that is bound by its ARN is also compared by region and account."""
    from singletable.streams.events import require_own

    raw = record("a", eventSourceARN=ARN.format(theirs))
    with AppTable.bind(table_name=mine):
        assert mine == bound(AppTable).table_name
        if own:
            require_own(raw, AppTable)
        else:
            with pytest.raises(MalformedRecordError, match=re.escape(mine)):
                require_own(raw, AppTable)


# --- damaged records -------------------------------------------------------------------

DAMAGED = [None, [], "x", 5, {}, {"dynamodb": None}, {"eventID": 5, "dynamodb": []}]


@pytest.mark.parametrize("damaged", DAMAGED, ids=repr)
def test_a_damaged_record_among_others_is_a_dead_letter(router, logged, damaged):
    """The others are handled, and the batch is acknowledged after the letter was sent."""
    event = {"Records": [record("1"), damaged, record("2")]}
    assert [] == numbers(router.lambda_handler(event, None))
    assert ["1", "2"] == router.seen
    assert 1 == lines(logged)[1]["DeadLetters"]


@pytest.mark.parametrize("damaged", DAMAGED, ids=repr)
def test_a_damaged_record_whose_letter_cannot_be_sent_fails_the_batch_from_there(table, logged, damaged):
    """The record before it is reported, because Lambda needs a sequence number. The first of a batch is an error."""

    def down(letter):
        raise OSError("secret")

    router, seen = StreamRouter(AppTable, dead_letters=down), []
    router.on(Account, "INSERT", name="note")(lambda change: seen.append(change.new.account_id))
    event = {"Records": [record("1"), damaged, record("2")]}
    for _ in range(2):
        assert ["11"] == numbers(router.lambda_handler(event, None))
    assert ["1"] == seen, "it is marked as handled"
    with pytest.raises(MalformedRecordError, match="first record of a batch failed and has no sequence number"):
        router.lambda_handler({"Records": [damaged, record("2")]}, None)
    assert ["1"] == seen
    printed = printed_by(logged)
    assert ["OSError in down"] * 3 == [
        each["reason"].split(" (")[0] for each in printed if each.get("message") == "record failed"
    ]
    assert 3 == sum("_aws" in each for each in printed), "the metrics of a batch that raises are also written"


# --- logs and metrics --------------------------------------------------------------------


def test_the_start_and_every_line_name_the_table(router, logged):
    """The metrics also name the table."""
    with AppTable.bind(table_name="app-staging"):
        other = StreamRouter(AppTable)
        other.lambda_handler({"Records": []}, None)
    router.lambda_handler(from_kinesis("a"), None)
    printed = [json.loads(line) for line in logged.readouterr().out.splitlines()]
    assert ["started", "batch", "started", "batch"] == [each["message"] for each in printed if "_aws" not in each]
    assert ["app-staging"] * 2 + ["app"] * 2 == [each["table"] for each in printed if "_aws" not in each]
    assert ["app-staging", "app"] == [each["service"] for each in printed if "_aws" in each]


def test_two_routers_in_one_function_keep_their_names(table, logged):
    """The lines of their dead letters also have their own names."""
    handlers = []
    for name in ("app-a", "app-b"):
        with AppTable.bind(table_name=name):
            handlers.append((name, StreamRouter(AppTable).lambda_handler))
    for name, handler in (*handlers, *reversed(handlers)):
        with AppTable.bind(table_name=name):
            handler({"Records": [{"dynamodb": {"SequenceNumber": "1"}}]}, None)
    printed = [each for each in printed_by(logged) if "dead letter" in each.get("message", "")]
    assert ["app-a", "app-b", "app-b", "app-a"] == [each["table"] for each in printed]
    assert [f"{name}-stream" for name in ("app-a", "app-b", "app-b", "app-a")] == [each["service"] for each in printed]


def test_metrics_and_logger_of_a_handler_are_its_own(table, logged):
    """The router does not write a handler's metrics, and the handler's logger keeps its handlers and keys."""
    from aws_lambda_powertools import Logger, Metrics
    from aws_lambda_powertools.metrics import MetricUnit

    own = logging.getLogger("singletable")
    before = list(own.handlers)
    metrics, logger = Metrics(namespace="Mine", service="orders"), Logger(service="app-stream")
    logger.append_keys(mine=1)
    configured = list(logger.handlers)
    router = StreamRouter(AppTable)

    @router.on(Account, "INSERT", name="sell")
    def sell(change):
        metrics.add_metric(name="Sold", unit=MetricUnit.Count, value=1)
        logger.info("sold")

    router.lambda_handler({"Records": [record("a")]}, None)
    printed = printed_by(logged)
    assert [[]] == [[name for name in each if name == "Sold"] for each in printed if "_aws" in each]
    assert [1] == [each["mine"] for each in printed if each.get("message") == "sold"]
    assert [None] == [each.get("mine") for each in printed if each.get("message") == "batch"]
    assert (before, configured) == (list(own.handlers), list(logger.handlers))
    metrics.flush_metrics()
    (mine,) = printed_by(logged)
    assert [1.0] == mine["Sold"]


@pytest.mark.parametrize(("level", "printed"), [("ERROR", []), ("nonsense", ["started", "batch"])])
def test_the_level_of_the_log_is_that_of_the_function(table, logged, monkeypatch, level, printed):
    """Lambda or powertools sets the level; an unknown level is INFO."""
    monkeypatch.setenv("AWS_LAMBDA_LOG_LEVEL", level)
    StreamRouter(AppTable).lambda_handler({"Records": []}, None)
    found = [json.loads(line) for line in logged.readouterr().out.splitlines()]
    assert printed == [each["message"] for each in found if "_aws" not in each]


def test_a_dead_letter_is_logged_at_any_level_of_the_function(table, logged, monkeypatch):
    """Otherwise a dead letter of a router without a sink would be lost."""
    monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", "CRITICAL")
    StreamRouter(AppTable).lambda_handler({"Records": [{"dynamodb": {"SequenceNumber": "1"}}]}, None)
    assert ["1"] == [each["sequence_number"] for each in printed_by(logged) if "_aws" not in each]
