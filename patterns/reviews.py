"""Reviews."""

from models import Product, Review, ReviewClaim, ShopTable
from singletable import Query
from singletable.errors import AlreadyExistsError, TransactionCancelled
from singletable.patterns import access_pattern


@access_pattern("6. A product's reviews, newest first")
def reviews_of_product(product_id: str) -> Query[Review]:
    """Return the reviews of a product."""
    return Review.query(product_id=product_id, descending=True)


@access_pattern("7. A user's reviews")
def reviews_by_user(user_id: str) -> Query[Review]:
    """Return the reviews by a user."""
    return Review.by_user.query(user_id=user_id)


class AlreadyReviewedError(ValueError):
    """The user has reviewed the product before."""


def review_product(product_id: str, user_id: str, rating: int, text: str | None = None) -> Review:
    """Write a review. Each user reviews each product only once, also if two reviews arrive at the same time.

    Raises:
        ValueError: The rating is not from 1 to 5.
        AlreadyReviewedError: The user has reviewed the product before.
        Product.DoesNotExist: The product does not exist.
    """
    if rating not in range(1, 6):
        raise ValueError(f"A rating of {rating} stars is not valid: give 1 to 5.")
    review = Review(product_id=product_id, user_id=user_id, rating=rating, text=text)
    try:
        with ShopTable.transaction() as transaction:
            transaction.create(ReviewClaim(user_id=user_id, product_id=product_id, review_id=review.review_id))
            transaction.create(review)
            transaction.check(Product(product_id=product_id))
    except TransactionCancelled as error:
        claim, _, product = error.reasons
        if isinstance(claim.error, AlreadyExistsError):
            raise AlreadyReviewedError(f"User {user_id} has reviewed product {product_id} before.") from None
        if product.code == "ConditionalCheckFailed":
            raise Product.DoesNotExist(f"The product {product_id} does not exist.") from None
        raise
    return review
