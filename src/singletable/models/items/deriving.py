"""Derivation of an entity's keys and expiry from its attributes, and the stored form of attributes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from singletable.errors import InvalidValueError, SingletableError
from singletable.models.declare.storing import FAULTS, not_storable, serialized
from singletable.models.declare.value_faults import located, too_deep
from singletable.models.schema.entity_schema import EntitySchema
from singletable.requests.types import Item

__all__ = ["FAULTS", "derived_item", "derived_values", "serialize"]


def derived_values(schema: EntitySchema, values: Mapping[str, Any]) -> dict[str, str | None]:
    """Return all derived key attributes by stored name, with None for an index that does not contain the item."""
    derived: dict[str, str | None] = dict.fromkeys(
        name for key in schema.keys.values() for name in schema.layout.names_at(key.index) if name is not None
    )
    for key in schema.keys.values():
        built = key.build(key.pick(values)) if key.index is None else key.derive(values)
        for stored, text in zip(schema.layout.names_at(key.index), built or (), strict=False):
            if stored is not None:
                derived[stored] = text
    # An index may be on the discriminator, which is not derived.
    derived.pop(schema.layout.type_name, None)
    return derived


def derived_item(schema: EntitySchema, entity: object) -> Item:
    """Return all values that are derived from an entity's attributes, in stored form: keys and expiry."""
    texts = derived_values(schema, schema.key_values(entity))
    item: Item = {name: {"S": text} for name, text in texts.items() if text is not None}
    seconds = schema.expiry.derive(getattr(entity, schema.expiry.after)) if schema.expiry else None
    if schema.expiry and seconds is not None:
        item[schema.expiry.stored_name] = {"N": str(seconds)}
    return item


def serialize(schema: EntitySchema, name: str, value: Any, *, null_check: bool = True) -> Any:
    """Return the stored form of an attribute's value, without its type.

    Raises:
        InvalidValueError: The attribute cannot store the value.
    """
    attribute, personal = schema.attributes[name], schema.is_personal(name)
    try:
        return serialized(attribute, value, null_check=null_check)
    except RecursionError:
        found, cause = too_deep(), None
    except InvalidValueError as error:
        if error.reason or not personal or error.value is None:
            # The error itself hides a personal value.
            located(error, entity=schema.name, attribute=name)
            raise
        found, cause = not_storable(attribute, value, error), None
    except Exception as error:  # a user's class may raise anything, and quote the value
        if not personal and (isinstance(error, SingletableError) or not isinstance(error, FAULTS)):
            raise
        found, cause = not_storable(attribute, value, error), None if personal else error
    # Raised outside the handler: the error of a personal attribute must not refer to the other error.
    raise located(found, entity=schema.name, attribute=name) from cause
