"""The shop's ratings and stock are exact, whatever becomes of the events that they are made of."""

from collections import Counter, defaultdict
from copy import deepcopy
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import patterns
from models import Order, OrderItem, OrderStatus, Product, Review, ShopTable
from shop import stream
from singletable.engine import embedded
from singletable.errors import HandlersFailed
from singletable.streams import StreamRouter
from singletable.streams.client import StreamsClient, stream_arn
from singletable.streams.reader import StreamReader

PRODUCTS = ("p0", "p1")
STOCK = 100

number = st.integers(0, 9)
WRITES = st.lists(
    st.one_of(
        st.tuples(st.just("review"), st.sampled_from(PRODUCTS), st.integers(1, 5)),
        st.tuples(st.just("again"), number, st.integers(1, 5)),
        st.tuples(st.just("withdraw"), number, st.none()),
        st.tuples(st.just("order"), st.sampled_from(PRODUCTS), st.integers(1, 9)),
        st.tuples(st.just("place"), st.sampled_from(PRODUCTS), st.integers(1, 9)),
        st.tuples(st.just("cancel"), number, st.none()),
    ),
    min_size=1,
    max_size=14,
)


def do(writes):
    """Change the shop; what it should come to, as far as the stream has nothing to do with it."""
    reviews, orders = [], []
    for name, which, how in writes:
        if name == "review":
            reviews.append(Review(product_id=which, user_id="u", rating=how))
            reviews[-1].create()
        elif name == "again" and reviews:
            reviews[which % len(reviews)].update(rating=how)
        elif name == "withdraw" and reviews:
            reviews.pop(which % len(reviews)).delete()
        elif name == "order":
            orders.append(Order(order_id=f"o{len(orders)}", user_id="u"))
            line = OrderItem(
                order_id=orders[-1].order_id, line=1, product_id=which, quantity=how, unit_price=Decimal(1)
            )
            with ShopTable.transaction() as transaction:
                transaction.create(orders[-1], line)
        elif name == "place":
            orders.append(patterns.place_order("u", {which: how}, f"r{len(orders)}"))
        elif name == "cancel" and orders:
            order = Order.get(user_id="u", order_id=orders[which % len(orders)].order_id)
            if order.status is not OrderStatus.CANCELLED:
                patterns.cancel_order("u", order.order_id)


def records():
    """What the table's stream holds by now."""
    reader = StreamReader(StreamsClient(ShopTable), stream_arn(ShopTable))
    return [each for batch in reader.poll() for each in batch.records]


class Flaky:
    """A handler that fails as often as it is told: before it does anything, or behind all that it does."""

    def __init__(self, handler, draw):
        self.handler, self.draw, self.left = handler, draw, 6

    def __call__(self, change):
        how = self.draw(st.sampled_from(["well", "well", "before", "behind"])) if self.left else "well"
        self.left -= how != "well"
        if how == "before":
            raise OSError("before")
        self.handler(change)
        if how == "behind":
            raise OSError("behind")


def deliver(router, shards, draw):
    """Give the records of some shards to a router as Lambda does: in batches, again where one fails, and some twice."""
    behind = dict.fromkeys(shards, 0)
    while open_shards := [name for name in shards if behind[name] < len(shards[name])]:
        shard = draw(st.sampled_from(open_shards))
        at = behind[shard]
        # Some that were handled before may come again with those that were not.
        start = max(0, at - draw(st.sampled_from([0, 0, 1, 3])))
        for position in range(start, min(len(shards[shard]), at + draw(st.integers(1, 4)))):
            try:
                router.process(deepcopy(shards[shard][position]))
            except HandlersFailed:
                break
            behind[shard] = max(behind[shard], position + 1)


@settings(max_examples=max(20, settings().max_examples // 10), suppress_health_check=list(HealthCheck))
@given(WRITES, st.integers(1, 3), st.data())
def test_ratings_and_stock_are_exact(writes, count, data):
    """For batches of any cut, events that come twice, shards in any order, and handlers that fail at any moment."""
    letters = []
    router = StreamRouter(ShopTable, dead_letters=letters.append)
    router.on(Review, "INSERT", "MODIFY", "REMOVE", changed="rating", name="rate")(Flaky(stream.rate, data.draw))
    router.on(Order, "INSERT", name="stock")(Flaky(stream.take_stock, data.draw))
    with embedded(ShopTable):
        for each in PRODUCTS:
            Product(product_id=each, name="-", category_id="c", price=Decimal(1), stock=STOCK).create()
        do(writes)
        # The changes of one item are in one shard. Keys hold random ids: they are told apart by which came first.
        shards, places = defaultdict(list), {}
        for each in records():
            key = str(each["dynamodb"]["Keys"])
            shards[places.setdefault(key, len(places)) % count].append(each)
        deliver(router, shards, data.draw)
        # What fails behind its transaction is done, and told; nothing else is given up.
        assert all(each.reason.endswith("behind its transaction, which is done") for each in letters)
        sold = Counter()
        for order in Order.query(user_id="u"):
            if order.status is not OrderStatus.CANCELLED:
                assert order.stock_taken
                sold.update({each.product_id: each.quantity for each in OrderItem.query(order_id=order.order_id)})
        for each in PRODUCTS:
            product = Product.get(product_id=each, consistent=True)
            stars = [review.rating for review in Review.query(product_id=each)]
            assert (len(stars), sum(stars)) == (product.rating_count or 0, product.rating_sum or 0)
            assert STOCK - sold[each] == product.stock
