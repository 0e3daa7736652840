"""Two engines: moto in this process, and dynalite, a server that npm installs beside the packages of Python."""

import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from singletable.engine import embedded
from singletable.models.targets import TableSender
from tests.framework.app import AppTable
from tests.framework.ledger import LedgerTable

HERE = Path(__file__).parent
FOLDER = Path(sys.prefix) / "dynalite"
COMMAND = FOLDER / "node_modules" / ".bin" / "dynalite"
SETTINGS = ("--createTableMs", "0", "--deleteTableMs", "0", "--updateTableMs", "0")
CREDENTIALS = ("dynalite", "dynalite", None)
PATIENCE = 30
"""Seconds until a server that does not answer is given up."""

_numbers = count(1)


def pytest_collection_modifyitems(items):
    """Mark what is in this folder, so that `make test` leaves it out."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.engines)


@pytest.fixture(scope="session")
def dynalite():
    """The URL of dynalite, which is installed on first use, started for the session and stopped in its end."""
    _install()
    port = _free_port()
    command = [str(COMMAND), "--host", "127.0.0.1", "--port", str(port), *SETTINGS]
    environment = {**os.environ, "NODE_OPTIONS": f"--require {HERE / 'survive.js'}"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait(server, port)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            try:
                server.wait(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                server.kill()


@pytest.fixture(params=["embedded", "dynalite"])
def engine(request):
    """How a table class comes to be on an engine: a function that returns a block."""
    if request.param == "embedded":
        return embedded
    return on_dynalite(request.getfixturevalue("dynalite"))


@pytest.fixture
def app(engine):
    """The small table of accounts and events, fresh, on each engine."""
    with engine(AppTable) as bound:
        yield bound


@pytest.fixture
def ledger(engine):
    """The table with everything that a write can touch, fresh, on each engine."""
    with engine(LedgerTable) as bound:
        yield bound


def on_dynalite(url):
    """What `embedded` is for moto: a block with a fresh table of its own."""

    @contextmanager
    def block(table):
        name = f"{table.Meta.table_name}-{next(_numbers)}"
        with table.bind(table_name=name, endpoint_url=url, credentials=CREDENTIALS):
            # dynalite has no time to live. It has the table at once, where PynamoDB would wait for two seconds.
            table.create_table(wait=False, ignore_update_ttl_errors=True)
            _wait_for_table(table)
            yield table
            table.delete_table()

    return block


def _install():
    if COMMAND.exists():
        return
    if sys.prefix == sys.base_prefix:
        pytest.skip("dynalite is installed in a virtual environment's folder, and this is none")
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed, which would install dynalite")
    FOLDER.mkdir(exist_ok=True)
    command = [npm, "install", "--loglevel=error", "--no-audit", "--no-fund", "--prefix", str(FOLDER), "dynalite@4"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not COMMAND.exists():
        said = " ".join((done.stderr or done.stdout).split())[:300]
        pytest.skip(f"npm could not install dynalite (exit {done.returncode}): {said}")


def _wait_for_table(table):
    sender = TableSender(table)
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if sender.send("DescribeTable", {"TableName": sender.table_name})["Table"]["TableStatus"] == "ACTIVE":
            return
        time.sleep(0.01)
    pytest.fail(f"{sender.table_name!r} is not active after {PATIENCE} seconds")


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait(server, port):
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if server.poll() is not None:
            pytest.fail(f"dynalite stopped before it answered (exit {server.returncode})")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"dynalite did not answer within {PATIENCE} seconds")
