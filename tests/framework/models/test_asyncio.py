"""The asynchronous twins: the same results and errors, without blocking the event loop."""

import asyncio
import inspect
from datetime import timedelta

import pytest

from singletable import Key, Table
from singletable.engine import embedded
from singletable.errors import (
    AlreadyExistsError,
    ConcurrentUpdateError,
    ConditionFailed,
    InvalidBatchError,
    ItemDoesNotExist,
    MultipleItemsFoundError,
    NoResponseError,
    TransactionCancelled,
)
from singletable.models import plan
from singletable.models.reading.bound_key import BoundKey
from singletable.models.writing.batch import Batch
from singletable.models.writing.collection import Collection
from singletable.models.writing.transaction import Transaction
from singletable.models.writing.writes import Write
from singletable.requests import Get, Query, Scan
from singletable.testing import LostResponse, Rival, Throttling, Unprocessed, inject
from tests.framework.app import Account, AppTable, Event
from tests.framework.ledger import MOMENT

TWINS = {
    Table: (
        "batch_get",
        "count",
        "create",
        "create_table",
        "delete",
        "delete_table",
        "describe_table",
        "exists",
        "get",
        "load_collection",
        "move",
        "mutate",
        "put",
        "refresh",
        "save",
        "transact_get",
        "update",
        "update_ttl",
        "upsert",
    ),
    BoundKey: ("get",),
    Get: ("all", "one", "one_or_none"),
    Query: ("all", "count", "first", "one", "one_or_none", "page"),
    Scan: ("all", "count", "first", "one", "one_or_none", "page"),
    Batch: ("send",),
    Transaction: ("send",),
    Collection: ("save",),
    Write: ("send",),
}
"""The methods that send requests."""

pytestmark = pytest.mark.usefixtures("table")


def event(seq, **values):
    """Return an event of the account `a1`, an hour after the one before."""
    return Event(account_id="a1", seq=seq, at=MOMENT + timedelta(hours=seq), **values)


@pytest.mark.parametrize(("owner", "name"), [(owner, name) for owner, names in TWINS.items() for name in names])
def test_each_method_has_a_twin(owner, name):
    """It is a coroutine function with the same parameters, and refers to the method."""
    method, twin = getattr(owner, name), getattr(owner, f"a{name}")
    assert inspect.iscoroutinefunction(twin)
    assert str(inspect.signature(method)).partition(" ->")[0] == str(inspect.signature(twin)).partition(" ->")[0]
    assert inspect.getdoc(twin)


def test_one_item():
    """Create, read, update, upsert, mutate, move and delete an item."""

    async def main():
        account = Account(account_id="a", email="a@b")
        await account.acreate()
        with pytest.raises(AlreadyExistsError):
            await Account(account_id="a").acreate()
        assert "a@b" == (await Account.aget(account_id="a")).email
        assert "a" == (await Account.by_email.aget(email="a@b")).account_id
        await account.aupdate(email="c@d")
        assert "c@d" == account.email
        assert await Account.by_email.query(email="a@b").aone_or_none() is None
        assert "before" == await account.amutate(_visit)
        assert 1 == account.visits
        await account.aupsert(visits=5)
        with pytest.raises(ConditionFailed):
            await account.asave(Account.visits == 4)
        account.visits = 6
        await account.asave(Account.visits == 5)
        fresh = await Account.item(account_id="a").aone()
        assert 6 == fresh.visits
        await account.amove(account_id="b")
        assert await Account.item(account_id="a").aone_or_none() is None
        with pytest.raises(Account.DoesNotExist):
            await fresh.arefresh()
        await account.adelete()
        with pytest.raises(ItemDoesNotExist):
            await Account.aget(account_id="b")
        with pytest.raises(Account.DoesNotExist):
            await account.adelete(missing="raise")
        await account.aput()
        assert 6 == (await Account.aget(account_id="b")).visits

    asyncio.run(main())


def _visit(account):
    account.visits += 1
    return "before"


def test_queries():
    """Queries and scans, whole and page by page; `async for` goes over all."""

    async def main():
        async with AppTable.batch() as batch:
            batch.put(*[event(seq) for seq in range(25)], Account(account_id="a1"))
        query = Event.query(account_id="a1")
        expected = [*range(25)]
        assert expected == [each.seq for each in await query.aall()]
        assert expected == [each.seq async for each in query]
        assert expected == [keys["seq"] async for keys in query.keys()]  # noqa: SIM118 - not a mapping
        assert expected == sorted([each.seq async for each in Event.scan()])
        assert 0 == (await query.afirst()).seq
        assert 25 == await query.acount() == await Event.acount(account_id="a1")
        assert 26 == await AppTable.scan().acount()
        assert 3 == (await Event.query(Event.seq == 3, account_id="a1").aone()).seq
        assert await Event.query(Event.seq == 99, account_id="a1").aone_or_none() is None
        with pytest.raises(MultipleItemsFoundError, match="25 items"):
            await query.aone()
        page = await query.apage(10)
        seen = [each.seq for each in page]
        while page.cursor:
            page = await query.apage(10, page.cursor)
            seen += [each.seq for each in page]
        assert expected == seen
        assert [0] == [each.seq async for each in Event.item(account_id="a1", seq=0)]
        assert [0] == [each.seq for each in await Event.item(account_id="a1", seq=0).aall()]
        found = await AppTable.collection(Account, Event, account_id="a1").aall()
        assert 26 == len(found)

    asyncio.run(main())


def test_many_at_once():
    """Batches, transactions, reads at one moment and collections."""

    async def main():
        made = Account(account_id="a1")
        async with AppTable.transaction() as transaction:
            transaction.create(made, event(1))
        with pytest.raises(TransactionCancelled):
            async with AppTable.transaction() as transaction:
                transaction.create(event(2), made)
        assert await Event.item(account_id="a1", seq=2).aone_or_none() is None
        both = [Account.item(account_id="a1"), Event.item(account_id="a1", seq=1)]
        account, first = await AppTable.atransact_get(*both)
        assert ("a1", 1) == (account.account_id, first.seq)
        assert ["a1", "a1"] == [each.account_id for each in await AppTable.abatch_get(both)]
        async with AppTable.batch(workers=3) as batch:
            batch.put_all(event(seq) for seq in range(10, 100))
            batch.get(*both)
        assert 2 == len(batch.items)
        assert 91 == await Event.acount(account_id="a1")
        assert [25, 25, 10] == [count async for count in AppTable.put_all(event(seq) for seq in range(200, 260))]
        basket = await AppTable.aload_collection(Account, Event, account_id="a1")
        basket.one(Account).visits = 9
        basket.add(event(3))
        assert 2 == await basket.asave()
        assert 9 == (await Account.aget(account_id="a1")).visits
        await plan.delete(made).asend()
        with pytest.raises(InvalidBatchError):
            batch.put(made)

    asyncio.run(main())


def test_nothing_is_sent_if_the_block_raises():
    """A batch and a transaction, as with `with`."""

    async def main():
        for block in (AppTable.batch(), AppTable.transaction()):
            with pytest.raises(KeyError):
                async with block as opened:
                    (opened.put if isinstance(opened, Batch) else opened.create)(Account(account_id="a"))
                    raise KeyError
        assert await Account.item(account_id="a").aone_or_none() is None

    asyncio.run(main())


def test_the_table():
    """The operations on the table itself run in a thread."""

    class LooseTable(Table):
        class Meta:
            table_name = "loose"

    class Thing(LooseTable, discriminator="THING"):
        key = Key(pk="THING", sk="THING")

    async def main():
        assert not await LooseTable.aexists()
        await LooseTable.acreate_table(wait=True)
        assert await LooseTable.aexists()
        assert "loose" == (await LooseTable.adescribe_table())["TableName"]
        await LooseTable.adelete_table()
        assert not await LooseTable.aexists()

    with embedded(LooseTable, create=False):
        asyncio.run(main())


def test_a_binding_belongs_to_its_task():
    """`async with bind()` holds for the task, and for nobody else."""

    async def main():
        async def in_binding(name):
            async with AppTable.bind(table_name=name):
                await asyncio.sleep(0.01)
                return AppTable.bound().table_name

        found = await asyncio.gather(in_binding("one"), in_binding("two"))
        assert ["one", "two"] == found
        assert "app" == AppTable.bound().table_name

    asyncio.run(main())


def test_faults():
    """Injected faults act on asynchronous requests."""

    async def main():
        account = Account(account_id="a")
        with inject(AppTable, LostResponse(calls={1}, operations=["PutItem"])) as injected:
            with pytest.raises(NoResponseError) as caught:
                await account.acreate()
        assert caught.value.uncertain
        assert [("PutItem", "LostResponse")] == injected.befallen
        stored = await Account.aget(account_id="a")
        rival = await Account.aget(account_id="a")
        with inject(AppTable, Rival(lambda: rival.update(visits=3), calls={1}, operations=["UpdateItem"])):
            await stored.amutate(_visit)
        assert 4 == stored.visits
        with inject(AppTable, Unprocessed(rate=0.5, calls={1, 2})):
            async with AppTable.batch() as batch:
                batch.put(*[event(seq) for seq in range(50)])
        assert 50 == await Event.acount(account_id="a1")
        with inject(AppTable, Throttling(operations=["UpdateItem"])):
            with pytest.raises(Exception, match="throttled"):
                await account.aupdate(visits=1)

    asyncio.run(main())


def test_many_tasks_lose_nothing():
    """Forty tasks add to one counter by reading and writing it."""

    async def main():
        await Account(account_id="a").acreate()

        async def add():
            account = Account(account_id="a")
            for _ in range(5):
                while True:
                    try:
                        await account.amutate(_visit)
                    except ConcurrentUpdateError:
                        continue
                    break

        await asyncio.gather(*[add() for _ in range(8)])
        assert 40 == (await Account.aget(account_id="a")).visits

    asyncio.run(main())
