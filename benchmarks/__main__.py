"""`make bench`: what a key, a query and a backfill cost the client, as ratios against what they replace.

CPU time of the calling thread, of the process for a backfill, the medians of several alternating rounds in one run.
With `--memory` also the memory that a backfill of a million items takes: some minutes more.
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version

from benchmarks.canned import serving
from benchmarks.migrations import memory, speeds
from benchmarks.models import BenchTable, Order, plain_model, query_answer

ROUNDS = 15


def ratio(ours: Callable[[], object], theirs: Callable[[], object], calls: int) -> tuple[float, float, float]:
    """Median CPU seconds a call, ours and theirs, and the median of the ratios round by round."""
    mine, others = [], []
    for _ in range(ROUNDS + 1):
        for function, times in ((ours, mine), (theirs, others)):
            start = time.thread_time()
            for _ in range(calls):
                function()
            times.append((time.thread_time() - start) / calls)
    # The first round warms up.
    pairs = list(zip(mine[1:], others[1:], strict=True))
    return (
        statistics.median(mine[1:]),
        statistics.median(others[1:]),
        statistics.median(one / other for one, other in pairs),
    )


def main() -> None:
    """Measure, and print one line a comparison; the same as JSON with `--json`."""
    results = {}
    user_id, order_id = "user-0001", "order-00042"
    build = Order.key.composite.build
    results["build a key of two fields / the f-string"] = ratio(
        lambda: build({"user_id": user_id, "order_id": order_id}),
        lambda: (f"USER#{user_id}", f"ORDER#{order_id}"),
        20_000,
    )
    with (
        serving(query_answer(100)) as url,
        BenchTable.bind(endpoint_url=url, region="us-east-1", credentials=("x", "x", None)),
    ):
        plain = plain_model(url)
        assert len(Order.query(user_id="u1").all()) == len(list(plain.query("USER#u1"))) == 100
        results["Query of 100 items x 20 attributes / plain PynamoDB"] = ratio(
            lambda: Order.query(user_id="u1").all(),
            lambda: list(plain.query("USER#u1", plain.sk.startswith("ORDER#"))),
            10,
        )
    backfills = {f"backfill by {name} / a loop of plain PynamoDB": each for name, each in speeds().items()}
    sizes = (10_000, 1_000_000) if "--memory" in sys.argv[1:] else (10_000, 50_000)
    memories = {f"{items:,} items": memory(items) for items in sizes}
    versions = {name: version(name) for name in ("pynamodb", "botocore", "singletable")}
    if "--json" in sys.argv[1:]:
        figures = {"results": results, "items_per_cpu_second": backfills, "memory_mb": memories}
        print(json.dumps({"python": platform.python_version(), **versions, **figures}, indent=2))
        return
    print(f"Python {platform.python_version()}, {platform.machine()}, {versions}")
    for name, (ours, theirs, times) in results.items():
        print(f"{name}: {times:.2f} times the CPU ({ours * 1e6:,.1f} us against {theirs * 1e6:,.1f} us)")
    for name, (ours, theirs, times) in backfills.items():
        print(f"{name}: {times:.2f} times the items a CPU second ({ours:,.0f} against {theirs:,.0f})")
    print("the most memory of a backfill: " + ", ".join(f"{size:.0f} MB for {name}" for name, size in memories.items()))


if __name__ == "__main__":
    main()
