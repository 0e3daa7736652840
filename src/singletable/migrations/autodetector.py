"""The autodetector: it finds the operations that lead from one state to another.

If a change has two possible meanings (one attribute removed and another added, or one attribute renamed), or if stored
items could become unreadable, it asks. A live table can follow the operations in their order: first, changed indexes
are deleted; then items are written; then the indexes that hold them are created; then the time to live is switched on.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import attrs

from singletable.errors import MigrationError
from singletable.migrations.custom_text import CustomText
from singletable.migrations.declared import Stored
from singletable.migrations.derived import Derived, Expires, KeyText
from singletable.migrations.graph import EMPTY
from singletable.migrations.operations import (
    AddEntity,
    Backfill,
    BackfillExpiry,
    BackfillWith,
    ConvertAttribute,
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
    RenameEntity,
)
from singletable.migrations.questioner import Ask, Questioner
from singletable.migrations.sources import Choice
from singletable.migrations.state import Entity, TableState

__all__ = ["Detected", "detect"]


@attrs.frozen
class Detected:
    """The result of a detection.

    Args:
        operations: The operations that lead from the history to the models.
        notes: Remarks about them for a person.
    """

    operations: tuple[Operation, ...]
    notes: tuple[str, ...]


def detect(old: TableState, new: TableState, ask: Ask | None = None) -> Detected:
    """Return the operations that lead from one state to another.

    Args:
        old: The state after the whole history.
        new: The state that the models describe.
        ask: Answers questions about changes with two possible meanings. With None, the answer that loses nothing is
            taken and noted.

    Raises:
        MigrationError: No operations lead to the new state, because the key attributes of the table have other names.
            Or stored items could become unreadable, or lose keys, and no question can be asked.
    """
    detector = _Detector(old, new, ask)
    detector.run()
    return Detected(tuple(detector.operations), tuple(detector.notes))


class _Detector:
    def __init__(self, old: TableState, new: TableState, ask: Ask | None) -> None:
        self.state = old
        self.new = new
        self.operations: list[Operation] = []
        self.notes: list[str] = []
        self.questioner = Questioner(ask, self.notes)
        self.function_names: set[str] = set()
        indexes = (*old.indexes.values(), *new.indexes.values())
        self.index_names = {name for index in indexes for name in index.names}
        self.index_names |= {name for name in (old.ttl, new.ttl) if name}

    def run(self) -> None:
        if self.state == EMPTY:
            self._create()
        self._check_table()
        self._rename_entities()
        new_entities = [self.new.entities[name] for name in sorted(self.new.entities)]
        shared = [each for each in new_entities if each.name in self.state.entities]
        renamed_ttl = self.state.ttl is not None and self.new.ttl not in (None, self.state.ttl)
        if self.state.ttl and self.new.ttl is None:
            self._add(DisableTTL(self.state.ttl))
        self._delete_indexes()
        if not renamed_ttl:
            for entity in shared:
                self._remove_expiry(entity)
        for entity in new_entities:
            if entity not in shared:
                derived = [*entity.key, *entity.derived.values()]
                self._add(AddEntity(entity.name, *derived, attributes=entity.attributes, stamp=entity.stamp))
        for entity in shared:
            self._attributes(entity)
        self.questioner.refuse_open_questions()
        for entity in shared:
            self._rekey(entity)
        for entity in shared:
            self._backfill(entity)
        for entity in shared:
            self._remove_derived(entity, keep_expiry=renamed_ttl)
        self._create_indexes()
        if self.state.stream != self.new.stream:
            if self.state.stream is not None:
                self._add(DisableStream())
            if self.new.stream is not None:
                self._add(EnableStream(self.new.stream))
        if self.state.ttl and renamed_ttl:
            # Items expire by the old attribute until all items have the new one.
            self._add(DisableTTL(self.state.ttl))
            self.notes.append(
                "DynamoDB accepts about one change of the time to live per hour. Nothing expires between DisableTTL and"
                " EnableTTL, and `migrate` waits for the second change."
            )
        if self.new.ttl and self.state.ttl != self.new.ttl:
            self._add(EnableTTL(self.new.ttl))
        if renamed_ttl:
            for entity in shared:
                self._remove_expiry(entity)
        for name in sorted(set(self.state.entities) - set(self.new.entities)):
            self._add(RemoveEntity(name))
            self.notes.append(f"The models no longer have the entity {name}. Its items stay in the table.")

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
                    remedy="They cannot be changed in an existing table. Declare the old names, or create a new table.",
                )

    def _delete_indexes(self) -> None:
        for name in sorted(self.state.indexes):
            index, wanted = self.state.indexes[name], self.new.indexes.get(name)
            if wanted == index:
                continue
            if index.local:
                raise MigrationError(
                    f"The models define the local index {name} differently. A local index cannot be changed or"
                    " deleted.",
                    remedy="Restore its old definition, or use a global index.",
                )
            self._add(DeleteIndex(name))
            if wanted is not None:
                self.notes.append(
                    f"The index {name} is deleted and created again, and cannot be read meanwhile. To avoid this,"
                    " declare the new index under another name, and delete the old one later."
                )

    def _create_indexes(self) -> None:
        for name in sorted(set(self.new.indexes) - set(self.state.indexes)):
            index = self.new.indexes[name]
            if index.local:
                raise MigrationError(
                    f"The local index {name} can only be created with its table.", remedy="Use a global index."
                )
            self._add(CreateIndex(index.name, index.partition, index.sort, index.projection, index.included))

    def _rename_entities(self) -> None:
        gone = [name for name in sorted(self.state.entities) if name not in self.new.entities]
        fresh = [name for name in sorted(self.new.entities) if name not in self.state.entities]
        for before in gone:
            for after in fresh:
                if not _alike(self.state.entities[before], self.new.entities[after]):
                    continue
                if self.questioner.entity_was_renamed(before, after):
                    self._add(RenameEntity(before, after))
                    fresh.remove(after)
                    break

    def _attributes(self, entity: Entity) -> None:
        old = self.state.entity(entity.name)
        gone = {name: kind for name, kind in old.attributes.items() if name not in entity.attributes}
        fresh = {name: kind for name, kind in entity.attributes.items() if name not in old.attributes}
        for before, kind in sorted(gone.items()):
            for after in [name for name, other in sorted(fresh.items()) if other.type == kind.type]:
                if self.questioner.attribute_was_renamed(self.state.entity(entity.name), before, after):
                    self._add(RenameAttribute(entity.name, before, after))
                    del gone[before], fresh[after]
                    break
        for name in sorted(gone):
            self.notes.append(
                f"The models no longer have {entity.name}.{name}. Its values stay in the items; RemoveAttribute removes"
                " them."
            )
        known = self.state.entity(entity.name)
        conversions: list[Operation] = []
        changed: dict[str, Stored | None] = {}
        for name, stored in sorted(entity.attributes.items()):
            was = _known(known, name)
            if was is None or _is_another_form(was, stored):
                converted = was is not None and self.questioner.wants_conversion(entity.name, name, was, stored)
                if was is not None and converted:
                    function = self._to_be_written(f"{entity.name}_{name}_converted")
                    derived = self._changing_with(entity, name)
                    conversions.append(
                        ConvertAttribute(entity.name, name, function, old=was, new=stored, derived=derived)
                    )
                else:
                    changed[name] = stored
            elif stored != known.attributes.get(name):
                changed[name] = stored
            if (
                stored.required
                and (was is None or was.required is False)
                and self.questioner.wants_values(entity, name, was)
            ):
                # Newer code may have stored values already, so only items without a value are filled.
                function = self._to_be_written(f"{entity.name}_{name}")
                conversions.append(BackfillWith(entity.name, {}, function, writes=(name,), conflict="keep"))
        changed |= dict.fromkeys(gone)
        stamp = entity.stamp if entity.stamp != self.state.entity(entity.name).stamp else None
        if changed or stamp:
            self._add(DeclareAttributes(entity.name, dict(sorted(changed.items())), stamp))
        for each in conversions:
            self._add(each)
        recorded = self.state.entity(entity.name).attributes
        late = {name: stored for name, stored in entity.attributes.items() if recorded.get(name) != stored}
        if late:
            self._add(DeclareAttributes(entity.name, dict(sorted(late.items()))))

    def _changing_with(self, entity: Entity, name: str) -> tuple[Derived, ...]:
        """Return the derived attributes that are computed from an attribute and whose template changes with it."""
        old = self.state.entity(entity.name).derived
        return tuple(
            each
            for stored_name, each in sorted(entity.derived.items())
            if stored_name in old
            and not isinstance(each, CustomText)
            and name in {source.stored_name for source in each.sources}
            and _shape(old[stored_name]) != _shape(each)
        )

    def _to_be_written(self, words: str, text: str | None = None) -> Callable[..., Any]:
        def function() -> Any:
            raise NotImplementedError

        name = re.sub(r"\W", "_", words.lower())
        name = f"_{name}" if name[0].isdecimal() else name
        while name in self.function_names:
            name += "_"
        self.function_names.add(name)
        function.__name__ = name
        function.__doc__ = text
        return function

    def _rekey(self, entity: Entity) -> None:
        old = self.state.entity(entity.name)
        if _identities(old.key) == _identities(entity.key):
            return
        if any(isinstance(each, CustomText) for each in entity.key):
            raise MigrationError(
                f"The primary key of {entity.name} changes, and only code of the project can compute it.",
                remedy="Write a migration with RunPython that moves the items (--empty), and with Rekey's state.",
            )
        self._add(Rekey(entity.name, *entity.key))
        self.notes.append(
            f"The items of {entity.name} are moved to another key, each in one transaction. Code with the old models"
            " does not find them under the new key."
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
        function = self._to_be_written(
            f"{entity.name}_{derived.stored_name}",
            f"Return {derived.stored_name} of {entity.name}: {derived.made_of}.",
        )
        self._add(BackfillWith(entity.name, {}, function, writes=(derived.stored_name,)))
        # The next comparison must find the description of the models.
        self.state = self.state.with_entity(self.state.entity(entity.name).with_derived(derived))
        self.notes.append(
            f"{derived.stored_name} of {entity.name} is computed by a class of the project ({derived.made_of}): write"
            f" {function.__name__}() and its sources in the script."
        )

    def _remove_expiry(self, entity: Entity) -> None:
        old = self.state.entity(entity.name)
        names = [name for name, each in old.derived.items() if isinstance(each, Expires) and name not in entity.derived]
        if names:
            self._add(RemoveAttribute(entity.name, names))

    def _remove_derived(self, entity: Entity, *, keep_expiry: bool) -> None:
        old = self.state.entity(entity.name)
        expiries = {name for name, each in old.derived.items() if isinstance(each, Expires)} if keep_expiry else set()
        # The project decides whether to keep or remove values that one of its functions has filled in.
        filled = {
            name for name, each in old.derived.items() if isinstance(each, CustomText) and name not in self.index_names
        }
        names = sorted(set(old.derived) - set(entity.derived) - set(entity.attributes) - filled - expiries)
        if names:
            self._add(RemoveAttribute(entity.name, names))


_CALL = re.compile(r"\w+\(.*\)")
"""The description that BackfillWith gives an attribute: a call of its function, with the sources as arguments."""


def _alike(old: Entity, new: Entity) -> bool:
    """Return whether an entity may be a renamed one: its key, or most of its attributes, are the same."""
    one, two = set(old.attributes), set(new.attributes)
    return _identities(old.key) == _identities(new.key) or 2 * len(one & two) > len(one | two)


_WIDER = {
    ("choice", "text"),
    ("integer", "number"),
    ("integer", "decimal"),
    ("number", "decimal"),
    ("decimal", "number"),
}
"""Changes of a kind after which every stored value can still be read."""


def _known(entity: Entity, name: str) -> Stored | None:
    """Return the declaration of an attribute, completed from the sources of keys that read it."""
    stored = entity.attributes.get(name)
    if stored is None or stored.kind is not None:
        return stored
    for each in entity.all_derived:
        for source in each.sources:
            if source.stored_name == name and stored.type in (None, source.type):
                choices = source.choices if isinstance(source, Choice) else ()
                return attrs.evolve(stored, form=source.kind.value, choices=choices)
    return stored


def _is_another_form(was: Stored, stored: Stored) -> bool:
    """Return whether stored values may have become unreadable, or may be read as other values."""
    if was.type is None:
        return False
    if was.type != stored.type:
        return True
    if was.kind is None or stored.kind is None:
        return False  # only a class of the project knows the form
    if was.kind is not stored.kind:
        return (was.form, stored.form) not in _WIDER
    return not set(was.choices) <= set(stored.choices) if was.choices else False


def _identities(derived: tuple[Derived, ...]) -> list[tuple[object, ...]]:
    return [each.identity for each in derived]


def _shape(derived: Derived) -> object:
    """Return the parts of a derived attribute that a conversion of its source does not change."""
    if isinstance(derived, KeyText):
        return (derived.template, derived.when, derived.raw, sorted(each.stored_name for each in derived.sources))
    return derived.identity


def _same(old: Derived | None, new: Derived) -> bool:
    if old is None:
        return False
    # The history names a function of a script, and the models name a class: they cannot be compared.
    if isinstance(old, CustomText) and isinstance(new, CustomText):
        return old.made_of == new.made_of or _CALL.fullmatch(old.made_of) is not None
    return type(old) is type(new) and old.identity == new.identity
