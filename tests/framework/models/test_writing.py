"""Writing: keys and expiry follow the attributes, or the write is refused with the remedy."""

import itertools
from datetime import timedelta
from decimal import Decimal

import pytest
from pynamodb.attributes import NumberAttribute, UnicodeAttribute, UTCDateTimeAttribute, VersionAttribute
from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.operand import Path
from pynamodb.transactions import TransactWrite

from singletable import Expiry, Key, Table, plan
from singletable.engine import embedded
from singletable.errors import (
    AlreadyExistsError,
    ConcurrentUpdateError,
    DeclarationError,
    InvalidBatchError,
    InvalidConditionError,
    InvalidUpdateError,
    InvalidValueError,
    KeyChangeError,
    StaleKeyError,
    TransactionCancelled,
    UnexpectedAttributesError,
)
from singletable.models.reading.targets import TableSender
from tests.framework.app import START, Account, AppTable, Event, Everything, KeysOnly, Level, event

pytestmark = pytest.mark.usefixtures("table")


def stored(entity):
    """Return the stored item."""
    key = {name: {"S": text} for name, text in entity._stored_key().items()}
    return TableSender(AppTable).send("GetItem", {"TableName": "app", "Key": key})["Item"]


def assert_fresh(entity):
    """Assert that the stored keys and expiry are derived from the stored attributes."""
    item = stored(entity)
    assert type(entity).from_raw_data(item).serialize() == item


def test_create_refuses_an_existing_item():
    """The refused create writes nothing."""
    Account(account_id="a1", visits=1).create()
    with pytest.raises(
        AlreadyExistsError, match=r"Account\(account_id='a1'\) exists already; nothing was written. Use save"
    ):
        Account(account_id="a1", visits=2).create()
    assert 1 == Account.get(account_id="a1").visits


PUTS = {
    "entity": lambda each: each.put(),
    "batch": lambda each: send(AppTable.batch(), "put", each),
    "transaction": lambda each: send(AppTable.transaction(), "put", each),
    "plan": lambda each: plan.put(each).send(),
}
SAVES = {
    "entity": lambda each: each.save(),
    "batch": lambda each: send(AppTable.batch(), "save", each),
    "transaction": lambda each: send(AppTable.transaction(), "save", each),
    "plan": lambda each: plan.save(each).send(),
}
CREATES = {
    "entity": lambda each: each.create(),
    "transaction": lambda each: send(AppTable.transaction(), "create", each),
    "plan": lambda each: plan.create(each).send(),
}


def send(block, verb, entity):
    """Write an entity in a block."""
    with block:
        getattr(block, verb)(entity)


@pytest.mark.parametrize("place", PUTS)
def test_put_and_save_replace_the_item(place):
    """The two names mean the same for an entity, a batch, a transaction and a plan."""
    for write in (PUTS[place], SAVES[place]):
        write(Account(account_id="a1", visits=1))
        write(Account(account_id="a1", visits=2))
        assert 2 == Account.get(account_id="a1").visits


@pytest.mark.parametrize("place", CREATES)
def test_create_never_replaces_an_item(place):
    """An entity, a transaction and a plan refuse to create an item that exists."""
    CREATES[place](Account(account_id="a1", visits=1))
    with pytest.raises((AlreadyExistsError, TransactionCancelled)):
        CREATES[place](Account(account_id="a1", visits=2))
    assert 1 == Account.get(account_id="a1").visits


def test_a_batch_refuses_to_create():
    """DynamoDB has no conditions in a batch; the message names the ways that have."""
    with pytest.raises(InvalidBatchError, match=r"cannot create Account\(account_id='a1'\).*transaction\(\)\.create"):
        AppTable.batch().create(Account(account_id="a1"))


def test_index_keys_follow_an_update():
    """A key enters, moves in and leaves a sparse index as its sources change."""
    made = event(1)
    made.create()
    assert "GSI1PK" not in stored(made)
    made.update(level=Level.ERROR)
    assert stored(made)["GSI1PK"]["S"].startswith("LEVEL#ERROR#")
    made.update(level=Level.WARN)
    assert stored(made)["GSI1PK"]["S"].startswith("LEVEL#WARN#")
    assert_fresh(made)
    made.update(level=Level.INFO)
    assert {"GSI1PK", "GSI1SK"}.isdisjoint(stored(made))
    assert_fresh(made)


def test_expiry_and_buckets_follow_an_update():
    """All values that depend on the time change with it."""
    made = event(1, note="n")
    made.create()
    made.update(at=START.replace(month=2))
    assert "EVENT#2026-02-01" == stored(made)["GSI2PK"]["S"]
    assert_fresh(made)


def test_an_update_is_conditional_on_untouched_sources():
    """A stale instance cannot write a key from old values."""
    event(1, level=Level.WARN, note="n").create()
    stale, other = Event.get(account_id="a1", seq=1), Event.get(account_id="a1", seq=1)
    other.update(at=START.replace(month=3))
    stale.update(note="m")
    assert (START.replace(month=3), "m") == (stale.at, stale.note), "derived anew from what is stored"
    assert_fresh(stale)


def test_an_update_of_unrelated_attributes_needs_no_condition_on_sources():
    """Two writers of different attributes do not disturb each other."""
    event(1).create()
    stale, other = Event.get(account_id="a1", seq=1), Event.get(account_id="a1", seq=1)
    other.update(level=Level.WARN)
    stale.update(tags={"x"})
    assert Level.WARN == stale.level
    assert_fresh(stale)


def test_the_primary_key_cannot_be_updated_or_saved_away():
    """A changed source would leave the old item in the table."""
    account = Account(account_id="a1")
    account.create()
    with pytest.raises(KeyChangeError, match="account_id is part of the primary key"):
        account.update(account_id="a2")
    loaded = Account.get(account_id="a1")
    loaded.account_id = "a2"
    for write in (loaded.save, loaded.delete, loaded.refresh, lambda: loaded.update(visits=1)):
        with pytest.raises(KeyChangeError, match="not the one under which it was read"):
            write()
    assert ["a1"] == [each.account_id for each in AppTable.scan()]


def test_actions_on_sources_are_followed():
    """Keys follow SET, REMOVE and attributes in a key's condition; setting keys by hand is refused."""
    made = event(1, note="n")
    made.create()
    made.update(actions=[Event.level.set(Level.WARN)])
    assert stored(made)["GSI1PK"]["S"].startswith("LEVEL#WARN#")
    assert_fresh(made)
    made.update(actions=[Event.level.set(Level.INFO), Event.note.remove(), Event.tags.set({"a"})])
    assert {"GSI1PK", "GSI3PK"}.isdisjoint(stored(made))
    assert (None, {"a"}) == (made.note, made.tags)
    assert_fresh(made)
    with pytest.raises(StaleKeyError, match="'GSI1PK' is derived, and cannot be updated directly"):
        made.update(actions=[Event.gsi1_pk.set("X")])
    with pytest.raises(InvalidValueError, match="Event.at cannot be None"):
        made.update(actions=[Event.at.remove()])


def test_bad_updates():
    """They are refused before sending."""
    made = event(1)
    made.create()
    with pytest.raises(InvalidUpdateError, match="but was given neither"):
        made.update()
    with pytest.raises(UnexpectedAttributesError, match="Event has no attribute lvl. It has: "):
        made.update(lvl="x")


def test_pynamodbs_own_batches_and_transactions_derive():
    """They cannot bypass the derived keys."""
    with Event.batch_write() as batch:
        batch.save(event(1, level=Level.WARN))
    assert_fresh(event(1, level=Level.WARN))
    with TransactWrite(connection=AppTable._get_connection().connection) as transaction:
        transaction.save(event(2, level=Level.ERROR))
    assert stored(event(2))["GSI1PK"]["S"].startswith("LEVEL#ERROR")
    with Event.batch_write() as batch:
        batch.delete(event(1))
    assert [2] == [each.seq for each in AppTable.scan()]


def test_delete_and_refresh():
    """Both use the derived key, which is never written by hand."""
    made = event(1)
    made.create()
    Event(account_id="a1", seq=1, at=START).delete()
    with pytest.raises(Event.DoesNotExist):
        made.refresh()


# --- attempts to bypass the derived keys ------------------------------------


def test_updates_in_pynamodbs_transactions_hold_to_the_same():
    """They write no stale key, accept no key by hand, and create no item."""
    event(1).create()

    def transact(entity, action):
        with TransactWrite(connection=AppTable._get_connection().connection) as transaction:
            transaction.update(entity, actions=[action])

    for action in (Path("GSI1PK").set("X"), Path("ttl").set(5), Path("entityType").set("X")):
        with pytest.raises(StaleKeyError, match="is derived, and cannot be updated directly"):
            transact(event(1), action)
    transact(event(1, level=Level.INFO), Event.level.set(Level.WARN))
    assert_fresh(event(1))
    with pytest.raises(TransactWriteError):
        transact(event(9), Path("anything").set("x"))
    transact(event(1), Event.tags.set({"a"}))
    assert [1] == [each.seq for each in AppTable.scan()]


def test_user_json_is_stored_as_what_it_is():
    """PynamoDB treats a dict with one type key as already serialized."""
    made = event(1)
    made.create()
    made.update(detail={"S": "x"})
    assert {"M": {"S": {"S": "x"}}} == stored(made)["detail"]
    assert "x" == Event.get(account_id="a1", seq=1).detail["S"]


def test_a_required_attribute_cannot_be_removed():
    """Otherwise the next save would fail."""
    made = event(1)
    made.create()
    with pytest.raises(InvalidValueError, match="Event.at cannot be None. Give a value"):
        made.update(at=None)
    with pytest.raises(InvalidValueError, match="Event.at is None"):
        Event(account_id="a1", seq=2).save()


def test_a_wrong_type_is_named():
    """The error names the type, and nothing is sent."""
    for attributes, message in (
        ({"note": 5}, "note=5 cannot be part of the key .*expected text, got int"),
        ({"detail": {"p": timedelta(1)}}, "Event.detail.p=.* cannot be .*: DynamoDB has no type for a timedelta"),
        ({"tags": 7}, "Event.tags=7 cannot be .*: expected set, got int. Give a set of str."),
    ):
        with pytest.raises(InvalidValueError, match=message):
            event(1, **attributes).save()
    with pytest.raises(InvalidConditionError, match="condition= was given a str"):
        event(1).update(condition="x", note="n")
    with pytest.raises(InvalidConditionError, match="compares with None"):
        event(1).update(condition=Event.note == None, tags={"x"})  # noqa: E711


def test_an_item_with_a_value_that_no_key_can_hold_can_be_mended():
    """For such an item of other code, updates of other attributes, a correcting update and a delete work."""
    made = Account(account_id="a1", email="e")
    made.create()
    item = {**stored(made), "email": {"S": ""}}
    TableSender(AppTable).send("PutItem", {"TableName": "app", "Item": item})
    found = Account.get(account_id="a1")
    found.update(visits=3)
    found.update(email="f")
    assert_fresh(found)
    TableSender(AppTable).send("PutItem", {"TableName": "app", "Item": item})
    Account.get(account_id="a1").delete()
    assert [] == AppTable.scan().all()


def test_guards_are_on_what_is_stored():
    """Another spelling of a time is not a change by another writer."""
    made = event(1, level=Level.WARN)
    made.create()
    spelt = {**stored(made), "at": {"S": "2026-01-01T18:00:00Z"}}
    TableSender(AppTable).send("PutItem", {"TableName": "app", "Item": spelt})
    found = Event.get(account_id="a1", seq=1)
    found.update(level=Level.ERROR)
    assert stored(found)["GSI1PK"]["S"].startswith("LEVEL#ERROR")


def test_a_default_that_is_not_stored_is_stored_with_the_key_made_of_it():
    """Otherwise the key would not be derived from stored values."""

    class DefaultTable(Table):
        class Meta:
            table_name = "defaults"

        gsi1 = Everything()

    class Thing(DefaultTable, discriminator="THING"):
        ident = UnicodeAttribute()
        state = UnicodeAttribute(default="NEW")
        size = UnicodeAttribute(null=True)
        key = Key(pk="T#{ident}", sk="T")
        by_state = Key(index=Everything, pk="S#{state}", sk="{size}")

    with embedded(DefaultTable):
        item = {"PK": {"S": "T#1"}, "SK": {"S": "T"}, "entityType": {"S": "THING"}, "ident": {"S": "1"}}
        TableSender(DefaultTable).send("PutItem", {"TableName": "defaults", "Item": item})
        Thing.get(ident="1").update(size="L")
        (found,) = Thing.by_state.query(state="NEW").all()
        assert ("NEW", "L") == (found.state, found.size)
        assert {"S": "NEW"} == TableSender(DefaultTable).send("Scan", {"TableName": "defaults"})["Items"][0]["state"]


def test_every_key_follows_a_default_that_is_stored():
    """A callable default is called once; another key and the expiry that depend on it follow also."""
    calls = itertools.count()

    class FollowTable(Table):
        class Meta:
            table_name = "follow"

        gsi1 = Everything()
        gsi2 = KeysOnly()

    class Thing(FollowTable, discriminator="THING"):
        ident = UnicodeAttribute()
        at = UTCDateTimeAttribute(default=lambda: START + timedelta(days=next(calls)))
        size = UnicodeAttribute(null=True)
        key = Key(pk="T#{ident}", sk="T")
        by_size = Key(index=Everything, pk="S#{size}", sk="{at}")
        by_day = Key(index=KeysOnly, pk="D#{at:%Y-%m-%d}", sk="{ident}")
        gone = Expiry(after="at", days=1)

    with embedded(FollowTable):
        item = {"PK": {"S": "T#1"}, "SK": {"S": "T"}, "entityType": {"S": "THING"}, "ident": {"S": "1"}}
        TableSender(FollowTable).send("PutItem", {"TableName": "follow", "Item": item})
        Thing.get(ident="1").update(size="L")
        (written,) = TableSender(FollowTable).send("Scan", {"TableName": "follow"})["Items"]
        assert Thing.from_raw_data(written).serialize() == written
        assert {"GSI1PK", "GSI2PK", "ttl"} <= set(written)


def test_equal_numbers_are_equal_to_conditions():
    """Decimal("0.1") is stored like 0.1, so an item does not leave its index when it is read."""

    class PriceTable(Table):
        class Meta:
            table_name = "prices"

        gsi1 = Everything()

    class Thing(PriceTable, discriminator="THING"):
        ident = UnicodeAttribute()
        rate = NumberAttribute()
        key = Key(pk="T#{ident}", sk="T")
        cheap = Key(index=Everything, pk="CHEAP#{ident}", sk="T", when={"rate": (Decimal("0.1"), 2)})

    with embedded(PriceTable):
        for ident, rate in (("a", Decimal("0.1")), ("b", 0.1), ("c", 2.0), ("d", 3)):
            Thing(ident=ident, rate=rate).create()
            Thing.get(ident=ident).save()
            assert (ident != "d") == bool(Thing.cheap.query(ident=ident).all())


def test_a_version_counts_by_itself():
    """PynamoDB's optimistic locking works, and the version is not part of a key."""

    class VersionTable(Table):
        class Meta:
            table_name = "versions"

    class Doc(VersionTable, discriminator="DOC"):
        ident = UnicodeAttribute()
        text = UnicodeAttribute(null=True)
        version = VersionAttribute()
        key = Key(pk="D#{ident}", sk="D")

    with embedded(VersionTable):
        Doc(ident="1").create()
        stale, other = Doc.get(ident="1"), Doc.get(ident="1")
        other.update(text="x")
        assert stale.version + 1 == other.version
        with pytest.raises(ConcurrentUpdateError):
            stale.update(text="y")
        with pytest.raises(UnexpectedAttributesError, match="is a version, and every write increments it"):
            other.update(version=7)
        with pytest.raises(UnexpectedAttributesError, match="is a version, and every write increments it"):
            other.update(actions=[Doc.version.set(7)])
        other.delete()
        other.create()
        assert other.version == Doc.get(ident="1").version
        for write in (stale.save, stale.delete, lambda: stale.update(text="z")):
            with pytest.raises(ConcurrentUpdateError):
                write()
    with pytest.raises(DeclarationError, match="a VersionAttribute cannot be part of a key"):

        class Bad(VersionTable, discriminator="BAD"):
            version = VersionAttribute()
            key = Key(pk="B#{version}", sk="B")


def test_an_item_that_became_another_entity_is_not_touched():
    """A class and its subclass share their keys on purpose, and do not write to the other's item."""

    class FamilyTable(Table):
        class Meta:
            table_name = "family"

    class Base(FamilyTable, discriminator="BASE"):
        ident = UnicodeAttribute()
        note = UnicodeAttribute(null=True)
        key = Key(pk="B#{ident}", sk="B")

    class Special(Base, discriminator="SPECIAL"):
        pass

    with embedded(FamilyTable):
        base = Base(ident="1")
        base.create()
        Special(ident="1").save()
        for write in (lambda: base.update(note="x"), lambda: base.update(actions=[Base.note.set("x")]), base.refresh):
            with pytest.raises(Base.DoesNotExist, match="is now a"):
                write()
        assert isinstance(Base.get(ident="1"), Special)
