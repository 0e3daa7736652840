"""Checks: rules for a table and its access patterns; each violation is a finding with a reason and a remedy."""

from singletable.check.checker import check, check_description, declaration_finding
from singletable.check.finding import Finding, Rule, Severity
from singletable.check.rules import RULES

__all__ = [
    "RULES",
    "Finding",
    "Rule",
    "Severity",
    "check",
    "check_description",
    "declaration_finding",
]
