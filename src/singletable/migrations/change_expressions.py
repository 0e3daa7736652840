"""Requests that change one item, and the limits of their expressions."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from singletable.migrations.item_change import ItemChange
from singletable.migrations.sources import UnfitItemError
from singletable.requests.expressions import EXPRESSION_BYTES, OPERATORS, Placeholders
from singletable.requests.types import Params

__all__ = [
    "MOST_PINS",
    "can_be_stated",
    "check_expressions",
    "move_params",
    "quoted",
    "statement_params",
    "update_params",
]

MOST_PINS = (OPERATORS - 1) // 2
"""The greatest number of attributes that one condition compares: each needs an operator, and an AND before it."""

STATEMENT_LENGTH = 8000
"""Characters for names in a PartiQL statement: the limit of 8,192 minus some room for keywords."""

_STATEMENT_WORDS = 16
_SMALL = 60


def check_expressions(change: ItemChange) -> None:
    """Refuse a change whose expressions DynamoDB would refuse.

    Raises:
        UnfitItemError: The condition would have too many operators, or an expression would be too long.
    """
    if len(change.pins) + len(change.image) + len(change.item) <= _SMALL:
        return
    if len(change.pins) > MOST_PINS:
        raise UnfitItemError(
            f"its condition would have {2 * len(change.pins) + 1:,} operators to compare {len(change.pins):,}"
            f" attributes; DynamoDB takes {OPERATORS}"
        )
    params = move_params("", change)["TransactItems"][1]["Delete"] if change.moves else update_params("", change)
    for name in ("ConditionExpression", "UpdateExpression"):
        size = len(params.get(name, "").encode())
        if size > EXPRESSION_BYTES:
            raise UnfitItemError(f"its {name} would be {size:,} bytes long; DynamoDB takes {EXPRESSION_BYTES:,}")


def update_params(table: str, change: ItemChange) -> Params:
    """Return the UpdateItem request of a change, on condition that the item exists and its pins are unchanged."""
    placeholders = Placeholders()
    sets = [f"{placeholders.name(name)} = {placeholders.value(value)}" for name, value in change.sets.items()]
    removes = [placeholders.name(name) for name in change.removes]
    expression = " ".join([f"SET {', '.join(sets)}"] * bool(sets) + [f"REMOVE {', '.join(removes)}"] * bool(removes))
    conditions = [f"attribute_exists({placeholders.name(change.key_names[0])})", *_pins(placeholders, change)]
    return {
        "TableName": table,
        "Key": change.key,
        "UpdateExpression": expression,
        "ConditionExpression": " AND ".join(conditions),
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        **placeholders.arguments(),
    }


def move_params(table: str, change: ItemChange) -> Params:
    """Return the TransactWriteItems request of a move: put if the new key is free, delete if the pins are unchanged."""
    put, delete = Placeholders(), Placeholders()
    free = f"attribute_not_exists({put.name(change.key_names[0])})"
    conditions = [f"attribute_exists({delete.name(change.key_names[0])})", *_pins(delete, change)]
    return {
        "TransactItems": [
            {"Put": {"TableName": table, "Item": change.image, "ConditionExpression": free, **put.arguments()}},
            {
                "Delete": {
                    "TableName": table,
                    "Key": change.key,
                    "ConditionExpression": " AND ".join(conditions),
                    **delete.arguments(),
                }
            },
        ]
    }


def _pins(placeholders: Placeholders, change: ItemChange) -> list[str]:
    return [_still(placeholders, name, change.item.get(name)) for name in sorted(change.pins)]


def _still(placeholders: Placeholders, name: str, value: dict[str, Any] | None) -> str:
    place = placeholders.name(name)
    if value is None:
        return f"attribute_not_exists({place})"
    return f"{place} = {placeholders.value(value)}"


def can_be_stated(change: ItemChange) -> bool:
    """Return whether a PartiQL statement can make a change: it cannot move items, and compares NULL differently."""
    if change.moves or any("NULL" in change.item.get(name, {}) for name in change.pins):
        return False
    names = sum(len(name) + _STATEMENT_WORDS for name in (*change.sets, *change.removes, *change.pins))
    return names <= STATEMENT_LENGTH


def statement_params(table: str, change: ItemChange) -> Params:
    """Return a change as one PartiQL statement, which never creates an item."""
    where = (*change.key_names, *sorted(change.pins))
    stored = tuple(name for name in where if name in change.item)
    missing = tuple(name for name in where if name not in change.item)
    return {
        "Statement": _statement(table, tuple(change.sets), tuple(change.removes), stored, missing),
        "Parameters": [*change.sets.values(), *(change.item[name] for name in stored)],
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


@lru_cache
def _statement(
    table: str, sets: tuple[str, ...], removes: tuple[str, ...], stored: tuple[str, ...], missing: tuple[str, ...]
) -> str:
    """Return the text of a statement. It is cached, since the items of a pass share a few texts."""
    clauses = [*(f"SET {quoted(name)} = ?" for name in sets), *(f"REMOVE {quoted(name)}" for name in removes)]
    conditions = [*(f"{quoted(name)} = ?" for name in stored), *(f"{quoted(name)} IS MISSING" for name in missing)]
    return f"UPDATE {quoted(table)} {' '.join(clauses)} WHERE {' AND '.join(conditions)}"


def quoted(name: str) -> str:
    """Return a name as a quoted identifier of PartiQL."""
    return '"' + name.replace('"', '""') + '"'
