"""The shop's access patterns, by area: everything that the shop asks, and what it does with the answers."""

from patterns.catalogue import product, products_by_status, products_of_category
from patterns.orders import order_with_items, orders_of_user, orders_placed_between
from patterns.reviews import add_review, reviews_by_user, reviews_of_product
from patterns.users import EmailTaken, create_user, update_user, user, user_by_email, users_by_status

__all__ = [
    "EmailTaken",
    "add_review",
    "create_user",
    "order_with_items",
    "orders_of_user",
    "orders_placed_between",
    "product",
    "products_by_status",
    "products_of_category",
    "reviews_by_user",
    "reviews_of_product",
    "update_user",
    "user",
    "user_by_email",
    "users_by_status",
]
