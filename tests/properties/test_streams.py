"""The shop's ratings and stock are exact, even if their events are repeated, reordered, unreadable or fail."""

import json
from collections import Counter, defaultdict
from contextlib import redirect_stdout
from copy import deepcopy
from decimal import Decimal
from importlib import import_module
from io import StringIO

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import patterns
from models import Order, OrderItem, OrderStatus, Product, Review, ShopTable
from shop import stream
from singletable.engine import embedded
from singletable.migrations.live_table import LiveTable
from singletable.models.binding.binding import connection_of
from singletable.models.items.item import key_of
from singletable.streams import StreamRouter
from singletable.streams.client import StreamsClient, stream_arn
from singletable.streams.reader import StreamReader
from tests.framework.streams.kinesis import kinesis_record

ratings = import_module("migrations.0008_ratings")
ratings_of_shop = import_module("shop.ratings")

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
        st.tuples(st.just("stale"), st.sampled_from(PRODUCTS), st.none()),
        st.tuples(st.just("again made"), st.sampled_from(PRODUCTS), st.none()),
    ),
    min_size=1,
    max_size=14,
)


def do(writes, reviews=(), orders=()):
    """Change the shop; return the reviews and the orders."""
    reviews, orders = [*reviews], [*orders]
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
        elif name == "stale":
            # Other code stores the whole product, without the rating, which it does not know.
            stale = Product.get(product_id=which)
            stale.rating_count = stale.rating_sum = None
            stale.save()
        elif name == "again made":
            again = Product.get(product_id=which)
            again.delete()
            again.rating_count = again.rating_sum = None
            again.create()
        elif name == "cancel" and orders:
            order = Order.get(user_id="u", order_id=orders[which % len(orders)].order_id)
            if order.status is not OrderStatus.CANCELLED:
                patterns.cancel_order("u", order.order_id)
    return reviews, orders


def records():
    """Return the records of the table's stream as Lambda passes them: JSON."""
    reader = StreamReader(StreamsClient(ShopTable), stream_arn(ShopTable))
    return [json.loads(json.dumps(each, default=as_json)) for batch in reader.poll() for each in batch.records]


def as_json(value):
    """Return a time in the form of Lambda's events."""
    return value.timestamp()


class Chance:
    """Makes a limited number of calls fail, because with more a batch could fail forever."""

    def __init__(self, draw, times):
        self.draw, self.left = draw, times

    def of(self, *ways):
        """Return a kind of failure, or None for success."""
        way = self.draw(st.sampled_from([None, None, *ways])) if self.left else None
        self.left -= way is not None
        return way


class Flaky:
    """A handler that sometimes fails, before its work or after it."""

    def __init__(self, handler, chance):
        self.handler, self.chance = handler, chance

    def __call__(self, change):
        how = self.chance.of("before", "after")
        if how == "before":
            raise OSError("before")
        self.handler(change)
        if how == "after":
            raise OSError("after")


class Sink:
    """A sink of dead letters that sometimes fails."""

    def __init__(self, chance):
        self.letters, self.chance = [], chance

    def __call__(self, letter):
        if self.chance.of("down"):
            raise OSError("down")
        self.letters.append(letter)


def spoil(record, draw):
    """Make the images of a few records unreadable, as if a newer version of the models had written them."""
    for name in ("NewImage", "OldImage"):
        image = record["dynamodb"].get(name)
        if image and draw(st.sampled_from([False, False, False, True])):
            image.update({each: {"S": "?"} for each in ("rating", "total") if each in image})
    return record


def deliver(handler, shards, draw, between):
    """Pass the records of some shards to a Lambda function in batches, again from the first failed record."""
    behind = dict.fromkeys(shards, 0)
    while open_shards := [name for name in shards if behind[name] < len(shards[name])]:
        between()
        shard = draw(st.sampled_from(open_shards))
        records, at = shards[shard], behind[shard]
        # Records that were handled before may come again with the others.
        start = max(0, at - draw(st.sampled_from([0, 0, 1, 3])))
        end = min(len(records), at + draw(st.integers(1, 4)))
        answer = handler({"Records": deepcopy(records[start:end])}, None)
        numbers = [number_of(each) for each in records]
        failed = [each["itemIdentifier"] for each in answer["batchItemFailures"]]
        behind[shard] = max(at, min(map(numbers.index, failed), default=end))


def number_of(record):
    """Return the sequence number by which Lambda identifies a record."""
    return record["kinesis"]["sequenceNumber"] if "kinesis" in record else record["dynamodb"]["SequenceNumber"]


@settings(max_examples=max(20, settings().max_examples // 10), suppress_health_check=list(HealthCheck))
@given(WRITES, WRITES, st.lists(st.booleans(), min_size=1, max_size=3), st.data())
def test_ratings_and_stock_are_exact(before, after, wrapped, data):
    """They are exact with reviews older than the stream, which a migration counts meanwhile, and through Kinesis.

    Batches have any size, records are repeated, shards are read in any order, images are unreadable, and handlers and
    the sink of dead letters fail.
    """
    chance = Chance(data.draw, 8)
    sink = Sink(chance)
    router = StreamRouter(ShopTable, dead_letters=sink)
    router.on(Review, "INSERT", "MODIFY", "REMOVE", changed="rating", needs=(), idempotent=True, name="rate")(
        Flaky(stream.rate, chance)
    )
    router.on(
        Product, "INSERT", "MODIFY", changed=("rating_count", "rating_sum"), needs=(), idempotent=True, name="keep"
    )(Flaky(stream.keep_rating, chance))
    router.on(Order, "INSERT", name="stock")(Flaky(stream.take_stock, chance))
    with embedded(ShopTable), redirect_stdout(StringIO()):
        for each in PRODUCTS:
            Product(product_id=each, name="-", category_id="c", price=Decimal(1), stock=STOCK).create()
        known = do([each for each in before if each[0] != "order"])
        missed = len(records())
        do(after, *known)
        # The changes of one item are in one shard. Keys contain random ids, so an item is named by the order of its
        # first change.
        shards, places = defaultdict(list), {}
        for each in records()[missed:]:
            place = places.setdefault(str(each["dynamodb"]["Keys"]), len(places)) % len(wrapped)
            each = spoil(each, data.draw)
            number = str(len(shards[place]))
            shards[place].append(kinesis_record(each, number, table="shop") if wrapped[place] else each)
        migrate = iter([ratings.count_reviews])

        def between():
            """Run the migration once, at a drawn moment."""
            if data.draw(st.booleans()):
                for count in migrate:
                    count(LiveTable(connection_of(ShopTable)))

        deliver(router.lambda_handler, shards, data.draw, between)
        for count in migrate:
            count(LiveTable(connection_of(ShopTable)))
        if missed:
            # The stream has no events of older products; the next change of a product is its first event.
            for each in PRODUCTS:
                ratings_of_shop.copy_rating(each)
        assert {"stock"} >= {each.handler for each in sink.letters}
        given_up = {each.event_id for each in sink.letters}
        lost = {
            record["dynamodb"]["Keys"]["SK"]["S"]
            for record in records()
            if record["eventID"] in given_up and record["eventName"] == "INSERT"
        }
        sold = Counter()
        for order in Order.query(user_id="u"):
            assert order.stock_taken or order.status is OrderStatus.CANCELLED or key_of(order)["SK"]["S"] in lost
            if order.stock_taken and order.status is not OrderStatus.CANCELLED:
                sold.update({each.product_id: each.quantity for each in OrderItem.query(order_id=order.order_id)})
        for each in PRODUCTS:
            product = Product.get(product_id=each, consistent=True)
            stars = [review.rating for review in Review.query(product_id=each)]
            assert (len(stars), sum(stars)) == (product.rating_count or 0, product.rating_sum or 0)
            assert STOCK - sold[each] == product.stock
