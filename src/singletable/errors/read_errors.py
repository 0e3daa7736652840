"""Errors of reads: requests, conditions, results, cursors."""

from __future__ import annotations

from typing import Any

from pynamodb.exceptions import DoesNotExist

from singletable.errors.base_error import SingletableError

__all__ = [
    "CursorError",
    "InvalidConditionError",
    "InvalidRequestError",
    "ItemDoesNotExist",
    "MalformedItemError",
    "MultipleItemsFoundError",
    "NotProjectedError",
    "PartialItemError",
    "UnknownItemError",
]


class InvalidConditionError(SingletableError, ValueError):
    """A key, a filter or a write cannot have this condition.

    Remedy: A key takes one of `==`, `<`, `<=`, `>`, `>=`, `between` and `startswith` on its next attribute. Write other
    conditions as `filter=`. See docs/reference/queries.md and docs/reference/writing.md#conditions.
    """


class InvalidRequestError(SingletableError, ValueError):
    """A request has an option that it cannot have: `limit=0`, `unknown="x"`, a page of a query with a limit.

    Remedy: Change or leave out the option. See docs/reference/queries.md for the options of each read.
    """


class NotProjectedError(SingletableError, ValueError):
    """An attribute was not read: the index does not hold it, or `only=` left it out.

    Remedy: Add the attribute to `only=`, or call `refresh()`, which reads the whole item. For a filter, project the
    attribute into the index, or filter after reading.
    """


class PartialItemError(SingletableError, ValueError):
    """An instance that was read with `only=` cannot be written, because it does not have the whole item.

    Remedy: Call `refresh()` first, or read the item without `only=`. See docs/reference/queries.md#parts-of-items.
    """


class ItemDoesNotExist(SingletableError, DoesNotExist):  # noqa: N818 - PynamoDB's term
    """No item has the key.

    Each entity has its own subclass, such as `Order.DoesNotExist`.

    Remedy: Check the attributes of the key, the table and the region. An item may have been deleted or moved.
    """

    def __init__(self, what: str = "The item does not exist.", **parts: Any) -> None:
        # PynamoDB's class takes one message; its own __init__ adds nothing else.
        SingletableError.__init__(self, what, **parts)


class MultipleItemsFoundError(SingletableError, ValueError):
    """A read of one item found several.

    Remedy: Narrow the request by more attributes or a filter, or use `first()` or `all()`.

    Attributes:
        count: The number of items.
    """

    count: int = 0


class UnknownItemError(SingletableError, ValueError):
    """An item has an entity type that the table does not know, or has no type.

    Remedy: Deploy the models that declare the type. Or read with `unknown="yield"` (the results then contain an
    `UnknownItem`) or `unknown="skip"`. See docs/reference/queries.md#items-that-cannot-be-read.

    Attributes:
        entity_type: The type that the item has; None if it has no type.
        key: The primary key of the item.
        cursor: A cursor that continues the query or scan after the item: `page(size, error.cursor)`, without a limit.
            None outside of queries and scans.
    """

    entity_type: str | None = None
    key: tuple[Any, Any] | None = None
    cursor: str | None = None


class MalformedItemError(SingletableError, ValueError):
    """A stored item holds a value that its model cannot read.

    The message does not contain the value.

    Remedy: Fix the item or the attribute's class. Or read with `malformed="yield"` (the results then contain a
    `MalformedItem`) or `malformed="skip"`. See docs/reference/queries.md#items-that-cannot-be-read.

    Attributes:
        key: The primary key of the item.
        cursor: A cursor that continues the query or scan after the item: `page(size, error.cursor)`, without a limit.
            None outside of queries and scans.
    """

    key: tuple[Any, Any] | None = None
    cursor: str | None = None


class CursorError(SingletableError, ValueError):
    """A cursor is malformed, altered, expired, or belongs to another query, table or client.

    Remedy: Ask for the first page again, without a cursor. If several processes read pages, give them the same secret.
    See docs/reference/queries.md#cursors.
    """
