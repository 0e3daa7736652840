"""Calls: logical operations, each with its permitted effect on each item."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Any, TypeAlias

import attrs

from singletable.models import Table
from singletable.models.schema.entity_schema import EntitySchema
from singletable.models.schema.table_schema import table_schema
from singletable.requests.types import Item
from singletable.requests.values import canonical
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
"""Returns the item that a write must leave, as `plain` shows it; None for an item that must not be stored."""


@attrs.define
class Part:
    """One item of a call.

    Args:
        key: The item's key.
        schema: The schema of the item's entity.
        effect: The effect of each application of the call.
        once: Whether an acknowledged call is applied exactly once; otherwise at least once.
        exists: Whether the item must exist before; None if it may or may not.
        version: The version that must be stored before; None if the item must not have one.
        locked: Whether the call checks `version`.
        idle: Whether nothing needs to be sent if the item is already as it should be.
        instance: The instance that agrees with the item afterwards; None if there is none.
        names: The stored attributes in which it agrees; None for all.
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
    """A write that takes an attribute from one value to another, if it still has the first.

    Args:
        key: The item's key.
        name: The stored attribute.
        value: The value before, in canonical form.
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
        text: The operation, as text.
        perform: Carries it out, once.
        parts: The items that it writes or checks. A collection's are known only once it is read.
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
    """The instance of each part when the call ended, as it would be stored."""

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
        """The outcome, as text."""
        if self.error is None:
            return "acknowledged"
        uncertain = getattr(self.error, "uncertain", None)
        return f"{type(self.error).__name__}(uncertain={uncertain}): {self.error}"

    @property
    def label(self) -> str:
        """The call, as text."""
        return f"#{self.number} {self.kind} {self.text} by {self.writer}"


def own_names(schema: EntitySchema) -> set[str]:
    """The stored attributes that every write sets by itself: times, version, write token."""
    names = [*schema.stamps, *filter(None, [schema.version])]
    return {schema.attributes[name].attr_name for name in names} | set(token_name(schema))


def token_name(schema: EntitySchema) -> list[str]:
    """The stored attribute of an entity's write token (`Meta.write_token`), if it has one."""
    name = getattr(schema.entity.Meta, "write_token", None)
    return [name] if name else []


def plain(schema: EntitySchema, item: Item | None) -> Item | None:
    """Return an item in canonical form, without derived attributes and those that every write sets by itself."""
    if item is None:
        return None
    expiry = table_schema(schema.entity).expiry_name
    hidden = {*schema.layout.key_names, schema.layout.type_name, expiry, *own_names(schema)}
    return {name: canonical(value) for name, value in item.items() if name not in hidden}


def put(schema: EntitySchema, entity: Table) -> Effect:
    """Return the effect of a put of an entity in its present state."""
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
    """Return the effect of adding to a number, by its stored name; an absent one counts as 0."""

    def after(images: Images) -> Item | None:
        before = plain(schema, images[key][0]) or {}
        total = Decimal(before.get(name, {"N": "0"}).get("N", "0")) + amount
        return {**before, name: canonical({"N": str(total)})}

    return after


def same(schema: EntitySchema, key: ItemKey) -> Effect:
    """The effect of a check: none."""
    return lambda images: plain(schema, images[key][0])


def removed(images: Images) -> Item | None:
    """The effect of a delete."""
    return None
