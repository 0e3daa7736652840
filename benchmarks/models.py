"""The same item of twenty attributes, modelled with singletable and with plain PynamoDB."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

from pynamodb.attributes import (
    BooleanAttribute,
    DiscriminatorAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UTCDateTimeAttribute,
)
from pynamodb.models import Model

from singletable import Key, Table

_TEXTS = [f"text_{number}" for number in range(8)]
_NUMBERS = [f"number_{number}" for number in range(5)]
_FLAGS = [f"flag_{number}" for number in range(3)]
_START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def _attributes() -> dict[str, Any]:
    """Twenty with the two ids and the two times."""
    return {
        "user_id": UnicodeAttribute(attr_name="userId"),
        "order_id": UnicodeAttribute(attr_name="orderId"),
        "created_at": UTCDateTimeAttribute(attr_name="createdAt"),
        "updated_at": UTCDateTimeAttribute(attr_name="updatedAt"),
        **{name: UnicodeAttribute() for name in _TEXTS},
        **{name: NumberAttribute() for name in _NUMBERS},
        **{name: BooleanAttribute() for name in _FLAGS},
    }


class BenchTable(Table):
    class Meta:
        table_name = "bench"


Order = type(BenchTable)(
    "Order",
    (BenchTable,),
    {**_attributes(), "key": Key(pk="USER#{user_id}", sk="ORDER#{order_id}")},
    discriminator="ORDER",
)


def plain_model(url: str) -> Any:
    """The same as a plain PynamoDB model, whose keys are written by hand."""

    class Plain(Model):
        class Meta:
            table_name = "bench"
            region = "us-east-1"
            host = url
            aws_access_key_id = "x"
            aws_secret_access_key = "x"

        pk = UnicodeAttribute(hash_key=True, attr_name="PK")
        sk = UnicodeAttribute(range_key=True, attr_name="SK")
        entity_type = DiscriminatorAttribute(attr_name="entityType")
        gsi1pk = UnicodeAttribute(attr_name="GSI1PK", null=True)
        gsi1sk = UnicodeAttribute(attr_name="GSI1SK", null=True)

    return type(Model)("PlainOrder", (Plain,), _attributes(), discriminator="ORDER")


def orders(count: int) -> list[Any]:
    """Items as they are stored."""
    return [
        Order(
            user_id="u1",
            order_id=f"o{number:05d}",
            created_at=_START + timedelta(hours=number),
            updated_at=_START + timedelta(hours=number, minutes=1),
            **{name: f"{name} of {number}" for name in _TEXTS},
            **{name: number * 10 + place for place, name in enumerate(_NUMBERS)},
            **{name: bool(number % 2) for name in _FLAGS},
        ).serialize()
        for number in range(count)
    ]


def query_answer(count: int) -> bytes:
    """The body of a Query's answer with so many items."""
    return json.dumps({"Items": orders(count), "Count": count, "ScannedCount": count}).encode()
