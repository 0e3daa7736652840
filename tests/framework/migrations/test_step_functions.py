"""Migrations in AWS Step Functions: the definition is interpreted, and calls the handler."""

import json
from collections import Counter
from pathlib import Path

import attrs
import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from singletable.errors import MigrationError, SingletableError
from singletable.migrations.awslambda import handler
from singletable.migrations.live_table import LiveTable
from singletable.migrations.loader import load_graph
from singletable.migrations.run_options import Options
from singletable.migrations.runner import Runner
from singletable.migrations.stepfunctions import state_machine
from singletable.migrations.table_admin import TableAdmin
from singletable.models.binding.binding import connection_of
from tests.framework.migrations.server import moto_in_process
from tests.framework.migrations.states import Execution, Failed, StateError
from tests.framework.migrations.world import ShelfTable, old_item, put_old, send, stale, stored

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:migrate"
ITEMS = 40
SEGMENTS = 4


class Killed(BaseException):
    """Lambda ends a call."""


@attrs.define
class Context:
    """Lambda's context, in a call that is long enough for a number of checks of the time after the first one."""

    looks: int

    def get_remaining_time_in_millis(self):
        self.looks -= 1
        return 100_000 if self.looks >= -1 else 59_999


@attrs.define
class Functions:
    """Lambda: each call is one of the handler, with its own context."""

    looks: int = 2
    lost: Counter = attrs.field(factory=Counter)
    before: object = lambda event: None
    calls: list = attrs.field(factory=list)

    def __call__(self, event):
        self.calls.append(event)
        try:
            self.before(event)
            answer = handler(event, Context(self.looks))
        except Killed:
            raise StateError("Lambda.Unknown", "Task timed out after 900.00 seconds") from None
        except SingletableError as error:
            told = {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": []}
            raise StateError(type(error).__name__, json.dumps(told)) from None
        if self.lost[event["action"]]:
            self.lost[event["action"]] -= 1
            raise StateError("Lambda.SdkClientException", "Read timed out")
        return answer

    def count(self, action):
        return sum(event["action"] == action for event in self.calls)


@pytest.fixture
def url(monkeypatch):
    """DynamoDB in this process, which is the only process of an interpreted execution."""
    with moto_in_process(monkeypatch) as answered:
        yield answered


@pytest.fixture(autouse=True)
def _role(monkeypatch):
    """Set the environment in which the SDK finds credentials, as in a Lambda function."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "server")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "server")


@pytest.fixture
def order(served, url, scripts):
    """The input of an execution, for a table that the first migration has created and old code has filled."""
    Runner(connection_of(ShelfTable), load_graph(scripts)).migrate("0001_initial")
    put_old(ITEMS)
    return {
        "job": {"table_name": "shelf", "scripts": str(scripts), "endpoint_url": url},
        "segments": SEGMENTS,
        "page_size": 5,
    }


def execute(order, functions=None, name="execution-1", **settings):
    execution = Execution(state_machine(ARN, **settings), functions or Functions(), name)
    execution.run(order)
    return execution


def wrong():
    return {key: stale(item) for key, item in stored().items() if stale(item)}


def assert_migrated(items=ITEMS):
    assert items == len(stored())
    assert {} == wrong()
    index = {
        "IndexName": "GSI1",
        "KeyConditionExpression": "GSI1PK = :state",
        "ExpressionAttributeValues": {":state": {"S": "STATE#OPEN"}},
    }
    assert items == send("Query", **index)["Count"]
    kinds = Counter(item["entityType"]["S"] for item in send("Scan", ConsistentRead=True)["Items"])
    assert 2 == kinds["singletable:migration"]
    assert 0 == kinds["singletable:segment"]
    assert holder() is None


def holder():
    lease = send("GetItem", Key={"PK": {"S": "SINGLETABLE#LEASE"}, "SK": {"S": "runner"}})["Item"]
    return lease.get("owner", {}).get("S")


# --- the definition -------------------------------------------------------------------


def test_the_definition_is_taken():
    """moto, with LocalStack's grammar of the States Language, accepts the definition and refuses an invalid one."""
    pytest.importorskip("antlr4")
    definition = state_machine(ARN)
    broken = {**definition, "States": {**definition["States"], "Applied": {"Type": "Succeed", "Nexxt": "Begin"}}}
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        client = boto3.client("stepfunctions", "eu-central-1")
        role = "arn:aws:iam::123456789012:role/migrate"
        made = client.create_state_machine(name="migrate", definition=json.dumps(definition), roleArn=role)
        assert made["stateMachineArn"].endswith(":stateMachine:migrate")
        with pytest.raises(ClientError, match="Nexxt"):
            client.create_state_machine(name="broken", definition=json.dumps(broken), roleArn=role)


def states_of(machine):
    for name, state in machine["States"].items():
        yield name, state, machine
        if state["Type"] == "Map":
            yield from states_of(state["ItemProcessor"])


def test_every_transition_leads_somewhere():
    reached = {"Begin", "Segment"}
    for _, state, machine in states_of(state_machine(ARN)):
        nexts = [state.get("Next"), state.get("Default")]
        nexts += [each["Next"] for each in (*state.get("Choices", ()), *state.get("Catch", ()))]
        assert {each for each in nexts if each} <= set(machine["States"])
        reached |= set(nexts)
    assert {name for name, *_ in states_of(state_machine(ARN))} == reached - {None}


def test_the_definition_is_for_the_function_and_its_partition():
    text = json.dumps(state_machine(ARN.replace("arn:aws:", "arn:aws-cn:"), concurrency=7))
    assert "arn:aws-cn:states:::lambda:invoke" in text
    assert text.count('"MaxConcurrency": 7') == 2
    with pytest.raises(MigrationError, match="concurrency=0 is out of range. Give 1 to 10,000"):
        state_machine(ARN, concurrency=0)


# --- executions -----------------------------------------------------------------------


def test_an_execution(order):
    """An execution has two passes with an index between them, several calls per segment, and leaves no records."""
    functions = Functions()
    execution = execute(order, functions)
    assert_migrated()
    assert execution.trace[-1] == "Applied"
    assert 3 == functions.count("begin")
    assert 2 == functions.count("end")
    assert functions.count("slice") > 2 * SEGMENTS
    assert 2 * SEGMENTS == functions.count("verify")  # a verified page has a thousand items


def test_what_is_applied_is_left_alone(order):
    functions = Functions()
    execute(order)
    execute(order, functions, "execution-2")
    assert ["begin"] == [event["action"] for event in functions.calls]
    assert_migrated()


def test_a_target_and_no_verification(order):
    """The input of an execution has its options."""
    functions = Functions()
    execute({**order, "target": "0001_initial"}, functions)
    assert 1 == functions.count("begin")
    execute({**order, "verify": False}, functions)
    assert 0 == functions.count("verify")
    assert_migrated()


def test_the_rate_is_shared(order):
    """The function of each segment has its share of the rate."""
    functions = Functions(looks=99)
    execute({**order, "job": {**order["job"], "rate": 4000.0}}, functions, concurrency=2)
    assert {2000.0} == {event["work"]["job"]["rate"] for event in functions.calls if event["action"] == "slice"}
    assert_migrated()


@pytest.mark.parametrize("action", ["begin", "slice", "verify", "end"])
@pytest.mark.deep
def test_answers_that_are_lost(order, action):
    """A repeated action after a lost response is not done twice."""
    functions = Functions(lost=Counter({action: 2}))
    execute(order, functions)
    assert_migrated()
    counts = [json.loads(item["counts"]["S"]) for item in send("Scan")["Items"] if item["SK"]["S"] == "0002_by_state"]
    assert [2 * ITEMS] == [each["written"] + each.get("already", 0) for each in counts]


@pytest.mark.parametrize("first", [8, *(pytest.param(first, marks=pytest.mark.deep) for first in (1, 15, 22, 29))])
def test_calls_that_are_killed(order, monkeypatch, first):
    """Calls that are killed at any point are retried, and the execution ends."""
    send_on = LiveTable.send
    sent = iter(range(1, 10_000))

    def send_or_die(self, operation, params):
        number = next(sent)
        if number % 31 == first:
            raise Killed
        answer = send_on(self, operation, params)
        if number % 31 == first + 1:
            raise Killed
        return answer

    monkeypatch.setattr(LiveTable, "send", send_or_die)
    execute(order, Functions(looks=3))
    assert_migrated()


def test_a_call_that_is_too_short_for_an_index(order, monkeypatch):
    """Begin is also called again, and keeps the lease meanwhile."""
    waits = iter([False] * 5)
    quiet = TableAdmin._quiet
    monkeypatch.setattr(TableAdmin, "_quiet", lambda self: next(waits, True) and quiet(self))
    functions = Functions(looks=0)
    execute(order, functions)
    assert 3 + 5 == functions.count("begin")
    assert_migrated()


@pytest.mark.deep
def test_an_execution_that_was_aborted(order):
    """Another execution waits for its lease, continues from the checkpoints and repeats the verification."""

    class Aborted(Exception):
        pass

    def abort(event):
        if event["action"] == "begin" and functions.count("end") == 2:
            raise Aborted

    functions = Functions(before=abort)
    with pytest.raises(Aborted):
        execute(order, functions)
    assert holder() == "execution-1"
    send(
        "UpdateItem",
        Key={"PK": {"S": "TASK#t1"}, "SK": {"S": "TASK"}},
        UpdateExpression="REMOVE #ttl",
        ExpressionAttributeNames={"#ttl": "ttl"},
    )
    again = Functions(looks=1000)
    with pytest.raises(Failed, match="found wrong items: 1 of 40") as failed:
        execute({**order, "lease_seconds": 0.2}, again, "execution-2")
    assert failed.value.error == "MigrationStoppedError"
    assert (0, SEGMENTS) == (again.count("slice"), again.count("verify"))
    assert holder() is None
    execute(order, Functions(), "execution-3")
    assert_migrated()


def test_old_code_behind_the_sweep_is_found(order):
    """The execution fails with a message; the next one repeats the pass."""

    def write(event):
        if event["action"] == "verify" and functions.count("verify") == 1:
            send("PutItem", Item=old_item(1))

    functions = Functions(before=write)
    with pytest.raises(Failed, match="The verification of 0002_by_state found wrong items: 1 of 40"):
        execute(order, functions)
    assert holder() is None
    execute(order, name="execution-2")
    assert_migrated()


def test_what_is_quarantined_ends_it(order):
    """Quarantined items end an execution until they are corrected and redriven."""
    send("PutItem", Item=old_item(7, state={"N": "1"}) | {"state": {"N": "1"}})
    with pytest.raises(Failed, match="1 item is quarantined") as failed:
        execute(order)
    assert failed.value.error == "MigrationStoppedError"
    assert "stackTrace" not in failed.value.cause
    assert holder() is None
    send("PutItem", Item=old_item(7))
    execute({**order, "redrive": True}, name="execution-2")
    assert_migrated()


def test_too_many_errors_end_a_segment(order):
    """The Map Run has the reason; the execution's message refers to it."""
    for number in range(ITEMS):
        send("PutItem", Item=old_item(number) | {"state": {"N": "1"}})
    with pytest.raises(Failed, match="in the Map Run") as failed:
        execute({**order, "segments": 1, "page_size": 20, "max_errors": 0.5})
    assert failed.value.error == "States.ExceedToleratedFailureThreshold"
    assert holder() is None


def test_a_table_that_another_migrates(order):
    """The lease of another runner is neither taken nor given back."""
    other = Runner(connection_of(ShelfTable), load_graph(_folder(order)), Options())
    other.lease.acquire()
    other.lease._seconds = 0.2
    other.lease.keep()
    with pytest.raises(Failed, match="is migrating this table") as failed:
        execute({**order, "lease_seconds": 2.0}, Functions(looks=1000))
    assert failed.value.error == "LeaseHeldError"
    assert holder() == other.lease.owner
    other.lease.release()


def test_another_runner_that_takes_over(order):
    """The execution ends without an effect on the new runner."""
    other = Runner(connection_of(ShelfTable), load_graph(_folder(order)), Options(segments=SEGMENTS, lease_seconds=0.1))

    def take(event):
        if event["action"] == "slice" and functions.count("slice") == 3:
            other.lease.acquire()

    functions = Functions(before=take)
    execution = Execution(state_machine(ARN), functions)
    with pytest.raises(Failed, match="Map Run"):
        execution.run(order)
    assert "LeaseLostError" in [getattr(each, "error", None) for each in execution.trace]
    assert 3 == functions.count("slice")
    assert holder() == other.lease.owner
    other.lease.release()


def _folder(order):
    return Path(order["job"]["scripts"])


@pytest.mark.parametrize(
    ("data", "what"),
    [
        ({}, "no 'job'"),
        ({"job": {"table_name": "shelf", "scripts": "."}, "speed": 9}, "has an unknown field 'speed'"),
        ({"job": {"table_name": "shelf", "scripts": ".", "credentials": ["a", "b", None]}}, "has credentials"),
        ({"job": {"table_name": "shelf", "scripts": "."}, "segments": 0}, "options are invalid"),
        (
            {"job": {"table_name": "shelf", "scripts": "."}, "segments": 20_000},
            "segments=20,000: the states can pass on at most",
        ),
        (
            {"job": {"table_name": "shelf", "scripts": "/nowhere"}},
            "The folder '/nowhere' of this process has no migrations",
        ),
    ],
)
def test_an_input_that_cannot_be(data, what):
    with pytest.raises(Failed, match=what) as failed:
        execute(data)
    assert failed.value.error == "MigrationError"


def test_an_action_that_nobody_knows():
    with pytest.raises(MigrationError, match="'stop' is not an action"):
        handler({"action": "stop"}, Context(1))


def test_a_timeout_that_is_too_short():
    """A timeout that is too short is refused, since calls would not progress."""
    with pytest.raises(MigrationError, match="has only 60 s for a call"):
        handler({"action": "begin"}, Context(-1))


def test_what_is_handed_on_stays_small():
    """The data between states stays below the limit for the most segments."""
    widest = {"state": "pass", "open": list(range(10_000)), "all": list(range(10_000)), "work": {}}
    assert len(json.dumps(widest)) < 200 * 1024
