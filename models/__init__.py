"""The shop's models: one table, six entities."""

from models.category import Category
from models.order import Order, OrderItem, OrderStatus
from models.product import Product, ProductStatus
from models.review import Review
from models.table import GSI1, GSI2, GSI3, ShopTable
from models.user import User, UserStatus

__all__ = [
    "GSI1",
    "GSI2",
    "GSI3",
    "Category",
    "Order",
    "OrderItem",
    "OrderStatus",
    "Product",
    "ProductStatus",
    "Review",
    "ShopTable",
    "User",
    "UserStatus",
]
