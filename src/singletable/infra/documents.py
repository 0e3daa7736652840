"""Policy documents: statements that allow actions, their size as IAM counts it, and documents within IAM's limit."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from singletable.errors import InfraError

__all__ = ["MOST_CHARACTERS", "allow", "document_of", "merged", "size", "split"]

MOST_CHARACTERS = 6144
"""The highest number of characters of a managed policy, without white space.

Source: IAM User Guide, "IAM and AWS STS quotas".
"""


def allow(
    operations: Sequence[str],
    resources: Sequence[str],
    condition: Mapping[str, Any] | None = None,
    service: str = "dynamodb",
) -> dict[str, Any]:
    """Return a statement that allows operations of a service; `service=""` if each has the prefix of its service."""
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Action": [f"{service}:{each}" if service else each for each in operations],
        "Resource": list(resources),
    }
    return {**statement, "Condition": dict(condition)} if condition else statement


def merged(statements: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the statements, with those that differ only in their resources combined."""
    found: list[dict[str, Any]] = []
    for statement in statements:
        alike = [each for each in found if {**each, "Resource": None} == {**statement, "Resource": None}]
        if alike:
            alike[0]["Resource"] += statement["Resource"]
        else:
            found.append(statement)
    return found


def document_of(statements: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the document of some statements, in the version of the policy language that has variables."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def size(document: Mapping[str, Any]) -> int:
    """Return the number of characters of a policy, as IAM counts them: without white space."""
    return len("".join(json.dumps(document, ensure_ascii=False).split()))


def split(statements: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return documents that together have all statements, each small enough for a managed policy.

    All statements allow, so it does not matter which document has which statement.

    Raises:
        InfraError: A statement is too large for a document.
    """
    documents: list[dict[str, Any]] = []
    taken: list[dict[str, Any]] = []
    for statement in (part for each in statements for part in _small(each)):
        if size(document_of([statement])) > MOST_CHARACTERS:
            raise InfraError(
                f"The statement for {statement['Resource'][0]} has {size(document_of([statement])):,} characters; a"
                f" managed policy has at most {MOST_CHARACTERS:,} without white space.",
                remedy="Let more entities share the beginning of their partition keys, or use one role for each part of"
                " the table.",
                value=statement["Resource"][0],
            )
        if size(document_of([*taken, statement])) > MOST_CHARACTERS:
            documents.append(document_of(taken))
            taken = []
        taken.append(statement)
    return [*documents, document_of(taken)]


def _small(statement: dict[str, Any]) -> list[dict[str, Any]]:
    """Split a statement that is too large into statements with fewer resources each."""
    resources = statement["Resource"]
    if size(document_of([statement])) <= MOST_CHARACTERS or len(resources) == 1:
        return [statement]
    half = len(resources) // 2
    return [part for each in (resources[:half], resources[half:]) for part in _small({**statement, "Resource": each})]
