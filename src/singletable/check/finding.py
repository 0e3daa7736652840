"""Rules and findings, as values."""

from __future__ import annotations

from enum import Enum
from typing import Any

import attrs

__all__ = ["Finding", "Rule", "Severity"]


class Severity(str, Enum):
    """How bad a finding is: an error loses or mixes up data, a warning costs."""

    ERROR = "error"
    WARNING = "warning"


@attrs.frozen
class Rule:
    """One rule.

    Args:
        id: Its id, for good: `ST201`.
        title: What it forbids, in a few words.
        severity: How bad it is.
        reason: Why it is bad.
        remedy: What to do about it.
        declared: Whether it is enforced when a class is made, too.
    """

    id: str
    title: str
    severity: Severity
    reason: str
    remedy: str
    declared: bool = False


@attrs.frozen
class Finding:
    """One breach of a rule.

    Args:
        rule: The rule.
        where: The entity, key, index or access pattern: `User.by_status`.
        message: What is wrong there.
        remedy: What to do about it.
        accepted: Why the project lives with it; None where it does not.
        severity: How bad it is here.
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
        """The finding as plain data that JSON can hold."""
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
