"""The shop's models: one table, six entities."""

from models.category import Category
from models.order import Order, OrderItem, OrderRequest, OrderStatus
from models.product import Product, ProductStatus
from models.review import Review, ReviewClaim
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
    "ProductStatus",
    "Review",
    "ReviewClaim",
    "ShopTable",
    "User",
    "UserStatus",
]
