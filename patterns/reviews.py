"""Reviews."""

from models import Review
from singletable import Query
from singletable.patterns import access_pattern


@access_pattern("6. A product's reviews, newest first")
def reviews_of_product(product_id: str) -> Query[Review]:
    """What users think of a product."""
    return Review.query(product_id=product_id, descending=True)


@access_pattern("7. A user's reviews")
def reviews_by_user(user_id: str) -> Query[Review]:
    """What a user thinks of products."""
    return Review.by_user.query(user_id=user_id)


def add_review(product_id: str, user_id: str, rating: int, text: str | None = None) -> Review:
    """Write a review.

    Raises:
        ValueError: The rating is not from 1 to 5.
    """
    if rating not in range(1, 6):
        raise ValueError(f"A rating of {rating} stars: give 1 to 5.")
    review = Review(product_id=product_id, user_id=user_id, rating=rating, text=text)
    review.create()
    return review
