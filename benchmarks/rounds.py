"""Rounds: peers, each in its own process, run in turn; the results are medians over the rounds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PEERS_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
"""The interpreter of the environment that `make bench` creates for pydynox and matplotlib."""


class Peer:
    """A running peer.

    Args:
        name: The name of its module in `benchmarks.peers` without `with_`.
        url: The URL of the server.
        python: The interpreter with its library.
    """

    def __init__(self, name: str, url: str, python: Path | str = sys.executable) -> None:
        self.name = name
        command = [str(python), "-m", f"benchmarks.peers.with_{name}", url]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        self.versions: dict[str, str] = self._answer()

    def prove(self, task: str) -> dict[str, Any]:
        """Return the proof that it does the same work as the others."""
        return self._ask(f"prove {task}")  # type: ignore[no-any-return]  # JSON

    def run(self, task: str, count: int) -> float:
        """Return the CPU seconds of a task, as the mean of a number of repetitions."""
        return float(self._ask(f"run {task} {count}")) / count

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def _ask(self, question: str) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(question + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"The peer {self.name} has ended; its output is above.")
        return json.loads(line)


def has_library(python: Path, library: str) -> bool:
    """Return whether an interpreter exists and can import a library."""
    command = [str(python), "-c", f"import {library}"]
    return python.exists() and subprocess.run(command, capture_output=True).returncode == 0


def alternate(ways: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Return the measurements of several functions in each round; each round begins with another function.

    The first round warms up and does not count.
    """
    measured: dict[str, list[float]] = {name: [] for name in ways}
    names = list(ways)
    for number in range(rounds + 1):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            measured[name].append(ways[name]())
    return {name: each[1:] for name, each in measured.items()}


def machine() -> dict[str, Any]:
    """Return the machine of the measurement."""
    model = "unknown"
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        lines = (line.partition(":") for line in cpus.read_text().splitlines())
        model = next((value.strip() for name, _, value in lines if name.strip() == "model name"), model)
    return {"cpu": model, "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 2)}
