"""The reader: reads the records of a table's stream, those of each item in the order of its changes.

A stream consists of shards. A shard is closed after some hours and followed by others, its children (Developer Guide,
"Change data capture for DynamoDB Streams"). An item's changes are in one shard, and later changes in its children. So a
shard is read only after its parent was read to the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs
from botocore.exceptions import ClientError

from singletable.errors import StreamTrimmedError, ThrottledError
from singletable.requests.sending import error_code
from singletable.streams.checkpoints import ENDED, Checkpoints

if TYPE_CHECKING:
    from singletable.streams.client import StreamsClient

__all__ = ["LATEST", "TRIM_HORIZON", "RecordBatch", "StreamReader"]

TRIM_HORIZON = "TRIM_HORIZON"
"""Start at the oldest record that the stream still has."""

LATEST = "LATEST"
"""Start now: earlier records are left out."""

_LIMIT = 1000
"""The highest number of records that GetRecords returns (API Reference)."""

_LOOK_AGAIN = 60.0
"""Seconds after which the shards are listed again, even if none has ended."""

_SLACK = 60
"""Seconds by which this machine's clock may be ahead of DynamoDB's."""


@attrs.frozen
class RecordBatch:
    """Records of one shard, in their order.

    Args:
        shard: The shard's id.
        records: The records, as GetRecords returns them.
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
    """Reads a stream, with any number of shards, from the positions in the checkpoints.

    ::

        while True:
            for batch in reader.poll():
                ...

    A batch counts as read when the caller asks for the next one. If the caller stops before that, the batch is read
    again the next time.

    Args:
        client: The client that sends the requests.
        stream: The stream's ARN.
        checkpoints: The positions up to which the stream was read before.
        start: Where to begin on a stream without checkpoints: `TRIM_HORIZON` or `LATEST`.
        accept_gaps: Whether to go on after records that are gone, instead of raising `StreamTrimmedError`.
        clock: Returns the time in epoch seconds.
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
        """List the stream's shards and set `view`. Changes after this are read, also with `LATEST`.

        Raises:
            StreamTrimmedError: Records after the checkpoints are gone.
            StreamMissingError: The stream does not exist.
        """
        self._look()
        for shard in self._readable():
            self._aim(shard)
        return self

    @property
    def ended(self) -> bool:
        """Whether the stream was switched off and was read to its end."""
        return self.closed and not self._open_shards()

    def poll(self) -> Iterator[RecordBatch]:
        """Yield the new records of each shard that can be read now; ask each shard once.

        Raises:
            StreamTrimmedError: Records were dropped before they were read.
        """
        if self._listed is None or self._clock() - self._listed > _LOOK_AGAIN:
            # The shards that are known already are read meanwhile.
            with suppress(ThrottledError):
                self._look()
        for shard in self._readable():
            answer = self._records(shard)
            if answer is None:
                continue
            records = self._wanted(shard, answer["Records"])
            if records:
                yield RecordBatch(shard.name, records)
            # The batch was handled; otherwise the caller would have closed this generator at the yield.
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
        for described in self._list():
            name = described["ShardId"]
            listed.add(name)
            if name in self._shards:
                continue
            position = positions.get(name)
            if self._latest:
                # Shards that were closed before now are left out; their children are read.
                closed = "EndingSequenceNumber" in described["SequenceNumberRange"]
                position = ENDED if closed else f"@{int(self._clock())}"
                self._checkpoints.save(self._stream, name, position)
            self._shards[name] = _StreamShard(name, described.get("ParentShardId"), position, self._latest)
        self._listed = self._clock()
        # Shards that are listed for the first time later began after this.
        self._latest = False
        readable = {each.name for each in self._readable()}
        for shard in self._shards.values():
            # A shard whose parent is still being read is read much later. LATEST would then skip its first records.
            shard.latest = shard.latest and shard.name in readable
        known = {**positions, **{each.name: each.position for each in self._shards.values()}}
        for name in known.keys() - listed:
            if known[name] != ENDED:
                self._gap(name)
            self._shards.pop(name, None)
        self._checkpoints.forget(self._stream, known.keys() - listed)

    def _list(self) -> Iterator[dict[str, Any]]:
        page: dict[str, str] = {}
        while True:
            described = self._client.call("describe_stream", StreamArn=self._stream, **page)["StreamDescription"]
            self.view = described.get("StreamViewType")
            self.closed = described.get("StreamStatus") == "DISABLED"
            yield from described.get("Shards", [])
            if not described.get("LastEvaluatedShardId"):
                return
            page = {"ExclusiveStartShardId": described["LastEvaluatedShardId"]}

    def _open_shards(self) -> list[_StreamShard]:
        return [each for each in self._shards.values() if each.position != ENDED]

    def _readable(self) -> list[_StreamShard]:
        """Return the shards that are not read to the end, and whose parents are read to the end or gone."""
        waiting = {each.name for each in self._open_shards()}
        return [each for each in self._open_shards() if each.parent not in waiting]

    # --- records ------------------------------------------------------------------

    def _records(self, shard: _StreamShard) -> dict[str, Any] | None:
        """Return the answer of GetRecords for a shard; None if the shard must be asked again."""
        try:
            if shard.iterator is None:
                self._aim(shard)
            return self._client.call("get_records", ShardIterator=shard.iterator, Limit=_LIMIT)
        except ThrottledError:
            # DynamoDB allows five calls a second for each shard, by all its readers together.
            return None
        except ClientError as error:
            if error_code(error) == "TrimmedDataAccessException":
                self._gap(shard.name, error)
                shard.position = None
            # The iterator has expired (after 15 minutes), or its records are gone.
            shard.iterator = None
            return None

    def _aim(self, shard: _StreamShard) -> None:
        """Get an iterator for the records after a shard's position."""
        where: dict[str, str] = {"ShardIteratorType": TRIM_HORIZON}
        if shard.latest:
            # Only the first time. Later iterators start at the shard's position; records before it are left out.
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
            raise StreamTrimmedError(
                f"Records of the shard {shard} were removed before they were read: a stream keeps them for 24 hours.",
                remedy="Repair the data that depends on them from the table itself, then go on with --accept-gaps"
                " (accept_gaps=True).",
                shard=shard,
            ) from error
