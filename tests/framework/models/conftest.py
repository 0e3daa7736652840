"""The ledger's table, fresh for each test."""

import pytest

from singletable.engine import embedded
from singletable.requests import retry
from singletable.testing.invariants import check_fresh
from tests.framework.ledger import LedgerTable


@pytest.fixture
def ledger(monkeypatch):
    """Without pauses; in the end every item of it is fresh, too."""
    monkeypatch.setattr(retry.time, "sleep", lambda seconds: None)
    with embedded(LedgerTable) as bound:
        yield bound
        check_fresh(bound)
