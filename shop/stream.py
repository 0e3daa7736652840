"""What the shop does when something changes: mails, events, stock and ratings."""

from collections import Counter

from models import Order, OrderItem, OrderStatus, Product, Review, ShopTable, User
from shop.notices import notices
from shop.ratings import copy_rating, count_review
from singletable.errors import MalformedItemError, TransactionCancelled, Unprocessable
from singletable.streams import Change, StreamRouter

router = StreamRouter(ShopTable)
router.on_start(notices)

_MOST_PRODUCTS = 98
"""A transaction takes 100 operations: the order and the event's mark are two of them."""


# --- users -------------------------------------------------------------------------------


@router.on(User, "INSERT")
def welcome(change: Change[User]) -> None:
    """A mail to a new user."""
    user = change.new
    notices().mail(user, "Welcome", f"Hello {user.name},\n\nwelcome to the shop. Your account is ready.\n")


@router.on(User, "INSERT")
def announce_user(change: Change[User]) -> None:
    """`user-created`, for whoever listens."""
    notices().publish("user-created", change.event_id, userId=change.new.user_id)


# --- orders ------------------------------------------------------------------------------


@router.on(Order, "INSERT")
def confirm(change: Change[Order]) -> None:
    """A mail that an order has arrived."""
    order = change.new
    notices().mail(_buyer(order), f"Your order {order.order_id}", f"Thank you: we have your order of {order.total}.\n")


@router.on(Order, "INSERT")
def take_stock(change: Change[Order]) -> None:
    """The stock of an order that did not take it itself: one that other code wrote, and not `place_order`.

    All of it or nothing, once, and not of an order that was cancelled meanwhile. The order's lines have to be written
    before it, or with it.
    """
    order = change.new
    if order.stock_taken is not False:
        return
    wanted: Counter[str] = Counter()
    for line in OrderItem.query(order_id=order.order_id, consistent=True):
        wanted[line.product_id] += line.quantity
    if not 1 <= len(wanted) <= _MOST_PRODUCTS:
        raise Unprocessable(f"Order {order.order_id} has {len(wanted)} products; its stock was not taken.")
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
            return  # it was taken, or the order was cancelled or is gone
        short = [each.entity.product_id for each in others if each.code == "ConditionalCheckFailed"]
        if not short:
            raise
        raise Unprocessable(f"Order {order.order_id}: there is not enough of product {', '.join(short)}.") from None


@router.on(Order, "INSERT")
def announce_order(change: Change[Order]) -> None:
    """`order-created`, for whoever listens."""
    order = change.new
    notices().publish("order-created", change.event_id, orderId=order.order_id, userId=order.user_id)


@router.on(Order, "MODIFY", changed="status")
def tell_status(change: Change[Order]) -> None:
    """A mail that says what an order was, and what it is now."""
    order, before, now = change.new, change.old.status.value, change.new.status.value
    notices().mail(_buyer(order), f"Your order {order.order_id}", f"Your order was {before}, and is {now} now.\n")


def _buyer(order: Order) -> User:
    try:
        return User.get(user_id=order.user_id, consistent=True)
    except User.DoesNotExist:
        raise Unprocessable(f"The user of order {order.order_id} does not exist.") from None


# --- reviews -----------------------------------------------------------------------------


@router.on(Review, "INSERT", "MODIFY", "REMOVE", changed="rating", needs=(), idempotent=True)
def rate(change: Change[Review]) -> None:
    """Bring a product's rating in line with one of its reviews."""
    count_review(**change.key, event_stars=None if change.event == "REMOVE" else lambda: _stars(change))


@router.on(Product, "INSERT", "MODIFY", changed=("rating_count", "rating_sum"), needs=(), idempotent=True)
def keep_rating(change: Change[Product]) -> None:
    """Give a product its rating again, if other code stored it without."""
    copy_rating(change.key["product_id"])


def _stars(change: Change[Review]) -> int | None:
    try:
        return change.new.rating
    except MalformedItemError:
        return None


@router.on(Review, "INSERT")
def announce_review(change: Change[Review]) -> None:
    """`review-created`, for whoever listens."""
    review = change.new
    notices().publish("review-created", change.event_id, reviewId=review.review_id, productId=review.product_id)
