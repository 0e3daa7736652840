"""Every error that singletable raises.

`SingletableError` is the base. Each subclass is named after its situation. The message states the failure, with the
offending value, and the remedy. The fields hold the parts of the situation, for programs. A subclass also derives from
the class that callers of plain Python or of PynamoDB expect (`ValueError`, `TypeError`, `DoesNotExist`). Every error
can be pickled.

The classes by their bases:

    - SingletableError
      - AlreadyHandledError
      - BatchIncompleteError
      - ConditionFailed
        - AlreadyExistsError
        - ConcurrentUpdateError
      - CredentialsMissingError
      - CursorError
      - DeclarationError
      - EndpointUnreachableError
      - EngineUnavailableError
      - HandlerNotRunError
      - HandlersFailedError
      - ImageMissingError
      - InfraError
      - InvalidBatchError
      - InvalidConditionError
      - InvalidRequestError
      - InvalidTransactionError
      - InvalidValueError
        - InvalidKeyValueError
          - KeyTooLongError
        - InvalidUpdateError
        - ItemTooLargeError
      - ItemDoesNotExist
      - KeyChangeError
      - KeyParseError
      - LeaseHeldError
      - LeaseLostError
      - MalformedItemError
      - MalformedRecordError
      - MigrationError
        - MigrationConflictError
      - MigrationStoppedError
        - MigrationPausedError
      - MissingAttributesError
      - MultipleItemsFoundError
      - NotProjectedError
      - OperatingError
      - PartialItemError
      - PatternError
      - ProjectError
      - RequestFailedError
        - AccessDeniedError
        - NoResponseError
        - TableMissingError
        - ThrottledError
      - StaleKeyError
      - StreamMissingError
      - StreamTrimmedError
      - StreamViewError
      - TransactionCancelled
      - UnexpectedAttributesError
      - UnknownItemError
      - UnprocessableError

`python -m tests.documents.errors_page` writes `docs/reference/errors.md` from the docstrings of the classes: the first
line is the situation, `Remedy:` the advice, and `Attributes:` the fields.
"""

from singletable.errors.base_error import SingletableError
from singletable.errors.base_error import as_uncertain as as_uncertain
from singletable.errors.base_error import is_uncertain as is_uncertain
from singletable.errors.base_error import mark_uncertain as mark_uncertain
from singletable.errors.batch_errors import (
    BatchIncompleteError,
    InvalidBatchError,
    InvalidTransactionError,
    TransactionCancelled,
)
from singletable.errors.declaration_errors import DeclarationError, PatternError
from singletable.errors.migration_errors import (
    LeaseHeldError,
    LeaseLostError,
    MigrationConflictError,
    MigrationError,
    MigrationPausedError,
    MigrationStoppedError,
)
from singletable.errors.read_errors import (
    CursorError,
    InvalidConditionError,
    InvalidRequestError,
    ItemDoesNotExist,
    MalformedItemError,
    MultipleItemsFoundError,
    NotProjectedError,
    PartialItemError,
    UnknownItemError,
)
from singletable.errors.service_errors import (
    AccessDeniedError,
    CredentialsMissingError,
    EndpointUnreachableError,
    NoResponseError,
    RequestFailedError,
    TableMissingError,
    ThrottledError,
)
from singletable.errors.stream_errors import (
    AlreadyHandledError,
    HandlerNotRunError,
    HandlersFailedError,
    ImageMissingError,
    MalformedRecordError,
    StreamMissingError,
    StreamTrimmedError,
    StreamViewError,
    UnprocessableError,
)
from singletable.errors.tool_errors import EngineUnavailableError, InfraError, OperatingError, ProjectError
from singletable.errors.value_errors import (
    InvalidKeyValueError,
    InvalidUpdateError,
    InvalidValueError,
    ItemTooLargeError,
    KeyParseError,
    KeyTooLongError,
    MissingAttributesError,
    UnexpectedAttributesError,
)
from singletable.errors.write_errors import (
    AlreadyExistsError,
    ConcurrentUpdateError,
    ConditionFailed,
    KeyChangeError,
    StaleKeyError,
)

__all__ = [
    "AccessDeniedError",
    "AlreadyExistsError",
    "AlreadyHandledError",
    "BatchIncompleteError",
    "ConcurrentUpdateError",
    "ConditionFailed",
    "CredentialsMissingError",
    "CursorError",
    "DeclarationError",
    "EndpointUnreachableError",
    "EngineUnavailableError",
    "HandlerNotRunError",
    "HandlersFailedError",
    "ImageMissingError",
    "InfraError",
    "InvalidBatchError",
    "InvalidConditionError",
    "InvalidKeyValueError",
    "InvalidRequestError",
    "InvalidTransactionError",
    "InvalidUpdateError",
    "InvalidValueError",
    "ItemDoesNotExist",
    "ItemTooLargeError",
    "KeyChangeError",
    "KeyParseError",
    "KeyTooLongError",
    "LeaseHeldError",
    "LeaseLostError",
    "MalformedItemError",
    "MalformedRecordError",
    "MigrationConflictError",
    "MigrationError",
    "MigrationPausedError",
    "MigrationStoppedError",
    "MissingAttributesError",
    "MultipleItemsFoundError",
    "NoResponseError",
    "NotProjectedError",
    "OperatingError",
    "PartialItemError",
    "PatternError",
    "ProjectError",
    "RequestFailedError",
    "SingletableError",
    "StaleKeyError",
    "StreamMissingError",
    "StreamTrimmedError",
    "StreamViewError",
    "TableMissingError",
    "ThrottledError",
    "TransactionCancelled",
    "UnexpectedAttributesError",
    "UnknownItemError",
    "UnprocessableError",
]
