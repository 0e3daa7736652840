"""Every access pattern on real data, with apostrophes, accents, spaces and empty fields."""

from collections import Counter

import pytest

import patterns as _registered  # noqa: F401
from models import ShopTable
from singletable.patterns import patterns_of
from tests.shop.asking import disagreements


@pytest.mark.parametrize("pattern", patterns_of(ShopTable), ids=lambda pattern: pattern.name)
def test_each_pattern(pattern, northwind_table):
    """With arguments drawn from the data, each result is the one that follows from the entities."""
    assert {None} == set(disagreements(pattern, northwind_table))


def test_it_is_whole(northwind_table):
    """830 orders, 2,155 lines, 77 products, 93 customers, 8 categories; all of them are read back."""
    counts = Counter(type(entity).__name__ for entity in northwind_table)
    assert {"Order": 830, "OrderItem": 2155, "Product": 77, "User": 93, "EmailClaim": 93, "Category": 8} == counts
    assert counts.total() == len(ShopTable.scan().all())
