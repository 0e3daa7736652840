"""Checkpoints: the position up to which each shard of a stream was read, so that reading continues there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from singletable.errors import StreamMissingError

__all__ = ["ENDED", "Checkpoints", "FileCheckpoints"]

ENDED = "ended"
"""The position of a shard that was read to the end."""


class Checkpoints:
    """The positions of the shards of streams, in memory.

    A position is the sequence number of the last record that was handled; `ended`; or `@` and epoch seconds for a
    shard that is read from that time on and has had no record yet.
    """

    def __init__(self) -> None:
        self._streams: dict[str, dict[str, str]] = {}

    def of(self, stream: str) -> dict[str, str]:
        """Return the positions of a stream's shards, by shard; empty for a stream that was never read."""
        return dict(self._streams.get(stream, {}))

    def save(self, stream: str, shard: str, position: str) -> None:
        """Store a shard's position."""
        self._streams.setdefault(stream, {})[shard] = position
        self._write()

    def forget(self, stream: str, shards: Iterable[str]) -> None:
        """Drop the positions of shards that the stream no longer has."""
        positions = self._streams.get(stream, {})
        gone = [each for each in shards if positions.pop(each, None) is not None]
        if gone:
            self._write()

    def _write(self) -> None:
        """Write the positions to storage; this class keeps them in memory only."""


class FileCheckpoints(Checkpoints):
    """Checkpoints in a JSON file, which is replaced as a whole when a position is stored.

    Raises:
        StreamMissingError: The file does not hold checkpoints, or cannot be written.
    """

    def __init__(self, path: Path | str) -> None:
        super().__init__()
        self._path = Path(path)
        if self._path.exists():
            try:
                read = json.loads(self._path.read_text(encoding="utf-8"))
                self._streams = {
                    str(stream): {str(shard): _position(position) for shard, position in shards.items()}
                    for stream, shards in read["streams"].items()
                }
            except (AttributeError, KeyError, OSError, TypeError, ValueError) as error:
                raise StreamMissingError(
                    f"{self._path} does not hold checkpoints of streams: {type(error).__name__}.",
                    remedy="Name another file, or remove this one to start again.",
                ) from None
        # A file that cannot be written is reported before the first record.
        self._write()

    def _write(self) -> None:
        # The file is replaced, not rewritten: if the process dies meanwhile, the old or the new file is complete.
        replacement = self._path.with_name(self._path.name + ".new")
        try:
            replacement.write_text(json.dumps({"streams": self._streams}, indent=2) + "\n", encoding="utf-8")
            os.replace(replacement, self._path)
        except OSError as error:
            raise StreamMissingError(
                f"{self._path} cannot be written: {error.strerror}.", remedy="Name a file in a writable folder."
            ) from None


def _position(text: str) -> str:
    if text != ENDED and not (text.isascii() and text.removeprefix("@").isdigit()):
        raise ValueError("not a position")
    return text
