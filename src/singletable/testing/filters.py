"""PynamoDB conditions, evaluated on an item in memory as DynamoDB evaluates a filter.

The rules are those of the Developer Guide, "Condition and filter expressions, operators, and functions": values of
different types are never equal and have no order, and a path that does not exist equals no value (so `<>` is true).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from operator import eq, ge, gt, le, lt
from typing import Any

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.operand import Path, Value, _Size

__all__ = ["matches"]

_ORDER: dict[str, Callable[[Any, Any], bool]] = {"=": eq, "<": lt, "<=": le, ">": gt, ">=": ge}
_SEGMENT = re.compile(r"([^\[\]]+)((?:\[\d+\])*)")


def matches(condition: Condition, item: dict[str, dict[str, Any]]) -> bool:
    """Whether an item in its stored form meets a condition."""
    operator, values = condition.operator, condition.values
    if operator in ("AND", "OR"):
        combine = all if operator == "AND" else any
        return combine(matches(each, item) for each in values)
    if operator == "NOT":
        return not matches(values[0], item)
    operands = [_resolve(value, item) for value in values]
    if operator == "attribute_exists":
        return operands[0] is not None
    if operator == "attribute_not_exists":
        return operands[0] is None
    if operator == "<>":
        return not _compare(eq, operands[0], operands[1])
    if operator == "IN":
        return any(_compare(eq, operands[0], other) for other in operands[1:])
    if operator == "BETWEEN":
        return _compare(ge, operands[0], operands[1]) and _compare(le, operands[0], operands[2])
    if operator == "attribute_type":
        return operands[0] is not None and operands[1] is not None and operands[0][0] == operands[1][1]
    if operator == "begins_with":
        return _same_type(operands[0], operands[1]) and operands[0][1].startswith(operands[1][1])
    if operator == "contains":
        return _contains(operands[0], operands[1])
    return _compare(_ORDER[operator], operands[0], operands[1])


def _resolve(operand: Any, item: dict[str, dict[str, Any]]) -> Any:
    """Return an operand as (type, value); None if its path does not exist in the item."""
    if isinstance(operand, Value):
        return _typed(operand.value)
    if isinstance(operand, _Size):
        inner = _resolve(operand.values[0], item)
        return None if inner is None else ("N", Decimal(len(inner[1])))
    if isinstance(operand, Path):
        return _follow(operand.path, item)
    raise NotImplementedError(f"the operand {type(operand).__name__} cannot be evaluated")


def _follow(path: list[str], item: dict[str, dict[str, Any]]) -> Any:
    current: Any = {"M": item}
    for segment in path:
        match = _SEGMENT.fullmatch(segment)
        if match is None or "M" not in current or match[1] not in current["M"]:
            return None
        current = current["M"][match[1]]
        for index in re.findall(r"\d+", match[2]):
            if "L" not in current or int(index) >= len(current["L"]):
                return None
            current = current["L"][int(index)]
    return _typed(current)


def _typed(value: dict[str, Any]) -> tuple[str, Any]:
    ((kind, content),) = value.items()
    if kind == "N":
        return kind, Decimal(content)
    if kind == "NS":
        return kind, {Decimal(each) for each in content}
    if kind in ("SS", "BS"):
        return kind, set(content)
    return kind, content


def _same_type(one: Any, other: Any) -> bool:
    return one is not None and other is not None and one[0] == other[0]


def _compare(how: Callable[[Any, Any], bool], one: Any, other: Any) -> bool:
    if not _same_type(one, other):
        return False
    if how is not eq and one[0] not in ("S", "N", "B"):
        return False
    return bool(how(one[1], other[1]))


def _contains(whole: Any, part: Any) -> bool:
    if whole is None or part is None:
        return False
    kind, content = whole
    if kind in ("S", "B"):
        return bool(part[0] == kind and part[1] in content)
    if kind in ("SS", "NS", "BS"):
        return bool(part[0] == kind[0] and part[1] in content)
    return kind == "L" and any(_typed(each) == part for each in content)
