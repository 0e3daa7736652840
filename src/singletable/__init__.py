"""singletable: declarative single-table modeling for DynamoDB, on PynamoDB.

Declare the table, its entities and their keys; query by attributes; never write a key by hand.
"""

from typing import TYPE_CHECKING

from singletable.lazy import exports

if TYPE_CHECKING:
    from singletable.errors import SingletableError as SingletableError
    from singletable.models import Batch as Batch
    from singletable.models import CancellationReason as CancellationReason
    from singletable.models import Collection as Collection
    from singletable.models import CreatedAtAttribute as CreatedAtAttribute
    from singletable.models import DateAttribute as DateAttribute
    from singletable.models import DecimalAttribute as DecimalAttribute
    from singletable.models import EnumAttribute as EnumAttribute
    from singletable.models import Expiry as Expiry
    from singletable.models import IntegerAttribute as IntegerAttribute
    from singletable.models import Key as Key
    from singletable.models import Table as Table
    from singletable.models import Transaction as Transaction
    from singletable.models import UpdatedAtAttribute as UpdatedAtAttribute
    from singletable.models import UUIDAttribute as UUIDAttribute
    from singletable.models import WriteTokenAttribute as WriteTokenAttribute
    from singletable.models import from_env as from_env
    from singletable.models import observe as observe
    from singletable.models import plan as plan
    from singletable.requests import Get as Get
    from singletable.requests import MalformedItem as MalformedItem
    from singletable.requests import OpenTelemetryObserver as OpenTelemetryObserver
    from singletable.requests import Page as Page
    from singletable.requests import Query as Query
    from singletable.requests import RequestEvent as RequestEvent
    from singletable.requests import RequestStats as RequestStats
    from singletable.requests import Scan as Scan
    from singletable.requests import UnknownItem as UnknownItem
    from singletable.requests import measure as measure
    from singletable.requests import request_name as request_name

exports(__name__)

__version__ = "0.1.0"
