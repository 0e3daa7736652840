"""PynamoDB conditions: check them, and translate them to conditions on an entity's attributes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pynamodb.constants import NULL
from pynamodb.expressions.condition import (
    And,
    BeginsWith,
    Between,
    Comparison,
    Or,
)
from pynamodb.expressions.condition import Condition as PynamoCondition
from pynamodb.expressions.operand import Path, Value

from singletable.chains import unchained
from singletable.errors import InvalidConditionError, InvalidValueError, NotProjectedError, UnexpectedAttributesError
from singletable.keys import CompositeKey, Condition
from singletable.models.declare.key_values import from_key, to_key
from singletable.models.declare.value_faults import spelled
from singletable.models.schema.entity_schema import EntitySchema
from singletable.requests.expressions import (
    check_operands_of,
    comparisons_of,
    is_whole,
    parts_of,
    paths_of,
    steps_of,
    top_name,
    values_in,
)
from singletable.requests.stored_values import check_value
from singletable.requests.target import Place

__all__ = ["check_condition", "check_filter", "is_consistent", "read_question", "refuse_habits", "refuse_options"]

_HABITS = {
    "attributes_to_get": 'Write only=("status", "total"), with attributes by Python name; keys() gives just the keys.',
    "filter_condition": "Write filter=.",
    "hash_key": "Give the attributes of the key by name.",
    "index_name": "Query the key on the index: Order.by_status.query(status=...).",
    "last_evaluated_key": "Use page(size, cursor).",
    "page_size": "Use page(size, cursor).",
    "range_key": "Give the attributes of the key by name.",
    "range_key_condition": "Give the condition on the attribute first: query(Order.placed_at > moment, ...).",
    "rate_limit": "Reads have no rate limit.",
    "scan_index_forward": "Write descending=True.",
    "total_segments": "Write segments=.",
}
"""Options of PynamoDB's own reads, and the remedy for each."""

_ASK_BY_FILTER = "Use filter= for conditions that a key does not support."


def read_question(
    schema: EntitySchema,
    place: Place,
    conditions: tuple[PynamoCondition, ...],
    attributes: Mapping[str, Any],
    filter: PynamoCondition | None,
) -> tuple[dict[str, Any], Condition | None, PynamoCondition | None]:
    """Return the equalities of a query, the condition on the next attribute of the key, and the remaining filter.

    Raises:
        UnexpectedAttributesError: The key does not have an attribute.
        InvalidConditionError: The key does not support a condition, or the filter is not possible.
    """
    key = place.key
    refuse_habits(schema, key, attributes)
    key.refuse_unexpected(attributes, key.attributes)
    if filter is not None:
        check_filter(schema, place, filter)
    equals = schema.to_keys(attributes)
    condition = _read_one(schema, key, conditions)
    if condition is not None and condition.operator == "=":
        if condition.attribute in equals:
            raise InvalidConditionError(
                f"{key.label}: {condition.attribute} is given twice.", attribute=condition.attribute
            )
        equals, condition = {**equals, condition.attribute: condition.values[0]}, None
    return equals, condition, with_loose_ends(schema, place, equals, filter)


def refuse_habits(schema: EntitySchema, key: CompositeKey, attributes: Mapping[str, Any]) -> None:
    """Refuse an option of PynamoDB's reads among the attributes of a key; the error names the option to use instead.

    Raises:
        UnexpectedAttributesError: Such an option is given.
    """
    for habit in (each for each in attributes if each in _HABITS and each not in schema.attributes):
        raise UnexpectedAttributesError(
            f"{key.label} does not take {habit}.", remedy=_HABITS[habit], entity=schema.name, unexpected=(habit,)
        )


def is_consistent(consistent: bool, options: dict[str, Any], schema: EntitySchema | None = None) -> bool:
    """Return whether a read is consistent. PynamoDB's name `consistent_read` is accepted, and removed from the options.

    Args:
        consistent: The option `consistent`.
        options: The other options, or the attributes of a key.
        schema: The entity whose attributes are among the options; one of them may have PynamoDB's name.
    """
    if "consistent_read" not in options or (schema is not None and "consistent_read" in schema.attributes):
        return consistent
    return bool(options.pop("consistent_read")) or consistent


def refuse_options(method: str, arguments: tuple[Any, ...], options: Mapping[str, Any]) -> None:
    """Refuse arguments of PynamoDB's reads that a method does not have; the error names those to use instead.

    Raises:
        UnexpectedAttributesError: Such an argument is given.
    """
    if arguments:
        raise UnexpectedAttributesError(
            f"{method} takes its options by name, but was given a {type(arguments[0]).__name__}.",
            remedy="Write for example filter=Order.total > 10, or consistent=True.",
            unexpected=(),
        )
    for name in options:
        raise UnexpectedAttributesError(
            f"{method} does not take {name}.",
            remedy=_HABITS.get(name, "The options are in the documentation of the method."),
            unexpected=(name,),
        )


def _read_one(schema: EntitySchema, key: CompositeKey, conditions: tuple[PynamoCondition, ...]) -> Condition | None:
    """Return the only condition on an attribute of the key, or None.

    Raises:
        InvalidConditionError: There are several conditions, or a sort key does not support the condition.
    """
    for condition in conditions:
        if not isinstance(condition, PynamoCondition):
            raise InvalidConditionError(
                f"{key.label}: a {type(condition).__name__} is not a condition.",
                remedy=f"Give attributes by name ({schema.name}.query(user_id=...)), and conditions as"
                f" {schema.name}.placed_at.between(a, b).",
                entity=schema.name,
                index=key.index,
            )
    if len(conditions) > 1 or any(isinstance(condition, (And, Or)) for condition in conditions):
        raise InvalidConditionError(
            f"{key.label} was given several conditions; DynamoDB takes one on the sort key.",
            remedy=f"Use between for an interval. {_ASK_BY_FILTER}",
            entity=schema.name,
            index=key.index,
        )
    return _read(schema, key, conditions[0]) if conditions else None


def _read(schema: EntitySchema, key: CompositeKey, condition: PynamoCondition) -> Condition:
    if not isinstance(condition, (Comparison, Between, BeginsWith)) or condition.operator == "<>":
        raise InvalidConditionError(
            f"{key.label}: a key does not support the operator {condition.operator!r}.",
            remedy=f"Keys support ==, <, <=, >, >=, between and startswith. {_ASK_BY_FILTER}",
            entity=schema.name,
            index=key.index,
        )
    check_operands(schema, condition)
    path, *operands = condition.values
    if not isinstance(path, Path) or not all(isinstance(operand, Value) for operand in operands):
        raise InvalidConditionError(
            f"{key.label}: the condition does not compare an attribute with a value.",
            remedy=_ASK_BY_FILTER,
            entity=schema.name,
            index=key.index,
        )
    name = attribute_of(schema, path)
    if len(path.path) > 1 or name is None or name not in key.attributes:
        raise InvalidConditionError(
            f"{key.label}: the condition is on {_shown(schema, path)!r}, which is not in the key.",
            remedy=f"The key's attributes are {', '.join(key.attributes)}. {_ASK_BY_FILTER}",
            entity=schema.name,
            index=key.index,
            attribute=name,
        )
    operator = {"BETWEEN": "between", "begins_with": "startswith"}.get(condition.operator, condition.operator)
    return Condition(name, operator, tuple(_value(schema, name, operand, operator) for operand in operands))


@unchained
def _value(schema: EntitySchema, name: str, operand: Value, operator: str) -> Any:
    attribute = schema.attributes[name]
    ((_, serialized),) = operand.value.items()
    if operator == "startswith":
        return serialized
    try:
        return to_key(attribute, attribute.deserialize(serialized))
    except (ArithmeticError, AttributeError, TypeError, ValueError, KeyError):
        raise InvalidConditionError(
            f"{schema.name}.{name}: the value is not valid for {type(attribute).__name__}.",
            entity=schema.name,
            attribute=name,
        ) from None


def _shown(schema: EntitySchema, path: Path) -> str:
    """Return a path for a message, without the names within a personal map."""
    top = top_name(path)
    return f"{top}.‹personal›" if top in schema.personal_stored and not is_whole(path) else ".".join(path.path)


def attribute_of(schema: EntitySchema, path: Path) -> str | None:
    """Return the Python name of the attribute at the start of a path; None if the model does not declare it.

    Raises:
        InvalidConditionError: The path was made from another entity's attribute.
    """
    stored = top_name(path)
    name = schema.stored_names.get(stored)
    given = path.attribute
    # Only the path of a whole attribute shows its entity; a nested path does not.
    if given is not None and len(path.path) == 1 and (name is None or schema.attributes[name] is not given):
        raise InvalidConditionError(
            f"The condition is on an attribute {stored!r} of another entity than {schema.name}.",
            remedy=f"Use {schema.name}.{name}." if name else f"It has: {', '.join(schema.attributes)}.",
            entity=schema.name,
            attribute=name,
        )
    return name


def check_condition(schema: EntitySchema, condition: PynamoCondition | None) -> None:
    """Refuse a condition of a write that is not a condition, or that is on another entity's attributes.

    Raises:
        InvalidConditionError: The value is not a condition, or the condition is on another entity's attributes.
    """
    if condition is None:
        return
    if not isinstance(condition, PynamoCondition):
        raise InvalidConditionError(
            f"condition= was given a {type(condition).__name__}, which is not a condition.",
            remedy="Use for example condition=Order.total > 10.",
        )
    check_operands(schema, condition)
    for path in paths_of(condition):
        if top_name(path) not in (*schema.layout.key_names, schema.layout.type_name):
            attribute_of(schema, path)


def check_operands(schema: EntitySchema, condition: PynamoCondition) -> None:
    """Refuse a comparison of an attribute with None, or with a value of another type.

    An absent attribute is not NULL, and engines give different results for the comparison. Inside a list or a map,
    None is stored as NULL, so that the comparison is allowed. A value of another type is a dict that PynamoDB treated
    as already serialized.

    Raises:
        InvalidConditionError: The condition has such a comparison.
        InvalidValueError: DynamoDB cannot store the value: a number is out of range, or it is nested over 32 levels.
    """
    for value in values_in(condition):
        try:
            check_value(schema.name, "a condition's value", value.value, personal=True)
        except InvalidValueError as error:
            path = _compared_with(condition, value)
            if path is not None:
                error.attribute, error.path = schema.place_of(steps_of(path))
            error.entity = schema.name
            raise
    for part in comparisons_of(condition):
        path, *others = part.values
        try:
            check_operands_of(part)
        except InvalidConditionError as error:
            error.entity = schema.name
            error.attribute = schema.stored_names.get(top_name(path)) if isinstance(path, Path) else None
            raise
        whole = isinstance(path, Path) and is_whole(path)
        attribute = path.attribute if isinstance(path, Path) else None
        confused = [each for each in others if isinstance(each, Value) and attribute is not None]
        if any(each.attr_type not in (attribute.attr_type, NULL) for each in confused):  # type: ignore[union-attr]
            name, shown = schema.place_of(steps_of(path))
            raise InvalidConditionError(
                f"{schema.name}: a condition compares {spelled(name, shown)!r}, which is of type {attribute.attr_type},"  # type: ignore[union-attr]  # see above
                " with a value of another type.",
                remedy="Give a value of its type.",
                entity=schema.name,
                attribute=name,
                path=shown,
            )
        if not whole or not any(isinstance(each, Value) and each.attr_type == NULL for each in others):
            continue
        raise InvalidConditionError(
            f"{schema.name}: a condition compares with None, but an attribute that is None is not stored at all.",
            remedy="Use does_not_exist() or exists().",
            entity=schema.name,
        )


def _compared_with(condition: PynamoCondition, value: Value) -> Path | None:
    """Return the path with which a condition compares a value."""
    for part in parts_of(condition):
        if any(each is value for each in part.values):
            return next(paths_of(part), None)
    return None


def check_filter(schema: EntitySchema, place: Place, filter: PynamoCondition, *, scanning: bool = False) -> None:
    """Refuse a filter that DynamoDB would reject, or that would silently match nothing.

    Args:
        schema: The entity whose attributes the filter may name.
        place: The place of the query or scan.
        filter: The filter.
        scanning: Whether the filter is for a scan, which may also filter by keys.

    Raises:
        InvalidConditionError: The filter is not a condition, or it names another entity's attribute or a key.
        NotProjectedError: The filter names an attribute that the index does not hold, which matches nothing.
    """
    if not isinstance(filter, PynamoCondition):
        raise InvalidConditionError(
            f"filter= was given a {type(filter).__name__}, which is not a condition.",
            remedy="Use for example filter=Order.total > 10.",
        )
    check_operands(schema, filter)
    for path in paths_of(filter):
        stored = top_name(path)
        if not scanning and stored in (place.partition_name, place.sort_name):
            raise InvalidConditionError(
                f"The filter names {stored!r}, a key attribute of the query; DynamoDB refuses that.",
                remedy="Give the attributes of the key by name instead.",
                entity=schema.name,
                index=place.key.index,
            )
        if stored not in schema.layout.key_names:
            attribute_of(schema, path)
        if place.projected is not None and stored not in place.projected:
            raise NotProjectedError(
                f"The filter reads {stored!r}, which the index {place.key.index} does not hold: nothing would match.",
                remedy=f"Project {stored!r} into the index, or filter after reading.",
                entity=schema.name,
                index=place.key.index,
                attribute=schema.stored_names.get(stored),
            )


def with_loose_ends(
    schema: EntitySchema, place: Place, given: Mapping[str, Any], filter: PynamoCondition | None
) -> PynamoCondition | None:
    """Return the filter with an equality for each given attribute that the key does not determine.

    Args:
        schema: The entity.
        place: The place with the key of the query.
        given: The given attributes, as the key's encodings expect them.
        filter: The caller's own filter.

    Raises:
        InvalidConditionError: The index does not hold such an attribute.
    """
    fixed = place.key.fixed_by(given)
    for name, value in given.items():
        # `make_query` reports a value that is None.
        if value is None or name in fixed:
            continue
        attribute = schema.attributes[name]
        if place.projected is not None and attribute.attr_name not in place.projected:
            raise InvalidConditionError(
                f"{place.key.label}: {name} only determines the partition, but {place.key.index} does not hold it for"
                " a filter.",
                remedy=f"Put {name} into the sort key's template, or project it into the index.",
                entity=schema.name,
                index=place.key.index,
                attribute=name,
            )
        equality = attribute == from_key(attribute, value)
        filter = equality if filter is None else filter & equality
    return filter
