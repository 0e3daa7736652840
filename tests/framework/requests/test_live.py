"""Expiry: reads that leave out expired items, and conditions on the time of expiry."""

import pickle
from datetime import date, datetime, timedelta, timezone

import pytest
from pynamodb.attributes import UnicodeAttribute, UTCDateTimeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, KeysOnlyProjection

from singletable import Expiry, Key, Table
from singletable.engine import embedded
from singletable.errors import (
    ConditionFailed,
    CursorError,
    InvalidConditionError,
    InvalidRequestError,
    InvalidValueError,
    NotProjectedError,
)
from singletable.models.reading.targets import TableSender
from singletable.requests import reading

NOW = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)
DAY = timedelta(days=1)


class Whole(GlobalSecondaryIndex):
    class Meta:
        index_name = "Whole"
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="WholePK")
    sk = UnicodeAttribute(range_key=True, attr_name="WholeSK")


class Keys(GlobalSecondaryIndex):
    class Meta:
        index_name = "Keys"
        projection = KeysOnlyProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="KeysPK")
    sk = UnicodeAttribute(range_key=True, attr_name="KeysSK")


class Passing(Table):
    class Meta:
        table_name = "passing"

    whole = Whole()
    keys_only = Keys()


class Expiring(Passing, abstract=True):
    """A base class with an expiry, for two entities."""

    owner = UnicodeAttribute()
    ident = UnicodeAttribute()
    until = UTCDateTimeAttribute(null=True)

    expires_at = Expiry(after="until", attr_name="time to live")


class Session(Expiring, discriminator="SESSION"):
    key = Key(pk="OWNER#{owner}", sk="SESSION#{ident}")
    by_ident = Key(index=Whole, pk="ALL", sk="{ident}")
    listed = Key(index=Keys, pk="ALL", sk="{ident}")


class Link(Expiring, discriminator="LINK"):
    key = Key(pk="OWNER#{owner}", sk="LINK#{ident}")


class Owner(Passing, discriminator="OWNER"):
    owner = UnicodeAttribute()

    key = Key(pk="OWNER#{owner}", sk="OWNER")


class Eternal(Table):
    class Meta:
        table_name = "eternal"


class Rock(Eternal, discriminator="ROCK"):
    name = UnicodeAttribute()

    key = Key(pk="ROCK#{name}", sk="ROCK")


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Return a clock that shows NOW until it is set."""

    class Clock:
        now = NOW

        def time(self):
            return self.now.timestamp()

    found = Clock()
    monkeypatch.setattr(reading, "time", found)
    return found


@pytest.fixture
def stored():
    """Store sessions a to d (expired, expired in this second, alive for a day, without expiry), and other entities."""
    with embedded(Passing):
        for ident, until in (("a", NOW - DAY), ("b", NOW), ("c", NOW + DAY), ("d", None)):
            Session(owner="o", ident=ident, until=until).create()
        Link(owner="o", ident="x", until=NOW - DAY).create()
        Owner(owner="o").create()
        yield


def names(found):
    return [getattr(each, "ident", "owner") for each in found]


# --- live -----------------------------------------------------------------------------


@pytest.mark.usefixtures("stored")
def test_expired_items_are_left_out():
    """Queries on the table and on an index, collections, scans, counts and keys leave them out."""
    for request in (Session.query(owner="o", live=True), Session.by_ident.query(live=True)):
        assert ["c", "d"] == names(request) == [each["ident"] for each in request.keys()]  # noqa: SIM118
        assert 2 == request.count()
        assert "c" == request.first().ident
    assert ["c", "d"] == sorted(names(Session.scan(live=True)))
    assert ["owner", "c", "d"] == names(Passing.collection(Session, Link, Owner, owner="o", live=True))
    assert ["a", "b", "c", "d"] == names(Session.query(owner="o"))


@pytest.mark.usefixtures("stored")
def test_an_expiry_that_dynamodb_ignores_is_none():
    """DynamoDB never deletes an item whose attribute is not a number."""
    item = Session(owner="p", ident="e", until=NOW - DAY).serialize()
    TableSender(Passing).send("PutItem", {"TableName": "passing", "Item": {**item, "time to live": {"S": "1"}}})
    assert ["e"] == names(Session.query(owner="p", live=True))


def test_the_filter_is_part_of_the_request():
    """It is combined with the caller's filter, and explain() names it."""
    query = Session.query(owner="o", live=True, filter=Session.until.exists())
    params = query.params()
    expected = "attribute_exists (#2) AND (NOT (attribute_type (#3, :2) AND #3 <= :3))"
    assert expected == params["FilterExpression"]
    assert "time to live" == params["ExpressionAttributeNames"]["#3"]
    assert {"N": str(int(NOW.timestamp()))} == params["ExpressionAttributeValues"][":3"]
    assert ("until", "time to live") == query.explain().filtered
    assert "(NOT (attribute_type (#0, :0) AND #0 <= :1))" == Session.scan(live=True).params()["FilterExpression"]


@pytest.mark.usefixtures("stored")
def test_the_time_is_that_of_sending(clock):
    """It is not the time at which the request was made; a cursor is valid after items expired."""
    query = Session.query(owner="o", live=True)
    page = query.page(1)
    assert ["c"] == names(page)
    clock.now += DAY / 2
    assert ["d"] == names(query.page(1, page.cursor))
    clock.now += DAY
    assert ["d"] == names(query)
    for other in (Session.query(owner="o"), Session.query(owner="o", live=True, descending=True)):
        with pytest.raises(CursorError):
            other.page(1, page.cursor)


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (
            lambda: Rock.query(name="x", live=True),
            InvalidRequestError,
            "Rock.key: live=True.*no entity of the table has an Expiry. Leave live out, or declare an Expiry",
        ),
        (lambda: Eternal.scan(live=True), InvalidRequestError, "no entity of the table has an Expiry"),
        (lambda: Session.query(owner="o", live=1), InvalidRequestError, "live=1 is not a bool"),
        (
            lambda: Session.listed.query(live=True),
            NotProjectedError,
            "live=True reads 'time to live', which is not projected into the index Keys.* Project 'time to live'",
        ),
    ],
)
def test_live_is_refused_if_it_would_leave_out_nothing(ask, error, message):
    """The error has a remedy."""
    with pytest.raises(error, match=message):
        ask()


# --- conditions -----------------------------------------------------------------------


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("condition", "found"),
    [
        (lambda path: path < NOW, "a"),
        (lambda path: path <= NOW, "ab"),
        (lambda path: path == NOW, "b"),
        (lambda path: path != NOW, "acd"),
        (lambda path: path >= NOW, "bc"),
        (lambda path: path > NOW, "c"),
        (lambda path: path > NOW - timedelta(microseconds=1), "bc"),
        (lambda path: path < NOW + timedelta(microseconds=1), "ab"),
        (lambda path: path.between(NOW, NOW + DAY), "bc"),
        (lambda path: path.is_in(NOW - DAY, NOW + DAY), "ac"),
        (lambda path: path.exists(), "abc"),
        (lambda path: path.does_not_exist(), "d"),
        (lambda path: ~path.exists() | (path == NOW.astimezone(timezone(timedelta(hours=5)))), "bd"),
    ],
)
def test_items_are_found_by_their_expiry(condition, found):
    """An expiry works like any attribute in the filter of a query and of a scan."""
    path = Session.expires_at
    assert list(found) == names(Session.query(owner="o", filter=condition(path)))
    assert list(found) == sorted(names(Session.scan(filter=condition(path))))
    assert list(found) == sorted(names(Session.by_ident.query(filter=condition(Link.expires_at))))


@pytest.mark.usefixtures("stored")
def test_writes_can_depend_on_the_expiry():
    """`condition=` of every kind of write accepts it."""
    session = Session.get(owner="o", ident="c")
    assert NOW + DAY == session.expires_at
    session.update(until=NOW + 2 * DAY, condition=Session.expires_at == session.expires_at)
    with pytest.raises(ConditionFailed):
        session.save(condition=Session.expires_at < NOW)
    with pytest.raises(ConditionFailed):
        session.delete(condition=Session.expires_at.does_not_exist())
    assert NOW + 2 * DAY == Session.get(owner="o", ident="c").expires_at


@pytest.mark.parametrize(
    ("compare", "error", "message"),
    [
        (
            lambda path: path < datetime(2026, 1, 1),
            InvalidValueError,
            "'time to live' cannot be compared with a datetime without a time zone. Give an aware datetime",
        ),
        (lambda path: path == datetime(2026, 1, 1), InvalidValueError, "without a time zone"),
        (lambda path: path != date(2026, 1, 1), InvalidValueError, "with a value of type date"),
        (lambda path: path == 1_800_000_000, InvalidValueError, "with a value of type int"),
        (lambda path: path.between(NOW, "x"), InvalidValueError, "with a value of type str"),
        (lambda path: path.is_in(NOW, None), InvalidConditionError, "with None.*Use does_not_exist"),
        (lambda path: path == None, InvalidConditionError, "with None.*Use does_not_exist"),  # noqa: E711
    ],
)
def test_an_expiry_is_compared_with_points_in_time(compare, error, message):
    """Epoch seconds and naive datetimes are refused."""
    with pytest.raises(error, match=message):
        compare(Session.expires_at)


def test_a_filter_on_an_expiry_that_the_index_does_not_hold():
    """It is refused, as for any attribute that is not projected."""
    with pytest.raises(NotProjectedError, match="reads 'time to live', which the index Keys does not hold"):
        Session.listed.query(filter=Session.expires_at > NOW)


def test_an_expiry_stays_a_value():
    """It is equal to an equal declaration, hashable, can be copied and pickled, and is unequal to anything else."""
    expiry = Expiry(after="until", attr_name="time to live")
    assert (expiry == Session.expires_at) is True
    assert (expiry != Session.expires_at) is False
    assert (expiry == Expiry(after="until", days=1)) is False
    assert (expiry != Expiry(after="until", days=1)) is True
    assert {expiry: 1} == {Link.expires_at: 1}
    assert pickle.loads(pickle.dumps(expiry)) in [expiry]
    assert (expiry == object()) is False
    assert (expiry != object()) is True
    query = pickle.loads(pickle.dumps(Session.query(owner="o", live=True, filter=Session.expires_at > NOW)))
    assert query.live
