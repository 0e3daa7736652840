"""Orders and their lines."""

from decimal import Decimal
from enum import Enum

from pynamodb.attributes import BooleanAttribute, UnicodeAttribute, UTCDateTimeAttribute

from models.ids import new_id
from models.table import GSI1, GSI2, GSI3, ShopTable, utcnow
from singletable import DecimalAttribute, EnumAttribute, Expiry, IntegerAttribute, Key

KEPT_DAYS = 7 * 365
"""The number of days for which orders are kept: seven years, as tax law requires."""

REQUESTS_KEPT_DAYS = 7
"""The number of days for which a repeated request for an order does not place a second one."""


class OrderStatus(str, Enum):
    """The status of an order."""

    PENDING = "PENDING"
    PAID = "PAID"
    SHIPPED = "SHIPPED"
    DELIVERED = "DELIVERED"
    CANCELLED = "CANCELLED"


class Order(ShopTable, discriminator="ORDER"):
    """An order that a user placed; its lines are OrderItem."""

    order_id = UnicodeAttribute(attr_name="orderId", default_for_new=new_id)
    user_id = UnicodeAttribute(attr_name="userId")
    status = EnumAttribute(OrderStatus, default_for_new=OrderStatus.PENDING)
    placed_at = UTCDateTimeAttribute(attr_name="placedAt", default_for_new=utcnow)
    total = DecimalAttribute(default_for_new=Decimal)
    # `place_order` takes the stock in the transaction that writes the order. If other code wrote the order, this is
    # False until `shop.stream` has taken the stock. Orders from before this attribute lack it; `place_order` wrote all
    # of them.
    stock_taken = BooleanAttribute(attr_name="stockTaken", null=True, default_for_new=False)

    key = Key(pk="USER#{user_id}", sk="ORDER#{order_id}")
    by_id = Key(index=GSI1, pk="ORDER#{order_id}", sk="ORDER")
    by_status = Key(index=GSI2, pk="STATUS#{status}#{order_id:shard(4)}", sk="ORDER#{placed_at}")
    by_date = Key(index=GSI3, pk="ORDER_BY_DATE#{placed_at:%Y-%m}", sk="{placed_at}#{order_id}")

    expires_at = Expiry(after="placed_at", days=KEPT_DAYS, attr_name="ttl")


class OrderRequest(ShopTable, discriminator="ORDER_REQUEST"):
    """A request whose order was placed: if the request is sent again, it finds its order here."""

    user_id = UnicodeAttribute(attr_name="userId")
    request_id = UnicodeAttribute(attr_name="requestId")
    order_id = UnicodeAttribute(attr_name="orderId")
    lines = UnicodeAttribute()

    key = Key(pk="USER#{user_id}", sk="ORDER_REQUEST#{request_id}")

    expires_at = Expiry(after="created_at", days=REQUESTS_KEPT_DAYS, attr_name="ttl")


class OrderItem(ShopTable, discriminator="ORDER_ITEM"):
    """One line of an order. It has the time of its order, so both expire together."""

    order_id = UnicodeAttribute(attr_name="orderId")
    line = IntegerAttribute()
    product_id = UnicodeAttribute(attr_name="productId")
    quantity = IntegerAttribute()
    unit_price = DecimalAttribute(attr_name="unitPrice")
    placed_at = UTCDateTimeAttribute(attr_name="placedAt", default_for_new=utcnow)

    key = Key(pk="ORDER#{order_id}", sk="ITEM#{line:03d}")

    expires_at = Expiry(after="placed_at", days=KEPT_DAYS, attr_name="ttl")
