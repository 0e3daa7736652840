"""Random writes by every path, on the ledger and on the shop, against a dictionary that never looks at a key."""

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
    """Numbers and conditions in keys, an expiry, a version."""

    given: ClassVar = {"Task": {"points": st.integers(0, 999), "number": st.integers(0, 3)}}


class ShopMachine(TableMachine, table=ShopTable):
    """Six entities and what claims them. Orders of a few months, since each month is a partition to visit."""

    given: ClassVar = {
        "Order": {
            "placed_at": st.datetimes(datetime(2026, 1, 1), datetime(2026, 3, 31), timezones=st.just(timezone.utc))
        }
    }

    areas = patterns  # imported, the access patterns are registered


class LedgerOnMiniStack(LedgerMachine):
    """The histories of the ledger, on a server with transactions of its own."""

    engine = "ministack"


class ShopOnMiniStack(ShopMachine):
    """The histories of the shop, on a server with transactions of its own."""

    engine = "ministack"


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(max_examples=1000 if DEEP else 6, stateful_step_count=50 if DEEP else 25, deadline=None)
TestShop = ShopMachine.TestCase
TestShop.settings = settings(max_examples=1000 if DEEP else 6, stateful_step_count=50 if DEEP else 25, deadline=None)

if DEEP:
    TestLedgerOnMiniStack = LedgerOnMiniStack.TestCase
    TestLedgerOnMiniStack.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
    TestShopOnMiniStack = ShopOnMiniStack.TestCase
    TestShopOnMiniStack.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
