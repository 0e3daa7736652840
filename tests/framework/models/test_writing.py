"""Writing: keys and expiry follow the attributes, or the write is refused with the remedy."""

import pytest
from pynamodb.transactions import TransactWrite

from singletable.errors import (
    AlreadyExists,
    ConcurrentUpdateError,
    InvalidConditionError,
    KeyChangeError,
    StaleKeyError,
    UnexpectedAttributesError,
)
from singletable.models.targets import TableSender
from tests.framework.app import START, Account, AppTable, Event, Level, event

pytestmark = pytest.mark.usefixtures("table")


def stored(entity):
    """The item as it lies in the table."""
    key = {name: {"S": text} for name, text in entity._stored_key().items()}
    return TableSender(AppTable).send("GetItem", {"TableName": "app", "Key": key})["Item"]


def assert_fresh(entity):
    """The stored keys and expiry are those derived from the stored attributes."""
    item = stored(entity)
    assert type(entity).from_raw_data(item).serialize() == item


def test_create_refuses_an_existing_item():
    """And writes nothing."""
    Account(account_id="a1", visits=1).create()
    with pytest.raises(
        AlreadyExists, match=r"Account\(account_id='a1'\) exists already; nothing was written. Use save"
    ):
        Account(account_id="a1", visits=2).create()
    assert 1 == Account.get(account_id="a1").visits


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
    """Everything that depends on the time moves with it."""
    made = event(1, note="n")
    made.create()
    made.update(at=START.replace(month=2))
    assert "EVENT#2026-02-01" == stored(made)["GSI2PK"]["S"]
    assert_fresh(made)


def test_an_update_is_conditional_on_untouched_sources():
    """A stale instance cannot write a key from what it no longer is."""
    event(1, level=Level.WARN, note="n").create()
    stale, other = Event.get(account_id="a1", seq=1), Event.get(account_id="a1", seq=1)
    other.update(at=START.replace(month=3))
    with pytest.raises(ConcurrentUpdateError, match="changed by another writer.* refresh"):
        stale.update(note="m")
    assert_fresh(other)
    stale.refresh()
    stale.update(note="m")
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
    """A changed source would leave the old item behind as a ghost."""
    account = Account(account_id="a1")
    account.create()
    with pytest.raises(KeyChangeError, match="account_id is part of the primary key"):
        account.update(account_id="a2")
    loaded = Account.get(account_id="a1")
    loaded.account_id = "a2"
    for write in (loaded.save, loaded.delete, lambda: loaded.update(visits=1)):
        with pytest.raises(KeyChangeError, match="not the one under which it was read"):
            write()
    assert ["a1"] == [each.account_id for each in AppTable.scan()]


def test_actions_on_sources_are_refused():
    """They cannot be followed; actions on anything else pass."""
    made = event(1)
    made.create()
    for action in (Event.level.set(Level.WARN), Event.at.remove(), Event.gsi1_pk.set("X")):
        with pytest.raises(StaleKeyError, match=r"would leave derived keys behind. Use update\(name=value\)"):
            made.update(actions=[action])
    made.update(actions=[Event.tags.set({"a"})])
    assert {"a"} == made.tags


def test_bad_updates():
    """Said before anything is sent."""
    made = event(1)
    made.create()
    with pytest.raises(InvalidConditionError, match="takes either actions or values"):
        made.update()
    with pytest.raises(UnexpectedAttributesError, match="Event has no attribute lvl. It has: "):
        made.update(lvl="x")


def test_pynamodbs_own_batches_and_transactions_derive():
    """Nobody gets round it by accident."""
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
    """By the derived key, without its ever being written by hand."""
    made = event(1)
    made.create()
    Event(account_id="a1", seq=1, at=START).delete()
    with pytest.raises(Event.DoesNotExist):
        made.refresh()
