"""A table with every feature that decides whether a write may be repeated: none, a version, a time, a write token."""

from pynamodb.attributes import ListAttribute, NumberAttribute, UnicodeAttribute, VersionAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from singletable import Expiry, IntegerAttribute, Key, Table, UpdatedAtAttribute
from singletable.models.declare.strict import StrictUTCDateTimeAttribute


class GSI1(GlobalSecondaryIndex):
    class Meta:
        index_name = "GSI1"
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="GSI1PK")
    sk = UnicodeAttribute(range_key=True, attr_name="GSI1SK")


class SimulatedTable(Table):
    class Meta:
        table_name = "simulated"

    gsi1 = GSI1()


class Plain(SimulatedTable, discriminator="PLAIN"):
    """An entity without a feature that identifies its writes."""

    name = UnicodeAttribute()
    state = UnicodeAttribute(null=True)
    tally = IntegerAttribute(default_for_new=0)
    due = StrictUTCDateTimeAttribute(null=True)

    key = Key(pk="GROUP#{name}", sk="PLAIN")
    by_state = Key(index=GSI1, pk="STATE#{state}", sk="{name}")
    gone = Expiry(after="due", days=1)


class Versioned(SimulatedTable, discriminator="VERSIONED"):
    """An entity with a version, in the partition of a `Plain`."""

    name = UnicodeAttribute()
    state = UnicodeAttribute(null=True)
    tally = IntegerAttribute(default_for_new=0)
    version = VersionAttribute()

    key = Key(pk="GROUP#{name}", sk="VERSIONED")
    by_tally = Key(index=GSI1, pk="TALLY", sk="{tally:018d}#{name}")


class Stamped(SimulatedTable, discriminator="STAMPED"):
    """An entity with the time of its last write."""

    name = UnicodeAttribute()
    state = UnicodeAttribute(null=True)
    tally = NumberAttribute(default_for_new=0)
    written_at = UpdatedAtAttribute(attr_name="writtenAt")

    key = Key(pk="STAMPED#{name}", sk="STAMPED")


class Tokened(SimulatedTable, discriminator="TOKENED"):
    """An entity with a write token."""

    class Meta:
        write_token = "writeToken"

    name = UnicodeAttribute()
    state = UnicodeAttribute(null=True)
    tally = IntegerAttribute(default_for_new=0)
    notes = ListAttribute(null=True)

    key = Key(pk="TOKENED#{name}", sk="TOKENED")
    by_state = Key(index=GSI1, pk="STATE#{state}", sk="{name}#{tally:018d}")


class Both(SimulatedTable, discriminator="BOTH"):
    """An entity with a version and a write token, in the partition of a `Tokened`."""

    class Meta:
        write_token = "writeToken"

    name = UnicodeAttribute()
    state = UnicodeAttribute(null=True)
    tally = IntegerAttribute(default_for_new=0)
    version = VersionAttribute()

    key = Key(pk="TOKENED#{name}", sk="BOTH")
