"""A server that answers each request in the way that a script names: whole, cut off, late, damaged, or not at all."""

import json
import re
import socket
import struct
import threading
import time
import zlib
from contextlib import contextmanager

BODY = json.dumps({"Item": {"PK": {"S": "a"}, "value": {"B": "AAE="}}}).encode()
"""The body of a good answer."""

MANY = 100_000
"""Bytes that are more than one packet."""


def answer(body=BODY, status="200 OK", *, checksum=True, **headers):
    """Return the bytes of an answer."""
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/x-amz-json-1.0", f"Content-Length: {len(body)}"]
    if checksum:
        lines.append(f"x-amz-crc32: {zlib.crc32(body)}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def refusal(code, status="400 Bad Request", **more):
    """Return the bytes of a refusal."""
    body = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "scripted", **more}).encode()
    return answer(body, status)


def chunked(body=BODY, size=7):
    """Return a good answer whose body is chunked."""
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    framed = b"".join(f"{len(each):x}\r\n".encode() + each + b"\r\n" for each in parts)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + framed + b"0\r\n\r\n"


class Close(Exception):
    """The server closes the connection."""


def _reset(connection):
    # With a linger time of zero, close() sends a reset.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise Close


def _send(data, *, close=False):
    def behave(connection):
        connection.sendall(data)
        if close:
            raise Close

    return behave


def _slowly(connection):
    for byte in answer():
        connection.sendall(bytes([byte]))


def _in_silence(connection):
    time.sleep(1.0)
    raise Close


def _close(connection):
    raise Close


_GOOD = answer()
_HEADERS = len(_GOOD) - len(BODY)

BEHAVIORS = {
    "good": _send(_GOOD),
    "empty": _send(answer(b"{}")),
    "byte by byte": _slowly,
    "chunked": _send(chunked()),
    "informational": _send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + _GOOD),
    "odd case of headers": _send(_GOOD.replace(b"Content-Length", b"cOnTeNt-LeNgTh").replace(b"x-amz", b"X-Amz")),
    "said to close": _send(answer(Connection="close"), close=True),
    "closed after it": _send(_GOOD, close=True),
    "until the end": _send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + BODY, close=True),
    "bytes after it": _send(_GOOD + b"HTTP/1.1 200 OK\r\n"),
    "dropped": _close,
    "reset": _reset,
    "cut in the headers": _send(_GOOD[: _HEADERS - 9], close=True),
    "cut in the body": _send(_GOOD[:-9], close=True),
    "cut in a chunk": _send(chunked()[:-20], close=True),
    "wrong checksum": _send(answer(x_amz_crc32="1", checksum=False)),
    "truncated JSON": _send(answer(BODY[:-2], checksum=False)),
    "another answer": _send(answer(b'{"Table": {}}')),
    "an error with 200": _send(answer(b'{"__type": "com.amazon#Throttling"}')),
    "a list": _send(answer(b"[]")),
    "204": _send(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "HTML": _send(answer(b"<html><body>Sign in</body></html>", checksum=False)),
    "400 with HTML": _send(answer(b"<html>", "400 Bad Request", checksum=False)),
    "500": _send(refusal("InternalServerError", "500 Internal Server Error")),
    "503 without a body": _send(answer(b"", "503 Service Unavailable")),
    "413": _send(answer(b"", "413 Payload Too Large")),
    "throttled": _send(refusal("ProvisionedThroughputExceededException")),
    "conflict": _send(refusal("TransactionConflictException")),
    "expired": _send(refusal("ExpiredTokenException")),
    "skewed": _send(refusal("InvalidSignatureException")),
    "invalid": _send(refusal("ValidationException")),
    "failed condition": _send(refusal("ConditionalCheckFailedException", Item={"PK": {"S": "a"}, "b": {"B": "AAE="}})),
    "cancelled": _send(
        refusal(
            "TransactionCanceledException",
            CancellationReasons=[{"Code": "None"}, {"Code": "ConditionalCheckFailed", "Item": {"b": {"B": "AAE="}}}],
        )
    ),
    "silence": _in_silence,
    "silence in the body": lambda connection: (connection.sendall(_GOOD[:-9]), _in_silence(connection)),
    "garbage": _send(b"SSH-2.0-OpenSSH_9.2\r\n", close=True),
    "huge headers": _send(b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * (300 * 1024) + b"\r\n\r\n", close=True),
}
"""The reactions of the server to a request, by name."""


class FaultyServer:
    """The server: `script` has the behaviors of the next requests, and the later ones are good.

    `asked` has the behaviors of the requests so far.

    `headers` has the headers of the last request.
    """

    def __init__(self, listener):
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.asked = []
        self.script = []
        self.headers = {}
        self.connections = 0
        self.open = set()
        self._lock = threading.Lock()

    def serve(self, connection):
        """Answer the requests of one connection."""
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            buffer = b""
            try:
                while True:
                    while b"\r\n\r\n" not in buffer:
                        buffer += self._received(connection)
                    head, _, rest = buffer.partition(b"\r\n\r\n")
                    length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
                    while len(rest) < length:
                        rest += self._received(connection)
                    buffer = rest[length:]
                    with self._lock:
                        name = self.script.pop(0) if self.script else "good"
                        self.asked.append(name)
                        lines = (line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
                        self.headers = {key.decode().lower(): value.decode() for key, value in lines}
                    BEHAVIORS[name](connection)
            except (Close, OSError):
                return
            finally:
                self.open.discard(connection)

    @staticmethod
    def _received(connection):
        data = connection.recv(65536)
        if not data:
            raise Close
        return data


@contextmanager
def faulty(tls=None):
    """Run a server in threads of this process.

    Args:
        tls: The context of its TLS connections; None for plain HTTP.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        server = FaultyServer(listener)

        def accept():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                if tls is not None:
                    try:
                        connection = tls.wrap_socket(connection, server_side=True)
                    except OSError:
                        continue
                server.connections += 1
                server.open.add(connection)
                threading.Thread(target=server.serve, args=[connection], daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for each in list(server.open):
                each.close()
