"""HTTP/1.1: the bytes of a request, and the answer in the bytes of a connection.

The parser is llhttp, which Node.js uses, in the package httptools. See docs/decisions/0022 for the choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

__all__ = ["MOST_BODY", "AnswerReader", "HttpAnswer", "MalformedAnswerError", "request_bytes"]

MOST_BODY = 160 * 1024 * 1024
"""The most bytes of a body that are kept.

An answer has at most 16 MB of items (BatchGetItem). JSON needs at most ten bytes for each byte that DynamoDB counts:
`{"S":""},` for an empty text in a list.
"""

_MOST_BEFORE_BODY = 64 * 1024
"""The most bytes before a body: the headers, and the informational answers (1xx) before them."""


class MalformedAnswerError(Exception):
    """The bytes of a connection are not the answer to a request."""


class HttpAnswer:
    """An HTTP answer.

    Args:
        status: The status.
        pairs: The headers, as they arrived.
        body: The body.
    """

    __slots__ = ("_pairs", "body", "status")

    def __init__(self, status: int, pairs: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.status = status
        self._pairs = pairs
        self.body = body

    @property
    def headers(self) -> dict[str, str]:
        """The headers, by their names in lower case; repeated headers are joined by commas."""
        headers: dict[str, str] = {}
        for raw, value in self._pairs:
            name, text = raw.decode("latin-1").lower(), value.decode("latin-1")
            headers[name] = f"{headers[name]}, {text}" if name in headers else text
        return headers


def request_bytes(path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """Return the bytes of a POST request.

    Raises:
        ValueError: A header contains a line break, or a character that no header can have.
    """
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if lines.count("\n") != len(headers) or lines.count("\r") != len(headers):
        broken = next(name for name, value in headers.items() if {"\r", "\n"} & {*name, *value})
        raise ValueError(f"The header {broken.split()[0]!r} contains a line break.")
    return f"POST {path} HTTP/1.1\r\n{lines}content-length: {len(body)}\r\n\r\n".encode("latin-1") + body


class AnswerReader:
    """Reads the answers in the bytes of one connection, one after the other.

    `begin()` is called before each request. Then `feed()` takes bytes until it returns True; `answer()` returns the
    answer, and `reusable` whether the connection can take another request.
    """

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)
        self.begin()

    def begin(self) -> None:
        """Forget the answer before; its connection is about to send another request."""
        self._pairs: list[tuple[bytes, bytes]] = []
        self._parts: list[bytes] = []
        self._size = 0
        self._bytes_before_body = 0
        self._has_headers = False
        self._is_complete = False
        self.reusable = False

    def feed(self, data: bytes) -> bool:
        """Take bytes, and return whether the answer is complete.

        Raises:
            MalformedAnswerError: They are not HTTP, or are more than an answer may have.
        """
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            if not self._is_complete:
                # If a callback raised an error, that is the context of the parser's.
                raise MalformedAnswerError(str(error.__context__ or error)) from error
            # Bytes follow the answer, which is whole.
            self.reusable = False
        if not self._has_headers:
            self._bytes_before_body += len(data)
            if self._bytes_before_body > _MOST_BEFORE_BODY:
                raise MalformedAnswerError(f"The answer has over {_MOST_BEFORE_BODY:,} bytes of headers.")
        return self._is_complete

    def end(self) -> bool:
        """Take the end of the bytes, and return whether it ends an answer.

        It does if the headers have arrived and the body is not chunked: either the headers give no length, or the body
        is cut off, which its checksum shows. The SDK's HTTP client, urllib3, reads both in the same way.
        """
        if self._has_headers and not any(name.lower() == b"transfer-encoding" for name, _ in self._pairs):
            self._is_complete = True
        return self._is_complete

    def answer(self) -> HttpAnswer:
        """Return the complete answer."""
        parts = self._parts
        return HttpAnswer(self._parser.get_status_code(), self._pairs, parts[0] if len(parts) == 1 else b"".join(parts))

    # --- called by the parser -----------------------------------------------------

    def on_message_begin(self) -> None:
        """Stop the parser if bytes follow the answer."""
        if self._is_complete:
            raise MalformedAnswerError

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        self._pairs.append((name, value))

    def on_headers_complete(self) -> None:
        """Note that the body follows, unless the answer is informational."""
        self._has_headers = self._parser.get_status_code() >= HTTPStatus.OK

    def on_body(self, data: bytes) -> None:
        """Keep a part of the body."""
        self._size += len(data)
        if self._size > MOST_BODY:
            raise MalformedAnswerError(f"The answer has over {MOST_BODY:,} bytes.")
        self._parts.append(data)

    def on_message_complete(self) -> None:
        """Note the end of the answer; an informational answer is not the end."""
        if self._has_headers:
            self._is_complete = True
            self.reusable = self._parser.should_keep_alive()
        else:
            self._pairs = []
