"""Rules about access patterns, which examine the requests of the patterns without sending them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from singletable.check.finding import Finding
from singletable.check.rules import RULES
from singletable.errors import NotProjectedError, PatternError, SingletableError
from singletable.keys import reads_foreign
from singletable.models import TableDescription
from singletable.patterns import AccessPattern, placeholder_arguments, requests_of
from singletable.patterns.access_pattern import ScanInPatternError
from singletable.requests import Get, Query
from singletable.requests.partitions import NeedsScanError

__all__ = ["PATTERN_RULES", "pattern_findings"]

PATTERN_RULES = ("ST202", "ST301", "ST302", "ST303", "ST304", "ST305", "ST307")
"""The rules about access patterns, which cannot be checked without a pattern."""


def pattern_findings(table: TableDescription, patterns: Sequence[AccessPattern[..., Any]]) -> Iterator[Finding]:
    """Yield each violation of a rule about access patterns."""
    if not patterns:
        yield Finding(
            RULES["ST308"],
            table.name,
            f"No access pattern of {table.name} is registered: the rules {', '.join(PATTERN_RULES)} were not checked.",
        )
        return
    used: set[str] = set()
    failed = False
    for pattern in patterns:
        yield from _permanent(table, pattern)
        try:
            arguments = placeholder_arguments(pattern)
            requests = requests_of(pattern, pattern(**arguments))
        except Exception as error:  # any error of a user's pattern is a finding; the next pattern is still checked
            failed = True
            yield _failure(pattern, error)
            continue
        for request in requests:
            if request.target.place.key.index is not None:
                used.add(request.target.place.key.index)
            yield from _foreign_rows(table, pattern, request)
        yield from _idle_parameters(pattern, arguments, requests)
    if not failed:
        yield from _unused(table, used)


def _failure(pattern: AccessPattern[..., Any], error: Exception) -> Finding:
    rule = "ST305"
    if isinstance(error, (NeedsScanError, ScanInPatternError)):
        rule = "ST302"
    elif isinstance(error, NotProjectedError):
        rule = "ST303"
    if isinstance(error, SingletableError):
        return Finding(RULES[rule], pattern.name, error.what, remedy=error.remedy)
    # The text of another library's error may hold values, but the values here are placeholders.
    return Finding(RULES[rule], pattern.name, f"It raises {type(error).__name__}: {error}")


def _permanent(table: TableDescription, pattern: AccessPattern[..., Any]) -> Iterator[Finding]:
    if not pattern.permanent:
        return
    try:
        names = {entity.__name__ for entity in pattern.entities}
    except PatternError:
        return
    for entity in table.entities:
        if entity.name in names and entity.expiry is not None:
            yield Finding(
                RULES["ST304"],
                pattern.name,
                f"{entity.name} expires {entity.expiry.days:g} days after {entity.expiry.after}.",
            )


def _foreign_rows(
    table: TableDescription, pattern: AccessPattern[..., Any], request: Query[Any] | Get[Any]
) -> Iterator[Finding]:
    if isinstance(request, Get):
        return
    mine = request.target.place.key
    for entity in table.entities:
        if entity.discriminator in request.target.place.types:
            continue
        for key in entity.keys:
            if key.index != mine.index or _is_family(table, mine.owner, entity.name):
                continue
            witness = reads_foreign(mine, set(request.equals), key)
            if witness is not None:
                sort = "any sort key" if witness[1] is None else repr(witness[1])
                yield Finding(
                    RULES["ST202"],
                    pattern.name,
                    f"It would read the {entity.name} at {witness[0]!r} / {sort}"
                    f" ({mine.index or 'table'}, {key.label}).",
                )


def _idle_parameters(
    pattern: AccessPattern[..., Any], arguments: Mapping[str, Any], requests: Sequence[Query[Any] | Get[Any]]
) -> Iterator[Finding]:
    asked = [request.params() for request in requests]
    for parameter in pattern.parameters:
        others = placeholder_arguments(pattern, changed=parameter)
        if others == arguments:
            # An enumeration with one member does not have another value.
            continue
        try:
            otherwise = [request.params() for request in requests_of(pattern, pattern(**others))]
        except Exception:  # noqa: S112 - a pattern may refuse the other value, and then the rule cannot be checked
            continue
        if asked == otherwise:
            yield Finding(RULES["ST307"], pattern.name, f"Its request is the same for another {parameter}.")


def _is_family(table: TableDescription, name: str, other: str) -> bool:
    return any(entity.name == name and other in entity.shares_keys_with for entity in table.entities)


def _unused(table: TableDescription, used: set[str]) -> Iterator[Finding]:
    for index in table.indexes:
        if index.name not in used:
            yield Finding(RULES["ST301"], index.name, f"No registered access pattern asks {index.name}.")
