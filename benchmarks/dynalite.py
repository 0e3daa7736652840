"""`python -m benchmarks.dynalite URL`: a backfill on dynalite, compared with loops of the same conditional updates.

Two loops have as many threads as the runner. One scans the table, computes the changes and sends them, without
segments, checkpoints, lease, throttle or retries. The other only sends prepared requests.
"""

from __future__ import annotations

import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.migrations import GRAPH, orders
from benchmarks.peers.with_singletable import FlatTable
from singletable.migrations.item_writer import update_params
from singletable.migrations.run_options import Options
from singletable.migrations.runner import Runner
from singletable.models.binding.binding import connection_of
from singletable.requests import TableConnection

ITEMS, ROUNDS, THREADS = 3_000, 3, 4


def main() -> None:
    """Measure in turn, each time with a new table."""
    url = sys.argv[1]
    ratios: dict[str, list[float]] = {"bare loop": [], "prepared requests": []}
    for number in range(ROUNDS):
        ours, bare, prepared = (
            on_fresh_table(url, f"bench-{number}-{way.__name__}", way)
            for way in (backfill, bare_loop, prepared_requests)
        )
        ratios["bare loop"].append(ours / bare)
        ratios["prepared requests"].append(ours / prepared)
        print(
            f"items a second: backfill {ours:,.0f}, bare loop {bare:,.0f}, prepared requests {prepared:,.0f}",
            flush=True,
        )
    for name, each in ratios.items():
        print(f"a backfill / a {name}, {THREADS} threads: {statistics.median(each):.2f}")


def on_fresh_table(url: str, name: str, way: Any) -> float:
    """Return the items per second of a way of writing."""
    with FlatTable.bind(table_name=name, endpoint_url=url, region="us-east-1", credentials=("x", "x", None)):
        connection = connection_of(FlatTable)
        Runner(connection, GRAPH).migrate("0001_initial")
        items = orders(ITEMS)
        for start in range(0, ITEMS, 25):
            requests = [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]
            connection.connection.dispatch("BatchWriteItem", {"RequestItems": {name: requests}})
        speed = float(way(connection, items))
        connection.connection.dispatch("DeleteTable", {"TableName": name})
        return speed


def bare_loop(connection: TableConnection, items: list[dict[str, Any]]) -> float:
    """Scan in pages, and send the same updates in threads."""
    work = GRAPH.steps("0002_backfill")[0].compile()
    name = str(connection.table_name)

    def write(item: dict[str, Any]) -> int:
        change = work.change(item)
        if change is not None:
            connection.connection.dispatch("UpdateItem", update_params(name, change))
        return change is not None

    start, written, more = time.perf_counter(), 0, {}
    with ThreadPoolExecutor(THREADS) as pool:
        while True:
            page = connection.connection.dispatch("Scan", {"TableName": name, "Limit": 250, **more})
            written += sum(pool.map(write, page["Items"]))
            if "LastEvaluatedKey" not in page:
                break
            more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert written == ITEMS
    return ITEMS / (time.perf_counter() - start)


def prepared_requests(connection: TableConnection, items: list[dict[str, Any]]) -> float:
    """Send prepared requests in threads."""
    work = GRAPH.steps("0002_backfill")[0].compile()
    changes = [work.change(item) for item in items]
    prepared = [update_params(str(connection.table_name), change) for change in changes if change]
    assert len(prepared) == ITEMS
    start = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda params: connection.connection.dispatch("UpdateItem", params), prepared))
    return ITEMS / (time.perf_counter() - start)


def backfill(connection: TableConnection, items: list[dict[str, Any]]) -> float:
    """Run the migration, from its lease to its last checkpoint."""
    options = Options(segments=32, workers=THREADS, verify=False, write_mode="single")
    start = time.perf_counter()
    assert Runner(connection, GRAPH, options).migrate() == ["0002_backfill"]
    return ITEMS / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
