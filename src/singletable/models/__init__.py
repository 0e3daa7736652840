"""Models: the table, its entities and their keys, declared on PynamoDB's own classes."""

from typing import TYPE_CHECKING

from singletable.lazy import exports

if TYPE_CHECKING:
    from singletable.models.binding.binding import Binding
    from singletable.models.binding.observation import Observation, observe
    from singletable.models.binding.table_names import from_env
    from singletable.models.declare.attributes import (
        DateAttribute,
        DecimalAttribute,
        EnumAttribute,
        IntegerAttribute,
        UUIDAttribute,
    )
    from singletable.models.declare.expiry import Expiry, ExpiryRule
    from singletable.models.declare.key import Key
    from singletable.models.declare.stamps import WriteTokenAttribute
    from singletable.models.declare.timestamps import CreatedAtAttribute, UpdatedAtAttribute
    from singletable.models.reading.bound_key import BoundKey
    from singletable.models.schema.description import (
        AttributeDescription,
        EntityDescription,
        TableDescription,
    )
    from singletable.models.table import Table
    from singletable.models.writing import plan
    from singletable.models.writing.batch import Batch
    from singletable.models.writing.collection import Collection
    from singletable.models.writing.transaction import Transaction
    from singletable.requests.cancellation import CancellationReason

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
        "AttributeDescription": "schema.description",
        "Batch": "writing.batch",
        "Binding": "binding.binding",
        "BoundKey": "reading.bound_key",
        "CancellationReason": "writing.transaction_sending",
        "Collection": "writing.collection",
        "CreatedAtAttribute": "declare.timestamps",
        "DateAttribute": "declare.attributes",
        "DecimalAttribute": "declare.attributes",
        "EntityDescription": "schema.description",
        "EnumAttribute": "declare.attributes",
        "Expiry": "declare.expiry",
        "ExpiryRule": "declare.expiry",
        "IntegerAttribute": "declare.attributes",
        "Key": "declare.key",
        "Observation": "binding.observation",
        "Table": "table",
        "TableDescription": "schema.description",
        "Transaction": "writing.transaction",
        "UUIDAttribute": "declare.attributes",
        "UpdatedAtAttribute": "declare.timestamps",
        "WriteTokenAttribute": "declare.stamps",
        "from_env": "binding.table_names",
        "observe": "binding.observation",
        "plan": "writing",
    },
)
