"""`upsert()`: one request that creates an item or updates it; and `delete(missing=)`."""

from datetime import datetime, timedelta, timezone

import pytest
from pynamodb.attributes import (
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
    UTCDateTimeAttribute,
    VersionAttribute,
)
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from singletable import CreatedAtAttribute, Expiry, Key, Table, UpdatedAtAttribute, plan
from singletable.engine import embedded
from singletable.errors import (
    ConcurrentUpdateError,
    ConditionFailed,
    InvalidRequestError,
    InvalidUpdateError,
    InvalidValueError,
    ItemDoesNotExist,
    KeyChangeError,
    SingletableError,
    StaleKeyError,
    TransactionCancelled,
)
from singletable.testing import LostResponse, Rival, check_fresh, inject

MOMENT = datetime(2026, 1, 1, tzinfo=timezone.utc)


class ByOwner(GlobalSecondaryIndex):
    class Meta:
        index_name = "GSI1"
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="GSI1PK")
    sk = UnicodeAttribute(range_key=True, attr_name="GSI1SK")


class ByLevel(GlobalSecondaryIndex):
    class Meta:
        index_name = "GSI2"
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="GSI2PK")
    sk = UnicodeAttribute(range_key=True, attr_name="GSI2SK")


class TallyTable(Table):
    class Meta:
        table_name = "tallies"

    by_owner = ByOwner()
    by_level = ByLevel()


class Counter(TallyTable, discriminator="COUNTER"):
    name = UnicodeAttribute()
    value = NumberAttribute()

    key = Key(pk="COUNTER#{name}", sk="COUNTER")


class Job(TallyTable, discriminator="JOB"):
    ident = UnicodeAttribute(attr_name="id")
    status = UnicodeAttribute(default_for_new="NEW")
    owner = UnicodeAttribute(null=True)
    runs = NumberAttribute(default_for_new=5)
    note = UnicodeAttribute(null=True)
    detail = MapAttribute(null=True)
    tags = UnicodeSetAttribute(null=True)
    lines = ListAttribute(null=True)
    starts_at = UTCDateTimeAttribute(attr_name="at", default_for_new=lambda: MOMENT)
    made_at = CreatedAtAttribute(attr_name="madeAt")
    changed_at = UpdatedAtAttribute(attr_name="changedAt")
    version = VersionAttribute()

    key = Key(pk="JOB#{ident}", sk="JOB")
    owned = Key(index=ByOwner, pk="OWNER#{owner}", sk="{status}#{ident}")
    levels = Key(index=ByLevel, pk="LEVEL", sk="{runs:05d}#{ident}")
    expires_at = Expiry(after="starts_at", days=1)


@pytest.fixture(autouse=True)
def table():
    with embedded(TallyTable) as bound:
        yield bound
        check_fresh(TallyTable)


def item(partition, sort):
    key = {"PK": {"S": partition}, "SK": {"S": sort}}
    client = TallyTable._get_connection().connection.client
    return client.get_item(TableName="tallies", Key=key, ConsistentRead=True).get("Item")


def test_a_counter_counts_from_nothing():
    """Each upsert is one request, and the item has its type and its attributes."""
    with inject(TallyTable) as injected:
        for _ in range(3):
            counter = Counter(name="hits")
            counter.upsert(actions=[Counter.value.add(1)])
    assert ["UpdateItem"] * 3 == injected.calls
    assert 3 == counter.value == Counter.get(name="hits").value


def test_a_new_item_is_what_create_and_update_would_leave():
    """It has defaults, derived keys, the expiry, times and a first version."""
    made = Job(ident="1", owner="ann", note="n")
    with inject(TallyTable) as injected:
        made.upsert(actions=[Job.runs.add(2)])
    assert ["UpdateItem"] == injected.calls
    stored = item("JOB#1", "JOB")
    assert ({"N": "7"}, {"S": "NEW"}, {"S": "n"}) == (stored["runs"], stored["status"], stored["note"])
    assert ({"S": "OWNER#ann"}, {"S": "NEW#1"}) == (stored["GSI1PK"], stored["GSI1SK"])
    assert {"S": "00007#1"} == stored["GSI2SK"]
    assert {"N": str(int((MOMENT + timedelta(days=1)).timestamp()))} == stored["ttl"]
    assert {"madeAt", "changedAt", "version"} <= stored.keys()
    assert made == Job.get(ident="1")


def test_an_existing_item_gets_the_changes_alone():
    """Other values of the instance are not written; the version is raised, and the time of creation is kept."""
    old = Job(ident="1", owner="ann", runs=1, starts_at=MOMENT + timedelta(days=9))
    old.create()
    before = item("JOB#1", "JOB")
    made = Job(ident="1", owner="bob", note="other", runs=50)
    made.upsert(note="mine")
    after = item("JOB#1", "JOB")
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    assert {"note", "changedAt", "version"} == changed
    assert old.version + 1 == made.version
    assert ("ann", 1) == (made.owner, made.runs)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"status": "DONE"}, {"S": "DONE#1"}),
        ({"owner": "bob"}, {"S": "NEW#1"}),
        ({"owner": None}, None),
    ],
)
def test_keys_follow_what_is_stored_and_not_what_the_instance_holds(values, expected):
    """The stored value of another source of the key may differ from the instance's."""
    Job(ident="1", owner="ann").create()
    Job(ident="1", owner="cid", status="HELD").upsert(**values)
    stored = item("JOB#1", "JOB")
    if expected is None:
        assert "GSI1PK" not in stored
    else:
        assert (expected, {"S": f"OWNER#{values.get('owner', 'ann')}"}) == (stored["GSI1SK"], stored["GSI1PK"])
    check_fresh(TallyTable)


def test_a_key_that_depends_on_a_sum_follows_it():
    """The stored sum is known only after a first request."""
    for expected in ("00006#1", "00007#1", "00009#1"):
        with inject(TallyTable) as injected:
            Job(ident="1").upsert(actions=[Job.runs.add(2 if expected == "00009#1" else 1)])
        assert {"S": expected} == item("JOB#1", "JOB")["GSI2SK"]
        assert len(injected.calls) <= 2


def test_an_item_that_lacks_an_attribute_is_not_given_it():
    """The request for a new item would add it, so an ordinary update is sent instead."""
    Job(ident="1").create()
    with inject(TallyTable) as injected:
        Job(ident="1", owner="ann", note="x").upsert(runs=9)
    assert ["UpdateItem", "UpdateItem"] == injected.calls
    stored = item("JOB#1", "JOB")
    assert {"owner", "note", "GSI1PK"}.isdisjoint(stored)


def test_an_upsert_of_nothing_makes_sure_that_the_item_exists():
    """It does not change an existing item."""
    made = Counter(name="x", value=3)
    made.upsert()
    before = item("COUNTER#x", "COUNTER")
    Counter(name="x", value=4).upsert()
    assert before == item("COUNTER#x", "COUNTER")


def test_sums_lists_and_removals():
    """Each action works on a new item and on an existing one."""
    for expected in ((["a"], {"t"}, None), (["a", "a"], {"t"}, None)):
        made = Job(ident="1")
        lines = (Job.lines | []).append(["a"])
        made.upsert(actions=[Job.lines.set(lines), Job.tags.add({"t"}), Job.note.remove()])
        assert expected == (made.lines, made.tags, made.note)


def test_what_cannot_be_one_request_is_refused():
    """It is refused before sending, and the error has a remedy."""
    with inject(TallyTable) as injected:
        for act, error, message in (
            (
                lambda: Counter(name="x").upsert(),
                InvalidValueError,
                "Counter.value is None, but a new item must have it",
            ),
            (
                lambda: Job(ident="1", tags={"a"}).upsert(actions=[Job.tags.add({"b"})]),
                InvalidUpdateError,
                "Job: the instance has a value of tags, but an action of the upsert needs a part of it. Leave tags out",
            ),
            (
                lambda: Job(ident="1", detail={"a": 1}).upsert(actions=[Job.detail["a"].set(2)]),
                InvalidUpdateError,
                "the instance has a value of detail",
            ),
            (
                lambda: Counter(name="x").upsert(actions=[Counter.value.set(Counter.value + 1)]),
                InvalidUpdateError,
                "'value' cannot be made: it reads an attribute that the item does not have",
            ),
            (lambda: Job(ident="1").upsert(ident="2"), KeyChangeError, "ident is part of the primary key"),
            (lambda: Job(ident="1").upsert(actions=[Job.by_owner_pk.set("x")]), StaleKeyError, "'GSI1PK' is derived"),
            (
                lambda: Job(ident="1").upsert(actions=[Job.runs.add(1)], note="x"),
                InvalidUpdateError,
                "upsert.. takes either values or actions",
            ),
            (
                lambda: Job(ident="1").upsert(actions=[Job.runs.add(1), Job.runs.set(2)]),
                InvalidUpdateError,
                "changes runs twice",
            ),
        ):
            with pytest.raises(error, match=message) as caught:
                act()
            assert caught.value.remedy
    assert [] == injected.calls


def test_a_condition_is_about_the_stored_item():
    """It is false for an item that does not exist, unless it requires that."""
    for _ in range(2):
        with pytest.raises(ConditionFailed, match="does not"):
            Counter(name="x", value=0).upsert(value=2, condition=Counter.value == 1)
        Counter(name="x", value=0).upsert(value=1, condition=Counter.value.does_not_exist() | (Counter.value == 1))
        assert 1 == Counter.get(name="x").value
        Counter(name="x").upsert(value=2, condition=Counter.value == 1)
        assert 2 == Counter.get(name="x").value
        Counter(name="x").delete()


def test_an_item_of_another_type_is_left_alone():
    """Other code or an earlier model has stored it with the same key."""
    client = TallyTable._get_connection().connection.client
    other = {"PK": {"S": "COUNTER#x"}, "SK": {"S": "COUNTER"}, "entityType": {"S": "OTHER"}, "value": {"N": "1"}}
    client.put_item(TableName="tallies", Item=other)
    with pytest.raises(ConditionFailed, match="is now another entity"):
        Counter(name="x").upsert(actions=[Counter.value.add(1)])
    assert other == item("COUNTER#x", "COUNTER")
    client.delete_item(TableName="tallies", Key={"PK": other["PK"], "SK": other["SK"]})


def test_a_rival_that_deletes_the_item_makes_it_new_again():
    """The ordinary update finds no item, and the upsert starts again."""
    Job(ident="1").create()
    made = Job(ident="1", owner="ann")
    with inject(TallyTable, Rival(lambda: Job(ident="1").delete(add_version_condition=False), calls={2})):
        made.upsert(status="DONE")
    assert ("ann", "DONE") == (made.owner, made.status)
    assert made == Job.get(ident="1")


def test_a_sum_whose_answer_was_lost_is_not_sent_again():
    """The sum may have been applied."""
    with inject(TallyTable, LostResponse()), pytest.raises(SingletableError) as caught:
        Counter(name="x").upsert(actions=[Counter.value.add(1)])
    assert caught.value.uncertain
    assert 1 == Counter.get(name="x").value


def test_a_transaction_takes_upserts():
    """A transaction accepts upserts of new and existing items."""
    Counter(name="old", value=1).create()
    Job(ident="1").create()
    with TallyTable.transaction() as transaction:
        transaction.upsert(Counter(name="old"), actions=[Counter.value.add(1)])
        transaction.upsert(Counter(name="new"), actions=[Counter.value.add(1)])
        transaction.upsert(Job(ident="1", owner="ann"), status="DONE")
    assert (2, 1) == (Counter.get(name="old").value, Counter.get(name="new").value)
    assert (None, "DONE") == (Job.get(ident="1").owner, Job.get(ident="1").status)


def test_the_request_is_a_value():
    """The request is a value, as for every write."""
    params = plan.upsert(Counter(name="x"), actions=[Counter.value.add(1)]).params()
    assert {"SET #0 = if_not_exists (#0, :0), #1 = :1 ADD #2 :2"} == {params["UpdateExpression"]}
    assert "attribute_not_exists (#3) OR (#1 = :3 AND attribute_exists (#0))" == params["ConditionExpression"]


# --- delete(missing=) ------------------------------------------------------------------


def test_a_missing_item_is_ignored_or_raises():
    """A missing item is ignored by default."""
    Counter(name="x").delete()
    with pytest.raises(Counter.DoesNotExist, match="does not exist; nothing was written") as caught:
        Counter(name="x").delete(missing="raise")
    assert isinstance(caught.value, ItemDoesNotExist)
    Counter(name="x", value=1).create()
    Counter(name="x").delete(missing="raise")
    assert item("COUNTER#x", "COUNTER") is None
    with pytest.raises(InvalidRequestError, match="missing='error' is not an option of delete"):
        Counter(name="x").delete(missing="error")


def test_missing_and_a_condition():
    """The condition is checked if the item exists."""
    Counter(name="x", value=1).create()
    with pytest.raises(ConditionFailed, match="does not meet the condition of this delete"):
        Counter(name="x").delete(Counter.value == 2, missing="raise")
    Counter(name="x").delete(Counter.value == 1, missing="raise")
    with pytest.raises(Counter.DoesNotExist):
        Counter(name="x").delete(Counter.value == 1, missing="raise")


def test_a_missing_item_cancels_a_transaction():
    """This holds with `missing="raise"`."""
    with TallyTable.transaction() as transaction:
        transaction.delete(Counter(name="x"))
    with pytest.raises(TransactionCancelled) as caught, TallyTable.transaction() as transaction:
        transaction.delete(Counter(name="x"), missing="raise")
    assert isinstance(caught.value.reasons[0].error, Counter.DoesNotExist)


def test_an_instance_that_was_never_read_is_not_changed_by_another_writer():
    """It does not know the stored version."""
    Job(ident="1").create()
    for write in (
        lambda: Job(ident="1").update(note="x"),
        lambda: Job(ident="1").save(),
        lambda: Job(ident="1").delete(),
    ):
        with pytest.raises(
            ConcurrentUpdateError, match="has a version, but this instance was not read from the table"
        ) as caught:
            write()
        assert "Read the item first" in caught.value.remedy
    Job(ident="1").update(note="x", add_version_condition=False)
    with pytest.raises(Job.DoesNotExist, match="does not exist"):
        Job(ident="2").update(note="x")
