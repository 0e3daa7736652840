"""Models: the table, its entities and their keys, declared on PynamoDB's own classes."""

from typing import TYPE_CHECKING

from singletable.lazy import exports

if TYPE_CHECKING:
    from singletable.models import plan
    from singletable.models.attributes import (
        DateAttribute,
        DecimalAttribute,
        EnumAttribute,
        IntegerAttribute,
        UUIDAttribute,
    )
    from singletable.models.batch import Batch
    from singletable.models.binding import Binding
    from singletable.models.collection import Collection
    from singletable.models.description import (
        AttributeDescription,
        EntityDescription,
        TableDescription,
    )
    from singletable.models.expiry import Expiry, ExpiryRule
    from singletable.models.key import BoundKey, Key
    from singletable.models.observation import Observation, observe
    from singletable.models.stamps import WriteTokenAttribute
    from singletable.models.table import Table
    from singletable.models.table_names import from_env
    from singletable.models.timestamps import CreatedAtAttribute, UpdatedAtAttribute
    from singletable.models.transaction import CancellationReason, Transaction

__all__ = [
    "AttributeDescription",
    "Batch",
    "Binding",
    "BoundKey",
    "CancellationReason",
    "Collection",
    "CreatedAtAttribute",
    "DateAttribute",
    "DecimalAttribute",
    "EntityDescription",
    "EnumAttribute",
    "Expiry",
    "ExpiryRule",
    "IntegerAttribute",
    "Key",
    "Observation",
    "Table",
    "TableDescription",
    "Transaction",
    "UUIDAttribute",
    "UpdatedAtAttribute",
    "WriteTokenAttribute",
    "from_env",
    "observe",
    "plan",
]

__getattr__, __dir__ = exports(
    __name__,
    {
        "AttributeDescription": "description",
        "Batch": "batch",
        "Binding": "binding",
        "BoundKey": "key",
        "CancellationReason": "transaction",
        "Collection": "collection",
        "CreatedAtAttribute": "timestamps",
        "DateAttribute": "attributes",
        "DecimalAttribute": "attributes",
        "EntityDescription": "description",
        "EnumAttribute": "attributes",
        "Expiry": "expiry",
        "ExpiryRule": "expiry",
        "IntegerAttribute": "attributes",
        "Key": "key",
        "Observation": "observation",
        "Table": "table",
        "TableDescription": "description",
        "Transaction": "transaction",
        "UUIDAttribute": "attributes",
        "UpdatedAtAttribute": "timestamps",
        "WriteTokenAttribute": "stamps",
        "from_env": "table_names",
        "observe": "observation",
        "plan": "",
    },
)
