"""Installation: each version of a program has its own folder in the user's cache, which is created on first use.

A program is installed in a temporary folder that is then renamed. Two processes that install the same version at once
both succeed, and one of the two copies is kept.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import time
from pathlib import Path
from tempfile import mkdtemp

from singletable.engine.programs import Program
from singletable.errors import EngineUnavailableError

__all__ = ["cache_folder", "find_tool", "installed"]

_log = logging.getLogger(__name__)
_MAKING = ".making-"
_INSTALL_SECONDS = 600
_SHOWN = 400


def cache_folder() -> Path:
    """Return the folder of installed engines: `$XDG_CACHE_HOME/singletable/engines`, or the same in `~/.cache`."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "singletable" / "engines"


def installed(program: Program) -> Path:
    """Return the folder in which a program is installed, and install the program if that folder does not exist.

    Raises:
        EngineUnavailableError: A tool is missing, the installation fails, or the cache cannot be written.
    """
    folder = cache_folder() / program.fill(program.folder)
    if folder.exists() or not program.install:
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(folder.parent)
        made = Path(mkdtemp(prefix=_MAKING, dir=folder.parent))
    except OSError as error:
        raise EngineUnavailableError(
            f"{program.name} cannot be installed in {str(folder.parent)!r}: {error.strerror}.",
            remedy="Set XDG_CACHE_HOME to a folder that you can write to.",
            value=str(folder.parent),
        ) from error
    try:
        _log.info("Installing %s %s in %s (once).", program.name, program.version, folder)
        for command in program.install:
            _run(program, [program.fill(each, made) for each in command])
        try:
            made.rename(folder)
        except OSError:
            # Another process was faster.
            if not folder.exists():
                raise
        return folder
    finally:
        shutil.rmtree(made, ignore_errors=True)


def find_tool(program: Program, tool: str) -> str:
    """Return the path of a program that a command names.

    Raises:
        EngineUnavailableError: The program is not installed.
    """
    path = shutil.which(tool)
    if path is None:
        raise EngineUnavailableError(
            f"{program.name} needs {tool!r}, which was not found.",
            remedy=program.needs.get(tool)
            or (
                f"Delete {str(cache_folder())!r}; the next start installs it again."
                if program.install
                else "Install it, or write its full path in the command."
            ),
            value=tool,
        )
    return path


def _run(program: Program, command: list[str]) -> None:
    # Python's own variables would reach into the new environment.
    environment = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    try:
        done = subprocess.run(  # noqa: S603 - a command of a Program
            [find_tool(program, command[0]), *command[1:]],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_INSTALL_SECONDS,
            check=False,
        )
        output, code = done.stdout, f"exit code {done.returncode}"
        if done.returncode == 0:
            return
    except subprocess.TimeoutExpired:
        output, code = "", f"not finished after {_INSTALL_SECONDS} seconds"
    raise EngineUnavailableError(
        f"{program.name} {program.version} could not be installed ({code}):"
        f" {shorten(output).removesuffix('.') or 'no output'}.",
        remedy="Check that the version exists and that this machine reaches the package index, then try again.",
        value=program.version,
    )


def _remove_abandoned(folder: Path) -> None:
    """Delete the temporary folders of killed installations."""
    for each in folder.glob(f"{_MAKING}*"):
        try:
            old = time.time() - each.stat().st_mtime > 2 * _INSTALL_SECONDS
        except OSError:
            continue
        if old:
            shutil.rmtree(each, ignore_errors=True)


def shorten(output: str) -> str:
    """Return the end of a program's output in one line."""
    line = " ".join(output.split())
    return line if len(line) <= _SHOWN else f"... {line[-_SHOWN:]}"
