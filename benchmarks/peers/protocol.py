"""How a peer is asked: a line on standard input, one line of JSON on standard output.

prove NAME         what proves that a task does what it is to do
run NAME COUNT     the CPU seconds that doing it COUNT times took the process, all its threads included
"""

from __future__ import annotations

import gc
import json
import platform
import sys
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from itertools import repeat
from typing import Any, TypeAlias

Task: TypeAlias = Callable[[int], object]
"""Does something so many times."""

Proof: TypeAlias = Callable[[], dict[str, Any]]


def repeated(function: Callable[[], object]) -> Task:
    """A task that calls a function."""

    def run(count: int) -> None:
        for _ in repeat(None, count):
            function()

    return run


def serve(tasks: Mapping[str, Task], proofs: Mapping[str, Proof], *libraries: str) -> None:
    """Say which versions these libraries have, then answer until standard input ends."""
    _say({"python": platform.python_version(), **{name: version(name) for name in libraries}})
    for line in sys.stdin:
        verb, name, *counts = line.split()
        if verb == "prove":
            _say(proofs[name]())
        else:
            # What other tasks have left is not collected in this one's time.
            gc.collect()
            start = time.process_time()
            tasks[name](int(counts[0]))
            _say(time.process_time() - start)


def _say(answer: object) -> None:
    print(json.dumps(answer), flush=True)
