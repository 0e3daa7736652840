"""Effects of update actions on an item, computed in memory as DynamoDB computes them.

Keys that depend on a changed attribute are derived from the result. As in DynamoDB, all operands and list positions
refer to the item before the update (API reference, "UpdateItem").
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy
from decimal import Context
from typing import Any

from pynamodb.constants import NULL
from pynamodb.expressions.operand import (
    Path,
    Value,
    _Decrement,
    _IfNotExists,
    _Increment,
    _ListAppend,
    _Operand,
)
from pynamodb.expressions.update import AddAction, RemoveAction, SetAction

from singletable.errors import InvalidUpdateError
from singletable.models.declare.value_faults import spelled
from singletable.models.writing.actions import ParsedAction, paths_in
from singletable.requests.expressions import steps_of
from singletable.requests.stored_values import DIGITS, number_text, read_number
from singletable.requests.types import Item

__all__ = ["evolve"]

_ANOTHER = "Give another value, or set the attribute to a value."
_ARITHMETIC = Context(prec=DIGITS)


def evolve(item: Item, actions: Sequence[ParsedAction]) -> Item:
    """Return the item after an update; the given item does not change.

    Raises:
        InvalidUpdateError: DynamoDB would refuse the update: it reads an absent attribute, or adds to a text.
    """
    after = dict(item)
    owned: set[str] = set()
    # Removals come last, and from the end of each list, since all positions are those before the update.
    removals = [each for each in actions if isinstance(each.action, RemoveAction)]
    removals.sort(key=lambda each: [_order(step) for step in each.steps], reverse=True)
    others = [each for each in actions if not isinstance(each.action, RemoveAction)]
    for each in (*others, *removals):
        name = each.stored
        if not each.is_whole and name not in owned and name in after:
            after[name] = deepcopy(after[name])
            owned.add(name)
        _put(after, each.steps, _result(each, item), each.path)
    return after


def _order(step: str | int) -> tuple[int, str]:
    return (step, "") if isinstance(step, int) else (-1, step)


def _result(parsed: ParsedAction, item: Item) -> dict[str, Any] | None:
    """Return the new value at the action's path; None if no value is left there."""
    action = parsed.action
    if isinstance(action, RemoveAction):
        return None
    if isinstance(action, SetAction):
        return _evaluate(action.values[1], item)
    old = _find(item, parsed.steps)
    subset = _evaluate(action.values[1], item)
    ((kind, content),) = subset.items()
    if old is None:
        return subset if isinstance(action, AddAction) else None
    if set(old) != {kind}:
        stored = "/".join(old)
        raise _refused(
            f"it combines a value of type {kind} with one of type {stored}",
            parsed.path,
            "It is stored as NULL: set it to a value." if stored == NULL else "Set it to a value of its type.",
        )
    if isinstance(action, AddAction):
        if kind == "N":
            return {"N": _sum(old, subset, 1)}
        return {kind: list(_elements(kind, [*content, *old[kind]]).values())}
    gone = _elements(kind, content)
    left = [each for same, each in _elements(kind, old[kind]).items() if same not in gone]
    return {kind: left} if left else None


def _evaluate(operand: Any, item: Item) -> dict[str, Any]:
    if isinstance(operand, Value):
        value: dict[str, Any] = operand.value
        return value
    if isinstance(operand, Path):
        found = _find(item, steps_of(operand))
        if found is None:
            raise _refused(
                "it reads an attribute that the item does not have",
                operand,
                "Give a default: Doc.total.set((Doc.total | 0) + 1), Doc.lines.set((Doc.lines | []).append([line])).",
            )
        return found
    if isinstance(operand, _IfNotExists):
        found = _find(item, steps_of(operand.values[0]))
        return _evaluate(operand.values[1], item) if found is None else found
    if not isinstance(operand, (_ListAppend, _Increment, _Decrement)):
        raise NotImplementedError(f"the operand {type(operand).__name__} cannot be evaluated")
    one, other = (_evaluate(each, item) for each in operand.values)
    if isinstance(operand, _ListAppend):
        _require("L", operand, one, other)
        return {"L": [*one["L"], *other["L"]]}
    _require("N", operand, one, other)
    return {"N": _sum(one, other, 1 if isinstance(operand, _Increment) else -1)}


def _require(kind: str, operand: _Operand, *values: dict[str, Any]) -> None:
    wrong = next((value for value in values if set(value) != {kind}), None)
    if wrong is not None:
        path = next(paths_in(operand), None)
        raise _refused(f"it uses a value of type {'/'.join(wrong)} as one of type {kind}", path, _ANOTHER)


def _sum(one: dict[str, Any], other: dict[str, Any], sign: int) -> str:
    try:
        return number_text(_ARITHMETIC.add(read_number(one["N"]), sign * read_number(other["N"])))
    except ValueError:
        raise _refused("it adds to a number that DynamoDB cannot store", None, _ANOTHER) from None


def _elements(kind: str, values: Iterable[Any]) -> dict[Any, Any]:
    """Return the elements of a set, by the value that DynamoDB compares: the numbers 1 and 1.0 are one element."""
    return {number_text(each) if kind == "NS" else each: each for each in values}


def _find(item: Item, steps: Sequence[str | int]) -> dict[str, Any] | None:
    current: dict[str, Any] = {"M": item}
    for step in steps:
        inside = current.get("L" if isinstance(step, int) else "M")
        if inside is None or (step >= len(inside) if isinstance(step, int) else step not in inside):
            return None
        current = inside[step]
    return current


def _put(item: Item, steps: Sequence[str | int], value: dict[str, Any] | None, path: Path) -> None:
    *way, last = steps
    holder = _find(item, way) if way else {"M": item}
    inside: Any = (holder or {}).get("L" if isinstance(last, int) else "M")
    if inside is None:
        raise _refused(
            "it changes a part of a map or list that the item does not have",
            path,
            "Set the whole attribute, or read the item first and use mutate().",
        )
    if isinstance(last, str):
        if value is None:
            inside.pop(last, None)
        else:
            inside[last] = value
    elif value is None:
        del inside[last : last + 1]
    elif last < len(inside):
        inside[last] = value
    else:
        inside.append(value)


def _refused(reason: str, path: Path | None, remedy: str) -> InvalidUpdateError:
    if path is None:
        return InvalidUpdateError(f"The update cannot be made: {reason}.", remedy=remedy)
    name, *inside = steps_of(path)
    return InvalidUpdateError(
        f"The update at {spelled(str(name), inside)!r} cannot be made: {reason}.",
        remedy=remedy,
        attribute=str(name),
        path=tuple(inside),
    )
