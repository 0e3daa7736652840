"""The oracle: what a request must answer, worked out from entities alone, without looking at a key."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from singletable.keys import CompositeKey, Condition
from singletable.models import Table
from singletable.models.schema import EntitySchema
from singletable.requests import Get, Query
from singletable.requests.values import canonical
from singletable.testing.filters import matches

__all__ = ["agrees", "expected", "fingerprint", "identity_of", "stored_attributes", "stored_values"]


def expected(request: Query[Any] | Get[Any], entities: Iterable[Table]) -> list[Table]:
    """Every entity that a request asks for, in its order, its limit left aside.

    Args:
        request: The request.
        entities: Everything that the table holds.
    """
    found = [entity for entity in entities if _is_asked_for(request, entity)]
    descending = isinstance(request, Query) and request.descending
    return sorted(found, key=lambda entity: _order(request, entity), reverse=descending)


def agrees(request: Query[Any] | Get[Any], answer: Sequence[Table], entities: Iterable[Table]) -> str | None:
    """Whether an answer is right; None, or what is wrong with it.

    Items whose order the sort key does not decide may come in any order, and where a limit cuts
    through them, any of them will do.
    """
    wanted = expected(request, entities)
    if request.target.only is not None:
        whole = _completed(answer, wanted, request.target.only)
        if whole is None:
            return "an item was not expected, or not with these attributes"
        answer = whole
    limit = request.limit if isinstance(request, Query) else None
    count = len(wanted) if limit is None else min(limit, len(wanted))
    if len(answer) != count:
        return f"{len(answer)} items, where {count} were expected"
    known = Counter(fingerprint(entity) for entity in wanted)
    for entity in answer:
        known[fingerprint(entity)] -= 1
        if known[fingerprint(entity)] < 0:
            return f"{entity!r} was not expected, or not with these attributes"
    for position, (given, right) in enumerate(zip(answer, wanted, strict=False)):
        if request.target.key.name != "collection" and _order(request, given) != _order(request, right):
            return f"item {position + 1} is {given!r}, out of order"
    return _collection_order(request, answer) if request.target.key.name == "collection" else None


def _completed(answer: Sequence[Table], wanted: Sequence[Table], only: Sequence[str]) -> list[Table] | None:
    """Return the whole entities for an answer with some of their attributes; None if one was not expected."""
    known = {identity_of(entity): entity for entity in wanted}
    whole: list[Table] = []
    for part in answer:
        one = known.get(identity_of(part))
        if one is None or fingerprint(one, only) != fingerprint(part, only):
            return None
        whole.append(one)
    return whole


def fingerprint(entity: Table, only: Collection[str] | None = None) -> str:
    """An entity's type and declared attributes as text; two entities are alike if this is.

    Args:
        entity: The entity.
        only: The stored attributes to look at; None for all.
    """
    item = stored_attributes(entity, only)
    return json.dumps([type(entity).__name__, item], sort_keys=True, default=_plain)


def stored_attributes(entity: Table, only: Collection[str] | None = None) -> dict[str, dict[str, Any]]:
    """An entity's declared attributes as they are stored, without anything that is derived."""
    schema = entity._schema_of()
    names = [name for name, each in schema.attributes.items() if only is None or each.attr_name in only]
    return stored_values(schema, {name: getattr(entity, name) for name in names})


def stored_values(schema: EntitySchema, values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Values of attributes as they are stored, by stored name; None is not stored."""
    item = {}
    for name, value in values.items():
        attribute = schema.attributes[name]
        serialized = None if value is None else attribute.serialize(value)
        if serialized is not None:
            item[attribute.attr_name] = canonical({attribute.attr_type: serialized})
    return item


def identity_of(entity: Table) -> tuple[str, str]:
    """What tells an item from others: where its primary key is declared, and the stored values it is made of."""
    schema = entity._schema_of()
    values = stored_values(schema, {name: getattr(entity, name) for name in schema.primary.attributes})
    return schema.key_owner.__name__, json.dumps(values, sort_keys=True, default=_plain)


def _plain(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _is_asked_for(request: Query[Any] | Get[Any], entity: Table) -> bool:
    schema = entity._schema_of()
    if schema.discriminator not in request.target.types:
        return False
    key = _key_of(request, schema)
    values = schema.to_keys({name: getattr(entity, name) for name in key.sources})
    if any(values[name] not in allowed for name, allowed in key.when):
        return False
    if any(values[name] is None for name in key.attributes):
        return False
    if any(values[name] != value for name, value in request.equals.items()):
        return False
    if isinstance(request, Get):
        return True
    if request.condition is not None and not _holds(request.condition, values):
        return False
    filter = request.conditions_at()
    return filter is None or matches(filter, {**stored_attributes(entity), **_expiry(schema, entity)})


def _expiry(schema: EntitySchema, entity: Table) -> dict[str, dict[str, Any]]:
    """The attribute by which DynamoDB deletes an entity, as it is stored; none for one that never expires."""
    rule = schema.expiry
    seconds = rule.derive(getattr(entity, rule.after)) if rule else None
    return {rule.stored_name: {"N": str(seconds)}} if rule and seconds is not None else {}


def _key_of(request: Query[Any] | Get[Any], schema: EntitySchema) -> CompositeKey:
    """The key of this entity in the place that the request asks."""
    return next(key for key in schema.keys.values() if key.index == request.target.key.index)


_COMPARE: dict[str, Callable[..., bool]] = {
    "=": lambda value, other: bool(value == other),
    "<": lambda value, other: bool(value < other),
    "<=": lambda value, other: bool(value <= other),
    ">": lambda value, other: bool(value > other),
    ">=": lambda value, other: bool(value >= other),
    "between": lambda value, lower, upper: bool(lower <= value <= upper),
    "startswith": lambda value, prefix: bool(value.startswith(prefix)),
}


def _holds(condition: Condition, values: dict[str, Any]) -> bool:
    return _COMPARE[condition.operator](values[condition.attribute], *condition.values)


def _order(request: Query[Any] | Get[Any], entity: Table) -> tuple[Any, ...]:
    schema = entity._schema_of()
    key = _key_of(request, schema)
    names = key.sort.recoverable if key.sort else ()
    return tuple(schema.to_keys({name: getattr(entity, name) for name in names}).values())


def _collection_order(request: Query[Any] | Get[Any], answer: Sequence[Table]) -> str | None:
    """Within each type the order is that of its own sort key; between types only keys could tell."""
    for kind in dict.fromkeys(type(entity) for entity in answer):
        orders = [_order(request, entity) for entity in answer if type(entity) is kind]
        if orders != sorted(orders, reverse=isinstance(request, Query) and request.descending):
            return f"the {kind.__name__} items are out of order"
    return None
