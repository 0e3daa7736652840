"""Categories."""

from pynamodb.attributes import UnicodeAttribute

from models.table import ShopTable
from singletable import Key


class Category(ShopTable, discriminator="CATEGORY"):
    """A category of products."""

    category_id = UnicodeAttribute(attr_name="categoryId")
    name = UnicodeAttribute()
    description = UnicodeAttribute(null=True)

    key = Key(pk="CATEGORY#{category_id}", sk="METADATA")
