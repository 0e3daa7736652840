"""The shop's access patterns, against what the loaded entities say, and by example."""

from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest

import patterns
from models import Order, OrderStatus, Product, ProductStatus, ShopTable, User, UserStatus
from singletable.patterns import patterns_of
from tests.shop.asking import disagreements

ALL = patterns_of(ShopTable)


def test_there_are_eleven():
    """Numbered from 1."""
    assert [str(number) for number in range(1, 12)] == [pattern.number for pattern in ALL]


@pytest.mark.parametrize("pattern", ALL, ids=lambda pattern: pattern.name)
def test_each_pattern_on_the_tutorials_sample(pattern, tutorial_table):
    """With arguments drawn from it, every answer is the one that its entities give."""
    assert {None} == set(disagreements(pattern, tutorial_table))


def test_a_user(tutorial_table):
    """By id, and by e-mail as it is written."""
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
    """The order as well as its lines, and they add up."""
    order, lines = patterns.order_with_items("order-00007")
    assert order.one().total == sum(line.quantity * line.unit_price for line in lines)


def test_both_ends_of_an_interval_are_included(tutorial_table):
    """Whatever follows in the key."""
    orders = sorted((each for each in tutorial_table if isinstance(each, Order)), key=lambda each: each.placed_at)
    found = patterns.orders_placed_between(orders[3].placed_at, orders[60].placed_at).all()
    assert [order.order_id for order in orders[3:61]] == [order.order_id for order in found]


def test_statuses_do_not_mix(tutorial_table):
    """Users and products share STATUS#ACTIVE; the tutorial's query reads both."""
    assert {User} == {type(each) for each in patterns.users_by_status(UserStatus.ACTIVE)}
    assert {Product} == {type(each) for each in patterns.products_by_status(ProductStatus.ACTIVE)}


# --- what the tutorial's data-access classes do -----------------------------------------


@pytest.mark.usefixtures("table")
class TestCommands:
    """Creating and changing users, writing reviews."""

    def test_create_user(self):
        """A random id; found by its e-mail."""
        made = patterns.create_user("田中 太郎", "tanaka@example.com", phone="+81")
        assert made.user_id == patterns.user_by_email("tanaka@example.com").one().user_id
        assert "+81" == patterns.user(made.user_id).one().phone

    def test_an_email_is_used_once(self):
        """A random id never exists already; the e-mail may. It is personal, and not in the message."""
        patterns.create_user("One", "same@example.com")
        with pytest.raises(patterns.EmailTaken) as caught:
            patterns.create_user("Two", "same@example.com")
        assert "same@" not in str(caught.value)
        assert 1 == len(User.scan().all())

    def test_update_user(self):
        """The keys that depend on what changes follow; updatedAt moves."""
        made = patterns.create_user("One", "old@example.com")
        before = made.updated_at
        patterns.update_user(made.user_id, email="new@example.com", status=UserStatus.SUSPENDED, name="Uno")
        assert patterns.user_by_email("old@example.com").first() is None
        found = patterns.user_by_email("new@example.com").one()
        assert ("Uno", UserStatus.SUSPENDED) == (found.name, found.status)
        assert [made.user_id] == [each.user_id for each in patterns.users_by_status(UserStatus.SUSPENDED)]
        assert [] == patterns.users_by_status(UserStatus.ACTIVE).all()
        assert found.updated_at > before

    def test_only_allowed_fields_change(self):
        """An id or a date of creation does not."""
        made = patterns.create_user("One", "a@example.com")
        with pytest.raises(TypeError, match="created_at cannot be changed; only name, email"):
            patterns.update_user(made.user_id, created_at=None, name="Two")
        assert "One" == patterns.user(made.user_id).one().name
        with pytest.raises(User.DoesNotExist):
            patterns.update_user("nobody", name="Two")
        patterns.create_user("Two", "b@example.com")
        with pytest.raises(patterns.EmailTaken):
            patterns.update_user(made.user_id, email="b@example.com")

    def test_reviews(self):
        """Written, and found by product and by user, newest first."""
        for rating in (4, 5):
            patterns.add_review("p1", "u1", rating, "良い")
        patterns.add_review("p10", "u10", 1)
        assert [5, 4] == [each.rating for each in patterns.reviews_of_product("p1")]
        assert [4, 5] == [each.rating for each in patterns.reviews_by_user("u1")]
        with pytest.raises(ValueError, match="A rating of 6 stars"):
            patterns.add_review("p1", "u1", 6)

    def test_orders_of_a_user(self):
        """Ids sort by time, so the last one made comes first."""
        start = datetime(2026, 1, 1, tzinfo=timezone.utc)
        for day in range(5):
            Order(user_id="u1", total=Decimal(day), placed_at=start + timedelta(days=day)).create()
        assert [4, 3, 2, 1, 0] == [int(order.total) for order in patterns.orders_of_user("u1")]
        pending = Order.by_status.query(status=OrderStatus.PENDING)
        assert [0, 1, 2, 3, 4] == [int(order.total) for order in pending]
