"""Stamps: attributes that every kind of write sets by itself, and the first version of an item."""

from __future__ import annotations

import secrets
from typing import Any

from singletable.models.declare.strict import StrictUnicodeAttribute

__all__ = ["Stamp", "WriteTokenAttribute", "random_version"]

_BYTES = 12
"""The number of random bytes in a token: two of a billion tokens are equal with a probability of 1 in 10**11."""

_HIGHEST = 2**52
"""The highest first version; as many versions can follow before one is inexact as a double (in JavaScript)."""


def random_version() -> int:
    """Return a random first version, which no earlier item with the same key had or will reach by counting."""
    return secrets.randbelow(_HIGHEST) + 1


class Stamp:
    """A mixin for the class of an attribute that every write sets."""

    def fresh(self) -> Any:
        """Return the attribute's value for a write that is made now."""
        raise NotImplementedError


class WriteTokenAttribute(Stamp, StrictUnicodeAttribute):
    """A random text, new in every write, which identifies a write whose response was lost.

    `Meta.write_token = "writeToken"` declares one under that stored name, on an entity or on the table for all of its
    entities.
    """

    def __init__(self, **options: Any) -> None:
        # Items that were written before the attribute was declared have no token.
        options.setdefault("null", True)
        super().__init__(**options)

    def fresh(self) -> str:
        """Return a new token."""
        return secrets.token_urlsafe(_BYTES)
