"""Expressions: key conditions and filters, with their placeholders for names and values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from functools import reduce
from operator import and_
from typing import Any

import attrs
from pynamodb.constants import NULL
from pynamodb.expressions.condition import And, Between, Comparison, In, Not, Or
from pynamodb.expressions.condition import Condition as PynamoCondition
from pynamodb.expressions.operand import Path, Value, _Operand, _Size
from pynamodb.expressions.update import Action

from singletable.errors import InvalidConditionError
from singletable.keys import KeyRange
from singletable.requests.types import Params

__all__ = [
    "EXPRESSION_BYTES",
    "OPERANDS",
    "OPERATORS",
    "SORT_CONDITIONS",
    "Actions",
    "ItemPath",
    "Placeholders",
    "Portable",
    "all_of",
    "check_operands_of",
    "comparisons_of",
    "is_whole",
    "key_condition",
    "parts_of",
    "path_steps",
    "paths_of",
    "projected",
    "steps_of",
    "still_holds",
    "top_name",
    "values_in",
]

EXPRESSION_BYTES = 4096
"""The longest expression, in bytes (DynamoDB, "Service, account, and table quotas": expression parameters)."""

OPERATORS = 300
"""The most operators and functions of an expression (the same page)."""

OPERANDS = 100
"""The most operands of IN (the same page)."""

_OPERATORS_OF_NEVER = 3
_INDEX = re.compile(r"\[(\d+)\]")

SORT_CONDITIONS = {
    "=": "{name} = {0}",
    "<=": "{name} <= {0}",
    ">=": "{name} >= {0}",
    "between": "{name} BETWEEN {0} AND {1}",
    "begins_with": "begins_with({name}, {0})",
}


@attrs.define
class Placeholders:
    """The placeholders of one request's names and values, in the form that PynamoDB's expressions use."""

    names: dict[str, str] = attrs.field(factory=dict)
    values: dict[str, Any] = attrs.field(factory=dict)

    def name(self, stored: str) -> str:
        """Return the placeholder of a stored attribute's name."""
        return self.names.setdefault(stored, f"#{len(self.names)}")

    def value(self, value: dict[str, Any]) -> str:
        """Return the placeholder of a value such as `{"S": "x"}`."""
        placeholder = f":{len(self.values)}"
        self.values[placeholder] = value
        return placeholder

    def condition(self, condition: PynamoCondition) -> str:
        """Return a PynamoDB condition as expression text.

        Chains of AND and OR have no parentheses inside. PynamoDB writes a pair for each operator, and dynalite's
        parser takes nearly three times as long for each pair in another: 2.6 s for eleven.
        """
        # A list instead of recursion: a chain of a thousand terms is a thousand conditions, each inside the next.
        texts: list[str] = []
        operators = 0
        left: list[PynamoCondition | str] = [condition]
        while left:
            each = left.pop()
            if isinstance(each, str):
                texts.append(each)
            elif isinstance(each, (And, Or)):
                parts: list[PynamoCondition | str] = []
                for term in _chain(each, type(each)):
                    parts += (f" {each.operator} ", *_enclosed(term))
                left.extend(reversed(parts[1:]))
                operators += len(parts) // 2 - 1
            elif isinstance(each, Not):
                left.extend((")", *reversed(_enclosed(each.values[0])), f"({each.operator} "))
                operators += 1
            elif isinstance(each, In) and len(each.values) == 1:
                # DynamoDB has no IN without operands. This condition also matches nothing.
                path = each.values[0].serialize(self.names, self.values)
                texts.append(f"(attribute_exists ({path}) AND attribute_not_exists ({path}))")
                operators += _OPERATORS_OF_NEVER
            else:
                texts.append(each.serialize(self.names, self.values))
                operators += sum(isinstance(part, (PynamoCondition, _Size)) for part in _operands(each))
                check_operands_of(each)
        text = "".join(texts)
        if operators > OPERATORS or len(text) > EXPRESSION_BYTES:
            raise InvalidConditionError(
                f"A condition or filter has {operators} operators and functions in {len(text):,} bytes; DynamoDB"
                f" accepts at most {OPERATORS} in {EXPRESSION_BYTES:,}.",
                remedy="Compare fewer attributes. An entity with a version is compared by its version alone.",
            )
        return text

    def projection(self, stored: Iterable[str]) -> str:
        """Return the ProjectionExpression for stored attributes."""
        return ", ".join(map(self.name, stored))

    def arguments(self) -> Params:
        """Return the arguments of the request that hold names and values."""
        arguments: Params = {}
        if self.names:
            arguments["ExpressionAttributeNames"] = {placeholder: name for name, placeholder in self.names.items()}
        if self.values:
            arguments["ExpressionAttributeValues"] = dict(self.values)
        return arguments


class Actions(tuple[Action, ...]):
    """PynamoDB's update actions, with a repr that names the attributes that they change, without values."""

    __slots__ = ()

    def __repr__(self) -> str:
        names = [top_name(path) for action in self for path in action.values[:1] if isinstance(path, Path)]
        return f"<actions on {', '.join(names) or 'nothing'}>"


class Portable:
    """The base of requests and plans that can be pickled.

    A pickle contains the fields. PynamoDB's conditions and actions in them lose their references to attributes, whose
    defaults may be functions, which cannot be pickled. No request depends on these references.
    """

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        fields = attrs.fields(type(self))  # type: ignore[arg-type]  # every subclass is an attrs class
        return _remade, (type(self), {field.name: _detached(getattr(self, field.name)) for field in fields})


def _remade(kind: type[Any], fields: dict[str, Any]) -> Any:
    return kind(**fields)


def _detached(part: Any) -> Any:
    """Return a condition, an action or a sequence of them without its attributes; anything else as it is."""
    if isinstance(part, (PynamoCondition, Action, _Operand)):
        part = copy(part)
        # A function that refers to the attribute. It is not needed after the operands are made.
        vars(part).pop("_to_value", None)
        if isinstance(part, Path):
            part.attribute = None  # type: ignore[assignment]  # as in a path made from a name
        else:
            part.values = tuple(map(_detached, part.values))
    elif isinstance(part, (list, tuple)):
        part = type(part)(map(_detached, part))
    return part


class ItemPath(Path):
    """A path of exact steps: names within maps, and positions within lists.

    PynamoDB would read `[0]` within a name as a position in a list.

    Args:
        steps: The stored name of an attribute, and the steps below it.
    """

    def __init__(self, *steps: str | int) -> None:
        super().__init__([str(step) for step in steps])
        self.steps = steps

    def __getitem__(self, item: int | str) -> ItemPath:
        return type(self)(*self.steps, item)

    def _serialize_value(self, value: Any, placeholder_names: dict[str, str], _: Any) -> str:
        text = ""
        for step in self.steps:
            if isinstance(step, int):
                text += f"[{step}]"
            else:
                text += f".{placeholder_names.setdefault(step, f'#{len(placeholder_names)}')}"
        return text[1:]


def path_steps(segments: Sequence[str]) -> list[str | int]:
    """Return the steps of a path that is written as PynamoDB does: `["detail", "list", 0]` for `detail.list[0]`."""
    steps: list[str | int] = []
    for segment in segments:
        name, bracket, rest = segment.partition("[")
        steps.append(name)
        steps.extend(int(index) for index in _INDEX.findall(bracket + rest))
    return steps


def steps_of(path: Path) -> list[str | int]:
    """Return the steps of a path."""
    return list(path.steps) if isinstance(path, ItemPath) else path_steps(path.path)


def top_name(path: Path) -> str:
    """Return the stored name of the top-level attribute that a path begins with."""
    return str(steps_of(path)[0])


def is_whole(path: Path) -> bool:
    """Return whether a path is a whole attribute, not a part of one."""
    return len(steps_of(path)) == 1


def still_holds(name: str, value: dict[str, Any] | None) -> PynamoCondition:
    """Return the condition that an attribute has a value such as `{"S": "x"}`, or for None that it is not stored."""
    path = ItemPath(name)
    if value is not None and NULL in value:
        # PynamoDB has no comparison with NULL. A NULL has only one value, so its type is enough.
        return path.is_type(NULL)
    condition: PynamoCondition = path.does_not_exist() if value is None else path == value
    return condition


def all_of(*conditions: PynamoCondition | None) -> PynamoCondition | None:
    """Return the conjunction of the conditions that are not None; None if all are."""
    given = [condition for condition in conditions if condition is not None]
    return reduce(and_, given) if given else None


def key_condition(
    placeholders: Placeholders, partition_name: str, partition: str, sort_name: str | None, sort: KeyRange
) -> str:
    """Return the KeyConditionExpression for one partition and a range of sort keys."""
    text = f"{placeholders.name(partition_name)} = {placeholders.value({'S': partition})}"
    if sort_name is None or sort.operator == "all":
        return text
    operands = [placeholders.value({"S": operand}) for operand in sort.operands]
    return f"{text} AND {SORT_CONDITIONS[sort.operator].format(*operands, name=placeholders.name(sort_name))}"


def projected(only: Iterable[str] | None) -> Params:
    """Return the arguments of a read of some stored attributes; an empty dict for whole items."""
    if only is None:
        return {}
    placeholders = Placeholders()
    return {"ProjectionExpression": placeholders.projection(only), **placeholders.arguments()}


def paths_of(condition: PynamoCondition | None) -> Iterator[Path]:
    """Yield every attribute path in a PynamoDB condition."""
    return (operand for operand in _operands(condition) if isinstance(operand, Path))


def comparisons_of(condition: PynamoCondition | None) -> Iterator[PynamoCondition]:
    """Yield every comparison (`=`, `<`, `BETWEEN`, `IN`, ...) in a PynamoDB condition."""
    return (operand for operand in _operands(condition) if isinstance(operand, (Comparison, Between, In)))


def parts_of(condition: PynamoCondition | None) -> Iterator[PynamoCondition]:
    """Yield a PynamoDB condition and every condition within it."""
    return (operand for operand in _operands(condition) if isinstance(operand, PynamoCondition))


def values_in(operand: Any) -> Iterator[Value]:
    """Yield every value within a condition, an action or an operand."""
    return (each for each in _operands(operand) if isinstance(each, Value))


def check_operands_of(condition: PynamoCondition) -> None:
    """Refuse IN with more operands than DynamoDB accepts.

    Raises:
        InvalidConditionError: IN has over 100 operands.
    """
    if isinstance(condition, In) and len(condition.values) - 1 > OPERANDS:
        raise InvalidConditionError(
            f"is_in() was given {len(condition.values) - 1} values; DynamoDB accepts at most {OPERANDS}.",
            remedy=f"Give {OPERANDS} values at a time.",
        )


def _enclosed(term: PynamoCondition) -> tuple[PynamoCondition | str, ...]:
    return ("(", term, ")") if isinstance(term, (And, Or)) else (term,)


def _chain(condition: PynamoCondition, kind: type[PynamoCondition]) -> Iterator[PynamoCondition]:
    left = [condition]
    while left:
        each = left.pop()
        if isinstance(each, kind):
            left.extend(reversed(each.values))
        else:
            yield each


def _operands(operand: Any) -> Iterator[Any]:
    left = [operand]
    while left:
        each = left.pop()
        yield each
        if isinstance(each, (Action, PynamoCondition, _Operand)):
            left.extend(reversed(each.values))
