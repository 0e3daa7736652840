"""`TableMachine`: random writes by every path and several writers, against a dictionary that never looks at a key."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from pynamodb.attributes import NumberAttribute

from singletable.engine import embedded
from singletable.errors import (
    AlreadyExists,
    ConcurrentUpdateError,
    InvalidValueError,
    ItemDoesNotExist,
    TransactionCancelled,
)
from singletable.models import Table
from singletable.models.attributes import DecimalAttribute, IntegerAttribute
from singletable.models.schema import EntitySchema
from singletable.models.targets import stored_item
from singletable.patterns import patterns_of
from singletable.requests.types import Item
from singletable.requests.values import canonical
from singletable.testing.instances import entities, values_of
from singletable.testing.invariants import check_fresh, scan_raw
from singletable.testing.oracle import stored_attributes
from singletable.testing.properties import check_pattern

__all__ = ["TableMachine"]

_NUMBERS = (IntegerAttribute, DecimalAttribute, NumberAttribute)
_HELD = 12


class TableMachine(RuleBasedStateMachine):
    """A Hypothesis state machine over a table of yours::

        class ShopMachine(TableMachine, table=ShopTable):
            pass

        TestShop = ShopMachine.TestCase

    At random it creates, saves, updates by values and by actions, deletes, moves, mutates, batches and transacts
    entities of every type. Instances that were read earlier are kept and written through later, so that
    each is a stale, concurrent writer. A dictionary beside the table, keyed by values and never by key text, says
    what must be stored. After each step what was touched is compared with it, its keys and expiry are held
    against its attributes, and one access pattern is asked; at the end all of them, and every item.

    Args:
        table: The table class.
        given: Strategies for attributes that need them, by entity's name: `{"Review": {"rating": st.integers(1, 5)}}`.
    """

    table: ClassVar[type[Table]]
    given: ClassVar[dict[str, dict[str, st.SearchStrategy[Any]]]] = {}

    def __init_subclass__(cls, table: type[Table] | None = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        if table is not None:
            cls.table = table

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self._stack.enter_context(embedded(self.table))
        self._model: dict[tuple[Any, ...], Item] = {}
        self._held: list[Table] = []
        self._asked = 0
        self._patterns = patterns_of(self.table)
        self._schemas = sorted(self.table._schemas().values(), key=lambda schema: schema.name)

    # --- steps --------------------------------------------------------------------

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """Something is there."""
        for _ in range(2):
            self.create(data)

    @rule(data=st.data())
    def create(self, data: st.DataObject) -> None:
        """`create()` of a new entity, or of one with the key of another."""
        made = self._new(data)
        if self._identity(made) in self._model:
            _expect(AlreadyExists, made.create)
        else:
            made.create()
            self._wrote(made)

    @precondition(lambda self: self._held)
    @rule(data=st.data())
    def save(self, data: st.DataObject) -> None:
        """`save()` of a changed, perhaps stale, instance, which replaces what is there."""
        held = self._pick(data)
        if held._schema_of().version is not None:
            return
        changed = held._copy()
        for name, value in self._changes(data, held).items():
            setattr(changed, name, value)
        changed.save()
        self._wrote(changed)

    @precondition(lambda self: self._held)
    @rule(data=st.data())
    def update(self, data: st.DataObject) -> None:
        """`update(name=value)` through a stale instance; None removes."""
        held = self._pick(data)
        changes = self._changes(data, held)
        if changes:
            self._updating(held, lambda: held.update(**changes), lambda before: _with(held, before, changes))

    @precondition(lambda self: self._held)
    @rule(data=st.data())
    def add(self, data: st.DataObject) -> None:
        """`update(actions=[... .add(n)])` of a number through a stale instance."""
        held = self._pick(data)
        schema = held._schema_of()
        names = [name for name in self._changeable(schema) if isinstance(schema.attributes[name], _NUMBERS)]
        if not names:
            return
        name = data.draw(st.sampled_from(names))
        stored = schema.attributes[name].attr_name

        def after(before: Item) -> Item:
            old = before.get(stored)
            count = 1 + (schema.attributes[name].deserialize(old["N"]) if old else 0)
            return {**before, stored: canonical({"N": schema.attributes[name].serialize(count)})}

        self._updating(held, lambda: held.update(actions=[schema.attributes[name].add(1)]), after)

    @precondition(lambda self: self._held)
    @rule(data=st.data())
    def mutate(self, data: st.DataObject) -> None:
        """`mutate(function)`."""
        held = self._pick(data)
        changes = self._changes(data, held)

        def change(each: Table) -> None:
            for name, value in changes.items():
                setattr(each, name, value)

        self._updating(held, lambda: held.mutate(change), lambda before: _with(held, before, changes))

    @precondition(lambda self: self._held)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        """`delete()`, also of what is gone."""
        held = self._pick(data)
        if held._schema_of().version is None:
            held.delete()
            self._gone(held)

    @precondition(lambda self: self._held)
    @rule(data=st.data())
    def move(self, data: st.DataObject) -> None:
        """`move()` to the key of a newly drawn entity."""
        held = self._pick(data)
        schema = held._schema_of()
        target = data.draw(self._entities(schema))
        changes = {name: getattr(target, name) for name in schema.primary.attributes}
        if self._identity(target) == self._identity(held):
            return
        before = self._identity(held)
        if before not in self._model:
            _expect(ItemDoesNotExist, lambda: held.move(**changes))
        elif self._identity(target) in self._model:
            _expect(AlreadyExists, lambda: held.move(**changes))
        else:
            held.move(**changes)
            del self._model[before]
            self._wrote(held)

    @rule(data=st.data())
    def batch(self, data: st.DataObject) -> None:
        """A batch of puts and deletes; nothing of one whose block raises."""
        made = [self._new(data) for _ in range(data.draw(st.integers(1, 4)))]
        made = [each for each in made if each._schema_of().version is None]
        fails = data.draw(st.integers(0, 3)) == 0
        try:
            with self.table.batch() as batch:
                for each in made:
                    batch.put(each)
                if fails:
                    raise _Abandoned
        except _Abandoned:
            for each in made:
                self._compare(each)
            return
        for each in made:
            self._wrote(each, compare=False)
        for each in made:
            self._compare(each)

    @rule(data=st.data())
    def transact(self, data: st.DataObject) -> None:
        """A transaction of creates, updates, deletes and checks, which goes through as a whole or not at all."""
        chosen: dict[tuple[Any, ...], tuple[str, Table, dict[str, Any]]] = {}
        for _ in range(data.draw(st.integers(1, 4))):
            verb, entity = "create", self._new(data)
            changes: dict[str, Any] = {}
            stale = data.draw(st.booleans())
            if self._held and stale:
                verb, entity = data.draw(st.sampled_from(("update", "delete", "check"))), self._pick(data)
                changes = self._changes(data, entity) if verb == "update" else {}
                if entity._schema_of().version is not None or (verb == "update" and not changes):
                    continue
            chosen.setdefault(self._identity(entity), (verb, entity, changes))
        there = {identity: identity in self._model for identity in chosen}
        refused = [
            there[identity] if verb == "create" else verb != "delete" and not there[identity]
            for identity, (verb, _, _) in chosen.items()
        ]
        try:
            with self.table.transaction() as transaction:
                for verb, entity, changes in chosen.values():
                    getattr(transaction, verb)(entity, **changes)
        except TransactionCancelled as error:
            blamed = [reason.code is not None for reason in error.reasons]
            if refused != blamed:
                raise AssertionError(f"the transaction blames others than those in its way: {error}") from error
            for _, entity, _ in chosen.values():
                self._compare(entity)
            return
        assert not any(refused), "a transaction went through that could not"
        for identity, (verb, entity, changes) in chosen.items():
            if verb == "delete":
                self._gone(entity)
            elif verb == "create":
                self._wrote(entity)
            elif verb == "update":
                entity.refresh(consistent_read=True)
                self._expect_written(entity, _with(entity, self._model[identity], changes))

    @invariant()
    def an_access_pattern_answers(self) -> None:
        """After each step the next one of them, against what is stored."""
        if self._patterns:
            self._asked += 1
            check_pattern(self._patterns[self._asked % len(self._patterns)], self._stored())

    def teardown(self) -> None:
        """All access patterns, and every item."""
        try:
            stored = {self._identity(each): stored_attributes(each) for each in self._stored()}
            assert stored == self._model, "what is stored is not what was written"
            check_fresh(self.table)
            for pattern in self._patterns:
                check_pattern(pattern, self._stored())
        finally:
            self._stack.close()

    # --- inside -------------------------------------------------------------------

    def _entities(self, schema: EntitySchema) -> st.SearchStrategy[Table]:
        """Entities whose keys' values come from small pools, so that they meet."""
        given = dict(self.given.get(schema.name, {}))
        text = st.sampled_from(["a", "a#", "b", "ab", "%23"])
        for name in schema.key_sources:
            if (
                name not in given
                and schema.sources[name].kind.value == "text"
                and type(schema.attributes[name]).__name__ == "StrictUnicodeAttribute"
            ):
                given[name] = text
        return entities(schema.entity, **given)

    def _new(self, data: st.DataObject) -> Table:
        return data.draw(st.sampled_from(self._schemas).flatmap(self._entities))

    def _pick(self, data: st.DataObject) -> Table:
        return data.draw(st.sampled_from(self._held))

    def _changeable(self, schema: EntitySchema) -> list[str]:
        fixed = {*schema.primary.sources, *schema.stamps, schema.version}
        return sorted(name for name in schema.attributes if name not in fixed)

    def _changes(self, data: st.DataObject, held: Table) -> dict[str, Any]:
        schema = held._schema_of()
        names = self._changeable(schema)
        if not names:
            return {}
        chosen = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
        changes = {}
        for name in chosen:
            own = self.given.get(schema.name, {})
            values = own[name] if name in own else values_of(schema.entity, name)
            if schema.attributes[name].null:
                values = st.one_of(st.none(), values)
            changes[name] = data.draw(values)
        return changes

    def _identity(self, entity: Table) -> tuple[Any, ...]:
        schema = entity._schema_of()
        values = schema.to_keys({name: getattr(entity, name) for name in schema.primary.attributes})
        return (schema.declared_by["key"].__name__, *values.values())

    def _updating(self, held: Table, write: Callable[[], Any], after: Callable[[Item], Item]) -> None:
        """An update through a stale instance: it works on what is stored now, or says that there is nothing."""
        identity = self._identity(held)
        before = self._model.get(identity)
        if before is None:
            _expect(ItemDoesNotExist, write)
            return
        try:
            write()
        except (ConcurrentUpdateError, InvalidValueError) as error:
            # A version that is another now, a sum too wide for its key: refused, and nothing is written.
            if isinstance(error, ConcurrentUpdateError) and held._schema_of().version is None:
                raise
            self._compare(held)
            return
        self._expect_written(held, after(before))

    def _expect_written(self, entity: Table, expected: Item) -> None:
        """An update left what was expected; times and versions are the writes' own."""
        schema = entity._schema_of()
        own = {schema.attributes[name].attr_name for name in (*schema.stamps, *filter(None, [schema.version]))}
        stored = stored_attributes(entity)
        mine, theirs = ({n: v for n, v in each.items() if n not in own} for each in (expected, stored))
        assert mine == theirs, f"{entity!r} is not what the update makes of what was stored"
        self._wrote(entity)

    def _wrote(self, entity: Table, *, compare: bool = True) -> None:
        self._model[self._identity(entity)] = stored_attributes(entity)
        self._held.append(entity._copy())
        del self._held[:-_HELD]
        if compare:
            self._compare(entity)

    def _gone(self, entity: Table) -> None:
        self._model.pop(self._identity(entity), None)
        self._compare(entity)

    def _compare(self, entity: Table) -> None:
        """What is stored under an entity's key is what the dictionary says, and nothing of it is stale."""
        key = entity._copy()
        key._stored = None
        item = stored_item(key)
        wanted = self._model.get(self._identity(entity))
        assert (item is None) == (wanted is None), f"{entity!r} is {'not ' if item is None else ''}stored"
        if item is not None:
            check_fresh(self.table, [item])
            found = stored_attributes(type(entity).from_raw_data(item))
            assert found == wanted, f"{entity!r} is stored otherwise than it was written"

    def _stored(self) -> list[Table]:
        return [self.table.from_raw_data(item) for item in scan_raw(self.table)]


class _Abandoned(Exception):
    """The block of a batch raises."""


def _with(held: Table, before: Item, changes: dict[str, Any]) -> Item:
    after = dict(before)
    for name, value in changes.items():
        attribute = held._schema_of().attributes[name]
        serialized = None if value is None else attribute.serialize(value)
        if serialized is None:
            after.pop(attribute.attr_name, None)
        else:
            after[attribute.attr_name] = canonical({attribute.attr_type: serialized})
    return after


def _expect(error: type[Exception], write: Callable[[], Any]) -> None:
    try:
        write()
    except error:
        return
    raise AssertionError(f"{error.__name__} was expected, and the write went through")
