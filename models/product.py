"""Products."""

from decimal import Decimal
from enum import Enum

from pynamodb.attributes import UnicodeAttribute

from models.ids import new_id
from models.table import GSI1, GSI2, ShopTable
from singletable import DecimalAttribute, EnumAttribute, IntegerAttribute, Key


class ProductStatus(str, Enum):
    """The status of a product, which decides whether it can be bought."""

    ACTIVE = "ACTIVE"
    DISCONTINUED = "DISCONTINUED"


class Product(ShopTable, discriminator="PRODUCT"):
    """A product of the shop."""

    product_id = UnicodeAttribute(attr_name="productId", default_for_new=new_id)
    name = UnicodeAttribute()
    category_id = UnicodeAttribute(attr_name="categoryId")
    price = DecimalAttribute()
    stock = IntegerAttribute(default_for_new=0)
    status = EnumAttribute(ProductStatus, default_for_new=ProductStatus.ACTIVE)
    description = UnicodeAttribute(null=True)
    # Copies of the product's ProductRating, which `shop.ratings` maintains; a product without reviews may lack both.
    # The attributes ratingCount and ratingSum of an earlier version did not include reviews from before the stream.
    rating_count = IntegerAttribute(attr_name="ratedReviews", null=True)
    rating_sum = IntegerAttribute(attr_name="ratedStars", null=True)

    key = Key(pk="PRODUCT#{product_id}", sk="METADATA")
    by_category = Key(index=GSI1, pk="CATEGORY#{category_id}", sk="PRODUCT#{created_at}")
    by_status = Key(index=GSI2, pk="STATUS#{status}", sk="PRODUCT#{product_id}")

    @property
    def rating(self) -> Decimal | None:
        """The mean of the product's reviews in stars; None without reviews."""
        return Decimal(self.rating_sum or 0) / self.rating_count if self.rating_count else None
