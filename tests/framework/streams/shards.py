"""A stream with shards that split and close, iterators that expire, and records that expire; no emulator has these.

It answers the four calls that the reader sends, as the API reference describes them.
"""

from datetime import datetime, timezone

from botocore.exceptions import ClientError

from singletable.errors import ThrottledError

ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/app/stream/2026"


class Shard:
    def __init__(self, name, parent):
        self.name, self.parent = name, parent
        self.records, self.closed, self.trimmed = [], False, 0


class FakeStream:
    """A stream whose keys are distributed over the open shards by their number.

    `faults` has a fault for each of the next calls of GetRecords: "expired", "throttled", or None for no fault;
    `throttled` names operations whose next call is throttled.
    """

    def __init__(self, page=2, limit=3, now=1_000_000.0):
        self.page, self.limit, self.now = page, limit, now
        self.shards, self.iterators, self.faults, self.calls = [], {}, [], []
        self.sequence, self.status, self.throttled = 100, "ENABLED", []
        self.open = [self._shard(None)]

    def _shard(self, parent):
        self.shards.append(Shard(f"shardId-{len(self.shards):04d}", parent))
        return self.shards[-1]

    # --- what happens to it -------------------------------------------------------

    def write(self, key):
        """Write a change of the item with a number."""
        self.sequence += 1
        record = {
            "eventID": f"e{self.sequence}",
            "eventName": "MODIFY",
            "dynamodb": {
                "Keys": {"PK": {"S": str(key)}, "SK": {"S": "-"}},
                "SequenceNumber": str(self.sequence),
                "ApproximateCreationDateTime": datetime.fromtimestamp(self.now, tz=timezone.utc),
            },
        }
        self.open[key % len(self.open)].records.append(record)

    def reshard(self, children=2):
        """Close every open shard and open its children; an item's next change is in a child of its own shard."""
        before = self.open
        for shard in before:
            shard.closed = True
        # The number of open shards only grows by a factor, so that a key stays below its parent.
        self.open = [self._shard(before[number % len(before)].name) for number in range(len(before) * children)]

    def trim(self):
        """Remove all present records and all closed shards, as if 24 hours had passed."""
        for shard in self.shards:
            shard.trimmed = len(shard.records)
        self.shards = [shard for shard in self.shards if not shard.closed]

    def disable(self):
        """Switch the stream off."""
        self.status = "DISABLED"
        for shard in self.open:
            shard.closed = True

    # --- what it answers ----------------------------------------------------------

    def call(self, operation, **params):
        """Answer a call, like `StreamsClient.call`."""
        self.calls.append(operation)
        if operation in self.throttled:
            self.throttled.remove(operation)
            raise ThrottledError(f"{operation} was throttled.")
        return getattr(self, f"_{operation}")(**params)

    def _describe_stream(self, StreamArn, ExclusiveStartShardId=None):
        assert StreamArn == ARN
        names = [shard.name for shard in self.shards]
        start = names.index(ExclusiveStartShardId) + 1 if ExclusiveStartShardId else 0
        shards = self.shards[start : start + self.page]
        told = {"StreamViewType": "KEYS_ONLY", "StreamStatus": self.status, "Shards": list(map(self._tell, shards))}
        if start + self.page < len(self.shards):
            told["LastEvaluatedShardId"] = shards[-1].name
        return {"StreamDescription": told}

    def _tell(self, shard):
        told = {"ShardId": shard.name, "SequenceNumberRange": {"StartingSequenceNumber": "1"}}
        if shard.closed:
            told["SequenceNumberRange"]["EndingSequenceNumber"] = str(self.sequence)
        return {**told, "ParentShardId": shard.parent} if shard.parent else told

    def _get_shard_iterator(self, StreamArn, ShardId, ShardIteratorType, SequenceNumber=None):
        (shard,) = (each for each in self.shards if each.name == ShardId)
        if ShardIteratorType == "LATEST":
            at = len(shard.records)
        elif ShardIteratorType == "TRIM_HORIZON":
            at = shard.trimmed
        else:
            numbers = [each["dynamodb"]["SequenceNumber"] for each in shard.records]
            at = numbers.index(SequenceNumber) + 1
            if at < shard.trimmed:
                raise error("TrimmedDataAccessException")
        return {"ShardIterator": self._iterator(shard, at)}

    def _iterator(self, shard, at):
        name = f"i{len(self.iterators)}"
        self.iterators[name] = (shard, at)
        return name

    def _get_records(self, ShardIterator, Limit):
        fault = self.faults.pop(0) if self.faults else None
        if fault == "expired":
            raise error("ExpiredIteratorException")
        if fault == "throttled":
            raise ThrottledError("get_records was throttled.")
        shard, at = self.iterators[ShardIterator]
        if at < shard.trimmed:
            raise error("TrimmedDataAccessException")
        records = shard.records[at : at + min(self.limit, Limit)]
        answer = {"Records": records}
        if not (shard.closed and at + len(records) == len(shard.records)):
            answer["NextShardIterator"] = self._iterator(shard, at + len(records))
        return answer


def error(code):
    """Return an error in the form of botocore."""
    return ClientError({"Error": {"Code": code, "Message": "-"}}, "GetRecords")
