"""Resource names: logical ids and names of resources, derived from the names of the table and its indexes."""

from __future__ import annotations

import re
from hashlib import sha256

__all__ = ["TABLE", "alias_name", "index_id", "index_label", "shorten"]

TABLE = "Table"
"""The table's logical id. It must never change: under another id, CloudFormation would create another table."""

_LONGEST = 200
"""The highest number of characters of an index's name in a logical id, which has at most 255 in all.

Source: User Guide, "CloudFormation quotas".
"""

_PLAIN = re.compile(rf"[A-Z0-9][A-Za-z0-9]{{,{_LONGEST - 1}}}")
_CAPITALS = re.compile(r"[A-Z0-9]+")
_OTHERS = re.compile(r"[^A-Za-z0-9]")
_NOT_IN_ALIASES = re.compile(r"[^a-zA-Z0-9/_-]")
_ALIAS_CHARACTERS = 256
_DIGITS = 10


def index_id(name: str) -> str:
    """Return the beginning of the logical ids of an index's resources, which has only letters and digits.

    A plain name, such as `GSI1`, is the id. For a name that has other characters, begins with a small letter, is the
    table's id or is very long, the id is `index`, the letters and digits of the name, and a hash of the name. Plain
    names do not begin with a small letter. So no two names have the same id, and no index changes the id of another.
    """
    if _PLAIN.fullmatch(name) and name != TABLE:
        return name
    return f"index{_OTHERS.sub('', name)[:_LONGEST]}{_hash(name)}"


def index_label(name: str) -> str:
    """Return the name of an index in the names of alarms and scaling policies, which has only small letters.

    A name of capital letters and digits, such as `GSI1`, is written in small letters. Any other name, and the table's
    id, gets a dot and a hash, because `ByDate` and `BYDATE` have the same small letters. A label has no hyphen, so it
    cannot be confused with the table name and the hyphen before it.
    """
    small = _OTHERS.sub("", name).lower()
    if _CAPITALS.fullmatch(name) and small != TABLE.lower():
        return small
    return f"{small}.{_hash(name)}"


def alias_name(table_name: str) -> str:
    """Return the alias of a table's key.

    An alias has at most 256 characters, only letters, digits, `/`, `_` and `-` (KMS API Reference, "CreateAlias"). A
    table name with dots gets a hash, so that `a.b` and `a_b` have two aliases.
    """
    text = _NOT_IN_ALIASES.sub("_", table_name)
    if text != table_name:
        text = f"{text}-{_hash(table_name)}"
    return shorten(f"alias/{text}", _ALIAS_CHARACTERS)


def shorten(text: str, most: int) -> str:
    """Return a text if it has at most `most` characters, otherwise its beginning and a hash of the whole text."""
    return text if len(text) <= most else f"{text[: most - _DIGITS - 1]}-{_hash(text)}"


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:_DIGITS]
