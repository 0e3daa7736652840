"""Unreadable items, whose type is unknown or whose values are malformed, and how reads treat them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from singletable.errors import InvalidRequestError, MalformedItemError, UnknownItemError
from singletable.requests.types import E, Handling, Item, MalformedItem, UnknownItem

__all__ = ["check_handling", "malformed_item", "tolerant", "unknown_item"]


def check_handling(**options: Any) -> None:
    """Refuse a word that is not one of `Handling`.

    Args:
        options: The words by the names of their options, `unknown` and `malformed`.

    Raises:
        InvalidRequestError: A word is not one of `Handling`.
    """
    words = get_args(Handling)
    for name, word in options.items():
        if word not in words:
            raise InvalidRequestError(
                f"{name}={word!r} is not one of {', '.join(map(repr, words))}.", remedy="Write one of them."
            )


def tolerant(
    load: Callable[[Item], E | UnknownItem | None], unknown: str, malformed: str
) -> Callable[[Item], E | UnknownItem | MalformedItem | None]:
    """Return a function that reads an item as `load` does, and raises, skips or returns an unreadable one.

    The function returns None for an item of another entity, and for one that is skipped.

    Args:
        load: Reads an item; see `Target`.
        unknown: How to treat an item of an unknown type: a word of `Handling`.
        malformed: How to treat an item that its model cannot read.
    """

    def read(item: Item) -> E | UnknownItem | MalformedItem | None:
        try:
            entity = load(item)
        except MalformedItemError as error:
            if malformed == "raise":
                raise
            return malformed_item(error, item) if malformed == "yield" else None
        if isinstance(entity, UnknownItem) and unknown != "yield":
            if unknown == "raise":
                raise unknown_item(entity)
            return None
        return entity

    return read


def malformed_item(error: MalformedItemError, item: Item) -> MalformedItem:
    """Return an item that its model cannot read, as a value."""
    # The traceback would keep the frames of the whole read in memory.
    error.__traceback__ = None
    return MalformedItem(error.entity, error.attribute, error.key, item, error)


def unknown_item(item: UnknownItem) -> UnknownItemError:
    """Return the error for an item of an unknown type, without its key, which may contain personal values."""
    kind = item.entity_type
    problem = f"has the type {kind!r}, which is not an entity of this table" if kind else "has no entity type"
    return UnknownItemError(
        f"An item {problem}.",
        remedy='Deploy the models that declare it, or read with unknown="yield" (UnknownItem among the results)'
        ' or unknown="skip". The error\'s key field names the item.',
        entity_type=item.entity_type,
        key=item.key,
    )
