"""Stamps: attributes that every write sets by itself, whichever the path; and the first version of an item."""

from __future__ import annotations

import secrets
from typing import Any

from singletable.models.attributes import StrictUnicodeAttribute

__all__ = ["Stamp", "WriteTokenAttribute", "random_version"]

_BYTES = 12
"""Random bytes of a token: two of a billion tokens are equal with a probability of 1 in 10**11."""

_HIGHEST = 2**52
"""Of first versions. As many can follow before one is inexact as a double, which is how JavaScript reads numbers."""


def random_version() -> int:
    """Return a first version that no earlier item under the same key has had, nor will come to by counting."""
    return secrets.randbelow(_HIGHEST) + 1


class Stamp:
    """What the class of such an attribute has beside PynamoDB's `Attribute`."""

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
