"""Merging: an item that is about to be written, with everything that was not changed as it was read.

A value may be stored in several forms: the number 1.50, a time that ends in Z, a JSON text with spaces. The caller has
changed a value if reading and writing the stored form gives another one; if not, the stored form is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from singletable.requests.stored_values import number_text, same_value
from singletable.requests.types import Item

__all__ = ["keep_read", "leave_out", "merged"]

Value = dict[str, Any]


def keep_read(item: Item, read: Item, names: Iterable[str], rewritten: Callable[[str, Value], Value | None]) -> None:
    """Give an item, in place, the stored form of all values that were not changed.

    Args:
        item: The item, or a map's entries, that is about to be written.
        read: The same as it was read.
        names: The stored names to look at.
        rewritten: From a name and the stored value to the value that is written if it is not changed; None if
            nothing is written.
    """
    for name in names:
        stored, now = read.get(name), item.get(name)
        if stored is None or stored == now:
            continue
        try:
            before = rewritten(name, stored)
        except Exception:  # noqa: S112 - any class may raise anything: the value cannot be compared, and was set
            continue
        if now is None:
            if before is None:
                # It was read as None, and still is.
                item[name] = stored
        elif before is not None:
            item[name] = merged(stored, before, now)


def leave_out(item: Item, read: Item, names: Iterable[str], default: Callable[[str], Value | None]) -> None:
    """Take, in place, defaults out of an item that were not stored in it.

    Args:
        item: The item, or a map's entries, that is about to be written.
        read: The same as it was read.
        names: The stored names to look at: those with a default that nobody has set.
        default: From a name to the default as it is stored; None if nothing is stored.
    """
    for name in names:
        if name in item and name not in read and same_value(item[name], default(name)):
            del item[name]


def merged(stored: Value, before: Value, now: Value) -> Value:
    """Return a value with the stored form of all parts of it that were not changed.

    Args:
        stored: The value as it was read.
        before: The value as it would be written if nothing of it was changed.
        now: The value that is about to be written.
    """
    if same_value(before, now):
        return stored
    ((kind, content),) = now.items()
    if kind not in stored or kind not in before:
        return now
    was, old = stored[kind], before[kind]
    if kind == "M":
        return {
            kind: {
                name: merged(was[name], old[name], each) if name in was and name in old else each
                for name, each in content.items()
            }
        }
    if kind == "L":
        return {kind: _merged_list(was, old, content)}
    if kind == "NS":
        spelled = {number_text(each): each for each in was}
        return {kind: [spelled.get(number_text(each), each) for each in content]}
    return now


def _merged_list(stored: list[Value], before: list[Value], now: list[Value]) -> list[Value]:
    """Positions are compared if the length is the same, and otherwise the equal elements at both ends."""
    if len(stored) != len(before):
        return now
    if len(before) == len(now):
        return [merged(*each) for each in zip(stored, before, now, strict=True)]
    shorter = min(len(before), len(now))
    first = 0
    while first < shorter and same_value(before[first], now[first]):
        first += 1
    last = 0
    while last < shorter - first and same_value(before[-1 - last], now[-1 - last]):
        last += 1
    return [*stored[:first], *now[first : len(now) - last], *(stored[-last:] if last else ())]
