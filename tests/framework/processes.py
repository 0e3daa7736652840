"""Processes whose imports are done: forks of a process that loaded the framework, moto and Hypothesis.

A test of the command line needs its own process: modules called `models`, an environment, a working folder, exit codes.
It does not need to import moto again, which takes a second. As a script, this module forks once for each line of its
input; `run_code` starts the script once for each worker of pytest.
"""

import atexit
import json
import os
import subprocess
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

SOURCES = Path(__file__).parents[2] / "src"
PATIENCE = 120
"""Seconds until a process that is still running is killed."""


def run_code(code, *arguments, cwd, env):
    """Run `python -c code arguments` in a fork, and return the result of `subprocess.run` with captured text.

    Args:
        code: The code to run, as the module `__main__`.
        arguments: The rest of `sys.argv`.
        cwd: The working folder, which is first in `sys.path`.
        env: The whole environment. Variables that Python reads at its start keep this process's values, with UTF-8.
    """
    with tempfile.TemporaryDirectory() as folder:
        streams = [Path(folder, name) for name in ("stdout", "stderr")]
        order = {"code": code, "arguments": arguments, "cwd": str(cwd), "env": env, "streams": [*map(str, streams)]}
        server = _server()
        server.stdin.write(json.dumps(order) + "\n")
        server.stdin.flush()
        exit_code = int(server.stdout.readline())
        stdout, stderr = (each.read_text(encoding="utf-8") for each in streams)
    return subprocess.CompletedProcess(["-c", *arguments], exit_code, stdout, stderr)


@lru_cache(maxsize=1)
def _server():
    server = subprocess.Popen(
        [sys.executable, __file__],
        env={**os.environ, "PYTHONPATH": str(SOURCES), "PYTHONUTF8": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(_stop, server, os.getpid())
    return server


def _stop(server, owner):
    # A fork of pytest has inherited the exit handler, but the server is not its child.
    if os.getpid() == owner:
        server.communicate()


def _serve():
    """Fork for each order, and answer with its exit code; return the order in the fork, and None at the end."""
    for line in sys.stdin:
        child = os.fork()
        if not child:
            return json.loads(line)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    return None


def _obey(order):
    """Run the order in this process, and end the process."""
    import signal
    import traceback

    signal.alarm(PATIENCE)
    for number, path in zip((0, 1, 2), (os.devnull, *order["streams"]), strict=True):
        opened = os.open(path, os.O_RDWR | os.O_CREAT)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["cwd"])
    sys.path.insert(0, "")
    sys.argv = ["-c", *order["arguments"]]
    exit_code = 1
    try:
        exec(order["code"], {"__name__": "__main__"})
        exit_code = 0
    except SystemExit as end:
        exit_code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if exit_code and not isinstance(end.code, int):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    # Freeing the parent's modules at exit would take longer than most commands.
    os._exit(exit_code)


def _load():
    """Import the modules of commands by using them: an embedded table also loads moto and the SDK's descriptions."""
    import gc

    import hypothesis  # noqa: F401

    import singletable.cli
    import singletable.testing.oracle  # noqa: F401
    from singletable import Table
    from singletable.engine import embedded
    from singletable.models.items.internal_items import internal_table

    with embedded(internal_table(Table, "PK", "SK", "entityType", "warm")):
        pass
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    # `python -c` would not import from the folder of this script.
    del sys.path[0]
    _load()
    ordered = _serve()
    if ordered:
        _obey(ordered)
