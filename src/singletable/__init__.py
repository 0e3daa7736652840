"""singletable: declarative single-table modelling for DynamoDB, on PynamoDB.

Declare the table, its entities and their keys; ask by attributes; never write a key by hand.
"""

from singletable.errors import SingletableError
from singletable.models import (
    DateAttribute,
    DecimalAttribute,
    EnumAttribute,
    Expiry,
    IntegerAttribute,
    Key,
    Table,
    UUIDAttribute,
)
from singletable.requests import Get, Page, Query, Scan, UnknownItem, measure

__all__ = [
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
    "UUIDAttribute",
    "UnknownItem",
    "measure",
]

__version__ = "0.1.0"
