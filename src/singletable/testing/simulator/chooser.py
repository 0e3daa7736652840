"""The chooser: it chooses the instances through which a writer writes, and their new values."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from pynamodb.attributes import NumberAttribute

from singletable.errors import SingletableError
from singletable.models import Table
from singletable.models.declare.attributes import DecimalAttribute, IntegerAttribute
from singletable.models.items.item import key_of, known_item
from singletable.models.schema.entity_schema import EntitySchema
from singletable.models.schema.table_schema import entity_schema, table_schema
from singletable.models.writing.plan import version_of
from singletable.requests.batch_requests import identity
from singletable.requests.expressions import still_holds
from singletable.testing.simulator.corpus import Corpus, varied
from singletable.testing.simulator.ledger import ItemKey
from singletable.testing.simulator.simulated_calls import Call, Effect, Part
from singletable.testing.strategies.changes import changeable

__all__ = ["Chooser", "shown"]

_NUMBERS = (NumberAttribute, IntegerAttribute, DecimalAttribute)
_FRESH, _HELD = 0.35, 0.8


class Chooser:
    """Chooses instances and values for one writer.

    It keeps the instances that the writer has used, so that they become stale.

    Args:
        table: The table class.
        corpus: The entities and changes to choose from.
        keys: The items of this history.
        rng: Decides every choice.
    """

    def __init__(self, table: type[Table], corpus: Corpus, keys: Sequence[ItemKey], rng: random.Random) -> None:
        self._table = table
        self._corpus = corpus
        self._keys = keys
        self._rng = rng
        self._held: dict[ItemKey, Table] = {}

    def hold(self, key: ItemKey, entity: Table) -> None:
        """Give the writer an instance, as if it had read it."""
        self._held[key] = entity

    def _one(
        self,
        key: ItemKey,
        values: Mapping[str, Any],
        entity: Table,
        perform: Callable[[], Any],
        effect: Effect,
        *,
        once: bool = True,
        exists: bool | None = None,
        locked: bool = False,
        idle: bool = False,
        names: Sequence[str] | None = None,
        also: str = "",
    ) -> Call:
        """Return a call that writes one item."""
        part = self._locked(entity, key, effect, names) if locked else Part(key, entity_schema(entity), effect)
        part.once, part.exists, part.idle, part.instance, part.names = once, exists, idle, entity, names
        text = " ".join(filter(None, (self._label(key), shown(values), also)))
        return Call("", text, perform, [part])

    def _locked(self, entity: Table, key: ItemKey, effect: Effect, names: Sequence[str] | None) -> Part:
        """Return a part that requires the version of an instance to be stored."""
        schema = entity_schema(entity)
        locked = schema.version is not None
        return Part(key, schema, effect, instance=entity, names=names, locked=locked, version=version_of(entity))

    def _instance(self, key: ItemKey) -> Table:
        """Return an instance of an item: just read, read or written earlier, or never read."""
        choice = self._rng.random()
        if choice < _FRESH or (choice < _HELD and key not in self._held):
            template = self._corpus.templates[key]
            names = entity_schema(template).primary.attributes
            try:
                found = type(template).get(consistent=True, **{name: getattr(template, name) for name in names})
            except SingletableError:
                found = None
            if type(found) is type(template):
                self._held[key] = found
                return found
        elif choice < _HELD:
            return self._held[key]
        return self._new(key)[0]

    def _new(self, key: ItemKey) -> tuple[Table, Mapping[str, Any]]:
        template = self._corpus.templates[key]
        values = self._changes(template)
        entity = varied(template, values)
        self._held[key] = entity
        return entity, values

    def _edited(self, key: ItemKey) -> tuple[Table, Mapping[str, Any]]:
        entity = self._instance(key)
        values = self._changes(entity)
        for name, value in values.items():
            setattr(entity, name, deepcopy(value))
        return entity, values

    def _changes(self, entity: Table) -> Mapping[str, Any]:
        possible = self._corpus.changes[entity_schema(entity).name]
        return self._rng.choice(possible) if possible else {}

    def _condition(self, entity: Table, names: Sequence[str] = ()) -> tuple[str, Any, str]:
        """Return an attribute's stored name, the condition that its stored value is the one last read, and its text."""
        schema = entity_schema(entity)
        name = self._rng.choice([*names] or changeable(schema) or [*schema.primary.attributes])
        stored = schema.attributes[name].attr_name
        return stored, still_holds(stored, known_item(entity).get(stored)), f"if {name} is as known"

    def _number(self, entity: Table) -> str | None:
        schema = entity_schema(entity)
        names = [name for name in changeable(schema) if isinstance(schema.attributes[name], _NUMBERS)]
        return self._rng.choice(names) if names else None

    def _several(self) -> list[ItemKey]:
        return self._rng.sample(self._keys, self._rng.randint(1, min(3, len(self._keys))))

    def _schema(self, key: ItemKey) -> EntitySchema:
        return entity_schema(self._corpus.templates[key])

    def _key(self, entity: Table) -> ItemKey:
        return identity(key_of(entity), table_schema(self._table).layout.primary)

    def _label(self, key: ItemKey) -> str:
        return f"k{self._keys.index(key) + 1}" if key in self._keys else "another item"


def shown(values: Mapping[str, Any]) -> str:
    """Return values as text for the steps of a history."""
    return ", ".join(f"{name}={value!a:.60}" for name, value in values.items())
