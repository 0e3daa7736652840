"""Checksums that compare a table with an index of any size in constant memory.

Each row adds its hash to one of many groups, chosen by its primary key; each row of the index subtracts it. Groups that
are not zero at the end differ, and only their rows are read again.
"""

from __future__ import annotations

from array import array
from base64 import b64decode, b64encode
from hashlib import blake2b
from zlib import compress, crc32, decompress

from singletable.requests.types import Item

__all__ = ["CELLS", "Sums", "key_text"]

CELLS = 2**20
"""The number of groups of all indexes together: 12 MB."""

_LEAST = 2**12
_MASK = 2**64 - 1


class Sums:
    """The difference between the rows that an index should have and those that it has.

    Args:
        names: The attributes of a row that are compared: the primary key first, then the index key.
        indexes: The number of indexes that share the memory.
    """

    def __init__(self, names: tuple[str, ...], indexes: int = 1) -> None:
        self._names = names
        share = max(CELLS // max(indexes, 1), _LEAST)
        self._groups = 1 << (share.bit_length() - 1)
        self._counts = array("i", [0]) * self._groups
        self._sums = array("Q", [0]) * self._groups

    def add(self, row: Item, sign: int = 1) -> None:
        """Add a row of the table, or subtract one of the index (`sign=-1`)."""
        number = int.from_bytes(blake2b(key_text(row, self._names), digest_size=8).digest(), "big")
        group = self._group(row)
        self._counts[group] += sign
        self._sums[group] = (self._sums[group] + sign * number) & _MASK

    def differs(self, row: Item) -> bool:
        """Return whether the group of a row is not the same in the table and in the index."""
        group = self._group(row)
        return bool(self._counts[group] or self._sums[group])

    @property
    def equal(self) -> bool:
        """Whether no group differs."""
        return not any(self._counts) and not any(self._sums)

    def to_text(self) -> str:
        """Return the sums as text, for a checkpoint."""
        return b64encode(compress(self._counts.tobytes() + self._sums.tobytes(), 1)).decode()

    def load(self, text: str) -> None:
        """Take the sums of a checkpoint.

        Raises:
            ValueError: They are not of these groups.
        """
        raw = decompress(b64decode(text))
        half = self._counts.itemsize * self._groups
        if len(raw) != half + 8 * self._groups:
            raise ValueError("the sums have another size")
        self._counts = array("i", raw[:half])
        self._sums = array("Q", raw[half:])

    def _group(self, row: Item) -> int:
        # It only has to spread evenly: the hashes distinguish the rows of a group.
        return crc32(key_text(row, self._names[:2])) & (self._groups - 1)


def key_text(row: Item, names: tuple[str, ...]) -> bytes:
    """Return a text that two rows share only if these attributes are the same."""
    # The length of each part keeps two different keys from having one text.
    parts = [f"{kind}{len(value)}:{value}" for name in names for kind, value in row[name].items()]
    return "".join(parts).encode()
