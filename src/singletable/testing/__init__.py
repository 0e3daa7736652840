"""The testing kit, for the tests of your own table (extra `testing`).

Parts that need Hypothesis, pytest or moto are loaded when they are first used. The oracle does not need them.
"""

from typing import TYPE_CHECKING

from singletable.lazy import exports

if TYPE_CHECKING:
    from singletable.testing.faults import (
        Crash,
        Fault,
        InjectedCrash,
        Injection,
        LostResponse,
        Rival,
        Throttling,
        Unprocessed,
        inject,
    )
    from singletable.testing.invariants import check_fresh, stale_attributes
    from singletable.testing.machine import TableMachine
    from singletable.testing.oracle import agrees, expected
    from singletable.testing.properties import check_pattern, key_invariants
    from singletable.testing.simulator import SimulatedHistory, SimulationFailed, Simulator, simulate
    from singletable.testing.strategies import entities

__all__ = [
    "Crash",
    "Fault",
    "InjectedCrash",
    "Injection",
    "LostResponse",
    "Rival",
    "SimulatedHistory",
    "SimulationFailed",
    "Simulator",
    "TableMachine",
    "Throttling",
    "Unprocessed",
    "agrees",
    "check_fresh",
    "check_pattern",
    "entities",
    "expected",
    "inject",
    "key_invariants",
    "simulate",
    "stale_attributes",
]

__getattr__, __dir__ = exports(
    __name__,
    {
        "Crash": "faults",
        "Fault": "faults",
        "SimulatedHistory": "simulator",
        "InjectedCrash": "faults",
        "Injection": "faults",
        "LostResponse": "faults",
        "Rival": "faults",
        "SimulationFailed": "simulator",
        "Simulator": "simulator",
        "TableMachine": "machine",
        "Throttling": "faults",
        "Unprocessed": "faults",
        "agrees": "oracle",
        "check_fresh": "invariants",
        "check_pattern": "properties",
        "entities": "strategies",
        "expected": "oracle",
        "inject": "faults",
        "key_invariants": "properties",
        "simulate": "simulator",
        "stale_attributes": "invariants",
    },
)
