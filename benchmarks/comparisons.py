"""The comparisons and their targets."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial

from benchmarks.data import ITERATED, MIXES, QUERIED, SAVED, proof, proof_of_written, stored, values
from benchmarks.results import Row, compare
from benchmarks.rounds import PEERS_PYTHON, ROOT, Peer, alternate, has_library

COUNTS = {"singletable": 60, "pynamodb": 12, "pydynox": 30, "botocore": 60}
"""The number of queries of each peer in a round, so that all peers take a similar time."""

WRITES = 100
"""The number of items that are saved, or got, in a round."""

KEYS = {"build": 100_000, "build-public": 20_000, "fstrings": 500_000}

CALLED = {"pynamodb": "PynamoDB", "pydynox": "pydynox", "botocore": "the floor"}

QUERY_TARGETS = {
    "pynamodb": ("at least 8", 1 / 8),
    "pydynox": ("at least 2.5", 1 / 2.5),
    "botocore": ("at most 2", 2.0),
}


class Peers:
    """All running peers, without those whose library is not installed."""

    def __init__(self, url: str) -> None:
        self._stack = ExitStack()
        self.running: dict[str, Peer] = {}
        for name in COUNTS:
            if name == "pydynox" and not has_library(PEERS_PYTHON, "pydynox"):
                continue
            python = PEERS_PYTHON if name == "pydynox" else sys.executable
            self.running[name] = Peer(name, url, python)
            self._stack.callback(self.running[name].stop)

    def __enter__(self) -> Peers:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    @property
    def versions(self) -> dict[str, str]:
        """The versions of all their libraries."""
        return {name: each for peer in self.running.values() for name, each in peer.versions.items()}

    def check(self) -> None:
        """Assert that all peers do the same work."""
        for mix in MIXES:
            expected = {
                f"query-{mix}": proof(mix, [values(mix, number) for number in range(QUERIED)]),
                f"get-{mix}": proof(mix, [values(mix, SAVED)]),
                f"save-{mix}": proof_of_written(stored(mix, SAVED)),
            }
            for task, fact in expected.items():
                for name in self.running if task.startswith("query") else ("singletable", "pynamodb"):
                    given = self.running[name].prove(task)
                    assert fact == given, f"{name} does not do the work of {task}: its proof is {given}, not {fact}"


def queries(peers: Peers, rounds: int) -> Iterator[Row]:
    """Measure a Query of a hundred items, compared with every peer."""
    for mix in MIXES:
        ways = {name: partial(peer.run, f"query-{mix}", COUNTS[name]) for name, peer in peers.running.items()}
        measured = alternate(ways, rounds)
        for name, target in QUERY_TARGETS.items():
            names = (f"Query of {QUERIED} items", f"{mix} mix", CALLED[name])
            if name in measured:
                yield compare(names, measured["singletable"], measured[name], unit="ms", target=target, scale=1e3)
            else:
                yield Row(*names, unit="ms", target=target[0], most=target[1], note="it is not installed")


def writes(peers: Peers, rounds: int) -> Iterator[Row]:
    """Measure the save and the get of an item, together and separately, compared with plain PynamoDB."""
    for mix in MIXES:
        ways = {
            f"{name} {task}": partial(peers.running[name].run, f"{task}-{mix}", WRITES)
            for name in ("singletable", "pynamodb")
            for task in ("save", "get")
        }
        measured = alternate(ways, rounds)
        for name in ("singletable", "pynamodb"):
            saved, got = measured[f"{name} save"], measured[f"{name} get"]
            measured[f"{name} both"] = [sum(each) for each in zip(saved, got, strict=True)]
        for task, called in (("both", "saved and got"), ("save", "saved"), ("get", "got")):
            yield compare(
                ("One item", f"{called}, {mix} mix", CALLED["pynamodb"]),
                measured[f"singletable {task}"],
                measured[f"pynamodb {task}"],
                unit="ms",
                target=("at most 1", 1.0) if task == "both" else None,
                scale=1e3,
            )


def keys(peers: Peers, rounds: int) -> Iterator[Row]:
    """Measure a key of two fields, compared with f-strings."""
    peer = peers.running["singletable"]
    measured = alternate({task: partial(peer.run, task, count) for task, count in KEYS.items()}, rounds)
    targets: Mapping[str, tuple[str, float] | None] = {"build": ("at most 5", 5.0), "build-public": None}
    for task, called in (("build", "key.composite.build({...})"), ("build-public", "key.build(...)")):
        yield compare(
            ("Build a key", called, "f-strings"),
            measured[task],
            measured["fstrings"],
            unit="us",
            target=targets[task],
            scale=1e6,
        )


def iterating(url: str, runs: int = 3) -> Row:
    """Measure the memory of iterating over many items, as the median of several processes."""
    command = [sys.executable, "-m", "benchmarks.iterating", url]
    found = [
        float(subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout) for _ in range(runs)
    ]
    return Row(
        f"Iterate over {ITERATED:,} items",
        "peak memory over the start",
        "",
        unit="MB",
        ours=statistics.median(found),
        target="under 20 MB",
        most=20.0,
        rounds=runs,
    )
