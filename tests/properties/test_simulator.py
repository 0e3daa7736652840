"""Several writers, every kind of write and faults in each HTTP attempt: no history has a finding."""

import os

import pytest
from hypothesis import strategies as st

from models import ShopTable
from singletable.testing import Simulator
from tests.framework.ledger import LedgerTable
from tests.framework.simulated import SimulatedTable

DEEP = os.environ.get("HYPOTHESIS_PROFILE") in ("deep", "random")
TIMES = 100 if DEEP else 1
"""The number of histories, as a multiple of the 100 of `make test`."""

SIMULATORS = {
    Simulator(SimulatedTable): 12,
    Simulator(ShopTable, given={"Review": {"rating": st.integers(1, 5)}}): 8,
    Simulator(LedgerTable, given={"Task": {"points": st.integers(0, 999), "number": st.integers(0, 3)}}): 5,
}
"""The number of histories of each part in `make test`."""

PARTS = 4
"""The parts: each is a test, so that they run in parallel."""


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("simulator", SIMULATORS, ids=lambda simulator: simulator.table.__name__)
def test_no_history_has_a_finding(simulator, part):
    """Acknowledged writes are applied as promised, errors report applied writes correctly, and keys are fresh."""
    histories = SIMULATORS[simulator] * TIMES
    simulator.check(histories, seed=part * histories)
