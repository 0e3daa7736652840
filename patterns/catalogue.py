"""The catalog: products and their categories."""

from models import Product, ProductStatus
from singletable import Get, Query
from singletable.patterns import access_pattern


@access_pattern("3. A product")
def product(product_id: str) -> Get[Product]:
    """Return one product by its id."""
    return Product.item(product_id=product_id)


@access_pattern("4. A category's products, newest first")
def products_of_category(category_id: str) -> Query[Product]:
    """Return the products of a category."""
    return Product.by_category.query(category_id=category_id, descending=True)


@access_pattern("11. Products by status")
def products_by_status(status: ProductStatus) -> Query[Product]:
    """Return the products in a status. Users share the index; the prefix of the sort key distinguishes them."""
    return Product.by_status.query(status=status)
