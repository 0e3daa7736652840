"""`TableMachine`: random writes by every path and by several writers, compared with a dictionary that has no keys."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from copy import copy
from typing import Any, ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from pynamodb.attributes import NumberAttribute

from singletable.engine import fresh_table
from singletable.errors import (
    AlreadyExistsError,
    ConcurrentUpdateError,
    InvalidValueError,
    ItemDoesNotExist,
    TransactionCancelled,
)
from singletable.models import Table
from singletable.models.declare.attributes import DecimalAttribute, IntegerAttribute
from singletable.models.items.item import copy_as_new
from singletable.models.reading.targets import stored_item
from singletable.models.schema.entity_schema import EntitySchema
from singletable.models.schema.table_schema import entity_schema, table_schema
from singletable.patterns import patterns_of
from singletable.requests.stored_values import canonical
from singletable.requests.types import Item
from singletable.steps import run
from singletable.testing.invariants import check_fresh, scan_raw
from singletable.testing.oracle import identity_of, stored_attributes
from singletable.testing.properties import check_pattern
from singletable.testing.strategies.changes import changeable, changes_of, colliding_entities

__all__ = ["TableMachine"]

_NUMBERS = (IntegerAttribute, DecimalAttribute, NumberAttribute)
_HELD = 12
_RUNS_OF, _STEPS = 10, 25


class TableMachine(RuleBasedStateMachine):
    """A Hypothesis state machine over a table of yours::

        class ShopMachine(TableMachine, table=ShopTable):
            pass

        TestShop = ShopMachine.TestCase

    It creates, saves, updates (by values and by actions), deletes, moves and mutates entities of every type at random,
    also in batches and transactions. Instances that were read earlier are kept and used for later writes, so each is a
    stale, concurrent writer. A dictionary holds the expected items, by the values of their keys and not by key text.
    After each step the written items are compared with the dictionary, their keys and expiry with their attributes, and
    one access pattern is checked. At the end every item and all access patterns are checked.

    A step takes milliseconds, so a machine makes a tenth of the runs of your Hypothesis profile, with 25 steps each.
    `TestShop.settings` are Hypothesis's settings, and you can change them.

    Args:
        table: The table class.
        engine: The engine: `embedded`, or `ministack`, a server that runs until the process ends.
        asynchronous: Whether it calls the asynchronous twins of all methods, on an event loop of its own.
        given: Strategies for attributes that need their own, by the name of the entity:
            `{"Review": {"rating": st.integers(1, 5)}}`.
    """

    table: ClassVar[type[Table]]
    engine: ClassVar[str] = "embedded"
    asynchronous: ClassVar[bool] = False
    given: ClassVar[dict[str, dict[str, st.SearchStrategy[Any]]]] = {}

    def __init_subclass__(cls, table: type[Table] | None = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        if table is not None:
            cls.table = table
        profile = settings()
        runs = max(1, profile.max_examples // _RUNS_OF)
        cls.TestCase.settings = settings(cls.TestCase.settings, max_examples=runs, stateful_step_count=_STEPS)

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self._stack.enter_context(fresh_table(self.table, self.engine))
        self._loop = asyncio.new_event_loop() if self.asynchronous else None
        self._model: dict[tuple[Any, ...], Item] = {}
        self._held: list[Table] = []
        self._asked = 0
        self._patterns = patterns_of(self.table)
        self._schemas = sorted(table_schema(self.table).entities.values(), key=lambda schema: schema.name)

    # --- steps --------------------------------------------------------------------

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """Create two entities."""
        for _ in range(2):
            self.create(data)

    @rule(data=st.data())
    def create(self, data: st.DataObject) -> None:
        """Call `create()` on a new entity, or on one with the key of another."""
        made = self._new(data)
        if identity_of(made) in self._model:
            _expect(AlreadyExistsError, lambda: self._call(made, "create"))
        else:
            self._call(made, "create")
            self._wrote(made)

    @precondition(lambda self: self._held)
    @rule(data=st.data())
    def save(self, data: st.DataObject) -> None:
        """Call `save()` on a changed and possibly stale instance, which replaces the stored item."""
        changed = self._changed(data, self._pick(data))
        if self._locked(changed):
            _expect(ConcurrentUpdateError, lambda: self._call(changed, "save"))
            self._compare(changed)
        else:
            self._call(changed, "save")
            self._wrote(changed)

    @precondition(lambda self: self._held)
    @rule(data=st.data())
    def update(self, data: st.DataObject) -> None:
        """Call `update(name=value)` on a possibly stale instance; None removes an attribute."""
        held = self._pick(data)
        changes = self._changes(data, held)
        if changes:
            self._updating(
                held, lambda: self._call(held, "update", **changes), lambda before: _with(held, before, changes)
            )

    @precondition(lambda self: self._held)
    @rule(data=st.data())
    def add(self, data: st.DataObject) -> None:
        """Call `update(actions=[... .add(n)])` with a number attribute on a possibly stale instance."""
        held = self._pick(data)
        schema = entity_schema(held)
        names = [name for name in changeable(schema) if isinstance(schema.attributes[name], _NUMBERS)]
        if not names:
            return
        name = data.draw(st.sampled_from(names))
        stored = schema.attributes[name].attr_name

        def after(before: Item) -> Item:
            old = before.get(stored)
            count = 1 + (schema.attributes[name].deserialize(old["N"]) if old else 0)
            return {**before, stored: canonical({"N": schema.attributes[name].serialize(count)})}

        self._updating(held, lambda: self._call(held, "update", actions=[schema.attributes[name].add(1)]), after)

    @precondition(lambda self: self._held)
    @rule(data=st.data())
    def mutate(self, data: st.DataObject) -> None:
        """Call `mutate(function)`."""
        held = self._pick(data)
        changes = self._changes(data, held)

        def change(each: Table) -> None:
            for name, value in changes.items():
                setattr(each, name, value)

        self._updating(held, lambda: self._call(held, "mutate", change), lambda before: _with(held, before, changes))

    @precondition(lambda self: self._held)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        """Call `delete()`, also on an item that is not stored; other instances of it are kept."""
        held = copy(self._pick(data))
        if self._locked(held):
            _expect(ConcurrentUpdateError, lambda: self._call(held, "delete"))
            self._compare(held)
        else:
            self._call(held, "delete")
            self._gone(held)

    @precondition(lambda self: self._held)
    @rule(data=st.data())
    def move(self, data: st.DataObject) -> None:
        """Call `move()` with the key of a newly drawn entity."""
        held = self._pick(data)
        schema = entity_schema(held)
        target = data.draw(self._entities(schema))
        changes = {name: getattr(target, name) for name in schema.primary.attributes}
        if identity_of(target) == identity_of(held):
            return
        before = identity_of(held)
        if before not in self._model:
            _expect(ItemDoesNotExist, lambda: self._call(held, "move", **changes))
        elif identity_of(target) in self._model:
            _expect(AlreadyExistsError, lambda: self._call(held, "move", **changes))
        else:
            self._call(held, "move", **changes)
            del self._model[before]
            self._wrote(held)

    @rule(data=st.data())
    def batch(self, data: st.DataObject) -> None:
        """Write a batch of puts and deletes, some of the same item; if the block raises, the batch writes nothing."""
        chosen: list[tuple[str, Table]] = []
        for _ in range(data.draw(st.integers(1, 4))):
            old = bool(self._held) and data.draw(st.booleans())
            verb = data.draw(st.sampled_from(("put", "delete"))) if old else "put"
            chosen.append((verb, self._changed(data, self._pick(data)) if old else self._new(data)))
        chosen = [(verb, each) for verb, each in chosen if entity_schema(each).version is None]
        fails = data.draw(st.integers(0, 3)) == 0

        def fill(batch: Any) -> None:
            for verb, each in chosen:
                getattr(batch, verb)(each)
            if fails:
                raise _AbandonedError

        batch = self.table.batch()
        with suppress(_AbandonedError):
            self._send(batch, fill)
        last = {} if fails else {identity_of(each): (verb, each) for verb, each in chosen}
        for identity, (verb, each) in last.items():
            if verb == "put":
                self._model[identity] = stored_attributes(each)
                self._hold(each)
            else:
                self._model.pop(identity, None)
        for _, each in chosen:
            self._compare(each)
        assert fails or len(chosen) - len(last) == batch.folded, "the batch reports another number of folded writes"

    @rule(data=st.data())
    def transact(self, data: st.DataObject) -> None:
        """Send a transaction of every kind of write, which is applied completely or not at all."""
        chosen: dict[tuple[Any, ...], tuple[str, Table, dict[str, Any]]] = {}
        for _ in range(data.draw(st.integers(1, 4))):
            if bool(self._held) and data.draw(st.booleans()):
                verb, entity = data.draw(st.sampled_from(("put", "update", "delete", "check"))), self._pick(data)
                entity = copy(entity) if verb == "delete" else entity
                changes = self._changes(data, entity) if verb == "update" else {}
                if verb == "update" and not changes:
                    continue
            else:
                verb, entity, changes = "create", self._new(data), {}
            chosen.setdefault(identity_of(entity), (verb, entity, changes))
        refused = [self._refused(verb, entity) for verb, entity, _ in chosen.values()]

        def fill(transaction: Any) -> None:
            for verb, entity, changes in chosen.values():
                getattr(transaction, verb)(entity, **changes)

        try:
            self._send(self.table.transaction(), fill)
        except TransactionCancelled as error:
            blamed = [reason.code is not None for reason in error.reasons]
            if refused != blamed:
                raise AssertionError(
                    f"the transaction names other causes than the conflicting writes: {error}"
                ) from error
            for _, entity, _ in chosen.values():
                self._compare(entity)
            return
        assert not any(refused), "a transaction succeeded although one of its writes had to fail"
        for identity, (verb, entity, changes) in chosen.items():
            if verb == "delete":
                self._gone(entity)
            elif verb in ("create", "put"):
                self._wrote(entity)
            elif verb == "update":
                self._call(entity, "refresh", consistent=True)
                self._expect_written(entity, _with(entity, self._model[identity], changes))

    def _refused(self, verb: str, entity: Table) -> bool:
        there = identity_of(entity) in self._model
        if verb == "create":
            return there
        if verb in ("update", "check") and not there:
            return True
        return verb != "check" and self._locked(entity)

    @invariant()
    def an_access_pattern_answers(self) -> None:
        """Check the next access pattern after each step."""
        if self._patterns:
            self._asked += 1
            check_pattern(self._patterns[self._asked % len(self._patterns)], self._stored())

    def teardown(self) -> None:
        """Check all access patterns and every item, unless a step has failed, whose error is then the result."""
        if sys.exc_info()[0] is not None:
            self._close()
            return
        try:
            stored = {identity_of(each): stored_attributes(each) for each in self._stored()}
            assert stored == self._model, "the stored items differ from the written ones"
            check_fresh(self.table)
            for pattern in self._patterns:
                check_pattern(pattern, self._stored())
        finally:
            self._close()

    def _close(self) -> None:
        if self._loop is not None:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()
        self._stack.close()

    # --- inside -------------------------------------------------------------------

    def _call(self, target: Any, method: str, *arguments: Any, **options: Any) -> Any:
        """Call a method, or its asynchronous twin."""
        if self._loop is None:
            return getattr(target, method)(*arguments, **options)
        return self._loop.run_until_complete(getattr(target, f"a{method}")(*arguments, **options))

    def _send(self, block: Any, fill: Callable[[Any], None]) -> None:
        """Fill a batch or a transaction in its block, which sends it."""
        if self._loop is None:
            with block as opened:
                fill(opened)
            return

        async def filled() -> None:
            async with block as opened:
                fill(opened)

        self._loop.run_until_complete(filled())

    def _entities(self, schema: EntitySchema) -> st.SearchStrategy[Table]:
        return colliding_entities(schema, self.given.get(schema.name, {}))

    def _new(self, data: st.DataObject) -> Table:
        return data.draw(st.sampled_from(self._schemas).flatmap(self._entities), label="new")

    def _pick(self, data: st.DataObject) -> Table:
        return data.draw(st.sampled_from(self._held), label="through")

    def _changes(self, data: st.DataObject, held: Table) -> dict[str, Any]:
        schema = entity_schema(held)
        return data.draw(changes_of(schema, self.given.get(schema.name, {})), label="changes")

    def _changed(self, data: st.DataObject, held: Table) -> Table:
        changed = copy(held)
        for name, value in self._changes(data, held).items():
            setattr(changed, name, value)
        return changed

    def _locked(self, held: Table) -> bool:
        """Whether the version of an instance differs from the stored one."""
        schema = entity_schema(held)
        if schema.version is None:
            return False
        stored = self._model.get(identity_of(held), {}).get(schema.attributes[schema.version].attr_name, {}).get("N")
        return bool(getattr(held, schema.version) != (None if stored is None else int(stored)))

    def _updating(self, held: Table, write: Callable[[], Any], after: Callable[[Item], Item]) -> None:
        """Update through a possibly stale instance, and check the stored item or the error for a missing item."""
        identity = identity_of(held)
        before = self._model.get(identity)
        if before is None:
            _expect(ItemDoesNotExist, write)
            return
        try:
            write()
        except (ConcurrentUpdateError, InvalidValueError) as error:
            # The stored version differs, or a sum is too wide for its key: nothing is written.
            if isinstance(error, ConcurrentUpdateError) and entity_schema(held).version is None:
                raise
            self._compare(held)
            return
        self._expect_written(held, after(before))

    def _expect_written(self, entity: Table, expected: Item) -> None:
        """Assert the item that an update left, without times and versions, which every write sets."""
        schema = entity_schema(entity)
        own = {schema.attributes[name].attr_name for name in (*schema.stamps, *filter(None, [schema.version]))}
        stored = stored_attributes(entity)
        mine, theirs = ({n: v for n, v in each.items() if n not in own} for each in (expected, stored))
        assert mine == theirs, f"{entity!r} is not the stored item with the changes of the update"
        self._wrote(entity)

    def _wrote(self, entity: Table) -> None:
        self._model[identity_of(entity)] = stored_attributes(entity)
        self._hold(entity)
        self._compare(entity)

    def _hold(self, entity: Table) -> None:
        self._held.append(copy(entity))
        del self._held[:-_HELD]

    def _gone(self, entity: Table) -> None:
        self._model.pop(identity_of(entity), None)
        self._compare(entity)

    def _compare(self, entity: Table) -> None:
        """Assert that an entity's stored item equals the dictionary's, and that its derived attributes are fresh."""
        item = run(stored_item(copy_as_new(entity)))
        wanted = self._model.get(identity_of(entity))
        assert (item is None) == (wanted is None), f"{entity!r} is {'not ' if item is None else ''}stored"
        if item is not None:
            check_fresh(self.table, [item])
            found = stored_attributes(type(entity).from_raw_data(item))
            assert found == wanted, f"{entity!r} differs from its stored item"

    def _stored(self) -> list[Table]:
        return [self.table.from_raw_data(item) for item in scan_raw(self.table)]


class _AbandonedError(Exception):
    """The exception of the block of a batch."""


def _with(held: Table, before: Item, changes: dict[str, Any]) -> Item:
    after = dict(before)
    for name, value in changes.items():
        attribute = entity_schema(held).attributes[name]
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
    raise AssertionError(f"{error.__name__} was expected, and the write succeeded")
