"""Shards: a partition that would be too hot is split into n shards by a hash of a value."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import attrs

from singletable.keys.encoding import Encoding, EncodingError
from singletable.keys.language import Alt, Language, literal

__all__ = ["Shard"]

_MOST_SHARDS = 1000


@attrs.frozen
class Shard(Encoding):
    """The number of a value's shard out of `count`: SHA-256 of its key text, modulo `count`, zero-padded.

    A projection. The hash is the first eight bytes of the digest, big-endian, so that any language can compute it. It
    never changes, because stored keys depend on it.
    """

    count: int
    of: Encoding
    projection = True

    def __attrs_post_init__(self) -> None:
        if not 2 <= self.count <= _MOST_SHARDS:
            raise EncodingError(
                f"shard({self.count}) is not between 2 and {_MOST_SHARDS}",
                "A query reads every shard, so use only as many as the write rate needs (1,000 writes/s each).",
            )

    @property
    def describe(self) -> str:
        return f"shard of {self.count}"

    def encode(self, value: Any) -> str:
        digest = sha256(self.of.encode(value).encode()).digest()
        return self._label(int.from_bytes(digest[:8], "big") % self.count)

    def decode(self, text: str) -> Any:
        raise EncodingError("a shard cannot be read back")

    def all(self) -> tuple[str, ...]:
        """Return the texts of all shards, in order."""
        return tuple(self._label(number) for number in range(self.count))

    def _label(self, number: int) -> str:
        return f"{number:0{len(str(self.count - 1))}d}"

    def language(self) -> Language:
        return Alt(tuple(literal(label) for label in self.all()))
