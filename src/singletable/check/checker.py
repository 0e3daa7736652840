"""The checker: applies all rules to a table and its access patterns."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import attrs

from singletable.check.finding import Finding, Severity
from singletable.check.key_rules import key_findings
from singletable.check.pattern_rules import PATTERN_RULES, pattern_findings
from singletable.check.rules import RULES
from singletable.errors import DeclarationError
from singletable.keys.text import plain
from singletable.models import Table, TableDescription
from singletable.models.schema.table_schema import table_schema
from singletable.patterns import AccessPattern, patterns_of

__all__ = ["check", "check_description", "declaration_finding"]


def check(table: type[Table], accept: Mapping[tuple[str, str], str] | None = None) -> list[Finding]:
    """Return every finding about a table and its registered access patterns, the errors first.

    Args:
        table: The table class. Import the modules of its access patterns first, because only an imported pattern is
            registered. If none is registered, the finding ST308 reports that the rules for patterns were not checked.
        accept: The accepted findings: (rule id, where) to the reason.
    """
    return _judged([*_unknown_marks(table), *_findings(table.describe(), patterns_of(table))], accept or {})


def check_description(
    description: TableDescription,
    patterns: Sequence[AccessPattern[..., Any]] = (),
    accept: Mapping[tuple[str, str], str] | None = None,
) -> list[Finding]:
    """Return every finding about a described table and some access patterns, the errors first.

    Without patterns, the finding ST308 reports that the rules for patterns were not checked.
    """
    return _judged(_findings(description, patterns), accept or {})


def declaration_finding(error: DeclarationError) -> Finding:
    """Return the finding for a class whose declaration failed."""
    return Finding(RULES.get(error.rule, RULES["ST100"]), error.entity or "", error.what, remedy=error.remedy)


def _findings(description: TableDescription, patterns: Sequence[AccessPattern[..., Any]]) -> list[Finding]:
    return [*key_findings(description), *pattern_findings(description, patterns)]


def _judged(found: Sequence[Finding], accept: Mapping[tuple[str, str], str]) -> list[Finding]:
    """Return the findings, the errors first: accepted ones with their reason, and ST306 for each unused acceptance."""
    unchecked = _unchecked({finding.rule.id for finding in found})
    matched = {(finding.rule.id, finding.where) for finding in found}
    judged = [attrs.evolve(finding, accepted=accept.get((finding.rule.id, finding.where))) for finding in found]
    judged += [
        Finding(RULES["ST306"], where, f"{rule} is accepted here, but was not found.")
        for rule, where in accept
        if (rule, where) not in matched and rule not in unchecked
    ]
    return sorted(judged, key=lambda each: (each.severity is Severity.WARNING, each.rule.id, each.where))


def _unchecked(found: Collection[str]) -> Collection[str]:
    """Return the rules that were not checked: without patterns, or because a pattern failed."""
    if "ST308" in found:
        return PATTERN_RULES
    return ("ST202", "ST301", "ST307") if {"ST302", "ST303", "ST305"}.intersection(found) else ()


def _unknown_marks(table: type[Table]) -> Iterator[Finding]:
    """Yield a finding for each name in the table's own `Meta.personal` that no entity has.

    An entity need not have all of the names.
    """
    marked = {plain(name) for meta in table.Meta.__mro__ for name in vars(meta).get("personal", ())}
    known = {name for entity in table_schema(table).entities.values() for name in entity.attributes}
    for name in sorted(marked - known) if known else ():
        yield Finding(
            RULES["ST115"],
            table.__name__,
            f"Meta.personal names {name!r}, but no entity of {table.__name__} has such an attribute.",
            remedy=f"Use the Python names: {', '.join(sorted(known))}.",
        )
