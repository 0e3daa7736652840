"""The oracle: the expected answer to a request, computed from the entities only, without their keys."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from singletable.keys import CompositeKey, Condition, Template
from singletable.models import Table
from singletable.models.schema.entity_schema import EntitySchema
from singletable.models.schema.table_schema import entity_schema
from singletable.requests import Get, Query
from singletable.requests.stored_values import canonical
from singletable.requests.types import UnknownItem
from singletable.testing.filters import matches

__all__ = ["agrees", "expected", "fingerprint", "identity_of", "stored_attributes", "stored_values"]


def expected(request: Query[Any] | Get[Any], entities: Iterable[Table]) -> list[Table]:
    """Return every entity that a request asks for, in the order of the sort key; the limit is not applied.

    The values of different sort key templates cannot be compared. Entities of a collection are grouped by their sort
    key's template, in the order of the literal text with which each template begins; DynamoDB may interleave them.

    Args:
        request: The request.
        entities: All entities of the table.
    """
    found = [entity for entity in entities if _is_asked_for(request, entity)]
    descending = isinstance(request, Query) and request.descending
    kinds = _by_sort_key(request, found)
    ordered: list[Table] = []
    for sort in sorted(kinds, key=lambda each: each.segments[0].literal if each else "", reverse=descending):
        ordered += sorted(kinds[sort], key=partial(_order, sort), reverse=descending)
    return ordered


def agrees(
    request: Query[Any] | Get[Any], answer: Sequence[Table | UnknownItem], entities: Iterable[Table]
) -> str | None:
    """Return the fault of an answer, or None if the answer is right.

    Items with equal sort keys may have any order, and a limit may keep any of them. An item of a collection is compared
    only with items of the same sort key template, because only the stored keys decide the order between two templates.
    The answer must contain the first items of each template, without a gap.
    """
    wanted = expected(request, entities)
    if request.target.place.only is not None:
        whole = _completed(answer, wanted, request.target.place.only)
        if whole is None:
            return "an item was not expected, or not with these attributes"
        answer = whole
    limit = request.limit if isinstance(request, Query) else None
    count = len(wanted) if limit is None else min(limit, len(wanted))
    if len(answer) != count:
        return f"it has {len(answer)} items, and {count} were expected"
    known = Counter(fingerprint(entity) for entity in wanted)
    left = Counter(known)
    loaded: list[Table] = []
    for entity in answer:
        if isinstance(entity, UnknownItem):
            return f"{entity!r} was not expected"
        loaded.append(entity)
        mark = fingerprint(entity)
        left[mark] -= 1
        if left[mark] < 0:
            if known[mark]:
                return f"{entity!r} is in the answer more than once"
            return f"{entity!r} was not expected, or not with these attributes"
    return _order_fault(request, loaded, wanted)


def _completed(
    answer: Sequence[Table | UnknownItem], wanted: Sequence[Table], only: Sequence[str]
) -> list[Table] | None:
    """Return the whole entities for an answer with some of their attributes; None if one was not expected."""
    known = {identity_of(entity): entity for entity in wanted}
    whole: list[Table] = []
    for part in answer:
        if isinstance(part, UnknownItem):
            return None
        one = known.get(identity_of(part))
        if one is None or fingerprint(one, only) != fingerprint(part, only):
            return None
        whole.append(one)
    return whole


def fingerprint(entity: Table, only: Collection[str] | None = None) -> str:
    """Return an entity's type and declared attributes as text; entities with equal text are equal.

    Args:
        entity: The entity.
        only: The stored attributes to include; None for all.
    """
    item = stored_attributes(entity, only)
    return json.dumps([type(entity).__name__, item], sort_keys=True, default=_plain)


def stored_attributes(entity: Table, only: Collection[str] | None = None) -> dict[str, dict[str, Any]]:
    """Return an entity's declared attributes in stored form, without the derived ones."""
    schema = entity_schema(entity)
    names = [name for name, each in schema.attributes.items() if only is None or each.attr_name in only]
    return stored_values(schema, {name: getattr(entity, name) for name in names})


def stored_values(schema: EntitySchema, values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return values of attributes in stored form, by stored name; None is left out."""
    item = {}
    for name, value in values.items():
        attribute = schema.attributes[name]
        serialized = None if value is None else attribute.serialize(value)
        if serialized is not None:
            item[attribute.attr_name] = canonical({attribute.attr_type: serialized})
    return item


def identity_of(entity: Table) -> tuple[str, str]:
    """Return an item's identity: the class that declares its primary key, and the stored values of that key."""
    schema = entity_schema(entity)
    values = stored_values(schema, {name: getattr(entity, name) for name in schema.primary.attributes})
    return schema.key_owner.__name__, json.dumps(values, sort_keys=True, default=_plain)


def _plain(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _is_asked_for(request: Query[Any] | Get[Any], entity: Table) -> bool:
    schema = entity_schema(entity)
    if schema.discriminator not in request.target.place.types:
        return False
    key = _key_of(request, schema)
    if key is None:
        return False
    values = schema.to_keys({name: getattr(entity, name) for name in key.sources})
    if any(values[name] not in allowed for name, allowed in key.when):
        return False
    if any(values[name] is None for name in key.attributes):
        return False
    # A subclass may declare this key with other attributes.
    if any(name not in values or values[name] != value for name, value in request.equals.items()):
        return False
    if isinstance(request, Get):
        return True
    if request.condition is not None and not _holds(request.condition, values):
        return False
    filter = request.conditions_at()
    return filter is None or matches(filter, {**stored_attributes(entity), **_expiry(schema, entity)})


def _expiry(schema: EntitySchema, entity: Table) -> dict[str, dict[str, Any]]:
    """Return the entity's TTL attribute in stored form; an empty item if the entity never expires."""
    rule = schema.expiry
    seconds = rule.derive(getattr(entity, rule.after)) if rule else None
    return {rule.stored_name: {"N": str(seconds)}} if rule and seconds is not None else {}


def _key_of(request: Query[Any] | Get[Any], schema: EntitySchema) -> CompositeKey | None:
    """Return the entity's key in the table or index that the request reads; None if it has no key there."""
    return next((key for key in schema.keys.values() if key.index == request.target.place.key.index), None)


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
    value = values.get(condition.attribute)
    if value is None or not all(_are_comparable(value, bound) for bound in condition.values):
        return False
    return _COMPARE[condition.operator](value, *condition.values)


def _are_comparable(one: Any, other: Any) -> bool:
    """Whether two values can be ordered: a subclass may declare an attribute of its base with another type."""
    try:
        one < other  # noqa: B015 - it may raise TypeError
    except TypeError:
        return False
    return True


def _by_sort_key(request: Query[Any] | Get[Any], entities: Iterable[Table]) -> dict[Template | None, list[Table]]:
    """Return the entities by the template of their sort key; within one, the values have the order of stored keys."""
    found: dict[Template | None, list[Table]] = {}
    for entity in entities:
        key = _key_of(request, entity_schema(entity))
        assert key is not None
        found.setdefault(key.sort, []).append(entity)
    return found


def _order(sort: Template | None, entity: Table) -> tuple[Any, ...]:
    """Return the values that decide the position of the entity among those with this sort key template."""
    if sort is None:
        return ()
    values = entity_schema(entity).to_keys({name: getattr(entity, name) for name in sort.attributes})
    return tuple(
        # The key contains only the bucket or the shard of such a value.
        field.encoding.encode(values[field.attribute]) if field.encoding.projection else values[field.attribute]
        for field in sort.fields
    )


def _order_fault(request: Query[Any] | Get[Any], answer: Sequence[Table], wanted: Sequence[Table]) -> str | None:
    """Return the first item that is out of order, or that follows an item that is missing."""
    right = {
        sort: iter([_order(sort, entity) for entity in entities])
        for sort, entities in _by_sort_key(request, wanted).items()
    }
    for position, entity in enumerate(answer, 1):
        ((sort, _),) = _by_sort_key(request, [entity]).items()
        if _order(sort, entity) != next(right[sort]):
            return f"item {position} is {entity!r}, out of order"
    return None
