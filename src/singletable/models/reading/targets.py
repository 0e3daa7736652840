"""Targets: for a key of an entity, where a request goes and how rows become entities again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from singletable.errors import EngineUnavailable, InvalidRequestError, ItemDoesNotExist, SingletableError
from singletable.keys import CompositeKey
from singletable.models.binding.binding import bound, connection_of
from singletable.models.items.partial import as_partial, names_in, partial_loader, stored_only
from singletable.models.items.rows import key_reader, keys_tell_apart, unknown_of
from singletable.models.schema.layout import INTERNAL_TYPES
from singletable.models.schema.table_schema import table_schema
from singletable.requests.cursor import CursorSeal, seal_from
from singletable.requests.observing import request_name
from singletable.requests.sending import place_of, send
from singletable.requests.types import Item, Params, Sender, Target, UnknownItem

if TYPE_CHECKING:
    from singletable.models.items.item import StoredItem
    from singletable.requests.attempts import Attempts
    from singletable.requests.connection import TableConnection
    from singletable.requests.connection_settings import Settings

__all__ = ["TableSender", "collection_target", "load", "require_member", "stored_item", "target_of", "whole_table"]

T = TypeVar("T", bound="StoredItem")


@attrs.frozen
class TableSender:
    """Sends requests to the place to which the table is bound when the sender is made, whatever is bound later.

    Args:
        table: The table class.
        name: What observers are told that its requests are of; None for what `request_name` says.
        settings: The settings that it sends with; those that hold now if they are left out.
    """

    table: type[StoredItem]
    name: str | None = None
    settings: Settings = attrs.field(repr=lambda settings: settings.words)

    @settings.default
    def _bound_now(self) -> Settings:
        return bound(self.table)

    @property
    def table_name(self) -> str:
        """The table's name."""
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

    def send(self, operation: str, params: Params, attempts: Attempts | None = None) -> dict[str, Any]:
        """Send one operation; `attempts` remembers those of one logical write."""
        if self.name is None:
            return send(self.connection, operation, params, attempts)
        with request_name(self.name):
            return send(self.connection, operation, params, attempts)

    def require(self, request: Any, error: type[SingletableError], what: str) -> None:
        """Refuse a request that was made for another place.

        Args:
            request: The request, or its target; it has a `sender`.
            error: The error to raise.
            what: The batch or transaction that the request is added to, for the message.
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
    """Return a sender that was pickled: to the same table, with the credentials of the process that loads it.

    Raises:
        EngineUnavailable: The sender was made for an engine that this process does not use.
    """
    settings = bound(table, {each: value for each, value in kept.items() if value is not None})
    if settings.place != place:
        raise EngineUnavailable(
            f"A request for {kept['table_name']!r} at {place or 'a server'} was loaded in a process that has the table"
            f" at {settings.place or 'a server'}.",
            remedy="Load it where the table is bound to the same engine.",
        )
    return TableSender(table, name, settings)


def target_of(entity: type[T], name: str, only: Sequence[str] | None = None) -> Target[T]:
    """The target of one of an entity's keys.

    Args:
        entity: The entity class.
        name: The key's name.
        only: The Python names of the attributes to read; None for whole items.
    """
    schema, only = entity._schema_of(), names_in(only)
    remake = partial(target_of, entity, name, only)
    target = _target(entity._table_class(), (entity,), schema.keys[name], only, remake)
    if len(target.types) > 1 and schema.layout.type_name in (target.partition_name, target.sort_name):
        raise InvalidRequestError(
            f"{target.key.label} is on the discriminator, and items of {schema.name} are of {len(target.types)} types.",
            remedy="Ask for each type by its own class, or by a key that is not on the discriminator.",
            entity=schema.name,
            index=target.key.index,
        )
    return target


def require_member(table: type[StoredItem], entity: Any, error: type[SingletableError]) -> None:
    """Refuse what is no entity of a table, with the given error."""
    if not any(isinstance(entity, schema.entity) for schema in table_schema(table).entities.values()):
        what = repr(entity) if hasattr(entity, "_schema_of") and not isinstance(entity, type) else type(entity).__name__
        raise error(
            f"{what} is no entity of {table.__name__}.",
            remedy="Give instances: "
            + ", ".join(schema.name for schema in table_schema(table).entities.values())
            + ". Where only the key is needed, its attributes will do: transaction.check(User(user_id=...)).",
        )


def stored_item(entity: StoredItem, sender: Sender | None = None) -> Item | None:
    """Return the item under an entity's primary key as it is stored now; None if it does not exist.

    DynamoDB sends it with a failed condition; other servers may not.

    Args:
        entity: The instance.
        sender: The sender of the failed request; None for the place to which the table is bound now.
    """
    sender = TableSender(entity._table_class()) if sender is None else sender
    params = {"TableName": sender.table_name, "Key": entity._key_item(), "ConsistentRead": True}
    return sender.send("GetItem", params).get("Item") or None


def whole_table(table: type[StoredItem], entities: Sequence[type[T]], only: Sequence[str] | None = None) -> Target[T]:
    """The target of a scan for some entities."""
    only = names_in(only)
    remake = partial(whole_table, table, tuple(entities), only)
    return _target(table, entities, entities[0]._schema_of().primary, only, remake)


def collection_target(
    table: type[StoredItem], entities: Sequence[type[T]], index: str | None, only: Sequence[str] | None = None
) -> Target[T]:
    """The target of a query for several entities that share a partition key.

    Raises:
        InvalidRequestError: An entity has no key there, or their partition keys differ.
    """
    keys: list[CompositeKey] = []
    for entity in entities:
        if not isinstance(entity, type):
            raise InvalidRequestError(
                f"A collection is of entity classes, not of a {type(entity).__name__}.",
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
        raise InvalidRequestError("A collection of no entities cannot be asked for.", remedy="Name the entity classes.")
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
    return _target(table, entities, CompositeKey("collection", index, first, None, owner=owner), only, remake)


def _target(
    table: type[StoredItem],
    entities: Sequence[type[T]],
    key: CompositeKey,
    only: Sequence[str] | None,
    remake: Callable[[], Target[T]],
) -> Target[T]:
    layout = table_schema(table).layout
    partition_name, sort_name = layout.names_at(key.index)
    projected = None if key.index is None else layout.indexes[key.index].held(layout.primary)
    keys_here = (partition_name, sort_name)
    visible = projected is None or layout.type_name in projected
    schemas = [each for each in table_schema(table).entities.values() if issubclass(each.entity, tuple(entities))]
    types = tuple(schema.discriminator for schema in schemas)
    stored = stored_only(schemas, only, filter(None, (*layout.primary, *keys_here)))
    return Target(
        key=key,
        sender=TableSender(table),
        partition_name=partition_name,
        sort_name=sort_name,
        primary=layout.primary,
        # Only a projection of everything also holds what no model knows.
        whole=projected is None or (stored is not None and projected.issuperset(stored)),
        projected=projected,
        only=stored,
        expiry_name=table_schema(table).expiry_name,
        type_name=layout.type_name if visible and layout.type_name not in keys_here else None,
        types=types,
        load=_loader(table, tuple(entities), stored),
        read_keys=key_reader(table, types, key.index),
        keys_tell=visible or keys_tell_apart(table, types),
        local=key.index is not None and layout.indexes[key.index].local,
        absent=_absence(entities[0]),
        remake=remake,
    )


def _loader(
    table: type[StoredItem], wanted: tuple[type[T], ...], stored: Sequence[str] | None
) -> Callable[[Item], T | UnknownItem | None]:
    loads = {
        name: _nothing
        if not issubclass(schema.entity, wanted)
        else schema.entity._codec().load
        if stored is None
        else partial_loader(schema, stored)
        for name, schema in table_schema(table).entities.items()
    }
    type_name = table_schema(table).layout.type_name

    def load_wanted(item: Item) -> T | UnknownItem | None:
        try:
            known = loads[item[type_name]["S"]]
        except (KeyError, TypeError):
            entity = load(table, item)
            if stored is not None and isinstance(entity, wanted):
                as_partial(entity, frozenset(stored))
            # isinstance with a tuple of classes does not narrow T for mypy.
            return entity if isinstance(entity, (UnknownItem, *wanted)) else None  # type: ignore[return-value]
        return known(item)

    return load_wanted


def _nothing(item: Item) -> None:
    """An item of another entity is not even read."""


def load(table: type[StoredItem], item: Item) -> StoredItem | UnknownItem | None:
    """An item as the entity that it says it is; None for one of the framework's own, such as a migration's record.

    Raises:
        MalformedItemError: An attribute does not hold what its model says.
    """
    layout = table_schema(table).layout
    says = item.get(layout.type_name, {}).get("S")
    schema = table_schema(table).entities.get(str(says)) if says is not None else None
    if schema is None:
        return None if says is not None and says.startswith(INTERNAL_TYPES) else unknown_of(layout, item)
    entity: StoredItem = schema.entity._codec().load(item)
    return entity


def _absence(entity: type[StoredItem]) -> Callable[[str], ItemDoesNotExist]:
    def absent(message: str) -> ItemDoesNotExist:
        error: ItemDoesNotExist = entity.DoesNotExist(message, entity=entity.__name__)  # type: ignore[assignment,call-arg]
        return error

    return absent
