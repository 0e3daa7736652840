"""Ratings: the stars of a product's reviews, each review counted once.

A `ProductRating` has the number of a product's reviews and the sum of their stars. A `ReviewCount` for each review has
the stars of that review in this sum. One transaction changes both and the copy in the product, on the condition that
the review has not changed since it was read. So it does not matter how often the events of a review arrive, in which
order, or whether the review is older than the stream. If other code replaces a product, the product loses its copy and
gets it again.

An event of a review costs three consistent reads and a transaction of four items; the changed product costs two more.
"""

from collections.abc import Callable
from typing import Any

import attrs

from models import Product, ProductRating, Review, ReviewCount, ShopTable
from models.table import utcnow
from singletable.errors import MalformedItemError, TransactionCancelled, UnprocessableError
from singletable.requests.retry import Retry

__all__ = ["STARS", "copy_rating", "count_review"]

STARS = range(1, 6)
"""The stars that a review may give."""

_RACES = {"ConditionalCheckFailed", "TransactionConflict"}


def _is_lost_race(error: Exception) -> bool:
    """Return whether a transaction was canceled only because other writers changed its items first."""
    return isinstance(error, TransactionCancelled) and {each.code for each in error.reasons if each.code} <= _RACES


_RETRY = Retry(12, 0.02, 0.5, on=_is_lost_race)
"""Attempts of a transaction. Each one reads the items again."""


def count_review(product_id: str, review_id: str, event_stars: Callable[[], int | None] | None = None) -> None:
    """Update a product's rating so that it matches one of its reviews, as the review is stored now.

    Args:
        product_id: The product's id. The product need not exist: its rating is stored separately.
        review_id: The review's id.
        event_stars: A function that returns the stars in an event of the review, or None if they cannot be read. They
            count if the review is not in the table and no event of its deletion has been handled. For an event of the
            deletion, give None instead of a function.

    Raises:
        UnprocessableError: The stars of the review are not 1 to 5, so it is not counted; or the review cannot be read,
            so it is counted as before.
        TransactionCancelled: Other writers changed the same product at each attempt.
    """

    def settle() -> None:
        state = _State.read(product_id, review_id, event_stars)
        state.settle()
        if state.unfit:
            raise UnprocessableError(f"Review {review_id} of product {product_id} does not have 1 to 5 stars.")

    _RETRY.call(settle)


def copy_rating(product_id: str) -> None:
    """Update a product's copy of its rating, if other code stored the product without it.

    Raises:
        UnprocessableError: The product cannot be read.
        TransactionCancelled: Other writers changed the same product at each attempt.
    """

    def copy() -> None:
        rating = ProductRating.item(product_id=product_id, consistent=True).one_or_none()
        product = _readable(Product.item(product_id=product_id, consistent=True), f"Product {product_id}")
        if rating is None or product is None:
            return
        if (product.rating_count, product.rating_sum) == (rating.reviews, rating.stars):
            return
        with ShopTable.transaction() as transaction:
            transaction.check(rating, condition=_as_read(rating))
            transaction.update(product, rating_count=rating.reviews, rating_sum=rating.stars)

    _RETRY.call(copy)


@attrs.frozen
class _State:
    """A review, its count and the rating of its product, as they were read.

    Args:
        product_id: The product's id.
        review_id: The review's id.
        count: The stored count; None without one.
        rating: The stored rating; None without one.
        review: The review; None if it does not exist.
        given: The stars of the review; None after its deletion.
    """

    product_id: str
    review_id: str
    count: ReviewCount | None
    rating: ProductRating | None
    review: Review | None
    given: int | None

    @classmethod
    def read(cls, product_id: str, review_id: str, event_stars: Callable[[], int | None] | None) -> "_State":
        key: dict[str, Any] = {"product_id": product_id, "review_id": review_id}
        count = ReviewCount.item(**key, consistent=True).one_or_none()
        rating = ProductRating.item(product_id=product_id, consistent=True).one_or_none()
        review = _readable(Review.item(**key, consistent=True), f"Review {review_id} of product {product_id}")
        if review is not None:
            given: int | None = review.rating
        elif event_stars is None or (count is not None and count.deleted_at is not None):
            given = None
        else:
            given = event_stars()
        return cls(**key, count=count, rating=rating, review=review, given=given)

    @property
    def unfit(self) -> bool:
        """Whether the stars of the review cannot be counted."""
        return self.given is not None and self.given not in STARS

    @property
    def wanted(self) -> ReviewCount | None:
        """The count that should be stored; None if none should."""
        key: dict[str, Any] = {"product_id": self.product_id, "review_id": self.review_id}
        if self.given is None:
            return ReviewCount(**key, deleted_at=utcnow())
        return None if self.unfit else ReviewCount(**key, stars=self.given)

    def settle(self) -> None:
        """Store the count that should be stored, and the difference in the rating."""
        wanted, held = self.wanted, self.count and self.count.stars
        stars = wanted and wanted.stars
        if (self.count is None) == (wanted is None) and held == stars:
            return
        difference = (stars is not None) - (held is not None), (stars or 0) - (held or 0)
        try:
            self._store(wanted, *difference)
        except TransactionCancelled as error:
            failed = [each for each in error.reasons if each.code]
            if [(Product, "ConditionalCheckFailed")] != [(type(each.entity), each.code) for each in failed]:
                raise
            # The product does not exist. Its rating is stored, and copied when the product exists.
            self._store(wanted, *difference, product=False)

    def _store(self, wanted: ReviewCount | None, reviews: int, stars: int, *, product: bool = True) -> None:
        with ShopTable.transaction() as transaction:
            if self.count is None:
                transaction.create(*([wanted] if wanted else []))
            elif wanted is None:
                transaction.delete(self.count, condition=_as_read(self.count))
            else:
                transaction.put(wanted, condition=_as_read(self.count))
            review = Review(product_id=self.product_id, review_id=self.review_id)
            transaction.check(review, condition=_is(Review.rating, self.review and self.review.rating))
            if not reviews and not stars:
                return
            old = self.rating
            new = ProductRating(
                product_id=self.product_id,
                reviews=(old.reviews if old else 0) + reviews,
                stars=(old.stars if old else 0) + stars,
            )
            if old is None:
                transaction.create(new)
            else:
                transaction.put(new, condition=_as_read(old))
            if product:
                copies = Product(product_id=self.product_id)
                transaction.update(copies, rating_count=new.reviews, rating_sum=new.stars)


def _readable(request: Any, name: str) -> Any:
    """Return an item, or None if it does not exist.

    Raises:
        UnprocessableError: The item's model cannot read it.
    """
    try:
        return request.one_or_none()
    except MalformedItemError:
        raise UnprocessableError(f"{name} cannot be read.") from None


def _as_read(item: ReviewCount | ProductRating) -> Any:
    """Return the condition that an item has not changed since it was read."""
    if isinstance(item, ProductRating):
        return (ProductRating.reviews == item.reviews) & (ProductRating.stars == item.stars)
    return _is(ReviewCount.stars, item.stars) & _is(ReviewCount.deleted_at, item.deleted_at)


def _is(attribute: Any, value: Any) -> Any:
    """Return the condition that an attribute has a value, or is absent for None."""
    return attribute.does_not_exist() if value is None else attribute == value
