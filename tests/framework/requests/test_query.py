"""Queries: the requests, their cost, and the results."""

from datetime import timedelta

import attrs
import pytest
from pynamodb.attributes import NumberAttribute, UnicodeAttribute, UTCDateTimeAttribute
from pynamodb.expressions.operand import Path
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, KeysOnlyProjection, LocalSecondaryIndex

from singletable import IntegerAttribute, Key, Table, UnknownItem, measure
from singletable.engine import embedded
from singletable.errors import (
    BatchIncompleteError,
    CursorError,
    InvalidConditionError,
    InvalidKeyValueError,
    InvalidRequestError,
    MissingAttributesError,
    MultipleItemsFoundError,
    NotProjectedError,
    UnexpectedAttributesError,
    UnknownItemError,
)
from singletable.models.reading.targets import TableSender
from singletable.requests import retry
from tests.framework.app import START, Account, AppTable, Event, Everything, Level, Setting, Sharded, event, seqs

pytestmark = pytest.mark.usefixtures("table")


@pytest.fixture
def thirty():
    """Store thirty events of one account, one every six hours, every third a warning; and one event of another."""
    made = [event(seq) for seq in range(30)]
    for each in [*made, event(7, account_id="a10"), Account(account_id="a1", email="x@example.com")]:
        each.create()
    return made


class Faulty:
    """A sender that lets a function change the answers of the engine."""

    def __init__(self, change):
        self.change = change
        self.sender = TableSender(AppTable)
        self.table_name = self.sender.table_name
        self.seal = self.sender.seal

    def steps(self, operation, params, attempts=None):
        return self.change(operation, params, self.sender.send)
        yield


def through(request, change):
    """Return the same request with a faulty sender."""
    return attrs.evolve(request, target=attrs.evolve(request.target, sender=Faulty(change)))


# --- the plan -------------------------------------------------------------------------


def test_a_limit_is_sent(thirty):
    """Rows beyond the limit are neither read nor paid for."""
    limits = []

    def noting(operation, params, send):
        limits.append(params.get("Limit"))
        return send(operation, params)

    through(Event.query(account_id="a1", limit=20), noting).all()
    through(Event.query(account_id="a1"), noting).first()
    through(Event.query(account_id="a1"), noting).page(10)
    through(Event.query(account_id="a1"), noting).all()
    assert limits == [20, 1, 11, None]


def test_params_are_the_exact_request():
    """`params()` sends nothing."""
    with measure() as usage:
        params = Event.query(Event.seq.between(1, 5), account_id="a1", descending=True, limit=20).params()
    assert usage.requests == 0
    assert params == {
        "TableName": "app",
        "KeyConditionExpression": "#0 = :0 AND #1 BETWEEN :1 AND :2",
        "ExpressionAttributeNames": {"#0": "PK", "#1": "SK"},
        "ExpressionAttributeValues": {
            ":0": {"S": "ACCOUNT#a1"},
            ":1": {"S": "EVENT#000001"},
            ":2": {"S": "EVENT#000005"},
        },
        "ScanIndexForward": False,
        "Limit": 20,
    }


def test_params_of_a_filter_and_an_index():
    """The filter's placeholders follow those of the key. `seq` only selects the shard, so it is also in the filter."""
    query = Event.urgent.query(level=Level.WARN, seq=3, filter=(Event.note == "n") & Event.detail.exists())
    params = query.params()
    assert params["IndexName"] == "GSI1"
    assert params["FilterExpression"] == "#1 = :1 AND attribute_exists (#2) AND #3 = :2"
    assert params["ExpressionAttributeNames"] == {"#0": "GSI1PK", "#1": "note", "#2": "detail", "#3": "seq"}


def test_params_of_a_get():
    """A get by primary key is a GetItem; a get through an index is a Query."""
    assert Account.item(account_id="a1", consistent=True).params() == {
        "TableName": "app",
        "Key": {"PK": {"S": "ACCOUNT#a1"}, "SK": {"S": "ACCOUNT"}},
        "ConsistentRead": True,
    }
    assert Account.by_email.item(email="x").params()["IndexName"] == "GSI1"


def test_all_params_visit_every_partition_in_order():
    """There is one request for each bucket and shard."""
    query = Event.by_day.query(Event.at.between(START, START + timedelta(days=2)))
    days = [params["ExpressionAttributeValues"][":0"]["S"] for params in query.all_params()]
    assert days == ["EVENT#2026-01-01", "EVENT#2026-01-02", "EVENT#2026-01-03"]
    assert len(list(Event.urgent.query(level=Level.WARN).all_params())) == 3


def test_explanations_hide_personal_values():
    """Values are hidden in the partition key and in the sort key."""
    assert "‹personal›" in Account.by_email.query(email="x@example.com").explain().key_condition
    assert "x@example.com" not in repr(Account.by_email.query(email="x@example.com").explain())


# --- results --------------------------------------------------------------------------


def test_leading_attributes_and_the_whole_partition(thirty):
    """A query for user 1 does not read user 10, nor other entities of the partition."""
    with measure() as usage:
        assert seqs(Event.query(account_id="a1")) == list(range(30))
    assert usage.requests == 1
    assert seqs(Event.query(account_id="a10")) == [7]
    assert seqs(Event.query(account_id="a1", seq=3)) == [3]


def test_conditions_on_attributes(thirty):
    """Conditions are exact at both ends of the range."""
    ask = lambda condition: seqs(Event.query(condition, account_id="a1"))  # noqa: E731 - seven one-liners
    assert ask(Event.seq < 3) == [0, 1, 2]
    assert ask(Event.seq <= 3) == [0, 1, 2, 3]
    assert ask(Event.seq > 27) == [28, 29]
    assert ask(Event.seq >= 27) == [27, 28, 29]
    assert ask(Event.seq.between(9, 10)) == [9, 10]
    assert ask(Event.seq == 9) == [9]


def test_buckets_are_visited_in_order_and_completed(thirty):
    """Items of a keys-only index are fetched in batches: a query for each day, and a request for up to 100 items."""
    between = Event.at.between(START + timedelta(hours=6), START + timedelta(days=3))
    with measure() as usage:
        assert seqs(Event.by_day.query(between, limit=100)) == [*range(1, 8), *range(7, 13)]
    assert usage.requests == 4 + 1
    assert seqs(Event.by_day.query(between, descending=True, limit=3)) == [12, 11, 10]


def test_a_limit_stops_at_the_bucket_that_fills_it(thirty):
    """Later buckets are not read."""
    with measure() as usage:
        found = Event.by_day.query(Event.at.between(START, START + timedelta(days=7)), limit=2).all()
    assert seqs(found) == [0, 1]
    assert usage.requests == 1 + 1


def test_shards_are_merged_by_sort_key(thirty):
    """All shards are read, and their rows are merged in both directions."""
    with measure() as usage:
        assert seqs(Event.urgent.query(level=Level.WARN)) == list(range(0, 30, 3))
    assert usage.requests == 3
    assert seqs(Event.urgent.query(level=Level.WARN, descending=True, limit=2)) == [27, 24]
    with measure() as usage:
        assert seqs(Event.urgent.query(level=Level.WARN, seq=3)) == [3]
    assert usage.requests == 1, "the shard of a known value is one partition"
    assert Event.urgent.query(level=Level.WARN, seq=3).count() == 1


def test_what_only_a_projection_holds_is_filtered_for(thirty):
    """A value that only selects the shard or the bucket is filtered for, or the query is refused."""
    with pytest.raises(InvalidConditionError, match="seq only determines the partition, but .* does not hold"):
        Sharded.sharded.query(seq=3)


def test_sparse_keys(thirty):
    """One index contains only warnings and errors, the other only noted events."""
    assert Event.urgent.query(level=Level.INFO).all() == []
    assert Event.by_note.query(note="n").all() == []


def test_collections(thirty):
    """One request returns several entity types of a partition, in the order of their keys."""
    Setting(account_id="a1", name="theme").create()
    with measure() as usage:
        found = AppTable.collection(Account, Event, account_id="a1", limit=3).all()
    assert [type(each) for each in found] == [Account, Event, Event]
    assert usage.requests == 1
    assert AppTable.collection(Account, Event, account_id="a1").count() == 31
    assert len(AppTable.collection(Account, Setting, account_id="a1").all()) == 2
    assert AppTable.collection(Account, index=Everything, email="x@example.com").one().account_id == "a1"


def test_filters(thirty):
    """DynamoDB applies a filter after reading; a limit counts the remaining items."""
    assert seqs(Event.query(account_id="a1", filter=Event.level == Level.WARN, limit=3)) == [0, 3, 6]
    assert seqs(Event.by_note.query(note="n", filter=Event.level == Level.WARN)) == []


def test_none_inside_a_list_or_a_map_can_be_asked_for():
    """There None is stored as NULL, unlike a None attribute. (moto also reads a missing path as NULL.)"""
    params = Event.query(account_id="a1", filter=Path(["detail", "k"]) == None).params()  # noqa: E711
    assert {"NULL": True} in params["ExpressionAttributeValues"].values()


def test_a_selective_filter_does_not_cost_a_request_a_row(thirty):
    """PynamoDB requests only as many rows as the limit, again and again."""
    with measure() as usage:
        assert seqs(Event.query(account_id="a1", filter=Event.at > START + timedelta(hours=6 * 28), limit=1)) == [29]
    assert usage.requests == 1


def test_an_empty_page_is_not_the_end(thirty):
    """A filter may remove all items of a page; only a missing LastEvaluatedKey marks the end."""

    def two_rows_a_page(operation, params, send):
        return send(operation, {**params, "Limit": 2})

    query = Event.query(account_id="a1", filter=Event.seq >= 28)
    assert seqs(through(query, two_rows_a_page)) == [28, 29]
    assert through(query, two_rows_a_page).count() == 2


def test_one(thirty):
    """The error has the number of items."""
    with pytest.raises(
        MultipleItemsFoundError, match="Event.key has 30 items at PK = 'ACCOUNT#a1'.*; at most one was"
    ) as caught:
        Event.query(account_id="a1").one()
    assert caught.value.count == 30
    with pytest.raises(Event.DoesNotExist, match="No item at PK = 'ACCOUNT#nobody'"):
        Event.query(account_id="nobody").one()
    assert Event.query(account_id="nobody").one_or_none() is None
    assert Event.query(account_id="nobody").first() is None
    assert Event.query(account_id="a1").first().seq == 0
    assert Account.by_email.get(email="x@example.com").account_id == "a1"
    with pytest.raises(MultipleItemsFoundError):
        Event.urgent.get(level=Level.WARN)


def test_count(thirty):
    """Only items of the entity count, at most the limit, with every kind of index."""
    assert Event.query(account_id="a1").count() == 30
    assert Event.query(account_id="a1", limit=7).count() == 7
    assert Event.query(account_id="a1", filter=Event.level == Level.WARN).count() == 10
    assert Event.urgent.query(level=Level.WARN).count() == 10
    assert Event.by_day.query(Event.at.between(START, START + timedelta(days=1))).count() == 5


def test_keys(thirty):
    """`keys()` returns the attributes in the keys, fetches no items, and leaves out projected attributes."""
    with measure() as usage:
        found = list(Event.by_day.query(Event.at.between(START, START), limit=1).keys())
    assert found == [{"account_id": "a1", "seq": 0, "at": START}]
    assert usage.requests == 1
    (first,) = Event.urgent.query(level=Level.WARN, limit=1).keys()
    assert first == {"account_id": "a1", "seq": 0, "level": Level.WARN, "at": START}


def test_a_row_that_moved_since_is_left_out(thirty):
    """An index is updated after its table: an item that no longer belongs to the result is left out."""

    def stale_index(operation, params, send):
        answer = send(operation, params)
        if operation == "Query":
            thirty[1].update(at=START + timedelta(days=90))
            thirty[2].delete()
        return answer

    query = Event.by_day.query(Event.at.between(START, START + timedelta(hours=12)))
    assert seqs(through(query, stale_index)) == [0]


def test_unknown_items_among_rows(thirty):
    """Unknown items raise by default; with `yield` they are returned unchanged."""
    TableSender(AppTable).send(
        "PutItem", {"TableName": "app", "Item": {"PK": {"S": "ACCOUNT#a1"}, "SK": {"S": "EVENT#000000x"}}}
    )
    kinds = [type(each) for each in Event.query(account_id="a1", limit=3, unknown="yield")]
    assert kinds == [Event, UnknownItem, Event]
    unknown = Event.query(account_id="a1", unknown="yield").all()[1]
    assert unknown.key == ("ACCOUNT#a1", "EVENT#000000x")
    assert repr(unknown) == "UnknownItem(entity_type=None)", "keys may be personal"


# --- pages ----------------------------------------------------------------------------


def pages_of(query, size):
    """Return the pages of a query, as lists of numbers."""
    found, cursor = [], None
    while True:
        page = query.page(size, cursor)
        found.append(seqs(page))
        cursor = page.cursor
        if cursor is None:
            return found


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("size", [1, 3, 4, 10, 11])
def test_pages_cover_everything_once(thirty, size, descending):
    """Pages work for a partition, for buckets in order and for merged shards; the last page has no cursor."""
    queries = (
        Event.query(account_id="a1", descending=descending),
        Event.by_day.query(Event.at.between(START, START + timedelta(days=5)), descending=descending),
        Event.urgent.query(level=Level.WARN, descending=descending),
    )
    for query in queries:
        pages = pages_of(query, size)
        assert [each for page in pages for each in page] == seqs(query)
        assert all(len(page) == size for page in pages[:-1])
        assert pages[-1]


def test_a_page_costs_one_request(thirty):
    """One row more than the size is read, to know whether a next page exists."""
    with measure() as usage:
        page = Event.query(account_id="a1").page(10)
    assert (usage.requests, len(page)) == (1, 10)
    with measure() as usage:
        assert Event.query(account_id="a1").page(30).cursor is None
    assert usage.requests == 1


def test_a_page_goes_on_in_the_bucket_where_the_last_one_ended(thirty):
    """Finished buckets are not read again."""
    query = Event.by_day.query(Event.at.between(START, START + timedelta(days=4)))
    page = query.page(11)
    with measure() as usage:
        assert seqs(query.page(2, page.cursor)) == [10, 11]
    assert usage.requests == 2 + 1, "the rest of that bucket, the next one, and one fetch"


def test_cursors_belong_to_their_query(thirty):
    """A cursor is refused with other values, another direction or another index."""
    cursor = Event.query(account_id="a1").page(3).cursor
    for other in (
        Event.query(account_id="a10"),
        Event.query(account_id="a1", descending=True),
        Event.query(account_id="a1", filter=Event.seq > 3),
        Event.urgent.query(level=Level.WARN),
    ):
        with pytest.raises(CursorError, match="belongs to another query"):
            other.page(3, cursor)
    for broken in ("", "x", cursor[:-2], cursor + "AA", "é", "e30", "W10"):
        with pytest.raises(CursorError):
            Event.query(account_id="a1").page(3, broken)
    with pytest.raises(InvalidRequestError, match="A page has a size of at least 1, not 0"):
        Event.query(account_id="a1").page(0)


# --- bad input ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda: Event.query(), MissingAttributesError, "cannot be queried without account_id: DynamoDB would have to"),
        (
            lambda: Event.query(account_id="a1", sq=1),
            UnexpectedAttributesError,
            "does not use sq. It uses account_id",
        ),
        (lambda: Event.query(account_id=""), InvalidKeyValueError, "account_id='' cannot be part of the key.*empty"),
        (lambda: Event.query(account_id=None), InvalidConditionError, "account_id=None"),
        (
            lambda: Event.query(account_id="a" * 2100),
            InvalidKeyValueError,
            "2,108 bytes of UTF-8; DynamoDB allows 2,048",
        ),
        (lambda: Event.query(Event.seq > 10**6, account_id="a"), InvalidKeyValueError, "seq=1000000.*too wide"),
        (
            lambda: Event.query(Event.level == Level.WARN, account_id="a"),
            InvalidConditionError,
            "continues with seq|does not use level|not in the key",
        ),
        (
            lambda: Event.query(Account.email == "x", account_id="a"),
            InvalidConditionError,
            "of another entity than Event",
        ),
        (
            lambda: Event.query(Event.seq > 1, Event.seq < 3, account_id="a"),
            InvalidConditionError,
            "several conditions.*Use between",
        ),
        (
            lambda: Event.query((Event.seq > 1) & (Event.seq < 3), account_id="a"),
            InvalidConditionError,
            "several conditions",
        ),
        (
            lambda: Event.query(Event.seq != 1, account_id="a"),
            InvalidConditionError,
            "does not support the operator '<>'",
        ),
        (
            lambda: Event.query(Event.seq.is_in(1, 2), account_id="a"),
            InvalidConditionError,
            "does not support the operator 'IN'",
        ),
        (
            lambda: Event.query(Event.seq == Event.at, account_id="a"),
            InvalidConditionError,
            "does not compare an attribute",
        ),
        (lambda: Event.query(Event.note == None, account_id="a"), InvalidConditionError, "compares with None.*exists"),  # noqa: E711
        (lambda: Event.query(account_id="a", filter=Event.note != None), InvalidConditionError, "compares with None"),  # noqa: E711
        (lambda: Event.query(account_id="a", scan_index_forward=False), UnexpectedAttributesError, "descending=True"),
        (lambda: AppTable.collection(Event.key, account_id="a"), InvalidRequestError, "takes entity classes, not a"),
        (lambda: Event.batch_get(["a"]), MissingAttributesError, "takes mappings of attributes, not a str"),
        (lambda: Event.query("a1"), InvalidConditionError, "a str is not a condition. Give attributes by name"),
        (
            lambda: Event.query(Event.seq.between(3, 1), account_id="a"),
            InvalidConditionError,
            "between 3 and 1: the bounds are",
        ),
        (lambda: Event.by_day.query(Event.at >= START), InvalidConditionError, "has only one bound.*Use at.between"),
        (
            lambda: Event.by_day.query(Event.at.between(START, START.replace(year=2025))),
            InvalidConditionError,
            "reversed",
        ),
        (lambda: Event.by_day.query(), MissingAttributesError, "cannot be queried without at"),
        (
            lambda: Event.query(account_id="a", limit=0),
            InvalidRequestError,
            "limit=0 is not a whole number of at least 1",
        ),
        (
            lambda: Event.query(account_id="a", unknown="drop"),
            InvalidRequestError,
            "is not one of 'raise', 'yield', 'skip'",
        ),
        (
            lambda: Event.urgent.query(level=Level.WARN, consistent=True),
            InvalidRequestError,
            "cannot read consistently",
        ),
        (
            lambda: Event.urgent.query(level="LOUD"),
            InvalidKeyValueError,
            "level='LOUD' cannot be part of a key.*INFO, WARN, ERROR",
        ),
        (
            lambda: Event.by_day.query(Event.at.between(START, START), filter=Event.level == Level.WARN),
            NotProjectedError,
            "the index GSI2 does not hold",
        ),
        (
            lambda: Event.query(account_id="a", filter=Event.sk == "x"),
            InvalidConditionError,
            "a key attribute of the query",
        ),
        (
            lambda: Event.query(account_id="a", filter=Account.email == "x"),
            InvalidConditionError,
            "of another entity than Event",
        ),
        (lambda: Event.query(account_id="a", filter="x"), InvalidConditionError, "which is not a condition"),
        (
            lambda: Event.get(account_id="a"),
            MissingAttributesError,
            "Event.key needs seq. Give account_id, seq",
        ),
        (lambda: Event.get(account_id="a", seq=1, at=START), UnexpectedAttributesError, "does not use at"),
        (lambda: Event.get("a", 1), MissingAttributesError, "takes attributes by name"),
        (lambda: Event.key.build(account_id="a"), MissingAttributesError, "needs seq"),
        (lambda: Event.key.build(account_id="a", seq=1, x=1), UnexpectedAttributesError, "does not use x"),
        (lambda: AppTable.collection(Account, Setting, name="x"), UnexpectedAttributesError, "does not use name"),
        (
            lambda: AppTable.collection(Account, Event, index=Everything, email="x"),
            InvalidRequestError,
            "different partition keys",
        ),
        (lambda: AppTable.collection(Setting, index=Everything), InvalidRequestError, "Setting has no key on GSI1"),
        (lambda: AppTable.collection(account_id="a"), InvalidRequestError, "no entity classes"),
    ],
)
def test_bad_questions_are_refused_before_anything_is_sent(ask, error, message):
    """The error has the value and the remedy."""
    with measure() as usage, pytest.raises(error, match=message):
        ask()
    assert usage.requests == 0


# --- batches --------------------------------------------------------------------------


def test_unprocessed_keys_are_asked_again(thirty, monkeypatch):
    """They are requested again after a pause, until none is left; the order of the keys is kept."""
    pauses = []
    monkeypatch.setattr(retry.time, "sleep", pauses.append)

    def half(operation, params, send):
        if operation != "BatchGetItem":
            return send(operation, params)
        keys = params["RequestItems"]["app"]["Keys"]
        done, left = keys[: len(keys) // 2 + 1], keys[len(keys) // 2 + 1 :]
        answer = send(operation, {"RequestItems": {"app": {**params["RequestItems"]["app"], "Keys": done}}})
        return {**answer, "UnprocessedKeys": {"app": {"Keys": left}} if left else {}}

    query = Event.by_day.query(Event.at.between(START, START + timedelta(days=2)))
    assert seqs(through(query, half)) == [*range(8), *range(7, 9)]
    assert len(pauses) > 1


def test_a_batch_gives_up_and_says_what_is_left(thirty, monkeypatch):
    """After ten attempts the error has the keys that were not read."""
    monkeypatch.setattr(retry.time, "sleep", lambda seconds: None)

    def nothing(operation, params, send):
        if operation != "BatchGetItem":
            return send(operation, params)
        return {"Responses": {}, "UnprocessedKeys": {"app": params["RequestItems"]["app"]}}

    query = Event.by_day.query(Event.at.between(START, START))
    with pytest.raises(BatchIncompleteError, match="1 items were left unprocessed after 10 attempts") as caught:
        through(query, nothing).all()
    assert caught.value.unprocessed == ({"PK": {"S": "ACCOUNT#a1"}, "SK": {"S": "EVENT#000000"}},)


def test_scans(thirty):
    """A scan returns one entity or all, also in segments; it reads the whole table."""
    assert len(Event.scan().all()) == 31
    assert len(AppTable.scan().all()) == 32
    assert sum(len(Event.scan(segment=n, segments=3).all()) for n in range(3)) == 31
    assert len(Event.scan(filter=Event.level == Level.WARN).all()) == 10
    assert len(Event.scan(limit=4).all()) == 4


# --- faults that hostile tests found ------------------------------------------------------


class ByHour(LocalSecondaryIndex):
    class Meta:
        index_name = "ByHour"
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="PK")
    sk = UnicodeAttribute(range_key=True, attr_name="HourSK")


class Listed(GlobalSecondaryIndex):
    class Meta:
        index_name = "Listed"
        projection = KeysOnlyProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="ListPK")
    sk = UnicodeAttribute(range_key=True, attr_name="ListSK")


class OddTable(Table):
    class Meta:
        table_name = "odd"

    by_hour = ByHour()
    listed = Listed()


class Odd(OddTable, discriminator="ODD"):
    group = UnicodeAttribute()
    ident = IntegerAttribute()
    at = UTCDateTimeAttribute()
    price = NumberAttribute(default_for_new=0)

    key = Key(pk="G#{group}", sk="ODD#{ident:03d}")
    hourly = Key(index=ByHour, sk="{at:%Y-%m-%dT%H}#{ident:03d}")
    priced = Key(index=Listed, pk="PRICED#{group}", sk="{price:030.2f}#{ident:03d}")


class Odder(Odd, discriminator="ODDER"):
    pass


class Even(OddTable, discriminator="EVEN"):
    group = UnicodeAttribute()
    ident = IntegerAttribute()

    key = Key(pk="G#{group}", sk="EVEN#{ident:03d}")
    priced = Key(index=Listed, pk="PRICED#{group}", sk="EVEN#{ident:03d}")


@pytest.fixture
def odd_table():
    with embedded(OddTable):
        for number in range(6):
            kind = Odder if number % 2 else Odd
            kind(group="g", ident=number, at=START + timedelta(minutes=number)).create()
            Even(group="g", ident=number).create()
        yield


@pytest.mark.usefixtures("odd_table")
class TestOddities:
    """Families, local indexes, projections in sort keys, and numbers that no float can represent."""

    def test_an_equality_on_a_projection_means_itself(self):
        """It is exact as a value or as a condition, in the partition key or in the sort key."""
        at = START + timedelta(minutes=3)
        assert [each.ident for each in Odd.hourly.query(group="g", at=at)] == [3]
        assert [each.ident for each in Odd.hourly.query(Odd.at == at, group="g")] == [3]
        assert Odd.hourly.query(group="g", at=at).count() == 1
        assert [each.ident for each in Odd.hourly.query(group="g", consistent=True)] == list(range(6))

    def test_keys_and_counts_of_a_class_and_its_subclass(self):
        """They are exact, even if the index does not contain the class of a row."""
        for query, count in (
            (Odd.query(group="g"), 6),
            (Odder.query(group="g"), 3),
            (Odd.priced.query(group="g"), 6),
            (Odder.priced.query(group="g"), 3),
            (Even.priced.query(group="g"), 6),
            (OddTable.collection(Odd, Even, group="g"), 12),
            (OddTable.collection(Odd, Even, group="g", index=Listed), 12),
        ):
            assert count == len(query.all()) == len(list(query.keys())) == query.count()

    def test_unknown_rows_of_a_keys_only_index(self):
        """They are raised, skipped or yielded, also by `keys()`."""
        row = {"PK": "zz", "SK": "zz", "ListPK": "PRICED#h", "ListSK": "q", "entityType": "NEW"}
        item = {name: {"S": text} for name, text in row.items()}
        TableSender(OddTable).send("PutItem", {"TableName": "odd", "Item": item})
        query = Odd.priced.query(group="h", unknown="skip")
        assert (query.all(), list(query.keys()), query.count()) == ([], [], 0)
        with pytest.raises(UnknownItemError):
            list(Odd.priced.query(group="h").keys())

    def test_numbers_beyond_floats_come_back_from_keys(self):
        """Their rows are not lost."""
        Odd(group="big", ident=1, at=START, price=2**60 + 1).create()
        query = Odd.priced.query(group="big")
        keys = query.keys()
        assert [2**60 + 1] == [each["price"] for each in keys] == [each.price for each in query]
        assert query.count() == 1

    def test_collections_refuse_what_a_partition_only_projects(self):
        """Rows with other values share the partition."""
        with pytest.raises(InvalidRequestError, match="only holds a bucket or a shard"):
            AppTable.collection(Event, index=Everything, level=Level.WARN, seq=1)

    def test_a_limited_query_has_no_pages(self):
        """The argument of page() is the size."""
        with pytest.raises(InvalidRequestError, match="has limit=2; a request with a limit has no pages"):
            Odd.query(group="g", limit=2).page(10)

    def test_scans_check_their_options_and_filter_by_keys(self):
        """Scans do both like queries."""
        assert len(Even.scan(filter=Path("SK").startswith("EVEN#")).all()) == 6
        for options in ({"limit": 0}, {"unknown": "drop"}):
            with pytest.raises(InvalidRequestError):
                Even.scan(**options)

    def test_two_items_with_one_key_do_not_share_a_batch(self):
        """DynamoDB refuses such a batch. The later item wins."""
        twice = [Even(group="t", ident=1), Even(group="t", ident=2), Even(group="t", ident=1)]
        assert list(OddTable.put_all(twice)) == [2]


def test_indexes_that_hold_less_than_everything_are_completed():
    """Attributes that no model declares also survive a read through an index and a save."""
    event(1, note="n").create()
    item = {**event(1, note="n").serialize(), "legacy": {"S": "kept"}}
    TableSender(AppTable).send("PutItem", {"TableName": "app", "Item": item})
    Event.by_note.get(note="n").save()
    assert Event.get(account_id="a1", seq=1).extra_attributes == {"legacy": {"S": "kept"}}
