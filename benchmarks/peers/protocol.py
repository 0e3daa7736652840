"""The protocol of a peer: a line on standard input, one line of JSON on standard output.

prove NAME         a proof that a task does its work
run NAME COUNT     the CPU seconds of the process, with all threads, for COUNT repetitions
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
"""Repeats a task a number of times."""

Proof: TypeAlias = Callable[[], dict[str, Any]]


def repeated(function: Callable[[], object]) -> Task:
    """Return a task that calls a function repeatedly."""

    def run(count: int) -> None:
        for _ in repeat(None, count):
            function()

    return run


def serve(tasks: Mapping[str, Task], proofs: Mapping[str, Proof], *libraries: str) -> None:
    """Print the versions of these libraries, then answer until standard input ends."""
    _say({"python": platform.python_version(), **{name: version(name) for name in libraries}})
    for line in sys.stdin:
        verb, name, *counts = line.split()
        if verb == "prove":
            _say(proofs[name]())
        else:
            # The garbage of other tasks must not be collected during this one.
            gc.collect()
            start = time.process_time()
            tasks[name](int(counts[0]))
            _say(time.process_time() - start)


def _say(answer: object) -> None:
    print(json.dumps(answer), flush=True)
