"""The sample data of the shop's demo and tests, as the shop's commands would have written it."""

from collections.abc import Iterator

from models import EmailClaim, Review, ReviewClaim, User
from singletable import Table


def registered(user: User) -> Iterator[Table]:
    """Return a user and the claim to the e-mail address."""
    yield user
    yield EmailClaim(email=user.email, user_id=user.user_id, created_at=user.created_at)


def reviewed(review: Review) -> Iterator[Table]:
    """Return a review and the claim to be the user's only one of the product."""
    yield review
    yield ReviewClaim(
        user_id=review.user_id,
        product_id=review.product_id,
        review_id=review.review_id,
        created_at=review.created_at,
    )
