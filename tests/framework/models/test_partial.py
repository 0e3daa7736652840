"""Reads of some attributes of items."""

import copy
import pickle
from datetime import timedelta

import pytest
from pynamodb.attributes import UnicodeAttribute, VersionAttribute
from pynamodb.connection import Connection
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection
from pynamodb.transactions import TransactWrite

from singletable import Key, Table, measure, observe
from singletable.engine import embedded
from singletable.errors import InvalidRequestError, NotProjectedError, PartialItemError
from singletable.models.reading.targets import TableSender
from tests.framework.app import START, Account, AppTable, Event, Level, Setting, event, seqs

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def stored(table):
    """Store four events and their account."""
    for seq in range(4):
        event(seq, note="n", detail={"a": 1}).create()
    Account(account_id="a1", email="x@example.com", visits=3).create()


def day(**options):
    return Event.by_day.query(Event.at.between(START, START + 9 * DAY), **options)


def some(**options):
    return Event.item(account_id="a1", seq=1, only=("level",), **options)


REQUESTS = {
    "query": lambda only: Event.query(account_id="a1", only=only),
    "scan": lambda only: Event.scan(only=only),
    "collection": lambda only: AppTable.collection(Event, account_id="a1", only=only),
    "index": lambda only: Event.by_note.query(note="n", only=only),
    "keys only": lambda only: day(only=only),
    "page": lambda only: Event.query(account_id="a1", only=only).page(9),
    "get": lambda only: [Event.get(account_id="a1", seq=seq, only=only) for seq in range(4)],
    "item": lambda only: [Event.item(account_id="a1", seq=seq, only=only).one() for seq in range(4)],
    "key": lambda only: [Event.key.get(account_id="a1", seq=seq, only=only) for seq in range(4)],
    "batch": lambda only: Event.batch_get([Event.item(account_id="a1", seq=seq, only=only) for seq in range(4)]),
    "transaction": lambda only: AppTable.transact_get(
        *(Event.item(account_id="a1", seq=seq, only=only) for seq in range(4))
    ),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_the_chosen_attributes_are_read_and_those_of_the_key(name):
    """Every other attribute raises an error, and is not None."""
    found = sorted(REQUESTS[name](("level", "note")), key=lambda each: each.seq)
    assert [0, 1, 2, 3] == seqs(found)
    assert [(Level.WARN, "n", "a1"), (Level.INFO, "n", "a1")] == [
        (each.level, each.note, each.account_id) for each in found[:2]
    ]
    for attribute in ("at", "detail", "tags", "expires_at"):
        with pytest.raises(NotProjectedError, match=r"Event\.(at|detail|tags) was not read.*only=.* or call refresh"):
            getattr(found[0], attribute)
    assert "Event(account_id='a1', seq=0)" == repr(found[0])


def test_the_request_names_what_is_read():
    """It has the stored names, with the keys and the discriminator."""
    params = Event.query(account_id="a1", only=("level",), filter=Event.note == "n").params()
    names = params["ExpressionAttributeNames"]
    read = [names[each] for each in params["ProjectionExpression"].split(", ")]
    assert {"PK", "SK", "entityType", "accountId", "seq", "level"} == set(read)
    assert len(read) == len(set(read))
    item = some().params()
    assert set(read) == {item["ExpressionAttributeNames"][each] for each in item["ProjectionExpression"].split(", ")}


def test_an_attribute_that_is_absent_is_none_or_its_default():
    """This holds only if the attribute was read."""
    assert Event.get(account_id="a1", seq=1, only=("tags",)).tags is None
    found = Account.get(account_id="a1", only=())
    with pytest.raises(NotProjectedError, match="Account.visits was not read"):
        _ = found.visits
    found.visits = 7
    assert 7 == found.visits, "it was set since"


class Described(GlobalSecondaryIndex):
    class Meta:
        index_name = "Described"
        projection = IncludeProjection(["entityType", "shelf", "title"])

    pk = UnicodeAttribute(hash_key=True, attr_name="DescribedPK")
    sk = UnicodeAttribute(range_key=True, attr_name="DescribedSK")


class Library(Table):
    class Meta:
        table_name = "library"

    described = Described()


class Noted(Library, discriminator="NOTED"):
    """An entity with a version, and a default for items without an attribute."""

    ident = UnicodeAttribute()
    text = UnicodeAttribute(default="none")
    version = VersionAttribute()

    key = Key(pk="NOTED#{ident}", sk="NOTED")


def test_defaults_are_for_attributes_that_were_read():
    """An attribute that was not read has no value. The version is always read, and deletes are conditional on it."""
    with embedded(Library):
        Noted(ident="n", text="t").create()
        part = Noted.get(ident="n", only=())
        with pytest.raises(NotProjectedError, match="Noted.text was not read"):
            _ = part.text
        assert Noted.get(ident="n").version == part.version
        part.delete()
        assert Noted.query(ident="n").first() is None


WRITES = {
    "save": lambda each: each.save(),
    "create": lambda each: each.create(),
    "update": lambda each: each.update(note="x"),
    "update by actions": lambda each: each.update(actions=[Event.note.set("x")]),
    "mutate": lambda each: each.mutate(lambda fresh: None),
    "move": lambda each: each.move(seq=9),
    "batch": lambda each: AppTable.batch().put(each),
    "load": lambda each: list(AppTable.put_all([each])),
    "put in a transaction": lambda each: AppTable.transaction().put(each),
    "create in a transaction": lambda each: AppTable.transaction().create(each),
    "update in a transaction": lambda each: AppTable.transaction().update(each, note="x"),
    "PynamoDB's put": lambda each: TransactWrite(connection=Connection()).save(each),
    "PynamoDB's update": lambda each: TransactWrite(connection=Connection()).update(each, [Event.note.set("x")]),
}


@pytest.mark.parametrize("name", WRITES)
def test_it_is_not_written(name):
    """Every path refuses it, because a put would lose the attributes that were not read."""
    before = Event.get(account_id="a1", seq=1)._raw
    part = some().one()
    for each in (part, copy.copy(part), copy.deepcopy(part), pickle.loads(pickle.dumps(part))):
        with (
            measure() as usage,
            pytest.raises(PartialItemError, match=r"Event\(account_id='a1', seq=1\) was read with only=.*refresh\(\)"),
        ):
            WRITES[name](each)
        assert 0 == usage.requests
    assert before == Event.get(account_id="a1", seq=1)._raw


def test_it_is_not_added_to_a_collection():
    """It is refused when it is added, or when the collection is saved."""
    collection = AppTable.load_collection(Account, Setting, account_id="a1")
    Setting(account_id="a1", name="s").create()
    collection.add(Setting.get(account_id="a1", name="s", only=()))
    with pytest.raises(PartialItemError):
        collection.save()


def test_refresh_makes_it_whole():
    """After refresh() it can be read and written completely."""
    part = some().one()
    part.refresh()
    assert ("n", START + DAY / 4) == (part.note, part.at)
    part.update(note="x")
    assert "x" == Event.get(account_id="a1", seq=1).note


def test_it_is_deleted_by_its_key():
    """It can be deleted alone, in a batch and in a transaction."""
    parts = Event.query(account_id="a1", only=()).all()
    parts[0].delete()
    with AppTable.batch() as batch:
        batch.delete(parts[1])
    with AppTable.transaction() as transaction:
        transaction.check(parts[2])
        transaction.delete(parts[3])
    assert [2] == seqs(Event.query(account_id="a1"))


class Book(Library, discriminator="BOOK"):
    shelf = UnicodeAttribute()
    title = UnicodeAttribute()
    text = UnicodeAttribute()

    key = Key(pk="SHELF#{shelf}", sk="BOOK#{title}")
    by_title = Key(index=Described, pk="BOOKS", sk="{title}")


def test_an_index_that_holds_all_that_is_asked_for_needs_no_fetch():
    """An item of another index is fetched with the same projection."""
    with embedded(Library):
        Book(shelf="s", title="t", text="x").create()
        for only, names, sent in (
            (("title",), ("shelf", "title"), ["Query"]),
            (("text",), ("shelf", "title", "text"), ["Query", "BatchGetItem"]),
            (None, ("shelf", "title", "text"), ["Query", "BatchGetItem"]),
        ):
            operations = []
            with observe(Library, lambda request, operations=operations: operations.append(request.operation)):
                (book,) = query = Book.by_title.query(only=only)
            assert sent == operations
            assert ["s", "t", "x"][: len(names)] == [getattr(book, name) for name in names]
            assert ("ProjectionExpression" in query.params()) == (only == ("title",))


def test_batches_send_the_projection(monkeypatch):
    """All requests share one projection, or have none if one of them is for a whole item."""
    sent, steps = [], TableSender.steps

    def noting(self, operation, params, attempts=None):
        if operation == "BatchGetItem":
            asked = params["RequestItems"]["app"]
            sent.append(set(asked["ExpressionAttributeNames"].values()) if "ProjectionExpression" in asked else None)
        return steps(self, operation, params, attempts)

    monkeypatch.setattr(TableSender, "steps", noting)
    always = {"PK", "SK", "entityType", "accountId", "seq"}
    other = Event.item(account_id="a1", seq=2, only=("note",))
    assert 4 == len(day(only=("level",)).all())
    one, two = Event.batch_get([some(), other])
    with pytest.raises(NotProjectedError):
        _ = one.note
    assert (Level.INFO, "n") == (one.level, two.note)
    one, two = Event.batch_get([some(), Event.item(account_id="a1", seq=2)])
    with pytest.raises(NotProjectedError):
        _ = one.note
    assert "n" == two.note
    assert [{*always, "GSI2PK", "GSI2SK", "level"}, {*always, "level", "note"}, None] == sent


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (
            lambda: Event.query(account_id="a1", only=("levl",)),
            "Event: no attribute 'levl' to read with only=. The attributes are: account_id, at, detail, level, note",
        ),
        (lambda: Event.get(account_id="a1", seq=1, only=("accountId",)), "no attribute 'accountId'"),
        (
            lambda: Event.scan(only="level"),
            "only='level' is not a sequence of attribute names. Write for example only=",
        ),
        (lambda: Event.scan(only=7), "only=7 is not a sequence"),
        (lambda: Event.scan(only=(Event.level,)), "is not a sequence of attribute names"),
        (
            lambda: AppTable.collection(Event, Account, account_id="a1", only=("x",)),
            "Account and Event: no attribute 'x'",
        ),
    ],
)
def test_names_that_do_not_exist_are_refused(ask, message):
    """The error lists the existing names."""
    with pytest.raises(InvalidRequestError, match=message):
        ask()


def test_a_collection_reads_the_attributes_that_each_entity_has():
    """A name must exist in one of the entities."""
    found = AppTable.collection(Account, Event, account_id="a1", only=("email", "level")).all()
    assert "x@example.com" == found[0].email
    assert Level.WARN is found[1].level


def test_pages_of_parts():
    """The cursor has keys that were read for it, also those of an index."""
    for request in (
        Event.by_note.query(note="n", only=("level",)),
        Event.urgent.query(level=Level.WARN, only=("seq",)),
    ):
        whole, cursor, found = seqs(request), None, []
        for _ in range(20):
            page = request.page(1, cursor)
            found += seqs(page)
            cursor = page.cursor
            if cursor is None:
                break
        assert whole == found
        assert seqs(pickle.loads(pickle.dumps(request))) == whole
