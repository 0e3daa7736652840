"""The shop's access patterns and commands, by area."""

from patterns.catalogue import product, products_by_status, products_of_category
from patterns.orders import (
    OutOfStockError,
    RequestReusedError,
    StatusChangeRefusedError,
    cancel_order,
    change_status,
    order_with_items,
    orders_of_user,
    orders_placed_between,
    place_order,
)
from patterns.reviews import AlreadyReviewedError, review_product, reviews_by_user, reviews_of_product
from patterns.users import EmailTakenError, register_user, update_user, user, user_by_email, users_by_status

__all__ = [
    "AlreadyReviewedError",
    "EmailTakenError",
    "OutOfStockError",
    "RequestReusedError",
    "StatusChangeRefusedError",
    "cancel_order",
    "change_status",
    "order_with_items",
    "orders_of_user",
    "orders_placed_between",
    "place_order",
    "product",
    "products_by_status",
    "products_of_category",
    "register_user",
    "review_product",
    "reviews_by_user",
    "reviews_of_product",
    "update_user",
    "user",
    "user_by_email",
    "users_by_status",
]
