"""Parsed update actions: the path that each action changes, and the attributes that determine its result."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import attrs
from pynamodb.expressions.operand import Path, Value, _Operand
from pynamodb.expressions.update import Action, AddAction, DeleteAction

from singletable.requests.expressions import steps_of, top_name

__all__ = ["ParsedAction", "parse_action", "parse_actions", "paths_in"]


@attrs.frozen(eq=False)
class ParsedAction:
    """An update action, with the path that it changes.

    Args:
        action: PynamoDB's action.
        path: The path that it changes.
        steps: The steps of the path by stored names and positions, from the top-level attribute.
        reads: The stored names of the attributes whose old values determine the result.
    """

    action: Action
    path: Path
    steps: tuple[str | int, ...]
    reads: frozenset[str]

    @property
    def stored(self) -> str:
        """The stored name of the top-level attribute that it changes."""
        return str(self.steps[0])

    @property
    def is_whole(self) -> bool:
        """Whether it changes the whole attribute, and not only a part of it."""
        return len(self.steps) == 1


def parse_action(action: Action) -> ParsedAction:
    """Return an action with the place that it changes."""
    path: Path = action.values[0]  # type: ignore[assignment]  # every action begins with one
    steps = tuple(steps_of(path))
    reads = {top_name(each) for operand in action.values[1:] for each in paths_in(operand)}
    if isinstance(action, (AddAction, DeleteAction)) or len(steps) > 1:
        reads.add(str(steps[0]))
    return ParsedAction(action, path, steps, frozenset(reads))


def parse_actions(actions: Iterable[Action]) -> list[ParsedAction]:
    """Return actions with the places that they change."""
    return [parse_action(action) for action in actions]


def paths_in(operand: Any) -> Iterator[Path]:
    """Yield the paths in an operand, from left to right; the operand may be nested to any depth."""
    left = [operand]
    while left:
        each = left.pop()
        if isinstance(each, Path):
            yield each
        elif isinstance(each, _Operand) and not isinstance(each, Value):
            left.extend(reversed(each.values))
