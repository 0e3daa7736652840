"""Three engines: moto in this process, and dynalite and MiniStack as servers that `singletable.engine` starts."""

from pathlib import Path

import pytest

from singletable.engine import fresh_table
from singletable.engine.programs import PROGRAMS
from tests.framework.app import AppTable
from tests.framework.ledger import LedgerTable

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    """Mark the tests of this folder, so that `make test` leaves them out."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.engines)


@pytest.fixture(params=["embedded", *PROGRAMS])
def engine(request):
    """Return the name of each engine. A server that cannot be started fails the test."""
    return request.param


@pytest.fixture
def app(engine):
    """The small table of accounts and events, empty, on each engine."""
    with fresh_table(AppTable, engine) as bound:
        yield bound


@pytest.fixture
def ledger(engine):
    """The table with everything that a write can change, empty, on each engine."""
    with fresh_table(LedgerTable, engine) as bound:
        yield bound
