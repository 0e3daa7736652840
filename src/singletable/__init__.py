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
        WriteTokenAttribute,
        from_env,
        observe,
        plan,
    )
    from singletable.requests import (
        Get,
        MalformedItem,
        OpenTelemetryObserver,
        Page,
        Query,
        RequestEvent,
        RequestStats,
        Scan,
        UnknownItem,
        measure,
        request_name,
    )

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
    "MalformedItem",
    "OpenTelemetryObserver",
    "Page",
    "Query",
    "RequestEvent",
    "RequestStats",
    "Scan",
    "SingletableError",
    "Table",
    "Transaction",
    "UUIDAttribute",
    "UnknownItem",
    "UpdatedAtAttribute",
    "WriteTokenAttribute",
    "from_env",
    "measure",
    "observe",
    "plan",
    "request_name",
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
        "MalformedItem": "requests",
        "OpenTelemetryObserver": "requests",
        "Page": "requests",
        "Query": "requests",
        "RequestEvent": "requests",
        "RequestStats": "requests",
        "Scan": "requests",
        "SingletableError": "errors",
        "Table": "models",
        "Transaction": "models",
        "UUIDAttribute": "models",
        "UnknownItem": "requests",
        "UpdatedAtAttribute": "models",
        "WriteTokenAttribute": "models",
        "from_env": "models",
        "measure": "requests",
        "observe": "models",
        "plan": "models",
        "request_name": "requests",
    },
)

__version__ = "0.1.0"
