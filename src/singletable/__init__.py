"""singletable: declarative single-table modelling for DynamoDB, on PynamoDB.

Declare the table, its entities and their keys; ask by attributes; never write a key by hand.
"""

from typing import TYPE_CHECKING

from singletable.lazy import exports

if TYPE_CHECKING:
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

__getattr__, __dir__ = exports(
    __name__,
    {
        "Batch": "models",
        "CancellationReason": "models",
        "Collection": "models",
        "CreatedAtAttribute": "models",
        "DateAttribute": "models",
        "DecimalAttribute": "models",
        "EnumAttribute": "models",
        "Expiry": "models",
        "Get": "requests",
        "IntegerAttribute": "models",
        "Key": "models",
        "Page": "requests",
        "Query": "requests",
        "Scan": "requests",
        "SingletableError": "errors",
        "Table": "models",
        "Transaction": "models",
        "UUIDAttribute": "models",
        "UnknownItem": "requests",
        "UpdatedAtAttribute": "models",
        "measure": "requests",
        "plan": "models",
    },
)

__version__ = "0.1.0"
