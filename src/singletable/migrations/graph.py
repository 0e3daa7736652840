"""The graph of migrations: their order and the states between them, validated as a whole before a run."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Mapping
from functools import cached_property
from graphlib import CycleError, TopologicalSorter

import attrs

from singletable.errors import MigrationError
from singletable.migrations.operations import Operation
from singletable.migrations.passes import Step, steps_of
from singletable.migrations.script import as_names, render
from singletable.migrations.state import TableState

__all__ = ["Graph", "Migration", "Script"]

EMPTY = TableState("", "", "")
"""The state before the first migration."""


@attrs.frozen
class Migration:
    """The migration that a script defines under the name `migration`.

    Args:
        depends_on: The names of the migrations that must be applied before it.
        operations: Its operations, in their order.
    """

    depends_on: tuple[str, ...] = attrs.field(default=(), converter=as_names)
    operations: tuple[Operation, ...] = attrs.field(default=(), converter=tuple)

    def __attrs_post_init__(self) -> None:
        for each in self.operations:
            if not isinstance(each, Operation):
                raise MigrationError(
                    f"{each!r} is not an operation.", remedy="Import operations from singletable.migrations."
                )


@attrs.frozen
class Script:
    """A migration with its name.

    Args:
        name: The file's name, without `.py`: `0002_orders`.
        migration: The migration that it defines.
        text: The text of the script.
        path: The path of the file.
    """

    name: str
    migration: Migration
    text: str = attrs.field(default="", repr=False)
    path: str = ""

    @cached_property
    def digest(self) -> str:
        """The digest of the operations and of the code of the functions.

        Comments, docstrings, line breaks and imports do not count.
        """
        parts = [render(list(self.migration.depends_on)), *(render(each) for each in self.migration.operations)]
        return hashlib.sha256("\n".join([*parts, *_code(self.text)]).encode()).hexdigest()

    def has_digest(self, digest: str) -> bool:
        """Return whether a recorded digest belongs to this script. Earlier versions recorded a digest of its text."""
        lines = "\n".join(line.rstrip() for line in self.text.strip().splitlines())
        return digest in (self.digest, hashlib.sha256(lines.encode()).hexdigest())


def _code(text: str) -> list[str]:
    """Return the code of a script outside of its operations: functions, constants and lambdas."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return [text]
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
        ):
            del body[0]
    found = []
    for statement in tree.body:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            continue
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if any(isinstance(each, ast.Name) and each.id == "migration" for each in targets):
            found += [ast.dump(node) for node in ast.walk(statement) if isinstance(node, ast.Lambda)]
        else:
            found.append(ast.dump(statement))
    return found


class Graph:
    """All migrations of a project.

    Args:
        scripts: The scripts.

    Raises:
        MigrationError: A dependency is missing, the dependencies form a circle, or an operation does not fit the
            state before it.
    """

    def __init__(self, scripts: Iterable[Script]) -> None:
        self.scripts: Mapping[str, Script] = {each.name: each for each in sorted(scripts, key=lambda each: each.name)}
        self.order = self._sort()
        self._before: dict[str, TableState] = {}
        state = EMPTY
        for name in self.order:
            self._before[name] = state
            for operation in self.scripts[name].migration.operations:
                state = self._apply(name, operation, state)
        self.state = state

    @property
    def heads(self) -> list[str]:
        """Return the migrations on which no other migration depends."""
        needed = {each for script in self.scripts.values() for each in script.migration.depends_on}
        return [name for name in self.order if name not in needed]

    def check_heads(self) -> None:
        """Refuse several heads, whose order is not defined.

        Raises:
            MigrationError: The graph has more than one head.
        """
        if len(self.heads) > 1:
            raise MigrationError(
                f"The history has {len(self.heads)} heads: {', '.join(self.heads)}.",
                remedy="Run `singletable makemigrations --merge`, which adds a migration that depends on all of them.",
                migration=self.heads[-1],
                place=self.scripts[self.heads[-1]].path,
            )

    def before(self, name: str) -> TableState:
        """Return the state before a migration."""
        return self._before[name]

    def state_at(self, applied: Iterable[str]) -> TableState:
        """Return the state after some of the migrations."""
        wanted = set(applied)
        state = EMPTY
        for name in self.order:
            if name in wanted:
                for operation in self.scripts[name].migration.operations:
                    state = self._apply(name, operation, state)
        return state

    def steps(self, name: str, before: TableState | None = None) -> list[Step]:
        """Return the steps of a migration.

        Args:
            name: Its name.
            before: The state before it. With None, all migrations before it in the order of the graph count.
        """
        return steps_of(self.scripts[name].migration.operations, before or self.before(name), self.state)

    def steps_back(self, name: str) -> list[Step]:
        """Return the steps that roll a migration back.

        Raises:
            MigrationError: One of its operations cannot be reversed.
        """
        forward = []
        state = self.before(name)
        for operation in self.scripts[name].migration.operations:
            forward.append((operation, state))
            state = operation.apply(state)
        backward: list[Operation] = []
        for operation, before in reversed(forward):
            reverse = operation.reverse(before)
            if reverse is None:
                raise MigrationError(
                    f"{name} cannot be rolled back: {operation.describe()!r} cannot be reversed.",
                    remedy="Write a new migration instead.",
                    migration=name,
                    place=operation.place,
                )
            backward.append(reverse)
        return steps_of(backward, state)

    def resolve(self, name: str) -> str:
        """Return the full name of a migration.

        Args:
            name: The name, or its unique beginning.

        Raises:
            MigrationError: No migration has such a name, or several have.
        """
        found = [name] if name in self.scripts else [each for each in self.order if each.startswith(name)]
        if len(found) != 1:
            raise MigrationError(
                f"{name!r} does not match any migration."
                if not found
                else f"{name!r} matches several migrations: {', '.join(found)}.",
                remedy=f"Migrations: {', '.join(self.order) or 'none'}.",
            )
        return found[0]

    def wanted(self, target: str | None) -> list[str]:
        """Return the migrations up to a target, in order; None for all of them."""
        return self.needed_by(target) if target else self.order

    def needed_by(self, name: str) -> list[str]:
        """Return a migration and its direct and indirect dependencies, in order."""
        wanted = {name}
        for each in reversed(self.order):
            if each in wanted:
                wanted |= set(self.scripts[each].migration.depends_on)
        return [each for each in self.order if each in wanted]

    def _sort(self) -> list[str]:
        for script in self.scripts.values():
            for needed in script.migration.depends_on:
                if needed not in self.scripts:
                    raise MigrationError(
                        f"{script.name} depends on {needed!r}, which does not exist.",
                        remedy=f"Migrations: {', '.join(self.scripts)}. Correct depends_on, or restore the script.",
                        migration=script.name,
                        place=_line_of(script, needed),
                    )
        sorter = TopologicalSorter({name: script.migration.depends_on for name, script in self.scripts.items()})
        try:
            sorter.prepare()
        except CycleError as error:
            circle = list(reversed(error.args[1]))
            raise MigrationError(
                f"The dependencies of migrations form a circle: {' -> '.join(circle)}.",
                remedy="Remove one of these dependencies.",
                migration=circle[0],
                place=_line_of(self.scripts[circle[0]], circle[1]),
            ) from None
        order: list[str] = []
        while sorter.is_active():
            ready = sorted(sorter.get_ready())
            order += ready
            sorter.done(*ready)
        return order

    def _apply(self, name: str, operation: Operation, state: TableState) -> TableState:
        try:
            if not state.partition and not hasattr(operation, "partition"):
                raise operation.fail("The table does not exist yet.", "Begin the history with CreateTable.")
            return operation.apply(state)
        except MigrationError as error:
            raise MigrationError(
                f"{name}: {error.what}", remedy=error.remedy, migration=name, place=error.place or operation.place
            ) from None


def _line_of(script: Script, text: str) -> str:
    for number, line in enumerate(script.text.splitlines(), 1):
        if f'"{text}"' in line or f"'{text}'" in line:
            return f"{script.path}:{number}"
    return script.path
