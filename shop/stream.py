"""The shop's stream handlers: mails, events, stock and ratings."""

from collections import Counter

from models import Order, OrderItem, OrderStatus, Product, Review, ShopTable, User
from shop.notices import notices
from shop.ratings import copy_rating, count_review
from singletable.errors import MalformedItemError, TransactionCancelled, UnprocessableError
from singletable.streams import Change, StreamRouter

router = StreamRouter(ShopTable)
router.on_start(notices)

_MOST_PRODUCTS = 98
"""The highest number of products in an order: a transaction has 100 operations, two for the order and the mark."""


# --- users -------------------------------------------------------------------------------


@router.on(User, "INSERT")
def welcome(change: Change[User]) -> None:
    """Send a mail to a new user."""
    user = change.new
    notices().mail(user, "Welcome", f"Hello {user.name},\n\nwelcome to the shop. Your account is ready.\n")


@router.on(User, "INSERT")
def announce_user(change: Change[User]) -> None:
    """Publish `user-created`."""
    notices().publish("user-created", change.event_id, userId=change.new.user_id)


# --- orders ------------------------------------------------------------------------------


@router.on(Order, "INSERT")
def confirm(change: Change[Order]) -> None:
    """Send a mail that confirms an order."""
    order = change.new
    notices().mail(_buyer(order), f"Your order {order.order_id}", f"Thank you: we have your order of {order.total}.\n")


@router.on(Order, "INSERT")
def take_stock(change: Change[Order]) -> None:
    """Take the stock of an order that other code wrote; `place_order` takes it itself.

    The stock of all lines is taken once, in one transaction, unless the order was canceled meanwhile. The order's lines
    must be written before the order or together with it.
    """
    order = change.new
    if order.stock_taken is not False:
        return
    wanted: Counter[str] = Counter()
    for line in OrderItem.query(order_id=order.order_id, consistent=True):
        wanted[line.product_id] += line.quantity
    if not 1 <= len(wanted) <= _MOST_PRODUCTS:
        raise UnprocessableError(f"Order {order.order_id} has {len(wanted)} products; its stock was not taken.")
    untaken = (Order.stock_taken == False) & (Order.status != OrderStatus.CANCELLED)  # noqa: E712 - a condition
    try:
        with change.transaction() as transaction:
            transaction.update(order, condition=untaken, stock_taken=True)
            for product_id, quantity in sorted(wanted.items()):
                transaction.update(
                    Product(product_id=product_id),
                    actions=[Product.stock.set(Product.stock - quantity)],
                    condition=Product.stock >= quantity,
                )
    except TransactionCancelled as error:
        first, *others = error.reasons[: 1 + len(wanted)]
        if first.code == "ConditionalCheckFailed":
            return  # the stock was taken, or the order was canceled or deleted
        short = [each.entity.product_id for each in others if each.code == "ConditionalCheckFailed"]
        if not short:
            raise
        raise UnprocessableError(
            f"Order {order.order_id}: the stock of product {', '.join(short)} is too low."
        ) from None


@router.on(Order, "INSERT")
def announce_order(change: Change[Order]) -> None:
    """Publish `order-created`."""
    order = change.new
    notices().publish("order-created", change.event_id, orderId=order.order_id, userId=order.user_id)


@router.on(Order, "MODIFY", changed="status")
def tell_status(change: Change[Order]) -> None:
    """Send a mail with the old and the new status of an order."""
    order, before, now = change.new, change.old.status.value, change.new.status.value
    notices().mail(_buyer(order), f"Your order {order.order_id}", f"Your order was {before}. It is {now} now.\n")


def _buyer(order: Order) -> User:
    try:
        return User.get(user_id=order.user_id, consistent=True)
    except User.DoesNotExist:
        raise UnprocessableError(f"The user of order {order.order_id} does not exist.") from None


# --- reviews -----------------------------------------------------------------------------


@router.on(Review, "INSERT", "MODIFY", "REMOVE", changed="rating", needs=(), idempotent=True)
def rate(change: Change[Review]) -> None:
    """Update a product's rating after a change of one of its reviews."""
    count_review(**change.key, event_stars=None if change.event == "REMOVE" else lambda: _stars(change))


@router.on(Product, "INSERT", "MODIFY", changed=("rating_count", "rating_sum"), needs=(), idempotent=True)
def keep_rating(change: Change[Product]) -> None:
    """Restore a product's copy of its rating, if other code stored the product without it."""
    copy_rating(change.key["product_id"])


def _stars(change: Change[Review]) -> int | None:
    try:
        return change.new.rating
    except MalformedItemError:
        return None


@router.on(Review, "INSERT")
def announce_review(change: Change[Review]) -> None:
    """Publish `review-created`."""
    review = change.new
    notices().publish("review-created", change.event_id, reviewId=review.review_id, productId=review.product_id)
