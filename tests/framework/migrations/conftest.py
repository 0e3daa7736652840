"""The table on a server for several processes, and the history of `world` as scripts in a folder."""

import pytest

from singletable.migrations import Backfill, BackfillExpiry, CreateIndex
from singletable.migrations.writer import script_text, write_script
from tests.framework.migrations.world import BY_STATE, EXPIRY, ShelfTable, first


@pytest.fixture(scope="session")
def url():
    """The URL of the server."""
    pytest.importorskip("flask")
    from tests.framework.migrations.server import moto_server

    with moto_server() as served:
        yield served


@pytest.fixture
def served(url):
    """The shelf on the server, which the first migration of a test creates."""
    from tests.framework.migrations.server import on_server

    with on_server(url, ShelfTable):
        yield ShelfTable


@pytest.fixture
def scripts(tmp_path):
    """Two passes, with an index between them."""
    write_script(tmp_path, "0001_initial", script_text("0001_initial", [], first().operations))
    operations = [
        Backfill("TASK", *BY_STATE),
        CreateIndex("GSI1", "GSI1PK", "GSI1SK"),
        BackfillExpiry("TASK", "ttl", **EXPIRY),
    ]
    write_script(tmp_path, "0002_by_state", script_text("0002_by_state", ["0001_initial"], operations))
    return tmp_path
