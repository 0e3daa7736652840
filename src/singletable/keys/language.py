"""Regular languages over code points: the texts that a template can produce, as an automaton.

Every encoding of a field is a regular language, and so is every template. So no samples are needed to decide whether
two templates can produce the same key: the intersection of two finite automata is either empty, which is a proof, or it
has a shortest member, which is a counterexample.
"""

from __future__ import annotations

from collections import deque
from functools import lru_cache
from typing import TypeAlias

import attrs

__all__ = ["ANYTHING", "EMPTY", "Alt", "Chars", "Language", "Seq", "Star", "chars", "common", "literal", "repeat"]

_MAX = 0x10FFFF
Range: TypeAlias = tuple[int, int]


@attrs.frozen
class Chars:
    """One code point out of inclusive ranges."""

    ranges: tuple[Range, ...]


@attrs.frozen
class Seq:
    """One language after another."""

    parts: tuple[Language, ...]


@attrs.frozen
class Alt:
    """Any one of several languages."""

    options: tuple[Language, ...]


@attrs.frozen
class Star:
    """A language repeated any number of times, including zero."""

    part: Language


Language: TypeAlias = Chars | Seq | Alt | Star

EMPTY: Language = Seq(())
# Surrogates are not characters: no UTF-8 text contains one, so no key does.
ANYTHING: Language = Star(Chars(((0, 0xD7FF), (0xE000, _MAX))))


def literal(text: str) -> Language:
    """Return the language of exactly one text."""
    return Seq(tuple(Chars(((ord(char), ord(char)),)) for char in text))


def chars(*ranges: str) -> Language:
    """Return the language of one character out of ranges such as `"09"` or `"AF"`, or of single characters."""
    return Chars(tuple((ord(each[0]), ord(each[-1])) for each in ranges))


def repeat(part: Language, times: int) -> Language:
    """Return a language repeated an exact number of times."""
    return Seq((part,) * times)


def common(a: Language, b: Language) -> str | None:
    """Return a shortest text that is in both languages; None if no text is.

    Breadth-first search through the pairs of states of both automata. The number of states is finite, so None is a
    proof. Among equally short texts a readable one is likely, but not guaranteed.
    """
    left, right = _automaton(a), _automaton(b)
    start = (left.start, right.start)
    came_from: dict[tuple[int, int], tuple[tuple[int, int], str] | None] = {start: None}
    queue = deque([start])
    while queue:
        pair = queue.popleft()
        one, other = pair
        if one == left.end and other == right.end:
            return _spell(came_from, pair)
        # A step that reads no character goes to the front, because it does not make the text longer.
        silent = [(target, other) for target in left.silent[one]]
        silent += [(one, target) for target in right.silent[other]]
        for target in silent:
            if target not in came_from:
                came_from[target] = (pair, "")
                queue.appendleft(target)
        for low, high, to_one in left.steps[one]:
            for low2, high2, to_other in right.steps[other]:
                shared_low, shared_high = max(low, low2), min(high, high2)
                target = (to_one, to_other)
                if shared_low <= shared_high and target not in came_from:
                    came_from[target] = (pair, _readable(shared_low, shared_high))
                    queue.append(target)
    return None


def _spell(came_from: dict[tuple[int, int], tuple[tuple[int, int], str] | None], pair: tuple[int, int]) -> str:
    text: list[str] = []
    step = came_from[pair]
    while step is not None:
        pair, char = step
        text.append(char)
        step = came_from[pair]
    return "".join(reversed(text))


def _readable(low: int, high: int) -> str:
    for preferred in "a0A":
        if low <= ord(preferred) <= high:
            return preferred
    return chr(low)


@attrs.define
class _Automaton:
    """An automaton by Thompson's construction: one start, one end, silent steps, and steps that read one character."""

    silent: list[list[int]] = attrs.field(factory=list)
    steps: list[list[tuple[int, int, int]]] = attrs.field(factory=list)
    start: int = 0
    end: int = 0

    def state(self) -> int:
        self.silent.append([])
        self.steps.append([])
        return len(self.silent) - 1

    def add(self, node: Language, source: int) -> int:
        """Append the states that read `node` after the state `source`; return the state after them."""
        if isinstance(node, Chars):
            target = self.state()
            self.steps[source].extend((low, high, target) for low, high in node.ranges)
            return target
        if isinstance(node, Seq):
            for part in node.parts:
                source = self.add(part, source)
            return source
        target = self.state()
        if isinstance(node, Alt):
            for option in node.options:
                entry = self.state()
                self.silent[source].append(entry)
                self.silent[self.add(option, entry)].append(target)
            return target
        self.silent[source].append(target)
        self.silent[self.add(node.part, target)].append(target)
        return target


@lru_cache(maxsize=1024)
def _automaton(language: Language) -> _Automaton:
    automaton = _Automaton()
    automaton.start = automaton.state()
    automaton.end = automaton.add(language, automaton.start)
    return automaton
