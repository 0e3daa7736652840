"""The checker: all rules, over a table and its access patterns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from singletable.check.finding import Finding, Severity
from singletable.check.key_rules import key_findings
from singletable.check.pattern_rules import pattern_findings
from singletable.check.rules import RULES
from singletable.errors import DeclarationError
from singletable.models import Table, TableDescription
from singletable.patterns import AccessPattern, patterns_of

__all__ = ["check", "check_description", "declaration_finding"]


def check(table: type[Table], accept: Mapping[tuple[str, str], str] | None = None) -> list[Finding]:
    """Every finding about a table and its registered access patterns, the errors first.

    Args:
        table: The table class. Import its patterns first: what is not imported is not registered.
        accept: Findings that the project lives with: (rule id, where) to the reason why.
    """
    return check_description(table.describe(), patterns_of(table), accept)


def check_description(
    description: TableDescription,
    patterns: Sequence[AccessPattern[..., Any]] = (),
    accept: Mapping[tuple[str, str], str] | None = None,
) -> list[Finding]:
    """Every finding about a described table and some access patterns, the errors first."""
    found = [*key_findings(description), *pattern_findings(description, patterns)]
    accepted = [
        attrs.evolve(finding, accepted=(accept or {}).get((finding.rule.id, finding.where))) for finding in found
    ]
    matched = {(finding.rule.id, finding.where) for finding in found}
    accepted += [
        Finding(RULES["ST306"], where, f"{rule} is accepted there, and not found.")
        for rule, where in accept or {}
        if (rule, where) not in matched
    ]
    return sorted(accepted, key=lambda each: (each.severity is Severity.WARNING, each.rule.id, each.where))


def declaration_finding(error: DeclarationError) -> Finding:
    """A class that could not be made, as the finding that it is."""
    return Finding(RULES.get(error.rule, RULES["ST107"]), error.entity or "", error.what, remedy=error.remedy)
