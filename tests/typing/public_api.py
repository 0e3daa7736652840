"""Uses of the public API for a type checker: `make lint` checks them with mypy. They are never run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import assert_type

    from models import Order, OrderItem, OrderStatus, ShopTable, User
    from patterns import order_with_items, orders_of_user
    from singletable import Get, Page, Query, Scan
    from singletable.requests.results import Results

    def reading() -> None:
        assert_type(Order.get(user_id="u1", order_id="o1"), Order)
        assert_type(Order.item(user_id="u1", order_id="o1"), Get[Order])
        assert_type(Order.by_id.get(order_id="o1"), Order)
        assert_type(Order.query(user_id="u1"), Query[Order])
        assert_type(Order.by_date.query(), Query[Order])
        assert_type(Order.query(user_id="u1").all(), list[Order])
        assert_type(Order.query(user_id="u1").first(), Order | None)
        assert_type(Order.query(user_id="u1").page(20), Page[Order])
        assert_type(Order.query(user_id="u1").keys(), Results[dict[str, Any]])
        assert_type(Order.scan(), Scan[Order])
        assert_type(Order.scan(live=True).first(), Order | None)
        assert_type(Order.scan().page(20), Page[Order])
        assert_type(Order.get(user_id="u1", order_id="o1", only=("status",)), Order)
        assert_type(Order.batch_get([{"user_id": "u1", "order_id": "o1"}]), list[Order | None])
        assert_type(ShopTable.collection(User, user_id="u1"), Query[User])

    def keys() -> None:
        assert_type(Order.key.build(user_id="u1", order_id="o1"), tuple[str, str | None])
        assert_type(Order.key.parse("USER#u1", "ORDER#o1"), dict[str, Any])

    def attributes(order: Order) -> None:
        assert_type(order.status, OrderStatus)
        assert_type(order.order_id, str)

    def patterns() -> None:
        assert_type(orders_of_user("u1"), Query[Order])
        assert_type(order_with_items("o1"), tuple[Query[Order], Query[OrderItem]])
