"""Orders."""

from datetime import datetime

from models import Order, OrderItem
from singletable import Query
from singletable.patterns import access_pattern


@access_pattern("2. A user's orders, newest first")
def orders_of_user(user_id: str) -> Query[Order]:
    """All orders of a user; their ids sort by time."""
    return Order.query(user_id=user_id, descending=True)


@access_pattern("5. An order with its items")
def order_with_items(order_id: str) -> tuple[Query[Order], Query[OrderItem]]:
    """The order, found by its id alone, and its lines. The tutorial reads the lines and forgets the order."""
    return Order.by_id.query(order_id=order_id), OrderItem.query(order_id=order_id)


@access_pattern("8. Orders placed between two dates", draws={"first": "placed_at", "last": "placed_at"})
def orders_placed_between(first: datetime, last: datetime) -> Query[Order]:
    """Orders of an interval, both ends included. Each month is a partition of its own, read in order."""
    return Order.by_date.query(Order.placed_at.between(first, last))
