"""`make bench`: the client's cost of singletable, compared with the code that it replaces and with its targets.

It writes `results.json`, `results.svg` and the figures of the page into `docs/benchmarks`. It does not assert times,
but it asserts that all peers do the same work.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks import comparisons
from benchmarks.canned import serving
from benchmarks.imports import imports
from benchmarks.migrations import backfills, memories
from benchmarks.profiling import profile
from benchmarks.report import make_console, show, write_page
from benchmarks.results import Row
from benchmarks.rounds import PEERS_PYTHON, ROOT, has_library, machine

PAGES = ROOT / "docs" / "benchmarks"


def main() -> None:
    """Measure everything, print the results, and write them."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=...", description="Measure the cost of singletable.")
    parser.add_argument("--rounds", type=int, default=15, help="odd number of rounds; 9 or more for figures to publish")
    parser.add_argument("--memory", action="store_true", help="also backfill a million items, which takes two minutes")
    parser.add_argument(
        "--profile",
        action="store_true",
        help="only print the CPU profile of a Query of 100 items, and write profile.txt",
    )
    parser.add_argument("--dry-run", action="store_true", help="print the results without writing files")
    options = parser.parse_args()
    if options.rounds < 3:
        parser.error("quartiles need three rounds")
    console = make_console()
    if options.profile:
        console.record = True
        profile(console)
        if not options.dry_run:
            text = "\n".join(map(str.rstrip, console.export_text().splitlines()))
            (PAGES / "profile.txt").write_text(text.strip() + "\n", encoding="utf-8")
        return
    found_on = machine()
    versions: dict[str, str] = {"python": platform.python_version()}
    rows = []
    with console.status("Measuring ...") as status:
        for row in measure(options.rounds, versions, large=options.memory):
            rows.append(row)
            status.update(f"Measuring: {row.group}, {row.what} done ...")
    results = {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "machine": found_on,
        "versions": versions,
        "rows": [row.as_json() for row in rows],
    }
    show(results, console)
    if not options.dry_run:
        write(results)


def measure(rounds: int, versions: dict[str, str], *, large: bool) -> Iterator[Row]:
    """Yield the rows while they are measured; add the versions of the peers' libraries to `versions`."""
    with serving() as url:
        with comparisons.Peers(url) as peers:
            versions.update(peers.versions)
            peers.check()
            yield from comparisons.queries(peers, rounds)
            yield from comparisons.writes(peers, rounds)
            yield from comparisons.keys(peers, rounds)
        yield comparisons.iterating(url)
    yield from imports(rounds)
    yield from backfills()
    yield from memories((10_000, 1_000_000) if large else (10_000, 50_000))


def write(results: dict[str, Any], folder: Path = PAGES) -> None:
    """Write the figures, the page's table, and, if matplotlib is installed, the chart."""
    written = folder / "results.json"
    written.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    write_page(results, folder / "README.md")
    if has_library(PEERS_PYTHON, "matplotlib"):
        command = [str(PEERS_PYTHON), "-m", "benchmarks.chart", str(written), str(folder / "results.svg")]
        subprocess.run(command, check=True, cwd=ROOT)
    else:
        print("The chart was not drawn, because matplotlib is not installed; results.svg is older than results.json.")


if __name__ == "__main__":
    main()
