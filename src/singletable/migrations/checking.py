"""Checks of one item against the state of the table, and optionally against its models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from singletable.errors import SingletableError
from singletable.migrations.custom_text import CustomText, explains
from singletable.migrations.derived import Derived
from singletable.migrations.findings import ItemFinding, Kind
from singletable.migrations.operations.typing import entities_by_key
from singletable.migrations.sources import UnfitItemError
from singletable.migrations.state import Entity, TableState
from singletable.models import Table
from singletable.models.items.deriving import derived_item
from singletable.models.schema.entity_schema import EntitySchema
from singletable.models.schema.table_schema import table_schema
from singletable.requests.stored_values import same_value
from singletable.requests.types import Item

__all__ = ["ItemChecks", "findings_of", "is_ahead"]


class _UnreadableAttributeError(UnfitItemError):
    """An attribute that its class cannot read."""

    def __init__(self, reason: str, name: str) -> None:
        super().__init__(reason)
        self.name = name


class ItemChecks:
    """Checks items against a state.

    Args:
        state: The state that the items should have.
        later: The state of the whole history. A derived value that it explains is not a finding: newer code wrote it.
        models: The table class, if it describes exactly this state. Its attribute classes then read every attribute.
    """

    def __init__(self, state: TableState, later: TableState | None = None, models: type[Table] | None = None) -> None:
        self.state = state
        self.later = later
        self._schemas: Mapping[str, EntitySchema] = table_schema(models).entities if models is not None else {}

    def entity_of(self, item: Item) -> Entity | None:
        """Return the entity that an item's discriminator names; None if it is not known."""
        return self.state.entities.get(self.state.type_of(item) or "")

    def findings(self, item: Item) -> Iterator[ItemFinding]:
        """Return the faults of one item."""
        entity = self.entity_of(item)
        if entity is None:
            newer = self.later.entities.get(self.state.type_of(item) or "") if self.later else None
            if newer is not None and self.later is not None:
                # A pending migration adds the entity, or gives it this discriminator.
                yield from findings_of(item, newer, self.later)
            else:
                yield self._unidentified(item)
            return
        found = list(findings_of(item, entity, self.state, self.later))
        yield from found
        schema = self._schemas.get(entity.name)
        if schema is not None:
            yield from self._by_models(item, entity, schema, {each.name for each in found})

    def expected(self, item: Item, derived: Derived) -> dict[str, Any] | None:
        """Return the value that an item should have in a derived attribute; None if it should not have one.

        Raises:
            UnfitItemError: It cannot be computed.
        """
        entity = self.entity_of(item)
        schema = self._schemas.get(entity.name) if entity else None
        if isinstance(derived, CustomText) and schema is not None:
            return self._derived_by_models(item, schema).get(derived.stored_name)
        return derived.derive(item)

    def not_checked(self) -> list[str]:
        """Return the parts that these checks leave out, one sentence each, with the reason."""
        found = []
        for name, entity in sorted(self.state.entities.items()):
            if name in self._schemas:
                continue
            classes = sorted(each for each, stored in entity.attributes.items() if stored.kind is None)
            unknown = sorted(each for each, stored in entity.attributes.items() if stored.required is None)
            custom = sorted(each.stored_name for each in entity.all_derived if isinstance(each, CustomText))
            if classes:
                found.append(
                    f"The values of {', '.join(classes)} of {name}: the history knows their DynamoDB type at most."
                )
            if unknown:
                found.append(
                    f"Whether items of {name} lack {', '.join(unknown)}: the history does not record if they are"
                    " required."
                )
            if custom:
                found.append(f"{', '.join(custom)} of {name}: only a class or function of the project can compute it.")
        return found

    def _unidentified(self, item: Item) -> ItemFinding:
        key = {name: item[name] for name in self.state.key_names}
        says = item.get(self.state.type_name)
        if says is None:
            fitting = sorted(each.name for each in entities_by_key(item, self.state))
            reason = "it has no discriminator" + (f"; its key fits {', '.join(fitting)}" if fitting else "")
        elif "S" not in says:
            reason = f"its discriminator is stored as {next(iter(says))}, not as S"
        else:
            reason = "no entity has its discriminator"
        return ItemFinding("unidentified", says.get("S") if says else None, self.state.type_name, key, reason)

    def _by_models(self, item: Item, entity: Entity, schema: EntitySchema, names: set[str]) -> Iterator[ItemFinding]:
        key = {name: item[name] for name in self.state.key_names}
        try:
            expected = self._derived_by_models(item, schema)
        except _UnreadableAttributeError as unreadable:
            if not names:
                yield ItemFinding("malformed", entity.name, unreadable.name, key, unreadable.reason)
            return
        for each in entity.all_derived:
            name = each.stored_name
            if isinstance(each, CustomText) and name not in names:
                kind = _difference(expected.get(name), item.get(name))
                if kind is not None:
                    yield ItemFinding(kind, entity.name, name, key)

    def _derived_by_models(self, item: Item, schema: EntitySchema) -> Item:
        try:
            loaded = schema.entity.from_raw_data(dict(item))
            return derived_item(schema, loaded)
        except SingletableError as error:
            name = getattr(error, "attribute", None)
            attribute = schema.attributes.get(name or "")
            place = self.state.type_name if attribute is None else attribute.attr_name
            raise _UnreadableAttributeError("its class cannot read it", place) from None
        except Exception as error:  # a class of the project may raise anything, and quote the value
            raise _UnreadableAttributeError(f"its class raised {type(error).__name__}", self.state.type_name) from None


def findings_of(
    item: Item, entity: Entity, state: TableState, later: TableState | None = None
) -> Iterator[ItemFinding]:
    """Return the findings about one item that follow from a state.

    Args:
        item: The item.
        entity: The entity of its discriminator.
        state: The table's state.
        later: The state of the whole history; None if it is `state`.
    """
    key = {name: item[name] for name in state.key_names}
    newest = later.entities.get(entity.name) if later else None
    ahead = {each.stored_name: each for each in newest.all_derived} if newest else {}
    expected = {each.stored_name: each for each in entity.all_derived}
    for name, each in expected.items():
        stored = item.get(name)
        if name in ahead and is_ahead(ahead[name], item, stored):
            continue
        try:
            value = each.derive(item)
        except UnfitItemError as unfit:
            yield ItemFinding("unreadable", entity.name, name, key, unfit.reason)
            continue
        kind = _difference(value, stored)
        if kind is not None:
            yield ItemFinding(kind, entity.name, name, key)
    # An index key that the entity should not have puts the item into an index; an expiry deletes it.
    for name in state.owned_names:
        declared_later = newest is not None and (name in newest.attributes or name in ahead)
        if name in item and name not in expected and name not in entity.attributes and not declared_later:
            yield ItemFinding("extra", entity.name, name, key)
    for name, declared in entity.attributes.items():
        now = newest.attributes.get(name) if newest else None
        if name not in item or "NULL" in item[name]:
            if declared.required and (newest is None or (now is not None and now.required)):
                yield ItemFinding("required", entity.name, name, key, f"{name} is required, and absent or NULL")
            continue
        reason = declared.fault(name, item)
        if reason and (now is None or now.fault(name, item)):
            yield ItemFinding("malformed", entity.name, name, key, reason)


def is_ahead(newest: Derived, item: Item, stored: dict[str, Any] | None) -> bool:
    """Return whether newer code wrote a derived value, or left it out.

    Args:
        newest: How the last migration derives it.
        item: The item.
        stored: The value; None if it is absent. An absent value is explained only if all of its sources exist.
    """
    if stored is None and not (newest.sources and all(source.stored_name in item for source in newest.sources)):
        return False
    return explains(newest, item, stored)


def _difference(expected: Mapping[str, Any] | None, stored: Mapping[str, Any] | None) -> Kind | None:
    if same_value(expected, stored):
        return None
    if stored is None:
        return "missing"
    return "extra" if expected is None else "wrong"
