"""The testing kit, for the tests of your own table (extra `testing`).

Parts that need Hypothesis, pytest or moto are loaded when they are first used. The oracle does not need them.
"""

from typing import TYPE_CHECKING

from singletable.lazy import exports

if TYPE_CHECKING:
    from singletable.testing.faults import Crash as Crash
    from singletable.testing.faults import Fault as Fault
    from singletable.testing.faults import InjectedCrash as InjectedCrash
    from singletable.testing.faults import Injection as Injection
    from singletable.testing.faults import LostResponse as LostResponse
    from singletable.testing.faults import Rival as Rival
    from singletable.testing.faults import Throttling as Throttling
    from singletable.testing.faults import Unprocessed as Unprocessed
    from singletable.testing.faults import inject as inject
    from singletable.testing.invariants import check_fresh as check_fresh
    from singletable.testing.invariants import stale_attributes as stale_attributes
    from singletable.testing.machine import TableMachine as TableMachine
    from singletable.testing.oracle import agrees as agrees
    from singletable.testing.oracle import expected as expected
    from singletable.testing.properties import check_pattern as check_pattern
    from singletable.testing.properties import key_invariants as key_invariants
    from singletable.testing.simulator import SimulatedHistory as SimulatedHistory
    from singletable.testing.simulator import SimulationFailedError as SimulationFailedError
    from singletable.testing.simulator import Simulator as Simulator
    from singletable.testing.simulator import simulate as simulate
    from singletable.testing.strategies import entities as entities

exports(__name__)
