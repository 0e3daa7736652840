"""Reviews."""

from pynamodb.attributes import UnicodeAttribute, UTCDateTimeAttribute

from models.ids import new_id
from models.table import GSI2, ShopTable
from singletable import Expiry, IntegerAttribute, Key

COUNTS_KEPT_DAYS = 30
"""The number of days for which an event of a deleted review may still arrive.

A stream keeps its records for a day, a Kinesis data stream for up to a year.
"""


class ReviewClaim(ShopTable, discriminator="REVIEW_CLAIM"):
    """A claim of a user's review of a product; its key has both, so that each user reviews each product only once."""

    user_id = UnicodeAttribute(attr_name="userId")
    product_id = UnicodeAttribute(attr_name="productId")
    review_id = UnicodeAttribute(attr_name="reviewId")

    key = Key(pk="REVIEW_CLAIM#{user_id}", sk="{product_id}")


class Review(ShopTable, discriminator="REVIEW"):
    """A user's review of a product: one to five stars and a text."""

    product_id = UnicodeAttribute(attr_name="productId")
    review_id = UnicodeAttribute(attr_name="reviewId", default_for_new=new_id)
    user_id = UnicodeAttribute(attr_name="userId")
    rating = IntegerAttribute()
    text = UnicodeAttribute(null=True)

    key = Key(pk="PRODUCT#{product_id}", sk="REVIEW#{review_id}")
    by_user = Key(index=GSI2, pk="USER#{user_id}", sk="REVIEW#{review_id}")


class ReviewCount(ShopTable, discriminator="REVIEW_COUNT"):
    """The stars of one review in its product's rating. After the review's deletion it records the deletion."""

    product_id = UnicodeAttribute(attr_name="productId")
    review_id = UnicodeAttribute(attr_name="reviewId")
    stars = IntegerAttribute(null=True)
    deleted_at = UTCDateTimeAttribute(attr_name="deletedAt", null=True)

    key = Key(pk="PRODUCT#{product_id}", sk="REVIEW_COUNT#{review_id}")

    expires_at = Expiry(after="deleted_at", days=COUNTS_KEPT_DAYS, attr_name="ttl")


class ProductRating(ShopTable, discriminator="PRODUCT_RATING"):
    """The number of a product's reviews and the sum of their stars. The product has a copy, which is read with it."""

    product_id = UnicodeAttribute(attr_name="productId")
    reviews = IntegerAttribute()
    stars = IntegerAttribute()

    key = Key(pk="PRODUCT#{product_id}", sk="RATING")
