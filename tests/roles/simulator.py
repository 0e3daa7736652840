"""A small simulator of IAM: whether the policies of a caller allow an action. It has no code of the generator.

Sources: IAM User Guide, "Policy evaluation logic" (an explicit deny wins, no allow is a deny), "IAM JSON policy
elements: Condition operators" (a missing key fails, except for negated operators and `...IfExists`), "Multivalued
context keys" (`ForAllValues` holds if the request has no values), "IAM policy elements: Variables and tags" (a variable
without a value matches nothing; `${*}`, `${?}` and `${$}` are the characters themselves).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

__all__ = ["Action", "allowed", "denied"]

_VARIABLE = re.compile(r"\$\{(?:([*?$])|([^},]+?)(?:,\s*'([^']*)')?)\}")
# API Reference of IAM, "Tag": the characters that a tag's value can have. No `*`, `?`, `$`, `#` or `%` is among them.
_TAG = re.compile(r"[\w\s.:/=+\-@]*")


@attrs.frozen
class Action:
    """One action on one resource that IAM checks for a request.

    Args:
        name: The action, such as `dynamodb:GetItem`.
        resource: The ARN of the resource; `*` for an action without one.
        context: The condition keys of the request, each with its values.
    """

    name: str
    resource: str
    context: tuple[tuple[str, tuple[str, ...]], ...] = ()


def allowed(
    policies: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    actions: Iterable[Action],
    tags: Mapping[str, str] | None = None,
) -> bool:
    """Return whether the policies allow a request that needs all of these actions."""
    return not denied(policies, actions, tags)


def denied(
    policies: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    actions: Iterable[Action],
    tags: Mapping[str, str] | None = None,
) -> list[Action]:
    """Return the actions that the policies do not allow.

    Args:
        policies: A policy document, or the documents of all policies of the role.
        actions: The actions of the request.
        tags: The tags of the caller's role or session.

    Raises:
        ValueError: A tag's value has a character that IAM refuses.
    """
    for value in (tags or {}).values():
        if not _TAG.fullmatch(value):
            raise ValueError(f"IAM takes no tag with the value {value!r}.")
    documents = [policies] if isinstance(policies, Mapping) else policies
    statements = [statement for document in documents for statement in document["Statement"]]
    caller = {f"aws:PrincipalTag/{name}": (value,) for name, value in (tags or {}).items()}
    return [each for each in actions if not _decide(statements, each, {**caller, **dict(each.context)})]


def _decide(statements: Sequence[Mapping[str, Any]], action: Action, context: Mapping[str, tuple[str, ...]]) -> bool:
    effects = {each["Effect"] for each in statements if _applies(each, action, context)}
    return effects == {"Allow"}


def _applies(statement: Mapping[str, Any], action: Action, context: Mapping[str, tuple[str, ...]]) -> bool:
    return (
        any(_like(each.lower(), action.name.lower(), {}) for each in _listed(statement["Action"]))
        and any(_like(each, action.resource, context) for each in _listed(statement["Resource"]))
        and all(
            _holds(operator, context.get(key, ()), _listed(wanted), context)
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


def _holds(operator: str, values: tuple[str, ...], wanted: list[str], context: Mapping[str, tuple[str, ...]]) -> bool:
    quantifier, _, name = operator.rpartition(":")
    if name.endswith("IfExists") and not values:
        return True
    name = name.removesuffix("IfExists")
    if name == "Null":
        return (not values) is (wanted == ["true"])
    negated = "Not" in name
    if not values:
        return quantifier == "ForAllValues" or (negated and not quantifier)
    compare = {"StringEquals": _equal, "StringLike": _like, "ArnEquals": _like, "ArnLike": _like}[
        name.replace("Not", "")
    ]
    results = (any(compare(each, value, context) for each in wanted) is not negated for value in values)
    return any(results) if quantifier == "ForAnyValue" else all(results)


def _equal(pattern: str, value: str, context: Mapping[str, tuple[str, ...]]) -> bool:
    return _matches(pattern, value, context, wildcards=False)


def _like(pattern: str, value: str, context: Mapping[str, tuple[str, ...]]) -> bool:
    return _matches(pattern, value, context, wildcards=True)


def _matches(pattern: str, value: str, context: Mapping[str, tuple[str, ...]], *, wildcards: bool) -> bool:
    parts: list[str] = []
    end = 0
    for found in _VARIABLE.finditer(pattern):
        parts.append(_expression(pattern[end : found.start()], wildcards))
        end = found.end()
        special, name, default = found.groups()
        if special:
            parts.append(re.escape(special))
            continue
        known = context.get(name) or (() if default is None else (default,))
        if len(known) != 1:
            return False
        parts.append(re.escape(known[0]))
    parts.append(_expression(pattern[end:], wildcards))
    return re.fullmatch("".join(parts), value, re.DOTALL) is not None


def _expression(text: str, wildcards: bool) -> str:
    escaped = re.escape(text)
    return escaped.replace(r"\*", ".*").replace(r"\?", ".") if wildcards else escaped


def _listed(value: str | Sequence[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
