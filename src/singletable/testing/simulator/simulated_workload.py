"""The workload of a writer: the calls that it makes. One method draws each kind of call."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from copy import copy, deepcopy
from typing import Any

from singletable.models import Table
from singletable.models.items.item import known_item
from singletable.models.schema.table_schema import entity_schema, table_schema
from singletable.requests.stored_values import canonical
from singletable.testing.simulator.chooser import Chooser, shown
from singletable.testing.simulator.ledger import ItemKey
from singletable.testing.simulator.simulated_calls import (
    Call,
    Claim,
    Increment,
    Part,
    added,
    changed,
    put,
    removed,
    same,
)

__all__ = ["KINDS", "SimulatedWorkload"]

KINDS = (
    "batch",
    "claim",
    "collection",
    "create",
    "delete",
    "delete if",
    "increment",
    "load all",
    "move",
    "mutate",
    "save",
    "save if",
    "transaction",
    "update",
    "update unlocked",
)
"""Every kind of call."""


class SimulatedWorkload(Chooser):
    """Draws the calls of one writer."""

    def next_call(self, kind: str) -> Call | None:
        """Return a call of a kind; None if this history has no item for it."""
        key = self._rng.choice(self._keys)
        draw: Callable[[ItemKey], Call | None] = getattr(self, "_" + kind.replace(" ", "_"))
        call = draw(key)
        if call is not None:
            call.kind = kind
        return call

    def _create(self, key: ItemKey) -> Call:
        entity, values = self._new(key)
        return self._one(key, values, entity, entity.create, put(entity_schema(entity), entity), exists=False)

    def _save(self, key: ItemKey) -> Call:
        entity, values = self._edited(key)
        schema = entity_schema(entity)
        once = schema.version is not None
        return self._one(key, values, entity, entity.save, put(schema, entity), once=once, locked=True)

    def _save_if(self, key: ItemKey) -> Call | None:
        entity = self._instance(key)
        _, condition, also = self._condition(entity)
        values = self._changes(entity)
        for each, value in values.items():
            setattr(entity, each, deepcopy(value))
        effect = put(entity_schema(entity), entity)
        return self._one(key, values, entity, lambda: entity.save(condition), effect, locked=True, also=also)

    def _update(self, key: ItemKey) -> Call | None:
        entity = self._instance(key)
        schema, values = entity_schema(entity), self._changes(entity)
        if not values:
            return None
        once = schema.version is not None
        effect = changed(schema, key, values)
        return self._one(
            key, values, entity, lambda: entity.update(**values), effect, once=once, exists=True, locked=True
        )

    def _update_unlocked(self, key: ItemKey) -> Call | None:
        entity = self._instance(key)
        schema, values = entity_schema(entity), self._changes(entity)
        if not values or schema.version is None:
            return None
        effect = changed(schema, key, values)
        perform = lambda: entity.update(**values, add_version_condition=False)  # noqa: E731 - as its neighbors
        return self._one(key, values, entity, perform, effect, once=False, exists=True)

    def _claim(self, key: ItemKey) -> Call | None:
        entity = self._instance(key)
        schema, values = entity_schema(entity), self._changes(entity)
        if not values:
            return None
        name, condition, also = self._condition(entity, [*values])
        effect = changed(schema, key, values)
        perform = lambda: entity.update(condition=condition, **values)  # noqa: E731 - as its neighbors
        call = self._one(key, values, entity, perform, effect, exists=True, locked=True, also=also)
        before = known_item(entity).get(name)
        call.claim = Claim(key, name, None if before is None else canonical(before))
        return call

    def _increment(self, key: ItemKey) -> Call | None:
        entity = self._instance(key)
        schema, name = entity_schema(entity), self._number(entity)
        if name is None:
            return None
        attribute, amount = getattr(type(entity), name), self._rng.choice((1, 1, 2, 7))
        adds = self._rng.random() < 0.5
        action = attribute.add(amount) if adds else attribute.set(attribute + amount)
        stored = schema.attributes[name].attr_name
        call = self._one(
            key,
            {},
            entity,
            lambda: entity.update(actions=[action]),
            added(schema, key, stored, amount),
            exists=True,
            locked=True,
            also=f"{'ADD' if adds else 'SET'} {name} + {amount}",
        )
        call.increment = Increment(key, stored, amount)
        return call

    def _mutate(self, key: ItemKey) -> Call | None:
        entity = self._instance(key)
        schema, name = entity_schema(entity), self._number(entity)
        values: Mapping[str, Any] = {}
        if name is not None and self._rng.random() < 0.6:
            stored, counter = schema.attributes[name].attr_name, name

            def change(each: Table) -> None:
                setattr(each, counter, (getattr(each, counter) or 0) + 1)

            also, effect = f"{name} += 1", added(schema, key, stored, 1)
        else:
            values = self._changes(entity)
            if not values:
                return None

            def change(each: Table) -> None:
                for one, value in values.items():
                    setattr(each, one, deepcopy(value))

            also, effect = "", changed(schema, key, values)
        call = self._one(
            key, values, entity, lambda: entity.mutate(change), effect, exists=True, idle=bool(values), also=also
        )
        if not values:
            call.increment = Increment(key, stored, 1)
        return call

    def _delete(self, key: ItemKey) -> Call:
        entity = copy(self._instance(key))
        once = entity_schema(entity).version is not None
        return self._one(key, {}, entity, entity.delete, removed, once=once, locked=True, names=())

    def _delete_if(self, key: ItemKey) -> Call | None:
        entity = copy(self._instance(key))
        _, condition, also = self._condition(entity)
        perform = lambda: entity.delete(condition)  # noqa: E731 - as its neighbors
        return self._one(key, {}, entity, perform, removed, locked=True, names=(), also=also)

    def _move(self, key: ItemKey) -> Call | None:
        # A copy, because the writer keeps its instance with the old key.
        entity = copy(self._instance(key))
        schema = entity_schema(entity)
        others = [each for each in self._keys if each != key and self._schema(each) is schema]
        if not others:
            return None
        target = self._rng.choice(others)
        values = {name: getattr(self._corpus.templates[target], name) for name in schema.primary.attributes}
        call = self._one(key, {}, entity, lambda: entity.move(**values), removed, exists=True, names=())
        call.text += f" to {self._label(target)}"
        call.parts.append(Part(target, schema, changed(schema, key, values), exists=False, instance=entity))
        return call

    def _batch(self, key: ItemKey) -> Call | None:
        chosen = [each for each in self._several() if self._schema(each).version is None]
        if not chosen:
            return None
        parts, texts, writes = [], [], []
        for each in chosen:
            deletes = self._rng.random() < 0.3
            entity, values = (copy(self._instance(each)), {}) if deletes else self._edited(each)
            effect = removed if deletes else put(entity_schema(entity), entity)
            names = () if deletes else None
            parts.append(Part(each, entity_schema(entity), effect, once=False, instance=entity, names=names))
            writes.append(("delete" if deletes else "put", entity))
            texts.append(f"{writes[-1][0]} {self._label(each)} {shown(values)}".strip())

        def perform() -> None:
            with self._table.batch() as batch:
                for verb, entity in writes:
                    getattr(batch, verb)(entity)

        return Call("", "; ".join(texts), perform, parts)

    def _load_all(self, key: ItemKey) -> Call:
        parts, texts, entities = [], [], []
        for each in self._several():
            entity, values = self._new(each)
            effect = put(entity_schema(entity), entity)
            parts.append(Part(each, entity_schema(entity), effect, once=False, instance=entity))
            entities.append(entity)
            texts.append(f"{self._label(each)} {shown(values)}".strip())
        return Call("", "; ".join(texts), lambda: list(self._table.put_all(entities)), parts)

    def _transaction(self, key: ItemKey) -> Call:
        parts, texts, writes = [], [], []
        for each in self._several():
            verb = self._rng.choice(("create", "put", "update", "update", "add", "delete", "check"))
            part, text, write = self._write(verb, each)
            parts.append(part)
            texts.append(text)
            writes.append(write)

        def perform() -> None:
            with self._table.transaction() as transaction:
                for write in writes:
                    write(transaction)

        return Call("", "; ".join(texts), perform, parts)

    def _write(self, verb: str, key: ItemKey) -> tuple[Part, str, Callable[[Any], None]]:
        """Return one write of a transaction: its part, its text, and a function that adds it."""
        label = f"{verb} {self._label(key)}"
        if verb == "create":
            entity, values = self._new(key)
            part = Part(key, entity_schema(entity), put(entity_schema(entity), entity), exists=False, instance=entity)
            return part, f"{label} {shown(values)}", lambda transaction: transaction.create(entity)
        if verb == "put":
            entity, values = self._edited(key)
            part = self._locked(entity, key, put(entity_schema(entity), entity), None)
            return part, f"{label} {shown(values)}", lambda transaction: transaction.put(entity)
        entity = self._instance(key)
        schema, values, name = entity_schema(entity), self._changes(entity), self._number(entity)
        if verb == "delete":
            copied = copy(entity)
            part = self._locked(copied, key, removed, ())
            return part, label, lambda transaction: transaction.delete(copied)
        if verb == "add" and name is not None:
            attribute = getattr(type(entity), name)
            part = self._locked(entity, key, added(schema, key, schema.attributes[name].attr_name, 1), ())
            part.exists = True
            action = attribute.set(attribute + 1)
            return part, f"{label} {name} + 1", lambda transaction: transaction.update(entity, actions=[action])
        if verb in ("update", "add") and values:
            touched = [schema.attributes[each].attr_name for each in (*values, *filter(None, [schema.version]))]
            part = self._locked(entity, key, changed(schema, key, values), touched)
            part.exists = True
            return part, f"{label} {shown(values)}", lambda transaction: transaction.update(entity, **values)
        part = Part(key, schema, same(schema, key), exists=True)
        return part, f"check {self._label(key)}", lambda transaction: transaction.check(entity)

    def _collection(self, key: ItemKey) -> Call:
        template, schema = self._corpus.templates[key], self._schema(key)
        segments = schema.primary.partition.segments
        schemas = table_schema(self._table).entities.values()
        kinds = [each.entity for each in schemas if each.primary.partition.segments == segments]
        shared = {name: getattr(template, name) for name in schema.primary.partition.attributes}
        added_one = self._new(self._rng.choice([each for each in self._keys if self._schema(each).entity in kinds]))[0]
        rng = random.Random(self._rng.random())  # noqa: S311 - not a secret
        parts: list[Part] = []
        call = Call("", f"of {self._label(key)}", lambda: None, parts)

        def perform() -> None:
            unit = self._table.load_collection(*kinds, **shared)
            for entity in list(unit):
                self._edit(unit, entity, rng, parts)
            here = {part.key for part in parts} | {self._key(entity) for entity in unit}
            if self._key(added_one) not in here and self._key(added_one)[0] == key[0]:
                own = entity_schema(added_one)
                unit.add(added_one)
                parts.append(Part(self._key(added_one), own, put(own, added_one), exists=False, instance=added_one))
            call.text += f", writing {', '.join(self._label(part.key) for part in parts) or 'nothing'}"
            unit.save()

        call.perform = perform
        return call

    def _edit(self, unit: Any, entity: Table, rng: random.Random, parts: list[Part]) -> None:
        """Change one entity of a collection, remove it, or leave it unchanged."""
        key, schema = self._key(entity), entity_schema(entity)
        choice = rng.random()
        if choice < 0.2:
            part = self._locked(entity, key, removed, ())
            part.exists = True
            parts.append(part)
            unit.remove(entity)
        elif choice < 0.8 and self._corpus.changes[schema.name]:
            values = rng.choice(self._corpus.changes[schema.name])
            part = self._locked(entity, key, changed(schema, key, values), ())
            part.exists = part.idle = True
            part.instance = entity
            for name, value in values.items():
                setattr(entity, name, deepcopy(value))
            parts.append(part)
