"""Ratings: the stars of a product's reviews, each review counted once.

A product holds the number of its reviews and the sum of their stars, and a `ReviewCount` beside each review holds the
stars of that review in this sum. One transaction changes both, and only while the review is as it was read. So it does
not matter how often the events of a review arrive, in which order, or whether the review is older than the stream.
"""

import random
import time
from collections.abc import Callable
from typing import Any

import attrs

from models import Product, Review, ReviewCount, ShopTable
from models.table import utcnow
from singletable.errors import MalformedItemError, TransactionCancelled, Unprocessable

__all__ = ["STARS", "count_review"]

STARS = range(1, 6)
"""The stars that a review may give."""

_ATTEMPTS = 12
_LONGEST_PAUSE = 0.5
_RACES = {"ConditionalCheckFailed", "TransactionConflict"}


def count_review(product_id: str, review_id: str, told: Callable[[], int | None] | None = None) -> None:
    """Bring a product's rating in line with one of its reviews as it is stored now.

    Args:
        product_id: The product.
        review_id: The review.
        told: Returns the stars that an event of the review gives, or None if they cannot be read. They count if the
            review is not in the table, and its deletion was not heard of yet; None for an event of the deletion.

    Raises:
        Unprocessable: The review cannot be read, or its stars are not 1 to 5. It is not counted then.
        TransactionCancelled: Others changed the same product again and again.
    """
    for attempt in range(_ATTEMPTS):
        state = _State.read(product_id, review_id, told)
        try:
            state.settle()
        except TransactionCancelled as error:
            codes = {each.code for each in error.reasons if each.code}
            if not codes <= _RACES or attempt == _ATTEMPTS - 1:
                raise
            time.sleep(random.uniform(0, min(_LONGEST_PAUSE, 0.02 * 2**attempt)))  # noqa: S311 - spreads retries
            continue
        if state.unfit:
            raise Unprocessable(f"Review {review_id} of product {product_id} does not have 1 to 5 stars.")
        return


@attrs.frozen
class _State:
    """A review, its count and its product, as they were read.

    Args:
        count: The count that is stored, if one is.
        product: The product; None if it does not exist.
        review: The review; None if it does not exist.
        given: The stars that the review gives; None after its deletion.
    """

    product_id: str
    review_id: str
    count: ReviewCount | None
    product: Product | None
    review: Review | None
    given: int | None

    @classmethod
    def read(cls, product_id: str, review_id: str, told: Callable[[], int | None] | None) -> "_State":
        key: dict[str, Any] = {"product_id": product_id, "review_id": review_id}
        count = ReviewCount.item(**key, consistent=True).one_or_none()
        product = Product.item(product_id=product_id, consistent=True).one_or_none()
        try:
            review = Review.item(**key, consistent=True).one_or_none()
        except MalformedItemError:
            raise Unprocessable(f"Review {review_id} of product {product_id} cannot be read.") from None
        if review is not None:
            given: int | None = review.rating
        elif told is None or (count is not None and count.deleted_at is not None):
            given = None
        else:
            given = told()
        return cls(**key, count=count, product=product, review=review, given=given)

    @property
    def unfit(self) -> bool:
        """Whether the stars of the review cannot be counted."""
        return self.given is not None and self.given not in STARS

    @property
    def held(self) -> int | None:
        """The stars of the review that are in the product's sum; None if it is not counted."""
        if self.count is None or self.product is None or self.count.product_made_at != self.product.created_at:
            return None
        return self.count.stars

    @property
    def wanted(self) -> ReviewCount | None:
        """The count that should be stored; None if none should."""
        key: dict[str, Any] = {"product_id": self.product_id, "review_id": self.review_id}
        if self.given is None:
            return ReviewCount(**key, deleted_at=utcnow())
        if self.product is None or self.unfit:
            return None
        return ReviewCount(**key, stars=self.given, product_made_at=self.product.created_at)

    def settle(self) -> None:
        """Store the count that should be stored, and the difference in the product."""
        wanted, held = self.wanted, self.held
        stars = None if wanted is None else wanted.stars
        done = (self.count is None) == (wanted is None) and (
            self.count is None or wanted is None or (self.count.deleted_at is None) == (wanted.deleted_at is None)
        )
        if done and held == stars:
            return
        with ShopTable.transaction() as transaction:
            if self.count is None:
                transaction.create(*([wanted] if wanted else []))
            elif wanted is None:
                transaction.delete(self.count, condition=self._unchanged(self.count))
            else:
                transaction.put(wanted, condition=self._unchanged(self.count))
            if self.product is not None and held != stars:
                transaction.update(
                    Product(product_id=self.product_id),
                    actions=[
                        Product.rating_count.add((stars is not None) - (held is not None)),
                        Product.rating_sum.add((stars or 0) - (held or 0)),
                    ],
                    condition=_is(Product.created_at, self.product.created_at),
                )
            review = Review(product_id=self.product_id, review_id=self.review_id)
            transaction.check(review, condition=_is(Review.rating, self.review and self.review.rating))

    @staticmethod
    def _unchanged(count: ReviewCount) -> Any:
        return (
            _is(ReviewCount.stars, count.stars)
            & _is(ReviewCount.product_made_at, count.product_made_at)
            & _is(ReviewCount.deleted_at, count.deleted_at)
        )


def _is(attribute: Any, value: Any) -> Any:
    """Return the condition that an attribute has a value, or is absent for None."""
    return attribute.does_not_exist() if value is None else attribute == value
