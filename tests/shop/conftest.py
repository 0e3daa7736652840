"""The shop's table, fresh for each test; and once for a module, with the tutorial's sample in it."""

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
    """The loaded entities, in their table."""
    entities = list(tutorial.entities())
    with embedded(ShopTable):
        for _ in ShopTable.put_all(entities):
            pass
        yield entities


@pytest.fixture(scope="module")
def northwind_table():
    """The loaded entities of Northwind, in their table; skipped where the files are not there."""
    if not NORTHWIND.is_dir():
        pytest.skip(f"{NORTHWIND} is not there")
    from tests.samples import northwind

    entities = list(northwind.entities(NORTHWIND))
    with embedded(ShopTable):
        for _ in ShopTable.put_all(entities):
            pass
        yield entities
