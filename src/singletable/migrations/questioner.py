"""The questioner: it asks about changes whose meaning the two states do not show.

Without a person to ask, it takes the answer that loses nothing and notes it, or refuses the change.
"""

from __future__ import annotations

from collections.abc import Callable

from singletable.errors import MigrationError
from singletable.migrations.declared import Stored
from singletable.migrations.state import Entity

__all__ = ["Ask", "Questioner"]

Ask = Callable[[str], bool]
"""Answers a question with yes or no."""


class Questioner:
    """Asks about renamed entities and attributes, and about values that no longer fit.

    Args:
        ask: Answers a question; None if no person can answer.
        notes: A list, to which it adds remarks for a person.
    """

    def __init__(self, ask: Ask | None, notes: list[str]) -> None:
        self._ask = ask
        self._notes = notes
        self._open: list[str] = []

    def entity_was_renamed(self, before: str, after: str) -> bool:
        """Return whether one entity was renamed to another."""
        if self._ask is not None:
            return self._ask(f"Was the entity {before} renamed to {after}?")
        self._notes.append(
            f"Whether the entity {before} was renamed to {after} cannot be known. They count as two entities,"
            f' so that no item changes. If it was renamed, write RenameEntity("{before}", "{after}") instead:'
            f" until then, no model reads the items of {before}."
        )
        return False

    def attribute_was_renamed(self, entity: Entity, before: str, after: str) -> bool:
        """Return whether one attribute was renamed to another.

        Raises:
            MigrationError: No person can answer, and keys are made of the attribute.
        """
        if self._ask is not None:
            return self._ask(f"Was {entity.name}.{before} renamed to {after}?")
        if before in {source.stored_name for each in entity.all_derived for source in each.sources}:
            # As two attributes, every item would lose the keys that are derived from the old one.
            raise MigrationError(
                f"Whether {entity.name}.{before}, from which keys are derived, was renamed to {after} cannot be known.",
                remedy="Run makemigrations in a terminal, where it can ask; or write the RenameAttribute, or the"
                " Backfill, into a script of its own (makemigrations --empty).",
            )
        self._notes.append(
            f"Whether {entity.name}.{before} was renamed to {after} cannot be known. They count as two attributes, so"
            " that no item changes. If it was renamed, write"
            f' RenameAttribute("{entity.name}", "{before}", "{after}") instead.'
        )
        return False

    def wants_conversion(self, entity: str, name: str, was: Stored, stored: Stored) -> bool:
        """Return whether the stored values of an attribute are to be converted to its new form."""
        removed = sorted(set(was.choices) - set(stored.choices)) if was.kind is stored.kind else []
        what = (
            f"{entity}.{name} no longer allows {', '.join(removed)}"
            if removed
            else f"{entity}.{name} changes from {was.describe()} to {stored.describe()}"
        )
        if self._ask is None:
            self._open.append(f"{what}: stored values may become unreadable (ConvertAttribute)")
            return False
        if self._ask(f"{what}. Convert the stored values (a function to be written)?"):
            return True
        self._notes.append(f"{what}: items with such a value cannot be read until a ConvertAttribute converts it.")
        return False

    def wants_values(self, entity: Entity, name: str, was: Stored | None) -> bool:
        """Return whether items without a required attribute are to get a value."""
        what = f"{entity.name}.{name} is {'new, and required' if was is None else 'required now'}"
        if self._ask is None:
            self._open.append(f"{what}: items without it become unreadable (BackfillWith, or null=True)")
            return False
        if self._ask(f"{what}. Fill it in items without it (a function to be written)?"):
            return True
        self._notes.append(f"{what}: items without it cannot be read.")
        return False

    def refuse_open_questions(self) -> None:
        """Refuse changes after which stored items could not be read, if no person can answer questions about them.

        Raises:
            MigrationError: At least one such change was found.
        """
        if self._open:
            raise MigrationError(
                "Stored items may not fit the models, and no question can be asked: " + "; ".join(self._open) + ".",
                remedy="Run makemigrations in a terminal, where it can ask. Or write the operations yourself, with the"
                " DeclareAttributes of the new form (makemigrations --empty).",
            )
