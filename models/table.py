"""The shop's single table and its three indexes; every entity decides which indexes contain its items."""

from datetime import datetime, timezone

from pynamodb.attributes import UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, KeysOnlyProjection

from singletable import CreatedAtAttribute, Table, UpdatedAtAttribute


def utcnow() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(timezone.utc)


class GSI1(GlobalSecondaryIndex):
    """Index of users by e-mail address, products by category, and orders by id."""

    class Meta:
        index_name = "GSI1"
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="GSI1PK")
    sk = UnicodeAttribute(range_key=True, attr_name="GSI1SK")


class GSI2(GlobalSecondaryIndex):
    """Index of users, products and orders by status, and of reviews by user."""

    class Meta:
        index_name = "GSI2"
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="GSI2PK")
    sk = UnicodeAttribute(range_key=True, attr_name="GSI2SK")


class GSI3(GlobalSecondaryIndex):
    """Index of orders by time; it has only keys, because the orders themselves are fetched from the table."""

    class Meta:
        index_name = "GSI3"
        projection = KeysOnlyProjection()

    pk = UnicodeAttribute(hash_key=True, attr_name="GSI3PK")
    sk = UnicodeAttribute(range_key=True, attr_name="GSI3SK")


class ShopTable(Table):
    """The shop's single table."""

    class Meta:
        table_name = "shop"
        stream_view_type = "NEW_AND_OLD_IMAGES"

    gsi1 = GSI1()
    gsi2 = GSI2()
    gsi3 = GSI3()

    created_at = CreatedAtAttribute(attr_name="createdAt")
    updated_at = UpdatedAtAttribute(attr_name="updatedAt")
