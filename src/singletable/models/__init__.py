"""Models: the table, its entities and their keys, declared on PynamoDB's own classes."""

from singletable.models.attributes import (
    DateAttribute,
    DecimalAttribute,
    EnumAttribute,
    IntegerAttribute,
    UUIDAttribute,
)
from singletable.models.binding import Binding
from singletable.models.description import (
    AttributeDescription,
    EntityDescription,
    TableDescription,
)
from singletable.models.expiry import Expiry, ExpiryRule
from singletable.models.key import BoundKey, Key
from singletable.models.table import Table

__all__ = [
    "AttributeDescription",
    "Binding",
    "BoundKey",
    "DateAttribute",
    "DecimalAttribute",
    "EntityDescription",
    "EnumAttribute",
    "Expiry",
    "ExpiryRule",
    "IntegerAttribute",
    "Key",
    "Table",
    "TableDescription",
    "UUIDAttribute",
]
