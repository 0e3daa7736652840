"""Servers: local servers that speak DynamoDB, started for a block and stopped even if the process is killed."""

from __future__ import annotations

import atexit
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from threading import Lock
from typing import TypeVar

import attrs

from singletable.engine import supervisor
from singletable.engine.embedded import embedded
from singletable.engine.installation import find_tool, installed, shorten
from singletable.engine.programs import PROGRAMS, Program
from singletable.errors import EngineUnavailableError, InvalidValueError, RequestFailedError, SingletableError
from singletable.forking import run_in_child
from singletable.models import Table
from singletable.models.binding.binding import pinned
from singletable.models.reading.targets import TableSender
from singletable.models.schema.table_schema import table_schema

__all__ = ["Server", "fresh_table", "server"]

T = TypeVar("T", bound=Table)

_HOST = "127.0.0.1"
_REGION = "us-east-1"
_INHERITED = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT")
_PORTS_TRIED = 3
_LAST_PORT = 65535
_STOP_SECONDS = 10
_TABLE_SECONDS = 30
_names = count(1)
_shared: dict[str, Server] = {}
_shared_lock = Lock()
_shared_stack = ExitStack()


def _renew() -> None:
    # In a forked child, a thread of the parent that held the lock can never release it.
    global _shared_lock
    _shared_lock = Lock()


run_in_child(_renew)


@attrs.frozen(eq=False)
class Server:
    """A running server; `server` starts one.

    Args:
        program: The program, in the version that runs.
        endpoint_url: The URL, for `Table.bind` and for any other client.
        log: The file with the server's output; deleted when the server is stopped.
    """

    program: Program
    endpoint_url: str
    log: Path
    _process: subprocess.Popen[bytes] = attrs.field(repr=False)
    _owner: int = attrs.field(factory=os.getpid, repr=False)

    @contextmanager
    def fresh_table(self, table: type[T], *, table_name: str | None = None, create: bool = True) -> Iterator[type[T]]:
        """Create a table on this server for the block, and bind the table class and all its entities to it.

        As with `embedded`, no binding in the block changes the place, and threads that are started in it use the table.
        Credentials are always dummies, also if the environment has others. On MiniStack, time to live is switched off
        for a table that this creates: the server would delete expired items within 60 seconds, in the middle of a test.

        Args:
            table: The table class.
            table_name: The table's name on the server; a new name for each block if left out.
            create: Whether to create the table, and delete it afterwards.

        Raises:
            InvalidValueError: A table of this name exists already.
            SingletableError: The table cannot be created.
        """
        with pinned(
            table_schema(table).table,
            table_name=table_name or f"{table.bound().table_name}-{os.getpid()}-{next(_names)}",
            region=_REGION,
            endpoint_url=self.endpoint_url,
            credentials=(self.program.name, self.program.name, None),
            metered=self.program.metered,
            dax_endpoints=(),
        ):
            if not create:
                yield table
                return
            _create(table, self.program)
            try:
                yield table
            finally:
                # The server may be gone by now, and the table with it.
                with suppress(SingletableError):
                    table.delete_table()


@contextmanager
def server(
    program: str | Program,
    table: type[Table] | None = None,
    *,
    create: bool = True,
    version: str | None = None,
    port: int | None = None,
    timeout: float = 60,
) -> Iterator[Server]:
    """Start a local server for the block; with a table class, also create its table and bind the class to it.

    The server listens on 127.0.0.1 only, keeps everything in memory, and is stopped after the block, even if this
    process is killed. On first use the program is installed (`installation`).

    Args:
        program: `ministack`, `dynalite`, or a `Program` of your own.
        table: The table class to bind; the table has the name in its Meta.
        create: Whether to create the table.
        version: The version; see `Program.of_version`.
        port: The port; a free one if left out.
        timeout: Seconds until the server must answer.

    Raises:
        EngineUnavailableError: The program cannot be installed or started.
    """
    started = _start(_program(program).of_version(version), port, timeout)
    try:
        if table is None:
            yield started
        else:
            with started.fresh_table(table, table_name=table.bound().table_name, create=create):
                yield started
    finally:
        _stop(started)


@contextmanager
def fresh_table(table: type[T], engine: str = "embedded", *, create: bool = True) -> Iterator[type[T]]:
    """Create a table on an engine for the block, and bind the table class and all its entities to it.

    Servers are shared: the first use in a process starts one, which runs until the process ends.

    Args:
        table: The table class.
        engine: `embedded`, `ministack` or `dynalite`.
        create: Whether to create the table.

    Raises:
        EngineUnavailableError: The engine cannot be installed or started.
    """
    block = embedded if engine == "embedded" else _shared_server(engine).fresh_table
    with block(table, create=create) as bound:
        yield bound


def _shared_server(name: str) -> Server:
    with _shared_lock:
        if name not in _shared:
            if not _shared:
                atexit.register(_shared_stack.close)
            _shared[name] = _shared_stack.enter_context(server(name))
        return _shared[name]


def _program(program: str | Program) -> Program:
    if isinstance(program, Program):
        return program
    if program not in PROGRAMS:
        raise EngineUnavailableError(
            f"{program!r} is not a server that singletable can start.",
            remedy=f"Choose from {', '.join(PROGRAMS)}, or pass a singletable.engine.Program.",
            value=program,
        )
    return PROGRAMS[program]


# --- starting and stopping ------------------------------------------------------------


def _start(program: Program, port: int | None, timeout: float) -> Server:
    if port is not None and (type(port) is not int or not 0 <= port <= _LAST_PORT):
        raise EngineUnavailableError(
            f"{port!r} is not a port.",
            remedy=f"Use 1 to {_LAST_PORT}, or leave port= out to use a free port.",
            value=port,
        )
    folder = installed(program)
    if port is not None and _in_use(port):
        raise _port_taken(program, port)
    for last in (*[False] * (_PORTS_TRIED - 1), True):
        started = _launch(program, folder, port or _free_port())
        try:
            problem = _wait_until_ready(started, timeout)
            if problem is None:
                return started
            output = shorten(started.log.read_text(encoding="utf-8", errors="replace"))
        except BaseException:
            _stop(started)
            raise
        _stop(started)
        # Another program may have taken the port since it was found free.
        if last or port is not None or not _in_use(_port(started)):
            break
    name = f"{program.name} {program.version}".rstrip()
    raise EngineUnavailableError(
        f"{name} {problem}: {output.removesuffix('.') or 'no output'}.",
        remedy=f"If its installation is damaged, delete {str(folder)!r}; the next start installs it again."
        if program.install
        else f"Check the command: {' '.join(program.command)}",
        value=program.name,
    )


def _launch(program: Program, folder: Path, port: int) -> Server:
    tool, *arguments = (program.fill(each, folder, port) for each in program.command)
    tool = find_tool(program, tool)
    home = Path(mkdtemp(prefix=f"singletable-{program.name}-"))
    log = home / "server.log"
    environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    # The server finds no credentials in its home, and leaves no files anywhere else.
    environment |= {"HOME": str(home), "TMPDIR": str(home)}
    environment |= {name: program.fill(text, folder, port) for name, text in program.environment.items()}
    script = [sys.executable, "-I", "-S", supervisor.__file__, str(os.getpid()), str(home)]
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - a command of a Program
            [*script, tool, *arguments],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=home,
            env=environment,
            start_new_session=True,
        )
    return Server(program, f"http://{_HOST}:{port}", log, process)


def _wait_until_ready(started: Server, timeout: float) -> str | None:
    """Wait for the server; return None if it answers, or the problem as text."""
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        code = started._process.poll()
        if code is not None:
            return f"stopped before it answered (exit code {code})"
        if _answers(started):
            return None
        time.sleep(0.02)
    return f"did not answer within {timeout:g} seconds"


def _answers(started: Server) -> bool:
    connection = http.client.HTTPConnection(_HOST, _port(started), timeout=1)
    try:
        connection.request("GET", started.program.ready_path)
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def _stop(started: Server) -> None:
    """Stop the server, unless this process is a fork of the one that started it."""
    process = started._process
    if os.getpid() != started._owner:
        return
    ended_before = process.poll() is not None
    assert process.stdin is not None
    with suppress(OSError), process.stdin:
        process.stdin.write(b"x")
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
    if process.returncode is None or ended_before:
        # The rest of the group outlives a supervisor that was killed.
        with suppress(AttributeError, ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    shutil.rmtree(started.log.parent, ignore_errors=True)


def _port(started: Server) -> int:
    return int(started.endpoint_url.rpartition(":")[2])


def _port_taken(program: Program, port: int) -> EngineUnavailableError:
    return EngineUnavailableError(
        f"{program.name} cannot listen on port {port} of {_HOST}: the port is in use.",
        remedy="Stop the program that uses it, or leave port= out to use a free port.",
        value=port,
    )


def _in_use(port: int) -> bool:
    with socket.socket() as probe:
        if os.name != "nt":
            # Servers also set this option, which allows a port that was closed a moment ago.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return True
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def _create(table: type[Table], program: Program) -> None:
    if table.exists():
        # PynamoDB would use the existing table, whose items belong to another block.
        name = table.bound().table_name
        raise InvalidValueError(
            f"The table {name!r} exists already on {program.name}.",
            remedy="Choose another table_name, or pass create=False to use that table.",
            value=name,
        )
    # PynamoDB would wait for two seconds between two requests for the table's status.
    table.create_table(wait=False, ignore_update_ttl_errors=not program.time_to_live)
    _wait_until_active(table)
    if program.sweeps:
        _switch_time_to_live_off(table)


def _switch_time_to_live_off(table: type[Table]) -> None:
    attribute = table.describe().ttl
    if attribute is not None:
        sender = TableSender(table)
        off = {"Enabled": False, "AttributeName": attribute}
        sender.send("UpdateTimeToLive", {"TableName": sender.table_name, "TimeToLiveSpecification": off})


def _wait_until_active(table: type[Table]) -> None:
    sender = TableSender(table)
    until = time.monotonic() + _TABLE_SECONDS
    while True:
        status = sender.send("DescribeTable", {"TableName": sender.table_name})["Table"]["TableStatus"]
        if status == "ACTIVE":
            return
        if time.monotonic() > until:
            raise RequestFailedError(
                f"The table {sender.table_name!r} is {status} after {_TABLE_SECONDS} seconds.",
                remedy="Start the server again.",
                operation="DescribeTable",
                table=sender.table_name,
            )
        time.sleep(0.01)
