"""Programs: servers that speak DynamoDB, as data. `installation` installs them, `servers` runs them.

Texts of commands and environments may hold `{folder}` (the folder of the installed program), `{port}`, `{name}`,
`{version}`, `{python}` (this interpreter), `{python_version}` (for example 3.12), `{bin}` (the folder of programs in a
virtual environment) and `{here}` (the folder of this module). Write other braces twice.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from singletable.errors import EngineUnavailableError

__all__ = ["DYNALITE", "MINISTACK", "PROGRAMS", "Program"]

_VERSION = re.compile(r"[0-9][0-9A-Za-z.+-]{0,40}")


@attrs.frozen(kw_only=True)
class Program:
    """A server that speaks DynamoDB: how to install and start it, and which features it lacks.

    Args:
        name: The name, used in messages and for folders.
        command: The program and its arguments. The server must listen on 127.0.0.1 and `{port}` only.
        version: The version to install.
        install: Commands that install the program in `{folder}`; empty if nothing needs to be installed.
        folder: The name of the folder in the cache.
        environment: Environment variables for the server, which gets few others and no AWS credentials.
        ready_path: A path that answers a GET, with any status, once the server is ready.
        needs: Which program each command needs, and how to get it: `{"npm": "Install Node.js."}`.
        time_to_live: Whether the server has UpdateTimeToLive.
        sweeps: Whether the server deletes expired items so soon that a test could lose them.
        metered: Whether the server reports the capacity that a request consumed.
    """

    name: str
    command: Sequence[str] = attrs.field(repr=False)
    version: str = ""
    install: Sequence[Sequence[str]] = attrs.field(default=(), repr=False)
    folder: str = attrs.field(default="{name}-{version}", repr=False)
    environment: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    ready_path: str = attrs.field(default="/", repr=False)
    needs: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    time_to_live: bool = attrs.field(default=True, repr=False)
    sweeps: bool = attrs.field(default=False, repr=False)
    metered: bool = attrs.field(default=True, repr=False)

    @property
    def version_variable(self) -> str:
        """The environment variable that chooses another version."""
        return f"SINGLETABLE_{self.name.upper().replace('-', '_')}_VERSION"

    def of_version(self, version: str | None = None) -> Program:
        """Return the program in a version: the one given, or the one in the environment variable, or its own.

        Raises:
            EngineUnavailableError: The text is not a version.
        """
        chosen = version or os.environ.get(self.version_variable) or self.version
        if chosen and not _VERSION.fullmatch(chosen):
            raise EngineUnavailableError(
                f"{chosen!r} is not a version of {self.name}.",
                remedy=f"Write for example {self.version or '1.0'!r}, as version= or in {self.version_variable}.",
                value=chosen,
            )
        return attrs.evolve(self, version=chosen)

    def fill(self, text: str, folder: Path | None = None, port: int = 0) -> str:
        """Return a text of this program with its placeholders filled."""
        return text.format(
            name=self.name,
            version=self.version,
            folder=folder,
            port=port,
            python=sys.executable,
            python_version=f"{sys.version_info.major}.{sys.version_info.minor}",
            bin="Scripts" if os.name == "nt" else "bin",
            here=Path(__file__).parent,
        )


MINISTACK = Program(
    name="ministack",
    version="1.5.33",
    # It pins an exact botocore, so it never shares the project's environment.
    install=(
        ("{python}", "-m", "venv", "{folder}"),
        (
            *("{folder}/{bin}/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--no-input", "--retries=2", "ministack=={version}"),
        ),
    ),
    folder="{name}-{version}-python{python_version}",
    command=("{folder}/{bin}/python", "-m", "ministack"),
    environment={
        # Its default is every interface.
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": "{port}",
        # These two listen on ports of their own.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        # With Docker within reach, it removes containers that it takes for its own.
        "DOCKER_HOST": "unix:///nonexistent",
        # Lower levels may log values.
        "LOG_LEVEL": "ERROR",
    },
    ready_path="/_ministack/health",
    # Every 60 seconds (services/dynamodb.py, `_ttl_reaper`).
    sweeps=True,
    metered=False,
)

DYNALITE = Program(
    name="dynalite",
    version="4.0.0",
    install=(
        (
            *("npm", "install", "--loglevel=error", "--no-audit", "--no-fund", "--ignore-scripts"),
            *("--prefix", "{folder}", "dynalite@{version}"),
        ),
    ),
    command=(
        *("node", "--require", "{here}/survive.js", "{folder}/node_modules/dynalite/cli.js"),
        *("--host", "127.0.0.1", "--port", "{port}"),
        # Tables change at once.
        *("--createTableMs", "0", "--deleteTableMs", "0", "--updateTableMs", "0"),
    ),
    needs={
        "npm": "Install Node.js 20 or later, which includes npm.",
        "node": "Install Node.js 20 or later.",
    },
    time_to_live=False,
)

PROGRAMS = {program.name: program for program in (DYNALITE, MINISTACK)}
