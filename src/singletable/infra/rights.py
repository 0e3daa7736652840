"""Rights that a project declares for its roles, beyond those that follow from its models and access patterns.

The stream role, for instance, needs the actions of the project's handlers. In setup.cfg::

    [singletable:rights]
    stream =
        dynamodb:GetItem dynamodb:Query on {table}
        sns:Publish on arn:{partition}:sns:{region}:{account}:shop-events
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import attrs

from singletable.errors import InfraError

__all__ = ["Right", "read_rights"]

_ACTION = re.compile(r"[a-z][a-z0-9-]*:[A-Za-z][A-Za-z0-9]*")
_ARN = re.compile(r"arn:[^:\s]+:[a-z0-9-]+:[^:\s]*:[^:\s]*:\S+")
_PLACEHOLDER = re.compile(r"\{(\w*)\}")
_EXAMPLE = "Write for example: sns:Publish on arn:{partition}:sns:{region}:{account}:events"


@attrs.frozen
class Right:
    """Actions on resources that a role may perform.

    Args:
        actions: The actions, such as `sns:Publish`; none has a wildcard.
        resources: The ARNs of the resources, or `*`.
        table: Whether a resource is the table, one of its indexes or its stream.
    """

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    table: bool = False


def read_rights(
    options: Mapping[str, str], roles: Collection[str], values: Mapping[str, str]
) -> dict[str, tuple[Right, ...]]:
    """Parse the section `[singletable:rights]`, which has for each role lines of `ACTION ... on RESOURCE ...`.

    Args:
        options: The section's options.
        roles: The names of the roles.
        values: The values of the placeholders that a resource may have: `{table}` is the table's ARN.

    Raises:
        InfraError: A role, an action, a resource or a placeholder cannot be used.
    """
    unknown = [role for role in options if role not in roles]
    if unknown:
        raise InfraError(
            f"[singletable:rights] names the unknown role {unknown[0]!r}.",
            remedy=f"Use one of: {', '.join(roles)}.",
            value=unknown[0],
        )
    return {
        role: tuple(_right(line, values) for line in filter(None, map(str.strip, text.splitlines())))
        for role, text in options.items()
    }


def _right(line: str, values: Mapping[str, str]) -> Right:
    words = line.split()
    if words.count("on") != 1 or not 0 < words.index("on") < len(words) - 1:
        raise InfraError(f"[singletable:rights] {line!r} is not ACTION on RESOURCE.", remedy=_EXAMPLE, value=line)
    place = words.index("on")
    for action in words[:place]:
        if not _ACTION.fullmatch(action):
            raise InfraError(
                f"[singletable:rights] {action!r} is not an action.",
                remedy="Write SERVICE:Action, for example sns:Publish, and name each action: wildcards are refused.",
                value=action,
            )
    resources = words[place + 1 :]
    return Right(
        tuple(words[:place]),
        tuple(_resource(each, values) for each in resources),
        table=any("{table}" in each for each in resources),
    )


def _resource(text: str, values: Mapping[str, str]) -> str:
    for name in _PLACEHOLDER.findall(text):
        if name not in values:
            raise InfraError(
                f"[singletable:rights] {text!r} has an unknown placeholder {{{name}}}.",
                remedy=f"Use {', '.join(f'{{{each}}}' for each in values)}.",
                value=text,
            )
    resource = _PLACEHOLDER.sub(lambda found: values[found[1]], text)
    if resource != "*" and not _ARN.fullmatch(resource):
        raise InfraError(f"[singletable:rights] {text!r} is neither an ARN nor *.", remedy=_EXAMPLE, value=text)
    return resource
