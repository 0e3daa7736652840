"""Deriving: an entity's keys and expiry from its attributes, and attributes as they are stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from singletable.errors import InvalidValueError, SingletableError
from singletable.models.attributes import class_name
from singletable.models.schema import EntitySchema
from singletable.requests.types import Item
from singletable.requests.values import NESTING

__all__ = ["FAULTS", "derived_item", "derived_values", "serialize"]


FAULTS = (ArithmeticError, AttributeError, KeyError, RecursionError, TypeError, ValueError)
"""The errors that PynamoDB raises for a value that an attribute cannot store or read."""


def derived_values(schema: EntitySchema, values: Mapping[str, Any]) -> dict[str, str | None]:
    """Every derived key attribute by stored name; None where the item is absent from an index."""
    derived: dict[str, str | None] = {}
    for index in schema.layout.indexes.values():
        derived[index.partition_name] = None
        if index.sort_name:
            derived[index.sort_name] = None
    for key in schema.keys.values():
        built = key.build(key.pick(values)) if key.index is None else key.derive(values)
        for stored, text in zip(schema.layout.names_at(key.index), built or (), strict=False):
            if stored is not None:
                derived[stored] = text
    # An index may be on the discriminator, which every item has by itself.
    derived.pop(schema.layout.type_name, None)
    return derived


def derived_item(schema: EntitySchema, entity: object) -> Item:
    """Everything that is derived from an entity's attributes, as it is stored: keys and expiry."""
    texts = derived_values(schema, schema.key_values(entity))
    item: Item = {name: {"S": text} for name, text in texts.items() if text is not None}
    seconds = schema.expiry.derive(getattr(entity, schema.expiry.after)) if schema.expiry else None
    if schema.expiry and seconds is not None:
        item[schema.expiry.stored_name] = {"N": str(seconds)}
    return item


def serialize(schema: EntitySchema, name: str, value: Any) -> Any:
    """An attribute's value as it is stored, without its type.

    Raises:
        InvalidValueError: The attribute cannot hold it.
    """
    attribute = schema.attributes[name]
    try:
        return attribute.serialize(value)
    except RecursionError:
        too_deep = True
    except Exception as error:  # a user's class may raise anything, and quote the value
        personal = schema.is_personal(name)
        if not personal and (isinstance(error, SingletableError) or not isinstance(error, FAULTS)):
            raise
        if isinstance(error, SingletableError) and error.value is None:
            # It hides the value itself.
            raise
        too_deep, fault = False, error
    # Raised outside the handler: the error of a personal attribute must not lead to the other one.
    if too_deep:
        raise InvalidValueError(
            f"{schema.name}.{name} is nested too deeply, or contains itself.",
            remedy=f"DynamoDB stores {NESTING} levels of maps and lists.",
            entity=schema.name,
            attribute=name,
        )
    raise InvalidValueError(
        f"{schema.name}.{name}: a {type(value).__name__} cannot be stored by {class_name(attribute)}"
        f" ({type(fault).__name__}).",
        entity=schema.name,
        attribute=name,
    ) from None if personal else fault
