"""Outcomes: the result of processing one record of a stream."""

from __future__ import annotations

import attrs

from singletable.streams.deadletters import DeadLetter

__all__ = ["Outcome"]


@attrs.frozen
class Outcome:
    """The result of processing one record.

    Args:
        handled: The names of the handlers that handled the record now.
        repeated: The names of the handlers that had handled it before and were not called again.
        letters: The dead letters of the record.
        own: Whether the record is of one of the framework's own items, which go to no handler.
    """

    handled: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()
    letters: tuple[DeadLetter, ...] = ()
    own: bool = False

    def then(self, later: Outcome) -> Outcome:
        """Return the combined outcome of a record that was processed again after this outcome."""
        now = {*self.handled, *(each.handler for each in self.letters)}
        repeated = dict.fromkeys((*self.repeated, *later.repeated))
        return Outcome(
            self.handled + later.handled,
            tuple(each for each in repeated if each not in now),
            self.letters + later.letters,
            later.own,
        )
