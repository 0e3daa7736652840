"""Streams are read with the same results on moto and MiniStack; dynalite does not have streams."""

import pytest

from models import Category, Product, ShopTable
from singletable.engine import fresh_table
from singletable.errors import StreamMissingError
from singletable.streams import StreamRouter, run_stream


@pytest.fixture
def shop(engine):
    """The shop's table, whose stream has both images."""
    with fresh_table(ShopTable, engine) as bound:
        yield bound


def test_each_change_reaches_the_handlers_in_order(shop, engine):
    """Every kind of write reaches the handlers with both images; a table without a stream is an error."""
    router, seen = StreamRouter(ShopTable), []

    @router.on(ShopTable, "INSERT", "MODIFY", "REMOVE", name="note", idempotent=True)
    def note(change):
        old = None if change.event == "INSERT" else change.old
        new = None if change.event == "REMOVE" else change.new
        seen.append((change.event, type(new or old), *(each and each.name for each in (old, new))))

    category = Category(category_id="c", name="first")
    category.create()
    category.update(name="second")
    if engine == "dynalite":
        with pytest.raises(StreamMissingError, match="has no stream"):
            run_stream(router, idle=0)
        return
    with ShopTable.transaction() as transaction:
        transaction.create(Product(product_id="p", name="product", category_id="c", price=1))
        transaction.delete(category)
    run_stream(router, idle=0)
    # The writes of one transaction have no order.
    assert [("INSERT", Category, None, "first"), ("MODIFY", Category, "first", "second")] == seen[:2]
    assert {("INSERT", Product, None, "product"), ("REMOVE", Category, "second", None)} == set(seen[2:])
