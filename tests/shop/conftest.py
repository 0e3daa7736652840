"""The shop's table: a fresh one for each test, and one with the tutorial's sample for each module."""

import os
from pathlib import Path

import pytest

from models import ShopTable
from singletable.engine import embedded
from tests.samples import tutorial

NORTHWIND = Path(os.environ.get("NORTHWIND", Path(__file__).parents[3] / "shared" / "data" / "northwind"))


@pytest.fixture
def table():
    with embedded(ShopTable) as bound:
        yield bound


@pytest.fixture(scope="module")
def tutorial_table():
    """Return the loaded entities of the tutorial, in their table."""
    entities = list(tutorial.entities())
    with embedded(ShopTable):
        for _ in ShopTable.put_all(entities):
            pass
        yield entities


@pytest.fixture(scope="module")
def northwind_table():
    """Return the loaded entities of Northwind, in their table; skip if the files do not exist."""
    if not NORTHWIND.is_dir():
        pytest.skip(f"{NORTHWIND} is not there")
    from tests.samples import northwind

    entities = list(northwind.entities(NORTHWIND))
    with embedded(ShopTable):
        for _ in ShopTable.put_all(entities):
            pass
        yield entities
