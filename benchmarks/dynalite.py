"""`python -m benchmarks.dynalite URL`: a backfill on dynalite against a bare loop of the same conditional updates.

The loop has everything prepared: the items are read, the changes worked out, the requests made; as many threads send
them as the runner has. What the runner does besides (scan, lease, checkpoints) counts against it.
"""

from __future__ import annotations

import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.migrations import GRAPH
from benchmarks.models import BenchTable, orders
from singletable.migrations.options import Options
from singletable.migrations.runner import Runner
from singletable.migrations.writes import update_params
from singletable.models.binding import connection_of
from singletable.requests import TableConnection

ITEMS, ROUNDS, THREADS = 3_000, 3, 4


def main() -> None:
    """Measure, alternating, each time on a fresh table."""
    url = sys.argv[1]
    ratios = []
    for number in range(ROUNDS):
        speeds = [on_fresh_table(url, f"bench-{number}-{way.__name__}", way) for way in (bare_loop, backfill)]
        ratios.append(speeds[1] / speeds[0])
        print(f"bare loop {speeds[0]:,.0f} items a second, backfill {speeds[1]:,.0f}: {ratios[-1]:.2f}", flush=True)
    print(f"a backfill / a bare loop of the same updates, {THREADS} threads: {statistics.median(ratios):.2f}")


def on_fresh_table(url: str, name: str, way: Any) -> float:
    """Items a second of a way to write them."""
    with BenchTable.bind(table_name=name, endpoint_url=url, region="us-east-1", credentials=("x", "x", None)):
        connection = connection_of(BenchTable)
        Runner(connection, GRAPH).migrate("0001_initial")
        items = orders(ITEMS)
        for start in range(0, ITEMS, 25):
            requests = [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]
            connection.connection.dispatch("BatchWriteItem", {"RequestItems": {name: requests}})
        return float(way(connection, items))


def bare_loop(connection: TableConnection, items: list[dict[str, Any]]) -> float:
    """Prepared updates, sent by threads."""
    work = GRAPH.steps("0002_backfill")[0].compile()
    changes = [work.change(item) for item in items]
    prepared = [update_params(str(connection.table_name), change) for change in changes if change]
    assert len(prepared) == ITEMS
    start = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda params: connection.connection.dispatch("UpdateItem", params), prepared))
    return ITEMS / (time.perf_counter() - start)


def backfill(connection: TableConnection, items: list[dict[str, Any]]) -> float:
    """The runner, from its lease to its last checkpoint."""
    options = Options(segments=32, workers=THREADS, verify=False, write_mode="single")
    start = time.perf_counter()
    assert Runner(connection, GRAPH, options).migrate() == ["0002_backfill"]
    return ITEMS / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
