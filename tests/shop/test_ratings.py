"""Ratings: each review is counted once, in any order of its events; a migration counts those from before the stream."""

import time
from decimal import Decimal
from importlib import import_module
from pathlib import Path

import pytest

from models import Product, Review, ReviewCount, ShopTable
from shop import ratings
from shop.stream import router
from singletable.errors import TransactionCancelled
from singletable.migrations.live_table import LiveTable
from singletable.migrations.loader import load_graph
from singletable.migrations.runner import Runner
from singletable.models.binding.binding import connection_of
from singletable.streams import StreamRouter, record_of
from singletable.testing.faults import Rival, inject
from tests.shop.test_patterns import sold

ROOT = Path(__file__).parents[2]
migration = import_module("migrations.0008_ratings")


def rating():
    """Return the number of reviews, the sum of stars and the rating of the product."""
    product = Product.get(product_id="p1", consistent=True)
    return product.rating_count, product.rating_sum, product.rating


def review(stars, number=1, **attributes):
    """Return a review of the product that is not stored yet."""
    return Review(product_id="p1", review_id=f"r{number}", user_id="u", rating=stars, **attributes)


def stored(stars, number=1):
    """Store a review without handling its event: it is from before the stream."""
    made = review(stars, number)
    made.create()
    return made


def raters():
    """Return a router with only the shop's handlers of ratings, registered as in the shop."""
    made = StreamRouter(ShopTable)
    names = {"shop.stream.rate", "shop.stream.keep_rating"}
    made._handlers = [each for each in router._handlers if each.name in names]
    assert len(names) == len(made._handlers)
    return made


def hear(**images):
    """Give an event with these images to the handlers of ratings."""
    return raters().process(record_of(**images))


def count_old():
    """Run the function of the migration."""
    migration.count_reviews(LiveTable(connection_of(ShopTable)))


@pytest.fixture
def product(table):
    """A product without reviews."""
    sold("p1", stock=1)
    return Product.get(product_id="p1")


def test_the_end_of_a_review_that_was_never_counted_changes_nothing(product):
    """A rating is never negative, and never outside of 1 to 5 stars."""
    stored(1, number=2)
    gone = stored(5)
    gone.delete()
    hear(old=gone)
    assert (None, None, None) == rating()
    fresh = stored(1, number=3)
    hear(new=fresh)
    assert (1, 1, Decimal(1)) == rating()


def test_a_change_of_a_review_that_was_never_counted_counts_it(product):
    """With its present stars."""
    old = stored(1)
    changed = stored(1, number=2)
    changed.update(rating=5)
    hear(old=review(1, number=2), new=changed)
    assert (1, 5, Decimal(5)) == rating()
    count_old()
    assert (2, 6, Decimal(3)) == rating()
    old.delete()
    hear(old=old)
    assert (1, 5, Decimal(5)) == rating()


def test_events_may_come_again_and_in_any_order(product):
    """Only the stored review counts."""
    made = stored(2)
    made.update(rating=4)
    second = {"old": review(2), "new": review(4)}
    for images in (second, {"new": review(2)}, second, {"new": review(2)}):
        hear(**images)
        assert (1, 4, Decimal(4)) == rating()
    made.delete()
    for images in ({"old": review(4)}, second, {"new": review(2)}, {"old": review(4)}):
        hear(**images)
        assert (0, 0, None) == rating()


def test_a_review_that_is_replaced_whole_keeps_its_count(product):
    """Other code may put it again under its id, also after its deletion."""
    hear(new=stored(2))
    review(3).save()
    hear(old=review(2), new=review(3))
    assert (1, 3, Decimal(3)) == rating()
    review(3).delete()
    hear(old=review(3))
    hear(new=stored(4))
    assert (1, 4, Decimal(4)) == rating()


def test_an_event_of_a_review_that_is_not_stored_counts_until_its_end_is_heard(product):
    """So a handler's test does not need a stored review."""
    hear(new=review(4))
    assert (1, 4, Decimal(4)) == rating()
    hear(old=review(4))
    hear(new=review(4))
    assert (0, 0, None) == rating()
    note = ReviewCount.get(product_id="p1", review_id="r1")
    assert note.deleted_at is not None
    assert note.expires_at is not None


def test_a_product_that_is_made_again_has_the_reviews_that_it_had(product):
    """They are in the table; the rating is stored while the product does not exist."""
    first, second = stored(5), stored(1, number=2)
    hear(new=first)
    hear(new=second)
    product.delete()
    hear(new=stored(3, number=3))
    first.delete()
    hear(old=first)
    sold("p1", stock=1)
    assert (None, None, None) == rating()
    hear(new=Product.get(product_id="p1"))
    assert (2, 4, Decimal(2)) == rating()


def test_a_product_that_is_stored_whole_gets_its_rating_again(product):
    """Other code may store an old copy of it; an event of a review also restores the rating."""
    stale = Product.get(product_id="p1")
    hear(new=stored(5))
    rated = Product.get(product_id="p1")
    stale.save()
    assert (None, None, None) == rating()
    hear(old=rated, new=stale)
    assert (1, 5, Decimal(5)) == rating()
    stale.save()
    second = stored(2, number=2)
    hear(new=second)
    assert (2, 7, Decimal("3.5")) == rating()
    stale.save()
    second.delete()
    hear(old=second)
    assert (1, 5, Decimal(5)) == rating()


def test_a_product_that_its_model_cannot_read_is_rated_all_the_same(product):
    """The handler of reviews does not read it; only the lost copy makes a dead letter."""
    item = {**product.serialize(), "status": {"S": "NEWER"}, "createdAt": {"S": "2024-01-01T00:00:00Z"}}
    connection_of(ShopTable).connection.dispatch("PutItem", {"TableName": "shop", "Item": item})
    assert ("shop.stream.rate",) == hear(new=stored(4)).handled
    found = connection_of(ShopTable).connection.dispatch(
        "GetItem", {"TableName": "shop", "Key": {name: item[name] for name in ("PK", "SK")}}
    )["Item"]
    assert ({"N": "1"}, {"N": "4"}) == (found["ratedReviews"], found["ratedStars"])
    (letter,) = hear(new=product).letters
    assert "Product p1 cannot be read." == letter.reason


@pytest.mark.parametrize("stars", [0, 6, -1, 100])
def test_stars_that_nobody_can_give_are_not_counted(product, stars):
    """If other code writes them, the review's earlier stars are subtracted, and the event is a dead letter."""
    hear(new=stored(5))
    hear(new=stored(4, number=2))
    review(stars).save()
    (letter,) = hear(old=review(5), new=review(stars)).letters
    assert "Review r1 of product p1 does not have 1 to 5 stars." == letter.reason
    assert (1, 4, Decimal(4)) == rating()
    count_old()
    assert (1, 4, Decimal(4)) == rating()


def test_a_review_that_cannot_be_read_is_a_dead_letter(product):
    """Its stars stay as they were counted."""
    hear(new=stored(5))
    connection = connection_of(ShopTable)
    item = {**review(5).serialize(), "rating": {"S": "secret"}}
    connection.connection.dispatch("PutItem", {"TableName": "shop", "Item": item})
    (letter,) = hear(old=review(5), new=review(4)).letters
    assert "Review r1 of product p1 cannot be read." == letter.reason
    assert (1, 5, Decimal(5)) == rating()


def test_an_event_of_a_deleted_review_whose_image_cannot_be_read_is_not_a_dead_letter(product):
    """It has no stars to count."""
    raw = record_of(new=review(2))
    raw["dynamodb"]["NewImage"]["rating"] = {"S": "secret"}
    assert () == raters().process(raw).letters
    assert (None, None, None) == rating()


def test_an_image_that_cannot_be_read_does_not_keep_a_review_from_being_counted(product):
    """The handler reads the table."""
    made = stored(2)
    raw = record_of(old=review(1), new=made)
    raw["dynamodb"]["OldImage"]["rating"] = {"S": "secret"}
    assert ("shop.stream.rate",) == raters().process(raw).handled
    assert (1, 2, Decimal(2)) == rating()


@pytest.mark.parametrize("call", [1, 2, 3])
def test_a_review_that_changes_while_it_is_counted_is_counted_as_it_is_then(product, call):
    """The change may happen before any of the requests."""
    made = stored(2)
    rival = Rival(lambda: made.update(rating=5), calls={call}, operations=["GetItem", "TransactWriteItems"])
    with inject(ShopTable, rival):
        hear(new=review(2))
    hear(old=review(2), new=review(5))
    assert (1, 5, Decimal(5)) == rating()


def test_a_product_that_others_change_all_the_time_fails_the_handler(product, monkeypatch):
    """The event is delivered again."""
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    made = stored(2)
    stars = iter(range(1000))
    rival = Rival(lambda: made.update(rating=next(stars) % 5 + 1), operations=["TransactWriteItems"])
    with inject(ShopTable, rival), pytest.raises(TransactionCancelled):
        ratings.count_review("p1", "r1")
    assert (None, None, None) == rating()


def test_the_migration_counts_old_reviews_once(product):
    """For any number of runs, and together with reviews that the stream counts."""
    for number in range(4):
        stored(number + 1, number=number)
    hear(new=review(1, number=0))
    for _ in range(2):
        count_old()
        assert (4, 10, Decimal("2.5")) == rating()


@pytest.mark.parametrize("call", range(1, 6))
@pytest.mark.parametrize("how", ["change", "delete", "delete unheard", "hear", "change back"])
def test_the_migration_counts_beside_live_traffic(product, how, call):
    """A review that is changed, deleted or counted by the stream before any of its requests is counted right.

    A deletion may stay unheard, as while no function reads the stream.
    """
    made = stored(2)

    def live():
        if how.startswith("delete"):
            made.delete()
        if how == "delete":
            hear(old=review(2))
        if how.startswith("change"):
            made.update(rating=4)
            hear(old=review(2), new=review(4))
        if how == "change back":
            made.update(rating=2)
            hear(old=review(4), new=review(2))
        if how == "hear":
            hear(new=review(2))

    with inject(ShopTable, Rival(live, calls={call}, operations=["Scan", "GetItem", "TransactWriteItems"])):
        count_old()
    stars = {"change": 4, "delete": 0, "delete unheard": 0, "hear": 2, "change back": 2}[how]
    assert (min(stars, 1), stars) == tuple(each or 0 for each in rating()[:2])


def test_taking_the_migration_back_leaves_no_count_and_no_total(product):
    """Applying it again counts all reviews again."""
    stored(2)
    count_old()
    migration.forget_counts(LiveTable(connection_of(ShopTable)))
    assert (None, None, None) == rating()
    assert [] == list(ReviewCount.scan())
    count_old()
    assert (1, 2, Decimal(2)) == rating()


def test_a_table_of_before_is_migrated_by_the_history(table):
    """Its reviews are also counted."""
    sold("p1", stock=1)
    stored(4)
    runner = Runner(connection_of(ShopTable), load_graph(ROOT / "migrations"))
    runner.stamp("0007_attributes")
    runner.migrate()
    assert (1, 4, Decimal(4)) == rating()
