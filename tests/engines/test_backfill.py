"""A backfill of many items on a server, by a process that is killed twice and resumed."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from singletable.engine import server
from singletable.engine.programs import PROGRAMS
from singletable.migrations.clock import Clock
from singletable.migrations.live_table import LiveTable
from singletable.migrations.run_options import Options
from singletable.migrations.runner import Runner
from singletable.migrations.throttle import Throttle
from singletable.migrations.verifier import verify
from singletable.models.binding.binding import connection_of
from tests.engines.backfill_process import CREDENTIALS, history
from tests.framework.migrations.world import ShelfTable, old_item, plain

ROOT = Path(__file__).parents[2]
ITEMS = int(os.environ.get("SINGLETABLE_BACKFILL_ITEMS", "3000"))
TABLE = "shelf-backfill"


def load(connection, items):
    """Store items with four threads, 25 per request."""

    def put(start):
        requests = [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]
        connection.connection.dispatch("BatchWriteItem", {"RequestItems": {TABLE: requests}})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(put, range(0, len(items), 25)))


def run_until(url, enough):
    """Run a migration until it has written a number of items, or to its end; return the number of written items."""
    command = [sys.executable, "-m", "tests.engines.backfill_process", url, TABLE]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"}
    written = 0
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            phase, *counts = line.split()
            if phase == "applied":
                break
            written = int(counts[0])
            if phase == "backfill" and written >= enough:
                process.kill()
                break
        process.wait()
    return process.returncode, written


def scan(connection):
    """Yield every stored task."""
    start = {}
    while True:
        answer = connection.connection.dispatch("Scan", {"TableName": TABLE, "ConsistentRead": True, **start})
        yield from (item for item in answer["Items"] if item["entityType"] == {"S": "TASK"})
        if "LastEvaluatedKey" not in answer:
            return
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


@pytest.mark.parametrize("name", PROGRAMS)
def test_killed_twice_and_resumed(name, capsys):
    """No item is skipped, wrong or lost; only items of the interrupted pages are read again."""
    with (
        server(name) as at,
        ShelfTable.bind(table_name=TABLE, endpoint_url=at.endpoint_url, credentials=CREDENTIALS),
    ):
        connection = connection_of(ShelfTable)
        Runner(connection, history(), Options(segments=64)).migrate("0001_initial")
        items = [old_item(number) for number in range(ITEMS)]
        load(connection, items)
        start = time.monotonic()
        killed = [run_until(at.endpoint_url, ITEMS * part // 3)[0] for part in (1, 2)]
        code, _ = run_until(at.endpoint_url, ITEMS * 2)
        seconds = time.monotonic() - start
        assert ([-9, -9], 0) == (killed, code)
        expected = {item["PK"]["S"]: item for item in items}
        found = 0
        for item in scan(connection):
            found += 1
            assert expected[item["PK"]["S"]] == plain(item)
        report = verify(LiveTable(connection), history().state, Throttle(Clock()), indexes=False)
        assert (ITEMS, True) == (found, report.right)
        assert ITEMS == report.items["TASK"]
    with capsys.disabled():
        print(
            f"\n{ITEMS:,} items on {name} backfilled in {seconds:.0f} s with two kills, verified:"
            f" {ITEMS / seconds:.0f} a second"
        )
