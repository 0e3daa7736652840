"""The reader: shards, their children, checkpoints, throttling and lost records."""

import json
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import ShopTable
from singletable.engine import embedded
from singletable.errors import StreamMissingError, StreamTrimmedError, ThrottledError
from singletable.streams import Checkpoints, FileCheckpoints, StreamReader
from singletable.streams.client import StreamsClient
from singletable.streams.reader import LATEST, TRIM_HORIZON
from tests.framework.streams.shards import ARN, FakeStream, error


def reader_of(stream, **options):
    return StreamReader(stream, ARN, clock=lambda: stream.now, **options)


def read(reader, polls=20):
    """Return the numbers of the records that some polls find."""
    return [
        int(each["dynamodb"]["SequenceNumber"])
        for _ in range(polls)
        for batch in reader.poll()
        for each in batch.records
    ]


def test_children_are_read_behind_their_parents():
    """Also if they are listed on another page than their parents."""
    stream = FakeStream(page=1)
    for number in range(12):
        stream.write(number)
        if number % 4 == 3:
            stream.reshard()
    seen = []
    reader = reader_of(stream)
    for _ in range(20):
        for batch in reader.poll():
            seen += [(int(each["dynamodb"]["Keys"]["PK"]["S"]), batch.shard) for each in batch.records]
    assert list(range(12)) == sorted(number for number, _ in seen)
    assert list(range(4)) == [number for number, _ in seen[:4]]
    assert {4, 5, 6, 7} == {number for number, _ in seen[4:8]}


def test_a_new_shard_is_found_at_once():
    """The end of its parent shows that it may exist. Without an end the shards are listed again after a minute."""
    stream = FakeStream()
    reader = reader_of(stream)
    read(reader)
    listed = stream.calls.count("describe_stream")
    read(reader)
    assert listed == stream.calls.count("describe_stream")
    stream.reshard()
    stream.write(1)
    assert [101] == read(reader, polls=3)
    stream.now += 61
    before = stream.calls.count("describe_stream")
    read(reader, polls=1)
    assert before < stream.calls.count("describe_stream")


def test_from_now_on():
    """Earlier records are left out; later ones are read, in the shard and in its children."""
    stream = FakeStream()
    stream.write(1)
    stream.reshard()
    stream.write(2)
    reader = reader_of(stream, start=LATEST).open()
    stream.write(3)
    stream.reshard()
    stream.write(4)
    assert [103, 104] == read(reader)


def test_from_now_on_of_a_stream_that_has_no_shard_yet():
    """All records of the first shard are read."""
    stream = FakeStream()
    first, stream.shards = stream.shards, []
    reader = reader_of(stream, start=LATEST).open()
    stream.shards = first
    stream.write(1)
    stream.now += 61
    assert [101] == read(reader)


def test_from_now_on_while_a_shard_splits():
    """The shard and its children are listed as open. The children are read after it, from their beginning."""
    stream = FakeStream(page=1)
    list_page = stream._describe_stream

    def splitting(**arguments):
        told = list_page(**arguments)
        if len(stream.shards) == 1:
            stream.reshard()
            told["StreamDescription"]["LastEvaluatedShardId"] = "shardId-0000"
        return told

    stream._describe_stream = splitting
    reader = reader_of(stream, start=LATEST).open()
    stream.write(0)
    stream.write(1)
    assert [101, 102] == sorted(read(reader))


def test_from_now_on_with_an_iterator_that_expires_before_it_is_used():
    """The next iterator does not skip records."""
    stream = FakeStream()
    reader = reader_of(stream, start=LATEST).open()
    stream.write(1)
    stream.faults = ["expired"]
    assert [101] == read(reader)


def test_from_now_on_goes_on_there_after_a_stop():
    """Records from after the start are read, also if the stop came before the first one; old records are not."""
    stream, checkpoints = FakeStream(), Checkpoints()
    stream.write(1)
    stream.now += 3600
    assert [] == read(reader_of(stream, start=LATEST, checkpoints=checkpoints).open())
    stream.now += 3600
    stream.write(2)
    assert [102] == read(reader_of(stream, start=LATEST, checkpoints=checkpoints).open())
    stream.write(3)
    assert [103] == read(reader_of(stream, start=TRIM_HORIZON, checkpoints=checkpoints).open())


def test_a_batch_that_is_not_finished_comes_again():
    """If the generator is closed at a batch, the batch does not count as read."""
    stream, checkpoints = FakeStream(limit=2), Checkpoints()
    for number in range(4):
        stream.write(number)
    first = reader_of(stream, checkpoints=checkpoints)
    assert [101, 102] == read(first, polls=1)
    with pytest.raises(RuntimeError):
        for _ in first.poll():
            raise RuntimeError("a crash")
    assert [103, 104] == read(first)
    assert [] == read(reader_of(stream, checkpoints=checkpoints))


def test_an_iterator_that_has_expired_is_made_anew():
    """Iterators live for 15 minutes."""
    stream = FakeStream(limit=1)
    for number in range(3):
        stream.write(number)
    stream.faults = [None, "expired", None, None, "throttled"]
    assert [101, 102, 103] == read(reader_of(stream))


def test_a_stream_that_throttles_is_asked_again():
    """For shards, iterators and records; known shards are read meanwhile."""
    stream = FakeStream()
    reader = reader_of(stream).open()
    stream.write(1)
    stream.faults = ["expired"]
    stream.throttled = ["get_shard_iterator", "describe_stream"]
    stream.now += 61
    assert [101] == read(reader, polls=3)
    assert [] == stream.throttled
    stream.reshard()
    stream.write(1)
    stream.throttled = ["describe_stream", "get_shard_iterator"]
    assert [102] == read(reader, polls=4)


def test_the_streams_own_word_for_throttling():
    """GetRecords has its own error code (API Reference, "GetRecords")."""

    class Limited:
        def get_records(self):
            raise error("LimitExceededException")

    with embedded(ShopTable):
        client = StreamsClient(ShopTable)
        client._client = Limited()
        with pytest.raises(ThrottledError, match=r"GetRecords of DynamoDB Streams was throttled \(Limit"):
            client.call("get_records")


def test_records_that_are_gone_are_told():
    """They are reported, and skipped only with `accept_gaps`."""
    stream, checkpoints = FakeStream(limit=1), Checkpoints()
    for number in range(4):
        stream.write(number)
    reader = reader_of(stream, checkpoints=checkpoints)
    assert [101] == read(reader, polls=1)
    stream.trim()
    stream.write(5)
    for behind in (reader, reader_of(stream, checkpoints=checkpoints)):
        with pytest.raises(
            StreamTrimmedError, match="shardId-0000 were removed before they were read.* --accept-gaps"
        ) as caught:
            read(behind, polls=1)
        assert "shardId-0000" == caught.value.shard
    assert [105] == read(reader_of(stream, checkpoints=checkpoints, accept_gaps=True))


def test_a_shard_that_is_gone_before_it_was_read_is_a_gap_too():
    """A closed shard leaves the list with its last record."""
    stream, checkpoints = FakeStream(limit=1), Checkpoints()
    stream.write(1)
    stream.write(2)
    read(reader_of(stream, checkpoints=checkpoints), polls=1)
    stream.reshard()
    stream.trim()
    with pytest.raises(StreamTrimmedError, match="shardId-0000"):
        reader_of(stream, checkpoints=checkpoints).open()


def test_what_was_read_to_its_end_may_go():
    """Its checkpoint is removed, so that checkpoints do not grow forever."""
    stream, checkpoints = FakeStream(), Checkpoints()
    stream.write(1)
    stream.reshard()
    read(reader_of(stream, checkpoints=checkpoints))
    assert "ended" == checkpoints.of(ARN)["shardId-0000"]
    stream.trim()
    read(reader_of(stream, checkpoints=checkpoints))
    assert "shardId-0000" not in checkpoints.of(ARN)


def test_a_stream_that_is_switched_off_ends():
    """After all of its records were read."""
    stream = FakeStream()
    stream.write(1)
    stream.disable()
    reader = reader_of(stream).open()
    assert not reader.ended
    assert [101] == read(reader)
    assert reader.ended


def test_checkpoints_in_a_file(tmp_path):
    """Another process continues where the first one stopped."""
    path, stream = tmp_path / "checkpoints.json", FakeStream()
    stream.write(1)
    assert [101] == read(reader_of(stream, checkpoints=FileCheckpoints(path)))
    stream.write(2)
    assert [102] == read(reader_of(stream, checkpoints=FileCheckpoints(path)))
    assert {"streams": {ARN: {"shardId-0000": "102"}}} == json.loads(path.read_text())
    assert [path] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"streams": 1}', '{"other": {}}', '{"streams": {"a": {"s": "@x"}}}', '{"streams": {"a": {"s": 1}}}'],
)
def test_a_file_of_something_else_is_refused(tmp_path, text):
    """The file is not changed."""
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(StreamMissingError, match="other.json does not hold checkpoints of streams"):
        FileCheckpoints(path)
    assert text == path.read_text()


def test_a_file_that_cannot_be_written(tmp_path):
    """It is reported before the first read, with its name and a remedy."""
    with pytest.raises(StreamMissingError, match=r"such.json cannot be written: .* Name a file in a writable folder"):
        FileCheckpoints(tmp_path / "no" / "such.json")


def test_a_file_is_whole_whenever_the_process_dies(tmp_path, monkeypatch):
    """The old file stays until the new one is complete."""
    path = tmp_path / "checkpoints.json"
    checkpoints = FileCheckpoints(path)
    checkpoints.save(ARN, "s", "1")

    def dies(self, text, **options):
        with open(self, "w", encoding="utf-8") as file:
            file.write(text[:5])
        raise SystemExit

    monkeypatch.setattr(Path, "write_text", dies)
    with pytest.raises(SystemExit):
        checkpoints.save(ARN, "s", "2")
    monkeypatch.undo()
    assert {"s": "1"} == FileCheckpoints(path).of(ARN)


STEPS = st.lists(
    st.one_of(
        st.integers(0, 7),
        st.sampled_from(["reshard", "poll", "poll", "restart", "crash", "expired", "throttled"]),
    ),
    max_size=60,
)


@given(STEPS)
def test_nothing_is_missed_and_nothing_overtakes(steps):
    """For any history of a stream and its reader; only records that a crash interrupted come twice."""
    stream, checkpoints = FakeStream(), Checkpoints()
    reader = reader_of(stream, checkpoints=checkpoints)
    written, seen = defaultdict(list), defaultdict(list)
    crashed, reshards = 0, 0

    def poll(reader, last=None):
        nonlocal crashed
        for batch in reader.poll():
            for each in batch.records:
                seen[each["dynamodb"]["Keys"]["PK"]["S"]].append(each["eventID"])
            if last == "crash":
                crashed += len(batch.records)
                return

    for step in steps:
        if isinstance(step, int):
            stream.write(step)
            written[str(step)].append(f"e{stream.sequence}")
        elif step == "reshard" and reshards < 3:
            stream.reshard()
            reshards += 1
        elif step in ("expired", "throttled"):
            stream.faults.append(step)
        elif step == "restart":
            reader = reader_of(stream, checkpoints=checkpoints)
        elif step in ("poll", "crash"):
            poll(reader, step)
    stream.faults.clear()
    stream.now += 61
    for _ in range(80):
        poll(reader)
    assert {key: list(dict.fromkeys(events)) for key, events in seen.items()} == dict(written)
    assert sum(map(len, seen.values())) - sum(map(len, written.values())) <= crashed
