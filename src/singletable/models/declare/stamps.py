"""Stamps: attributes that every write sets by itself, whichever the path; and the first version of an item."""

from __future__ import annotations

import secrets
from typing import Any

from singletable.models.declare.strict import StrictUnicodeAttribute

__all__ = ["Stamp", "WriteTokenAttribute", "random_version"]

_BYTES = 12
"""Random bytes of a token: two of a billion tokens are equal with a probability of 1 in 10**11."""

_HIGHEST = 2**52
"""The highest first version. As many can follow until one is inexact as a double, as which JavaScript reads it."""


def random_version() -> int:
    """Return a random first version: no earlier item under the same key has had it, or will reach it by counting."""
    return secrets.randbelow(_HIGHEST) + 1


class Stamp:
    """A mixin for such an attribute, beside PynamoDB's `Attribute`."""

    def fresh(self) -> Any:
        """Return the attribute's value for a write that is made now."""
        raise NotImplementedError


class WriteTokenAttribute(Stamp, StrictUnicodeAttribute):
    """A random text, new with every write, by which a write whose answer was lost is recognized.

    `Meta.write_token = "writeToken"` declares one under that stored name, on an entity or on the table for all of its
    entities.
    """

    def __init__(self, **options: Any) -> None:
        # Items that were written before the attribute was declared have none.
        options.setdefault("null", True)
        super().__init__(**options)

    def fresh(self) -> str:
        """Return a token."""
        return secrets.token_urlsafe(_BYTES)
