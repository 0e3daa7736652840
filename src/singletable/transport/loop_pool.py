"""A pool of connections for one event loop: the connection that was used last is used first."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from typing import Any, cast

from singletable.steps import mark_sent
from singletable.transport.http import AnswerReader, HttpAnswer
from singletable.transport.origin import Origin

__all__ = ["LoopPool"]


class LoopPool:
    """The connections of the running event loop to one server; at most `origin.connections` are open.

    Requests that find all connections in use wait, and get one in the order in which they asked. When the loop ends
    (`asyncio.run`), the connections are closed.

    Args:
        origin: The server.
    """

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._loop = asyncio.get_running_loop()
        self._idle: deque[_Connection] = deque()
        self._open = 0
        self._waiting: deque[asyncio.Future[_Connection | None]] = deque()
        self._guard: AsyncGenerator[None, None] | None = None

    async def exchange(self, request: bytes, timeout: float) -> HttpAnswer:
        """Send a request, and return the answer.

        If the task is cancelled, the connection is closed, since its answer may still arrive.

        Args:
            request: The bytes of the request.
            timeout: Seconds to wait for each part of the answer.

        Raises:
            HTTPClientError: botocore's error for the fault; see `Origin.connecting` and `Origin.exchanging`.
        """
        if self._guard is None:
            self._guard = self._close_with_loop()
            await anext(self._guard)
        connection = await self._acquire()
        try:
            if connection is None or not connection.is_usable(self._origin.idle):
                connection = await self._connect(connection)
            with self._origin.exchanging():
                answer = await connection.exchange(request, timeout)
        except BaseException:
            if connection is not None:
                connection.close()
            self._release(None)
            raise
        if not connection.reusable:
            connection.close()
            self._release(None)
        else:
            self._release(connection)
        return answer

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()
            self._open -= 1

    # --- a place for each open connection ---------------------------------------------

    async def _acquire(self) -> _Connection | None:
        """Return an idle connection, or None if the caller may open one."""
        if not self._waiting:
            if self._idle:
                return self._idle.pop()
            if self._open < self._origin.connections:
                self._open += 1
                return None
        turn = self._loop.create_future()
        self._waiting.append(turn)
        try:
            return cast("_Connection | None", await turn)
        except BaseException:
            if turn.done() and not turn.cancelled():
                # The place was given to a task that is cancelled before it runs again.
                self._release(turn.result())
            raise

    def _release(self, connection: _Connection | None) -> None:
        """Pass a place on, with its connection if that is open."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return
        if connection is None:
            self._open -= 1
            return
        self._idle.append(connection)
        if not self._idle[0].is_usable(self._origin.idle):
            self._idle.popleft().close()
            self._open -= 1

    async def _connect(self, unusable: _Connection | None) -> _Connection:
        if unusable is not None:
            unusable.close()
        origin = self._origin
        with origin.connecting():
            connecting = self._loop.create_task(
                self._loop.create_connection(
                    _Connection,
                    origin.host,
                    origin.port,
                    ssl=origin.tls,
                    server_hostname=origin.host if origin.tls else None,
                )
            )
            try:
                await asyncio.wait({connecting}, timeout=origin.connect_timeout)
                if not connecting.done():
                    raise TimeoutError(f"No connection within {origin.connect_timeout:g} seconds.")
            except BaseException:
                # A connection may be made while the task is being cancelled.
                connecting.cancel()
                connecting.add_done_callback(_close_made)
                raise
            transport, connection = connecting.result()
            try:
                for option in origin.socket_options:
                    transport.get_extra_info("socket").setsockopt(*option)
            except BaseException:
                connection.close()
                raise
        return connection

    async def _close_with_loop(self) -> AsyncGenerator[None, None]:
        """Close the connections when the loop shuts down its asynchronous generators, of which this is one."""
        try:
            yield
        finally:
            self.close()
            # The loop closes the sockets in its next iteration.
            await asyncio.sleep(0)


def _close_made(connecting: asyncio.Task[Any]) -> None:
    """Close a connection for which no task waits any more."""
    if not connecting.cancelled() and connecting.exception() is None:
        connecting.result()[1].close()


class _Connection(asyncio.Protocol):
    """One connection, which has at most one request in progress."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._reader = AnswerReader()
        self._answered: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._timeout = 0.0
        self._active_at = 0.0
        self._alarm: asyncio.TimerHandle | None = None

    @property
    def reusable(self) -> bool:
        """Whether it can take another request after the last answer."""
        return self._reader.reusable and self._transport is not None

    def is_usable(self, idle: float) -> bool:
        """Return whether it is open, and has not been idle for too long."""
        return (
            self._transport is not None
            and not self._transport.is_closing()
            and self._loop.time() - self._active_at < idle
        )

    async def exchange(self, request: bytes, timeout: float) -> HttpAnswer:
        """Send a request, and return the answer.

        Raises:
            OSError: The connection failed, or nothing arrived for too long.
            EOFError: The server closed the connection.
            MalformedAnswerError: The bytes are not an answer.
        """
        if self._transport is None:
            raise EOFError("The server closed the connection.")
        self._reader.begin()
        answered = self._answered = self._loop.create_future()
        self._timeout, self._active_at = timeout, self._loop.time()
        self._set_alarm(self._active_at + timeout)
        self._transport.write(request)
        try:
            await answered
        except asyncio.CancelledError as error:
            mark_sent(error)
            raise
        finally:
            self._answered = None
        self._active_at = self._loop.time()
        return self._reader.answer()

    def close(self) -> None:
        """Close the connection at once; a request in progress is not answered."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    # --- called by the event loop -----------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.Transport", transport)
        self._active_at = self._loop.time()

    def data_received(self, data: bytes) -> None:
        """Read a part of the answer."""
        if self._answered is None:
            # Nothing was asked, so these bytes do not belong to an answer.
            self.close()
            return
        self._active_at = self._loop.time()
        try:
            complete = self._reader.feed(data)
        except Exception as error:
            self._end(error)
        else:
            if complete:
                self._end(None)

    def eof_received(self) -> None:
        """Read the end of the bytes; the loop then closes the connection."""
        self._end_of_bytes(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection is closed."""
        self._end_of_bytes(exc)
        self.close()

    # --- inside -----------------------------------------------------------------------

    def _end_of_bytes(self, error: Exception | None) -> None:
        if self._answered is not None and not self._answered.done():
            whole = error is None and self._reader.end()
            self._end(None if whole else error or EOFError("The server closed the connection."))

    def _end(self, error: Exception | None) -> None:
        if self._answered is None or self._answered.done():
            return
        if error is None:
            self._answered.set_result(None)
        else:
            self._answered.set_exception(error)

    def _set_alarm(self, time: float) -> None:
        """Have the time-out checked at a time. One timer serves many requests, which is cheaper than one for each."""
        if self._alarm is not None:
            if self._alarm.when() <= time:
                return
            self._alarm.cancel()
        self._alarm = self._loop.call_at(time, self._check_time)

    def _check_time(self) -> None:
        self._alarm = None
        if self._answered is None:
            return
        deadline = self._active_at + self._timeout
        if self._loop.time() >= deadline:
            self._end(TimeoutError(f"Nothing arrived for {self._timeout:g} seconds."))
        else:
            self._set_alarm(deadline)
