"""Errors of declarations: tables, entities, keys, access patterns."""

from __future__ import annotations

from singletable.errors.base_error import SingletableError

__all__ = [
    "DeclarationError",
    "PatternError",
]


class DeclarationError(SingletableError, ValueError):
    """A table, an entity, a key or an expiry has a declaration that cannot work.

    Remedy: Change the declaration. See docs/reference/rules.md for the reason and the remedy of each rule.

    Attributes:
        rule: The id of the rule that the declaration breaks, such as `ST101`; `ST100` if no other rule fits.
    """

    rule: str = "ST100"


class PatternError(SingletableError, TypeError):
    """An access pattern has a declaration that cannot be used.

    Remedy: Give the function a sentence, an annotation of the request that it returns, and parameters that are named
    after attributes. See docs/reference/patterns.md.
    """
