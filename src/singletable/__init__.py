"""singletable: declarative single-table modelling for DynamoDB, on PynamoDB.

Declare the table, its entities and their keys; ask by attributes; never write a key by hand.
"""

from singletable.errors import SingletableError
from singletable.models import (
    Batch,
    CancellationReason,
    Collection,
    CreatedAtAttribute,
    DateAttribute,
    DecimalAttribute,
    EnumAttribute,
    Expiry,
    IntegerAttribute,
    Key,
    Table,
    Transaction,
    UpdatedAtAttribute,
    UUIDAttribute,
    plan,
)
from singletable.requests import Get, Page, Query, Scan, UnknownItem, measure

__all__ = [
    "Batch",
    "CancellationReason",
    "Collection",
    "CreatedAtAttribute",
    "DateAttribute",
    "DecimalAttribute",
    "EnumAttribute",
    "Expiry",
    "Get",
    "IntegerAttribute",
    "Key",
    "Page",
    "Query",
    "Scan",
    "SingletableError",
    "Table",
    "Transaction",
    "UUIDAttribute",
    "UnknownItem",
    "UpdatedAtAttribute",
    "measure",
    "plan",
]

__version__ = "0.1.0"
