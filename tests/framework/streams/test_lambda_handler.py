"""The Lambda handler: its reports, logs and counts."""

import json
import sys
import time

import pytest

from singletable.errors import EngineUnavailableError, MalformedRecordError, StreamViewError, UnprocessableError
from singletable.streams import StreamRouter, record_of
from singletable.testing.faults import Throttling, inject
from tests.framework.app import Account, AppTable


@pytest.fixture
def router(table, logged):
    """Return a router that collects the given accounts in `seen` and fails for those in `failing`."""
    made = StreamRouter(AppTable)
    made.seen, made.failing = [], set()

    @made.on(Account, "INSERT", name="note")
    def note(change):
        if change.new.account_id == "never":
            raise UnprocessableError("No such country.")
        if change.new.account_id in made.failing:
            raise ValueError(f"secret {change.new.account_id}")
        made.seen.append(change.new.account_id)

    return made


def batch(*names):
    """Return a Lambda event with new accounts, whose sequence numbers count from 1."""
    records = [record_of(new=Account(account_id=name), sequence_number=f"{1 + n}") for n, name in enumerate(names)]
    return json.loads(json.dumps({"Records": records}))


def printed_by(capsys):
    """Return the lines of a function's log and its metrics, without the line of its start."""
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [each for each in printed if each.get("message") != "started"]


def lines(capsys):
    """Return the logged lines and the metrics."""
    printed = printed_by(capsys)
    (metrics,) = (each for each in printed if "_aws" in each)
    return [each for each in printed if "_aws" not in each], {
        name: metrics[name][0] for name in ("Handled", "Repeated", "Failed", "DeadLetters")
    }


def test_a_batch_that_goes_through(router, logged):
    """No failure is reported, and one line is logged."""
    assert {"batchItemFailures": []} == router.lambda_handler(batch("a", "b", "c"), None)
    assert ["a", "b", "c"] == router.seen
    (line,), counts = lines(logged)
    assert ("batch", "app-stream", 3, 3) == tuple(line[name] for name in ("message", "service", "records", "handled"))
    assert {"Handled": 3, "Repeated": 0, "Failed": 0, "DeadLetters": 0} == counts


def test_a_batch_ends_at_the_first_that_fails(router, logged):
    """Later records are not handled. After a redelivery from there, each is handled once."""
    router.failing.add("b")
    event = batch("a", "b", "c")
    assert {"batchItemFailures": [{"itemIdentifier": "2"}]} == router.lambda_handler(event, None)
    assert ["a"] == router.seen
    (failed, _), counts = lines(logged)
    assert ("handler failed", "2", "note", "Account") == tuple(
        failed[name] for name in ("message", "sequence_number", "handler", "entity")
    )
    assert failed["reason"].startswith("ValueError in note (test_lambda_handler.py:")
    assert {"Handled": 1, "Repeated": 0, "Failed": 1, "DeadLetters": 0} == counts
    router.failing.clear()
    # Lambda delivers the failed record and later ones again. It may also deliver all of them, as here.
    assert {"batchItemFailures": []} == router.lambda_handler(event, None)
    assert ["a", "b", "c"] == router.seen
    assert {"Handled": 2, "Repeated": 1, "Failed": 0, "DeadLetters": 0} == lines(logged)[1]


def test_what_the_other_handlers_of_a_failing_record_did_is_counted(router, logged):
    """They are not called again."""
    router.on(Account, "INSERT", name="other")(lambda change: None)
    router.failing.add("a")
    router.lambda_handler(batch("a", "b"), None)
    assert {"Handled": 1, "Repeated": 0, "Failed": 1, "DeadLetters": 0} == lines(logged)[1]


def test_the_first_of_a_batch_that_fails(router):
    """The whole batch is delivered again; the function itself does not fail."""
    router.failing.add("a")
    assert {"batchItemFailures": [{"itemIdentifier": "1"}]} == router.lambda_handler(batch("a", "b"), None)


def test_what_cannot_be_read_or_handled_does_not_stop_the_rest(router, logged):
    """Each makes a dead letter with the sequence number and the reason."""
    event = batch("a", "never", "c", "d")
    event["Records"][2]["dynamodb"]["NewImage"]["visits"] = {"S": "secret"}
    del event["Records"][0]["eventID"]
    assert {"batchItemFailures": []} == router.lambda_handler(event, None)
    assert ["d"] == router.seen
    logged, counts = lines(logged)
    letters = [each for each in logged if "dead letter" in each["message"]]
    assert ["1", "2", "3"] == [each["sequence_number"] for each in letters]
    assert "No such country." == letters[1]["reason"]
    assert {"Handled": 1, "Repeated": 0, "Failed": 0, "DeadLetters": 3} == counts


def test_a_record_that_no_handler_was_given_fails_with_a_line_too(table, logged):
    """Unreadable marks, a failing sink and a stream with too few images are logged and counted."""

    def full(letter):
        raise OSError("secret")

    router = StreamRouter(AppTable, dead_letters=full)
    router.on(Account, "INSERT", name="note")(lambda change: None)
    throttled, small = batch("a"), batch("a")
    small["Records"][0]["dynamodb"]["StreamViewType"] = "KEYS_ONLY"
    with inject(AppTable, Throttling(operations=["Query"])):
        answers = [
            router.lambda_handler(event, None)
            for event in (throttled, {"Records": [{"dynamodb": {"SequenceNumber": "1"}}]}, small)
        ]
    assert [{"batchItemFailures": [{"itemIdentifier": "1"}]}] * 3 == answers
    printed = [json.loads(line) for line in logged.readouterr().out.splitlines()]
    failed = [each for each in printed if each.get("message") == "record failed"]
    assert [
        ("1", "ThrottledError"),
        ("1", "OSError in full"),
        ("1", "The stream shows KEYS_ONLY; note needs the new"),
    ] == [(each["sequence_number"], each["reason"].split(" (")[0].split(" image")[0]) for each in failed]
    assert [[1.0]] * 3 == [each["Failed"] for each in printed if "_aws" in each]
    assert "secret" not in str(printed)


def test_the_age_is_that_of_the_last_record(router, logged):
    """In milliseconds, for an alarm on the delay of the stream's reader."""
    event = batch("a", "b")
    now = time.time()
    for record, age in zip(event["Records"], (500, 90), strict=True):
        record["dynamodb"]["ApproximateCreationDateTime"] = now - age
    router.lambda_handler(event, None)
    (metrics,) = (json.loads(line) for line in logged.readouterr().out.splitlines() if "_aws" in line)
    assert 90_000 <= metrics["Age"][0] < 120_000


def test_no_value_of_an_item_is_logged(router, logged):
    """For handled, failed and given-up records, also at level DEBUG."""
    router.failing.add("secret-b")
    event = batch("secret-a", "secret-b")
    del event["Records"][0]["dynamodb"]["Keys"]
    router.lambda_handler(event, None)
    assert "secret" not in "".join(logged.readouterr())


@pytest.mark.parametrize("event", [{}, {"Records": "x"}, [], {"detail": {}}])
def test_an_event_of_something_else(router, event):
    """The error names the expected event."""
    with pytest.raises(MalformedRecordError, match="no Records, so it is not from a DynamoDB stream"):
        router.lambda_handler(event, None)


def test_an_empty_batch(router):
    """No failure is reported."""
    assert {"batchItemFailures": []} == router.lambda_handler({"Records": []}, None)


def test_a_stream_that_shows_too_little_fails_at_the_start(table, monkeypatch):
    """If the model declares the view type."""
    monkeypatch.setattr(AppTable.Meta, "stream_view_type", "KEYS_ONLY", raising=False)
    router = StreamRouter(AppTable)
    router.on(Account, "INSERT", name="any")(print)
    with pytest.raises(StreamViewError, match="shows KEYS_ONLY; any needs the new image"):
        router.lambda_handler  # noqa: B018 - a property


def test_without_powertools(router, monkeypatch):
    """The error is one line with a remedy."""
    monkeypatch.setitem(sys.modules, "aws_lambda_powertools", None)
    with pytest.raises(EngineUnavailableError, match=r"pip install 'singletable\[lambda\]'"):
        router.lambda_handler  # noqa: B018
