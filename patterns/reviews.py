"""Reviews."""

from models import Product, Review, ReviewClaim, ShopTable
from singletable import Query
from singletable.errors import AlreadyExists, TransactionCancelled
from singletable.patterns import access_pattern


@access_pattern("6. A product's reviews, newest first")
def reviews_of_product(product_id: str) -> Query[Review]:
    """What users think of a product."""
    return Review.query(product_id=product_id, descending=True)


@access_pattern("7. A user's reviews")
def reviews_by_user(user_id: str) -> Query[Review]:
    """What a user thinks of products."""
    return Review.by_user.query(user_id=user_id)


class AlreadyReviewed(ValueError):
    """The user has reviewed the product before."""


def review_product(product_id: str, user_id: str, rating: int, text: str | None = None) -> Review:
    """Write a review; each user reviews each product once, also if two of them arrive at one moment.

    Raises:
        ValueError: The rating is not from 1 to 5.
        AlreadyReviewed: The user has reviewed the product before.
        Product.DoesNotExist: There is no such product.
    """
    if rating not in range(1, 6):
        raise ValueError(f"A rating of {rating} stars: give 1 to 5.")
    review = Review(product_id=product_id, user_id=user_id, rating=rating, text=text)
    try:
        with ShopTable.transaction() as transaction:
            transaction.create(ReviewClaim(user_id=user_id, product_id=product_id, review_id=review.review_id))
            transaction.create(review)
            transaction.check(Product(product_id=product_id))
    except TransactionCancelled as error:
        claim, _, product = error.reasons
        if isinstance(claim.error, AlreadyExists):
            raise AlreadyReviewed(f"User {user_id} has reviewed product {product_id} before.") from None
        if product.code == "ConditionalCheckFailed":
            raise Product.DoesNotExist(f"There is no product {product_id}.") from None
        raise
    return review
