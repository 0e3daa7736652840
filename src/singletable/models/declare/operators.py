"""Operators of attributes: conditions and update actions that never treat a dict as a stored value."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from pynamodb.attributes import (
    Attribute,
)
from pynamodb.expressions.condition import BeginsWith, Between, Comparison, Contains, In
from pynamodb.expressions.operand import Value, _Decrement, _IfNotExists, _Increment, _ListAppend
from pynamodb.expressions.update import AddAction, DeleteAction, RemoveAction, SetAction

from singletable.errors import SingletableError
from singletable.models.declare.contents import refused

__all__ = ["ConvertedOperands", "Scalar", "hiding", "typed"]

R = TypeVar("R")
_T = TypeVar("_T")
_OF_ITS_TYPE = "Give a value of the attribute's type."


class Scalar(Attribute[_T]):
    """An attribute with one value, whose operators refuse a dict; PynamoDB treats `{"S": "x"}` as a stored value."""

    def __eq__(self, other: Any) -> Comparison:  # type: ignore[override]  # as PynamoDB's
        return self._apply(Attribute.__eq__, other)

    def __ne__(self, other: Any) -> Comparison:  # type: ignore[override]  # as PynamoDB's
        return self._apply(Attribute.__ne__, other)

    def __lt__(self, other: Any) -> Comparison:
        return self._apply(Attribute.__lt__, other)

    def __le__(self, other: Any) -> Comparison:
        return self._apply(Attribute.__le__, other)

    def __gt__(self, other: Any) -> Comparison:
        return self._apply(Attribute.__gt__, other)

    def __ge__(self, other: Any) -> Comparison:
        return self._apply(Attribute.__ge__, other)

    def between(self, lower: Any, upper: Any) -> Between:
        return self._apply(Attribute.between, lower, upper)

    def is_in(self, *values: _T) -> In:
        return self._apply(Attribute.is_in, *values)

    def startswith(self, prefix: str) -> BeginsWith:
        return self._apply(Attribute.startswith, prefix)

    def contains(self, item: Any) -> Contains:
        return self._apply(Attribute.contains, item)

    def __add__(self, other: Any) -> _Increment:
        return self._apply(Attribute.__add__, other)

    def __radd__(self, other: Any) -> _Increment:
        return self._apply(Attribute.__radd__, other)

    def __sub__(self, other: Any) -> _Decrement:
        return self._apply(Attribute.__sub__, other)

    def __rsub__(self, other: Any) -> _Decrement:
        return self._apply(Attribute.__rsub__, other)

    def __or__(self, other: Any) -> _IfNotExists:
        return typed(self._apply(Attribute.__or__, other), lambda value: {self.attr_type: self.serialize(value)})

    def append(self, other: Iterable[Any]) -> _ListAppend:
        return self._apply(Attribute.append, other)

    def prepend(self, other: Iterable[Any]) -> _ListAppend:
        return self._apply(Attribute.prepend, other)

    def set(
        self, value: _T | Attribute[_T] | _Increment | _Decrement | _IfNotExists | _ListAppend
    ) -> SetAction | RemoveAction:
        return self._apply(Attribute.set, value)

    def add(self, *values: Any) -> AddAction:
        return self._apply(Attribute.add, *values)

    def delete(self, *values: Any) -> DeleteAction:
        return self._apply(Attribute.delete, *values)

    def _apply(self, operator: Callable[..., R], *values: Any) -> R:
        """Apply one of PynamoDB's operators to values, and refuse a dict."""
        self._check_operands(operator.__name__, values)
        for value in values:
            if isinstance(value, dict):
                self.serialize(value)
                raise refused(self, value, "expected a value, got dict", _OF_ITS_TYPE)
        return _without_values(self, operator, values)

    def _check_operands(self, operator: str, values: tuple[Any, ...]) -> None:
        """Refuse values that the attribute's class does not accept as operands."""


class ConvertedOperands(Attribute[Any]):
    """The operators of an attribute class that converts a map among the operands, so that it is not taken as stored."""

    def __eq__(self, other: Any) -> Any:
        return Attribute.__eq__(self, self._operand(other))

    def __ne__(self, other: Any) -> Any:
        return Attribute.__ne__(self, self._operand(other))

    def is_in(self, *values: Any) -> Any:
        return Attribute.is_in(self, *map(self._operand, values))

    def set(self, value: Any) -> Any:
        return Attribute.set(self, self._operand(value))

    def _operand(self, value: Any) -> Any:
        """Return a value as an operand: a map in its stored form with its type, any other value as it is."""
        raise NotImplementedError


def hiding(kind: type[Attribute[Any]], name: str) -> Callable[..., Any]:
    """Return an operator of an attribute class whose errors hide personal values, which PynamoDB's errors quote."""
    pynamodbs = getattr(kind, name)

    def operator(self: Attribute[Any], *values: Any) -> Any:
        return _without_values(self, pynamodbs, values)

    operator.__name__ = name
    return operator


def _without_values(attribute: Attribute[Any], operator: Callable[..., R], values: tuple[Any, ...]) -> R:
    """Apply an operator, with an error that does not quote the values."""
    try:
        return operator(attribute, *values)
    except SingletableError:
        raise
    except ValueError:
        pass  # the error quotes the value, so the error below must not refer to it
    reason = f"an attribute of type {attribute.attr_type} does not support {operator.__name__} with it"
    raise refused(attribute, values[0], reason, _OF_ITS_TYPE)


def typed(operand: R, stored: Callable[[Any], dict[str, Any]]) -> R:
    """Make an operand such as `Doc.total | 0` store values as its attribute does, and return it.

    Args:
        operand: The operand; in PynamoDB it does not know the attribute.
        stored: Converts a value to its stored form, with its type.
    """
    operand._to_value = lambda value: Value(stored(value))  # type: ignore[attr-defined]  # of its class
    return operand
