"""A script that runs one server and stops it when the process that started it ends, even by SIGKILL.

It runs as `python supervisor.py PARENT FOLDER COMMAND...`, leads its own process group, and imports only the standard
library. The parent holds the other end of standard input. A byte there means stop. End of file means that the parent is
gone. A different parent process also means that, because a child that the parent forked may hold the pipe open.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading

_CHECK_SECONDS = 0.5
_PR_SET_PDEATHSIG = 1
_CANNOT_START = 127


def main(parent: int, folder: str, command: list[str]) -> int:
    """Run a command until it ends, the parent stops it, or the parent is gone.

    Args:
        parent: The process id of the parent.
        folder: The server's own folder, which is deleted if the parent is gone.
        command: The server's program and arguments.

    Returns:
        The server's exit code, if it ended by itself.
    """
    linux = sys.platform == "linux"
    try:
        server = subprocess.Popen(  # noqa: S603 - a command of a Program
            command, stdin=subprocess.DEVNULL, preexec_fn=_die_with_me if linux else None
        )
    except OSError as error:
        sys.stderr.write(f"{command[0]!r} cannot be started: {error.strerror}\n")
        return _CANNOT_START
    wake = threading.Event()
    orders: list[bytes] = []

    def listen() -> None:
        orders.append(os.read(sys.stdin.fileno(), 1))
        wake.set()

    def watch() -> None:
        server.wait()
        wake.set()

    for act in (listen, watch):
        threading.Thread(target=act, daemon=True).start()
    while not wake.wait(_CHECK_SECONDS) and _is_child_of(parent):
        pass
    ended = server.poll()
    # The server stores everything in memory, so it can be killed at once.
    server.kill()
    server.wait()
    if orders == [b""] or not _is_child_of(parent):
        shutil.rmtree(folder, ignore_errors=True)
    elif ended is not None:
        return ended
    if hasattr(os, "killpg"):
        # Processes that the server started are in the same group, and so is this process.
        os.killpg(0, signal.SIGKILL)
    return 0


def _is_child_of(parent: int) -> bool:
    return os.name == "nt" or os.getppid() == parent


def _die_with_me() -> None:
    """Make Linux kill the server if the supervisor itself is killed (`man 2 PR_SET_PDEATHSIG`)."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
