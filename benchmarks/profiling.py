"""The CPU profile of singletable's Query of 100 items, to explain a missed target."""

from __future__ import annotations

import cProfile
import pstats
import re
import time
from collections.abc import Mapping
from typing import Any, TypeAlias

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.canned import serving
from benchmarks.data import MIXES
from benchmarks.peers.with_singletable import MODELS, at, query

QUERIES = 300

Function: TypeAlias = tuple[str, int, str]
"""A function in cProfile's form: file, line and name."""

Stats: TypeAlias = Mapping[Function, tuple[Any, ...]]
"""The statistics of a function: primitive calls, all calls, own seconds, cumulative seconds, and the same by caller."""

Group: TypeAlias = dict[Function, float]
"""The seconds of each function."""

_NAMED = 3
"""The functions that a group names."""

_BUILTIN = re.compile(r"(?:built-in )?method '?([\w.]+).*")

_GROUPS = {
    "<singletable: ": "generated reading",
    "/singletable/": "singletable's rest",
    "/pynamodb/": "PynamoDB",
    "/botocore/": "botocore's request and HTTP",
    "/urllib3/": "botocore's request and HTTP",
    "/http/client.py": "botocore's request and HTTP",
    "/email/": "botocore's request and HTTP",
    "/socket.py": "botocore's request and HTTP",
}


def profile(console: Console) -> None:
    """Print the CPU time of each group, for each mix."""
    with serving() as url:
        at(url)
        for mix in MIXES:
            model = MODELS[mix]
            query(model)
            plain = _seconds(model)
            profiler = cProfile.Profile(time.process_time)
            profiler.enable()
            profiled = _seconds(model)
            profiler.disable()
            stats: Stats = pstats.Stats(profiler).stats  # type: ignore[attr-defined]  # not in the stubs
            calls = sum(counts[1] for counts in stats.values())
            _show(console, mix, grouped(stats, (profiled - plain) / calls), plain / QUERIES)
            console.print(
                f"Under the profiler it takes {profiled / plain:.1f} times as long; the same time for each call is"
                " taken off again, which is right for the groups, roughly.\n",
                style="dim",
                highlight=False,
            )


def _seconds(model: Any) -> float:
    start = time.process_time()
    for _ in range(QUERIES):
        query(model)
    return time.process_time() - start


def _show(console: Console, mix: str, groups: Mapping[str, Group], plain: float) -> None:
    console.print(f"[bold]Query of 100 items, {mix} mix[/]: {plain * 1e3:.2f} ms of CPU", highlight=False)
    table = Table("", "ms", "share", "mostly in", box=box.SIMPLE_HEAD, pad_edge=False)
    total = sum(sum(group.values()) for group in groups.values())
    for name, group in sorted(groups.items(), key=lambda each: -sum(each[1].values())):
        share = sum(group.values()) / total
        largest = sorted(group, key=lambda function: -group[function])[:_NAMED]
        table.add_row(name, f"{share * plain * 1e3:.2f}", f"{share:.0%}", ", ".join(map(_called, largest)))
    console.print(table)


def _called(function: Function) -> str:
    file, _, name = function
    if file == "~":
        # <method 'recv_into' of '_socket.socket' objects>, <built-in method orjson.loads>
        return _BUILTIN.sub(r"\1", name.strip("<>"))
    return f"{file.rpartition('/')[2].strip('<>')}:{name.strip('<>')}"


def grouped(stats: Stats, overhead: float) -> dict[str, Group]:
    """Return the seconds by group and function. The time of builtins and the standard library counts for their callers.

    Args:
        stats: The measured statistics.
        overhead: The seconds that the profiler adds to a call: half to the caller, half to the called function.
    """
    added: dict[Function, float] = {}
    for function, (_, calls, _, _, callers) in stats.items():
        added[function] = added.get(function, 0) + calls * overhead / 2
        for caller, counts in callers.items():
            added[caller] = added.get(caller, 0) + counts[1] * overhead / 2
    groups: dict[str, Group] = {}
    for function, (_, _, own, _, _) in stats.items():
        for name, share in _shares(function, stats, frozenset()).items():
            groups.setdefault(name, {})[function] = max(0.0, own - added[function]) * share
    return groups


def _shares(function: Function, stats: Stats, seen: frozenset[Function]) -> Mapping[str, float]:
    """Return the share of each group in a function's own time, by the time of its calls from each caller."""
    if "orjson" in function[2]:
        return {"orjson": 1.0}
    named = next((group for part, group in _GROUPS.items() if part in function[0]), None)
    if named:
        return {named: 1.0}
    callers = {each: times[2] for each, times in stats[function][4].items() if each not in seen and each != function}
    total = sum(callers.values())
    if not total:
        return {"the loop and the rest": 1.0}
    shares: dict[str, float] = {}
    for caller, time_of_call in callers.items():
        for name, share in _shares(caller, stats, seen | {function}).items():
            shares[name] = shares.get(name, 0) + share * time_of_call / total
    return shares
