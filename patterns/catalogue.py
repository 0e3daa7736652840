"""The catalogue: products and their categories."""

from models import Product, ProductStatus
from singletable import Get, Query
from singletable.patterns import access_pattern


@access_pattern("3. A product")
def product(product_id: str) -> Get[Product]:
    """One product by id."""
    return Product.item(product_id=product_id)


@access_pattern("4. A category's products, newest first")
def products_of_category(category_id: str) -> Query[Product]:
    """What stands on a shelf."""
    return Product.by_category.query(category_id=category_id, descending=True)


@access_pattern("11. Products by status")
def products_by_status(status: ProductStatus) -> Query[Product]:
    """Products in a status. Users share the index; the sort key's prefix keeps them apart."""
    return Product.by_status.query(status=status)
