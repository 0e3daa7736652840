"""Northwind: 8 categories, 93 customers, 77 products, 830 orders and their 2,155 lines, from CSV files.

Only two values that the shop requires are invented: an e-mail address, made of the customer's id, and the times at
which customers and products were created. Northwind has no reviews.
"""

import csv
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

from models import Category, Order, OrderItem, OrderStatus, Product, ProductStatus, User
from singletable import Table
from tests.samples import registered

_START = datetime(1996, 1, 1, tzinfo=timezone.utc)
_CENT = Decimal("0.01")


def entities(data: Path) -> Iterator[Table]:
    """Return all entities of the folder `data`."""
    yield from _categories(data)
    for user in _users(data):
        yield from registered(user)
    yield from _products(data)
    yield from _orders(data)


def _rows(data: Path, name: str) -> Iterator[dict[str, str]]:
    with (data / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _dates(moment: datetime) -> dict[str, datetime]:
    return {"created_at": moment, "updated_at": moment}


def _categories(data: Path) -> Iterator[Category]:
    for row in _rows(data, "categories"):
        yield Category(
            category_id=row["CategoryID"],
            name=row["CategoryName"],
            description=row["Description"] or None,
            **_dates(_START),
        )


def _users(data: Path) -> Iterator[User]:
    for number, row in enumerate(_rows(data, "customers")):
        place = (row["Address"], row["PostalCode"], row["City"], row["Region"], row["Country"])
        yield User(
            user_id=row["CustomerID"],
            name=row["ContactName"] or row["CompanyName"],
            email=f"{row['CustomerID']}@northwind.example",
            phone=row["Phone"] or None,
            address=", ".join(filter(None, place)) or None,
            **_dates(_START + timedelta(hours=number)),
        )


def _products(data: Path) -> Iterator[Product]:
    for row in _rows(data, "products"):
        yield Product(
            product_id=row["ProductID"],
            name=row["ProductName"],
            category_id=row["CategoryID"],
            price=Decimal(row["UnitPrice"]),
            stock=int(row["UnitsInStock"]),
            status=ProductStatus.DISCONTINUED if row["Discontinued"] == "1" else ProductStatus.ACTIVE,
            description=row["QuantityPerUnit"] or None,
            **_dates(_START + timedelta(minutes=int(row["ProductID"]))),
        )


def _orders(data: Path) -> Iterator[Order | OrderItem]:
    details = defaultdict(list)
    for row in _rows(data, "order_details"):
        details[row["OrderID"]].append(row)
    for row in _rows(data, "orders"):
        placed_at = datetime.fromisoformat(row["OrderDate"]).replace(tzinfo=timezone.utc)
        lines = details[row["OrderID"]]
        total = sum(
            (Decimal(line["UnitPrice"]) * int(line["Quantity"]) * (1 - Decimal(line["Discount"])) for line in lines),
            Decimal(0),
        )
        yield Order(
            order_id=row["OrderID"],
            user_id=row["CustomerID"],
            status=OrderStatus.SHIPPED if row["ShippedDate"] else OrderStatus.PENDING,
            placed_at=placed_at,
            total=total.quantize(_CENT),
            stock_taken=True,
            **_dates(placed_at),
        )
        for number, line in enumerate(lines, start=1):
            yield OrderItem(
                order_id=row["OrderID"],
                line=number,
                product_id=line["ProductID"],
                quantity=int(line["Quantity"]),
                unit_price=Decimal(line["UnitPrice"]),
                placed_at=placed_at,
                **_dates(placed_at),
            )
