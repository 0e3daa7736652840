"""Random writes by every path to the ledger and the shop, compared with a dictionary that has no keys."""

import os
from datetime import datetime, timezone
from typing import ClassVar

from hypothesis import settings
from hypothesis import strategies as st

import patterns
from models import ShopTable
from singletable.testing import TableMachine
from tests.framework.ledger import LedgerTable

DEEP = os.environ.get("HYPOTHESIS_PROFILE", "fast") != "fast"


class LedgerMachine(TableMachine, table=LedgerTable):
    """A table with numbers and conditions in keys, an expiry and a version."""

    given: ClassVar = {"Task": {"points": st.integers(0, 999), "number": st.integers(0, 3)}}


class ShopMachine(TableMachine, table=ShopTable):
    """Six entities and their unique claims. Orders have few months, because each month is a partition to read."""

    given: ClassVar = {
        "Order": {
            "placed_at": st.datetimes(datetime(2026, 1, 1), datetime(2026, 3, 31), timezones=st.just(timezone.utc))
        }
    }

    areas = patterns  # importing the module registers the access patterns


class LedgerOnALoop(LedgerMachine):
    """The machine of the ledger, through the asynchronous twins."""

    asynchronous = True


class LedgerOnMiniStack(LedgerMachine):
    """The machine of the ledger, on a server that implements transactions itself."""

    engine = "ministack"


class ShopOnMiniStack(ShopMachine):
    """The machine of the shop, on a server that implements transactions itself."""

    engine = "ministack"


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(max_examples=1000 if DEEP else 6, stateful_step_count=50 if DEEP else 25, deadline=None)
TestShop = ShopMachine.TestCase
TestShop.settings = settings(max_examples=1000 if DEEP else 6, stateful_step_count=50 if DEEP else 25, deadline=None)

TestLedgerOnALoop = LedgerOnALoop.TestCase
TestLedgerOnALoop.settings = TestLedger.settings

if DEEP:
    TestLedgerOnMiniStack = LedgerOnMiniStack.TestCase
    TestLedgerOnMiniStack.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
    TestShopOnMiniStack = ShopOnMiniStack.TestCase
    TestShopOnMiniStack.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
