"""Every error that singletable raises.

`SingletableError` is the base. Each subclass is named after its situation. The message states the failure, with the
offending value, and the remedy. The fields hold the parts of the situation, for programs. A subclass also derives from
the class that callers of plain Python or of PynamoDB expect (`ValueError`, `TypeError`, `DoesNotExist`). Every error
can be pickled.

The classes by their bases:

    - SingletableError
      - AlreadyHandled
      - BatchIncomplete
      - ConditionFailed
        - AlreadyExists
        - ConcurrentUpdateError
      - CredentialsMissing
      - CursorError
      - DeclarationError
      - EndpointUnreachable
      - EngineUnavailable
      - HandlerNotRun
      - HandlersFailed
      - ImageMissing
      - InfraError
      - InvalidBatchError
      - InvalidConditionError
      - InvalidRequestError
      - InvalidTransactionError
      - InvalidValueError
        - InvalidKeyValueError
          - KeyTooLongError
        - InvalidUpdateError
        - ItemTooLarge
      - ItemDoesNotExist
      - KeyChangeError
      - KeyParseError
      - LeaseHeld
      - LeaseLost
      - MalformedItemError
      - MalformedRecordError
      - MigrationError
        - MigrationConflict
      - MigrationStopped
        - MigrationPaused
      - MissingAttributesError
      - MultipleItemsFound
      - NotProjectedError
      - OperatingError
      - PartialItemError
      - PatternError
      - ProjectError
      - RequestFailed
        - AccessDenied
        - NoResponse
        - TableMissing
        - Throttled
      - StaleKeyError
      - StreamMissing
      - StreamTrimmed
      - StreamViewError
      - TransactionCancelled
      - UnexpectedAttributesError
      - UnknownItemError
      - Unprocessable

`python -m tests.documents.errors_page` writes `docs/reference/errors.md` from the docstrings of the classes: the first
line is the situation, `Remedy:` the advice, and `Attributes:` the fields.
"""

from singletable.errors.base_error import SingletableError
from singletable.errors.base_error import as_uncertain as as_uncertain
from singletable.errors.batch_errors import (
    BatchIncomplete,
    InvalidBatchError,
    InvalidTransactionError,
    TransactionCancelled,
)
from singletable.errors.declaration_errors import DeclarationError, PatternError
from singletable.errors.migration_errors import (
    LeaseHeld,
    LeaseLost,
    MigrationConflict,
    MigrationError,
    MigrationPaused,
    MigrationStopped,
)
from singletable.errors.read_errors import (
    CursorError,
    InvalidConditionError,
    InvalidRequestError,
    ItemDoesNotExist,
    MalformedItemError,
    MultipleItemsFound,
    NotProjectedError,
    PartialItemError,
    UnknownItemError,
)
from singletable.errors.service_errors import (
    AccessDenied,
    CredentialsMissing,
    EndpointUnreachable,
    NoResponse,
    RequestFailed,
    TableMissing,
    Throttled,
)
from singletable.errors.stream_errors import (
    AlreadyHandled,
    HandlerNotRun,
    HandlersFailed,
    ImageMissing,
    MalformedRecordError,
    StreamMissing,
    StreamTrimmed,
    StreamViewError,
    Unprocessable,
)
from singletable.errors.tool_errors import EngineUnavailable, InfraError, OperatingError, ProjectError
from singletable.errors.value_errors import (
    InvalidKeyValueError,
    InvalidUpdateError,
    InvalidValueError,
    ItemTooLarge,
    KeyParseError,
    KeyTooLongError,
    MissingAttributesError,
    UnexpectedAttributesError,
)
from singletable.errors.write_errors import (
    AlreadyExists,
    ConcurrentUpdateError,
    ConditionFailed,
    KeyChangeError,
    StaleKeyError,
)

__all__ = [
    "AccessDenied",
    "AlreadyExists",
    "AlreadyHandled",
    "BatchIncomplete",
    "ConcurrentUpdateError",
    "ConditionFailed",
    "CredentialsMissing",
    "CursorError",
    "DeclarationError",
    "EndpointUnreachable",
    "EngineUnavailable",
    "HandlerNotRun",
    "HandlersFailed",
    "ImageMissing",
    "InfraError",
    "InvalidBatchError",
    "InvalidConditionError",
    "InvalidKeyValueError",
    "InvalidRequestError",
    "InvalidTransactionError",
    "InvalidUpdateError",
    "InvalidValueError",
    "ItemDoesNotExist",
    "ItemTooLarge",
    "KeyChangeError",
    "KeyParseError",
    "KeyTooLongError",
    "LeaseHeld",
    "LeaseLost",
    "MalformedItemError",
    "MalformedRecordError",
    "MigrationConflict",
    "MigrationError",
    "MigrationPaused",
    "MigrationStopped",
    "MissingAttributesError",
    "MultipleItemsFound",
    "NoResponse",
    "NotProjectedError",
    "OperatingError",
    "PartialItemError",
    "PatternError",
    "ProjectError",
    "RequestFailed",
    "SingletableError",
    "StaleKeyError",
    "StreamMissing",
    "StreamTrimmed",
    "StreamViewError",
    "TableMissing",
    "Throttled",
    "TransactionCancelled",
    "UnexpectedAttributesError",
    "UnknownItemError",
    "Unprocessable",
]
