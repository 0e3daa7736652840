"""The reader: a table's stream, record by record, in the order in which each item changed.

A stream is cut into shards; a shard is closed after some hours and followed by others, its children (Developer Guide,
"Change data capture for DynamoDB Streams"). An item's changes are in one shard, and later ones in its children: so a
shard is read once its parent was read to the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs
from botocore.exceptions import ClientError

from singletable.errors import StreamTrimmed, Throttled
from singletable.requests.sending import error_code
from singletable.streams.checkpoints import ENDED, Checkpoints

if TYPE_CHECKING:
    from singletable.streams.client import StreamsClient

__all__ = ["LATEST", "TRIM_HORIZON", "RecordBatch", "StreamReader"]

TRIM_HORIZON = "TRIM_HORIZON"
"""From the oldest record on that the stream still has."""

LATEST = "LATEST"
"""From now on."""

_LIMIT = 1000
"""Records that GetRecords returns at most (API Reference)."""

_LOOK_AGAIN = 60.0
"""Seconds after which the shards are listed again, though none has ended."""

_SLACK = 60
"""Seconds by which this machine's clock may be ahead of DynamoDB's."""


@attrs.frozen
class RecordBatch:
    """Records of one shard, in their order.

    Args:
        shard: The shard's id.
        records: As GetRecords gives them.
    """

    shard: str
    records: list[dict[str, Any]] = attrs.field(repr=False)


@attrs.define
class _StreamShard:
    name: str
    parent: str | None
    position: str | None
    latest: bool
    iterator: str | None = None


class StreamReader:
    """Reads a stream, with any number of shards, from where the checkpoints say.

    ::

        while True:
            for batch in reader.poll():
                ...

    A batch counts as read once the next one is asked for: a reader that stops in between gives it again.

    Args:
        client: What it reads through.
        stream: The stream's ARN.
        checkpoints: How far it was read before.
        start: Where to begin on a stream that has no checkpoints: `TRIM_HORIZON` or `LATEST`.
        accept_gaps: Whether to go on behind records that are gone, instead of saying so.
        clock: The time in seconds.
    """

    def __init__(
        self,
        client: StreamsClient,
        stream: str,
        *,
        checkpoints: Checkpoints | None = None,
        start: str = TRIM_HORIZON,
        accept_gaps: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._stream = stream
        self._checkpoints = checkpoints or Checkpoints()
        self._accept_gaps = accept_gaps
        self._clock = clock
        self._shards: dict[str, _StreamShard] = {}
        self._listed: float | None = None
        self._latest = start == LATEST and not self._checkpoints.of(stream)
        self.view: str | None = None
        self.closed = False

    def open(self) -> StreamReader:
        """Look at the stream's shards: what happens from now on is read, also with `LATEST`; `view` is known then.

        Raises:
            StreamTrimmed: Records behind the checkpoints are gone.
            StreamMissing: There is no such stream.
        """
        self._look()
        for shard in self._readable():
            self._aim(shard)
        return self

    @property
    def ended(self) -> bool:
        """Whether the stream was switched off, and all of it was read."""
        return self.closed and not self._open_shards()

    def poll(self) -> Iterator[RecordBatch]:
        """Ask each shard that can be read now once.

        Raises:
            StreamTrimmed: Records were dropped before they were read.
        """
        if self._listed is None or self._clock() - self._listed > _LOOK_AGAIN:
            # What is known of already is read meanwhile.
            with suppress(Throttled):
                self._look()
        for shard in self._readable():
            answer = self._records(shard)
            if answer is None:
                continue
            records = self._wanted(shard, answer["Records"])
            if records:
                yield RecordBatch(shard.name, records)
            # What was asked for is handled, or the generator would have been closed at the yield.
            if answer["Records"]:
                shard.position = str(answer["Records"][-1]["dynamodb"]["SequenceNumber"])
            shard.iterator = answer.get("NextShardIterator")
            if shard.iterator is None:
                shard.position = ENDED
                self._listed = None  # it may have children
            if records or shard.position == ENDED:
                self._checkpoints.save(self._stream, shard.name, str(shard.position))

    # --- shards -------------------------------------------------------------------

    def _look(self) -> None:
        positions = self._checkpoints.of(self._stream)
        listed: set[str] = set()
        for told in self._list():
            name = told["ShardId"]
            listed.add(name)
            if name in self._shards:
                continue
            position = positions.get(name)
            if self._latest:
                # What was closed before now is left out; its children are not.
                over = "EndingSequenceNumber" in told["SequenceNumberRange"]
                position = ENDED if over else f"@{int(self._clock())}"
                self._checkpoints.save(self._stream, name, position)
            self._shards[name] = _StreamShard(name, told.get("ParentShardId"), position, self._latest)
        self._listed = self._clock()
        # What is listed for the first time later on has begun later than now.
        self._latest = False
        readable = {each.name for each in self._readable()}
        for shard in self._shards.values():
            # One that was cut from another while these were listed: by the time it is read, "now" is long over.
            shard.latest = shard.latest and shard.name in readable
        known = {**positions, **{each.name: each.position for each in self._shards.values()}}
        for name in known.keys() - listed:
            if known[name] != ENDED:
                self._gap(name)
            self._shards.pop(name, None)
        self._checkpoints.forget(self._stream, known.keys() - listed)

    def _list(self) -> Iterator[dict[str, Any]]:
        behind: dict[str, str] = {}
        while True:
            described = self._client.call("describe_stream", StreamArn=self._stream, **behind)["StreamDescription"]
            self.view = described.get("StreamViewType")
            self.closed = described.get("StreamStatus") == "DISABLED"
            yield from described.get("Shards", [])
            if not described.get("LastEvaluatedShardId"):
                return
            behind = {"ExclusiveStartShardId": described["LastEvaluatedShardId"]}

    def _open_shards(self) -> list[_StreamShard]:
        return [each for each in self._shards.values() if each.position != ENDED]

    def _readable(self) -> list[_StreamShard]:
        """The shards that are not read to the end, and whose parents are, or are gone."""
        waiting = {each.name for each in self._open_shards()}
        return [each for each in self._open_shards() if each.parent not in waiting]

    # --- records ------------------------------------------------------------------

    def _records(self, shard: _StreamShard) -> dict[str, Any] | None:
        """What a shard has now; None where it is to be asked again."""
        try:
            if shard.iterator is None:
                self._aim(shard)
            return self._client.call("get_records", ShardIterator=shard.iterator, Limit=_LIMIT)
        except Throttled:
            # Five calls a second are allowed for each shard, of all its readers together.
            return None
        except ClientError as error:
            if error_code(error) == "TrimmedDataAccessException":
                self._gap(shard.name, error)
                shard.position = None
            # It has expired, which they do after 15 minutes, or what it pointed at is gone.
            shard.iterator = None
            return None

    def _aim(self, shard: _StreamShard) -> None:
        """Get an iterator for what is behind a shard's position."""
        where: dict[str, str] = {"ShardIteratorType": TRIM_HORIZON}
        if shard.latest:
            # Only the first time: from then on it is at the position, and what came before that is left out.
            where = {"ShardIteratorType": LATEST}
            shard.latest = False
        elif shard.position is not None and not shard.position.startswith("@"):
            where = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": shard.position}
        try:
            answer = self._client.call("get_shard_iterator", StreamArn=self._stream, ShardId=shard.name, **where)
        except ClientError as error:
            if error_code(error) != "TrimmedDataAccessException":
                raise
            self._gap(shard.name, error)
            shard.position = None
            answer = self._client.call(
                "get_shard_iterator", StreamArn=self._stream, ShardId=shard.name, ShardIteratorType=TRIM_HORIZON
            )
        shard.iterator = answer["ShardIterator"]

    def _wanted(self, shard: _StreamShard, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if shard.position is None or not shard.position.startswith("@"):
            return records
        since = int(shard.position[1:]) - _SLACK
        return [each for each in records if each["dynamodb"]["ApproximateCreationDateTime"].timestamp() >= since]

    def _gap(self, shard: str, error: Exception | None = None) -> None:
        if not self._accept_gaps:
            raise StreamTrimmed(
                f"Records of the shard {shard} are gone that were not read: a stream keeps them for 24 hours.",
                remedy="Repair what depends on them from the table itself, then go on with --accept-gaps"
                " (accept_gaps=True).",
                shard=shard,
            ) from error
