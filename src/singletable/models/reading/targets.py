"""Targets: the place of a key, the conversion of its rows to entities, and the sender of its requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs

from singletable.errors import EngineUnavailableError, InvalidRequestError, ItemDoesNotExist, SingletableError
from singletable.keys import CompositeKey
from singletable.models.binding.binding import bound, connection_of
from singletable.models.items.partial import as_partial, names_in, partial_loader, stored_only
from singletable.models.items.rows import key_reader, keys_tell_apart, unknown_of
from singletable.models.schema.layout import INTERNAL_TYPES
from singletable.models.schema.table_schema import TableSchema, table_schema
from singletable.requests.cursor import CursorSeal, seal_from
from singletable.requests.observing import request_name
from singletable.requests.sending import place_of, send
from singletable.requests.target import Loader, Place, Target
from singletable.requests.types import Item, Params, Sender, UnknownItem
from singletable.steps import Steps, run

if TYPE_CHECKING:
    from singletable.models.items.item import StoredItem
    from singletable.models.schema.entity_schema import EntitySchema
    from singletable.requests.attempts import Attempts
    from singletable.requests.connection import TableConnection
    from singletable.requests.connection_settings import Settings

__all__ = ["TableSender", "collection_target", "load", "require_member", "stored_item", "target_of", "whole_table"]

T = TypeVar("T", bound="StoredItem")


@attrs.frozen
class TableSender:
    """A sender of requests to the place to which the table is bound when the sender is made, not to later ones.

    Args:
        table: The table class.
        name: The name of its requests for observers; None for the name that `request_name` gives.
        settings: The settings of its requests; by default those of the present binding.
    """

    table: type[StoredItem]
    name: str | None = None
    settings: Settings = attrs.field(repr=lambda settings: settings.words)

    @settings.default
    def _bound_now(self) -> Settings:
        return bound(self.table)

    @property
    def table_name(self) -> str:
        """The name of the table at the place."""
        return self.settings.table_name

    @property
    def connection(self) -> TableConnection:
        """The connection; a new one if the table has dropped its own."""
        return connection_of(self.table, self.settings)

    @property
    def seal(self) -> CursorSeal:
        """The seal of cursors: the secrets of Meta or of the environment, and the table's place."""
        meta: Any = self.table.Meta
        seal = seal_from(getattr(meta, "cursor_secret", None), meta.cursor_lifetime, self.table.__name__)
        return attrs.evolve(seal, place=place_of(self.connection))

    def send(self, operation: str, params: Params) -> dict[str, Any]:
        """Send one operation, in the calling thread."""
        return run(self.steps(operation, params))

    def steps(self, operation: str, params: Params, attempts: Attempts | None = None) -> Steps[dict[str, Any]]:
        """Send one operation in steps; `attempts` records the attempts of one logical write."""
        with nullcontext() if self.name is None else request_name(self.name):
            return (yield from send(self.connection, operation, params, attempts))

    def require(self, request: Any, error: type[SingletableError], what: str) -> None:
        """Refuse a request that was made for another place.

        Args:
            request: The request, or its target; it has a `sender`.
            error: The error to raise.
            what: The batch or transaction to which the request is added, for the message.
        """
        other = request.sender
        if isinstance(other, TableSender) and other.settings.where != self.settings.where:
            raise error(
                f"{what} for {self.settings.words} was given a request that was made for {other.settings.words},"
                " under another binding.",
                remedy="Make both under one binding.",
            )

    def __reduce__(self) -> tuple[Any, ...]:
        kept = {name: getattr(self.settings, name) for name in ("table_name", "region", "endpoint_url")}
        return _restored, (self.table, self.name, kept, self.settings.place)


def _restored(table: type[StoredItem], name: str | None, kept: dict[str, Any], place: str | None) -> TableSender:
    """Return a pickled sender: to the same table, with the credentials of the process that loads it.

    Raises:
        EngineUnavailableError: The sender was made for an engine that this process does not use.
    """
    settings = bound(table, {each: value for each, value in kept.items() if value is not None})
    if settings.place != place:
        raise EngineUnavailableError(
            f"A request for {kept['table_name']!r} at {place or 'a server'} was loaded in a process that has the table"
            f" at {settings.place or 'a server'}.",
            remedy="Load it where the table is bound to the same engine.",
        )
    return TableSender(table, name, settings)


def target_of(entity: type[T], name: str, only: Sequence[str] | None = None) -> Target[T]:
    """Return the target of one of an entity's keys.

    Args:
        entity: The entity class.
        name: The key's name.
        only: The Python names of the attributes to read; None for whole items.

    Raises:
        InvalidRequestError: The key is on the discriminator, and items of the entity have several.
    """
    table = table_schema(entity)
    schema, only = entity._schema_of(), names_in(only)

    def make() -> tuple[Place, Loader[T]]:
        remake = partial(target_of, entity, name, only)
        place, loader = _place_and_loader(table, (entity,), schema.keys[name], only, remake)
        if len(place.types) > 1 and schema.layout.type_name in (place.partition_name, place.sort_name):
            raise InvalidRequestError(
                f"{place.key.label} is on the discriminator, and items of {schema.name} have {len(place.types)} types.",
                remedy="Query each type by its own class, or use a key that is not on the discriminator.",
                entity=schema.name,
                index=place.key.index,
            )
        return place, loader

    return Target(*_kept(table, (entity, name, only), make), TableSender(table.table))


def require_member(table: type[StoredItem], entity: Any, error: type[SingletableError]) -> None:
    """Refuse a value that is not an entity of a table, with the given error."""
    if not any(isinstance(entity, schema.entity) for schema in table_schema(table).entities.values()):
        kind = type(entity).__name__
        given = repr(entity) if hasattr(entity, "_schema_of") and not isinstance(entity, type) else kind
        raise error(
            f"{given} is not an entity of {table.__name__}.",
            remedy="Give instances: "
            + ", ".join(schema.name for schema in table_schema(table).entities.values())
            + ". If only the key is needed, give its attributes: transaction.check(User(user_id=...)).",
        )


def stored_item(entity: StoredItem, sender: Sender | None = None) -> Steps[Item | None]:
    """Return the stored item with an entity's primary key; None if it does not exist.

    DynamoDB sends the item with a failed condition, but other servers may not.

    Args:
        entity: The instance.
        sender: The sender of the failed request; None for the place to which the table is bound now.
    """
    sender = TableSender(entity._table_class()) if sender is None else sender
    params = {"TableName": sender.table_name, "Key": entity._key_item(), "ConsistentRead": True}
    answer = yield from sender.steps("GetItem", params)
    return answer.get("Item") or None


def whole_table(table: type[StoredItem], entities: Sequence[type[T]], only: Sequence[str] | None = None) -> Target[T]:
    """Return the target of a scan for some entities."""
    schema, only = table_schema(table), names_in(only)
    key = entities[0]._schema_of().primary
    remake = partial(whole_table, table, tuple(entities), only)
    return Target(*_place_and_loader(schema, entities, key, only, remake), TableSender(schema.table))


def collection_target(
    table: type[StoredItem], entities: Sequence[type[T]], index: str | None, only: Sequence[str] | None = None
) -> Target[T]:
    """Return the target of a query for several entities that share a partition key.

    Raises:
        InvalidRequestError: An entity has no key there, or their partition keys differ.
    """
    keys: list[CompositeKey] = []
    for entity in entities:
        if not isinstance(entity, type):
            raise InvalidRequestError(
                f"A collection takes entity classes, not a {type(entity).__name__}.",
                remedy="Name the classes, and the index with index=.",
            )
        schema = entity._schema_of()
        found = [key for key in schema.keys.values() if key.index == index]
        if not found:
            raise InvalidRequestError(
                f"{schema.name} has no key on {index or 'the table'}.", entity=schema.name, index=index
            )
        keys.append(found[0])
    if not keys:
        raise InvalidRequestError("A collection was given no entity classes.", remedy="Name the entity classes.")
    first = keys[0].partition
    for key in keys[1:]:
        if key.partition.segments != first.segments:
            raise InvalidRequestError(
                f"{keys[0].label} and {key.label} have different partition keys,"
                f" {first.text!r} and {key.partition.text!r}.",
                remedy="Only entities of one partition can be read in one request.",
                entity=key.owner,
                index=index,
            )
    owner = " + ".join(entity.__name__ for entity in entities)
    only = names_in(only)
    remake = partial(collection_target, table, tuple(entities), index, only)
    whole = table_schema(table)
    key = CompositeKey("collection", index, first, None, owner=owner)
    return Target(*_place_and_loader(whole, entities, key, only, remake), TableSender(whole.table))


_MOST_KEPT = 256
"""Places that are kept for one table; callers may choose any attributes to read."""


def _kept(table: TableSchema, key: Any, make: Callable[[], tuple[Place, Loader[T]]]) -> tuple[Place, Loader[T]]:
    """Return a place and its loader, made at the first call for a state of the table."""
    found: tuple[Place, Loader[T]] | None = table.kept.get(key)
    if found is None:
        found = make()
        if len(table.kept) < _MOST_KEPT:
            table.kept[key] = found
    return found


def _place_and_loader(
    table: TableSchema,
    entities: Sequence[type[T]],
    key: CompositeKey,
    only: Sequence[str] | None,
    remake: Callable[[], Target[T]],
) -> tuple[Place, Loader[T]]:
    layout = table.layout
    partition_name, sort_name = layout.names_at(key.index)
    projected = None if key.index is None else layout.indexes[key.index].held(layout.primary)
    keys_here = (partition_name, sort_name)
    visible = projected is None or layout.type_name in projected
    schemas = [each for each in table.entities.values() if issubclass(each.entity, tuple(entities))]
    types = tuple(schema.discriminator for schema in schemas)
    stored = stored_only(schemas, only, filter(None, (*layout.primary, *keys_here)))
    place = Place(
        key=key,
        partition_name=partition_name,
        sort_name=sort_name,
        primary=layout.primary,
        # Only a projection of all attributes has those that no model knows.
        whole=projected is None or (stored is not None and projected.issuperset(stored)),
        projected=projected,
        only=stored,
        expiry_name=table.expiry_name,
        type_name=layout.type_name if visible and layout.type_name not in keys_here else None,
        types=types,
        keys_tell=visible or keys_tell_apart(table.table, types),
        local=key.index is not None and layout.indexes[key.index].local,
    )
    return place, EntityLoader(table, tuple(entities), place, remake)


class EntityLoader(Generic[T]):
    """The loader of the rows of some entities.

    Args:
        table: The schema of the table.
        wanted: The entity classes.
        place: The place that is read.
        remake: Makes the target again, from a pickle.
    """

    def __init__(
        self, table: TableSchema, wanted: tuple[type[T], ...], place: Place, remake: Callable[[], Target[T]]
    ) -> None:
        self._table = table.table
        self._type_name = table.layout.type_name
        self._wanted = wanted
        self._stored = place.only
        self._loads = {name: self._load_of(schema) for name, schema in table.entities.items()}
        self.read_keys = key_reader(table.table, place.types, place.key.index)
        self.remake = remake

    def load(self, item: Item) -> T | UnknownItem | None:
        """Return an item as an entity or as `UnknownItem`; None if it belongs to another known entity."""
        try:
            known = self._loads[item[self._type_name]["S"]]
        except (KeyError, TypeError):
            return self._load_other(item)
        return known(item)

    def absent(self, message: str) -> ItemDoesNotExist:
        """Return the error for an item that does not exist."""
        entity = self._wanted[0]
        error: ItemDoesNotExist = entity.DoesNotExist(message, entity=entity.__name__)  # type: ignore[assignment,call-arg]
        return error

    def _load_of(self, schema: EntitySchema) -> Callable[[Item], T | None]:
        if not issubclass(schema.entity, self._wanted):
            return _nothing
        return schema.entity._codec().load if self._stored is None else partial_loader(schema, self._stored)

    def _load_other(self, item: Item) -> T | UnknownItem | None:
        """Return an item whose type was not known when the loader was made."""
        entity = load(self._table, item)
        if self._stored is not None and isinstance(entity, self._wanted):
            as_partial(entity, frozenset(self._stored))
        # isinstance with a tuple of classes does not narrow T for mypy.
        return entity if isinstance(entity, (UnknownItem, *self._wanted)) else None  # type: ignore[return-value]


def _nothing(item: Item) -> None:
    """Return None: an item of another entity is not read."""


def load(table: type[StoredItem], item: Item) -> StoredItem | UnknownItem | None:
    """Return an item as an entity of its type; None for an internal item, such as a migration's record.

    Raises:
        MalformedItemError: The model cannot read an attribute.
    """
    layout = table_schema(table).layout
    says = item.get(layout.type_name, {}).get("S")
    schema = table_schema(table).entities.get(str(says)) if says is not None else None
    if schema is None:
        return None if says is not None and says.startswith(INTERNAL_TYPES) else unknown_of(layout, item)
    entity: StoredItem = schema.entity._codec().load(item)
    return entity
