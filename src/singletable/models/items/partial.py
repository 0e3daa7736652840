"""Instances of which only some attributes were read: `Order.query(user_id="u1", only=("status", "total"))`.

The values of such an instance are `PartialValues`. They raise an error for an attribute that was not read, since None
would look like its value. Writes of the instance are refused, since a put would lose the rest of the item.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from singletable.errors import InvalidRequestError, NotProjectedError, PartialItemError
from singletable.keys.text import plain

if TYPE_CHECKING:
    from singletable.models.items.item import StoredItem
    from singletable.models.schema.entity_schema import EntitySchema
    from singletable.requests.types import Item

__all__ = ["PartialValues", "as_partial", "names_in", "partial_loader", "refuse_partial", "stored_only"]

S = TypeVar("S", bound="StoredItem")


class PartialValues(dict[str, Any]):
    """The values of an instance, without those that were not read.

    Args:
        values: The values that were read.
        entity: The name of the entity class.
        unread: The Python names of the attributes that were not read.
    """

    entity: str = ""
    unread: frozenset[str] = frozenset()

    @classmethod
    def of(cls, values: dict[str, Any], entity: str, unread: frozenset[str]) -> PartialValues:
        """Return values without the attributes that were not read, for which the codec has set defaults."""
        made = cls({name: value for name, value in values.items() if name not in unread})
        made.entity, made.unread = entity, unread
        return made

    def get(self, name: str, default: Any = None) -> Any:
        # The value may have been set since the item was read.
        return self[name] if name in self or name in self.unread else default

    def __missing__(self, name: str) -> Any:
        if name not in self.unread:
            raise KeyError(name)
        raise NotProjectedError(
            f"{self.entity}.{name} was not read: the request had only= without it.",
            remedy=f"Add {name!r} to only=, or call refresh(), which reads the whole item.",
            entity=self.entity,
            attribute=name,
        )


def names_in(only: Any) -> tuple[str, ...] | None:
    """Return the names in `only=` as a tuple; None for whole items.

    Raises:
        InvalidRequestError: `only` is not a sequence of names.
    """
    if only is None:
        return None
    names = tuple(only) if isinstance(only, Iterable) and not isinstance(only, str) else (only,)
    if isinstance(only, str) or not all(isinstance(name, str) for name in names):
        raise InvalidRequestError(
            f"only={only!r} is not a sequence of attribute names.", remedy='Write for example only=("status", "total").'
        )
    return tuple(map(plain, names))


def stored_only(
    schemas: Sequence[EntitySchema], only: Iterable[str] | None, key_names: Iterable[str]
) -> tuple[str, ...] | None:
    """Return the stored attributes to read: the chosen ones, and those that are needed to recognize an item.

    Args:
        schemas: The requested entities.
        only: The Python names of the chosen attributes; None for whole items.
        key_names: The stored attributes of the keys that are used.

    Raises:
        InvalidRequestError: None of the entities has such an attribute.
    """
    if only is None:
        return None
    names = tuple(only)
    # A derived attribute, such as an index key, can also be read.
    attributes = [schema.entity.get_attributes() for schema in schemas]
    known = list(dict.fromkeys(name for schema in schemas for name in schema.attributes))
    for name in names:
        if not any(name in each for each in attributes):
            raise InvalidRequestError(
                f"{' and '.join(schema.name for schema in schemas)}: no attribute {name!r} to read with only=.",
                remedy=f"The attributes are: {', '.join(known)}.",
                entity=schemas[0].name,
                attribute=name,
            )
    stored = [schemas[0].layout.type_name, *key_names]
    for schema, each in zip(schemas, attributes, strict=True):
        needed = (*schema.primary.sources, *([schema.version] if schema.version else []), *names)
        stored += [each[name].attr_name for name in needed if name in each]
    return tuple(dict.fromkeys(stored))


def partial_loader(schema: EntitySchema, stored: Iterable[str]) -> Callable[[Item], Any]:
    """Return a function that reads a stored item of an entity as an instance of the given attributes.

    Args:
        schema: The entity.
        stored: The requested stored attributes.
    """
    asked, load = frozenset(stored), schema.entity._codec().load

    def load_some(item: Item) -> StoredItem:
        # A row of an index, or of a request for several entities, may hold more attributes.
        entity: StoredItem = load({name: value for name, value in item.items() if name in asked})
        return as_partial(entity, asked)

    return load_some


def as_partial(entity: S, stored: frozenset[str]) -> S:
    """Mark an instance, in place, as one of which only some attributes were read."""
    unread = (name for name, each in entity.get_attributes().items() if each.attr_name not in stored)
    entity.attribute_values = PartialValues.of(entity.attribute_values, type(entity).__name__, frozenset(unread))
    return entity


def refuse_partial(entity: StoredItem) -> None:
    """Refuse to write an instance that does not have the whole item.

    Raises:
        PartialItemError: The instance was read with `only=`.
    """
    if isinstance(entity.attribute_values, PartialValues):
        raise PartialItemError(
            f"{entity!r} was read with only= and does not have the whole item; it cannot be written.",
            remedy="Call refresh() first, or read it without only=.",
            entity=type(entity).__name__,
        )
