"""Pools: connections are used again, never with another request's answer, and are closed in the end."""

import asyncio
import gc
import os
import random
import ssl
import subprocess
import threading
import time

import pytest
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
    SSLError,
)

from singletable.steps import Together, arun, run
from singletable.transport.exchange import Exchange, Pools
from singletable.transport.http import request_bytes
from singletable.transport.origin import Origin
from tests.framework.transport.faulty import BEHAVIORS, BODY, answer, faulty


@pytest.fixture
def server():
    with faulty() as running:
        yield running


def request(number=0):
    """Return the bytes of a request with a number as its body."""
    return request_bytes("/", {"host": "h"}, str(number).encode())


def exchange(pools, number=0, timeout=2.0):
    answered = yield Exchange(pools, request(number), timeout)
    return answered


def sockets():
    """Return the number of this process's open sockets."""
    gc.collect()
    links = []
    for each in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{each}"))
        except OSError:  # the descriptor of the listing itself
            continue
    return sum(link.startswith("socket:") for link in links)


# --- threads --------------------------------------------------------------------------


def test_a_connection_is_used_again(server):
    """Requests one after the other use one connection."""
    pools = Pools(Origin(server.url))
    for _ in range(5):
        assert BODY == run(exchange(pools)).body
    assert 1 == server.connections
    pools.close()


def test_the_last_connection_is_used_first(server):
    """So that the others become idle, and are closed."""
    pools = Pools(Origin(server.url))
    run(_at_once(pools, 3))
    before = server.connections
    idle = [*pools.sockets._idle]
    run(exchange(pools))
    assert idle == [*pools.sockets._idle]
    assert before == server.connections
    pools.close()


def _at_once(pools, count):
    return (yield Together([exchange(pools, number) for number in range(count)], at_most=count))


def test_idle_connections_are_bounded(server):
    """More connections than `connections` are closed after their requests."""
    pools = Pools(Origin(server.url, connections=2))
    server.script[:] = ["byte by byte"] * 8
    run(_at_once(pools, 8))
    assert len(pools.sockets._idle) <= 2
    pools.close()


def test_a_connection_that_was_closed_while_idle(server):
    """The next request opens another one, and does not fail."""
    pools = Pools(Origin(server.url))
    server.script[:] = ["closed after it"]
    run(exchange(pools))
    _until(lambda: not server.open)
    assert 200 == run(exchange(pools)).status
    assert 2 == server.connections
    pools.close()


def test_a_connection_that_was_idle_for_too_long(server):
    """It is closed, since the network may have forgotten it."""
    pools = Pools(Origin(server.url, idle=0.0))
    run(exchange(pools))
    run(exchange(pools))
    assert 2 == server.connections
    pools.close()


def test_bytes_that_nobody_asked_for(server):
    """They arrive while the connection is idle; they are not the answer to the next request."""
    pools = Pools(Origin(server.url))
    run(exchange(pools))
    for each in list(server.open):
        each.sendall(answer(b"stale"))
    time.sleep(0.05)
    assert BODY == run(exchange(pools)).body
    assert 2 == server.connections
    pools.close()


def test_sixteen_threads(server):
    """Each thread gets its own answers."""
    pools, wrong = Pools(Origin(server.url)), []

    def work():
        for _ in range(50):
            if run(exchange(pools)).body != BODY:
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not wrong
    assert 800 == len(server.asked)
    assert server.connections < 800
    pools.close()


def test_close_closes_all(server):
    """No socket of an idle connection stays open, also if the pool is only forgotten."""
    before = sockets()
    pools = Pools(Origin(server.url))
    run(_at_once(pools, 4))
    pools.close()
    forgotten = Pools(Origin(server.url))
    run(exchange(forgotten))
    del forgotten
    _until(lambda: not server.open)
    assert before == sockets()


# --- event loops ----------------------------------------------------------------------


def test_an_event_loop_has_its_own_connections(server):
    """Several loops and threads share one `Pools`."""
    pools = Pools(Origin(server.url))

    async def main():
        for _ in range(3):
            assert BODY == (await arun(exchange(pools))).body

    run(exchange(pools))
    threads = [threading.Thread(target=asyncio.run, args=[main()]) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    run(exchange(pools))
    assert 4 == server.connections
    pools.close()


@pytest.mark.parametrize("connections", [1, 2])
def test_requests_wait_for_a_connection(server, connections):
    """No more are open than `connections`; requests get one in the order in which they asked."""
    pools, ended = Pools(Origin(server.url, connections=connections)), []

    async def one(number):
        await arun(exchange(pools, number))
        ended.append(number)

    async def main():
        await asyncio.gather(*map(one, range(10)))

    asyncio.run(main())
    assert connections == server.connections
    assert [*range(10)] == (ended if connections == 1 else sorted(ended))


def test_the_end_of_a_loop_closes_its_connections(server):
    """No socket stays open, and no warning is raised."""
    before = sockets()
    pools = Pools(Origin(server.url))

    async def main():
        await arun(_at_once(pools, 5))
        assert sockets() > before

    asyncio.run(main())
    _until(lambda: not server.open)
    assert before == sockets()


@pytest.mark.parametrize("seed", range(4))
def test_random_cancellation(server, seed):
    """300 requests over 10 connections, of which some are cancelled: the others succeed, and the pool is whole."""
    rng = random.Random(seed)
    pools = Pools(Origin(server.url, connections=10))
    server.script[:] = [rng.choice(["good", "good", "byte by byte", "chunked", "said to close"]) for _ in range(300)]

    async def main():
        tasks = [asyncio.create_task(arun(exchange(pools, number))) for number in range(300)]
        doomed = {number for number in range(300) if rng.random() < 0.3}
        for number in sorted(doomed, key=lambda _: rng.random()):
            await asyncio.sleep(rng.choice([0, 0, 0.001]))
            tasks[number].cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        for number, each in enumerate(found):
            if isinstance(each, asyncio.CancelledError):
                assert number in doomed
            else:
                assert BODY == each.body
        pool = pools.of_running_loop()
        assert pool._open == len(pool._idle) <= 10
        assert not [turn for turn in pool._waiting if not turn.done()]
        # All places can be used again.
        server.script[:] = []
        again = await asyncio.gather(*[arun(exchange(pools, number)) for number in range(30)])
        assert [BODY] * 30 == [each.body for each in again]

    asyncio.run(main())


def test_a_cancelled_request_leaves_no_answer(server, monkeypatch):
    """The answer of a cancelled request never reaches the next one."""
    pools = Pools(Origin(server.url, connections=1))
    cancelled = threading.Event()
    monkeypatch.setitem(BEHAVIORS, "late", lambda socket: cancelled.wait(5) and socket.sendall(answer(b"late")))
    server.script[:] = ["late"]

    async def main():
        task = asyncio.create_task(arun(exchange(pools, 1)))
        while not server.asked:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        cancelled.set()
        assert BODY == (await arun(exchange(pools, 2))).body

    asyncio.run(main())
    assert 2 == server.connections


def test_bytes_that_nobody_asked_for_on_a_loop(server):
    """The connection is closed."""
    pools = Pools(Origin(server.url))

    async def main():
        await arun(exchange(pools))
        for each in list(server.open):
            each.sendall(answer(b"stale"))
        await asyncio.sleep(0.05)
        assert BODY == (await arun(exchange(pools))).body

    asyncio.run(main())
    assert 2 == server.connections


def test_one_timer_serves_many_requests(server):
    """A loop does not keep a timer for each request."""
    pools = Pools(Origin(server.url))

    async def main():
        for _ in range(300):
            await arun(exchange(pools, timeout=30))
        assert len(asyncio.get_running_loop()._scheduled) < 20

    asyncio.run(main())


def test_uvloop(server):
    """uvloop works in place of asyncio's loop."""
    uvloop = pytest.importorskip("uvloop")
    before = sockets()
    pools = Pools(Origin(server.url))

    async def main():
        assert [BODY] * 20 == [each.body for each in await arun(_at_once(pools, 20))]

    uvloop.run(main())
    _until(lambda: not server.open)
    assert before == sockets()


# --- faults ---------------------------------------------------------------------------


DRIVERS = {"thread": run, "event loop": lambda steps: asyncio.run(arun(steps))}
both = pytest.mark.parametrize("drive", DRIVERS.values(), ids=DRIVERS)


@both
def test_no_server(server, drive):
    """The error is botocore's, and has the URL."""
    with faulty() as gone:
        pass
    with pytest.raises(EndpointConnectionError, match=gone.url):
        drive(exchange(Pools(Origin(gone.url))))


@both
def test_no_such_host(drive):
    """A name that has no address."""
    with pytest.raises(EndpointConnectionError, match="no-such-host.invalid"):
        drive(exchange(Pools(Origin("http://no-such-host.invalid/"))))


@both
def test_no_connection_in_time(drive, monkeypatch):
    """A server whose queue is full does not accept the connection."""
    import socket

    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for each in (first, second):
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}/"
        started = time.monotonic()
        with pytest.raises(ConnectTimeoutError, match=url):
            drive(exchange(Pools(Origin(url, connect_timeout=0.2))))
        assert 0.2 <= time.monotonic() - started


@both
def test_no_answer_in_time(server, drive):
    """The connection is not used again."""
    pools = Pools(Origin(server.url))
    server.script[:] = ["silence"]

    def steps():
        with pytest.raises(ReadTimeoutError, match=server.url):
            yield from exchange(pools, timeout=0.1)
        return (yield from exchange(pools))

    assert BODY == drive(steps()).body
    assert 2 == server.connections
    pools.close()


@both
def test_an_answer_that_arrives_slowly(server, drive):
    """The time-out is for each part of the answer, as in botocore."""
    pools = Pools(Origin(server.url))
    server.script[:] = ["byte by byte"]
    assert BODY == drive(exchange(pools, timeout=0.1)).body
    pools.close()


@both
def test_a_closed_connection(server, drive):
    """The error says nothing about the request's content."""
    pools = Pools(Origin(server.url))
    server.script[:] = ["dropped"]
    with pytest.raises(ConnectionClosedError, match=server.url):
        drive(exchange(pools))
    pools.close()


def test_a_header_with_a_line_break():
    """It could end the headers, and begin another request."""
    for value in ("a\r\nx-b: c", "a\nb", "a\r"):
        with pytest.raises(ValueError, match="'x-a' contains a line break"):
            request_bytes("/", {"host": "h", "x-a": value}, b"")


# --- TLS ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of `localhost`, signed by itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    names = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-out", names[0], "-keyout", names[1]],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return tuple(map(str, names))


@pytest.fixture
def tls_server(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with faulty(context) as running:
        running.url = running.url.replace("http://127.0.0.1", "https://localhost")
        yield running


@both
def test_tls(tls_server, certificate, drive):
    """A certificate that is trusted; the connection is used again."""
    pools = Pools(Origin(tls_server.url, verify=certificate[0]))

    def steps():
        for _ in range(3):
            assert BODY == (yield from exchange(pools)).body

    drive(steps())
    assert 1 == tls_server.connections
    pools.close()


@both
@pytest.mark.parametrize("fault", ["not trusted", "another name"])
def test_a_certificate_that_is_refused(tls_server, certificate, drive, fault):
    """botocore's error, before anything is sent."""
    url = tls_server.url if fault == "not trusted" else tls_server.url.replace("localhost", "127.0.0.1")
    verify = True if fault == "not trusted" else certificate[0]
    with pytest.raises(SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        drive(exchange(Pools(Origin(url, verify=verify))))
    assert [] == tls_server.asked


@both
def test_no_verification(tls_server, drive):
    """verify=False, as in botocore."""
    pools = Pools(Origin(tls_server.url.replace("localhost", "127.0.0.1"), verify=False))
    assert BODY == drive(exchange(pools)).body
    pools.close()


def _until(condition):
    for _ in range(200):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen within two seconds")
