"""Operations that change the sources of keys: forms, names and discriminators, in one write with the keys."""

import time
from datetime import datetime, timezone

import attrs
import pytest
from botocore.exceptions import ClientError

from singletable.engine import embedded
from singletable.errors import MigrationError, MigrationStoppedError
from singletable.migrations import (
    AddEntity,
    Backfill,
    BackfillExpiry,
    BackfillWith,
    ConvertAttribute,
    CreateIndex,
    DateTime,
    DeclareAttributes,
    EnableTTL,
    Integer,
    KeyText,
    Rekey,
    RenameAttribute,
    RenameEntity,
    StampType,
    Stored,
    Text,
)
from singletable.migrations.clock import Clock
from singletable.migrations.live_table import LiveTable
from singletable.migrations.passes import Pass
from singletable.migrations.quarantine import Quarantine
from singletable.migrations.sources import UnfitItemError
from singletable.migrations.throttle import Throttle
from singletable.migrations.verifier import verify
from singletable.models.binding.binding import connection_of
from singletable.testing import Rival, inject
from singletable.testing.faults import Fault
from tests.framework.migrations.world import (
    BY_STATE,
    KEY,
    ShelfTable,
    history_of,
    old_item,
    runner,
    send,
    stored,
    work,
)

BY_POINTS = KeyText("GSI1PK", "POINTS#{points:04d}", points=Integer("points"))
AB = Stored("choice", choices=("A", "B"))
TEXTUAL = KeyText("GSI1PK", "POINTS#{points}", points=Text("points"))


@pytest.fixture
def shelf():
    """The table as of the first migration, with eight tasks that old code stored."""
    with embedded(ShelfTable, create=False):
        runner().migrate("0001_initial")
        for number in range(8):
            send("PutItem", Item=old_item(number, points={"N": str(number)}))
        yield ShelfTable


def clean(graph):
    report = verify(LiveTable(connection_of(ShelfTable)), graph.state, Throttle(Clock()), indexes=False)
    return dict(report.counts)


def update(number, expression, value=None):
    """Change a task, if it exists."""
    send(
        "UpdateItem",
        Key={"PK": {"S": f"TASK#t{number}"}, "SK": {"S": "TASK"}},
        UpdateExpression=expression,
        ConditionExpression="attribute_exists(PK)",
        **({"ExpressionAttributeValues": {":v": value}} if value else {}),
    )


# --- keys of a changed attribute ------------------------------------------------------


def test_a_renamed_source_brings_its_keys_along(shelf):
    """Keys are restored that deployed models have removed, since they do not know the old name."""
    graph = history_of([Backfill("TASK", *BY_STATE)], [RenameAttribute("TASK", "state", "phase")])
    runner(graph).migrate("0002_m")
    update(1, "REMOVE GSI1PK, GSI1SK")
    runner(graph).migrate()
    found = stored()["TASK#t1"]
    assert ({"S": "OPEN"}, {"S": "STATE#OPEN"}, {"S": "t1"}) == (found["phase"], found["GSI1PK"], found["GSI1SK"])
    assert {} == clean(graph)


def test_a_key_that_nobody_explains_is_quarantined_with_its_source(shelf):
    """An item is not written if its key follows neither from the old name nor from the new one."""
    graph = history_of([Backfill("TASK", *BY_STATE)], [RenameAttribute("TASK", "state", "phase")])
    runner(graph).migrate("0002_m")
    update(1, "SET GSI1PK = :v", {"S": "junk"})
    with pytest.raises(
        MigrationStoppedError, match="GSI1PK holds a value that is neither the new one nor the one before"
    ):
        runner(graph).migrate()
    assert ({"S": "OPEN"}, "phase" in stored()["TASK#t1"]) == (stored()["TASK#t1"]["state"], False)


def test_a_function_that_fills_a_source_brings_the_expiry_along(shelf):
    """An expiry that is counted from the filled attribute follows in the same write."""
    fill = BackfillWith(
        "TASK",
        {"task": Text("taskId")},
        lambda task: {"due": datetime(2030, 1, 1, tzinfo=timezone.utc)},
        writes="due",
        conflict="overwrite",
    )
    graph = history_of([BackfillExpiry("TASK", "ttl", after="due", days=3650)], [fill])
    runner(graph).migrate()
    assert {"N": "2208816000"} == stored()["TASK#t1"]["ttl"]
    assert {} == clean(graph)


def test_a_version_that_stands_in_a_key_brings_it_along():
    """`bump=` also changes a source."""
    by_version = KeyText("GSI1PK", "V#{version}", version=Integer("points"))
    graph = history_of([Backfill("TASK", by_version)])
    label = BackfillWith("TASK", {"s": Text("state")}, lambda s: {"label": s}, writes="label", bump="points")
    change = Pass([label], graph.state).change(old_item(1, GSI1PK={"S": "V#0"}))
    assert ({"N": "1"}, {"S": "V#1"}) == (change.sets["points"], change.sets["GSI1PK"])
    assert {"GSI1PK", "points", "state"} <= change.pins


def test_a_source_of_the_primary_key_keeps_it():
    """The name may change; a form with another key text is refused for each item."""
    assert work(RenameAttribute("TASK", "taskId", "id")).change(old_item(1)).image["id"] == {"S": "t1"}
    shout = ConvertAttribute("TASK", "taskId", str.upper, old="text", new="text")
    with pytest.raises(UnfitItemError, match="its PK would change; move the items of TASK with Rekey"):
        work(shout).change(old_item(1))


def test_what_newer_models_wrote_stays():
    """Keys of the last state are not changed, although they do not follow from the renamed attribute."""
    later = history_of(
        [Backfill("TASK", *BY_STATE)],
        [RenameAttribute("TASK", "state", "phase")],
        [Backfill("TASK", KeyText("GSI1PK", "PHASE#{phase}", phase=Text("phase")))],
    )
    item = old_item(1, GSI1PK={"S": "PHASE#OPEN"}, GSI1SK={"S": "t1"})
    (step,) = later.steps("0003_m")
    change = step.compile().change(item)
    assert {"phase": {"S": "OPEN"}} == change.sets


# --- conversion -----------------------------------------------------------------------


def test_a_number_becomes_text(shelf):
    """One write changes the attribute and its key; items without the attribute do not change."""
    graph = history_of(
        [Backfill("TASK", BY_POINTS)],
        [ConvertAttribute("TASK", "points", str, int, old="integer", new="text", derived=[TEXTUAL])],
    )
    send("PutItem", Item={name: value for name, value in old_item(9).items() if name != "points"})
    runner(graph).migrate("0002_m")
    assert {"S": "POINTS#0003"} == stored()["TASK#t3"]["GSI1PK"]
    runner(graph).migrate()
    found = stored()["TASK#t3"]
    assert ({"S": "3"}, {"S": "POINTS#3"}) == (found["points"], found["GSI1PK"])
    assert "points" not in stored()["TASK#t9"]
    assert {} == clean(graph)
    runner(graph).rollback("0003_m")
    found = stored()["TASK#t3"]
    assert ({"N": "3"}, {"S": "POINTS#0003"}) == (found["points"], found["GSI1PK"])


def test_a_key_of_several_sources_follows_one_of_them():
    """The other sources are read as before, each in its own form."""
    key = KeyText("GSI1PK", "P#{points}#{state}", points=Text("points"), state=Text("state"))
    old = KeyText("GSI1PK", "P#{points:03d}#{state}", points=Integer("points"), state=Text("state"))
    both = KeyText("GSI1SK", "{due:%Y-%m}#{points}", due=DateTime("due"), points=Integer("points"), sort=True)
    convert = ConvertAttribute("TASK", "points", str, old="integer", new="text", derived=[key])
    graph = history_of([Backfill("TASK", old, both)], [convert])
    item = old_item(1, points={"N": "7"})
    for name in ("0002_m", "0003_m"):
        (step,) = graph.steps(name)
        item = step.compile().change(item).image
    assert ({"S": "P#7#OPEN"}, {"S": "2026-01#7"}) == (item["GSI1PK"], item["GSI1SK"])


def test_a_conversion_survives_writers(shelf):
    """A value that changes between read and write is converted in its new state."""
    graph = history_of([ConvertAttribute("TASK", "points", str, old="integer", new="text")])

    def change():
        update(3, "SET points = :v", {"N": "33"})

    with inject(shelf, Rival(change, operations=["UpdateItem"], calls=range(2, 9))):
        runner(graph, segments=1).migrate()
    assert {"S": "33"} == stored()["TASK#t3"]["points"]


@pytest.mark.parametrize(
    ("old", "new", "function", "before", "after"),
    [
        ("text", "datetime", lambda v: datetime.fromisoformat(v).replace(tzinfo=timezone.utc), {"S": "2026-01-02"},
         {"S": "2026-01-02T00:00:00.000000+0000"}),
        ("datetime", "text", lambda v: v.date().isoformat(), {"S": "2026-01-02T00:00:00.000000+0000"},
         {"S": "2026-01-02"}),
        ("text", "integer", int, {"S": "5"}, {"N": "5"}),
        ("integer", "text", str, {"N": "5"}, {"S": "5"}),
        ("N", "S", str, {"N": "5"}, {"S": "5"}),
        ("text", "text", str.lower, {"S": "LOUD"}, {"S": "loud"}),
        (AB, Stored("choice", choices=("B", "C")), lambda v: "C", {"S": "A"}, {"S": "C"}),
        ("text", AB, str.upper, {"S": "a"}, {"S": "A"}),
        ("text", "boolean", lambda v: v == "yes", {"S": "yes"}, {"BOOL": True}),
        ("S", "M", lambda v: {"street": v}, {"S": "Main"}, {"M": {"street": {"S": "Main"}}}),
        ("integer", "decimal", lambda v: v, {"N": "5"}, None),
    ],
)  # fmt: skip
def test_each_pair_of_forms(old, new, function, before, after):
    """An item is converted once: a second pass finds nothing to do."""
    convert = work(ConvertAttribute("TASK", "note", function, old=old, new=new))
    item = old_item(1, note=before)
    change = convert.change(item)
    if after is None:
        assert change is None
        return
    assert {"note": after} == change.sets
    assert "note" in change.pins
    assert convert.change(change.image) is None


@pytest.mark.parametrize(
    ("declared", "function", "before", "after"),
    [
        ("N", str, {"N": "5"}, {"S": "5"}),
        ("S", int, {"S": "5"}, {"N": "5"}),
        ("S", str.lower, {"S": "LOUD"}, {"S": "loud"}),
        ("integer", str, {"N": "5"}, {"S": "5"}),
    ],
)
def test_forms_that_are_not_given(declared, function, before, after):
    """An idempotent function is enough: it returns a converted value unchanged."""
    declaring = DeclareAttributes("TASK", {"note": declared})
    convert = Pass([ConvertAttribute("TASK", "note", function)], declaring.apply(history_of().state))
    change = convert.change(old_item(1, note=before))
    assert {"note": after} == change.sets
    assert convert.change(change.image) is None


def test_a_function_that_cannot_be_repeated_is_refused():
    """A function is refused if it changes its own result and the forms do not distinguish the two."""
    append = ConvertAttribute("TASK", "state", lambda value: value + "!", old="text", new="text")
    with pytest.raises(UnfitItemError, match=r"a second run would convert state again: .* is not idempotent"):
        work(append).change(old_item(1))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"BOOL": True}, "points is stored as BOOL, not as N"),
        ({"N": "1.5"}, "points is not a valid integer"),
        ({"N": "99"}, "raised ValueError"),
    ],
)
def test_a_value_that_cannot_be_converted(value, reason):
    """The item is quarantined with the reason, without the value."""

    def label(value):
        if value == 99:
            raise ValueError(value)
        return str(value)

    convert = ConvertAttribute("TASK", "points", label, old="integer", new="text")
    with pytest.raises(UnfitItemError, match=reason):
        work(convert).change(old_item(1, points=value))
    with pytest.raises(UnfitItemError, match="points would be a int, which is not a text"):
        work(ConvertAttribute("TASK", "points", lambda value: 1, old="integer", new="text")).change(old_item(1))


def test_a_conversion_names_the_form_that_keys_need():
    """Without the new form, the keys could not be computed, so it is required."""
    with pytest.raises(MigrationError, match=r"GSI1PK of TASK is computed from points, and the new form is not given"):
        history_of([Backfill("TASK", BY_POINTS)], [ConvertAttribute("TASK", "points", str)])


def test_a_corrected_function_finds_its_predecessors_values(shelf):
    """A second BackfillWith replaces the values of the first one, of derived and of declared attributes."""
    sources = {"state": Text("state")}
    wrong = BackfillWith("TASK", sources, lambda state: {"slug": state + "!", "label": 1}, writes=("slug", "label"))
    right = BackfillWith("TASK", sources, lambda state: {"slug": state, "label": 2}, writes=("slug", "label"))
    graph = history_of([DeclareAttributes("TASK", {"label": "N"}), wrong], [right])
    runner(graph).migrate("0002_m")
    assert {"S": "OPEN!"} == stored()["TASK#t1"]["slug"]
    runner(graph).migrate()
    assert {("OPEN", "2")} == {(item["slug"]["S"], item["label"]["N"]) for item in stored().values()}


# --- discriminators -------------------------------------------------------------------


def test_items_without_a_discriminator_are_stamped(shelf):
    """They are found by key and attributes, and get all derived attributes; other untyped items do not change."""
    graph = history_of([Backfill("TASK", *BY_STATE)], [StampType("TASK")])
    runner(graph).migrate("0002_m")
    bare = {name: value for name, value in old_item(20).items() if name != "entityType"}
    other = {"PK": {"S": "NOTE#1"}, "SK": {"S": "TASK"}}
    unlike = {**bare, "PK": {"S": "TASK#t21"}}
    for item in (bare, other, unlike):
        send("PutItem", Item=item)
    runner(graph).migrate()
    found = stored()["TASK#t20"]
    assert ({"S": "STATE#OPEN"}, {"S": "t20"}) == (found["GSI1PK"], found["GSI1SK"])
    untyped = [item for item in send("Scan")["Items"] if "entityType" not in item]
    assert 2 == len(untyped)
    assert all(item in untyped for item in (other, unlike))


def test_an_item_that_fits_two_entities_is_quarantined(shelf):
    """The entity of such an item is ambiguous."""
    graph = history_of([AddEntity("JOB", *KEY, attributes={"taskId": "S"})], [StampType("TASK")])
    send("PutItem", Item={name: value for name, value in old_item(20).items() if name != "entityType"})
    with pytest.raises(MigrationStoppedError, match="its key fits several entities: JOB, TASK"):
        runner(graph).migrate()


def test_an_entity_is_renamed(shelf):
    """With a backfill under the new name in the same pass, and back."""
    key = KeyText("GSI1PK", "JOB#{state}", state=Text("state"))
    graph = history_of([Backfill("TASK", *BY_STATE)], [RenameEntity("TASK", "JOB"), Backfill("JOB", key)])
    runner(graph).migrate()
    assert {} == stored("TASK")
    assert {"JOB#OPEN"} == {item["GSI1PK"]["S"] for item in stored("JOB").values()}
    assert {} == clean(graph)
    runner(graph).rollback("0003_m")
    assert {"STATE#OPEN"} == {item["GSI1PK"]["S"] for item in stored("TASK").values()}


def test_an_entity_is_renamed_and_moved(shelf):
    """Items are renamed and moved in one pass, each in one transaction."""
    moved = Rekey("JOB", KeyText("PK", "JOB#{task_id}", task_id=Text("taskId")), KEY[1])
    graph = history_of([RenameEntity("TASK", "JOB"), moved])
    runner(graph).migrate()
    assert {f"JOB#t{number}" for number in range(8)} == set(stored("JOB"))
    assert ({}, {}) == (stored("TASK"), clean(graph))


def test_an_entity_that_is_there_is_not_overwritten():
    """A name that an entity has is refused: two entities would become one."""
    with pytest.raises(MigrationError, match="The entity 'BOX' exists already"):
        history_of([RenameEntity("TASK", "BOX")])


# --- moves ----------------------------------------------------------------------------

MOVE = Rekey("TASK", KeyText("PK", "T#{task_id}", task_id=Text("taskId")), KEY[1])


def test_a_move_pins_the_attributes_of_later_migrations(shelf):
    """Deployed models may already write attributes of later migrations, so a move compares them."""
    graph = history_of([MOVE], [DeclareAttributes("TASK", {"paidAt": "S"})])

    def pay():
        update(3, "SET paidAt = :v", {"S": "2026-11-29"})

    with inject(shelf, Rival(pay, operations=["TransactWriteItems"], calls={1})):
        runner(graph, segments=1, page_size=100).migrate()
    assert {"S": "2026-11-29"} == stored()["T#t3"]["paidAt"]


def test_a_move_of_too_many_attributes():
    """Too many in an item quarantine it before a request; too many in the models are refused before the run writes."""
    wide = {f"a{number}": {"S": "x"} for number in range(150)}
    with pytest.raises(
        UnfitItemError, match=r"its condition would have 3\d\d operators to compare 15\d attributes.* takes 300"
    ):
        work(MOVE).change(old_item(1, **wide))
    assert work(MOVE).change(old_item(1, **dict(list(wide.items())[:140])))
    graph = history_of([DeclareAttributes("TASK", dict.fromkeys(wide, "S"))], [MOVE])
    with pytest.raises(MigrationError, match=r"TASK has 15\d known attributes.* DynamoDB accepts 149"):
        [step.compile() for step in graph.steps("0003_m")]


def test_a_run_refuses_a_move_that_cannot_be_before_it_writes(shelf):
    """An impossible move is refused before the first write, also if it comes after other passes."""
    wide = {f"a{number}": "S" for number in range(150)}
    graph = history_of([Backfill("TASK", *BY_STATE)], [DeclareAttributes("TASK", wide)], [MOVE])
    with pytest.raises(MigrationError, match="known attributes"):
        runner(graph).migrate()
    assert not [item for item in stored().values() if "GSI1PK" in item]


@attrs.frozen(kw_only=True)
class Cancelled(Fault):
    """Cancels a number of transactions with a code."""

    code: str
    times: int
    done: list = attrs.field(factory=list)
    operations: tuple = ("TransactWriteItems",)

    def befall(self, send_on, operation, params, dice):
        if len(self.done) >= self.times:
            return send_on(operation, params)
        self.done.append(operation)
        reasons = [{"Code": self.code, "Message": "Injected."}, {"Code": "None"}]
        error = {"Error": {"Code": "TransactionCanceledException", "Message": "x"}, "CancellationReasons": reasons}
        raise ClientError({**error, "ResponseMetadata": {"RetryAttempts": 0}}, operation)


@pytest.mark.parametrize("code", ["ThrottlingError", "ProvisionedThroughputExceeded", "TransactionConflict"])
def test_a_throttled_transaction_slows_down_and_is_sent_again(shelf, monkeypatch, code):
    """Nothing is quarantined, even after many throttled attempts."""
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    made = runner(history_of([MOVE]))
    seen = []
    made._progress = seen.append
    with inject(shelf, Cancelled(code=code, times=30)):
        assert ["0002_m"] == made.migrate()
    assert 8 == len([key for key in stored() if key.startswith("T#")])
    assert 30 <= max(each.throttled.get("table", 0) for each in seen)
    assert [] == list(Quarantine(made.records, "0002_m"))


def test_a_transaction_that_dynamodb_refuses_is_quarantined_under_its_own_name(shelf):
    """The reason is DynamoDB's code, not that others changed the item."""
    made = runner(history_of([MOVE]), accept_quarantine=True)
    with inject(shelf, Cancelled(code="ValidationError", times=1)):
        made.migrate()
    assert ["DynamoDB refuses to move the item (ValidationError)"] == [
        each.reason for each in Quarantine(made.records, "0002_m")
    ]


# --- the verification after a pass ----------------------------------------------------


def test_a_migration_is_verified_as_verify_does(shelf):
    """A stale key of another migration stops it, and the message names the fault of the item."""
    label = BackfillWith("TASK", {"s": Text("state")}, lambda s: {"label": s}, writes="label")
    graph = history_of([Backfill("TASK", *BY_STATE), CreateIndex("GSI1", "GSI1PK", "GSI1SK")], [label])
    runner(graph).migrate("0002_m")
    update(3, "SET GSI1PK = :v", {"S": "STATE#STALE"})
    with pytest.raises(MigrationStoppedError, match=r"GSI1PK is wrong \(1\)"):
        runner(graph).migrate()


def test_an_expiry_under_another_name(shelf):
    """An item that has expired by the old attribute gets the new one: DynamoDB deletes it in any case."""
    old = BackfillExpiry("TASK", "until", after=DateTime("due"), days=1, expire_past=True)
    new = BackfillExpiry("TASK", "ttl", after=DateTime("due"), days=1)
    graph = history_of([old, EnableTTL("until")], [new])
    runner(graph).migrate()
    assert {item.get("until", {}).get("N") for item in stored().values()} == {
        item.get("ttl", {}).get("N") for item in stored().values()
    }
