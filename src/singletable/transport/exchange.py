"""Exchanges: the step that sends one request to a server and receives its answer, and the pools that it uses."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from singletable.forking import renewed_in_child
from singletable.transport.http import HttpAnswer
from singletable.transport.origin import Origin
from singletable.transport.socket_pool import SocketPool

if TYPE_CHECKING:
    import asyncio

    from singletable.transport.loop_pool import LoopPool

__all__ = ["Exchange", "Pools"]


class Pools:
    """The connections to one server: those of all threads, and those of each event loop.

    Args:
        origin: The server.
    """

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.renew()
        renewed_in_child(self)

    def renew(self) -> None:
        """Forget the connections of the parent process, which uses them."""
        self.sockets = SocketPool(self.origin)
        self._of_loops: dict[asyncio.AbstractEventLoop, LoopPool] = {}
        self._lock = Lock()

    def of_running_loop(self) -> LoopPool:
        """Return the pool of the running event loop."""
        import asyncio

        from singletable.transport.loop_pool import LoopPool

        loop = asyncio.get_running_loop()
        found = self._of_loops.get(loop)
        if found is None:
            with self._lock:
                # The connections of a loop that was closed are freed with their pool.
                self._of_loops = {each: pool for each, pool in self._of_loops.items() if not each.is_closed()}
                found = self._of_loops[loop] = LoopPool(self.origin)
        return found

    def close(self) -> None:
        """Close the idle connections."""
        self.sockets.close()
        for loop, pool in self._of_loops.items():
            if not loop.is_closed():
                loop.call_soon_threadsafe(pool.close)


class Exchange:
    """A step: one request, whose result is the `HttpAnswer`.

    Args:
        pools: The connections to the server.
        request: The bytes of the request.
        timeout: Seconds to wait for each part of the answer.

    Raises:
        HTTPClientError: botocore's error for the fault; see `Origin.connecting` and `Origin.exchanging`.
    """

    __slots__ = ("_pools", "_request", "_timeout")

    def __init__(self, pools: Pools, request: bytes, timeout: float) -> None:
        self._pools = pools
        self._request = request
        self._timeout = timeout

    def perform(self) -> HttpAnswer:
        """Exchange in the calling thread."""
        return self._pools.sockets.exchange(self._request, self._timeout)

    async def aperform(self) -> HttpAnswer:
        """Exchange on the running event loop."""
        return await self._pools.of_running_loop().exchange(self._request, self._timeout)
