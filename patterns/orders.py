"""Orders."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from models import Order, OrderItem, OrderRequest, OrderStatus, Product, ProductStatus, ShopTable
from singletable import Query
from singletable.errors import AlreadyExistsError, ConditionFailed, TransactionCancelled
from singletable.patterns import access_pattern

NEXT = {
    OrderStatus.PENDING: (OrderStatus.PAID, OrderStatus.CANCELLED),
    OrderStatus.PAID: (OrderStatus.SHIPPED, OrderStatus.CANCELLED),
    OrderStatus.SHIPPED: (OrderStatus.DELIVERED,),
    OrderStatus.DELIVERED: (),
    OrderStatus.CANCELLED: (),
}
"""The possible next statuses of an order in each status."""


class OutOfStockError(ValueError):
    """The stock of a product is too low; `product_id` is the product, `wanted` the ordered quantity."""

    def __init__(self, product_id: str, wanted: int) -> None:
        super().__init__(f"The stock of product {product_id} is less than {wanted}.")
        self.product_id = product_id
        self.wanted = wanted


class RequestReusedError(ValueError):
    """A request id was used again with different lines."""


class StatusChangeRefusedError(ValueError):
    """The order's status does not allow the new status."""


@access_pattern("2. A user's orders, newest first")
def orders_of_user(user_id: str) -> Query[Order]:
    """Return all orders of a user, whose ids sort by time."""
    return Order.query(user_id=user_id, descending=True)


@access_pattern("5. An order with its items")
def order_with_items(order_id: str) -> tuple[Query[Order], Query[OrderItem]]:
    """Return the order, by its id alone, and its lines. The tutorial reads the lines and forgets the order."""
    return Order.by_id.query(order_id=order_id), OrderItem.query(order_id=order_id)


@access_pattern("8. Orders placed between two dates", parameters={"first": "placed_at", "last": "placed_at"})
def orders_placed_between(first: datetime, last: datetime) -> Query[Order]:
    """Return the orders of an interval, including both ends. Each month is a partition; they are read in order."""
    return Order.by_date.query(Order.placed_at.between(first, last))


def place_order(user_id: str, lines: Mapping[str, int], request_id: str) -> Order:
    """Place an order: write the order and its lines and take the stock, in one transaction.

    A repeated call with the same request id does not place a second order. It returns the first one.

    Args:
        user_id: The id of the user who orders.
        lines: The quantity of each product, by product id; 1 to 49 lines.
        request_id: The client's id of this request; a new one for each order.

    Raises:
        ValueError: The order has no lines or over 49, or a quantity below 1.
        Product.DoesNotExist: A product does not exist.
        OutOfStockError: The stock of a product is too low, or the product is no longer sold.
        RequestReusedError: The request id was used for different lines.
    """
    # Each line writes two items, the order and its request one each; a transaction has at most 100.
    whole = all(isinstance(quantity, int) and quantity >= 1 for quantity in lines.values())
    if not 1 <= len(lines) <= 49 or not whole:
        raise ValueError(
            f"An order with {len(lines)} lines is not valid: give 1 to 49 lines, each with a quantity of 1 or more."
        )
    wanted = json.dumps(sorted(lines.items()))
    prices = {found.product_id: found.price for found in _products(lines)}
    for product_id in lines:
        if product_id not in prices:
            if OrderRequest.item(user_id=user_id, request_id=request_id, consistent=True).one_or_none():
                return _order_of(user_id, request_id, wanted)
            raise Product.DoesNotExist(f"The product {product_id} does not exist.")
    total = sum(prices[each] * quantity for each, quantity in lines.items())
    order = Order(user_id=user_id, total=total, stock_taken=True)
    request = OrderRequest(user_id=user_id, request_id=request_id, order_id=order.order_id, lines=wanted)
    try:
        with ShopTable.transaction() as transaction:
            transaction.create(request, order)
            for number, (product_id, quantity) in enumerate(lines.items(), start=1):
                transaction.create(
                    OrderItem(
                        order_id=order.order_id,
                        line=number,
                        product_id=product_id,
                        quantity=quantity,
                        unit_price=prices[product_id],
                        placed_at=order.placed_at,
                    )
                )
                transaction.update(
                    Product(product_id=product_id),
                    actions=[Product.stock.set(Product.stock - quantity)],
                    condition=(Product.stock >= quantity) & (Product.status == ProductStatus.ACTIVE),
                )
    except TransactionCancelled as error:
        if isinstance(error.reasons[0].error, AlreadyExistsError):
            return _order_of(user_id, request_id, wanted)
        short = next((each for each in error.reasons if each.verb == "update" and each.code), None)
        if short is not None and short.code == "ConditionalCheckFailed":
            product_id = short.entity.product_id
            raise OutOfStockError(product_id, lines[product_id]) from None
        raise
    return order


def cancel_order(user_id: str, order_id: str) -> Order:
    """Cancel an order that was not shipped yet, and return its quantities to the stock of products that still exist.

    Raises:
        Order.DoesNotExist: The order does not exist.
        StatusChangeRefusedError: The order was shipped, delivered or canceled already, or its status changes meanwhile.
    """
    for last in (False, True):
        order = Order.get(user_id=user_id, order_id=order_id, consistent=True)
        _refuse_change(order, OrderStatus.CANCELLED)
        back = _taken_by(order)
        taken = order.stock_taken
        owed = Order.stock_taken.does_not_exist() if taken is None else Order.stock_taken == taken
        unchanged = (Order.status == order.status) & owed
        try:
            with ShopTable.transaction() as transaction:
                transaction.update(order, condition=unchanged, status=OrderStatus.CANCELLED)
                for product_id, quantity in back.items():
                    transaction.update(
                        Product(product_id=product_id), actions=[Product.stock.set(Product.stock + quantity)]
                    )
            break
        except TransactionCancelled as error:
            reason = error.reasons[0]
            if reason.code != "ConditionalCheckFailed":
                raise
            if last or getattr(reason.current_item, "status", None) is not order.status:
                raise StatusChangeRefusedError(f"Order {order_id} is no longer {order.status.value}.") from None
            # The stock was taken meanwhile, so the second attempt returns it. It is taken only once.
    return order


def _taken_by(order: Order) -> dict[str, int]:
    """Return the quantities that an order took from the stock, by product id, for products that still exist."""
    if order.stock_taken is False:
        return {}
    taken: Counter[str] = Counter()
    for line in OrderItem.query(order_id=order.order_id, consistent=True):
        taken[line.product_id] += line.quantity
    return {product_id: taken[product_id] for product_id in sorted(found.product_id for found in _products(taken))}


def change_status(user_id: str, order_id: str, status: OrderStatus) -> Order:
    """Change the status of an order; every key that depends on it is changed with it.

    Raises:
        Order.DoesNotExist: The order does not exist.
        StatusChangeRefusedError: The order's status does not allow the new status, or it changes meanwhile.
    """
    status = OrderStatus(status)  # the text of a member is also accepted
    if status is OrderStatus.CANCELLED:
        return cancel_order(user_id, order_id)
    order = Order.get(user_id=user_id, order_id=order_id, consistent=True)
    _refuse_change(order, status)
    try:
        order.update(status=status, condition=Order.status == order.status)
    except ConditionFailed:
        raise StatusChangeRefusedError(f"Order {order_id} is no longer {order.status.value}.") from None
    return order


def _products(product_ids: Iterable[str]) -> list[Product]:
    """Return those of the products that exist."""
    found = ShopTable.batch_get([Product.item(product_id=each) for each in product_ids], consistent=True)
    return [each for each in found if isinstance(each, Product)]


def _refuse_change(order: Order, status: OrderStatus) -> None:
    if status not in NEXT[order.status]:
        raise StatusChangeRefusedError(
            f"Order {order.order_id} is {order.status.value} and cannot become {status.value}."
        )


def _order_of(user_id: str, request_id: str, wanted: str) -> Order:
    request = OrderRequest.get(user_id=user_id, request_id=request_id, consistent=True)
    if request.lines != wanted:
        raise RequestReusedError(f"The request {request_id} was used for different lines.")
    return Order.get(user_id=user_id, order_id=request.order_id, consistent=True)
