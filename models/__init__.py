"""The shop's models: one table, its entities."""

from models.category import Category
from models.order import Order, OrderItem, OrderRequest, OrderStatus
from models.product import Product, ProductStatus
from models.review import ProductRating, Review, ReviewClaim, ReviewCount
from models.table import GSI1, GSI2, GSI3, ShopTable
from models.user import EmailClaim, User, UserStatus

__all__ = [
    "GSI1",
    "GSI2",
    "GSI3",
    "Category",
    "EmailClaim",
    "Order",
    "OrderItem",
    "OrderRequest",
    "OrderStatus",
    "Product",
    "ProductRating",
    "ProductStatus",
    "Review",
    "ReviewClaim",
    "ReviewCount",
    "ShopTable",
    "User",
    "UserStatus",
]
