"""Checks: conditions that every history must meet, with any faults. A finding has the name of its check."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import attrs

from singletable.errors import BatchIncompleteError, SingletableError
from singletable.models import Table
from singletable.models.schema.table_schema import table_schema
from singletable.requests.stored_values import canonical, same_value
from singletable.requests.types import Item
from singletable.testing.invariants import stale_attributes
from singletable.testing.simulator.ledger import Application, Images, ItemKey, Ledger
from singletable.testing.simulator.simulated_calls import Call, Part, own_names, plain

__all__ = ["CHECKS", "Violation", "violations_in"]

CHECKS: Mapping[str, str] = {
    "not applied": "An acknowledged call was never applied.",
    "applied twice": "An acknowledged call was applied more than once, and it may be applied only once.",
    "hidden write": "A call was applied, and raised an error that is not `uncertain`.",
    "nothing was written": "A call was applied, and raised an error with the text 'nothing was written'.",
    "contradiction": "An error is `uncertain`, and its text is 'nothing was written'.",
    "over-claim": "An error is `uncertain`, although no attempt can have been applied.",
    "wrong effect": "A write left an item that differs from the stored item with the call's own change.",
    "unasked write": "A write changed an item that the call does not name.",
    "stale version": "A write that requires one version was applied to another version.",
    "version": "A write did not raise the version by one, or left no version.",
    "version repeated": "Two writes of one key left the same version.",
    "stamp": "A write left the time or the write token of an earlier write.",
    "stale key": "A stored key or expiry differs from the one derived from the stored attributes.",
    "instance": "After an acknowledged call the instance equals neither the item that the call left nor a later one.",
    "two winners": "More conflicting calls were acknowledged than can have succeeded.",
    "counter": "A number is not the sum of the acknowledged increments and some of the uncertain ones.",
    "foreign error": "An error is not a SingletableError.",
    "ledger": "The stored items differ from those of the last recorded writes.",
}
"""The meaning of each finding, by the name of its check."""


@attrs.frozen
class Violation:
    """A violation of a check.

    Args:
        check: The name of the check, one of `CHECKS`.
        text: The description.
        call: The number of the call; None if the finding concerns several calls.
    """

    check: str
    text: str
    call: int | None = None


def violations_in(
    table: type[Table], calls: Sequence[Call], ledger: Ledger, doubtful: Collection[int]
) -> list[Violation]:
    """Return the findings of a history.

    Args:
        table: The table class.
        calls: The calls, in the order in which they began.
        ledger: The applied writes.
        doubtful: The calls with an attempt of which a client cannot know whether it was applied.
    """
    found: list[Violation] = []
    for call in calls:
        found += _outcome(call, ledger, call.number in doubtful)
        found += _instances(call, ledger)
    by_number = {call.number: call for call in calls}
    for application in ledger.applications:
        call_of = by_number.get(application.call if application.call is not None else -1)
        found += _keys(table, application)
        if call_of is not None and not application.repeated:
            found += _effects(call_of, application)
        elif application.repeated and any(before != after for before, after in application.images.values()):
            found.append(
                Violation("ledger", "The engine applied a transaction twice with one token.", application.call)
            )
    put_again = _put_again(calls, ledger)
    found += _repeats(table, ledger, put_again)
    found += _winners(calls, ledger, put_again)
    found += _counters(calls, ledger)
    return found


# --- acknowledged, failed, uncertain ----------------------------------------------------


def _outcome(call: Call, ledger: Ledger, doubtful: bool) -> Iterator[Violation]:
    applied = Counter(key for each in ledger.of(call.number) for key in each.images)
    error = call.error
    if error is not None and not isinstance(error, SingletableError):
        yield Violation(
            "foreign error", f"{call.label} raised {type(error).__name__}, not a SingletableError.", call.number
        )
    if isinstance(error, BatchIncompleteError):
        yield from _batch_outcome(call, error, applied, doubtful)
        return
    if error is None:
        for part in call.parts:
            yield from _acknowledged(call, part, applied[part.key], ledger)
        return
    yield from _failed(call, error, bool(applied), bool(getattr(error, "uncertain", False)), doubtful)


def _acknowledged(call: Call, part: Part, count: int, ledger: Ledger) -> Iterator[Violation]:
    if count == 0 and not (part.idle and _already(call, part, ledger)):
        yield Violation("not applied", f"{call.label} was acknowledged and never applied.", call.number)
    if part.once and count > 1 and not _was_undone(call, part, ledger):
        yield Violation("applied twice", f"{call.label} was acknowledged once and applied {count} times.", call.number)


def _was_undone(call: Call, part: Part, ledger: Ledger) -> bool:
    """Whether each further application of a call found the same item as the first.

    With a version, a time or a write token, only the repeated put of another writer restores that item. That put has
    undone the call, so the second application leaves its effect once.
    """
    found = [each.images[part.key][0] for each in ledger.of(call.number) if part.key in each.images]
    return bool(own_names(part.schema)) and all(before == found[0] for before in found)


def _already(call: Call, part: Part, ledger: Ledger) -> bool:
    """Whether an item had, at some time during a call, the state that the call gives it."""
    past = [each.images[part.key][1] for each in ledger.applications[: call.begun] if part.key in each.images]
    until = ledger.applications[call.begun : call.ended]
    seen = [*past[-1:], *(each.images[part.key][1] for each in until if part.key in each.images)]
    return any(item and part.effect({part.key: (item, item)}) == plain(part.schema, item) for item in seen)


def _failed(call: Call, error: Exception, applied: bool, uncertain: bool, doubtful: bool) -> Iterator[Violation]:
    name, denies = type(error).__name__, "nothing was written" in str(error)
    if applied and not uncertain:
        yield Violation("hidden write", f"{call.label} was applied, and its {name} is not uncertain.", call.number)
    if applied and denies:
        yield Violation(
            "nothing was written",
            f"{call.label} was applied, and its {name} states that nothing was written.",
            call.number,
        )
    if uncertain and denies and not applied:
        yield Violation(
            "contradiction", f"{call.label}: its {name} is uncertain, and states that nothing was written.", call.number
        )
    if uncertain and not doubtful:
        yield Violation(
            "over-claim", f"{call.label}: no attempt can have been applied; {name} is uncertain.", call.number
        )


def _batch_outcome(
    call: Call, error: BatchIncompleteError, applied: Counter[ItemKey], doubtful: bool
) -> Iterator[Violation]:
    claimed: Any = getattr(error, "uncertain", False)
    left = [*error.unprocessed, *error.rest]
    for part in call.parts:
        perhaps = claimed if isinstance(claimed, bool) else any(each is part.instance for each in claimed)
        if any(each is part.instance for each in left) or (perhaps and not isinstance(claimed, bool)):
            yield from _failed(call, error, applied[part.key] > 0, bool(perhaps), doubtful)
        elif not applied[part.key]:
            yield Violation("not applied", f"{call.label} never wrote an item that counts as processed.", call.number)


def _instances(call: Call, ledger: Ledger) -> Iterator[Violation]:
    """Return the instances of an acknowledged call that differ from the items stored after it."""
    own = ledger.of(call.number)
    if call.error is not None or not own:
        return
    for part, held in zip(call.parts, call.held, strict=True):
        if held is None or not any(part.key in each.images for each in own):
            continue
        names = part.names if part.names is not None else [each.attr_name for each in part.schema.attributes.values()]
        first = next(each.number for each in own if part.key in each.images)
        images = ledger.images(part.key, since=first, until=call.ended)
        if not any(item is not None and _agrees(held, item, names) for item in images):
            yield Violation("instance", f"{call.label}: the instance differs from the stored item.", call.number)


def _agrees(held: Item, item: Item, names: Iterable[str]) -> bool:
    return all(same_value(held.get(name), item.get(name)) for name in names)


# --- the effect of each write --------------------------------------------------------------


def _effects(call: Call, application: Application) -> Iterator[Violation]:
    parts = {part.key: part for part in call.parts}
    for key, (before, after) in application.images.items():
        part = parts.get(key)
        if part is None:
            yield Violation("unasked write", f"{call.label} wrote an item that it does not name.", call.number)
            continue
        yield from _effect(call, part, application.images)
        if part.locked and _version(part, before) != part.version:
            yield Violation("stale version", f"{call.label} was applied to a version that is not its own.", call.number)
        if after is not None and before != after:
            yield from _renewed(call, part, before, after)


def _effect(call: Call, part: Part, images: Images) -> Iterator[Violation]:
    before, after = images[part.key]
    if part.exists is not None and part.exists != (before is not None):
        state = "exists" if before is not None else "does not exist"
        yield Violation("wrong effect", f"{call.label} was applied to an item that {state}.", call.number)
        return
    expected, found = part.effect(images), plain(part.schema, after)
    if expected == found:
        return
    if expected is None or found is None:
        what = "the item's existence"
    else:
        what = ", ".join(name for name in sorted({*expected, *found}) if expected.get(name) != found.get(name))
    yield Violation("wrong effect", f"{call.label} left an unexpected item; wrong: {what}.", call.number)


def _renewed(call: Call, part: Part, before: Item | None, after: Item) -> Iterator[Violation]:
    """Return the attributes that every write sets automatically and that this one did not set."""
    old, new = _version(part, before), _version(part, after)
    if (part.locked or part.exists) and old is not None and new != old + 1:
        yield Violation("version", f"{call.label} did not raise a version by one.", call.number)
    for name in sorted(own_names(part.schema) - after.keys()):
        yield Violation("stamp", f"{call.label} left no {name}.", call.number)


def _version(part: Part, item: Item | None) -> int | None:
    if item is None or part.schema.version is None:
        return None
    number = item.get(part.schema.attributes[part.schema.version].attr_name, {}).get("N")
    return None if number is None else int(number)


def _keys(table: type[Table], application: Application) -> Iterator[Violation]:
    for _, after in application.images.values():
        stale = stale_attributes(table, after) if after is not None else []
        if stale:
            yield Violation("stale key", f"A write left stale {', '.join(stale)}.", application.call)


# --- over several calls -------------------------------------------------------------------


def _put_again(calls: Sequence[Call], ledger: Ledger) -> set[ItemKey]:
    """Return the keys of items with a version that one call has put more than once without a condition."""
    puts = Counter(
        (call.number, part.key)
        for call in calls
        for part in call.parts
        if part.schema.version is not None and not part.once and part.exists is None
        for each in ledger.of(call.number)
        if part.key in each.images
    )
    return {key for (_, key), count in puts.items() if count > 1}


def _repeats(table: type[Table], ledger: Ledger, put_again: Collection[ItemKey]) -> Iterator[Violation]:
    """Return the versions, times and write tokens that two calls left on the same key.

    A put without a condition (`put_all`) that is sent again restores its own version, so such keys are not checked.
    """
    type_name = table_schema(table).layout.type_name
    left: dict[tuple[ItemKey, str, str], int | None] = {}
    for application in ledger.applications:
        for key, (before, after) in application.images.items():
            schema = table_schema(table).entities.get(after.get(type_name, {}).get("S", "")) if after else None
            if after is None or schema is None or before == after or application.call is None or key in put_again:
                continue
            version = schema.attributes[schema.version].attr_name if schema.version else None
            for name in sorted(own_names(schema)):
                first = left.setdefault((key, name, str(after.get(name))), application.call)
                if first != application.call:
                    check = "version repeated" if name == version else "stamp"
                    text = f"#{application.call} left the {name} that #{first} had left on the same key."
                    yield Violation(check, text, application.call)


def _winners(calls: Sequence[Call], ledger: Ledger, put_again: Collection[ItemKey]) -> Iterator[Violation]:
    """Return the conflicts in which more calls were acknowledged than the stored values allow."""
    births: Counter[ItemKey] = Counter()
    left: Counter[Any] = Counter()
    for each in ledger.applications:
        for key, (before, after) in each.images.items():
            births[key] += before is None and after is not None
            for name in {*(before or {}), *(after or {})} if before is not None else ():
                old, new = _canonical(before, name), _canonical(after, name)
                left[key, name, str(old)] += old != new
    claims: defaultdict[Any, list[Call]] = defaultdict(list)
    for call in calls:
        if call.error is None and call.kind == "create":
            claims["create", call.parts[0].key].append(call)
        if call.error is None and call.claim is not None and _leaves(call):
            claims["claim", call.claim.key, call.claim.name, str(call.claim.value)].append(call)
        for part in call.parts:
            counts = part.locked and part.version is not None and not part.idle and part.key not in put_again
            if call.error is None and counts:
                claims["version", part.key, part.version].append(call)
    for claim, winners in claims.items():
        most = births[claim[1]] if claim[0] == "create" else left[claim[1:]] if claim[0] == "claim" else 1
        if len(winners) > most:
            labels = "; ".join(each.label for each in winners)
            yield Violation(
                "two winners",
                f"{len(winners)} calls were acknowledged, and at most {most} can have succeeded: {labels}.",
            )


def _leaves(call: Call) -> bool:
    """Whether a claim changes the attribute to a value that differs from the required one."""
    claim, (part,) = call.claim, call.parts
    assert claim is not None
    item: Item = {} if claim.value is None else {claim.name: dict(claim.value)}
    return _canonical(part.effect({part.key: (item, item)}), claim.name) != claim.value


def _canonical(item: Item | None, name: str) -> dict[str, Any] | None:
    value = (item or {}).get(name)
    return None if value is None else canonical(value)


def _counters(calls: Sequence[Call], ledger: Ledger) -> Iterator[Violation]:
    """Return the numbers that differ from the sum of their increments, by outcomes and stored values."""
    touching: defaultdict[ItemKey, list[Call]] = defaultdict(list)
    for call in calls:
        for part in call.parts:
            touching[part.key].append(call)
    for key, concerned in touching.items():
        names = {each.increment.name for each in concerned if each.increment is not None}
        images = ledger.images(key)
        if any(each.increment is None for each in concerned) or len(names) != 1 or not images or not images[0]:
            continue
        (name,) = names
        sums = {0}
        for each in concerned:
            assert each.increment is not None
            amount = each.increment.amount
            if each.error is None:
                sums = {total + amount for total in sums}
            elif getattr(each.error, "uncertain", False):
                sums |= {total + amount for total in sums}
        grown = _number(images[-1], name) - _number(images[0], name)
        if grown not in sums:
            yield Violation("counter", f"{name} grew by {grown}, and the calls explain only {sorted(sums)}.")


def _number(item: Item | None, name: str) -> Any:
    return Decimal((item or {}).get(name, {}).get("N", "0"))
