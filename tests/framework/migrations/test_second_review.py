"""Faults of a second hostile review: repeated passes, runners that wake, repairs that overwrite newer values."""

from datetime import datetime, timezone
from functools import partial

import attrs
import pytest

from singletable.engine import embedded
from singletable.errors import LeaseLostError, MigrationError, MigrationPausedError, MigrationStoppedError
from singletable.migrations import (
    AddEntity,
    Backfill,
    BackfillExpiry,
    BackfillWith,
    ConvertAttribute,
    CreateIndex,
    DeclareAttributes,
    DeleteIndex,
    DisableTTL,
    EnableTTL,
    Expires,
    Graph,
    Integer,
    KeyText,
    Migration,
    Rekey,
    RemoveAttribute,
    RenameAttribute,
    RenameEntity,
    Script,
    StampType,
    Stored,
    Text,
    state_of,
)
from singletable.migrations.autodetector import detect
from singletable.migrations.clock import Clock
from singletable.migrations.passes import Pass
from singletable.migrations.quarantine import Quarantine
from singletable.migrations.table_admin import TableAdmin
from singletable.migrations.throttle import Throttle
from singletable.migrations.verifier import verify
from singletable.models.binding.binding import connection_of
from singletable.testing import inject
from singletable.testing.faults import Fault
from tests.framework.migrations.helpers import table
from tests.framework.migrations.world import (
    BY_STATE,
    KEY,
    ShelfTable,
    StillClock,
    first,
    history_of,
    old_item,
    runner,
    send,
    stored,
    work,
)


@pytest.fixture
def shelf():
    """The table as of the first migration, without items."""
    with embedded(ShelfTable, create=False):
        runner().migrate("0001_initial")
        yield ShelfTable


def item_of(number=1, **values):
    """Return a task as old code stores it, with other values."""
    return {**old_item(number), **values}


def put(number=1, **values):
    send("PutItem", Item=item_of(number, **values))


def task(number=1):
    return stored()[f"TASK#t{number}"]


def look(state, **options):
    return verify(
        TableAdmin(connection_of(ShelfTable)), state, Throttle(Clock()), indexes=False, clock=StillClock(), **options
    )


# --- passes ---------------------------------------------------------------------------

UPPER = BackfillWith("TASK", {"y": Text("y")}, lambda y: {"x": y and y.upper()}, writes=("x",), conflict="overwrite")


@pytest.mark.parametrize(
    ("operations", "before", "after"),
    [
        ([RemoveAttribute("TASK", ["x"]), RenameAttribute("TASK", "y", "x")], {"x": "old", "y": "new"}, {"x": "new"}),
        ([RenameAttribute("TASK", "x", "z"), RenameAttribute("TASK", "y", "x")], {"y": "b"}, {"x": "b"}),
        ([DeclareAttributes("TASK", {"x": "text"}), UPPER, RemoveAttribute("TASK", ["y"])], {"y": "b"}, {"x": "B"}),
    ],
)
def test_a_pass_that_cannot_be_repeated_is_two(shelf, operations, before, after):
    """An operation that writes an attribute that an earlier one reads or writes gets its own scan."""
    graph = history_of(operations)
    put(**{name: {"S": value} for name, value in before.items()})
    passes = [step.compile() for step in graph.steps("0002_m")]
    assert 2 == len(passes)
    item = task()
    for each in passes:
        change = each.change(item)
        item = change.image if change else item
        assert each.change(item) is None
    assert ["0002_m"] == runner(graph).migrate()
    assert after == {name: task()[name]["S"] for name in ("x", "y", "z") if name in task()}


def test_two_conversions_of_one_attribute(shelf):
    """Two conversions of one attribute are both made once."""
    graph = history_of(
        [
            ConvertAttribute("TASK", "points", str, old="integer", new="text"),
            ConvertAttribute("TASK", "points", lambda text: int(text) * 100, old="text", new="integer"),
        ]
    )
    put(points={"N": "5"})
    runner(graph).migrate()
    assert {"N": "500"} == task()["points"]


def test_entities_change_places(shelf):
    """An entity is renamed before another one gets its name."""
    graph = history_of([RenameEntity("TASK", "OLD"), RenameEntity("BOX", "TASK")])
    put()
    send("PutItem", Item={"PK": {"S": "BOX#b"}, "SK": {"S": "BOX"}, "entityType": {"S": "BOX"}, "boxId": {"S": "b"}})
    runner(graph).migrate()
    assert ({"TASK#t1"}, {"BOX#b"}) == (set(stored("OLD")), set(stored("TASK")))


def test_operations_that_do_not_meet_share_a_scan():
    """Operations on different attributes or entities share a scan."""
    graph = history_of(
        [
            RenameAttribute("TASK", "state", "phase"),
            Backfill("TASK", KeyText("GSI1PK", "P#{phase}", phase=Text("phase"))),
            BackfillExpiry("TASK", "ttl", after="due", days=1),
            RemoveAttribute("BOX", ["state"]),
        ]
    )
    assert 1 == len(graph.steps("0002_m"))


# --- runners that wake, items that are redriven -----------------------------------------


def test_a_runner_that_wakes_recomputes_nothing(shelf):
    """If later migrations have changed the item, its condition fails, and it stops without another attempt."""
    graph = history_of(
        [RemoveAttribute("TASK", ["x"])],
        [DeclareAttributes("TASK", {"x": "text"}), BackfillWith("TASK", {}, lambda: {"x": "new"}, writes=("x",))],
    )
    put(x={"S": "old"})

    @attrs.frozen(kw_only=True)
    class Overtake(Fault):
        """Another runner takes over between reading and writing the item, and applies everything."""

        done: list = attrs.field(factory=list)
        operations: tuple = ("UpdateItem",)

        def befall(self, send_on, operation, params, dice):
            if params["Key"]["PK"] == {"S": "TASK#t1"} and not self.done:
                self.done.append(operation)
                other = runner(graph, segments=1)
                other.lease.break_()
                other.migrate()
            return send_on(operation, params)

    fault = Overtake()
    with inject(shelf, fault), pytest.raises(LeaseLostError):
        runner(graph, segments=1).migrate()
    assert fault.done
    assert {"S": "new"} == task()["x"]


def test_an_item_that_newer_code_corrected_is_released_as_it_is(shelf):
    """A corrected item is released unchanged: the pass would read its new value in an old form."""
    graph = history_of(
        [ConvertAttribute("TASK", "points", str, old="integer", new="text")],
        [ConvertAttribute("TASK", "points", lambda text: int(text) * 100, old="text", new="integer")],
    )
    put(points={"BOOL": True})
    runner(graph, accept_quarantine=True).migrate()
    put(points={"N": "500"})
    assert {"released"} == set(runner(graph).redrive_applied())
    assert {"N": "500"} == task()["points"]
    assert [] == list(Quarantine(runner(graph).records, "0002_m"))


# --- repairs ----------------------------------------------------------------------------


def test_a_repair_keeps_what_pending_models_declare(shelf):
    """A repair keeps an attribute that pending models declare under the name of the time to live."""
    expiring = AddEntity(
        "SES",
        KeyText("PK", "SES#{i}", i=Text("sid")),
        KeyText("SK", "S", sort=True),
        Expires("ttl", "at", days=3650),
        attributes={"sid": "S", "at": "S"},
    )
    graph = history_of([expiring, EnableTTL("ttl")], [DeclareAttributes("TASK", {"ttl": "integer"})])
    put(ttl={"N": "4000000000"})
    assert look(graph.before("0003_m"), later=graph.state, repair=True).right
    assert {"N": "4000000000"} == task()["ttl"]


def test_a_repair_removes_no_value_of_an_index_on_a_declared_attribute(shelf):
    """Its value follows from nothing, so it stays, and so does the finding."""
    graph = history_of([DeclareAttributes("TASK", {"mail": "S"}), CreateIndex("GSI9", "mail")])
    gone = history_of(
        [DeclareAttributes("TASK", {"mail": "S"}), CreateIndex("GSI9", "mail")],
        [DeclareAttributes("TASK", {"mail": None})],
    )
    put(mail={"S": "m"})
    assert look(graph.state, repair=True).right
    assert {"extra": 1} == look(gone.state, repair=True).counts
    assert {"S": "m"} == task()["mail"]


def test_a_repair_leaves_out_what_newer_code_leaves_out(shelf):
    """A pending migration gives the key only to open tasks; a task that lacks it by mistake gets it."""
    source = Text("state")
    only = KeyText("GSI1PK", "STATE#{state}", state=source, when={"state": ("OPEN",)})
    graph = history_of([Backfill("TASK", KeyText("GSI1PK", "STATE#{state}", state=source))], [Backfill("TASK", only)])
    put(1, state={"S": "DONE"})
    put(2)
    report = look(graph.before("0003_m"), later=graph.state, repair=True)
    assert {"missing": 1} == report.repaired
    assert ("GSI1PK" in task(1), {"S": "STATE#OPEN"}) == (False, task(2)["GSI1PK"])


def test_a_repair_keeps_the_trace_of_a_lost_source(shelf):
    """If a required attribute is absent, the key is the only copy of its value, and stays."""
    head = first().operations
    state = AddEntity("TASK", *KEY, attributes={"taskId": "S", "state": Stored("text", required=True)})
    graph = history_of([Backfill("TASK", *BY_STATE)], head=Migration([], [head[0], state]))
    item = item_of(1, GSI1PK={"S": "STATE#OPEN"}, GSI1SK={"S": "t1"})
    del item["state"]
    send("PutItem", Item=item)
    report = look(graph.state, repair=True)
    assert {"extra": 2, "required": 1} == report.counts
    assert {"S": "STATE#OPEN"} == task()["GSI1PK"]


@pytest.mark.parametrize(
    ("pending", "item"),
    [
        ([RenameAttribute("TASK", "state", "phase")], {"phase": {"S": "OPEN"}, "state": None}),
        (
            [Rekey("TASK", KeyText("PK", "T#{task_id}", task_id=Text("taskId")), KEY[1])],
            {"PK": {"S": "T#t1"}},
        ),
        ([RenameEntity("TASK", "JOB")], {"entityType": {"S": "JOB"}}),
        (
            [ConvertAttribute("TASK", "state", str.lower, old="text", new="text")],
            {"state": {"S": "open"}, "GSI1PK": {"S": "STATE#open"}},
        ),
    ],
)
def test_what_code_of_a_pending_migration_wrote_is_no_finding(shelf, pending, item):
    """A value of a pending migration is right by the last state."""
    head = first().operations
    attributes = {"taskId": "S", "state": Stored("text", required=True)}
    graph = history_of(
        [Backfill("TASK", *BY_STATE)],
        pending,
        head=Migration([], [head[0], AddEntity("TASK", *KEY, attributes=attributes), head[2]]),
    )
    new = {**item_of(1, GSI1PK={"S": "STATE#OPEN"}, GSI1SK={"S": "t1"}), **item}
    send("PutItem", Item={name: value for name, value in new.items() if value})
    assert look(graph.before("0003_m"), later=graph.state).right
    runner(graph, accept_edited=True).migrate()
    assert look(graph.state).right


# --- keys and expiries of changed attributes ------------------------------------------


def test_an_expiry_in_the_past_is_not_written_while_the_time_to_live_is_off(shelf):
    """Such an expiry would take effect unnoticed when the time to live is switched on."""
    past = datetime(2020, 1, 1, tzinfo=timezone.utc)
    fill = BackfillWith("TASK", {}, lambda: {"due": past}, writes=("due",), conflict="overwrite")
    graph = history_of([BackfillExpiry("TASK", "ttl", after="due", days=1)], [fill], [EnableTTL("ttl")])
    put(due={"S": "2030-01-01T00:00:00.000000+0000"})
    with pytest.raises(MigrationStoppedError, match="ttl would lie in the past"):
        runner(graph).migrate()
    assert {"S": "2030-01-01T00:00:00.000000+0000"} == task()["due"]


def test_a_key_that_a_function_made_follows_its_source(shelf):
    """A key of a function follows its source, since the history has the function."""
    made = BackfillWith(
        "TASK", {"points": Integer("points")}, lambda points: {"GSI1PK": f"P#{points}"}, writes=("GSI1PK",)
    )
    graph = history_of([made], [RenameAttribute("TASK", "points", "score")], [
        ConvertAttribute("TASK", "score", lambda value: f"{value * 100}", old="integer", new="text")
    ])  # fmt: skip
    put(points={"N": "5"})
    runner(graph).migrate()
    assert ({"S": "500"}, {"S": "P#500"}) == (task()["score"], task()["GSI1PK"])
    assert graph.state.entities["TASK"].derived["GSI1PK"].maker.sources["points"].stored_name == "score"


def test_a_rollback_restores_what_an_earlier_function_gave(shelf):
    """A rollback restores the value of an earlier function, which the history has."""
    made = BackfillWith("TASK", {"s": Text("state")}, lambda s: {"GSI1PK": f"A#{s}"}, writes=("GSI1PK",))
    graph = history_of([made], [Backfill("TASK", KeyText("GSI1PK", "B#{state}", state=Text("state")))])
    put()
    runner(graph).migrate()
    assert {"S": "B#OPEN"} == task()["GSI1PK"]
    runner(graph).rollback("0003_m")
    assert {"S": "A#OPEN"} == task()["GSI1PK"]


def test_a_rollback_converts_nothing_that_was_not_converted(shelf):
    """A rollback does not convert values of a migration that wrote nothing yet, or of other writers."""
    graph = history_of([ConvertAttribute("TASK", "state", str.upper, str.lower, old="text", new="text")])
    put(state={"S": "MiX"})
    paused = runner(graph)
    paused.stop()
    with pytest.raises(MigrationPausedError):
        paused.migrate()
    runner(graph).rollback("0002_m")
    assert {"S": "MiX"} == task()["state"]


def test_a_value_that_both_forms_read_is_converted_or_refused(shelf):
    """If both forms read a value, the function decides, and must be idempotent."""
    turn = {"1": "3", "2": "2", "3": "1"}.get
    choice = Stored("choice", choices=("1", "2", "3"))

    def swap(value):
        return turn(value)

    with pytest.raises(MigrationStoppedError, match="swap.. is not idempotent"):
        put(state={"S": "1"})
        runner(history_of([ConvertAttribute("TASK", "state", swap, old="text", new=choice)])).migrate()
    plain = "0f8fad5b-d9cb-469f-a165-70867728950e"
    from uuid import UUID

    change = work(ConvertAttribute("TASK", "note", UUID, old="text", new="uuid")).change(
        item_of(1, note={"S": plain.replace("-", "")})
    )
    assert {"note": {"S": plain}} == change.sets
    strict = ConvertAttribute(
        "TASK", "note", lambda text: datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=timezone.utc),
        old="text", new="datetime",
    )  # fmt: skip
    change = work(strict).change(item_of(1, note={"S": "2026-01-02"}))
    assert work(strict).change(change.image) is None


# --- tables ---------------------------------------------------------------------------


def test_a_stream_that_no_migration_knows_is_left_alone():
    """A stream, an index or a time to live that no migration mentions is not changed."""
    graph = history_of([Backfill("TASK", *BY_STATE)])
    with embedded(ShelfTable, create=False):
        live = TableAdmin(connection_of(ShelfTable), StillClock())
        live.create("PK", "SK", ())
        live.set_stream("NEW_AND_OLD_IMAGES")
        live.set_ttl("mine", on=True)
        live.create_index(CreateIndex("MINE", "minePK").index)
        runner(graph).migrate()
        assert ("NEW_AND_OLD_IMAGES", "mine") == (live.stream(), live.ttl())
        assert ["MINE"] == [each["IndexName"] for each in live.require()["GlobalSecondaryIndexes"]]


def test_what_the_history_makes_and_drops_is_dropped():
    """Indexes that the history creates and deletes are deleted, also on a table that is at an earlier state."""
    graph = history_of([EnableTTL("ttl"), CreateIndex("GSI1", "GSI1PK")], [DisableTTL("ttl"), DeleteIndex("GSI1")])
    with embedded(ShelfTable, create=False):
        live = TableAdmin(connection_of(ShelfTable), StillClock())
        live.create("PK", "SK", ())
        live.set_ttl("ttl", on=True)
        live.create_index(CreateIndex("GSI1", "GSI1PK").index)
        runner(graph).migrate()
        assert live.ttl() is None
        assert not live.require().get("GlobalSecondaryIndexes")


def test_a_migration_of_another_branch_knows_what_is_applied(shelf):
    """A migration may come before an applied one in the graph; the keys of the applied one follow its writes."""
    region = Text("region")
    initial = Script("0001_initial", first(), "first")
    late = Script(
        "0002_a",
        Migration(
            ["0001_initial"],
            [
                DeclareAttributes("TASK", {"region": "S"}),
                BackfillWith("TASK", {}, lambda: {"region": "EU"}, writes=("region",)),
            ],
        ),
        "a",
    )
    early = Script(
        "0002_b", Migration(["0001_initial"], [Backfill("TASK", KeyText("GSI1PK", "R#{region}", region=region))]), "b"
    )
    put()
    assert ["0002_b"] == runner(Graph([initial, early])).migrate()
    merge = Script("0003_m", Migration(["0002_a", "0002_b"], []), "m")
    graph = Graph([initial, late, early, merge])
    runner(graph).migrate()
    assert ({"S": "EU"}, {"S": "R#EU"}) == (task()["region"], task()["GSI1PK"])


# --- declarations ---------------------------------------------------------------------


def test_functions_without_a_name_are_refused():
    """A function without a name is refused with its line and a remedy."""
    with pytest.raises(MigrationError, match="is not a function with a name"):
        ConvertAttribute("TASK", "points", partial(int, base=10), old="text", new="integer")


def test_a_conversion_adds_no_key():
    """A conversion with a new key is refused, since it could not be reversed."""
    key = KeyText("GSI9PK", "X#{points}", points=Text("points"))
    with pytest.raises(MigrationError, match="GSI9PK of TASK is not derived yet"):
        history_of([ConvertAttribute("TASK", "points", str, old="integer", new="text", derived=[key])])


def test_an_entity_is_stamped_in_the_migration_that_names_it(shelf):
    """An entity can be added and stamped in one migration."""
    bare = {name: value for name, value in old_item(5).items() if name != "entityType"}
    send("PutItem", Item=bare)
    put(6)
    runner(history_of([RenameEntity("TASK", "JOB"), StampType("JOB")])).migrate()
    assert {"TASK#t5", "TASK#t6"} == set(stored("JOB"))


def test_a_renamed_entity_with_another_attribute_is_asked_about():
    """A renamed entity with another attribute, or another key, is asked about."""
    from pynamodb.attributes import UnicodeAttribute

    old = {"a": UnicodeAttribute(), "b": UnicodeAttribute()}
    new = {"a": UnicodeAttribute(), "b": UnicodeAttribute(), "c": UnicodeAttribute(null=True)}
    questions = []
    before, after = (state_of(each.describe()) for each in (table(ORDER=old), table(SALE=new)))
    detect(before, after, lambda question: questions.append(question) or False)
    assert "Was the entity ORDER renamed to SALE?" in questions


def test_two_functions_to_be_written_have_two_names():
    """Functions get different names, also for names that differ only in case or in an invalid character."""
    from pynamodb.attributes import UnicodeAttribute

    old = state_of(table(E={}).describe())
    new = state_of(
        table(E={"one": UnicodeAttribute(attr_name="dueAt"), "two": UnicodeAttribute(attr_name="dueat")}).describe()
    )
    names = [
        each.function.__name__ for each in detect(old, new, lambda _: True).operations if isinstance(each, BackfillWith)
    ]
    assert 2 == len(set(names)) == len(names)


def test_filling_keeps_the_values_of_newer_code():
    """Filling keeps the values of newer code, and fills NULL."""
    fill = Pass(
        [BackfillWith("TASK", {}, lambda: {"prio": "LOW"}, writes=("prio",), conflict="keep")],
        DeclareAttributes("TASK", {"prio": "text"}).apply(history_of().state),
    )
    assert fill.change(item_of(1, prio={"S": "HIGH"})) is None
    assert {"prio": {"S": "LOW"}} == fill.change(item_of(1, prio={"NULL": True})).sets
