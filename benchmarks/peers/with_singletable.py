"""singletable: declared keys, which are derived from the attributes.

`python -m benchmarks.peers.with_singletable URL` follows `protocol`.
"""

from __future__ import annotations

import sys
from functools import partial
from itertools import repeat
from typing import Any

from pynamodb.attributes import (
    BooleanAttribute,
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
    UTCDateTimeAttribute,
)
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from benchmarks.data import MIXES, ORDER, SAVED, USER, proof_of_instances, proof_of_written, values
from benchmarks.peers.protocol import repeated, serve
from singletable import Key, Table


class FlatTable(Table):
    class Meta:
        table_name = "bench-flat"


class FlatOrder(FlatTable, discriminator="ORDER"):
    user_id = UnicodeAttribute(attr_name="userId")
    order_id = UnicodeAttribute(attr_name="orderId")
    created_at = UTCDateTimeAttribute(attr_name="createdAt")
    updated_at = UTCDateTimeAttribute(attr_name="updatedAt")
    text_0 = UnicodeAttribute()
    text_1 = UnicodeAttribute()
    text_2 = UnicodeAttribute()
    text_3 = UnicodeAttribute()
    text_4 = UnicodeAttribute()
    text_5 = UnicodeAttribute()
    text_6 = UnicodeAttribute()
    text_7 = UnicodeAttribute()
    number_0 = NumberAttribute()
    number_1 = NumberAttribute()
    number_2 = NumberAttribute()
    number_3 = NumberAttribute()
    number_4 = NumberAttribute()
    flag_0 = BooleanAttribute()
    flag_1 = BooleanAttribute()
    flag_2 = BooleanAttribute()

    key = Key(pk="USER#{user_id}", sk="ORDER#{order_id}")


class GSI1(GlobalSecondaryIndex):
    class Meta:
        index_name = "GSI1"
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="GSI1PK")
    sk = UnicodeAttribute(range_key=True, attr_name="GSI1SK")


class OrderTable(Table):
    class Meta:
        table_name = "bench-order"

    gsi1 = GSI1()


class Address(MapAttribute):
    name = UnicodeAttribute()
    street = UnicodeAttribute()
    city = UnicodeAttribute()
    postcode = UnicodeAttribute()
    country = UnicodeAttribute()


class Line(MapAttribute):
    sku = UnicodeAttribute()
    title = UnicodeAttribute()
    quantity = NumberAttribute()
    price = NumberAttribute()


class Order(OrderTable, discriminator="ORDER"):
    user_id = UnicodeAttribute(attr_name="userId")
    order_id = UnicodeAttribute(attr_name="orderId")
    created_at = UTCDateTimeAttribute(attr_name="createdAt")
    updated_at = UTCDateTimeAttribute(attr_name="updatedAt")
    status = UnicodeAttribute()
    currency = UnicodeAttribute()
    channel = UnicodeAttribute()
    customer_name = UnicodeAttribute()
    email = UnicodeAttribute()
    note = UnicodeAttribute()
    total = NumberAttribute()
    shipping = NumberAttribute()
    item_count = NumberAttribute()
    paid = BooleanAttribute()
    gift = BooleanAttribute()
    tags = UnicodeSetAttribute()
    coupons = ListAttribute(of=UnicodeAttribute)
    address = Address()
    lines = ListAttribute(of=Line)
    metadata = MapAttribute()

    key = Key(pk="USER#{user_id}", sk="ORDER#{order_id}")
    by_status = Key(index=GSI1, pk="STATUS#{status}", sk="ORDER#{created_at}")


def query(model: Any) -> list[Any]:
    """Query a hundred items."""
    return model.query(user_id=USER).all()


def get(model: Any) -> Any:
    """Get an item by its key."""
    return model.get(user_id=USER, order_id=ORDER)


def flat(given: dict[str, Any]) -> FlatOrder:
    """Return a new item."""
    return FlatOrder(**given)


def order(given: dict[str, Any]) -> Order:
    """Return a new item with its maps."""
    return Order(**given | {"address": Address(**given["address"]), "lines": [Line(**each) for each in given["lines"]]})


def build(count: int) -> None:
    """Build the texts of a key of two fields from values by name."""
    user_id, order_id = USER, ORDER
    build = FlatOrder.key.composite.build
    for _ in repeat(None, count):
        build({"user_id": user_id, "order_id": order_id})


def build_public(count: int) -> None:
    """Build the texts by the documented method."""
    user_id, order_id = USER, ORDER
    for _ in repeat(None, count):
        FlatOrder.key.build(user_id=user_id, order_id=order_id)


def fstrings(count: int) -> None:
    """Build the texts with f-strings, in the same process, so that only the work differs."""
    user_id, order_id = USER, ORDER
    for _ in repeat(None, count):
        (f"USER#{user_id}", f"ORDER#{order_id}")  # noqa: B018 - building the texts is measured


MODELS: dict[str, Any] = {"flat": FlatOrder, "order": Order}
MAKE: dict[str, Any] = {"flat": flat, "order": order}


def at(url: str) -> None:
    """Bind both tables to a server."""
    for table in (FlatTable, OrderTable):
        table.bind(endpoint_url=url, region="us-east-1", credentials=("x", "x", None))


def main() -> None:
    """Run the peer."""
    at(sys.argv[1])
    tasks = {"build": build, "build-public": build_public, "fstrings": fstrings}
    proofs = {}
    for mix in MIXES:
        model, make, given = MODELS[mix], MAKE[mix], values(mix, SAVED)
        tasks[f"query-{mix}"] = repeated(partial(query, model))
        tasks[f"get-{mix}"] = repeated(partial(get, model))
        tasks[f"save-{mix}"] = repeated(lambda make=make, given=given: make(given).save())
        proofs[f"query-{mix}"] = lambda mix=mix, model=model: proof_of_instances(mix, query(model))
        proofs[f"get-{mix}"] = lambda mix=mix, model=model: proof_of_instances(mix, [get(model)])
        proofs[f"save-{mix}"] = lambda make=make, given=given: proof_of_written(make(given).serialize())
    serve(tasks, proofs, "singletable", "orjson", "attrs")


if __name__ == "__main__":
    main()
