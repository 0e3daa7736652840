"""Cursors: where a page ended, as text that a client can hold and give back.

Plain for now: base64 of JSON, bound to the query that made it. It holds the key of the last item; do
not hand it to anyone who may not see keys. Sealing it is the next step.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from singletable.errors import CursorError
from singletable.requests.types import Item, Params

__all__ = ["fingerprint", "open_cursor", "write_cursor"]

_VERSION = 1


def fingerprint(params: Params) -> str:
    """What a cursor is bound to: everything of the request but where it starts and how much it reads."""
    bound = {name: part for name, part in params.items() if name not in ("ExclusiveStartKey", "Limit")}
    text = json.dumps(bound, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write_cursor(query: str, last: Mapping[str, Item]) -> str:
    """A cursor.

    Args:
        query: The query's fingerprint.
        last: The key of the last row read, for each partition under way.
    """
    text = json.dumps({"v": _VERSION, "q": query, "last": last}, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def open_cursor(query: str, cursor: str) -> dict[str, Item]:
    """The key of the last row read, for each partition under way.

    Raises:
        CursorError: The cursor is malformed, of another version, or of another query.
    """
    remedy = "Ask for the first page again, without a cursor."
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        content: Any = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        version, bound, last = content["v"], content["q"], content["last"]
        if not isinstance(last, dict) or not all(_is_key(key) for key in last.values()):
            raise TypeError("not keys")
    except (AttributeError, ValueError, TypeError, KeyError, binascii.Error, RecursionError):
        raise CursorError("The cursor is malformed.", remedy=remedy) from None
    if version != _VERSION:
        raise CursorError(f"The cursor is of version {version!r}; this is {_VERSION}.", remedy=remedy)
    if bound != query:
        raise CursorError("The cursor belongs to another query.", remedy=remedy)
    return last


def _is_key(key: Any) -> bool:
    return isinstance(key, dict) and all(
        isinstance(value, dict) and len(value) == 1 and isinstance(value.get("S"), str) for value in key.values()
    )
