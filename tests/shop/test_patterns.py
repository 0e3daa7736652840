"""The shop's access patterns, compared with the loaded entities, and by example."""

import itertools
import threading
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from botocore.exceptions import ClientError

import patterns
from models import (
    EmailClaim,
    Order,
    OrderItem,
    OrderStatus,
    Product,
    ProductStatus,
    Review,
    ShopTable,
    User,
    UserStatus,
)
from singletable.errors import TransactionCancelled
from singletable.patterns import patterns_of
from singletable.testing.faults import Fault, Rival, inject
from singletable.testing.invariants import check_fresh
from tests.shop.asking import disagreements

ALL = patterns_of(ShopTable)


def test_there_are_eleven():
    """Numbered from 1."""
    assert [str(number) for number in range(1, 12)] == [pattern.number for pattern in ALL]


@pytest.mark.parametrize("pattern", ALL, ids=lambda pattern: pattern.name)
def test_each_pattern_on_the_tutorials_sample(pattern, tutorial_table):
    """With arguments drawn from the sample, each result is the one that follows from the entities."""
    assert {None} == set(disagreements(pattern, tutorial_table))


def test_a_user(tutorial_table):
    """By id and by the exact e-mail address."""
    assert "田中 太郎" == patterns.user("user-0001").one().name
    assert "user-0002" == patterns.user_by_email("sato@example.com").one().user_id
    assert patterns.user_by_email("SATO@example.com").first() is None


def test_newest_first(tutorial_table):
    """Orders of a user, products of a category, reviews of a product."""
    orders = patterns.orders_of_user("user-0013").all()
    assert sorted((order.placed_at for order in orders), reverse=True) == [order.placed_at for order in orders]
    products = patterns.products_of_category("sports & outdoor").all()
    assert sorted((each.created_at for each in products), reverse=True) == [each.created_at for each in products]
    assert ["review-0001", "review-0000"] == [each.review_id for each in patterns.reviews_of_product("product-0001")][
        -2:
    ]


def test_an_order_with_its_items(tutorial_table):
    """The order and its lines, whose sum is the total."""
    order, lines = patterns.order_with_items("order-00007")
    assert order.one().total == sum(line.quantity * line.unit_price for line in lines)


def test_both_ends_of_an_interval_are_included(tutorial_table):
    """With any text after the time in the key."""
    orders = sorted((each for each in tutorial_table if isinstance(each, Order)), key=lambda each: each.placed_at)
    found = patterns.orders_placed_between(orders[3].placed_at, orders[60].placed_at).all()
    assert [order.order_id for order in orders[3:61]] == [order.order_id for order in found]


def test_statuses_do_not_mix(tutorial_table):
    """Users and products share STATUS#ACTIVE; the tutorial's query reads both."""
    assert {User} == {type(each) for each in patterns.users_by_status(UserStatus.ACTIVE)}
    assert {Product} == {type(each) for each in patterns.products_by_status(ProductStatus.ACTIVE)}


def sold(product_id, stock=0, price="1"):
    """Return a stored product that can be bought."""
    Product(product_id=product_id, name="n", category_id="c", price=Decimal(price), stock=stock).create()


def in_threads(count, work, refusal):
    """Run a function in several threads; return how many of them were refused."""
    refused, barrier = [], threading.Barrier(count)

    def run():
        barrier.wait()
        try:
            work()
        except refusal:
            refused.append(1)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(refused)


# --- the operations of the tutorial's data-access classes --------------------------------


def test_what_is_loaded_is_claimed(tutorial_table):
    """A loaded user's address is taken, and a loaded review is the user's only one of the product."""
    with pytest.raises(patterns.EmailTakenError):
        patterns.register_user("Another", "sato@example.com")
    with pytest.raises(patterns.AlreadyReviewedError):
        patterns.review_product("product-0001", "user-0001", 1)


@pytest.mark.usefixtures("table")
class TestCommands:
    """Users are registered and changed, and reviews are written."""

    def test_register_user(self):
        """The user gets a random id and is found by e-mail."""
        made = patterns.register_user("田中 太郎", "tanaka@example.com", phone="+81")
        assert made.user_id == patterns.user_by_email("tanaka@example.com").one().user_id
        assert "+81" == patterns.user(made.user_id).one().phone

    def test_an_email_is_used_once(self):
        """Two users cannot have one address, which is personal and not in the message."""
        patterns.register_user("One", "same@example.com")
        with pytest.raises(patterns.EmailTakenError) as caught:
            patterns.register_user("Two", "same@example.com")
        assert "same@" not in str(caught.value)
        assert 1 == len(User.scan().all())

    def test_update_user(self):
        """The keys that depend on the changed attributes change; updatedAt advances."""
        made = patterns.register_user("One", "old@example.com")
        before = made.updated_at
        patterns.update_user(made.user_id, email="new@example.com", status=UserStatus.SUSPENDED, name="Uno")
        assert patterns.user_by_email("old@example.com").first() is None
        found = patterns.user_by_email("new@example.com").one()
        assert ("Uno", UserStatus.SUSPENDED) == (found.name, found.status)
        assert [made.user_id] == [each.user_id for each in patterns.users_by_status(UserStatus.SUSPENDED)]
        assert [] == patterns.users_by_status(UserStatus.ACTIVE).all()
        assert found.updated_at > before

    def test_only_allowed_fields_change(self):
        """An id or a time of creation does not."""
        made = patterns.register_user("One", "a@example.com")
        with pytest.raises(TypeError, match="created_at cannot be changed; only name, email"):
            patterns.update_user(made.user_id, created_at=None, name="Two")
        assert "One" == patterns.user(made.user_id).one().name
        with pytest.raises(User.DoesNotExist):
            patterns.update_user("nobody", name="Two")
        patterns.register_user("Two", "b@example.com")
        with pytest.raises(patterns.EmailTakenError):
            patterns.update_user(made.user_id, email="b@example.com")

    def test_reviews(self):
        """Each user reviews each product once, also at the same time; found by product and by user, newest first."""
        for product_id in ("p1", "p10"):
            sold(product_id)
        for user_id, rating in (("u1", 4), ("u2", 5)):
            patterns.review_product("p1", user_id, rating, "良い")
        patterns.review_product("p10", "u1", 1)
        assert [5, 4] == [each.rating for each in patterns.reviews_of_product("p1")]
        assert [4, 1] == [each.rating for each in patterns.reviews_by_user("u1")]
        with pytest.raises(ValueError, match="A rating of 6 stars"):
            patterns.review_product("p1", "u1", 6)
        with pytest.raises(patterns.AlreadyReviewedError):
            patterns.review_product("p1", "u1", 1)
        with pytest.raises(Product.DoesNotExist):
            patterns.review_product("nothing", "u1", 1)
        assert 3 == len(Review.scan().all())

    def test_an_email_is_used_once_under_concurrency(self):
        """Of eight registrations at the same time one succeeds."""
        taken = in_threads(8, lambda: patterns.register_user("X", "x@example.com"), patterns.EmailTakenError)
        assert 7 == taken
        assert 1 == len(User.scan().all())

    def test_an_address_that_changes_meanwhile_is_given_up_all_the_same(self):
        """Each user has one claim, to the stored address; a user's own claim does not block a change."""
        made = patterns.register_user("One", "a@example.com")
        other = patterns.register_user("Two", "b@example.com")
        emails = itertools.count()
        in_threads(6, lambda: patterns.update_user(made.user_id, email=f"{next(emails)}@example.com"), ValueError)
        before = {"operations": ["TransactWriteItems"], "calls": {1}}
        for email in ("b@example.com", "c@example.com"):
            rival = Rival(lambda email=email: patterns.update_user(other.user_id, email=email), **before)
            with inject(ShopTable, rival):
                assert "c@example.com" == patterns.update_user(other.user_id, email="c@example.com").email
            patterns.update_user(other.user_id, email="b@example.com")
        form = Rival(lambda: patterns.update_user(other.user_id, email="d@example.com"), calls={1})
        with inject(ShopTable, form):
            form_sent = patterns.update_user(other.user_id, email="b@example.com", name="Zwei")
        assert "b@example.com" == form_sent.email
        claims = {(each.email, each.user_id) for each in EmailClaim.scan()}
        assert {(each.email, each.user_id) for each in User.scan()} == claims
        with inject(ShopTable, Rival(lambda: User.get(user_id=other.user_id).delete(), **before)):
            with pytest.raises(User.DoesNotExist):
                patterns.update_user(other.user_id, email="d@example.com")

    def test_an_order_takes_its_stock(self):
        """The order, its lines and the stock are written together; the same request again has no effect."""
        sold("p1", stock=5, price="2.50")
        sold("p2", stock=1, price="10")
        placed = patterns.place_order("u1", {"p1": 2, "p2": 1}, "request 1")
        again = patterns.place_order("u1", {"p2": 1, "p1": 2}, "request 1")
        assert (placed.order_id, Decimal(15)) == (again.order_id, again.total)
        order, lines = patterns.order_with_items(placed.order_id)
        assert Decimal(15) == order.one().total
        assert [("p1", 2), ("p2", 1)] == [(line.product_id, line.quantity) for line in lines]
        assert [3, 0] == [Product.get(product_id=each).stock for each in ("p1", "p2")]
        with pytest.raises(patterns.RequestReusedError):
            patterns.place_order("u1", {"p1": 1}, "request 1")
        check_fresh(ShopTable)

    def test_out_of_stock_says_which(self):
        """The stock of the other products is not taken."""
        sold("p1", stock=5)
        sold("p2", stock=1)
        with pytest.raises(patterns.OutOfStockError, match="The stock of product p2 is less than 2") as caught:
            patterns.place_order("u1", {"p1": 2, "p2": 2}, "r")
        assert ("p2", 2) == (caught.value.product_id, caught.value.wanted)
        assert 5 == Product.get(product_id="p1").stock
        assert [] == patterns.orders_of_user("u1").all()
        with pytest.raises(Product.DoesNotExist, match="The product p3 does not exist"):
            patterns.place_order("u1", {"p3": 1}, "r")
        for lines in ({}, {"p1": 0}, {str(number): 1 for number in range(50)}):
            with pytest.raises(ValueError, match="give 1 to 49"):
                patterns.place_order("u1", lines, "r")

    def test_stock_is_never_sold_twice(self):
        """Eight orders at the same time for five pieces."""
        sold("p1", stock=5)
        requests = itertools.count()
        short = in_threads(
            8, lambda: patterns.place_order("u1", {"p1": 1}, str(next(requests))), patterns.OutOfStockError
        )
        assert (3, 0, 5) == (short, Product.get(product_id="p1").stock, patterns.orders_of_user("u1").count())

    def test_a_status_given_as_text_is_the_status(self):
        """A JSON API passes text; an order that is canceled by it also returns its stock."""
        sold("p1", stock=5)
        placed = patterns.place_order("u1", {"p1": 2}, "r")
        assert OrderStatus.CANCELLED is patterns.change_status("u1", placed.order_id, "CANCELLED").status
        assert 5 == Product.get(product_id="p1").stock
        with pytest.raises(ValueError, match="'LOST' is not a valid OrderStatus"):
            patterns.change_status("u1", placed.order_id, "LOST")

    def test_a_product_that_is_gone_stands_in_the_way_of_no_order_that_was_placed(self):
        """A repeated request finds its order, which can be canceled. Quantities must be whole numbers."""
        sold("p1", stock=5)
        sold("p2", stock=5)
        placed = patterns.place_order("u1", {"p1": 2, "p2": 1}, "r")
        Product.get(product_id="p1").delete()
        assert placed.order_id == patterns.place_order("u1", {"p1": 2, "p2": 1}, "r").order_id
        with pytest.raises(Product.DoesNotExist):
            patterns.place_order("u1", {"p1": 2}, "another")
        patterns.cancel_order("u1", placed.order_id)
        assert 5 == Product.get(product_id="p2").stock
        with pytest.raises(ValueError, match="give 1 to 49"):
            patterns.place_order("u1", {"p2": 1.5}, "r3")

    def test_a_conflict_is_no_answer_about_the_item(self):
        """Other transactions conflict; the product is neither out of stock nor gone."""

        class Conflict(Fault):
            def befall(self, send, operation, params, dice):
                codes = ["None"] * (len(params["TransactItems"]) - 1) + ["TransactionConflict"]
                told = {"Error": {"Code": "TransactionCanceledException", "Message": "Injected."}}
                raise ClientError({**told, "CancellationReasons": [{"Code": code} for code in codes]}, operation)

        sold("p1", stock=5)
        placed = patterns.place_order("u1", {"p1": 2}, "r")
        with inject(ShopTable, Conflict(operations=["TransactWriteItems"])):
            for command in (
                lambda: patterns.place_order("u1", {"p1": 2}, "r2"),
                lambda: patterns.review_product("p1", "u1", 5),
                lambda: patterns.cancel_order("u1", placed.order_id),
            ):
                with pytest.raises(TransactionCancelled, match="was changed by other writers at each of 16") as caught:
                    command()
                codes = [reason.code for reason in caught.value.reasons]
                assert [*[None] * (len(codes) - 1), "TransactionConflict"] == codes

    def test_a_cancelled_order_gives_its_stock_back(self):
        """Once, and not after it was shipped."""
        sold("p1", stock=5)
        placed = patterns.place_order("u1", {"p1": 2}, "r")
        patterns.change_status("u1", placed.order_id, OrderStatus.PAID)
        assert OrderStatus.CANCELLED is patterns.cancel_order("u1", placed.order_id).status
        assert 5 == Product.get(product_id="p1").stock
        with pytest.raises(patterns.StatusChangeRefusedError, match="is CANCELLED and cannot become CANCELLED"):
            patterns.cancel_order("u1", placed.order_id)
        assert 5 == Product.get(product_id="p1").stock
        with pytest.raises(Order.DoesNotExist):
            patterns.change_status("u1", "nothing", OrderStatus.PAID)
        check_fresh(ShopTable)

    def test_two_lines_of_one_product_go_back_together(self):
        """DynamoDB allows one operation for each item; an imported order may name a product twice."""
        sold("p1", stock=1)
        Order(user_id="u1", order_id="o1", stock_taken=True).create()
        for line, quantity in ((1, 2), (2, 3)):
            OrderItem(order_id="o1", line=line, product_id="p1", quantity=quantity, unit_price=Decimal(1)).create()
        patterns.cancel_order("u1", "o1")
        assert 6 == Product.get(product_id="p1").stock

    def test_a_status_moves_on_with_its_key(self):
        """Only in the allowed order, and only once if two changes arrive at the same time."""
        sold("p1", stock=5)
        placed = patterns.place_order("u1", {"p1": 1}, "r")
        with pytest.raises(patterns.StatusChangeRefusedError, match="is PENDING and cannot become DELIVERED"):
            patterns.change_status("u1", placed.order_id, OrderStatus.DELIVERED)
        rival = Rival(lambda: patterns.cancel_order("u1", placed.order_id), calls={1}, operations=["UpdateItem"])
        with inject(ShopTable, rival), pytest.raises(patterns.StatusChangeRefusedError, match="is no longer PENDING"):
            patterns.change_status("u1", placed.order_id, OrderStatus.PAID)
        assert [placed.order_id] == [each.order_id for each in Order.by_status.query(status=OrderStatus.CANCELLED)]

    def test_orders_of_a_user(self):
        """Ids sort by time, so the last one made comes first."""
        start = datetime(2026, 1, 1, tzinfo=timezone.utc)
        for day in range(5):
            Order(user_id="u1", total=Decimal(day), placed_at=start + timedelta(days=day)).create()
        assert [4, 3, 2, 1, 0] == [int(order.total) for order in patterns.orders_of_user("u1")]
        pending = Order.by_status.query(status=OrderStatus.PENDING)
        assert [0, 1, 2, 3, 4] == [int(order.total) for order in pending]
