"""A pool of sockets for threads: the connection that was used last is used first."""

from __future__ import annotations

import socket
import weakref
from collections import deque
from time import monotonic

from urllib3.util.wait import wait_for_read

from singletable.steps import mark_sent
from singletable.transport.http import AnswerReader, HttpAnswer
from singletable.transport.origin import Origin

__all__ = ["SocketPool"]

_CHUNK = 64 * 1024


class SocketPool:
    """The connections of all threads to one server.

    A thread that finds no idle connection opens one, so the number of threads bounds the connections in use. At most
    `origin.connections` idle ones are kept.

    Args:
        origin: The server.
    """

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        # append() and pop() of a deque are atomic.
        self._idle: deque[_Connection] = deque()
        weakref.finalize(self, _close_all, self._idle)

    def exchange(self, request: bytes, timeout: float) -> HttpAnswer:
        """Send a request, and return the answer.

        Args:
            request: The bytes of the request.
            timeout: Seconds to wait for each part of the answer.

        Raises:
            HTTPClientError: botocore's error for the fault; see `Origin.connecting` and `Origin.exchanging`.
        """
        connection = self._take()
        if connection is None:
            with self._origin.connecting():
                connection = _Connection(self._origin)
        try:
            answer = connection.exchange(request, timeout, self._origin)
        except BaseException as error:
            connection.close()
            if not isinstance(error, Exception):
                mark_sent(error)
            raise
        self._give_back(connection)
        return answer

    def close(self) -> None:
        """Close the idle connections."""
        _close_all(self._idle)

    def _take(self) -> _Connection | None:
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread took the last one
                return None
            if connection.is_usable(self._origin.idle):
                return connection
            connection.close()
        return None

    def _give_back(self, connection: _Connection) -> None:
        if connection.reader.reusable and len(self._idle) < self._origin.connections:
            connection.idle_since = monotonic()
            self._idle.append(connection)
        else:
            connection.close()


def _close_all(idle: deque[_Connection]) -> None:
    while idle:
        try:
            idle.pop().close()
        except IndexError:  # another thread took the last one
            return


class _Connection:
    """One connection.

    Args:
        origin: The server.

    Raises:
        OSError: The connection cannot be made.
    """

    def __init__(self, origin: Origin) -> None:
        self.reader = AnswerReader()
        self.idle_since = 0.0
        self._timeout = origin.connect_timeout
        made = socket.create_connection((origin.host, origin.port), self._timeout)
        try:
            for option in origin.socket_options:
                made.setsockopt(*option)
            self._socket = made if origin.tls is None else origin.tls.wrap_socket(made, server_hostname=origin.host)
        except BaseException:
            made.close()
            raise

    def is_usable(self, idle: float) -> bool:
        """Return whether the connection is open, and has not been idle for too long.

        Bytes that arrive before a request are the end of the connection, or do not belong to an answer.
        """
        return monotonic() - self.idle_since < idle and not wait_for_read(self._socket, timeout=0.0)

    def exchange(self, request: bytes, timeout: float, origin: Origin) -> HttpAnswer:
        """Send a request, and return the answer."""
        reader, sock = self.reader, self._socket
        reader.begin()
        with origin.exchanging():
            if timeout != self._timeout:
                sock.settimeout(timeout)
                self._timeout = timeout
            sock.sendall(request)
            while True:
                data = sock.recv(_CHUNK)
                if reader.feed(data) if data else reader.end():
                    return reader.answer()
                if not data:
                    raise EOFError("The server closed the connection.")

    def close(self) -> None:
        """Close the connection; an exchange of another thread ends with an error."""
        self._socket.close()
