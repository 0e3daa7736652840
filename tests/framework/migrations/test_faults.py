"""The faults that a backfill on a live table survives: each test has the number of its row in the list of faults."""

import json
import re
import threading
import time
from collections import Counter, deque
from datetime import datetime, timedelta, timezone
from itertools import pairwise

import attrs
import pytest
from botocore.exceptions import ClientError

from singletable.engine import embedded
from singletable.errors import (
    AccessDeniedError,
    LeaseHeldError,
    LeaseLostError,
    MigrationConflictError,
    MigrationError,
    MigrationStoppedError,
    TableMissingError,
    ThrottledError,
)
from singletable.migrations import (
    AddEntity,
    Backfill,
    BackfillExpiry,
    BackfillWith,
    Choice,
    CreateIndex,
    Graph,
    Integer,
    KeyText,
    Migration,
    Rekey,
    Script,
    Text,
)
from singletable.migrations import pass_runner as runner_module
from singletable.migrations.clock import Clock
from singletable.migrations.history import History
from singletable.migrations.item_writer import knows_statements
from singletable.migrations.lease import Lease
from singletable.migrations.passes import Pass
from singletable.migrations.planner import make_plan
from singletable.migrations.segments import SegmentWorker, Slice
from singletable.migrations.sources import UnfitItemError
from singletable.migrations.sweep import next_ready
from singletable.migrations.table_admin import TableAdmin
from singletable.migrations.throttle import Throttle
from singletable.models.binding.binding import connection_of
from singletable.models.schema.table_schema import entity_schema
from singletable.testing import Crash, InjectedCrash, LostResponse, Rival, Throttling, inject
from singletable.testing.faults import Fault
from tests.framework.migrations.statements import Statements
from tests.framework.migrations.world import (
    BY_STATE,
    KEY,
    ShelfTable,
    StillClock,
    dangers,
    first,
    graph,
    old_item,
    plain,
    put_old,
    runner,
    send,
    stale,
    stored,
    work,
)

NOW = datetime(2026, 11, 26, tzinfo=timezone.utc)
BACKFILL = Backfill("TASK", *BY_STATE)


@pytest.fixture
def shelf():
    """The table as of the first migration, with eight tasks that old code stored, and five boxes."""
    with embedded(ShelfTable, create=False):
        runner().migrate("0001_initial")
        put_old()
        yield ShelfTable


def worker(*operations, history=None):
    """A worker on the first migration's table, and a function that makes its slices."""
    made = runner(history)
    made.lease.acquire()
    each = SegmentWorker(made.table, made.records, work(*operations), Throttle(StillClock()))
    return each, made, lambda pages=100, size=100: Slice("0002_by_state", 0, 0, 1, made.lease.epoch, pages, size)


def key_of(number):
    return {"PK": {"S": f"TASK#t{number}"}, "SK": {"S": "TASK"}}


def change(number, state):
    """Old code changes the state of a task."""
    send(
        "UpdateItem",
        Key=key_of(number),
        UpdateExpression="SET #s = :s",
        ExpressionAttributeNames={"#s": "state"},
        ExpressionAttributeValues={":s": {"S": state}},
    )


def quarantined(made=None):
    """Return the reasons of quarantined items by key."""
    records = (made or runner()).records
    return {each.item_key: each.reason for each in records.Quarantined.query(migration="0002_by_state")}


def all_right():
    """Return whether every task has the derived attributes of the models."""
    return not [name for item in stored().values() for name in stale(item)]


@attrs.frozen(kw_only=True)
class Says(Fault):
    """Changes the answers of an operation."""

    change: object

    def befall(self, send, operation, params, dice):
        answer = send(operation, params)
        return self.change(answer) or answer


@attrs.frozen(kw_only=True)
class Refuses(Fault):
    """Refuses an operation with a code, if its arguments match."""

    code: str
    response: dict = attrs.field(factory=dict)
    concerned: object = lambda params: True

    def befall(self, send, operation, params, dice):
        if not self.concerned(params):
            return send(operation, params)
        error = {"Error": {"Code": self.code, "Message": "Injected."}, **self.response}
        raise ClientError({**error, "ResponseMetadata": {"RetryAttempts": 0}}, operation)


def is_checkpoint(params):
    return "SEGMENTS" in params["Key"]["PK"]["S"]


def test_01_killed_in_mid_page(shelf):
    """The next run continues at the last durable key, without a gap, and reads at most one page again."""
    with inject(shelf, Crash(calls={4}, operations=["UpdateItem"])), pytest.raises(InjectedCrash):
        runner(segments=1).migrate()
    made = runner(segments=1)
    made.migrate()
    assert all_right()
    counts = json.loads(History(made.records, graph()).migrations["0002_by_state"].counts)
    assert counts["written"] + counts.get("already", 0) in (8, 9, 10)


def test_02_a_crash_between_write_and_checkpoint(shelf):
    """The repeated writes change nothing, and count as already done."""
    each, _, task = worker(BACKFILL)
    with inject(shelf, Crash(calls={9}, operations=["UpdateItem"])) as injection, pytest.raises(InjectedCrash):
        each.run(task())
    assert injection.calls.count("UpdateItem") == 9  # eight items, and the checkpoint that it was
    before = stored()
    again = each.run(task())
    assert (0, 8) == (again.counts.get("written", 0), again.counts["already"])
    assert before == stored()


def test_03_writes_that_finish_out_of_order(shelf):
    """A checkpoint is sent after the answers to all writes of its page, independent of other workers."""
    order = {}

    @attrs.frozen(kw_only=True)
    class Watch(Fault):
        def befall(self, send, operation, params, dice):
            time.sleep(0.001 * dice.random())
            answer = send(operation, params)
            kind = "page" if operation == "Scan" else "checkpoint" if is_checkpoint(params) else "write"
            if kind != "page" or not params.get("ConsistentRead"):
                order.setdefault(threading.get_ident(), []).append(kind)
            return answer

    with inject(shelf, Watch(operations=["Scan", "UpdateItem"])):
        runner(workers=4, segments=4).migrate()
    for kinds in order.values():
        for before, kind in pairwise(kinds):
            assert not (before == "checkpoint" and kind == "write")
    assert all_right()


def test_04_a_read_error_is_not_the_end(shelf):
    """A request is sent again after a lost response."""
    with inject(shelf, LostResponse(for_good=True, calls={1, 3}, operations=["Scan"])) as injection:
        runner().migrate()
    assert injection.befallen
    assert all_right()


def test_05_an_empty_filtered_page(shelf):
    """The scan continues after an empty page."""
    runner(page_size=1).migrate()
    assert all_right()


def test_06_another_number_of_segments(shelf):
    """Another number is refused on resume, since the checkpoints belong to other parts of the table."""
    with inject(shelf, Crash(calls={5}, operations=["UpdateItem"])), pytest.raises(InjectedCrash):
        runner(segments=2).migrate()
    with pytest.raises(MigrationConflictError, match=r"begun with 2 segments.*--segments 2"):
        runner(segments=3).migrate()


def test_07_a_source_changes_between_read_and_write(shelf):
    """The condition fails, and the keys are computed from the returned item."""
    each, _, task = worker(BACKFILL)
    rival = Rival(lambda: change(3, "DONE"), calls={2, 3, 4, 5, 6, 7, 8, 9}, operations=["UpdateItem"])
    with inject(shelf, rival):
        result = each.run(task())
    assert result.counts["conflicts"] >= 1
    assert {"S": "STATE#DONE"} == stored()["TASK#t3"]["GSI1PK"]


def test_07_a_source_that_changes_all_the_time(shelf):
    """The item is quarantined after a bounded number of attempts."""
    dice = iter(range(10_000))
    rival = Rival(lambda: change(3, f"S{next(dice)}"), operations=["UpdateItem"])
    each, made, task = worker(BACKFILL)
    with inject(shelf, rival):
        result = each.run(task())
    assert result.counts["quarantined"] == 1
    assert ["other writers changed it at each of 16 attempts"] == list(quarantined(made).values())


def test_08_a_concurrent_delete(shelf):
    """A deleted item counts as gone, and is not created again."""
    each, _, task = worker(BACKFILL)
    delete = Rival(lambda: send("DeleteItem", Key=key_of(3)), calls={2}, operations=["UpdateItem"])
    with inject(shelf, delete):
        result = each.run(task())
    assert (1, 7) == (result.counts["gone"], result.counts["written"])
    assert "TASK#t3" not in stored()


def test_09_deleted_and_recreated(shelf):
    """The new item under the key gets its own index keys."""

    def recreate():
        send("DeleteItem", Key=key_of(3))
        send("PutItem", Item=old_item(3, "DONE"))

    each, _, task = worker(BACKFILL)
    with inject(shelf, Rival(recreate, calls={2}, operations=["UpdateItem"])):
        each.run(task())
    assert {"S": "STATE#DONE"} == stored()["TASK#t3"]["GSI1PK"]


def test_10_a_lost_response(shelf):
    """The SDK's retry fails on its own write; the item has its target state, which counts as success."""
    each, made, task = worker(BACKFILL)
    lost = LostResponse(calls=range(2, 10), operations=["UpdateItem"])
    with inject(shelf, lost) as injection:
        result = each.run(task())
    assert len(injection.befallen) == 8
    assert {} == quarantined(made)
    assert 8 == result.counts["already"] + result.counts.get("written", 0)
    assert not [item for item in stored().values() if set(stale(item)) - {"ttl"}]


def test_11_already_at_the_target(shelf):
    """An item in its target state is counted, and not written."""
    each, made, task = worker(BACKFILL)
    each.run(task())
    made.records.Segment(migration="0002_by_state", step=0, number=0).delete()
    with inject(shelf) as injection:
        result = each.run(task())
    assert 8 == result.counts["already"]
    assert "written" not in result.counts
    assert 2 >= injection.calls.count("UpdateItem")  # the claim and the checkpoint


@pytest.mark.parametrize(
    ("policy", "value", "aside"),
    [("quarantine", "STATE#HAND-MADE", 1), ("keep", "STATE#HAND-MADE", 0), ("overwrite", "STATE#OPEN", 0)],
)
def test_12_a_third_value(shelf, policy, value, aside):
    """An unexplained value is quarantined by default, or overwritten or kept by the operation's policy."""
    send("PutItem", Item=old_item(1, GSI1PK={"S": "STATE#HAND-MADE"}))
    each, made, task = worker(Backfill("TASK", *BY_STATE, conflict=policy))
    each.run(task())
    assert {"S": value} == stored()["TASK#t1"]["GSI1PK"]
    assert aside == len(quarantined(made))


def test_12_the_value_of_the_migration_before(shelf):
    """The value of the migration before is explained, and is replaced."""
    send("PutItem", Item=old_item(1, GSI1PK={"S": "STATE#OPEN"}, GSI1SK={"S": "t1"}))
    changed = KeyText("GSI1PK", "S#{state}#{task_id:shard(4)}", state=Text("state"), task_id=Text("taskId"))
    history = Graph(
        [Script("0001_initial", first(), ""), Script("0002_x", Migration(["0001_initial"], [BACKFILL]), "")]
    )
    each = SegmentWorker(
        TableAdmin(connection_of(shelf)),
        runner().records,
        Pass([Backfill("TASK", changed)], history.state),
        Throttle(StillClock()),
    )
    assert "quarantined" not in each.run(Slice("0003", 0, 0, 1, 1, 9, 99)).counts
    assert stored()["TASK#t1"]["GSI1PK"]["S"].startswith("S#OPEN#")


def test_13_attributes_that_no_model_knows(shelf):
    """Attributes in no model do not change."""
    before = {key: plain(item) for key, item in stored().items()}
    runner().migrate()
    assert before == {key: plain(item) for key, item in stored().items()}
    assert {"M": {"by": {"S": "old code"}}} == before["TASK#t1"]["note"]


def test_14_an_old_writer_misses_the_new_key(shelf):
    """The verification finds the item and stops the run; the next run writes the key."""

    @attrs.frozen(kw_only=True)
    class OldWriter(Fault):
        def befall(self, send_on, operation, params, dice):
            if params.get("ConsistentRead"):
                send("PutItem", Item=old_item(4, "DONE"))
            return send_on(operation, params)

    with (
        inject(shelf, OldWriter(operations=["Scan"])),
        pytest.raises(MigrationStoppedError, match=r"found wrong items: 1 of \d+\..*Deploy the new models"),
    ):
        runner(segments=1).migrate()
    runner(segments=1).migrate()
    assert all_right()


def test_14_the_plan_demands_dual_writing_first(shelf):
    """The plan finds recent items without the new keys."""
    stamp = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f+0000")
    for number in range(3):
        send("PutItem", Item=old_item(number, updatedAt={"S": stamp}))
    adding = first().operations[1]
    stamped = AddEntity("TASK", *KEY, attributes=adding.attributes, stamp="updatedAt")
    history = Graph(
        [
            Script("0001_initial", Migration([], [first().operations[0], stamped, first().operations[2]]), ""),
            Script("0002_x", Migration(["0001_initial"], [BACKFILL]), ""),
        ]
    )
    plan = make_plan(TableAdmin(connection_of(shelf)), history, ["0002_x"])
    assert ["no dual writing"] == [each.title for each in dangers(plan)]
    assert re.search(r"3 of the 3 sampled items of TASK", plan.safety[0].message)


def test_15_a_version_attribute(shelf):
    """A version does not change, so that no live lock breaks, unless the operation counts it up."""
    item = old_item(1, version={"N": "7"})
    assert "version" not in work(BACKFILL).change(item).sets
    assert {"N": "8"} == work(Backfill("TASK", *BY_STATE, bump="version")).change(item).sets["version"]


def test_16_an_unknown_entity_type(shelf):
    """An item of an unknown entity is counted and not changed, and the scan continues."""
    ghost = {"PK": {"S": "GHOST"}, "SK": {"S": "1"}, "entityType": {"S": "GHOST"}}
    bare = {"PK": {"S": "BARE"}, "SK": {"S": "1"}}
    for item in (ghost, bare):
        send("PutItem", Item=item)
    each, _, task = worker(BACKFILL)
    result = each.run(task())
    assert (2, 8) == (result.counts["unknown"], result.counts["written"])
    assert {"GHOST": ghost} == stored("GHOST")


def test_17_a_malformed_item(shelf):
    """Its key and the reason are quarantined, without its values, and the other items are written."""
    send("PutItem", Item=old_item(5, due={"S": "soon, I hope"}))
    with pytest.raises(MigrationStoppedError, match=r"1 item is quarantined: due is not a valid datetime \(1\)"):
        runner().migrate()
    assert ["due is not a valid datetime"] == list(quarantined().values())
    done = [key for key, item in stored().items() if "GSI1PK" in item]
    assert 7 == len(done)


def test_17_an_item_that_becomes_malformed_behind_the_sweep(shelf):
    """The verification quarantines the item, and the migration is not applied."""

    @attrs.frozen(kw_only=True)
    class Spoiler(Fault):
        def befall(self, send_on, operation, params, dice):
            if params.get("ConsistentRead"):
                send("PutItem", Item=old_item(4, due={"S": "soon"}))
            return send_on(operation, params)

    with (
        inject(shelf, Spoiler(operations=["Scan"])),
        pytest.raises(MigrationStoppedError, match="1 item is quarantined"),
    ):
        runner(segments=1).migrate()
    assert ["due is not a valid datetime"] == list(quarantined().values())


def test_17_redriven_once_it_is_mended(shelf):
    """Corrected items leave the quarantine, and the migration is applied."""
    send("PutItem", Item=old_item(5, due={"S": "soon, I hope"}))
    with pytest.raises(MigrationStoppedError):
        runner().migrate()
    send("PutItem", Item=old_item(5))
    with pytest.raises(MigrationStoppedError, match="quarantined"):
        runner().migrate()
    assert ["0002_by_state"] == runner(redrive=True).migrate()
    assert {} == quarantined()
    assert all_right()


def test_18_a_function_that_raises_or_hangs(shelf):
    """The item is quarantined, after the time-out if the function hangs, and the others are written."""

    def label(state, task):
        if task == "t1":
            raise ValueError(state)
        if task == "t2":
            time.sleep(30)
        return {"label": f"{state}-{task}"}

    operation = BackfillWith(
        "TASK", {"state": Text("state"), "task": Text("taskId")}, label, writes=["label"], timeout=0.2
    )
    each, made, task = worker(operation)
    result = each.run(task())
    assert (6, 2) == (result.counts["written"], result.counts["quarantined"])
    assert {"label() raised ValueError", "label() took longer than 0.2 s"} == set(quarantined(made).values())


def test_18_a_breaker_on_the_error_rate(shelf):
    """The run stops if too many items fail."""
    for number in range(20, 60):
        send("PutItem", Item=old_item(number))

    def fail(state):
        raise ValueError(state)

    history = graph(BackfillWith("TASK", {"state": Text("state")}, fail, writes=["label"]))
    with pytest.raises(MigrationStoppedError, match=r"of the last \d+ items were quarantined, more than 10%"):
        runner(history).migrate()
    assert len(quarantined()) < 48


def test_19_an_item_that_would_be_too_large():
    """The size of an item is checked before the request."""
    with pytest.raises(UnfitItemError, match=r"would have 409,\d+ bytes"):
        work(BACKFILL).change(old_item(1, blob={"S": "x" * 409_500}))


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ({"S": ""}, "it is empty"),
        ({"N": "1"}, "state is stored as N, not as S"),
        ({"S": "x" * 2048}, "GSI1PK would be 2,054 bytes long; DynamoDB takes 2,048"),
    ],
)
def test_20_a_key_that_dynamodb_would_refuse(state, reason):
    """The length of a key is checked before the request."""
    with pytest.raises(UnfitItemError, match=reason):
        work(BACKFILL).change({**old_item(1), "state": state})


def test_20_a_choice_that_is_none():
    """A value that is not a known choice has no key."""
    derived = KeyText("GSI1PK", "STATE#{state}", state=Choice("state", choices=("OPEN", "DONE")))
    with pytest.raises(UnfitItemError, match="it is not one of 'OPEN', 'DONE'"):
        work(Backfill("TASK", derived)).change(old_item(1, "DOING"))


def test_21_an_expiry_in_milliseconds_or_text_or_nested():
    """Only a top-level Number of epoch seconds is an expiry."""
    expiry = BackfillExpiry("TASK", "ttl", after=Integer("ms"), days=1)
    with pytest.raises(UnfitItemError, match="ms holds milliseconds, not seconds"):
        work(expiry).change(old_item(1, ms={"N": "1790000000000"}))
    with pytest.raises(MigrationError, match="top-level attribute only"):
        BackfillExpiry("TASK", "meta.ttl", after="due", days=1)
    with pytest.raises(MigrationError, match="more than a thousand years"):
        BackfillExpiry("TASK", "ttl", after="due", days=7 * 86_400_000)


@pytest.mark.parametrize("value", ["2026-11-26", 1_790_000_000_000, 1.5])
def test_21_a_function_that_gives_no_epoch_seconds(value):
    """Its value is refused if its attribute is the time to live."""
    operation = BackfillWith("TASK", {}, lambda: {"ttl": value}, writes=["ttl"])
    before = attrs.evolve(Graph([Script("0001_initial", first(), "")]).state, ttl="ttl")
    with pytest.raises(UnfitItemError, match="ttl is the time to live"):
        operation.compile(before)(old_item(1))


def test_22_an_expiry_in_the_past(shelf):
    """Such items are quarantined unless the script accepts them; the plan counts them."""
    expiry = BackfillExpiry("TASK", "ttl", after="due", days=1)
    with pytest.raises(UnfitItemError, match="ttl would lie in the past"):
        work(expiry).change(old_item(1))
    accepted = BackfillExpiry("TASK", "ttl", after="due", days=1, expire_past=True)
    assert "ttl" in work(accepted).change(old_item(1)).sets
    plan = make_plan(TableAdmin(connection_of(shelf)), graph(expiry), ["0002_by_state"])
    assert [("expiry in the past", True)] == [(each.title, "5 of 8 sampled" in each.message) for each in dangers(plan)]
    plan = make_plan(TableAdmin(connection_of(shelf)), graph(accepted), ["0002_by_state"])
    assert ["DynamoDB deletes them."] == [each.message[-22:] for each in dangers(plan)]


@pytest.mark.parametrize("after", [None, datetime(2026, 1, 1, tzinfo=timezone.utc), timedelta(0)])
def test_23_an_expiry_relative_to_now(after):
    """An expiry relative to the run is refused, since it would differ between runs."""
    with pytest.raises(MigrationError, match="it would differ between runs"):
        BackfillExpiry("TASK", "ttl", after=after, days=7)


def test_24_a_throttled_table(shelf, monkeypatch):
    """The run backs off, recovers, and loses nothing."""
    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)
    clock = StillClock()
    with inject(shelf, Throttling(rate=0.3, operations=["Scan", "UpdateItem"]), seed=5) as injection:
        runner(clock=clock).migrate()
    assert injection.befallen
    assert all_right()


def test_25_a_throttled_index(shelf):
    """The run slows down, and reports the index."""
    arn = "arn:aws:dynamodb:us-east-1:1:table/shelf/index/GSI1"
    reasons = {"ThrottlingReasons": [{"reason": "IndexWriteProvisionedThroughputExceeded", "resource": arn}]}
    code = "ProvisionedThroughputExceededException"
    seen, waiting = [], {"TASK#t1", "TASK#t2"}

    def is_an_item(params):
        key = params["Key"]["PK"]["S"]
        return key in waiting and not waiting.discard(key)

    fault = Refuses(code=code, response=reasons, operations=["UpdateItem"], concerned=is_an_item)
    with inject(shelf, fault):
        made = runner()
        made._progress = seen.append
        made.migrate()
    assert {"GSI1"} <= set().union(*(each.throttled for each in seen))
    with inject(shelf, Refuses(code=code, response=reasons)), pytest.raises(ThrottledError, match="by the index GSI1"):
        TableAdmin(connection_of(shelf)).send("Scan", {"TableName": "shelf"})


def test_26_a_hot_key_range(shelf):
    """Segments take turns, and a throttled one rests."""
    visited = []

    @attrs.frozen(kw_only=True)
    class Watch(Fault):
        def befall(self, send, operation, params, dice):
            if not params.get("ConsistentRead") and "Segment" in params:
                visited.append(params["Segment"])
            return send(operation, params)

    with inject(shelf, Watch(operations=["Scan"])):
        runner(segments=3, page_size=1).migrate()
    assert [0, 1, 2, 0, 1, 2] == visited[:6]
    assert 1 == next_ready(deque([0, 1]), {0: 9.0}, now=5.0)
    assert next_ready(deque([0]), {0: 9.0}, now=5.0) is None


def test_27_an_on_demand_table_is_begun_slowly():
    """The rate begins at a thousand units and doubles in thirty minutes; after throttling it is halved."""
    clock = StillClock()
    throttle = Throttle(clock, ramp=True)
    assert 1000 == throttle.limit("table", "write")
    clock.now += 1800
    assert 2000 == throttle.limit("table", "write")
    throttle.cut(None)
    assert 1000 == throttle.limit("table", "write")
    clock.now += 30
    assert throttle.limit("table", "write") > 2000


def test_28_an_error_inside_of_http_200(shelf):
    """Only the failed statements of a request are sent again."""
    partiql = Statements(throttle=0.3)
    with inject(shelf, partiql, seed=3):
        runner(write_mode="statements").migrate()
    assert partiql.failed
    assert partiql.done == Counter(dict.fromkeys(stored(), 1))
    assert all_right()


def test_28_statements_only_where_their_conditions_count(shelf):
    """moto reports success for a statement with a false condition, so statements are not used."""
    made = runner()
    made.lease.acquire()
    key = made.records.Lease(name="runner")._key_item()
    assert not knows_statements(made.table, key, "probe")
    with inject(shelf, Statements()):
        assert knows_statements(made.table, key, "probe")


def test_29_a_cancelled_transaction(shelf):
    """A changed item is moved in its new state; an item whose new key is taken is quarantined."""
    rekey = Rekey("TASK", KeyText("PK", "JOB#{task_id}", task_id=Text("taskId")), KEY[1])
    send("PutItem", Item={**old_item(2), "PK": {"S": "JOB#t2"}, "state": {"S": "OTHER"}})
    each, made, task = worker(rekey)
    with inject(shelf, Rival(lambda: change(3, "DONE"), operations=["TransactWriteItems"], calls=range(1, 9))):
        result = each.run(task())
    items = stored()
    assert {"S": "DONE"} == items["JOB#t3"]["state"]
    assert "TASK#t3" not in items
    assert {"S": "OPEN"} == items["TASK#t2"]["state"]
    assert ["another item has the key that it would get"] == list(quarantined(made).values())
    assert 7 == result.counts["written"]


def test_30_two_runners(shelf):
    """The second runner is refused, with the name of the owner."""
    held = Lease(runner().records, Clock(), seconds=0.4, owner="ann@desk pid 1")
    held.acquire()
    held.keep()
    try:
        with pytest.raises(
            LeaseHeldError, match=r"ann@desk pid 1 is migrating this table.*singletable unlock"
        ) as caught:
            runner(clock=Clock(), lease_seconds=0.4).migrate()
        assert "ann@desk pid 1" == caught.value.owner
    finally:
        held.release()


def test_30_a_runner_that_runs_a_second_time_beats_again(shelf):
    """A lease that was given back and taken again has heartbeats again."""
    lease = Lease(runner().records, Clock(), seconds=0.1)
    for _ in range(2):
        lease.acquire()
        first = lease._read().beat
        lease.keep()
        until = time.monotonic() + 10
        while lease._read().beat == first:
            assert time.monotonic() < until
            time.sleep(0.01)
        lease.release()


def test_31_a_runner_that_wakes_after_its_lease(shelf):
    """Its checkpoint fails, and it stops; its writes are valid."""
    sleeper, made, task = worker(BACKFILL)

    def take_over():
        other = runner()
        other.lease.acquire()
        taken = SegmentWorker(other.table, other.records, work(BACKFILL), Throttle(StillClock()))
        taken.run(Slice("0002_by_state", 0, 0, 1, other.lease.epoch, 1, 1))

    with (
        inject(shelf, Rival(take_over, calls={5}, operations=["UpdateItem"])),
        pytest.raises(LeaseLostError, match="Its writes are valid"),
    ):
        sleeper.run(task())
    with pytest.raises(LeaseLostError, match="taken over"):
        made.lease.beat()
    assert not [item for item in stored().values() if "GSI1PK" in item and set(stale(item)) - {"ttl"}]


def test_32_clocks_that_differ(shelf):
    """A lease does not contain a time: a clock that is ten minutes off waits its own seconds for the counter."""
    dead = runner()
    dead.lease.acquire()
    (record,) = dead.records.Lease.query(name="runner")
    assert {"name", "owner", "epoch", "beat"} == set(entity_schema(record).attributes)
    clock = StillClock()
    clock.now = 600.0
    heir = Lease(dead.records, clock, seconds=20)
    heir.acquire()
    assert 20 <= sum(clock.waited) < 22
    assert dead.lease.epoch + 1 == heir.epoch


def test_33_credentials_that_expire(shelf):
    """The run stops with a remedy, and can be resumed."""
    with (
        inject(shelf, Refuses(code="ExpiredTokenException", calls=range(5, 1000))),
        pytest.raises(AccessDeniedError, match="ExpiredTokenException.*credentials"),
    ):
        runner().migrate()
    runner().migrate()
    assert all_right()


def test_34_access_denied(shelf):
    """The whole run fails at once, with the remedy."""
    denied = Refuses(code="AccessDeniedException", operations=["Scan"])
    with inject(shelf, denied) as injection, pytest.raises(AccessDeniedError, match="Allow dynamodb:Scan"):
        runner(segments=30).migrate()
    assert 1 == injection.calls.count("Scan")


def test_34_no_table():
    """A history that does not create the table reports that the table is missing."""
    with embedded(ShelfTable, create=False), pytest.raises(TableMissingError, match="does not exist"):
        runner(Graph([])).migrate()


def test_35_an_index_in_the_making(shelf):
    """The run waits for an index before it requests the next one."""
    answers = iter(range(100))

    def creating(answer):
        if next(answers) < 3:
            there = {"IndexName": "OTHER", "IndexStatus": "CREATING", "Projection": {"ProjectionType": "ALL"}}
            keys = [{"AttributeName": "X", "KeyType": "HASH"}]
            answer["Table"]["GlobalSecondaryIndexes"] = [{**there, "KeySchema": keys}]
        return answer

    clock, told = StillClock(), []
    table = TableAdmin(connection_of(shelf), clock, told.append)
    with inject(shelf, Says(change=creating, operations=["DescribeTable"])) as injection:
        table.create_index(CreateIndex("GSI1", "GSI1PK", "GSI1SK").index)
    assert 1 == injection.calls.count("UpdateTable")
    assert ["waiting for other changes of indexes"] == told
    assert injection.calls.index("UpdateTable") >= 4


def test_36_an_index_that_is_deleted_meanwhile(shelf, monkeypatch):
    """The run notices a deleted index, and stops."""
    runner().migrate()
    monkeypatch.setattr(runner_module, "_DRIFT_SECONDS", -1.0)
    label = BackfillWith("TASK", {"state": Text("state")}, lambda state: {"label": state}, writes=["label"])
    scripts = [*graph().scripts.values(), Script("0003_label", Migration(["0002_by_state"], [label]), "")]
    delete = Rival(
        lambda: TableAdmin(connection_of(shelf)).delete_index(graph().state.indexes["GSI1"]),
        calls={2},
        operations=["Scan"],
    )
    with inject(shelf, delete), pytest.raises(MigrationConflictError, match="The index GSI1 of 'shelf' is missing"):
        runner(Graph(scripts)).migrate()


def test_37_a_script_that_changed(shelf):
    """An edited script is refused without an override, after its begin and after its end."""
    edited = Graph([attrs.evolve(each, text=f"{each.text}; edited = True") for each in graph().scripts.values()])
    with inject(shelf, Crash(calls={4}, operations=["UpdateItem"])), pytest.raises(InjectedCrash):
        runner().migrate()
    with pytest.raises(MigrationConflictError, match="edited after it was (begun|applied).*--accept-edited"):
        runner(edited).migrate()
    assert ["0002_by_state"] == runner(edited, accept_edited=True).migrate()


def test_38_a_stale_item_count(shelf):
    """The whole table is scanned, independent of DynamoDB's item count."""

    def none(answer):
        answer["Table"]["ItemCount"] = 0

    with inject(shelf, Says(change=none, operations=["DescribeTable"])):
        runner().migrate()
    assert all_right()


def test_39_a_plan_over_an_interrupted_run(shelf):
    """A plan writes nothing, not even records."""
    with inject(shelf, Crash(calls={5}, operations=["UpdateItem"])), pytest.raises(InjectedCrash):
        runner().migrate()
    before = send("Scan")["Items"]
    with inject(shelf) as injection:
        make_plan(TableAdmin(connection_of(shelf)), graph(), ["0002_by_state"])
    assert {"DescribeContinuousBackups", "DescribeTable", "Scan"} == set(injection.calls)
    assert before == send("Scan")["Items"]


def test_40_inserts_while_it_scans(shelf):
    """The scan ends. An item inserted before its position has the new keys, or is found by the verification."""
    numbers = iter(range(1000, 9999))
    rival = Rival(lambda: send("PutItem", Item=old_item(next(numbers))), operations=["Scan"])
    each, _, task = worker(BACKFILL)
    with inject(shelf, rival):
        assert each.run(task(pages=1000, size=3)).done


def test_41_records_that_are_throttled(shelf, monkeypatch):
    """The work waits for throttled records, and does not claim progress."""
    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)
    throttled = Refuses(
        code="ProvisionedThroughputExceededException",
        concerned=is_checkpoint,
        operations=["UpdateItem"],
        calls=range(1, 5),
    )
    with inject(shelf, throttled):
        runner().migrate()
    assert slept
    assert all_right()
    always = attrs.evolve(throttled, calls=None)
    each, made, task = worker(BACKFILL)
    with inject(shelf, always), pytest.raises(ThrottledError):
        each.run(attrs.evolve(task(), migration="again"))
    assert ["open"] == [one.state for one in made.records.Segment.query(migration="again")]


def test_42_a_crash_before_applied_is_recorded(shelf):
    """The migration is verified again, and then recorded as applied."""
    with inject(shelf) as injection:
        runner().migrate()
    updates = injection.calls.count("UpdateItem")
    with embedded(ShelfTable, create=False):
        runner().migrate("0001_initial")
        put_old()
        # The second to last call; the last one gives the lease back.
        crash = Crash(calls=range(updates - 1, 10_000), operations=["UpdateItem"])
        with inject(ShelfTable, crash), pytest.raises(InjectedCrash):
            runner().migrate()
        assert "running" == History(runner().records, graph()).status("0002_by_state")
        with inject(ShelfTable) as injection:
            runner().migrate()
        assert injection.calls.count("Scan") >= 2
        assert "applied" == History(runner().records, graph()).status("0002_by_state")


def test_43_a_rollback_after_an_edit(shelf):
    """Values that others have changed since stay; all other writes of the migration are reversed."""
    runner().migrate()
    edited = {**stored()["TASK#t1"], "GSI1PK": {"S": "STATE#BY-HAND"}}
    send("PutItem", Item=edited)
    before = {key: plain(item) for key, item in stored().items()}
    runner().rollback("0002_by_state")
    assert {"TASK#t1": ["GSI1PK"]} == {
        key: names
        for key, item in stored().items()
        if (names := [name for name in item if name in ("GSI1PK", "GSI1SK", "ttl")])
    }
    assert before == {key: plain(item) for key, item in stored().items()}
    assert None is History(runner().records, graph()).status("0002_by_state")
