"""Calls: logical operations, each with the effect that it may have on each item."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Any, TypeAlias

import attrs

from singletable.models import Table
from singletable.models.schema.entity_schema import EntitySchema
from singletable.models.schema.table_schema import table_schema
from singletable.requests.stored_values import canonical
from singletable.requests.types import Item
from singletable.testing.oracle import stored_attributes, stored_values
from singletable.testing.simulator.ledger import Images, ItemKey

__all__ = [
    "Call",
    "Claim",
    "Effect",
    "Increment",
    "Part",
    "added",
    "changed",
    "plain",
    "put",
    "removed",
    "same",
]

Effect: TypeAlias = Callable[[Images], "Item | None"]
"""Returns the item that a write must leave, in the form of `plain`; None if no item must be stored."""


@attrs.define
class Part:
    """One item of a call.

    Args:
        key: The item's key.
        schema: The schema of the item's entity.
        effect: The effect of each application of the call.
        once: Whether an acknowledged call is applied exactly once; if not, at least once.
        exists: Whether the item must exist before; None if it may or may not.
        version: The version that must be stored before; None if the item must not have one.
        locked: Whether the call checks `version`.
        idle: Whether the call may send nothing if the item already has the state that the call gives it.
        instance: The instance that equals the item afterwards; None if the call has no such instance.
        names: The stored attributes in which they are equal; None for all.
    """

    key: ItemKey
    schema: EntitySchema
    effect: Effect
    once: bool = True
    exists: bool | None = None
    version: int | None = None
    locked: bool = False
    idle: bool = False
    instance: Table | None = None
    names: Collection[str] | None = None


@attrs.frozen
class Claim:
    """A write that changes an attribute from one value to another, if the first value is still stored.

    Args:
        key: The item's key.
        name: The stored attribute.
        value: The first value, in canonical form; None if the attribute is not stored.
    """

    key: ItemKey
    name: str
    value: Mapping[str, Any] | None


@attrs.frozen
class Increment:
    """A write that adds to a number and does nothing else.

    Args:
        key: The item's key.
        name: The stored attribute.
        amount: The number that is added.
    """

    key: ItemKey
    name: str
    amount: int


@attrs.define
class Call:
    """A logical operation of a writer.

    Args:
        kind: The kind of operation.
        text: The operation as text.
        perform: Performs the operation once.
        parts: The items that it writes or checks. Those of a collection are known only after it was read.
        claim: The call as a claim; None if it is not one.
        increment: The call as an increment; None if it is not one.
    """

    kind: str
    text: str
    perform: Callable[[], Any]
    parts: list[Part]
    claim: Claim | None = None
    increment: Increment | None = None
    number: int = 0
    writer: str = ""
    begun: int = 0
    """The number of writes in the ledger when the call began."""
    ended: int | None = None
    """The number of writes in the ledger when the call ended; None while it runs."""
    error: Exception | None = None
    """The exception that the call raised; None if it was acknowledged."""
    held: list[Item | None] = attrs.field(factory=list)
    """The instance of each part when the call ended, in its stored form."""

    def end(self, error: Exception | None, applied: int) -> None:
        """Record how the call ended.

        Args:
            error: The exception that it raised.
            applied: The number of writes in the ledger.
        """
        self.error, self.ended = error, applied
        if error is None:
            self.held = [
                None if part.instance is None or part.names == () else stored_attributes(part.instance)
                for part in self.parts
            ]

    @property
    def outcome(self) -> str:
        """The outcome as text."""
        if self.error is None:
            return "acknowledged"
        uncertain = getattr(self.error, "uncertain", None)
        return f"{type(self.error).__name__}(uncertain={uncertain}): {self.error}"

    @property
    def label(self) -> str:
        """The call as text."""
        return f"#{self.number} {self.kind} {self.text} by {self.writer}"


def own_names(schema: EntitySchema) -> set[str]:
    """Return the stored attributes that every write sets automatically: times, version, write token."""
    names = [*schema.stamps, *filter(None, [schema.version])]
    return {schema.attributes[name].attr_name for name in names} | set(token_name(schema))


def token_name(schema: EntitySchema) -> list[str]:
    """Return the stored attribute of an entity's write token (`Meta.write_token`); empty if it has no token."""
    name = getattr(schema.entity.Meta, "write_token", None)
    return [name] if name else []


def plain(schema: EntitySchema, item: Item | None) -> Item | None:
    """Return an item in canonical form, without derived attributes and those that every write sets automatically."""
    if item is None:
        return None
    expiry = table_schema(schema.entity).expiry_name
    hidden = {*schema.layout.key_names, schema.layout.type_name, expiry, *own_names(schema)}
    return {name: canonical(value) for name, value in item.items() if name not in hidden}


def put(schema: EntitySchema, entity: Table) -> Effect:
    """Return the effect of a put of an entity in its current state."""
    item = plain(schema, {**entity.extra_attributes, **stored_attributes(entity)})
    return lambda images: item


def changed(schema: EntitySchema, key: ItemKey, values: Mapping[str, Any]) -> Effect:
    """Return the effect of an update by values; None removes an attribute."""
    stored = stored_values(schema, values)
    gone = {schema.attributes[name].attr_name for name in values} - stored.keys()

    def after(images: Images) -> Item | None:
        before = plain(schema, images[key][0]) or {}
        return {**{name: value for name, value in before.items() if name not in gone}, **stored}

    return after


def added(schema: EntitySchema, key: ItemKey, name: str, amount: int) -> Effect:
    """Return the effect of adding to the number with a stored name; an absent number counts as 0."""

    def after(images: Images) -> Item | None:
        before = plain(schema, images[key][0]) or {}
        total = Decimal(before.get(name, {"N": "0"}).get("N", "0")) + amount
        return {**before, name: canonical({"N": str(total)})}

    return after


def same(schema: EntitySchema, key: ItemKey) -> Effect:
    """Return the effect of a check: the item is unchanged."""
    return lambda images: plain(schema, images[key][0])


def removed(images: Images) -> Item | None:
    """Return no item: the effect of a delete."""
    return None
