"""Errors of single writes."""

from __future__ import annotations

from typing import Any

from pynamodb.exceptions import DeleteError, PutError, UpdateError

from singletable.errors.base_error import SingletableError

__all__ = [
    "AlreadyExistsError",
    "ConcurrentUpdateError",
    "ConditionFailed",
    "KeyChangeError",
    "StaleKeyError",
]


class ConditionFailed(SingletableError, PutError, UpdateError, DeleteError):  # noqa: N818 - DynamoDB's term
    """The condition of a write does not hold.

    Nothing was written, unless `uncertain` is True.

    Remedy: Compare your condition with the stored item in `item`.

    Attributes:
        item: The stored item, as DynamoDB sent it; None if it does not exist.
    """

    item: dict[str, Any] | None = None


class AlreadyExistsError(ConditionFailed):
    """`create()` or `move()` found an item under the same primary key.

    Nothing was written, unless `uncertain` is True.

    Remedy: Use `save()` to replace the item, or `update()` to change some of its attributes.
    """


class ConcurrentUpdateError(ConditionFailed):
    """Another writer changed the item since it was read, or changes it again and again.

    The stored version is not the one that was read, or the stored values on which a key depends changed during all
    attempts of an update.

    Remedy: Call `refresh()` and decide whether to send the change again, or use `mutate()`, which does so by itself.
    If many writers change one item, let fewer of them do so.
    """


class KeyChangeError(SingletableError, ValueError):
    """A write would change the primary key, so the old item would stay in the table.

    Remedy: Use `move()`, which creates the item under the new key and deletes the old one.
    """


class StaleKeyError(SingletableError, ValueError):
    """A write would leave a derived attribute with an old value, and the new value is not known.

    Remedy: Read the item first (`get()` or `refresh()`), or set the attribute to a value. Never set a derived attribute
    yourself; update the attributes that it is made of.
    """
