"""The ledger's table, empty for each test."""

import pytest

from singletable.engine import embedded
from singletable.requests import retry
from singletable.testing.invariants import check_fresh
from tests.framework.ledger import LedgerTable


@pytest.fixture
def ledger(monkeypatch):
    """Give the table without pauses; assert after the test that every item is fresh."""
    monkeypatch.setattr(retry.time, "sleep", lambda seconds: None)
    with embedded(LedgerTable) as bound:
        yield bound
        check_fresh(bound)
