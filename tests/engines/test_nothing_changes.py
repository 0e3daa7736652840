"""Unchanged values, upserts, tokens and options of reads, on each engine."""

from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest

from singletable.engine import fresh_table
from singletable.errors import ConditionFailed, InvalidUpdateError, RequestFailedError
from singletable.testing import check_fresh
from tests.framework.models.test_upserts import Counter, Job, TallyTable
from tests.properties.test_nothing_changes import CHANGES, PATHS, Kept, KeptTable, by_pynamodbs_transaction, without

ITEM = {
    "PK": {"S": "KEPT#1"},
    "SK": {"S": "KEPT"},
    "entityType": {"S": "KEPT"},
    "id": {"S": "1"},
    "text": {"NULL": True},
    "number": {"N": "1.123456789012345678"},
    "price": {"N": "12345678901234567890.123456789"},
    "numbers": {"NS": ["1.5", "2", "0.1234567890123456789"]},
    "document": {"S": '{"a": 1.10,  "b": [1e2]}'},
    "at": {"S": "2026-01-01T00:00:00Z"},
    "ttl": {"N": str(int(datetime(2026, 1, 2, tzinfo=timezone.utc).timestamp()))},
    "state": {"S": "OPEN"},
    "GSI1PK": {"S": "STATE#OPEN"},
    "GSI1SK": {"S": "1"},
    "GSI2PK": {"S": "of others"},
    "GSI2SK": {"S": "1"},
    "anything": {"M": {"n": {"N": "0.1234567890123456789"}, "l": {"L": [{"NULL": True}, {"B": b"x"}]}}},
    "line": {"M": {"price": {"N": "1.25"}, "unknown": {"SS": ["a"]}}},
    "lines": {"L": [{"M": {"unknown": {"N": "7"}}}, {"NULL": True}]},
    "legacy": {"M": {"deep": {"L": [{"N": "3"}]}}},
}
"""Numbers without trailing zeros, as DynamoDB stores them."""


def client(table):
    return table._get_connection().connection.client


def stored():
    key = {"PK": ITEM["PK"], "SK": ITEM["SK"]}
    item = client(KeptTable).get_item(TableName=KeptTable.bound().table_name, Key=key, ConsistentRead=True)["Item"]
    return {name: {"NS": sorted(value["NS"])} if "NS" in value else value for name, value in item.items()}


@pytest.fixture
def kept(engine):
    with fresh_table(KeptTable, engine) as bound:
        yield bound


@pytest.fixture
def tallies(engine):
    with fresh_table(TallyTable, engine) as bound:
        yield bound


WITH_TRANSACTIONS = ("by_transaction", "by_pynamodbs_transaction", "by_collection", "by_move_and_back")


@pytest.mark.parametrize(
    "path", [each for each in PATHS if each is not by_pynamodbs_transaction], ids=lambda each: each.__name__
)
def test_an_item_is_written_as_it_was(kept, engine, path):
    """Every path writes the item as it was, without a change and with one."""
    if engine == "dynalite" and path.__name__ in WITH_TRANSACTIONS:
        pytest.skip("dynalite has no transactions")
    if engine == "dynalite" and path.__name__ == "by_mutate":
        pytest.skip(
            "for dynalite no two maps are equal, so an item with a map cannot be compared with the item that was read"
        )
    put = lambda: client(KeptTable).put_item(TableName=KeptTable.bound().table_name, Item=ITEM)  # noqa: E731
    put()
    before = stored()
    path(Kept, lambda made: None)
    assert before == stored()
    put()
    path(Kept, CHANGES["text"])
    assert without(before, "text") == without(stored(), "text")


def test_an_upsert_creates_and_updates(tallies):
    """It writes the keys and the expiry of the stored values."""
    for expected in (1, 2, 3):
        counter = Counter(name="hits")
        counter.upsert(actions=[Counter.value.add(1)])
        assert expected == counter.value
    Job(ident="1", owner="ann").upsert(status="DONE")
    Job(ident="1", owner="bob").upsert(status="SENT")
    Job(ident="1", note="x").upsert(actions=[Job.runs.add(2)])
    job = Job.get(ident="1", consistent=True)
    assert ("ann", "SENT", None, 7) == (job.owner, job.status, job.note, job.runs)
    check_fresh(TallyTable)
    with pytest.raises(Job.DoesNotExist):
        Job(ident="2").delete(missing="raise")


def test_an_action_that_the_item_does_not_allow_is_named(tallies):
    """The error names the action, for any answer of the engine."""
    job = Job(ident="1")
    job.create()
    for action in (Job.detail["a"]["b"].set(1), Job.lines.set(Job.lines.append(["x"]))):
        with pytest.raises(InvalidUpdateError, match="Job: The update at .* cannot be made"):
            job.update(actions=[action])


def test_in_of_nothing(tallies):
    """`is_in()` without values matches no item."""
    job = Job(ident="1", owner="ann")
    job.create()
    assert [] == Job.scan(filter=Job.owner.is_in()).all()
    assert [job] == Job.scan(filter=~Job.owner.is_in()).all()
    with pytest.raises(ConditionFailed):
        job.update(note="x", condition=Job.owner.is_in())


def test_a_token_is_taken_again(tallies, engine):
    """A token is accepted again with another time, id and version."""
    if engine == "dynalite":
        pytest.skip("dynalite has no transactions")

    def add(amount):
        job = Job.get(ident="1", consistent=True)
        with TallyTable.transaction(token="event-1") as transaction:
            transaction.update(job, actions=[Job.runs.add(amount)])
        return job.runs

    Job(ident="1").create()
    assert (6, 6) == (add(1), add(1))
    with pytest.raises(RequestFailedError, match="was used for another transaction"):
        add(2)
    check_fresh(TallyTable)


def test_options_of_reads(tallies):
    """Reads of live items, of some attributes and by the expiry give the same answers."""
    now = datetime.now(timezone.utc)
    for ident, days in (("gone", -9), ("live", 0)):
        Job(ident=ident, owner="ann", starts_at=now + timedelta(days=days), runs=Decimal(2)).create()
    assert ["live"] == [each.ident for each in Job.scan(live=True)]
    assert 1 == Job.scan(live=True).count()
    assert ["gone"] == [each.ident for each in Job.scan(filter=Job.expires_at < now)]
    part = Job.query(ident="live", only=("runs",), consistent=True).one()
    assert 2 == part.runs
    page = Job.scan().page(1)
    assert 1 == len(Job.scan().page(1, page.cursor).items)
