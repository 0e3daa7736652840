"""HTTP/1.1: answers are the same however their bytes arrive, and hostile ones are refused within bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from singletable.transport import http
from singletable.transport.http import AnswerReader, MalformedAnswerError, request_bytes
from tests.framework.transport.faulty import BODY, answer, chunked

WHOLE = {
    "with a length": answer(),
    "chunked": chunked(),
    "chunked, with a trailer": chunked()[:-2] + b"X-Trailer: 1\r\n\r\n",
    "after informational ones": b"HTTP/1.1 100 Continue\r\nA: b\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + answer(),
}


def read(reader, *parts):
    """Feed parts of the bytes, and return whether an answer was complete after each."""
    return [reader.feed(each) for each in parts]


@pytest.mark.parametrize("name", WHOLE)
@given(data=st.data())
def test_any_split_gives_the_same_answer(name, data):
    """The bytes arrive in parts of any size; only the last part completes the answer."""
    whole = WHOLE[name]
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1), max_size=6)))
    parts = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    reader = AnswerReader()
    assert [False] * (len(parts) - 1) + [True] == read(reader, *parts)
    found = reader.answer()
    assert (200, BODY, True) == (found.status, found.body, reader.reusable)
    assert "a" not in found.headers


def test_one_reader_reads_many_answers():
    """A connection is used again."""
    reader = AnswerReader()
    for body in (b"{}", b"", BODY, b"[1]"):
        reader.begin()
        assert [True] == read(reader, answer(body))
        assert body == reader.answer().body
        assert reader.reusable


def test_headers():
    """Names are in lower case, and repeated headers are joined."""
    reader = AnswerReader()
    read(reader, b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nCONTENT-length: 0\r\nX-Latin: \xe9\r\n\r\n")
    assert {"x-a": "1, 2", "content-length": "0", "x-latin": "é"} == reader.answer().headers


@pytest.mark.parametrize(
    "sent",
    [answer(Connection="close"), answer().replace(b"HTTP/1.1", b"HTTP/1.0"), answer() + b"HTTP/1.1 2"],
    ids=["said to close", "HTTP/1.0", "bytes after it"],
)
def test_a_connection_that_is_not_used_again(sent):
    """The answer is good."""
    reader = AnswerReader()
    assert [True] == read(reader, sent)
    assert not reader.reusable
    assert BODY == reader.answer().body


def test_the_end_of_the_bytes():
    """It ends an answer without a length, and cuts off one with a length; a chunked one or headers are incomplete."""
    cases = {
        b"HTTP/1.1 200 OK\r\n\r\n{}": True,
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}": True,
        chunked()[:-3]: False,
        b"HTTP/1.1 200 OK\r\nContent-Le": False,
        b"HTTP/1.1 100 Continue\r\n\r\n": False,
        b"": False,
    }
    for sent, expected in cases.items():
        reader = AnswerReader()
        assert not reader.feed(sent)
        assert expected == reader.end()
        assert not reader.reusable


@pytest.mark.parametrize(
    "sent",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"GET / HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 3_000,
    ],
    ids=lambda sent: repr(sent[:60]),
)
def test_bytes_that_are_not_an_answer(sent):
    """They raise, or wait for more: they never become an answer."""
    reader = AnswerReader()
    with pytest.raises(MalformedAnswerError):
        for at in range(0, len(sent), 1_000):
            assert not reader.feed(sent[at : at + 1_000])


def test_a_body_is_bounded(monkeypatch):
    """At most MOST_BODY bytes are kept, with a length or without."""
    monkeypatch.setattr(http, "MOST_BODY", 1_000)
    for head in (b"Content-Length: 2000\r\n", b"Transfer-Encoding: chunked\r\n", b""):
        reader = AnswerReader()
        reader.feed(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
        part = b"64\r\n" + b"x" * 100 + b"\r\n" if b"chunked" in head else b"x" * 100
        with pytest.raises(MalformedAnswerError, match="1,000 bytes"):
            for _ in range(11):
                reader.feed(part)
        assert sum(map(len, reader._parts)) <= 1_000


def test_a_request():
    """The bytes of a request, with its length."""
    assert b"POST /path HTTP/1.1\r\nhost: h\r\nx-a: b\r\ncontent-length: 3\r\n\r\n\xc3\xbc!" == request_bytes(
        "/path", {"host": "h", "x-a": "b"}, "ü!".encode()
    )
