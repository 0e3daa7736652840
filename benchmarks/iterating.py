"""The memory of iterating over 100,000 items, above the memory of the process at the start.

`python -m benchmarks.iterating URL` prints it in MB: the peak resident memory of the process (VmHWM of Linux) minus its
resident memory after a first Query of a hundred items (VmRSS). The first page is included.
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path

from benchmarks.data import ITERATED, USER
from benchmarks.peers.with_singletable import FlatOrder, FlatTable, at, query


def main() -> None:
    """Measure, and print the result."""
    url = sys.argv[1]
    at(url)
    # The first request loads the SDK, its descriptions, a connection and the generated code, which stay.
    query(FlatOrder)
    with FlatTable.bind(table_name="bench-pages", endpoint_url=url, credentials=("x", "x", None)):
        gc.collect()
        start = resident("VmRSS")
        count = sum(1 for _ in FlatOrder.query(user_id=USER))
    assert count == ITERATED, count
    print(resident("VmHWM") - start)


def resident(which: str) -> float:
    """Return a value of resident memory from /proc/self/status, in MB."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{which}:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main()
