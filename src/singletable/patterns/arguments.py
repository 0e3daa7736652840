"""Arguments for access patterns: drawn from existing entities, or placeholders of the right type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

from singletable.errors import PatternError
from singletable.keys import ValueKind
from singletable.models import Table
from singletable.models.declare.key_values import key_kind
from singletable.models.schema.table_schema import entity_schema, table_schema
from singletable.patterns.access_pattern import AccessPattern

__all__ = ["draw_arguments", "placeholder_arguments"]

_MOMENT = datetime(2026, 1, 15, 12, tzinfo=timezone.utc)
_DAY = timedelta(days=1)
# A smaller value, the usual value and a larger value.
_PLACEHOLDERS: dict[ValueKind, tuple[Any, Any, Any]] = {
    ValueKind.TEXT: ("w", "x", "y"),
    ValueKind.INTEGER: (0, 1, 2),
    ValueKind.NUMBER: (0, 1, 2),
    ValueKind.DECIMAL: (Decimal(0), Decimal(1), Decimal(2)),
    ValueKind.DATETIME: (_MOMENT - _DAY, _MOMENT, _MOMENT + _DAY),
    ValueKind.DATE: (_MOMENT.date() - _DAY, _MOMENT.date(), _MOMENT.date() + _DAY),
    ValueKind.UUID: (UUID(int=0), UUID(int=1), UUID(int=2)),
    ValueKind.BOOLEAN: (False, True, False),
    ValueKind.BYTES: (b"w", b"x", b"y"),
}


def draw_arguments(pattern: AccessPattern[..., Any], entities: Sequence[Table]) -> dict[str, Any] | None:
    """Return arguments with which a pattern returns many of these entities; None if the entities have no values.

    The values of several parameters come from one entity: the combination that most entities share. Two parameters for
    one attribute get the quartiles of its values, as an interval.

    Raises:
        PatternError: A parameter does not match any attribute, or the attribute's values cannot be counted or sorted.
    """
    names = {parameter: pattern.attribute_for(parameter) for parameter in pattern.parameters}
    _refuse_unknown(pattern, names)
    ends = {name for name, times in Counter(names.values()).items() if times > 1}
    singles = {parameter: name for parameter, name in names.items() if name not in ends}
    drawn = _most_common(pattern, singles, entities)
    if drawn is None:
        return None
    fitting = [
        entity
        for entity in entities
        if all(getattr(entity, names[parameter], value) == value for parameter, value in drawn.items())
    ]
    for name in sorted(ends):
        values = _sorted_values(pattern, name, fitting)
        if not values:
            return None
        first, last = values[len(values) // 4], values[(3 * len(values)) // 4]
        lower, upper = [parameter for parameter, each in names.items() if each == name][:2]
        drawn |= {lower: first, upper: last}
    return drawn


def placeholder_arguments(pattern: AccessPattern[..., Any], changed: str | None = None) -> dict[str, Any]:
    """Return arguments of the right types, which show the request of a pattern; the values need not exist.

    Args:
        pattern: The access pattern.
        changed: A parameter that gets a different value than without this argument; the ends of an interval stay in
            order.

    Raises:
        PatternError: A parameter does not match any attribute.
    """
    arguments: dict[str, Any] = {}
    used: Counter[str] = Counter()
    for parameter in pattern.parameters:
        name = pattern.attribute_for(parameter)
        smaller, value, larger = _placeholders(pattern, parameter, name)
        # The second parameter for an attribute is the end of an interval.
        if parameter == changed:
            value = larger if used[name] else smaller
        if used[name] and isinstance(value, date):
            value += used[name] * _DAY
        used[name] += 1
        arguments[parameter] = value
    return arguments


def _placeholders(pattern: AccessPattern[..., Any], parameter: str, name: str) -> tuple[Any, Any, Any]:
    for entity in _holders(pattern, name):
        attribute = entity.get_attributes()[name]
        kind = key_kind(attribute)
        if kind is ValueKind.CHOICE:
            first, *others = attribute.choices  # type: ignore[attr-defined]  # an EnumAttribute
            other = attribute.deserialize(others[0] if others else first)
            return other, attribute.deserialize(first), other
        if kind is not None:
            return _PLACEHOLDERS[kind]
    raise _unknown_parameter(pattern, parameter)


def _refuse_unknown(pattern: AccessPattern[..., Any], names: dict[str, str]) -> None:
    for parameter, name in names.items():
        if not _holders(pattern, name):
            raise _unknown_parameter(pattern, parameter)


def _unknown_parameter(pattern: AccessPattern[..., Any], parameter: str) -> PatternError:
    return PatternError(
        f"{pattern.name}: the parameter {parameter!r} does not match any attribute of the table.",
        remedy=f'Rename it, give it a default, or name the attribute: parameters={{"{parameter}": "attribute"}}.',
    )


def _holders(pattern: AccessPattern[..., Any], name: str) -> list[type[Table]]:
    """Return the entity classes with an attribute of this name, first those that the pattern returns."""
    classes = (*pattern.entities, *(schema.entity for schema in table_schema(pattern.table).entities.values()))
    return [entity for entity in dict.fromkeys(classes) if name in entity_schema(entity).attributes]


def _most_common(
    pattern: AccessPattern[..., Any], singles: dict[str, str], entities: Iterable[Table]
) -> dict[str, Any] | None:
    if not singles:
        return {}
    combinations: Counter[tuple[Any, ...]] = Counter()
    others: Counter[tuple[Any, ...]] = Counter()
    for entity in entities:
        attributes = entity_schema(entity).attributes
        if not all(name in attributes and _is_alike(pattern, entity, name) for name in singles.values()):
            continue
        values = tuple(getattr(entity, name) for name in singles.values())
        if all(value is not None for value in values):
            try:
                (combinations if isinstance(entity, pattern.entities) else others)[values] += 1
            except TypeError:
                raise PatternError(
                    f"{pattern.name}: the values of {' and '.join(singles.values())} cannot be counted: one of them is"
                    " a list, a map or a set.",
                    remedy="Give the parameter a default, or name another attribute with parameters=.",
                ) from None
    # Counter keeps the order of first appearance of equal counts, so the choice is stable.
    best = (combinations or others).most_common(1)
    return dict(zip(singles, best[0][0], strict=True)) if best else None


def _is_alike(pattern: AccessPattern[..., Any], entity: Table, name: str) -> bool:
    """Return whether an entity's attribute has values of the same kind as the pattern's attribute of that name."""
    mine = next((found for each in pattern.entities if (found := entity_schema(each).sources.get(name))), None)
    theirs = entity_schema(entity).sources.get(name)
    return mine is None or (theirs is not None and (mine.kind, mine.choices) == (theirs.kind, theirs.choices))


def _sorted_values(pattern: AccessPattern[..., Any], name: str, entities: Iterable[Table]) -> list[Any]:
    """Return the values of an attribute in the order of keys, from entities whose attribute has the same kind.

    Raises:
        PatternError: The values have no order.
    """
    found = []
    for entity in entities:
        schema = entity_schema(entity)
        if not isinstance(entity, pattern.entities) or name not in schema.attributes:
            continue
        value = getattr(entity, name)
        if value is not None and _is_alike(pattern, entity, name):
            # Members of an enumeration have no order, but their texts have.
            found.append((schema.to_keys({name: value})[name] if name in schema.sources else value, value))
    try:
        return [value for _, value in sorted(found, key=lambda pair: pair[0])]
    except TypeError:
        raise PatternError(
            f"{pattern.name}: two parameters are an interval of {name!r}, but its values have no order.",
            remedy="Give the parameters defaults, or use one parameter.",
        ) from None
