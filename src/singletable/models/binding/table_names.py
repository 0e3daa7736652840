"""Names of tables and indexes: DynamoDB's rules, and names from the environment."""

from __future__ import annotations

import os
import re
from typing import Any

from singletable.errors import DeclarationError, InvalidValueError

__all__ = [
    "CHARACTERS",
    "NAME_RULE",
    "EnvironmentName",
    "declared_name",
    "from_env",
    "index_fault",
    "name_fault",
    "own_name",
    "require_length",
    "server_fault",
]

SHORTEST = 3
LONGEST = 255
CHARACTERS = f"{SHORTEST} to {LONGEST} of the characters a-z, A-Z, 0-9, '_', '-' and '.'"
NAME_RULE = f"Use {CHARACTERS}, or the table's ARN."
_CHARACTERS = re.compile(r"[a-zA-Z0-9_.-]+")
_SHORT = f"has fewer than {SHORTEST} characters"
_ARN = re.compile(r"arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:[0-9]+:table/(?P<name>.*)", re.DOTALL)


class EnvironmentName:
    """A table name in an environment variable, read each time it is needed.

    It is a descriptor: PynamoDB and singletable read `Meta.table_name` as a text.
    """

    def __init__(self, variable: str, default: str | None) -> None:
        self.variable = variable
        self.default = default

    def __get__(self, instance: object, owner: type | None = None) -> str:
        name = os.environ.get(self.variable) or self.default
        if not name:
            raise DeclarationError(
                f"The environment variable {self.variable} is not set, but Meta.table_name is read from it.",
                remedy=f'Set it, or write from_env("{self.variable}", default="...").',
                rule="ST107",
            )
        fault = name_fault(name)
        if fault:
            raise DeclarationError(
                f"The environment variable {self.variable} holds the table name {name!r}, which {fault}.",
                remedy=NAME_RULE,
                rule="ST107",
                value=name,
            )
        return name

    def __repr__(self) -> str:
        return f"from_env({self.variable!r}, default={self.default!r})"


def from_env(variable: str, default: str | None = None) -> Any:
    """Return a value for `Meta.table_name` that reads an environment variable for each request.

    Args:
        variable: The environment variable, for example `SHOP_TABLE`.
        default: The table's name if the variable is not set or empty.

    Raises:
        DeclarationError: The default is not a valid table name.
    """
    fault = None if default is None else name_fault(default)
    if fault:
        raise DeclarationError(
            f"from_env({variable!r}): the default {default!r} {fault}.", remedy=NAME_RULE, rule="ST107", value=default
        )
    return EnvironmentName(variable, default)


def declared_name(meta: Any) -> Any:
    """Return the table name as a Meta class declares it: a text, an `EnvironmentName`, or None."""
    for owner in getattr(meta, "__mro__", ()):
        if "table_name" in vars(owner):
            return vars(owner)["table_name"]
    return None


def name_fault(name: str) -> str | None:
    """Return the reason why DynamoDB refuses a name of a table or an index; None for a valid or a short name.

    Names have 3 to 255 of the characters a-z, A-Z, 0-9, underscore, hyphen and dot (Developer Guide, "Naming rules").
    A table may also be named by its ARN.
    """
    text = own_name(name)
    if not text:
        return "is empty"
    if not _CHARACTERS.fullmatch(text):
        return f"has the character {next(each for each in text if not _CHARACTERS.fullmatch(each))!r}"
    if len(text) > LONGEST:
        return f"has {len(text)} characters; the limit is {LONGEST}"
    return None


def own_name(name: str) -> str:
    """Return the table name in an ARN; return any other name unchanged."""
    arn = _ARN.fullmatch(name)
    return name if arn is None else arn["name"]


def server_fault(name: str) -> str | None:
    """Return the reason why DynamoDB refuses a table name or ARN, short names included; None for a valid one."""
    return name_fault(name) or (_SHORT if len(own_name(name)) < SHORTEST else None)


def index_fault(name: Any) -> str | None:
    """Return the reason why DynamoDB refuses the name of an index; None for a valid name."""
    if not isinstance(name, str):
        return "is not a text"
    if _ARN.fullmatch(name):
        return "is not the name of an index"
    return name_fault(name) or (_SHORT if len(name) < SHORTEST else None)


def require_length(name: str) -> None:
    """Refuse a table name that is too short for a server.

    Raises:
        InvalidValueError: The name, or the name in the ARN, has fewer than 3 characters.
    """
    if len(own_name(name)) < SHORTEST:
        raise InvalidValueError(
            f"The table name {name!r} {_SHORT}; DynamoDB refuses it.",
            remedy="Give a longer name in Meta.table_name or bind(table_name=...).",
            value=name,
        )
