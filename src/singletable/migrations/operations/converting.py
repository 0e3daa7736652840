"""An operation that converts the stored values of an attribute to another form, with a function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs

from singletable.errors import MigrationError
from singletable.migrations.declared import ANY, Stored, as_stored
from singletable.migrations.derived import Derived
from singletable.migrations.operations.base import Change, Edit, ItemOperation
from singletable.migrations.operations.declaring import refuse_derived_sources
from singletable.migrations.returned_values import stored_value
from singletable.migrations.script import as_names
from singletable.migrations.sources import UnfitItemError
from singletable.migrations.state import TableState
from singletable.migrations.timebox import Timebox
from singletable.requests.stored_values import same_value
from singletable.requests.types import Item

__all__ = ["ConvertAttribute"]

_ANY = Stored(ANY)


def _form(value: str | Stored | None) -> Stored | None:
    return None if value is None else as_stored(value)


def _derived(values: Iterable[Derived]) -> tuple[Derived, ...]:
    return tuple(values)


@attrs.frozen
class ConvertAttribute(ItemOperation):
    """Give an attribute another form in every item of an entity: text for a number, a date for text.

    ::

        ConvertAttribute("TASK", "points", str, int, old="integer", new="text")

    Each item is written by one conditional UpdateItem, with all keys and expiries that are derived from the attribute.
    An item without the attribute, or with NULL, does not change. A run can be repeated: the form of a value shows
    whether it is converted, by DynamoDB's type if it changes, or else by the form that can read the value. If both
    forms can read it (text to text), the function must be idempotent: applied to its own result, it returns the same
    value or raises.

    Args:
        entity: The discriminator.
        attribute: The stored attribute.
        function: Takes a Python value in the old form and returns it in the new form. It is pure: the same value has
            the same result.
        reverse_function: The reverse conversion; None if it is impossible.
        old: The old form: a `Stored`, or only its form. By default, the form that the history declares.
        new: The new form. By default, the form of the returned value.
        derived: The keys and expiries whose template changes with the attribute. Others keep their template.
        timeout: The most seconds that a call of the function may take.
    """

    attribute: str
    function: Callable[[Any], Any] = attrs.field(eq=False)
    reverse_function: Callable[[Any], Any] | None = attrs.field(default=None, eq=False)
    old: Stored | None = attrs.field(default=None, converter=_form, kw_only=True)
    new: Stored | None = attrs.field(default=None, converter=_form, kw_only=True)
    derived: tuple[Derived, ...] = attrs.field(default=(), converter=_derived, kw_only=True)
    timeout: float = attrs.field(default=5.0, kw_only=True)
    _undoing: bool = attrs.field(default=False, kw_only=True, repr=False)

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        positional, named = super().arguments()
        forms = {name: named[name].plain for name in ("old", "new") if named.get(name) is not None}
        return positional, {**named, **forms}

    @property
    def targets(self) -> tuple[str, ...]:
        return as_names(self.attribute)

    def written_names(self, before: TableState) -> frozenset[str]:
        return frozenset((self.attribute, *(each.stored_name for each in self.derived)))

    @property
    def task(self) -> str:
        """The task of the function: `Convert points of TASK from integer to text`."""
        forms = f" from {self.old.describe()} to {self.new.describe()}" if self.old and self.new else ""
        return f"Convert {self.attribute} of {self.entity}{forms}"

    def describe(self) -> str:
        return f"{self.task} with {self.function.__name__}()"

    def apply(self, state: TableState) -> TableState:
        entity = state.entity(self.entity)
        if self.attribute in (*state.key_names, state.type_name, *entity.derived):
            raise self.fail(
                "A key, the type or a derived attribute cannot be converted.",
                "Convert the attributes from which it is computed.",
            )
        declared = entity.attributes.get(self.attribute, _ANY)
        new = attrs.evolve(self.new or _ANY, required=declared.required) if declared.required else self.new or _ANY
        changed = {each.stored_name for each in self.derived}
        unknown = sorted(changed - set(entity.derived))
        if unknown:
            raise self.fail(
                f"{', '.join(unknown)} of {self.entity} is not derived yet: derived= has the keys that change.",
                "Add new keys with a Backfill after the conversion.",
            )
        for each in entity.all_derived:
            uses = self.attribute in {source.stored_name for source in each.sources}
            if uses and each.stored_name not in changed:
                self._check_template(each, new)
        refuse_derived_sources(self, self.entity, self.derived, {*entity.derived, *changed, *state.key_names})
        kept = attrs.evolve(
            entity, derived={name: each for name, each in entity.derived.items() if name not in changed}
        )
        return state.with_entity(kept.converted(self.attribute, new).with_derived(*self.derived))

    def _check_template(self, derived: Derived, new: Stored) -> None:
        where = f"{derived.stored_name} of {self.entity} is computed from {self.attribute}"
        if new.kind is None:
            raise self.fail(f"{where}, and the new form is not given.", 'Give it, for example new="text".')
        try:
            derived.with_sources(
                lambda source: (
                    new.source(source.stored_name, source) if source.stored_name == self.attribute else source
                )
            )
        except MigrationError as error:
            raise self.fail(f"{where}. {error.what}", "Give the new key in derived=.") from None

    def compile(self, before: TableState, later: TableState | None = None) -> Change:
        name = self.attribute
        old = self.old or before.entity(self.entity).attributes.get(name, _ANY)
        new = self.new or _ANY
        call = Timebox(lambda value: self.function(value), self.timeout, self.function.__name__)
        read = _reader(name, old)

        def converted(item: Item) -> dict[str, Any]:
            value = call({"value": read(item)})
            stored = new.store(name, value) if new != _ANY else stored_value(name, value)
            if stored is None:
                raise UnfitItemError(f"{self.function.__name__}() returned None for {name}")
            return stored

        def change(item: Item) -> Edit | None:
            stored = item.get(name)
            if stored is None or "NULL" in stored:
                return None
            not_old, not_new = old.fault(name, item), new.fault(name, item)
            if not_old and new != _ANY:
                if not_new:
                    raise UnfitItemError(not_old)
                return None  # only the new form reads it
            both = not_new is None and old.type == new.type
            if both and self._undoing and not self._was_written(item, old):
                return None
            try:
                value = converted(item)
            except UnfitItemError:
                if both and new != _ANY:
                    return None  # the new form reads it, and the function does not change it
                raise
            if same_value(value, stored):
                return None
            self._check(item, value, old, new, converted)
            return Edit({name: value}, frozenset((name,)))

        return change

    def _was_written(self, item: Item, written: Stored) -> bool:
        """Return whether the reversed operation may have written a value."""
        forward = self.reverse_function
        if forward is None:
            return True
        try:
            value = Timebox(lambda value: forward(value), self.timeout, forward.__name__)(
                {"value": written.read(self.attribute, item)}
            )
            return same_value(written.store(self.attribute, value), item[self.attribute])
        except UnfitItemError:
            return False

    def _check(
        self, item: Item, value: dict[str, Any], old: Stored, new: Stored, converted: Callable[[Item], dict[str, Any]]
    ) -> None:
        """Refuse a value that a repeated run would convert again.

        Raises:
            UnfitItemError: A repeated run would convert it again.
        """
        image = {**item, self.attribute: value}
        if new != _ANY and old != _ANY and old.fault(self.attribute, image):
            return  # only the new form reads it
        try:
            if same_value(converted(image), value):
                return
        except UnfitItemError:
            if new != _ANY and old.type == new.type:
                return  # the function refuses its own result, so a repeated run does not convert it
        raise UnfitItemError(
            f"a second run would convert {self.attribute} again: {self.function.__name__}() is not idempotent, and old="
            " and new= do not distinguish the two forms"
        )

    def reverse(self, before: TableState) -> ItemOperation | None:
        if self.reverse_function is None:
            return None
        old = self.old or before.entity(self.entity).attributes.get(self.attribute)
        return ConvertAttribute(
            self.entity,
            self.attribute,
            self.reverse_function,
            self.function,
            old=self.new,
            new=old,
            derived=tuple(before.entity(self.entity).derived[each.stored_name] for each in self.derived),
            timeout=self.timeout,
            undoing=True,
        )


def _reader(name: str, old: Stored) -> Callable[[Mapping[str, Any]], Any]:
    """Return a function that reads a value in the old form, or by DynamoDB's type if it has another form."""

    def read(item: Mapping[str, Any]) -> Any:
        if old.fault(name, dict(item)) is None:
            return old.read(name, dict(item))
        return _ANY.read(name, dict(item))

    return read
