"""Requests at once, in threads and in tasks: shards of a key, items of an index, chunks of a batch."""

import asyncio
import threading

import pytest
from pynamodb.attributes import UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection

from singletable import IntegerAttribute, Key, Table
from singletable.engine import embedded
from singletable.errors import BatchIncompleteError, RequestFailedError
from singletable.testing import Throttling, inject
from tests.framework.canned import CREDENTIALS, canned

SHARDS = 16


class ByShard(GlobalSecondaryIndex):
    class Meta:
        index_name = "GSI1"
        projection = KeysOnlyProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="GSI1PK")
    sk = UnicodeAttribute(range_key=True, attr_name="GSI1SK")


class NoteTable(Table):
    class Meta:
        table_name = "notes"

    gsi1 = ByShard()


class Note(NoteTable, discriminator="NOTE"):
    topic = UnicodeAttribute()
    number = IntegerAttribute()

    key = Key(pk="NOTE#{topic}#{number:shard(16)}", sk="{number:06d}")
    by_number = Key(index=ByShard, pk="BY#{topic}#{number:shard(4)}", sk="{number:06d}")


DRIVERS = {
    "threads": lambda query: query.all(),
    "tasks": lambda query: asyncio.run(query.aall()),
}
both = pytest.mark.parametrize("ask", DRIVERS.values(), ids=DRIVERS)


@both
def test_all_shards_are_asked_at_once(ask):
    """No request is answered before all have arrived."""
    together = threading.Barrier(SHARDS)

    def answer(asked):
        together.wait(25)
        return 200, {"Items": [], "Count": 0}

    with canned(answer) as server:
        with NoteTable.bind(endpoint_url=server.url, credentials=CREDENTIALS, max_connections=SHARDS, max_attempts=1):
            assert [] == ask(Note.query(topic="t"))
        assert SHARDS == len(server.asked)


@both
@pytest.mark.parametrize("descending", [False, True])
def test_the_order_is_that_of_the_sort_keys(ask, descending):
    """The rows of all shards are merged, also over many pages."""
    numbers = [*range(0, 300, 7), *range(500, 700)]
    with embedded(NoteTable):
        with NoteTable.batch() as batch:
            batch.put(*[Note(topic="t", number=number) for number in numbers])
        expected = sorted(numbers, reverse=descending)
        query = Note.query(topic="t", descending=descending)
        assert expected == [note.number for note in ask(query)]
        assert expected[:30] == [note.number for note in ask(Note.query(topic="t", descending=descending, limit=30))]
        # Each shard has several pages.
        found, page = [], query.page(17)
        while True:
            found += [note.number for note in page]
            if page.cursor is None:
                break
            page = query.page(17, page.cursor)
        assert expected == found
        assert expected == [note.number for note in ask(Note.by_number.query(topic="t", descending=descending))]


@both
def test_items_behind_an_index_are_fetched_at_once(ask):
    """400 rows of an index are fetched in four requests, none of which waits for another."""
    together = threading.Barrier(4)
    sorts = [{"S": f"{number:06d}"} for number in range(400)]
    keys = {"PK": {"S": "NOTE#t#0"}, "GSI1PK": {"S": "BY#t#0"}}
    rows = [{**keys, "SK": sort, "GSI1SK": sort} for sort in sorts]

    def answer(asked):
        if asked.operation == "Query":
            first = keys["GSI1PK"] in asked.params["ExpressionAttributeValues"].values()
            return 200, {"Items": rows if first else []}
        together.wait(25)
        return 200, {"Responses": {"notes": []}}

    with canned(answer) as server:
        with NoteTable.bind(endpoint_url=server.url, credentials=CREDENTIALS, max_attempts=1):
            assert [] == ask(Note.by_number.query(topic="t"))
        assert ["BatchGetItem"] * 4 == [each.operation for each in server.asked if each.operation != "Query"]


def test_workers_of_a_batch():
    """The chunks of a batch are sent at once, in threads and in tasks, and not more of them than workers."""
    for send in ("threads", "tasks"):
        together = threading.Barrier(3)

        def answer(asked, together=together):
            together.wait(25)
            return 200, {"UnprocessedItems": {}}

        async def main():
            async with NoteTable.batch(workers=3) as batch:
                batch.put(*[Note(topic="t", number=number) for number in range(150)])

        with canned(answer) as server:
            with NoteTable.bind(endpoint_url=server.url, credentials=CREDENTIALS, max_attempts=1):
                if send == "tasks":
                    asyncio.run(main())
                else:
                    with NoteTable.batch(workers=3) as batch:
                        batch.put(*[Note(topic="t", number=number) for number in range(150)])
            assert 6 == len(server.asked)


@both
def test_one_shard_fails(ask):
    """The error is that of the shard; no request goes on afterwards."""
    with embedded(NoteTable):
        Note(topic="t", number=1).create()
        with inject(NoteTable, Throttling(calls={5}, operations=["Query"])):
            with pytest.raises(RequestFailedError, match="throttled"):
                ask(Note.query(topic="t"))
        assert 1 == len(ask(Note.query(topic="t")))


def test_what_a_batch_of_tasks_leaves_is_in_the_error(monkeypatch):
    """The error has the operations that were not done, as from threads."""
    monkeypatch.setattr("singletable.requests.retry.full_jitter", lambda bound: 0)

    def answer(asked):
        left = [
            each for each in asked.params["RequestItems"]["notes"] if each["PutRequest"]["Item"]["SK"]["S"] == "000030"
        ]
        return 200, {"UnprocessedItems": {"notes": left} if left else {}}

    async def main():
        batch = NoteTable.batch(workers=2)
        batch.put(*[Note(topic="t", number=number) for number in range(60)])
        with pytest.raises(BatchIncompleteError) as caught:
            await batch.asend()
        assert [30] == [note.number for note in caught.value.unprocessed]
        assert [] == [note.number for note in caught.value.rest]

    with canned(answer) as server:
        with NoteTable.bind(endpoint_url=server.url, credentials=CREDENTIALS):
            monkeypatch.setattr("singletable.steps.Pause.aperform", _at_once)
            asyncio.run(main())


async def _at_once(pause):
    return None
