"""How much memory iterating over 100,000 items takes beyond what the process had at the start.

`python -m benchmarks.iterating URL` prints it in MB: the most that the process ever held (VmHWM) less what it
held after a first Query of a hundred items (VmRSS), both as Linux counts resident memory. The first page is within.
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path

from benchmarks.data import ITERATED, USER
from benchmarks.peers.with_singletable import FlatOrder, FlatTable, at, query


def main() -> None:
    """Measure."""
    url = sys.argv[1]
    at(url)
    # What the first request loads stays: the SDK, its descriptions, a connection, the generated code.
    query(FlatOrder)
    with FlatTable.bind(table_name="bench-pages", endpoint_url=url, credentials=("x", "x", None)):
        gc.collect()
        start = resident("VmRSS")
        count = sum(1 for _ in FlatOrder.query(user_id=USER))
    assert count == ITERATED, count
    print(resident("VmHWM") - start)


def resident(which: str) -> float:
    """Resident memory in MB, as /proc/self/status has it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{which}:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main()
