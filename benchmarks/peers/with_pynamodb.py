"""Plain PynamoDB: the same attributes as singletable's models, with hand-written keys.

`python -m benchmarks.peers.with_pynamodb URL` follows `protocol`.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

from pynamodb.attributes import (
    BooleanAttribute,
    DiscriminatorAttribute,
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
    UTCDateTimeAttribute,
)
from pynamodb.models import Model

from benchmarks.data import MIXES, ORDER, SAVED, USER, proof_of_instances, proof_of_written, values
from benchmarks.peers.protocol import repeated, serve


class Server:
    """The server of the tables."""

    region = "us-east-1"
    host = ""
    aws_access_key_id = "x"
    aws_secret_access_key = "x"


class FlatOrder(Model, discriminator="ORDER"):
    class Meta(Server):
        table_name = "bench-flat"

    pk = UnicodeAttribute(hash_key=True, attr_name="PK")
    sk = UnicodeAttribute(range_key=True, attr_name="SK")
    entity_type = DiscriminatorAttribute(attr_name="entityType")
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


class Order(Model, discriminator="ORDER"):
    class Meta(Server):
        table_name = "bench-order"

    pk = UnicodeAttribute(hash_key=True, attr_name="PK")
    sk = UnicodeAttribute(range_key=True, attr_name="SK")
    gsi1pk = UnicodeAttribute(attr_name="GSI1PK")
    gsi1sk = UnicodeAttribute(attr_name="GSI1SK")
    entity_type = DiscriminatorAttribute(attr_name="entityType")
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


def query(model: Any) -> list[Any]:
    """Query a hundred items."""
    return list(model.query(f"USER#{USER}", model.sk.startswith("ORDER#")))


def get(model: Any) -> Any:
    """Get an item by its key."""
    return model.get(f"USER#{USER}", f"ORDER#{ORDER}")


def flat(given: dict[str, Any]) -> FlatOrder:
    """Return a new item with its keys."""
    return FlatOrder(pk=f"USER#{given['user_id']}", sk=f"ORDER#{given['order_id']}", **given)


def order(given: dict[str, Any]) -> Order:
    """Return a new item with its keys and maps."""
    return Order(
        pk=f"USER#{given['user_id']}",
        sk=f"ORDER#{given['order_id']}",
        gsi1pk=f"STATUS#{given['status']}",
        gsi1sk=f"ORDER#{given['created_at']:%Y-%m-%dT%H:%M:%S.%fZ}",
        **given | {"address": Address(**given["address"]), "lines": [Line(**each) for each in given["lines"]]},
    )


MODELS: dict[str, Any] = {"flat": FlatOrder, "order": Order}
MAKE: dict[str, Any] = {"flat": flat, "order": order}


def main() -> None:
    """Run the peer."""
    Server.host = sys.argv[1]
    tasks, proofs = {}, {}
    for mix in MIXES:
        model, make, given = MODELS[mix], MAKE[mix], values(mix, SAVED)
        tasks[f"query-{mix}"] = repeated(partial(query, model))
        tasks[f"get-{mix}"] = repeated(partial(get, model))
        tasks[f"save-{mix}"] = repeated(lambda make=make, given=given: make(given).save())
        proofs[f"query-{mix}"] = lambda mix=mix, model=model: proof_of_instances(mix, query(model))
        proofs[f"get-{mix}"] = lambda mix=mix, model=model: proof_of_instances(mix, [get(model)])
        proofs[f"save-{mix}"] = lambda make=make, given=given: proof_of_written(make(given).serialize())
    serve(tasks, proofs, "pynamodb", "botocore")


if __name__ == "__main__":
    main()
