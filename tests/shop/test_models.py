"""The shop's keys by its design, written again by hand for comparison."""

from datetime import datetime, timezone
from decimal import Decimal
from hashlib import sha256

import pytest

from models import Category, Order, OrderItem, OrderStatus, Product, Review, ShopTable, User
from models.ids import new_id
from singletable.check import check
from singletable.cli.project import find_project

NOON = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)
SHARD = int.from_bytes(sha256(b"o1").digest()[:8], "big") % 4
DATES = {"created_at": NOON, "updated_at": NOON}
ORDER = Order(order_id="o1", user_id="u1", placed_at=NOON, total=Decimal(5), **DATES)


@pytest.mark.parametrize(
    ("entity", "keys"),
    [
        (
            User(user_id="u1", name="N", email="a@b", **DATES),
            {
                "PK": "USER#u1",
                "SK": "PROFILE",
                "GSI1PK": "EMAIL#a@b",
                "GSI1SK": "USER#u1",
                "GSI2PK": "STATUS#ACTIVE",
                "GSI2SK": "USER#2026-11-23T12:00:00.000000Z",
            },
        ),
        (
            Product(product_id="p1", name="N", category_id="c1", price=Decimal(1), **DATES),
            {
                "PK": "PRODUCT#p1",
                "SK": "METADATA",
                "GSI1PK": "CATEGORY#c1",
                "GSI1SK": "PRODUCT#2026-11-23T12:00:00.000000Z",
                "GSI2PK": "STATUS#ACTIVE",
                "GSI2SK": "PRODUCT#p1",
            },
        ),
        (
            ORDER,
            {
                "PK": "USER#u1",
                "SK": "ORDER#o1",
                "GSI1PK": "ORDER#o1",
                "GSI1SK": "ORDER",
                "GSI2PK": f"STATUS#PENDING#{SHARD}",
                "GSI2SK": "ORDER#2026-11-23T12:00:00.000000Z",
                "GSI3PK": "ORDER_BY_DATE#2026-11",
                "GSI3SK": "2026-11-23T12:00:00.000000Z#o1",
            },
        ),
        (
            OrderItem(
                order_id="o1", line=7, product_id="p1", quantity=1, unit_price=Decimal(5), placed_at=NOON, **DATES
            ),
            {"PK": "ORDER#o1", "SK": "ITEM#007"},
        ),
        (Category(category_id="c1", name="N", **DATES), {"PK": "CATEGORY#c1", "SK": "METADATA"}),
        (
            Review(product_id="p1", review_id="r1", user_id="u1", rating=5, **DATES),
            {"PK": "PRODUCT#p1", "SK": "REVIEW#r1", "GSI2PK": "USER#u1", "GSI2SK": "REVIEW#r1"},
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_keys(entity, keys):
    """Exactly these keys, and no others."""
    item = entity.serialize()
    derived = {name: value["S"] for name, value in item.items() if name in ("PK", "SK") or name.startswith("GSI")}
    assert keys == derived
    assert {"entityType", "createdAt", "updatedAt"} <= set(item)


def test_expiry():
    """Orders and their lines expire together after seven years; users never expire."""
    seconds = int(NOON.timestamp()) + 7 * 365 * 86_400
    line = OrderItem(order_id="o1", line=1, product_id="p1", quantity=1, unit_price=Decimal(5), placed_at=NOON)
    assert {"N": str(seconds)} == ORDER.serialize()["ttl"] == line.serialize()["ttl"]
    assert "ttl" not in User(name="N", email="a@b").serialize()


def test_defaults():
    """A new item gets an id, a status and its times."""
    order = Order(user_id="u1", total=Decimal(1))
    assert OrderStatus.PENDING == order.status == "PENDING"
    assert order.order_id
    assert order.created_at.tzinfo is not None


def test_ids_sort_by_time():
    """So that "newest first" is the order of the keys."""
    ids = [new_id() for _ in range(200)]
    assert sorted(ids, key=lambda each: each[:18]) == ids
    assert len(set(ids)) == 200
    assert {each[14] for each in ids} == {"7"}


def test_check_is_clean():
    """Accepted findings are listed in setup.cfg with their reasons."""
    project = find_project()
    found = check(project.load_table(), project.accept)
    assert [] == [finding for finding in found if finding.accepted is None]
    assert {("ST203", "User.by_status"), ("ST203", "Product.by_status")} == {
        (each.rule.id, each.where) for each in found
    }


def test_entities_are_proved_apart():
    """Ten entities, three indexes, one table."""
    description = ShopTable.describe()
    assert 11 == len(description.entities)
    assert ["GSI1", "GSI2", "GSI3"] == [index.name for index in description.indexes]
    assert ("ALL", "ALL", "KEYS_ONLY") == tuple(index.projection for index in description.indexes)
