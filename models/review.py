"""Reviews."""

from pynamodb.attributes import UnicodeAttribute

from models.ids import new_id
from models.table import GSI2, ShopTable
from singletable import IntegerAttribute, Key


class ReviewClaim(ShopTable, discriminator="REVIEW_CLAIM"):
    """Says that a user has reviewed a product: under both, so that there is one review of each by each."""

    user_id = UnicodeAttribute(attr_name="userId")
    product_id = UnicodeAttribute(attr_name="productId")
    review_id = UnicodeAttribute(attr_name="reviewId")

    key = Key(pk="REVIEW_CLAIM#{user_id}", sk="{product_id}")


class Review(ShopTable, discriminator="REVIEW"):
    """What a user thinks of a product: one to five stars and a text."""

    product_id = UnicodeAttribute(attr_name="productId")
    review_id = UnicodeAttribute(attr_name="reviewId", default_for_new=new_id)
    user_id = UnicodeAttribute(attr_name="userId")
    rating = IntegerAttribute()
    text = UnicodeAttribute(null=True)

    key = Key(pk="PRODUCT#{product_id}", sk="REVIEW#{review_id}")
    by_user = Key(index=GSI2, pk="USER#{user_id}", sk="REVIEW#{review_id}")
