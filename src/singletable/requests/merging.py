"""Merging: values that were not changed keep the form in which they were read.

A value may be stored in several forms: the number 1.50, a time that ends in Z, a JSON text with spaces. A value was
changed if it differs from the result of reading the stored form and writing it again. Otherwise the stored form stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from singletable.requests.stored_values import number_text, same_value
from singletable.requests.types import Item

__all__ = ["keep_read", "leave_out", "merged"]

Value = dict[str, Any]


def keep_read(item: Item, read: Item, names: Iterable[str], rewritten: Callable[[str, Value], Value | None]) -> None:
    """Restore, in place, the stored form of all values of an item that were not changed.

    Args:
        item: The item, or the entries of a map, that will be written.
        read: The item, or the entries, as read.
        names: The stored names to compare.
        rewritten: Returns, for a name and the stored value, the value that an unchanged instance would write; None if
            it would write none.
    """
    for name in names:
        stored, now = read.get(name), item.get(name)
        if stored is None or stored == now:
            continue
        try:
            before = rewritten(name, stored)
        except Exception:  # noqa: S112 - the attribute's class may raise any: the value cannot be compared, and counts as set
            continue
        if now is None:
            if before is None:
                # It was read as None, and is still None.
                item[name] = stored
        elif before is not None:
            item[name] = merged(stored, before, now)


def leave_out(item: Item, read: Item, names: Iterable[str], default: Callable[[str], Value | None]) -> None:
    """Remove, in place, the defaults from an item that were not stored in it.

    Args:
        item: The item, or the entries of a map, that will be written.
        read: The item, or the entries, as read.
        names: The stored names of the attributes with a default that were not set.
        default: Returns, for a name, the default in its stored form; None if it is not stored.
    """
    for name in names:
        if name in item and name not in read and same_value(item[name], default(name)):
            del item[name]


def merged(stored: Value, before: Value, now: Value) -> Value:
    """Return a value in which all unchanged parts have their stored form.

    Args:
        stored: The value as read.
        before: The value that would be written without a change.
        now: The value that will be written.
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
    """Merge lists of the same length by position; otherwise keep the equal elements at both ends."""
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
