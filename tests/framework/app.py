"""A small table that the framework's tests share: accounts and their events, on three kinds of index."""

from datetime import datetime, timedelta, timezone
from enum import Enum

from pynamodb.attributes import (
    MapAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
    UTCDateTimeAttribute,
)
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, IncludeProjection, KeysOnlyProjection

from singletable import EnumAttribute, Expiry, IntegerAttribute, Key, Table


class Everything(GlobalSecondaryIndex):
    class Meta:
        index_name = "GSI1"
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="GSI1PK")
    sk = UnicodeAttribute(range_key=True, attr_name="GSI1SK")


class KeysOnly(GlobalSecondaryIndex):
    class Meta:
        index_name = "GSI2"
        projection = KeysOnlyProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="GSI2PK")
    sk = UnicodeAttribute(range_key=True, attr_name="GSI2SK")


class Some(GlobalSecondaryIndex):
    class Meta:
        index_name = "GSI3"
        projection = IncludeProjection(["level"])

    pk = UnicodeAttribute(hash_key=True, attr_name="GSI3PK")
    sk = UnicodeAttribute(range_key=True, attr_name="GSI3SK")


class AppTable(Table):
    class Meta:
        table_name = "app"

    gsi1 = Everything()
    gsi2 = KeysOnly()
    gsi3 = Some()


class Level(str, Enum):
    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"


class Account(AppTable, discriminator="ACCOUNT"):
    class Meta:
        personal = ("email",)

    account_id = UnicodeAttribute(attr_name="accountId")
    email = UnicodeAttribute(null=True)
    visits = NumberAttribute(default_for_new=0)

    key = Key(pk="ACCOUNT#{account_id}", sk="ACCOUNT")
    by_email = Key(index=Everything, pk="EMAIL#{email}", sk="ACCOUNT")


class Event(AppTable, discriminator="EVENT"):
    account_id = UnicodeAttribute(attr_name="accountId")
    seq = IntegerAttribute()
    at = UTCDateTimeAttribute()
    level = EnumAttribute(Level, default_for_new=Level.INFO)
    note = UnicodeAttribute(null=True)
    tags = UnicodeSetAttribute(null=True)
    detail = MapAttribute(null=True)

    key = Key(pk="ACCOUNT#{account_id}", sk="EVENT#{seq:06d}")
    urgent = Key(
        index=Everything,
        pk="LEVEL#{level}#{seq:shard(3)}",
        sk="{at}#{seq:06d}",
        when={"level": (Level.WARN, Level.ERROR)},
    )
    by_day = Key(index=KeysOnly, pk="EVENT#{at:%Y-%m-%d}", sk="{at}#{account_id}#{seq:06d}")
    by_note = Key(index=Some, pk="NOTE#{note}", sk="{at}")

    expires_at = Expiry(after="at", days=30)


class Setting(AppTable, discriminator="SETTING"):
    account_id = UnicodeAttribute(attr_name="accountId")
    name = UnicodeAttribute()

    key = Key(pk="ACCOUNT#{account_id}", sk="SETTING#{name}")


class Sharded(AppTable, discriminator="SHARDED"):
    """An entity whose partition key is a projection, on a keys-only index."""

    seq = IntegerAttribute()
    name = UnicodeAttribute()

    key = Key(pk="SHARDED#{seq:06d}", sk="SHARDED")
    sharded = Key(index=KeysOnly, pk="SHARDED#{seq:shard(3)}", sk="{name}")


START = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


def event(seq, account_id="a1", **attributes):
    """Return the event with a number: six hours after the previous one, every third a warning."""
    attributes.setdefault("at", START + timedelta(hours=6 * seq))
    attributes.setdefault("level", Level.WARN if seq % 3 == 0 else Level.INFO)
    return Event(account_id=account_id, seq=seq, **attributes)


def seqs(found):
    """Return the numbers of events."""
    return [each.seq for each in found]
