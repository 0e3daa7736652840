"""Short texts of values, for messages."""

from __future__ import annotations

__all__ = ["kept", "shown"]

_LONGEST = 80
_WIDEST_INT = 1000
"""The highest number of bits of an int that is written out. Python converts a larger int slowly, or not at all."""


def kept(value: object) -> object:
    """Return a value for a field of an error; an int that Python may refuse to write out becomes a description."""
    return shown(value) if isinstance(value, int) and value.bit_length() > _WIDEST_INT else value


def shown(value: object) -> str:
    """Return a value's repr for a message, of at most 80 characters."""
    if isinstance(value, int) and value.bit_length() > _WIDEST_INT:
        return f"‹an int of {value.bit_length():,} bits›"
    try:
        text = str.__repr__(value) if isinstance(value, str) else repr(value)
    except Exception:
        # The error about the value is more important than an error of its repr (nesting, a long int inside, user code).
        text = f"‹{type(value).__name__}›"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
