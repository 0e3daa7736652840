"""Servers: installed once, started, awaited, stopped, also after SIGKILL; every foreseeable fault has a remedy."""

import ast
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import attrs
import pytest

from singletable.engine import Program, Server, fresh_table, server, servers
from singletable.engine.installation import cache_folder, installed
from singletable.engine.programs import DYNALITE, MINISTACK, PROGRAMS
from singletable.errors import EngineUnavailableError, InvalidValueError
from tests.framework.app import AppTable
from tests.framework.canned import canned

ROOT = Path(__file__).parents[3]
SCRIPT = Path(__file__).parent / "fake_server.py"
SECONDS = 10
"""Seconds that a test waits for something that takes milliseconds."""


def fake(mode="serve", **settings):
    """The fake server as a program."""
    return Program(name="fake", command=("{python}", str(SCRIPT), mode, "{port}"), **settings)


def ask(at):
    """Return the fake server's answer: its environment and its process id."""
    try:
        urlopen(at.endpoint_url, timeout=SECONDS)
    except URLError as error:
        return ast.literal_eval(error.read().decode())


def until(condition):
    """Wait until a condition is true."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def is_gone(pid):
    """Whether a process has ended."""
    try:
        os.kill(pid, 0)
        # The container's first process may not collect orphans.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "singletable" / "engines"


# --- running --------------------------------------------------------------------------


def test_a_server_answers_within_the_block_and_is_gone_afterwards():
    """The server's folder, with its log and its files, is deleted after the block."""
    with server(fake()) as at:
        pid = ask(at)[-1]
        assert ("mode serve\n", {"left-behind", "server.log"}) == (
            at.log.read_text(),
            {each.name for each in at.log.parent.iterdir()},
        )
    assert (True, False) == (is_gone(pid), at.log.parent.exists())


def test_a_server_is_stopped_if_the_block_raises():
    """The server stops, and the exception reaches the caller."""
    with pytest.raises(ValueError, match="in the block"), server(fake()) as at:
        raise ValueError("in the block")
    with pytest.raises(URLError, match="refused"):
        urlopen(at.endpoint_url)


def test_a_server_gets_its_own_environment_and_no_credentials(monkeypatch):
    """The server's home is its own folder, so it finds no credentials file either."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("BIND_HOST", "0.0.0.0")
    with server(fake(environment={"BIND_HOST": "127.0.0.1"})) as at:
        assert [None, "127.0.0.1", str(at.log.parent)] == ask(at)[:-1]


def test_a_table_class_is_bound_with_dummy_credentials():
    """The table has the server's URL and dummy credentials, also if the environment has others."""
    with server(fake()) as at, at.fresh_table(AppTable, table_name="mine", create=False):
        settings = AppTable.bound()
        assert ("mine", at.endpoint_url, ("fake", "fake", None)) == (
            settings.table_name,
            settings.endpoint_url,
            settings.credentials,
        )
    assert None is AppTable.bound().endpoint_url


def test_no_binding_in_the_block_changes_the_place():
    """Bindings do not leave the server, and a thread that is started in the block sees the table."""
    with server(fake()) as at, at.fresh_table(AppTable, table_name="mine", create=False):
        with AppTable.bind(endpoint_url="http://127.0.0.1:1", max_attempts=1):
            assert (at.endpoint_url, 1) == (AppTable.bound().endpoint_url, AppTable.bound().max_attempts)
        with ThreadPoolExecutor(1) as pool:
            assert at.endpoint_url == pool.submit(AppTable.bound).result().endpoint_url


def test_each_fresh_table_has_a_name_of_its_own():
    """Two blocks on one server have two tables."""
    with server(fake()) as at:
        names = set()
        for _ in range(2):
            with at.fresh_table(AppTable, create=False):
                names.add(AppTable.bound().table_name)
    assert 2 == len(names)


@pytest.fixture
def tables():
    """The names of the tables that `speaking` has."""
    return set()


@pytest.fixture
def speaking(tables, tmp_path):
    """A server that knows the names of its tables, and nothing else."""

    def answer(asked):
        name = asked.params["TableName"]
        if asked.operation == "CreateTable":
            tables.add(name)
        elif name not in tables:
            return 400, {"__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"}
        elif asked.operation == "DeleteTable":
            tables.remove(name)
        found = {"TableName": name, "TableStatus": "ACTIVE"}
        return 200, {
            "Table": found,
            "TableDescription": found,
            "TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"},
            "TimeToLiveSpecification": {},
        }

    with canned(answer) as at:
        yield Server(fake(), at.url, tmp_path / "log", None)


def test_a_fresh_table_is_deleted_if_the_block_raises(speaking, tables):
    """The next block of that name does not find its items."""
    with pytest.raises(KeyError), speaking.fresh_table(AppTable, table_name="mine"):
        assert {"mine"} == tables
        raise KeyError
    assert set() == tables


def test_a_fresh_table_is_not_another_blocks(speaking, tables):
    """A table that exists is refused, and left alone."""
    tables.add("mine")
    with (
        pytest.raises(InvalidValueError, match="The table 'mine' exists already on fake. Choose another table_name"),
        speaking.fresh_table(AppTable, table_name="mine"),
    ):
        pass
    assert {"mine"} == tables
    with speaking.fresh_table(AppTable, table_name="mine", create=False):
        assert "mine" == AppTable.bound().table_name


def test_a_shared_server_is_started_once(monkeypatch):
    """`fresh_table` starts one server for each engine, and both run until the process ends."""
    shared = {}
    monkeypatch.setattr(servers, "_shared", shared)
    monkeypatch.setitem(PROGRAMS, "fake", fake())
    with servers.ExitStack() as stack:
        monkeypatch.setattr(servers, "_shared_stack", stack)
        with ThreadPoolExecutor(4) as pool:
            found = set(pool.map(servers._shared_server, ["fake"] * 4))
        assert (1, ["fake"]) == (len(found), [*shared])
        ask(found.pop())


def test_a_fresh_embedded_table_needs_no_server():
    """`fresh_table` uses the embedded engine by default."""
    with fresh_table(AppTable) as bound:
        assert (True, "the embedded engine") == (bound.exists(), AppTable.bound().place)


# --- killed ---------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["alone", "fork"])
def test_a_server_ends_if_its_parent_is_killed(mode):
    """The server ends even if a forked child of the parent still holds the supervisor's pipe open."""
    command = [sys.executable, "-m", "tests.framework.engine.server_process", mode]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as parent:
        url, log = parent.stdout.readline().split()
        try:
            urlopen(url)
        except URLError as error:
            pid = ast.literal_eval(error.read().decode())[-1]
        parent.kill()
        parent.wait()
        until(lambda: is_gone(pid))
        until(lambda: not Path(log).parent.exists())
        with suppress(ProcessLookupError):
            os.killpg(parent.pid, signal.SIGKILL)


def test_a_server_ends_if_its_supervisor_is_killed():
    """The server ends, and the end of the block still deletes its folder."""
    with server(fake()) as at:
        pid = ask(at)[-1]
        at._process.kill()
        if sys.platform == "linux":
            until(lambda: is_gone(pid))
    until(lambda: is_gone(pid))
    assert not at.log.parent.exists()


def test_a_forked_child_does_not_stop_its_parents_server():
    """A child leaves the block, and the parent's server still answers."""
    with server(fake()) as at:
        servers._stop(attrs.evolve(at, owner=at._owner + 1))
        assert not is_gone(ask(at)[-1])


# --- faults ---------------------------------------------------------------------------


def test_a_server_that_dies_at_start_shows_its_output():
    """The error has the output and the exit code, and no file or process is left."""
    with (
        pytest.raises(
            EngineUnavailableError,
            match=r"^fake 1.0 stopped before it answered \(exit code 3\): mode dies no such table space. Check the com",
        ),
        server(fake("dies"), version="1.0"),
    ):
        pass


def test_a_server_that_does_not_answer_is_stopped():
    """The server is stopped after the given time-out."""
    with (
        pytest.raises(EngineUnavailableError, match=r"did not answer within 0.3 seconds: mode silent"),
        server(fake("silent"), timeout=0.3),
    ):
        pass


def test_a_port_that_is_taken():
    """The error names the port; without `port=` the server uses a free one."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with (
            pytest.raises(
                EngineUnavailableError, match=f"cannot listen on port {port} of 127.0.0.1: .*leave port= out"
            ),
            server(fake(), port=port),
        ):
            pass


def test_a_port_that_is_taken_meanwhile(monkeypatch):
    """A server whose port is taken before it starts is started again on another port."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        ports = iter([other.getsockname()[1], servers._free_port()])
        monkeypatch.setattr(servers, "_free_port", lambda: next(ports))
        with server(fake()) as at:
            ask(at)
        assert [] == [*ports]


def test_a_chosen_port_is_used():
    """The server's URL has the chosen port."""
    port = servers._free_port()
    with server(fake(), port=port) as at:
        assert f"http://127.0.0.1:{port}" == at.endpoint_url


@pytest.mark.parametrize("port", [-1, 65536, "8000", True])
def test_a_port_that_cannot_be(port):
    """Nothing is started."""
    with (
        pytest.raises(EngineUnavailableError, match=f"{port!r} is not a port. Use 1 to 65535"),
        server(fake(), port=port),
    ):
        pass


def test_an_unknown_server():
    """The error lists the known servers."""
    with (
        pytest.raises(EngineUnavailableError, match=r"^'localstack' is not a server .*Choose from dynalite, ministack"),
        server("localstack"),
    ):
        pass


def test_a_missing_tool(monkeypatch, tmp_path):
    """The error for a missing npm or node recommends Node.js."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        pytest.raises(EngineUnavailableError, match="^dynalite needs 'npm', which was not found. Install Node.js 20"),
        server("dynalite"),
    ):
        pass


def test_a_missing_program_of_the_user():
    """The error for a program that singletable does not install recommends its full path, and has no empty version."""
    with (
        pytest.raises(
            EngineUnavailableError, match="^mine needs 'nowhere', which was not found. Install it, or write its"
        ),
        server(Program(name="mine", command=("nowhere", "{port}"))),
    ):
        pass
    with (
        pytest.raises(
            EngineUnavailableError, match=r"^mine stopped before it answered \(exit code 1\): no output. Check"
        ),
        server(Program(name="mine", command=("false", "{port}"))),
    ):
        pass


# --- installing -----------------------------------------------------------------------

COPY = ("{python}", "-c", "import shutil, sys; shutil.copy(*sys.argv[1:])", str(SCRIPT), "{folder}/{version}.py")


def test_a_program_is_installed_once(cache):
    """Each version is installed once, and an abandoned installation is removed if it is old."""
    program = fake(install=[COPY]).of_version("1.2")
    cache.mkdir(parents=True)
    for name, age in ((".making-old", 10_000), (".making-new", 0)):
        (cache / name).mkdir()
        os.utime(cache / name, (time.time() - age,) * 2)
    folder = installed(program)
    before = folder.stat().st_mtime_ns
    assert (cache / "fake-1.2", before) == (installed(program), folder.stat().st_mtime_ns)
    assert ({".making-new", "fake-1.2"}, ["1.2.py"]) == (set(os.listdir(cache)), os.listdir(folder))


def test_two_installations_at_once(cache):
    """Both installations succeed, and one copy is kept."""
    program = fake(install=[COPY]).of_version("1.2")
    with ThreadPoolExecutor(4) as pool:
        assert {cache / "fake-1.2"} == set(pool.map(lambda _: installed(program), range(4)))
    assert ["fake-1.2"] == os.listdir(cache)


def test_an_installation_that_fails(cache):
    """The error shows the installer's output, and no file is left."""
    program = fake(install=[("{python}", "-c", "print('no network'); raise SystemExit(1)")]).of_version("1.2")
    with (
        pytest.raises(
            EngineUnavailableError, match=r"^fake 1.2 could not be installed \(exit code 1\): no network. Check"
        ),
        server(program),
    ):
        pass
    assert [] == os.listdir(cache)


def test_a_cache_that_cannot_be_written(cache):
    """The error names the environment variable that moves the cache."""
    cache.parent.parent.write_text("a file")
    with pytest.raises(EngineUnavailableError, match="cannot be installed in .*Set XDG_CACHE_HOME"):
        installed(MINISTACK)


def test_a_damaged_installation(cache):
    """The error names the folder to delete."""
    (cache / MINISTACK.fill(MINISTACK.folder)).mkdir(parents=True)
    with (
        pytest.raises(
            EngineUnavailableError, match=f"^ministack needs '.*which was not found. Delete '{cache_folder()}"
        ),
        server("ministack"),
    ):
        pass


@pytest.mark.parametrize("version", ["../x", "1.0 --index-url=http://x", "latest", "-r x"])
def test_a_text_that_is_not_a_version(version, monkeypatch):
    """A malformed version is refused as an argument and in the environment variable."""
    message = f"is not a version of {DYNALITE.name}. Write for example '4.0.0', as version= or in SINGLETABLE_DYNALITE_"
    with pytest.raises(EngineUnavailableError, match=message):
        DYNALITE.of_version(version)
    monkeypatch.setenv("SINGLETABLE_DYNALITE_VERSION", version)
    with pytest.raises(EngineUnavailableError, match=message):
        DYNALITE.of_version()


def test_the_version_is_chosen_by_argument_then_variable_then_default(monkeypatch):
    """The environment variable is named after the program."""
    chosen = [MINISTACK.of_version().version]
    monkeypatch.setenv("SINGLETABLE_MINISTACK_VERSION", "1.5.1")
    chosen += [MINISTACK.of_version().version, MINISTACK.of_version("1.5.2").version]
    assert [MINISTACK.version, "1.5.1", "1.5.2"] == chosen


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=lambda program: program.name)
def test_known_programs_listen_on_loopback_only(program):
    """Each known program is started with the loopback address, which is not MiniStack's default."""
    assert "127.0.0.1" in (*program.command, program.environment.get("BIND_HOST"))
