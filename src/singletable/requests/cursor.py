"""Cursors: the end of a page, as text that a client stores, but can neither read nor change.

A cursor is encrypted and authenticated (AES-256-GCM) with a key of its own, which is derived from the table's secret
and 16 random bytes (HKDF-SHA256), so that no two cursors share key and nonce. Its binding is authenticated with it:
the query with its table, region, endpoint, index, partition, range, filter and direction, the caller's context (a
tenant, a session), and the version of the format. A cursor expires.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import logging
import os
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from singletable.errors import CursorError, DeclarationError
from singletable.requests.types import Item, Params

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["ENVIRONMENT", "CursorSeal", "bound_to", "seal_from"]

ENVIRONMENT = "SINGLETABLE_CURSOR_SECRET"
"""The environment variable with the secrets, separated by spaces, newest first."""

_VERSION = 3
_SALT = 16
_TAG = 16
_SHORTEST_SECRET = 16
_REMEDY = "Ask for the first page again, without a cursor."
_log = logging.getLogger("singletable")


@attrs.frozen
class CursorSeal:
    """Writes and opens cursors.

    Args:
        secrets: The secrets, newest first. Cursors are written with the first, and opened with any of them.
        lifetime: Seconds until a cursor expires.
        place: The region and the endpoint of the table. A cursor is bound to them.
    """

    secrets: tuple[bytes, ...] = attrs.field(repr=False)
    lifetime: float
    place: tuple[str, ...] = ()

    def write(self, bound: bytes, last: Mapping[str, Item]) -> str:
        """Return a cursor.

        Args:
            bound: The digest of the request that it is bound to; see `bound_to`.
            last: The key of the last row read, for each partition that is being read.
        """
        text = json.dumps([int(time.time() + self.lifetime), last], separators=(",", ":"))
        salt = secrets.token_bytes(_SALT)
        head = bytes([_VERSION]) + salt
        sealed = _cipher(self.secrets[0], salt).encrypt(bytes(12), text.encode(), self._associated(head, bound))
        return base64.urlsafe_b64encode(head + sealed).decode().rstrip("=")

    def open(self, bound: bytes, cursor: str) -> dict[str, Item]:
        """Return the key of the last row read, for each partition that is being read.

        Raises:
            CursorError: It is malformed, altered, expired, of another version, or bound to another request.
        """
        content = _decode(cursor)
        version, salt, sealed = content[0], content[1 : 1 + _SALT], content[1 + _SALT :]
        if version != _VERSION:
            raise CursorError(f"The cursor has version {version}; only version {_VERSION} can be read.", remedy=_REMEDY)
        text = self._unseal(salt, sealed, self._associated(content[: 1 + _SALT], bound))
        expires, last = json.loads(text)
        if time.time() > expires:
            raise CursorError("The cursor has expired.", remedy=_REMEDY)
        return dict(last)

    def _associated(self, head: bytes, bound: bytes) -> bytes:
        return head + bound + json.dumps(self.place).encode()

    def _unseal(self, salt: bytes, sealed: bytes, associated: bytes) -> bytes:
        from cryptography.exceptions import InvalidTag

        for secret in self.secrets:
            try:
                return _cipher(secret, salt).decrypt(bytes(12), sealed, associated)
            except InvalidTag:
                continue
        raise CursorError(
            "The cursor belongs to another query, table, region or endpoint, was altered, or was encrypted with a"
            " secret that this process does not have.",
            remedy=_REMEDY,
        )


def bound_to(params: Params, context: str | None) -> bytes:
    """Return the digest that a cursor is bound to: of the whole request, except its start and its limit.

    Args:
        params: The first request of the query, as the arguments of the DynamoDB operation.
        context: A text that must be the same when the cursor is used: a tenant, a session.
    """
    bound = {name: part for name, part in params.items() if name not in ("ExclusiveStartKey", "Limit")}
    text = json.dumps([bound, context], sort_keys=True, default=_plain)
    return hashlib.sha256(text.encode()).digest()


def seal_from(declared: Any, lifetime: Any, where: str) -> CursorSeal:
    """Return the seal of a table, with its declared secrets, else those of the environment, else one of this process.

    Args:
        declared: `Meta.cursor_secret`: a text, bytes, or several of them, newest first; None if it is not declared.
        lifetime: `Meta.cursor_lifetime`, in seconds.
        where: The table's name in messages.

    Raises:
        DeclarationError: A secret is too short, or the lifetime is not a number above 0.
    """
    given = declared if declared is not None else os.environ.get(ENVIRONMENT, "").split()
    several = given if isinstance(given, Sequence) and not isinstance(given, (str, bytes)) else [given]
    found = tuple(each.encode() if isinstance(each, str) else each for each in several)
    if any(not isinstance(each, bytes) or len(each) < _SHORTEST_SECRET for each in found):
        raise DeclarationError(
            f"{where}: a cursor secret is not a text of at least {_SHORTEST_SECRET} bytes.",
            remedy='Make one: python -c "import secrets; print(secrets.token_urlsafe(32))".',
            rule="ST116",
        )
    if isinstance(lifetime, bool) or not isinstance(lifetime, (int, float)) or not lifetime > 0:
        raise DeclarationError(
            f"{where}: Meta.cursor_lifetime={lifetime!r} is not a number of seconds above 0.",
            remedy="Write for example cursor_lifetime = 86400.",
            rule="ST116",
        )
    return CursorSeal(found or (_process_secret(),), lifetime)


_own: list[bytes] = []


def _process_secret() -> bytes:
    if not _own:
        _own.append(secrets.token_bytes(32))
        _log.warning(
            "No cursor secret is set (Meta.cursor_secret or %s): cursors are valid in this process only.", ENVIRONMENT
        )
    return _own[0]


def _cipher(secret: bytes, salt: bytes) -> AESGCM:
    # The import is slow, and most programs have no pages. The first page loads it.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return AESGCM(HKDF(SHA256(), 32, salt, b"singletable cursor").derive(secret))


def _decode(cursor: str) -> bytes:
    """Return the bytes of a cursor; only one text is accepted for them, so that no altered text is."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        content = base64.b64decode(padded, altchars=b"-_", validate=True)
    except (AttributeError, TypeError, UnicodeEncodeError, binascii.Error):
        content = b""
    if len(content) < 1 + _SALT + _TAG or base64.urlsafe_b64encode(content).decode().rstrip("=") != cursor:
        raise CursorError("The cursor is malformed.", remedy=_REMEDY)
    return content


def _plain(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
