"""pydynox, which has a Rust core with its own requests, HTTP, threads and parser.

Its lists are untyped, so the lines of an order are dicts here, which is less work than for the others.
`python -m benchmarks.peers.with_pydynox URL`, in an environment with pydynox, follows `protocol`.
"""

from __future__ import annotations

import dataclasses
import sys
from functools import partial
from typing import Any

from pydynox import DynamoDBClient, Model, ModelConfig, set_default_client
from pydynox.attributes import (
    BooleanAttribute,
    DatetimeAttribute,
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    StringAttribute,
    StringSetAttribute,
)

from benchmarks.data import MIXES, USER, proof_of_instances
from benchmarks.peers.protocol import repeated, serve


class FlatOrder(Model):
    model_config = ModelConfig(table="bench-flat")

    pk = StringAttribute(partition_key=True, alias="PK", template="USER#{user_id}")
    sk = StringAttribute(sort_key=True, alias="SK", template="ORDER#{order_id}")
    entity_type = StringAttribute(alias="entityType")
    user_id = StringAttribute(alias="userId")
    order_id = StringAttribute(alias="orderId")
    created_at = DatetimeAttribute(alias="createdAt")
    updated_at = DatetimeAttribute(alias="updatedAt")
    text_0 = StringAttribute()
    text_1 = StringAttribute()
    text_2 = StringAttribute()
    text_3 = StringAttribute()
    text_4 = StringAttribute()
    text_5 = StringAttribute()
    text_6 = StringAttribute()
    text_7 = StringAttribute()
    number_0 = NumberAttribute()
    number_1 = NumberAttribute()
    number_2 = NumberAttribute()
    number_3 = NumberAttribute()
    number_4 = NumberAttribute()
    flag_0 = BooleanAttribute()
    flag_1 = BooleanAttribute()
    flag_2 = BooleanAttribute()


@dataclasses.dataclass
class Address:
    name: str
    street: str
    city: str
    postcode: str
    country: str


class Order(Model):
    model_config = ModelConfig(table="bench-order")

    pk = StringAttribute(partition_key=True, alias="PK", template="USER#{user_id}")
    sk = StringAttribute(sort_key=True, alias="SK", template="ORDER#{order_id}")
    gsi1pk = StringAttribute(alias="GSI1PK")
    gsi1sk = StringAttribute(alias="GSI1SK")
    entity_type = StringAttribute(alias="entityType")
    user_id = StringAttribute(alias="userId")
    order_id = StringAttribute(alias="orderId")
    created_at = DatetimeAttribute(alias="createdAt")
    updated_at = DatetimeAttribute(alias="updatedAt")
    status = StringAttribute()
    currency = StringAttribute()
    channel = StringAttribute()
    customer_name = StringAttribute()
    email = StringAttribute()
    note = StringAttribute()
    total = NumberAttribute()
    shipping = NumberAttribute()
    item_count = NumberAttribute()
    paid = BooleanAttribute()
    gift = BooleanAttribute()
    tags = StringSetAttribute()
    coupons = ListAttribute()
    address = MapAttribute(Address)
    lines = ListAttribute()
    metadata = MapAttribute()


def query(model: Any) -> list[Any]:
    """Query a hundred items."""
    return list(model.sync_query(user_id=USER, sort_key_condition=model.sk.begins_with("ORDER#")))


MODELS: dict[str, Any] = {"flat": FlatOrder, "order": Order}


def main() -> None:
    """Run the peer."""
    client = DynamoDBClient(region="us-east-1", access_key="x", secret_key="x", endpoint_url=sys.argv[1])
    set_default_client(client)
    tasks = {f"query-{mix}": repeated(partial(query, MODELS[mix])) for mix in MIXES}
    proofs = {f"query-{mix}": lambda mix=mix: proof_of_instances(mix, query(MODELS[mix])) for mix in MIXES}
    serve(tasks, proofs, "pydynox")


if __name__ == "__main__":
    main()
