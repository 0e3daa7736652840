"""Several writers, every kind of write and faults at each HTTP attempt: no history has a finding."""

import os

import pytest
from hypothesis import strategies as st

from models import ShopTable
from singletable.testing import Simulator
from tests.framework.ledger import LedgerTable
from tests.framework.simulated import SimulatedTable

DEEP = os.environ.get("HYPOTHESIS_PROFILE") in ("deep", "random")
TIMES = 100 if DEEP else 1
"""The number of histories as a multiple of that in `make test`, which is 100."""

SIMULATORS = {
    Simulator(SimulatedTable): 12,
    Simulator(ShopTable, given={"Review": {"rating": st.integers(1, 5)}}): 8,
    Simulator(LedgerTable, given={"Task": {"points": st.integers(0, 999), "number": st.integers(0, 3)}}): 5,
}
"""The histories that each has in one part of `make test`."""

PARTS = 4
"""Each part is a test of its own, so that they run side by side."""


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("simulator", SIMULATORS, ids=lambda simulator: simulator.table.__name__)
def test_no_history_has_a_finding(simulator, part):
    """Acknowledged writes are applied as promised, errors are right about applied writes, and keys are right."""
    histories = SIMULATORS[simulator] * TIMES
    simulator.check(histories, seed=part * histories)
