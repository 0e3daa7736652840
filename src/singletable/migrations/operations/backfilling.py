"""Operations that write derived attributes and values of functions to the items of an entity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import attrs

from singletable.migrations.custom_text import CustomText, explains, unexplained
from singletable.migrations.derived import Derived, Expires, check_seconds
from singletable.migrations.operations.base import Change, Edit, ItemOperation
from singletable.migrations.operations.declaring import refuse_derived_sources
from singletable.migrations.operations.undoing import Undo
from singletable.migrations.returned_values import stored_value
from singletable.migrations.script import as_names
from singletable.migrations.sources import Source, UnfitItemError
from singletable.migrations.state import TableState, known_derived
from singletable.migrations.timebox import Timebox
from singletable.requests.stored_values import same_value
from singletable.requests.types import Item

__all__ = ["Backfill", "BackfillExpiry", "BackfillWith", "Policy"]

Policy = Literal["quarantine", "overwrite", "keep"]
_POLICIES = ("quarantine", "overwrite", "keep")


@attrs.frozen(kw_only=True)
class _Writing(ItemOperation):
    """An operation that writes derived attributes.

    Args:
        conflict: The treatment of unexplained values, which neither the operation nor an earlier migration would have
            written: `quarantine` the item, `overwrite` the value, or `keep` it.
        bump: The stored attribute of a version to count up with each write. By default, versions do not change:
            derived attributes follow from the others, and no optimistic lock of a live writer breaks.
    """

    conflict: Policy = attrs.field(default="quarantine")
    bump: str | None = None

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.conflict not in _POLICIES:
            raise self.fail(f"conflict={self.conflict!r} is not a policy.", f"One of: {', '.join(_POLICIES)}.")

    def changed_names(self, before: TableState) -> frozenset[str]:
        return frozenset((*self.targets, *([self.bump] if self.bump else [])))

    def settle(
        self,
        item: Item,
        new: Mapping[str, dict[str, Any] | None],
        old: Mapping[str, Derived],
        newest: Mapping[str, Derived],
    ) -> Edit | None:
        """Return the edit that gives an item new derived values, by the policy for unexplained values."""
        values: dict[str, dict[str, Any] | None] = {}
        for name, value in new.items():
            stored = item.get(name)
            if same_value(stored, value) or (stored is not None and explains(newest.get(name), item, stored)):
                continue
            unknown = stored is not None and "NULL" not in stored and not explains(old.get(name), item, stored)
            if unknown and self.conflict != "overwrite":
                if self.conflict == "keep":
                    continue
                raise unexplained(name)
            values[name] = value
        if not values:
            return None
        if self.bump is not None:
            values[self.bump] = _next(self.bump, item.get(self.bump))
        return Edit(values, frozenset(values))


def _next(name: str, version: dict[str, Any] | None) -> dict[str, Any]:
    text = (version or {"N": "0"}).get("N")
    if text is None or not text.isdecimal():
        raise UnfitItemError(f"{name} is to be counted up, and is not a whole number")
    return {"N": str(int(text) + 1)}


@attrs.frozen(init=False)
class Backfill(_Writing):
    """Write derived attributes, usually index keys, to the items of an entity.

    Each item is written by one UpdateItem that sets only these attributes. Its condition is that the item exists and
    that the sources of the attributes have not changed since they were read.

    Args:
        entity: The discriminator.
        derived: The attributes to write.
        conflict: The treatment of unexplained values: `quarantine`, `overwrite` or `keep`.
        bump: The stored attribute of a version to count up; None to leave versions as they are.
    """

    derived: tuple[Derived, ...] = ()

    def __init__(
        self, entity: str, /, *derived: Derived, conflict: Policy = "quarantine", bump: str | None = None
    ) -> None:
        self.__attrs_init__(entity, conflict=conflict, bump=bump, derived=derived)

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.entity, *self.derived), _options(self)

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(each.stored_name for each in self.derived)

    def read_names(self, before: TableState) -> frozenset[str]:
        return frozenset(source.stored_name for each in self.derived for source in each.sources)

    def describe(self) -> str:
        return f"Backfill {', '.join(self.targets)} of {self.entity}"

    def apply(self, state: TableState) -> TableState:
        entity = state.entity(self.entity)
        custom = [each.stored_name for each in self.derived if isinstance(each, CustomText)]
        if custom:
            raise self.fail(
                f"Only code of the project can compute {', '.join(custom)}.", "Use BackfillWith and a function."
            )
        if any(name in state.key_names for name in self.targets):
            raise self.fail("The primary key cannot be updated.", "Use Rekey.")
        refuse_derived_sources(
            self, self.entity, self.derived, {*entity.derived, *self.targets, *state.key_names, state.type_name}
        )
        return state.with_entity(entity.with_derived(*self.derived))

    def compile(self, before: TableState, later: TableState | None = None) -> Change:
        old, newest = known_derived(before, self.entity), known_derived(later, self.entity)
        sources = frozenset(source.stored_name for each in self.derived for source in each.sources)

        def change(item: Item) -> Edit | None:
            new = {}
            for each in self.derived:
                stored = item.get(each.stored_name)
                try:
                    new[each.stored_name] = self._derive(each, item, before.ttl)
                except UnfitItemError:
                    # Newer code may have written the attribute, from sources that now have another form.
                    if stored is None or not explains(newest.get(each.stored_name), item, stored):
                        raise
            edit = self.settle(item, new, old, newest)
            return edit and Edit(edit.values, edit.pins | sources)

        return change

    def reverse(self, before: TableState) -> ItemOperation:
        sources = tuple(source.stored_name for each in self.derived for source in each.sources)
        return Undo(self.entity, self.compile_new(), before.entity(self.entity), self.targets, sources)

    def compile_new(self) -> Callable[[Item], Mapping[str, dict[str, Any] | None]]:
        """Return a function from an item to the new values, by stored name."""
        return lambda item: {each.stored_name: each.derive(item) for each in self.derived}

    def _derive(self, derived: Derived, item: Item, ttl: str | None) -> dict[str, Any] | None:
        value = derived.derive(item)
        # An expiry in the item has no effect until the time to live is switched on. If it is on already, by this
        # attribute or by the one that it replaces, DynamoDB deletes the item in any case.
        if value is not None and not (ttl is not None and same_value(value, item.get(ttl))):
            derived.refuse(value)
        return value


@attrs.frozen(init=False)
class BackfillExpiry(Backfill):
    """Write the expiry of the items of an entity.

    Args:
        entity: The discriminator.
        name: The stored attribute of the time to live.
        after: The stored attribute with the time from which the days are counted, or its source.
        days: The number of days from that time to the expiry.
        expire_past: Whether to write an expiry in the past. DynamoDB deletes such items within two days; by default,
            they are quarantined.
        conflict: The treatment of unexplained values: `quarantine`, `overwrite` or `keep`.
        bump: The stored attribute of a version to count up; None to leave versions as they are.
    """

    def __init__(
        self,
        entity: str,
        name: str,
        /,
        *,
        after: str | Source,
        days: float,
        expire_past: bool = False,
        conflict: Policy = "quarantine",
        bump: str | None = None,
    ) -> None:
        expires = Expires(name, after, days=days, expire_past=expire_past)
        self.__attrs_init__(entity, conflict=conflict, bump=bump, derived=(expires,))

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        positional, named = self.derived[0].arguments()
        return (self.entity, *positional), {**named, **_options(self)}

    def describe(self) -> str:
        return f"Backfill the expiry of {self.entity}: {self.derived[0].describe()}"


@attrs.frozen
class BackfillWith(_Writing):
    """Write attributes that a function computes.

    The function is pure: the same values have the same result, without the clock, random numbers or the network.

    Args:
        entity: The discriminator.
        sources: The sources of its arguments, by the names of its parameters.
        function: Takes the values of the sources as named arguments, with None for a source that the item lacks. It
            returns the values to store, by stored name, with None for an attribute that the item should not have.
        writes: The stored attributes that it may return.
        timeout: The most seconds that a call may take.
        conflict: The treatment of unexplained values: `quarantine`, `overwrite` or `keep`.
        bump: The stored attribute of a version to count up; None to leave versions as they are.
    """

    sources: Mapping[str, Source]
    function: Callable[..., Mapping[str, Any]] = attrs.field(eq=False)
    writes: tuple[str, ...] = attrs.field(converter=as_names, kw_only=True)
    timeout: float = attrs.field(default=5.0, kw_only=True)

    @property
    def targets(self) -> tuple[str, ...]:
        return self.writes

    def read_names(self, before: TableState) -> frozenset[str]:
        return frozenset(source.stored_name for source in self.sources.values())

    def describe(self) -> str:
        return f"Backfill {', '.join(self.targets)} of {self.entity} with {self.function.__name__}()"

    def apply(self, state: TableState) -> TableState:
        entity = state.entity(self.entity)
        if any(name in (*state.key_names, state.type_name) for name in self.targets):
            raise self.fail("The primary key and the type cannot be updated.", "Use Rekey for keys.")
        for name, source in self.sources.items():
            if source.stored_name in self.targets and source.stored_name in entity.attributes:
                raise self.fail(
                    f"{name} is read from {source.stored_name}, which the function writes: a second run would read its"
                    " own result.",
                    "Convert an attribute in place with ConvertAttribute.",
                )
            if source.stored_name in (*self.targets, *state.key_names) or source.stored_name in entity.derived:
                raise self.fail(
                    f"{name} is read from {source.stored_name}, which is itself derived.",
                    "Name the attributes that the model declares.",
                )
        mine = ", ".join(source.stored_name for source in self.sources.values())
        made = {name: CustomText(name, f"{self.function.__name__}({mine})", self) for name in self.targets}
        # A declared attribute is not derived: the function only fills it once.
        derived = [each for name, each in made.items() if name not in entity.attributes]
        filled = {**entity.filled, **{name: each for name, each in made.items() if name in entity.attributes}}
        return state.with_entity(attrs.evolve(entity.with_derived(*derived), filled=filled))

    def compile(self, before: TableState, later: TableState | None = None) -> Change:
        old, newest = known_derived(before, self.entity), known_derived(later, self.entity)
        work = self.compile_new()
        sources = frozenset(source.stored_name for source in self.sources.values())

        def change(item: Item) -> Edit | None:
            new = work(item)
            for name, value in new.items():
                if name == before.ttl and value is not None:
                    check_seconds(name, value)
            edit = self.settle(item, new, old, newest)
            return edit and Edit(edit.values, edit.pins | sources)

        return change

    def reverse(self, before: TableState) -> ItemOperation | None:
        entity = before.entity(self.entity)
        if self.conflict == "overwrite" or any(name in entity.attributes for name in self.targets):
            return None  # the old values are no longer known
        sources = tuple(source.stored_name for source in self.sources.values())
        return Undo(self.entity, self.compile_new(), entity, self.targets, sources)

    def compile_new(self) -> Callable[[Item], Mapping[str, dict[str, Any] | None]]:
        """Return a function from an item to the new values, by stored name."""
        box = Timebox(self.function, self.timeout)

        def work(item: Item) -> Mapping[str, dict[str, Any] | None]:
            answer = box({name: source.read(item) for name, source in self.sources.items()})
            if not isinstance(answer, Mapping) or not set(answer) <= set(self.targets):
                raise UnfitItemError(f"{self.function.__name__}() did not return values of its attributes")
            return {name: stored_value(name, answer[name]) for name in answer}

        return work


def _options(operation: _Writing) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if operation.conflict != "quarantine":
        options["conflict"] = operation.conflict
    if operation.bump is not None:
        options["bump"] = operation.bump
    return options
