"""The client's cost of a backfill, compared with a simple loop, and the memory of a backfill."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from pynamodb.attributes import DiscriminatorAttribute, UnicodeAttribute

from benchmarks.data import stored
from benchmarks.peers.with_pynamodb import FlatOrder, Server
from benchmarks.peers.with_singletable import FlatTable
from benchmarks.results import Row, compare
from benchmarks.rounds import alternate
from benchmarks.scripted import serving_pages
from singletable.migrations import AddEntity, Backfill, CreateTable, DateTime, Graph, KeyText, Migration, Script, Text
from singletable.migrations.run_options import Options
from singletable.migrations.runner import Runner
from singletable.models.binding.binding import connection_of
from singletable.requests.connection import TableConnection

ROUNDS = 5
SEGMENTS, PAGES, PAGE = 4, 2, 250
ITEMS = SEGMENTS * PAGES * PAGE

LARGE_PAGE = 1000
"""The number of items of a page for measuring memory; DynamoDB's page of 1 MB has about as many of them."""

_KEY = (
    KeyText("PK", "USER#{user_id}", user_id=Text("userId")),
    KeyText("SK", "ORDER#{order_id}", order_id=Text("orderId"), sort=True),
)
_SOURCES = {"text": Text("text_0"), "created_at": DateTime("createdAt")}
_INDEX = (
    KeyText("GSI1PK", "TEXT#{text}", **_SOURCES),
    KeyText("GSI1SK", "{created_at}", **_SOURCES, sort=True),
)
GRAPH = Graph(
    [
        Script("0001_initial", Migration([], [CreateTable("PK", "SK"), AddEntity("ORDER", *_KEY)])),
        Script("0002_backfill", Migration(["0001_initial"], [Backfill("ORDER", *_INDEX)])),
    ]
)


class Indexed(FlatOrder, discriminator="ORDER"):
    """The plain model with the keys that the backfill sets."""

    entity_type = DiscriminatorAttribute(attr_name="entityType")
    gsi1pk = UnicodeAttribute(attr_name="GSI1PK", null=True)
    gsi1sk = UnicodeAttribute(attr_name="GSI1SK", null=True)


def backfills() -> Iterator[Row]:
    """Measure the items per CPU second of a backfill and of the plain loop.

    Both run in one thread, because threads that wait for the interpreter lock take a tenth more CPU on two cores.
    """
    page = orders(PAGE)
    with serving_pages(page, SEGMENTS * PAGES) as plain, serving_pages(page, PAGES) as url, bound(url) as connection:
        Server.host = plain

        def speed(way: Callable[[], object]) -> float:
            start = time.process_time()
            way()
            return ITEMS / (time.process_time() - start)

        ways: dict[str, Callable[[], object]] = {
            "loop": lambda: plain_loop(Indexed),
            "by statements": lambda: backfill(connection, workers=1, write_mode="statements"),
            "one by one": lambda: backfill(connection, workers=1, write_mode="single"),
        }
        measured = alternate({name: partial(speed, way) for name, way in ways.items()}, ROUNDS)
    loop = measured.pop("loop")
    for name, speeds in measured.items():
        yield compare((f"Backfill {ITEMS:,} items", name, "PynamoDB's loop"), speeds, loop, unit="items/s")


def memories(sizes: tuple[int, ...]) -> Iterator[Row]:
    """Measure the peak memory of a process that backfills numbers of items."""
    for items in sizes:
        yield Row(
            f"Backfill {items:,} items", "peak memory of the process", "", unit="MB", ours=memory(items), rounds=1
        )


def orders(count: int) -> list[Any]:
    """Return items in stored form."""
    return [stored("flat", number) for number in range(count)]


def plain_loop(model: Any) -> None:
    """Backfill with a loop of plain PynamoDB."""
    count = 0
    for item in model.scan():
        item.update(
            actions=[
                model.gsi1pk.set(f"TEXT#{item.text_0}"),
                model.gsi1sk.set(item.created_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")),
            ]
        )
        count += 1
    assert count == ITEMS


def backfill(connection: TableConnection, segments: int = SEGMENTS, **options: Any) -> dict[str, int]:
    """Backfill by the runner, from its lease to its last checkpoint; return its counts."""
    connection.connection.dispatch("DeleteTable", {"TableName": "bench"})
    counts: dict[str, int] = {}
    # The server's items never change, so verifying would report that they lack their keys.
    settings = Options(segments=segments, verify=False, **options)
    runner = Runner(connection, GRAPH, settings, progress=lambda progress: counts.update(progress.counts))
    # The table must be empty until its first migration is recorded.
    assert runner.migrate("0001_initial") == ["0001_initial"]
    assert runner.migrate() == ["0002_backfill"]
    return counts


@contextmanager
def bound(url: str) -> Iterator[TableConnection]:
    """Bind the model to a server for a block."""
    with FlatTable.bind(table_name="bench", endpoint_url=url, region="us-east-1", credentials=("x", "x", None)):
        yield connection_of(FlatTable)


def memory(items: int) -> float:
    """Return the peak memory in MB of a process that backfills a number of items."""
    command = [sys.executable, "-m", "benchmarks.migrations", str(items)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Backfill a number of items, of which one in twenty lacks its keys, and print the peak memory of the process."""
    items = int(sys.argv[1])
    page = orders(LARGE_PAGE)
    for number, item in enumerate(page):
        if number % 20:
            item["GSI1PK"], item["GSI1SK"] = (each.derive(item) for each in _INDEX)
    with serving_pages(page, items // LARGE_PAGE // 2) as url, bound(url) as connection:
        counts = backfill(connection, segments=2, workers=2, page_size=LARGE_PAGE, write_mode="statements")
    assert counts["scanned"] == counts["already"] + counts["written"] == items
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    main()
