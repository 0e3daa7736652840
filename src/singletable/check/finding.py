"""Rules and findings, as values."""

from __future__ import annotations

from enum import Enum
from typing import Any

import attrs

__all__ = ["Finding", "Rule", "Severity"]


class Severity(str, Enum):
    """The severity of a finding: an error loses or mixes up data, a warning costs money or time."""

    ERROR = "error"
    WARNING = "warning"


@attrs.frozen
class Rule:
    """One rule.

    Args:
        id: The rule's id, such as `ST201`, which never changes.
        title: The forbidden declaration, in a few words.
        severity: The severity of a violation.
        reason: The reason for the rule.
        remedy: The fix.
        declared: Whether the rule is also enforced when a class is created.
    """

    id: str
    title: str
    severity: Severity
    reason: str
    remedy: str
    declared: bool = False


@attrs.frozen
class Finding:
    """One violation of a rule.

    Args:
        rule: The rule.
        where: The entity, key, index or access pattern, such as `User.by_status`.
        message: The fault.
        remedy: The fix.
        accepted: The reason for which the project accepts the finding; None if it does not.
        severity: The severity of this violation.
    """

    rule: Rule
    where: str
    message: str
    remedy: str = ""
    accepted: str | None = None
    severity: Severity = attrs.field()

    @severity.default
    def _severity_of_rule(self) -> Severity:
        return self.rule.severity

    def __str__(self) -> str:
        return f"{self.severity.value} {self.rule.id} {self.rule.title}: {self.where}: {self.message}"

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as plain data for JSON."""
        return {
            "rule": self.rule.id,
            "title": self.rule.title,
            "severity": self.severity.value,
            "where": self.where,
            "message": self.message,
            "reason": self.rule.reason,
            "remedy": self.remedy or self.rule.remedy,
            "accepted": self.accepted,
        }
