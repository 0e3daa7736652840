"""Mutation testing: find the small changes of a module that no test notices.

Every mutant runs in its own process, forked after pytest and third-party packages are loaded; the process compiles
the changed tree instead of the file. The tests that enter its function run, the fastest first; for a mutant of code
that runs on import, all tests run.
"""

import argparse
import contextlib
import importlib
import json
import os
import random
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

import pytest

from tests.mutation.mutants import Mutant, mutants

FLAGS = ("-x", "-q", "--assert=plain", "-p", "no:xdist")
MEMORY = 4 << 30
WIDTH = 110


class Watch:
    """Records the functions that each test enters, as file and first line, and its seconds; "" stands for imports."""

    def __init__(self, paths: set[str]) -> None:
        self.paths, self.test = paths, ""
        self.entered: dict[str, set[str]] = {}
        self.seconds: dict[str, float] = {}

    def __call__(self, frame, event, argument) -> None:
        if frame.f_code.co_filename in self.paths:
            place = f"{frame.f_code.co_filename}:{frame.f_code.co_firstlineno}"
            self.entered.setdefault(place, set()).add(self.test)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        self.test, start = item.nodeid, time.process_time()
        outcome = yield
        self.test, self.seconds[item.nodeid] = "", time.process_time() - start
        return outcome


class Chosen:
    """Runs only these tests, in this order."""

    def __init__(self, tests: list[str]) -> None:
        self.place = {test: number for number, test in enumerate(tests)}

    def pytest_collection_modifyitems(self, items) -> None:
        items[:] = sorted((each for each in items if each.nodeid in self.place), key=lambda it: self.place[it.nodeid])


def forked(work: Callable[[], tuple[int, Any]], seconds: int) -> tuple[int, Any]:
    """Return the exit status and the answer of `work` in a process with a limit of CPU seconds."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        signal.alarm(seconds * 10)
        status = 1
        try:
            status, answer = work()
            with open(writing, "w") as pipe:
                json.dump(answer, pipe)
        finally:
            os._exit(status)
    os.close(writing)
    with open(reading) as pipe:
        text = pipe.read()
    return os.waitpid(child, 0)[1], json.loads(text) if text else None


def unchanged(tests: list[str], paths: set[str]) -> tuple[int, Any]:
    """Run every test once, watched; return the record and the third-party modules that are loaded then."""
    watch = Watch(paths)
    sys.settrace(watch)
    threading.settrace(watch)
    status = pytest.main([*FLAGS, *tests], [watch])
    sys.settrace(None)
    origins = {name: getattr(getattr(each, "__spec__", None), "origin", "") for name, each in sys.modules.items()}
    installed = [name for name, origin in origins.items() if str(origin).startswith((sys.prefix, sys.base_prefix))]
    return status, ({place: sorted(names) for place, names in watch.entered.items()}, watch.seconds, installed)


def changed(mutant: Mutant, tests: list[str]) -> tuple[int, None]:
    """Run the tests until one fails, with the mutant instead of its module."""
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    read = SourceFileLoader.get_code
    SourceFileLoader.get_code = lambda self, name: mutant.code if self.path == str(mutant.path) else read(self, name)
    return pytest.main([*FLAGS, *sorted({test.partition("::")[0] for test in tests})], [Chosen(tests)]), None


def main() -> int:
    """Print killed, survived and percentage of each module, then the survivors: file, line, before and after."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("modules", nargs="+", type=Path, help="files, or folders of them")
    parser.add_argument("--tests", nargs="+", required=True, help="tests that cover the modules")
    parser.add_argument("--sample", type=int, help="number of mutants to try (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the sample (default: 0)")
    options = parser.parse_args()
    os.environ.setdefault("HYPOTHESIS_PROFILE", "mutation")
    files = [file for each in options.modules for file in (sorted(each.rglob("*.py")) if each.is_dir() else [each])]
    every = [mutant for file in files for mutant in mutants(file.resolve())]
    if options.sample is not None and options.sample < len(every):
        kept = sorted(random.Random(options.seed).sample(range(len(every)), options.sample))
        every = [every[number] for number in kept]
    status, answer = forked(lambda: unchanged(options.tests, {str(each.path) for each in every}), 3600)
    if status:
        print("The tests fail without a mutant; run them alone first.", file=sys.stderr)
        return 2
    entered, seconds, installed = answer
    for name in installed:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    survivors, total = [], {}
    for mutant in every:
        names = entered.get(f"{mutant.path}:{mutant.function}", [])
        tests = sorted(seconds if "" in names or not mutant.function else names, key=lambda it: (seconds[it], it))
        limit = 10 + int(5 * sum(seconds[test] for test in tests))
        status = forked(lambda m=mutant, t=tests: changed(m, t), limit)[0] if tests else 0
        counts = total.setdefault(mutant.path, [0, 0])
        counts[not status] += 1
        if not status:
            survivors.append((mutant, "" if tests else "  (no test enters it)"))
    for path, (killed, survived) in total.items():
        print(f"{os.path.relpath(path)}: {killed} killed, {survived} survived, {killed / (killed + survived):.1%}")
    for mutant, note in survivors:
        # Long lines are shown from shortly before the first difference.
        pairs = enumerate(zip(mutant.before, mutant.after, strict=False))
        start = max(0, next((place for place, (old, new) in pairs if old != new), 0) - WIDTH // 2)
        before, after = (line[start : start + WIDTH] for line in (mutant.before, mutant.after))
        print(f"\n{os.path.relpath(mutant.path)}:{mutant.line}{note}\n  - {before}\n  + {after}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
