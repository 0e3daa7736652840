"""A table with everything that a write can change: numbers and conditions in keys, an expiry, times, a version."""

from datetime import datetime, timezone
from enum import Enum

from pynamodb.attributes import (
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
    UTCDateTimeAttribute,
    VersionAttribute,
)
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, KeysOnlyProjection

from singletable import (
    CreatedAtAttribute,
    EnumAttribute,
    Expiry,
    IntegerAttribute,
    Key,
    Query,
    Table,
    UpdatedAtAttribute,
)
from singletable.patterns import access_pattern


class GSI1(GlobalSecondaryIndex):
    class Meta:
        index_name = "GSI1"
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="GSI1PK")
    sk = UnicodeAttribute(range_key=True, attr_name="GSI1SK")


class GSI2(GlobalSecondaryIndex):
    class Meta:
        index_name = "GSI2"
        projection = KeysOnlyProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="GSI2PK")
    sk = UnicodeAttribute(range_key=True, attr_name="GSI2SK")


class LedgerTable(Table):
    class Meta:
        table_name = "ledger"

    gsi1 = GSI1()
    gsi2 = GSI2()

    created_at = CreatedAtAttribute(attr_name="createdAt")
    updated_at = UpdatedAtAttribute(attr_name="updatedAt")


class State(str, Enum):
    TODO = "TODO"
    DOING = "DOING"
    DONE = "DONE"


class Place(MapAttribute):
    """A map whose city is part of a key."""

    key_kind = "text"

    city = UnicodeAttribute(null=True)
    street = UnicodeAttribute(null=True)

    def to_key(self, value):
        return value.get("city") if isinstance(value, dict) else value.city


class Task(LedgerTable, discriminator="TASK"):
    """An entity with points, which are incremented and part of a key."""

    project = UnicodeAttribute()
    number = IntegerAttribute()
    title = UnicodeAttribute(null=True)
    points = IntegerAttribute(default_for_new=0)
    likes = NumberAttribute(default_for_new=0)
    state = EnumAttribute(State, default_for_new=State.TODO)
    due = UTCDateTimeAttribute(null=True)
    labels = UnicodeSetAttribute(null=True)
    notes = ListAttribute(null=True)
    detail = MapAttribute(null=True)

    key = Key(pk="PROJECT#{project}", sk="TASK#{number:04d}")
    by_points = Key(index=GSI1, pk="POINTS#{project}", sk="{points:06d}#{number:04d}")
    active = Key(
        index=GSI2, pk="ACTIVE#{project}", sk="{title}#{number:04d}", when={"state": (State.TODO, State.DOING)}
    )

    gone = Expiry(after="due", days=1)


class Doc(LedgerTable, discriminator="DOC"):
    """An entity with a version."""

    ident = UnicodeAttribute()
    text = UnicodeAttribute(null=True)
    place = Place(null=True)
    version = VersionAttribute()

    key = Key(pk="DOC#{ident}", sk="DOC")
    by_city = Key(index=GSI1, pk="CITY#{place}", sk="{ident}")


@access_pattern("1. A project's tasks")
def tasks(project: str) -> Query[Task]:
    return Task.query(project=project)


@access_pattern("2. A project's tasks by points", parameters={"low": "points", "high": "points"})
def tasks_by_points(project: str, low: int, high: int) -> Query[Task]:
    return Task.by_points.query(Task.points.between(low, high), project=project, descending=True)


@access_pattern("3. A project's active tasks by title")
def active_tasks(project: str) -> Query[Task]:
    return Task.active.query(project=project)


MOMENT = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


def task(number=1, project="p", **attributes):
    """Return a task."""
    return Task(project=project, number=number, **attributes)


def numbers():
    """Return the numbers of the stored tasks."""
    return [each.number for each in Task.query(project="p")]
