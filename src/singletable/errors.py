"""Every error that singletable raises.

`SingletableError` is the base. Each subclass is named after the situation and keeps its parts as
fields, so that a program can act on them and a person can read the message: what failed, with the
offending value, and what to do about it. Where a caller of plain Python or of PynamoDB would expect
a built-in or PynamoDB class (`ValueError`, `TypeError`, `DoesNotExist`), the subclass is one too.
"""

from __future__ import annotations

from typing import Any

from pynamodb.exceptions import DoesNotExist

__all__ = [
    "AccessDenied",
    "AlreadyExists",
    "BatchIncomplete",
    "ConcurrentUpdateError",
    "CredentialsMissing",
    "CursorError",
    "DeclarationError",
    "EndpointUnreachable",
    "EngineUnavailable",
    "InvalidConditionError",
    "InvalidKeyValueError",
    "InvalidValueError",
    "ItemDoesNotExist",
    "KeyChangeError",
    "KeyParseError",
    "KeyTooLongError",
    "MalformedItemError",
    "MissingAttributesError",
    "MultipleItemsFound",
    "NotProjectedError",
    "PatternError",
    "ProjectError",
    "RequestFailed",
    "SingletableError",
    "StaleKeyError",
    "TableMissing",
    "UnexpectedAttributesError",
    "UnknownItemError",
]


class SingletableError(Exception):
    """The base of all errors.

    Args:
        what: What failed, with the offending value.
        remedy: What to do about it; printed after `what`.
        parts: The situation's parts (`entity`, `index`, `attribute`, `value`, ...), readable as
            attributes of the error. A part that was not given reads as None.
    """

    entity: str | None = None
    index: str | None = None
    attribute: str | None = None
    value: Any = None

    def __init__(self, what: str, *, remedy: str = "", **parts: Any) -> None:
        self.what = what
        self.remedy = remedy
        for name, part in parts.items():
            setattr(self, name, part)
        super().__init__(f"{what} {remedy}".strip())


# --- declaring ------------------------------------------------------------------------


class DeclarationError(SingletableError, ValueError):
    """A table, entity, key or expiry is declared in a way that could not work.

    `rule` is the id under which `singletable check` documents the rule (`ST101`, ...).
    """

    rule: str = "ST100"


class PatternError(SingletableError, TypeError):
    """An access pattern is declared in a way that nothing can be done with it."""


# --- keys -----------------------------------------------------------------------------


class InvalidValueError(SingletableError, ValueError):
    """A value is none that its attribute can hold: of the wrong type, naive, not finite."""


class InvalidKeyValueError(InvalidValueError):
    """A value cannot stand in a key: empty, of the wrong type, naive, inexact, too wide."""


class KeyTooLongError(InvalidKeyValueError):
    """A key is longer than DynamoDB's limit: 2048 bytes of UTF-8 (partition), 1024 (sort)."""

    size: int = 0
    limit: int = 0


class KeyParseError(SingletableError, ValueError):
    """A stored key is not one that this entity could have written."""


class MissingAttributesError(SingletableError, TypeError):
    """A key cannot be built, or a query not be asked, without more attributes."""

    missing: tuple[str, ...] = ()


class UnexpectedAttributesError(SingletableError, TypeError):
    """Attributes were given that the key does not use at this place."""

    unexpected: tuple[str, ...] = ()


# --- reading --------------------------------------------------------------------------


class InvalidConditionError(SingletableError, ValueError):
    """A condition cannot be asked of this key."""


class NotProjectedError(SingletableError, ValueError):
    """A filter names an attribute that the index does not hold."""


class ItemDoesNotExist(SingletableError, DoesNotExist):
    """No item has the key. Each entity has its own subclass, `Order.DoesNotExist`."""

    def __init__(self, what: str = "The item does not exist.", **parts: Any) -> None:
        # PynamoDB's class takes one message; its own __init__ adds nothing else.
        SingletableError.__init__(self, what, **parts)


class MultipleItemsFound(SingletableError, ValueError):
    """One item was asked for and there were more; `count` says how many."""

    count: int = 0


class UnknownItemError(SingletableError, ValueError):
    """An item is of no entity type that the table knows, or says no type at all.

    `entity_type` is what the item says (None where it says nothing), `key` its primary key.
    """

    entity_type: str | None = None
    key: tuple[Any, Any] | None = None


class MalformedItemError(SingletableError, ValueError):
    """A stored item holds something that its model cannot read; the value stays out of the message."""

    key: tuple[Any, Any] | None = None


class CursorError(SingletableError, ValueError):
    """A cursor is malformed, or belongs to another query."""


# --- writing --------------------------------------------------------------------------


class AlreadyExists(SingletableError):
    """`create()` found an item under the same primary key; nothing was written."""


class KeyChangeError(SingletableError, ValueError):
    """A write would change the primary key, and so leave the old item behind."""


class StaleKeyError(SingletableError, ValueError):
    """A write touches the source of a derived attribute in a way that it cannot follow."""


class ConcurrentUpdateError(SingletableError):
    """Another writer changed what a derived attribute depends on."""


class BatchIncomplete(SingletableError):
    """A batch was not finished after all retries; `unprocessed` holds exactly what was not done."""

    unprocessed: tuple[Any, ...] = ()


# --- the table and its surroundings ---------------------------------------------------


class RequestFailed(SingletableError):
    """DynamoDB refused a request. `operation` and `code` say which and why."""

    operation: str | None = None
    code: str | None = None


class TableMissing(RequestFailed):
    """The table does not exist where it was looked for."""


class AccessDenied(RequestFailed):
    """The credentials do not allow the operation."""


class EndpointUnreachable(SingletableError, ConnectionError):
    """Nothing answers at the endpoint."""


class CredentialsMissing(SingletableError):
    """There are no AWS credentials, or no region, to send a request with."""


class EngineUnavailable(SingletableError):
    """The chosen engine needs a package that is not installed."""


class ProjectError(SingletableError):
    """The folder is not a singletable project, or its setup.cfg names what is not there."""
