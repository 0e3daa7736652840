"""The servers that singletable starts: the example of the page, the shop's demo, and the network interface."""

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from models import Category, ShopTable
from singletable.engine import server
from singletable.engine.programs import PROGRAMS
from singletable.errors import EngineUnavailableError
from tests.framework.ledger import LedgerTable

ROOT = Path(__file__).parents[2]


def test_the_pages_example_runs(capsys):
    """The example of docs/reference/engines.md runs as written."""
    page = (ROOT / "docs" / "reference" / "engines.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^## Start a local server\n(?:.*\n)*?```python\n((?:.*\n)*?)```", page, flags=re.MULTILINE)
    exec(example, {})
    assert capsys.readouterr().out.startswith("http://127.0.0.1:")


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_server_listens_on_loopback_only(name):
    """Servers do not answer on another address, although MiniStack listens on every interface by default."""
    with server(name, ShopTable) as at:
        Category(category_id="c", name="n").create()
        assert "n" == Category.get(category_id="c").name
        port = int(at.endpoint_url.rpartition(":")[2])
        with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
            # Another address of the loopback network; a server on every interface would answer.
            probe.connect(("127.0.0.2", port))


def test_ministack_does_not_delete_expired_items():
    """Tables on MiniStack have time to live off; otherwise it deletes expired items within 60 seconds."""
    with server("ministack", LedgerTable):
        client = LedgerTable._get_connection().connection.client
        described = client.describe_time_to_live(TableName="ledger")["TimeToLiveDescription"]
        assert "DISABLED" == described["TimeToLiveStatus"]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_version_that_does_not_exist(name, tmp_path, monkeypatch):
    """The error names the version and shows the installer's output."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(EngineUnavailableError, match=f"^{name} 99.0.0 could not be installed.*{name}"):
        with server(name, version="99.0.0"):
            pass


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_demo_runs(name):
    """Each access pattern of the demo gives the same answer as on the embedded engine."""
    code = "from singletable.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "demo", "--engine", name, "--rows", "0"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, True) == (done.returncode, "11 of 11 access patterns were run" in done.stdout), done.stderr
