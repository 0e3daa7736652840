"""Errors of values, keys, and the arguments of which they are made."""

from __future__ import annotations

from singletable.errors.base_error import SingletableError

__all__ = [
    "InvalidKeyValueError",
    "InvalidUpdateError",
    "InvalidValueError",
    "ItemTooLargeError",
    "KeyParseError",
    "KeyTooLongError",
    "MissingAttributesError",
    "UnexpectedAttributesError",
]


class InvalidValueError(SingletableError, ValueError):
    """The attribute cannot store this value: wrong type, naive datetime, or not finite.

    Functions also raise it for an argument that is outside the documented values, such as a time-out of 0 seconds.

    Remedy: Give a value that fits. See docs/reference/writing.md#refused-values for the values that are refused.

    Attributes:
        path: The place of the value below `attribute`, such as `(0, "label")`: names within maps and positions within
            lists. `()` is the attribute itself.
        reason: The fault alone, such as `expected str, got int`.
        shown: The value as the message shows it; a placeholder if the value is personal.
    """

    path: tuple[str | int, ...] = ()
    reason: str = ""
    shown: str = ""


class InvalidKeyValueError(InvalidValueError):
    """A key cannot contain this value: empty, of the wrong type, naive, inexact, or too wide.

    Remedy: Give a value that the template can hold, or change the width in the template.
    See docs/reference/keys.md#values.
    """


class KeyTooLongError(InvalidKeyValueError):
    """A key is longer than DynamoDB's limit: 2048 bytes of UTF-8 (partition key) or 1024 bytes (sort key).

    Remedy: Shorten the values, or put a hash of the long value into the template.

    Attributes:
        size: The length of the key in bytes.
        limit: The limit in bytes.
    """

    size: int = 0
    limit: int = 0


class KeyParseError(SingletableError, ValueError):
    """A stored key is not one that this entity could have written.

    Remedy: Parse the key with the entity that wrote it. If other code wrote the key, fix the item.
    """


class ItemTooLargeError(InvalidValueError):
    """An item is larger than DynamoDB's limit of 400 KB.

    Remedy: Split it into several items of one partition, or keep the large part in S3 and its address in the item.

    Attributes:
        size: The size of the item in bytes.
        limit: The limit in bytes.
        largest: The largest attributes, as pairs of a name and a size in bytes.
    """

    size: int = 0
    limit: int = 0
    largest: tuple[tuple[str, int], ...] = ()


class InvalidUpdateError(InvalidValueError):
    """An update cannot be made: its actions contradict each other, or the item has no part that an action needs.

    Remedy: Give one action for each path. If a part is missing, read the item first, or set the whole attribute.
    """


class MissingAttributesError(SingletableError, TypeError):
    """A key or a query needs more attributes than it was given.

    Remedy: Give every attribute that the message names.

    Attributes:
        missing: The names of the missing attributes.
    """

    missing: tuple[str, ...] = ()


class UnexpectedAttributesError(SingletableError, TypeError):
    """A key, a query or a method was given attributes or options that it does not use.

    Remedy: Leave them out, or use the names that the message lists.

    Attributes:
        unexpected: The names that were given.
    """

    unexpected: tuple[str, ...] = ()
