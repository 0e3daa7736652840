"""The repair of one item: the change after which its derived attributes follow from the others."""

from __future__ import annotations

from typing import Any

from singletable.migrations.checking import ItemChecks, is_ahead
from singletable.migrations.custom_text import CustomText, reads_of
from singletable.migrations.derived import Derived
from singletable.migrations.item_change import ItemChange
from singletable.migrations.operations.typing import entities_by_key
from singletable.migrations.passes import checked_change
from singletable.migrations.sources import UnfitItemError
from singletable.migrations.state import Entity, known_derived
from singletable.requests.stored_values import same_value
from singletable.requests.types import Item

__all__ = ["Repair"]


class Repair:
    """Computes the repair of items, as a pass computes its changes.

    It repairs derived attributes, and the discriminator of an item whose key fits one entity. It does not repair a
    malformed or absent declared attribute, whose value is unknown. It does not write an expiry in the past, since
    DynamoDB would delete the item.

    Args:
        checks: The checks that the items should pass.
    """

    def __init__(self, checks: ItemChecks) -> None:
        self._checks = checks
        self.key_names = checks.state.key_names
        states = [checks.state, *([checks.later] if checks.later else [])]
        entities = [each for state in states for each in state.entities.values()]
        self._derived = {name for each in entities for name in each.derived}
        self._declared = {name for each in entities for name in each.attributes}

    def change(self, item: Item) -> ItemChange | None:
        """Return the change that repairs an item as far as possible; None if nothing can be repaired.

        Raises:
            UnfitItemError: DynamoDB would refuse the result.
        """
        image = dict(item)
        if self._checks.state.type_name not in item:
            fitting = entities_by_key(item, self._checks.state)
            if len(fitting) != 1:
                return None
            image[self._checks.state.type_name] = {"S": fitting[0].name}
        entity = self._checks.entity_of(image)
        if entity is None:
            return None
        newest = known_derived(self._checks.later, entity.name)
        pins: set[str] = set()
        for name, each in entity.derived.items():
            stored = image.get(name)
            if name in newest and is_ahead(newest[name], image, stored):
                continue
            if stored is not None and self._lacks_required(each, entity, image):
                continue  # the value may be the only trace of the lost source
            try:
                value = self._checks.expected(image, each)
                if value is not None and not same_value(value, stored):
                    each.refuse(value)
            except UnfitItemError:
                continue  # the finding stays
            if same_value(value, stored):
                continue
            # The sources of a class of the project are not known: every attribute must be unchanged.
            pins |= set(item) if isinstance(each, CustomText) else {source.stored_name for source in each.sources}
            pins.add(name)
            _set(image, name, value)
        for name in self._checks.state.owned_names:
            # The values of an attribute that an entity declares, or declared, follow from nothing.
            if name in image and name in self._derived and name not in entity.derived and name not in self._declared:
                pins.add(name)
                del image[name]
        if image == item:
            return None
        return checked_change(item, image, pins, self.key_names, self._checks.state.type_name)

    def _lacks_required(self, derived: Derived, entity: Entity, item: Item) -> bool:
        required = {name for name, stored in entity.attributes.items() if stored.required}
        return any(name in required and _lacks(item, name) for name in reads_of(derived))


def _lacks(item: Item, name: str) -> bool:
    return name not in item or "NULL" in item[name]


def _set(image: Item, name: str, value: dict[str, Any] | None) -> None:
    if value is None:
        image.pop(name, None)
    else:
        image[name] = value
