"""The autodetector: which operations lead from one state to another.

Where two readings are possible (one attribute removed and another added, or one renamed) it asks. The order of
what it gives is the one in which a live table can follow: whatever deletes or hides items is switched off first,
then items are written, then indexes created that will hold them, then expiry switched on.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import attrs

from singletable.errors import MigrationError
from singletable.migrations.derived import CustomText, Derived, Expires
from singletable.migrations.graph import EMPTY
from singletable.migrations.operations import (
    AddEntity,
    Backfill,
    BackfillExpiry,
    BackfillWith,
    CreateIndex,
    CreateTable,
    DeclareAttributes,
    DeleteIndex,
    DisableStream,
    DisableTTL,
    EnableStream,
    EnableTTL,
    Operation,
    Rekey,
    RemoveAttribute,
    RemoveEntity,
    RenameAttribute,
)
from singletable.migrations.state import Entity, TableState

__all__ = ["Ask", "Detected", "detect"]

Ask = Callable[[str], bool]
"""Answers a question with yes or no."""


@attrs.frozen
class Detected:
    """What was found.

    Args:
        operations: What leads from the history to the models.
        notes: What a person should know about it.
    """

    operations: tuple[Operation, ...]
    notes: tuple[str, ...]


def detect(old: TableState, new: TableState, ask: Ask | None = None) -> Detected:
    """The operations that lead from one state to another.

    Args:
        old: What the history adds up to.
        new: What the models describe.
        ask: Answers what cannot be known; None to take the answer that loses nothing, and note it.

    Raises:
        MigrationError: Nothing leads there: the table's own key attributes have other names.
    """
    detector = _Detector(old, new, ask)
    detector.run()
    return Detected(tuple(detector.operations), tuple(detector.notes))


class _Detector:
    def __init__(self, old: TableState, new: TableState, ask: Ask | None) -> None:
        self.state = old
        self.new = new
        self.ask = ask
        self.operations: list[Operation] = []
        self.notes: list[str] = []

    def run(self) -> None:
        if self.state == EMPTY:
            self._create()
        self._check_table()
        new_entities = [self.new.entities[name] for name in sorted(self.new.entities)]
        shared = [each for each in new_entities if each.name in self.state.entities]
        if self.state.ttl and self.state.ttl != self.new.ttl:
            self._add(DisableTTL(self.state.ttl))
        self._delete_indexes()
        for entity in shared:
            self._remove_expiry(entity)
        for entity in new_entities:
            if entity not in shared:
                derived = [*entity.key, *entity.derived.values()]
                self._add(AddEntity(entity.name, *derived, attributes=entity.attributes, stamp=entity.stamp))
        for entity in shared:
            self._attributes(entity)
        for entity in shared:
            self._rekey(entity)
        for entity in shared:
            self._backfill(entity)
        for entity in shared:
            self._remove_derived(entity)
        self._create_indexes()
        if self.state.stream != self.new.stream:
            if self.state.stream is not None:
                self._add(DisableStream())
            if self.new.stream is not None:
                self._add(EnableStream(self.new.stream))
        if self.new.ttl and self.state.ttl != self.new.ttl:
            self._add(EnableTTL(self.new.ttl))
        for name in sorted(set(self.state.entities) - set(self.new.entities)):
            self._add(RemoveEntity(name))
            self.notes.append(f"The entity {name} is gone from the models. Its items stay in the table.")

    def _add(self, operation: Operation) -> None:
        self.operations.append(operation)
        self.state = operation.apply(self.state)

    def _create(self) -> None:
        indexes = tuple(self.new.indexes[name] for name in sorted(self.new.indexes))
        self._add(CreateTable(self.new.partition, self.new.sort, type_name=self.new.type_name, indexes=indexes))

    def _check_table(self) -> None:
        for old, new, what in (
            (self.state.key_names, self.new.key_names, "key attributes"),
            (self.state.type_name, self.new.type_name, "discriminator"),
        ):
            if old != new:
                raise MigrationError(
                    f"The table's {what}: {old!r} in the history, {new!r} in the models.",
                    remedy="A table cannot change them: declare the old names, or begin a new table.",
                )

    def _delete_indexes(self) -> None:
        for name in sorted(self.state.indexes):
            index, wanted = self.state.indexes[name], self.new.indexes.get(name)
            if wanted == index:
                continue
            if index.local:
                raise MigrationError(
                    f"The local index {name} is another in the models; it lives and dies with its table.",
                    remedy="Declare it as it was, or use a global index.",
                )
            self._add(DeleteIndex(name))
            if wanted is not None:
                self.notes.append(
                    f"The index {name} is deleted and created anew, and cannot be read in between. To go on reading,"
                    " declare the new one under another name, and delete the old one later."
                )

    def _create_indexes(self) -> None:
        for name in sorted(set(self.new.indexes) - set(self.state.indexes)):
            index = self.new.indexes[name]
            if index.local:
                raise MigrationError(
                    f"The local index {name} can only be created with its table.", remedy="Use a global index."
                )
            self._add(CreateIndex(index.name, index.partition, index.sort, index.projection, index.included))

    def _attributes(self, entity: Entity) -> None:
        old = self.state.entity(entity.name)
        gone = {name: kind for name, kind in old.attributes.items() if name not in entity.attributes}
        fresh = {name: kind for name, kind in entity.attributes.items() if name not in old.attributes}
        for before, kind in sorted(gone.items()):
            for after in [name for name, other in sorted(fresh.items()) if other == kind]:
                if self._renamed(entity.name, before, after):
                    self._add(RenameAttribute(entity.name, before, after))
                    del gone[before], fresh[after]
                    break
        retyped = {
            name: kind
            for name, kind in entity.attributes.items()
            if name in old.attributes and old.attributes[name] != kind
        }
        for name, kind in sorted(retyped.items()):
            self.notes.append(
                f"{entity.name}.{name} was stored as {old.attributes[name]} and is {kind} in the models: items that"
                " are there cannot be read until a BackfillWith rewrites them."
            )
        for name in sorted(gone):
            self.notes.append(
                f"{entity.name}.{name} is gone from the models. It stays in the items; RemoveAttribute takes it out."
            )
        changed: dict[str, str | None] = {**fresh, **retyped, **dict.fromkeys(gone)}
        stamp = entity.stamp if entity.stamp != self.state.entity(entity.name).stamp else None
        if changed or stamp:
            self._add(DeclareAttributes(entity.name, dict(sorted(changed.items())), stamp))

    def _renamed(self, entity: str, before: str, after: str) -> bool:
        if self.ask is not None:
            return self.ask(f"Was {entity}.{before} renamed to {after}?")
        known = self.state.entity(entity)
        if before in {source.stored_name for each in known.all_derived for source in each.sources}:
            # Taken for two attributes, every item would lose the keys that are made of the old one.
            raise MigrationError(
                f"Whether {entity}.{before}, of which keys are made, was renamed to {after} cannot be known.",
                remedy="Run makemigrations in a terminal, where it can ask; or write the RenameAttribute, or the"
                " Backfill, into a script of its own (makemigrations --empty).",
            )
        self.notes.append(
            f"Whether {entity}.{before} was renamed to {after} cannot be known: taken for two attributes, so that no"
            f' item is touched. If it was, write RenameAttribute("{entity}", "{before}", "{after}") instead.'
        )
        return False

    def _rekey(self, entity: Entity) -> None:
        old = self.state.entity(entity.name)
        if _identities(old.key) == _identities(entity.key):
            return
        if any(isinstance(each, CustomText) for each in entity.key):
            raise MigrationError(
                f"The primary key of {entity.name} changes, and only the project's own code can make it.",
                remedy="Write a migration with RunPython that moves the items (--empty), and with Rekey's state.",
            )
        self._add(Rekey(entity.name, *entity.key))
        self.notes.append(
            f"The items of {entity.name} are moved to another key, one transaction each. Whoever has the old models"
            " does not find them there."
        )

    def _backfill(self, entity: Entity) -> None:
        changed = [
            each
            for name, each in sorted(entity.derived.items())
            if not _same(self.state.entity(entity.name).derived.get(name), each)
        ]
        keys = [each for each in changed if not isinstance(each, (Expires, CustomText))]
        if keys:
            self._add(Backfill(entity.name, *keys))
        for each in changed:
            if isinstance(each, Expires):
                self._add(BackfillExpiry(entity.name, each.stored_name, after=each.after, days=each.days))
        for each in changed:
            if isinstance(each, CustomText):
                self._custom(entity, each)

    def _custom(self, entity: Entity, derived: CustomText) -> None:
        function = _to_be_written(entity.name, derived)
        self._add(BackfillWith(entity.name, {}, function, writes=(derived.stored_name,)))
        # What the models describe is what a comparison must find the next time.
        self.state = self.state.with_entity(self.state.entity(entity.name).with_derived(derived))
        self.notes.append(
            f"{derived.stored_name} of {entity.name} is made by a class of the project ({derived.made_of}): write"
            f" {function.__name__}() in the script, and its sources."
        )

    def _remove_expiry(self, entity: Entity) -> None:
        old = self.state.entity(entity.name)
        names = [name for name, each in old.derived.items() if isinstance(each, Expires) and name not in entity.derived]
        if names:
            self._add(RemoveAttribute(entity.name, names))

    def _remove_derived(self, entity: Entity) -> None:
        names = sorted(set(self.state.entity(entity.name).derived) - set(entity.derived))
        if names:
            self._add(RemoveAttribute(entity.name, names))


_CALL = re.compile(r"\w+\(.*\)")
"""What BackfillWith says that an attribute is made of: its function, and what that is given."""


def _to_be_written(entity: str, derived: CustomText) -> Callable[..., dict[str, str | None]]:
    def function() -> dict[str, str | None]:
        raise NotImplementedError

    name = re.sub(r"\W", "_", f"{entity}_{derived.stored_name}".lower())
    function.__name__ = f"_{name}" if name[0].isdecimal() else name
    function.__doc__ = f"What {derived.stored_name} of {entity} is: {derived.made_of}."
    return function


def _identities(derived: tuple[Derived, ...]) -> list[tuple[object, ...]]:
    return [each.identity for each in derived]


def _same(old: Derived | None, new: Derived) -> bool:
    if old is None:
        return False
    # A function of the project's gives what only it can; the models' words for it are others.
    if isinstance(old, CustomText) and isinstance(new, CustomText):
        return old.made_of == new.made_of or _CALL.fullmatch(old.made_of) is not None
    return type(old) is type(new) and old.identity == new.identity
