"""A table with every kind of fault: all faults are found, and derived attributes are repaired."""

import random
import threading
from collections import Counter
from copy import deepcopy
from datetime import datetime, timezone
from enum import Enum

import attrs
import pytest
from pynamodb.attributes import Attribute, UnicodeAttribute, UTCDateTimeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from singletable import EnumAttribute, Expiry, IntegerAttribute, Key, Table
from singletable.engine import embedded
from singletable.errors import MigrationError, MigrationPausedError
from singletable.migrations import TableState, state_of
from singletable.migrations.clock import Clock
from singletable.migrations.index_rows import IndexRows
from singletable.migrations.live_table import LiveTable
from singletable.migrations.throttle import Throttle
from singletable.migrations.verifier import verify
from singletable.models.binding.binding import connection_of
from singletable.testing import Rival, inject
from singletable.testing.faults import Fault
from tests.framework.migrations.world import StillClock

START = datetime(2030, 1, 1, tzinfo=timezone.utc)


class Colour(Attribute):
    """A class of the project: a color of three numbers, stored as text. A key contains the first one."""

    attr_type = "S"
    key_kind = "text"

    def serialize(self, value):
        return "/".join(map(str, value))

    def deserialize(self, value):
        return tuple(int(each) for each in value.split("/"))

    def to_key(self, value):
        return f"red{value[0]}"


class ByState(GlobalSecondaryIndex):
    class Meta:
        index_name = "GSI1"
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="GSI1PK")
    sk = UnicodeAttribute(range_key=True, attr_name="GSI1SK")


class ByColour(GlobalSecondaryIndex):
    class Meta:
        index_name = "GSI2"
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="GSI2PK")


class PartTable(Table):
    class Meta:
        table_name = "parts"

    by_state = ByState()
    by_colour = ByColour()


class State(str, Enum):
    NEW = "NEW"
    OLD = "OLD"


class Part(PartTable, discriminator="PART"):
    """A part with keys of all kinds and a required attribute."""

    ident = UnicodeAttribute()
    state = EnumAttribute(State)
    weight = IntegerAttribute()
    colour = Colour()
    likes = IntegerAttribute(default=0)
    due = UTCDateTimeAttribute(null=True)

    key = Key(pk="PART#{ident}", sk="PART")
    in_state = Key(index=ByState, pk="STATE#{state}", sk="{weight:05d}#{ident}")
    in_colour = Key(index=ByColour, pk="COLOUR#{colour}")
    expires = Expiry(after="due", days=30)


class Plain(PartTable, discriminator="PLAIN"):
    """An entity that is in no index."""

    ident = UnicodeAttribute()
    key = Key(pk="PLAIN#{ident}", sk="PLAIN")


STATE = state_of(PartTable.describe())

CORRUPTIONS = {
    "a key is missing": (lambda item: item.pop("GSI1PK"), [("missing", "GSI1PK")], True),
    "a key is wrong": (lambda item: item.update(GSI1SK={"S": "x"}), [("wrong", "GSI1SK")], True),
    "the expiry is missing": (lambda item: item.pop("ttl"), [("missing", "ttl")], True),
    "the expiry is in milliseconds": (
        lambda item: item.update(ttl={"N": "1900000000000"}),
        [("wrong", "ttl")],
        True,
    ),
    "the expiry is extra": (lambda item: item.pop("due"), [("extra", "ttl")], True),
    "the discriminator is absent": (lambda item: item.pop("entityType"), [("unidentified", "entityType")], True),
    "the discriminator is unknown": (
        lambda item: item.update(entityType={"S": "GHOST"}),
        [("unidentified", "entityType")],
        False,
    ),
    "a number is text": (
        lambda item: item.update(weight={"S": "7"}),
        [("unreadable", "GSI1PK"), ("unreadable", "GSI1SK"), ("malformed", "weight")],
        False,
    ),
    "a required attribute is missing": (
        lambda item: item.pop("colour"),
        [("required", "colour"), ("extra", "GSI2PK")],
        None,
    ),
    "a value is not allowed": (
        lambda item: item.update(state={"S": "GONE"}),
        [("unreadable", "GSI1PK"), ("malformed", "state")],
        False,
    ),
    "its own class cannot read it": (
        lambda item: item.update(colour={"S": "blue"}),
        [("malformed", "colour")],
        False,
    ),
    "a key of its own class is wrong": (
        lambda item: item.update(GSI2PK={"S": "COLOUR#x"}),
        [("wrong", "GSI2PK")],
        True,
    ),
    "the primary key is another": (
        lambda item: item.update(ident={"S": "another"}),
        [("wrong", "PK"), ("wrong", "GSI1SK")],
        None,
    ),
}
"""By kind: the damage to an item, the findings, and whether a repair leaves none (None: it repairs a part)."""


def send(operation, **params):
    return connection_of(PartTable).connection.dispatch(operation, {"TableName": "parts", **params})


def scan():
    found, start = [], {}
    while True:
        answer = send("Scan", ConsistentRead=True, **start)
        found += answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return found
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def look(**options):
    return verify(
        LiveTable(connection_of(PartTable)),
        STATE,
        Throttle(Clock()),
        **{"models": PartTable, "clock": StillClock(), "indexes": False, **options},
    )


def fill(count):
    with PartTable.batch() as batch:
        for number in range(count):
            batch.save(Part(ident=f"p{number}", state=State.NEW, weight=number, colour=(number % 9, 1, 2), due=START))


def planted(dice, items):
    """Corrupt each item in one way. Return the kinds by partition key, and the expected findings."""
    done, expected = {}, Counter()
    for number, item in enumerate(items):
        what = [*CORRUPTIONS][number % len(CORRUPTIONS)] if number < 40 else dice.choice([*CORRUPTIONS])
        bad = deepcopy(item)
        change, findings, _ = CORRUPTIONS[what]
        change(bad)
        send("PutItem", Item=bad)
        done[item["PK"]["S"]] = what
        expected.update((kind, name, item["PK"]["S"]) for kind, name in findings)
    return done, expected


def found(report):
    return Counter((each.kind, each.name, each.key["PK"]["S"]) for each in report.findings)


@pytest.mark.parametrize("count", [26, pytest.param(500, marks=pytest.mark.deep)])
def test_all_that_is_wrong_is_found_and_repaired_under_a_live_writer(count):
    """All thirteen kinds are found, each with its attribute and key, without another finding; no write is lost."""
    dice = random.Random(count)
    likes = Counter()

    def like():
        key = dice.choice(sorted(done))
        likes[key] += 1
        send(
            "UpdateItem",
            Key={"PK": {"S": key}, "SK": {"S": "PART"}},
            UpdateExpression="ADD likes :one",
            ConditionExpression="attribute_exists(PK)",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )

    def change():
        """Change a source of keys, with the keys of the models."""
        key = dice.choice([each for each, what in sorted(done.items()) if what == "a key is missing"])
        part = Part.get(ident=key.removeprefix("PART#"), consistent=True)
        part.update(weight=dice.randrange(99_999))
        weights[key] = str(part.weight)

    weights = {}
    with embedded(PartTable):
        fill(count)
        facts = {item["PK"]["S"]: item for item in scan()}
        assert look().right
        done, expected = planted(dice, list(facts.values()))
        assert set(CORRUPTIONS) == set(done.values())
        assert expected == found(look())

        rivals = [Rival(like, operations=["UpdateItem"]), Rival(change, operations=["UpdateItem"], calls={3, 9, 14})]
        with inject(PartTable, *rivals):
            report = look(repair=True)
        left = {key for key, what in done.items() if CORRUPTIONS[what][2] is not True}
        assert left == {each.key["PK"]["S"] for each in report.findings}
        assert report.repaired
        again = look()
        assert found(again) == found(report)
        for item in scan():
            key = item["PK"]["S"]
            assert likes[key] == int(item.pop("likes")["N"])
            if key not in left and done[key] != "the expiry is extra":
                expected = {name: value for name, value in facts[key].items() if name != "likes"}
                if key in weights:
                    expected |= {"weight": {"N": weights[key]}}
                    expected["GSI1SK"] = {"S": f"{int(weights[key]):05d}#{item['ident']['S']}"}
                assert expected == item


def test_a_repair_that_a_writer_overtakes():
    """If the source changes between read and write, the keys are computed from the new state of the item."""

    def change():
        Part.get(ident="p0", consistent=True).update(weight=777)
        send("UpdateItem", Key=key, UpdateExpression="REMOVE GSI1SK")

    key = {"PK": {"S": "PART#p0"}, "SK": {"S": "PART"}}
    with embedded(PartTable):
        fill(1)
        send("UpdateItem", Key=key, UpdateExpression="REMOVE GSI1SK")
        with inject(PartTable, Rival(change, operations=["UpdateItem"], calls={1})):
            report = look(repair=True)
        (item,) = scan()
    assert {"S": "00777#p0"} == item["GSI1SK"]
    assert report.right


def test_a_repair_writes_no_expiry_in_the_past():
    """An expiry in the past is not written, since DynamoDB would delete the item."""
    with embedded(PartTable):
        past = datetime(2020, 1, 1, tzinfo=timezone.utc)
        Part(ident="p", state=State.NEW, weight=1, colour=(1, 2, 3), due=past).save()
        (item,) = scan()
        del item["ttl"]
        send("PutItem", Item=item)
        report = look(repair=True)
        assert [item] == scan()
    assert Counter({("missing", "ttl", "PART#p"): 1}) == found(report)


def test_a_repair_leaves_what_newer_code_wrote():
    """The keys of a pending migration are not findings, and a repair does not change them."""
    part = STATE.entities["PART"]
    derived = {name: each for name, each in part.derived.items() if name not in ("GSI1PK", "GSI1SK")}
    before = STATE.with_entity(attrs.evolve(part, derived=derived))
    with embedded(PartTable):
        fill(2)
        items = scan()
        plain = verify(LiveTable(connection_of(PartTable)), before, Throttle(Clock()), indexes=False)
        assert Counter(extra=4) == plain.counts
        ahead = verify(
            LiveTable(connection_of(PartTable)), before, Throttle(Clock()), indexes=False, later=STATE, repair=True
        )
        assert ahead.right
        assert items == scan()


def test_what_is_not_checked_is_said():
    """Without the models, their classes are missing: the report names each attribute and the reason."""
    with embedded(PartTable):
        bare = look(models=None)
        whole = look(indexes=True)
    assert [
        "The values of colour of PART: the history knows their DynamoDB type at most.",
        "GSI2PK of PART: only a class or function of the project can compute it.",
        "The index GSI1: it was not requested.",
        "The index GSI2: it was not requested.",
    ] == bare.not_checked
    assert ["Attributes that an index projects: only its keys are compared."] == whole.not_checked


def test_parallel_segments_see_every_item_once():
    """Parallel segments see every item once."""
    with embedded(PartTable):
        fill(60)
        one, four = look(indexes=True), look(indexes=True, segments=4)
    assert one.items == four.items == Counter(PART=60)
    assert one.rows == four.rows == Counter(GSI1=60, GSI2=60)
    assert one.right
    assert four.right


class Stops(Fault):
    """Asks the run to pause at a scan."""

    def __init__(self, event, number):
        super().__init__(operations=["Scan"])
        object.__setattr__(self, "event", event)
        object.__setattr__(self, "left", [number])

    def befall(self, send_on, operation, params, dice):
        self.left[0] -= 1
        if not self.left[0]:
            self.event.set()
        # Small pages, so that work remains after each.
        return send_on(operation, {**params, "Limit": 7})


@pytest.mark.parametrize("at", [1, 3, 6, 9, 12, 14, 16])
def test_an_interrupted_verification_goes_on(tmp_path, at):
    """It continues from its checkpoint, which only its owner can read, and which is removed at the end."""
    path = tmp_path / "verify.json"
    with embedded(PartTable):
        fill(20)
        Plain(ident="x").save()
        done, expected = planted(random.Random(1), [item for item in scan() if "weight" in item])
        stop = threading.Event()
        with inject(PartTable, Stops(stop, at)):
            try:
                first = look(indexes=True, checkpoint=path, stop=stop)
            except MigrationPausedError as error:
                assert "--checkpoint" in error.remedy
                assert 0o600 == path.stat().st_mode & 0o777
                first = None
            second = first or look(indexes=True, checkpoint=path)
        assert not path.exists()
    assert expected == Counter({key: count for key, count in found(second).items() if "index" not in key[0]})
    assert 21 == sum(second.items.values()) + second.unknown
    assert done


def test_a_checkpoint_of_another_verification(tmp_path):
    """A checkpoint of another verification is refused, and so is another file."""
    path = tmp_path / "verify.json"
    with embedded(PartTable):
        fill(3)
        stop = threading.Event()
        stop.set()
        with pytest.raises(MigrationPausedError):
            look(checkpoint=path, stop=stop)
        with pytest.raises(MigrationError, match="checkpoint of another verification: its repair differ"):
            look(checkpoint=path, repair=True)
        path.write_text("{}", encoding="utf-8")
        with pytest.raises(MigrationError, match="is not a checkpoint"):
            look(checkpoint=path)
        with pytest.raises(MigrationError, match="cannot be written"):
            look(checkpoint=tmp_path / "nowhere" / "x", stop=stop)


def test_the_memory_is_bounded(monkeypatch):
    """Under live traffic most groups differ; only a bounded number of keys is in memory at a time."""
    from singletable.migrations import verifier

    monkeypatch.setattr(verifier, "_SUSPECTS", 50)
    kept = []
    present = IndexRows._present

    def watch(self, rows):
        kept.append(len(rows))
        return present(self, rows)

    monkeypatch.setattr(IndexRows, "_present", watch)
    items, version = 2_000, [0]

    class Generated(LiveTable):
        """A generated table that changes between two scans."""

        name = "parts"

        def __init__(self):
            """Create a table without a connection."""

        def item(self, key):
            return row(int(key["PK"]["S"].removeprefix("PLAIN#")))

        def send(self, operation, params):
            if operation == "Query":
                number = int(next(iter(params["ExpressionAttributeValues"].values()))["S"].removeprefix("KEY#")[2:])
                return {"Items": [row(number)]}
            if "ExclusiveStartKey" not in params:
                version[0] += 1
            start = int(params.get("ExclusiveStartKey", {"n": 0})["n"])
            answer = {"Items": [row(number) for number in range(start, min(items, start + 100))]}
            return answer if start + 100 >= items else {**answer, "LastEvaluatedKey": {"n": start + 100}}

    def row(number):
        key = f"{version[0] if number % 20 == 0 else 0}#{number}"
        return {
            "PK": {"S": f"PLAIN#{number}"},
            "SK": {"S": "PLAIN"},
            "entityType": {"S": "PLAIN"},
            "ident": {"S": str(number)},
            "GSI1PK": {"S": f"KEY#{key}"},
            "GSI1SK": {"S": "x"},
        }

    plain = STATE.entities["PLAIN"]
    state = TableState(
        "PK",
        "SK",
        "entityType",
        {"GSI1": STATE.indexes["GSI1"]},
        {"PLAIN": attrs.evolve(plain, attributes={**plain.attributes, "GSI1PK": "S", "GSI1SK": "S"})},
    )
    report = verify(Generated(), state, Throttle(StillClock()), clock=StillClock())
    assert kept
    assert max(kept) <= 150, "a page beyond the limit"
    assert report.right
