"""PynamoDB's traps: one test for each trap, with its name; those of writing are in the tests of writes.

`docs/explanation/pynamodb-traps.md` names the test of each trap; all were reproduced on PynamoDB 6.1.
"""

import logging
import threading
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from pynamodb.attributes import NumberAttribute, UnicodeAttribute, UTCDateTimeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import BatchWrite

from singletable import Key, Table, UnknownItem, measure
from singletable.engine import embedded
from singletable.errors import (
    InvalidValueError,
    ItemDoesNotExist,
    MalformedItemError,
    MissingAttributesError,
    UnexpectedAttributesError,
    UnknownItemError,
)
from singletable.models.reading.targets import TableSender
from singletable.testing.faults import Unprocessed, inject
from tests.framework.app import START, Account, AppTable, Event, Level, Setting, event, seqs

pytestmark = pytest.mark.usefixtures("table")


def put_raw(**item):
    """Write an item without the models."""
    TableSender(AppTable).send("PutItem", {"TableName": "app", "Item": item})


def test_unknown_discriminator_in_get_and_query():
    """PynamoDB: get raises ValueError and ends the iterator; query leaves the item out silently."""
    event(1).create()
    put_raw(PK={"S": "ACCOUNT#a1"}, SK={"S": "EVENT#000002"}, entityType={"S": "NEWER"})
    event(3).create()
    with pytest.raises(
        UnknownItemError, match="'NEWER', which is not an entity of this table.*Deploy the models"
    ) as caught:
        Event.get(account_id="a1", seq=2)
    assert ("ACCOUNT#a1", "EVENT#000002") == caught.value.key
    results = iter(Event.query(account_id="a1"))
    assert 1 == next(results).seq
    with pytest.raises(UnknownItemError):
        next(results)
    assert 3 == next(results).seq, "the iterator goes on behind the error"
    assert [1, 3] == seqs(Event.query(account_id="a1", unknown="skip"))
    second = Event.query(account_id="a1", unknown="yield").all()[1]
    assert isinstance(second, UnknownItem)
    assert "NEWER" == second.entity_type


def test_item_without_discriminator():
    """PynamoDB: get returns it as the requested class."""
    put_raw(PK={"S": "ACCOUNT#a1"}, SK={"S": "ACCOUNT"}, accountId={"S": "a1"})
    for ask in (lambda: Account.get(account_id="a1"), lambda: Account.query(account_id="a1").all()):
        with pytest.raises(UnknownItemError, match="An item has no entity type"):
            ask()


def test_wrong_class():
    """PynamoDB: ValueError, although the requested entity just does not exist."""
    put_raw(
        PK={"S": "ACCOUNT#a1"}, SK={"S": "ACCOUNT"}, entityType={"S": "SETTING"}, accountId={"S": "a1"}, name={"S": "x"}
    )
    with pytest.raises(Account.DoesNotExist):
        Account.get(account_id="a1")
    with pytest.raises(Account.DoesNotExist, match="is a Setting, not a Account"):
        Account.from_raw_data(Setting(account_id="a1", name="x").serialize())


def test_keys_only_index():
    """PynamoDB: the filter on the discriminator drops every row, because it is not projected."""
    for seq in range(4):
        event(seq).create()
    assert [0, 1] == seqs(Event.by_day.query(Event.at.between(START, START.replace(hour=18))))


def test_discriminator_as_an_index_key():
    """PynamoDB: the filter on it is invalid (issue 1000)."""

    class ByType(GlobalSecondaryIndex):
        class Meta:
            index_name = "ByType"
            projection = AllProjection()

        kind = UnicodeAttribute(hash_key=True, attr_name="entityType")
        at = UnicodeAttribute(range_key=True, attr_name="TypedSK")

    class TypedTable(Table):
        class Meta:
            table_name = "typed"

        by_type = ByType()

    class Thing(TypedTable, discriminator="THING"):
        ident = UnicodeAttribute()
        key = Key(pk="T#{ident}", sk="T")
        listed = Key(index=ByType, sk="{ident}")

    with embedded(TypedTable):
        for ident in "ab":
            Thing(ident=ident).create()
        assert ["a", "b"] == [each.ident for each in Thing.listed.query()]
        assert 2 == Thing.listed.query().count()
        assert ("THING", "a") == Thing.listed.build(ident="a")


def test_more_than_100_subclasses():
    """PynamoDB: IN exceeds DynamoDB's limit of 100 operands."""

    class WideTable(Table):
        class Meta:
            table_name = "wide"

    class Base(WideTable, abstract=True):
        ident = UnicodeAttribute()
        key = Key(pk="E", sk="{ident}")

    made = [type(Table)(f"E{n}", (Base,), {}, discriminator=f"E{n}") for n in range(120)]
    with embedded(WideTable):
        made[7](ident="7").create()
        assert "FilterExpression" not in made[7].query().params()
        assert ["7"] == [each.ident for each in WideTable.collection(*made)]
        assert 1 == WideTable.collection(*made).count()


def test_a_limit_costs_what_its_items_need():
    """PynamoDB: limit=1 with the discriminator filter took 30 requests for one row."""
    for number in range(40):
        Setting(account_id="a1", name=f"{number:02d}").create()
        event(number).create()
    with measure() as usage:
        assert [0] == seqs(Event.query(account_id="a1", limit=1))
    assert 1 == usage.requests
    with measure() as usage:
        assert 20 == len(Event.query(account_id="a1", limit=20).all())
    assert 1 == usage.requests


def test_an_index_is_known_to_every_connection():
    """PynamoDB: an index on a subclass that is declared after the base connected gives "Table has no index"."""
    AppTable.exists()
    assert AppTable._get_connection() is Event._get_connection()
    assert Event._get_connection().get_meta_table().has_index_name("GSI1")


def test_meta_inherits_by_itself():
    """PynamoDB: a Meta that does not inherit the base's Meta loses region and billing mode."""

    class RegionTable(Table):
        class Meta:
            table_name = "regional"
            region = "eu-central-1"

    class Thing(RegionTable, discriminator="THING"):
        class Meta:
            personal = ("ident",)

        ident = UnicodeAttribute()
        key = Key(pk="T#{ident}", sk="T")

    meta = Thing.Meta
    assert ("eu-central-1", "PAY_PER_REQUEST", "regional") == (meta.region, meta.billing_mode, meta.table_name)


def test_reading_and_saving_keeps_unknown_attributes():
    """PynamoDB: drops attributes that the model does not know."""
    Account(account_id="a1", email="e").create()
    item = Account.get(account_id="a1").serialize()
    put_raw(**item, legacy={"S": "kept"})
    found = Account.get(account_id="a1")
    assert {"legacy": {"S": "kept"}} == found.extra_attributes
    found.save()
    assert {"S": "kept"} == Account.get(account_id="a1").extra_attributes["legacy"]


def test_entities_are_read_whole():
    """PynamoDB: get with a projection, then save, deletes attributes. Items of a smaller index are completed."""
    event(1, note="n").create()
    (found,) = Event.by_note.query(note="n").all()
    assert (START.replace(hour=18), Level.INFO) == (found.at, found.level)


def test_update_of_a_missing_item_creates_nothing():
    """PynamoDB: creates an item without a discriminator."""
    with pytest.raises(Account.DoesNotExist, match="nothing was written. Use create"):
        Account(account_id="ghost").update(visits=1)
    assert [] == AppTable.scan().all()


def test_update_leaves_the_callers_list_alone():
    """PynamoDB: update(actions) appends to it."""
    account = Account(account_id="a1")
    account.create()
    actions = [Account.visits.set(5)]
    account.update(actions=actions)
    assert 1 == len(actions)
    assert 5 == account.visits


def test_set_to_none_removes():
    """PynamoDB: writes NULL, which is not valid for an index key."""
    account = Account(account_id="a1", email="e")
    account.create()
    account.update(email=None)
    item = TableSender(AppTable).send(
        "GetItem", {"TableName": "app", "Key": {"PK": {"S": "ACCOUNT#a1"}, "SK": {"S": "ACCOUNT"}}}
    )
    assert {"PK", "SK", "entityType", "accountId", "visits"} == set(item["Item"])


def test_batch_get_keeps_the_order():
    """PynamoDB: order lost, unprocessed keys retried forever without a pause."""
    for seq in range(5):
        event(seq).create()
    keys = [{"account_id": "a1", "seq": seq} for seq in (3, 9, 0, 3)]
    assert [3, None, 0, 3] == [found and found.seq for found in Event.batch_get(keys)]


def test_numbers():
    """PynamoDB: Decimal raises TypeError; 38 digits become float; True becomes `true`."""
    account = Account(account_id="a1", visits=Decimal("12345678901234567890123456789012345678"))
    account.create()
    assert 12345678901234567890123456789012345678 == Account.get(account_id="a1").visits
    account.update(visits=Decimal("0.1234567890123456789"))
    assert Decimal("0.1234567890123456789") == Account.get(account_id="a1").visits
    for wrong, message in (
        (True, "got bool"),
        (float("nan"), "not a finite"),
        ("1", "got str"),
        (Decimal(f"1{'0' * 38}1"), "38"),
    ):
        with pytest.raises(InvalidValueError, match=message):
            Account(account_id="a1", visits=wrong).save()


def test_dates():
    """PynamoDB: naive times are stored as UTC; `Z` and missing microseconds are rejected on reading."""
    with pytest.raises(InvalidValueError, match="has no time zone"):
        event(1, at=datetime(2026, 1, 1)).save()
    with pytest.raises(InvalidValueError, match="has no time zone"):
        Event.by_day.query(Event.at.between(datetime(2026, 1, 1), START))
    item = event(1).serialize()
    for text in ("2026-01-01T18:00:00Z", "2026-01-01T18:00:00.000000Z", "2026-01-01T18:00:00+0000"):
        assert datetime(2026, 1, 1, 18, tzinfo=timezone.utc) == Event.from_raw_data({**item, "at": {"S": text}}).at


def test_count_is_a_count():
    """PynamoDB: count() without a key is the table's ItemCount, of all types, hours old."""
    event(1).create()
    Setting(account_id="a1", name="x").create()
    with pytest.raises(MissingAttributesError, match="without account_id: DynamoDB would have to scan"):
        Event.count()
    assert 1 == Event.count(account_id="a1")


def test_threads_share_one_client():
    """PynamoDB: client and connection shared lazily without a lock."""
    AppTable._home.renew()
    barrier, seen = threading.Barrier(8), []

    def ask():
        barrier.wait()
        seen.append(AppTable._get_connection().connection.client)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 == len({id(client) for client in seen})


def test_retries_are_pinned():
    """PynamoDB: legacy or standard by version."""
    retries = AppTable._get_connection().connection.client.meta.config.retries
    assert {"mode": "standard", "total_max_attempts": 4} == retries


def test_rate_limit_is_not_offered():
    """PynamoDB: the limit is per iterator, applied afterwards, and not to the first page."""
    with pytest.raises(UnexpectedAttributesError, match="does not take rate_limit. Reads have no rate limit"):
        Event.query(account_id="a1", rate_limit=5)


def test_the_settings_file_is_documented():
    """PynamoDB: PYNAMODB_CONFIG is executed as Python. The framework keeps this, so the docs warn of it."""
    page = Path(__file__).parents[3] / "docs" / "how-to" / "bind.md"
    assert "PYNAMODB_CONFIG" in page.read_text(encoding="utf-8")


def test_values_stay_out_of_logs_and_repr(caplog):
    """PynamoDB: item values at DEBUG, and in repr."""
    with caplog.at_level(logging.DEBUG, logger="pynamodb"):
        account = Account(account_id="a1", email="secret@example.com")
        account.create()
        account.update(visits=4711)
        Account.by_email.get(email="secret@example.com")
    assert "secret" not in caplog.text
    assert "4711" not in caplog.text
    assert "Account(account_id='a1')" == repr(account)


def test_malformed_items_name_the_attribute_and_hide_the_value():
    """PynamoDB: a ValueError with the value, which ends the read."""
    event(1).create()
    put_raw(**{**event(2).serialize(), "at": {"S": "yesterday"}})
    event(3).create()
    results = iter(Event.query(account_id="a1"))
    assert 1 == next(results).seq
    with pytest.raises(MalformedItemError, match="An item of Event holds 'at' as S, which .*cannot read") as caught:
        next(results)
    assert "yesterday" not in str(caught.value)
    assert 3 == next(results).seq


def test_does_not_exist_is_of_the_entity_and_of_both_libraries():
    """`except Order.DoesNotExist` does not catch other entities'."""
    from pynamodb.exceptions import DoesNotExist

    assert issubclass(Account.DoesNotExist, (ItemDoesNotExist, DoesNotExist))
    assert not issubclass(Account.DoesNotExist, Event.DoesNotExist)
    with pytest.raises(Account.DoesNotExist, match="No Account at PK = 'ACCOUNT#nobody'"):
        Account.get(account_id="nobody")


def test_plain_attributes_are_made_strict_and_own_ways_of_storing_left_alone():
    """A user's methods are kept; a subclass that does not override a method is strict."""

    class Mine(NumberAttribute):
        def serialize(self, value):
            return super().serialize(value)

    class Renamed(NumberAttribute):
        pass

    class MineTable(Table):
        class Meta:
            table_name = "mine"

        plain = UTCDateTimeAttribute()
        own = Mine()
        renamed = Renamed()

    assert "StrictUTCDateTimeAttribute" == type(MineTable.plain).__name__
    assert Mine is type(MineTable.own)
    assert ("Renamed", True) == (type(MineTable.renamed).__name__, isinstance(MineTable.renamed, Renamed))
    with pytest.raises(InvalidValueError, match="MineTable.renamed=True cannot be stored"):
        MineTable.renamed == True  # noqa: B015, E712


def test_pynamodbs_batch_sends_again_what_was_left_of_a_bound_table():
    """It looks for the unprocessed items by the name in Meta, but the bound table has another name."""
    with embedded(AppTable, create=False), AppTable.bind(table_name="another"):
        AppTable.create_table(wait=True)
        with inject(AppTable, Unprocessed(rate=0.5, calls={1})), BatchWrite(Account) as batch:
            for number in range(40):
                batch.save(Account(account_id=f"a{number}"))
        assert 40 == len(AppTable.scan().all())
