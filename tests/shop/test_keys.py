"""Properties of the shop's keys."""

from hypothesis import strategies as st

from models import ShopTable
from singletable.testing import key_invariants

test_keys = key_invariants(ShopTable, Review={"rating": st.integers(1, 5)})
