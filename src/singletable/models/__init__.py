"""Models: the table, its entities and their keys, declared on PynamoDB's own classes."""

from typing import TYPE_CHECKING

from singletable.lazy import exports

if TYPE_CHECKING:
    from singletable.models.binding.binding import Binding as Binding
    from singletable.models.binding.observation import Observation as Observation
    from singletable.models.binding.observation import observe as observe
    from singletable.models.binding.table_names import from_env as from_env
    from singletable.models.declare.attributes import DateAttribute as DateAttribute
    from singletable.models.declare.attributes import DecimalAttribute as DecimalAttribute
    from singletable.models.declare.attributes import EnumAttribute as EnumAttribute
    from singletable.models.declare.attributes import IntegerAttribute as IntegerAttribute
    from singletable.models.declare.attributes import UUIDAttribute as UUIDAttribute
    from singletable.models.declare.expiry import Expiry as Expiry
    from singletable.models.declare.expiry import ExpiryRule as ExpiryRule
    from singletable.models.declare.key import Key as Key
    from singletable.models.declare.stamps import WriteTokenAttribute as WriteTokenAttribute
    from singletable.models.declare.timestamps import CreatedAtAttribute as CreatedAtAttribute
    from singletable.models.declare.timestamps import UpdatedAtAttribute as UpdatedAtAttribute
    from singletable.models.reading.bound_key import BoundKey as BoundKey
    from singletable.models.schema.description import AttributeDescription as AttributeDescription
    from singletable.models.schema.description import EntityDescription as EntityDescription
    from singletable.models.schema.description import TableDescription as TableDescription
    from singletable.models.table import Table as Table
    from singletable.models.writing import plan as plan
    from singletable.models.writing.batch import Batch as Batch
    from singletable.models.writing.collection import Collection as Collection
    from singletable.models.writing.transaction import Transaction as Transaction
    from singletable.requests.cancellation import CancellationReason as CancellationReason

exports(__name__)
