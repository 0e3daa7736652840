"""Template bodies: a template as text and as plain data, its size, and the parameters of a change set."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from troposphere import Template

from singletable.errors import InfraError

__all__ = ["check_parameters", "check_size", "parameters_of", "parsed", "text_of"]

_LARGEST = 51_200
"""The highest number of bytes of a template that CloudFormation accepts without S3 (User Guide, "quotas")."""


def parsed(template: Template | Mapping[str, Any]) -> dict[str, Any]:
    """Return a template as plain data, in the form in which the template of a stack is read."""
    return dict(json.loads(text_of(template)))


def text_of(template: Template | Mapping[str, Any]) -> str:
    """Return a template as the text that is sent to CloudFormation."""
    # JSON without spaces: shorter than YAML, and read much faster.
    body = template.to_dict() if isinstance(template, Template) else template
    return json.dumps(body, sort_keys=True, separators=(",", ":"))


def check_parameters(body: Mapping[str, Any], given: Mapping[str, str]) -> None:
    """Refuse parameters that a template does not have.

    Raises:
        InfraError: The template has no such parameter.
    """
    known = body.get("Parameters", {})
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise InfraError(
            f"The template has no parameter {unknown[0]!r}.",
            remedy=f"It has: {', '.join(sorted(known)) or 'none'}.",
            value=unknown[0],
        )


def check_size(text: str) -> None:
    """Refuse a template that is too large to be sent without S3.

    Raises:
        InfraError: It has more than 51,200 bytes.
    """
    if len(text.encode()) > _LARGEST:
        raise InfraError(
            f"The template is {len(text.encode()):,} bytes; CloudFormation accepts at most {_LARGEST:,} directly.",
            remedy="Write it with `singletable infra cloudformation --out`, and deploy it from S3.",
            value=len(text.encode()),
        )


def parameters_of(
    stack: Mapping[str, Any] | None, body: Mapping[str, Any], given: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return the parameters of a change set: the given ones, and the previous values of the others.

    Args:
        stack: CloudFormation's description of the stack; None for a new stack.
        body: The template.
        given: The values of the given parameters.
    """
    before = {each["ParameterKey"] for each in (stack or {}).get("Parameters", ())}
    kept = sorted(before.intersection(body.get("Parameters", {})) - set(given))
    return [
        *({"ParameterKey": key, "ParameterValue": value} for key, value in sorted(given.items())),
        *({"ParameterKey": key, "UsePreviousValue": True} for key in kept),
    ]
