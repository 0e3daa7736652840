"""The simulator: several writers, every kind of write, faults in each HTTP attempt, and an independent ledger."""

from singletable.testing.simulator.checks import CHECKS, Violation
from singletable.testing.simulator.network import APPLIED_LATER, FAULTS, NetworkFault
from singletable.testing.simulator.run import SimulatedHistory, SimulationFailedError, Simulator, simulate
from singletable.testing.simulator.simulated_workload import KINDS

__all__ = [
    "APPLIED_LATER",
    "CHECKS",
    "FAULTS",
    "KINDS",
    "NetworkFault",
    "SimulatedHistory",
    "SimulationFailedError",
    "Simulator",
    "Violation",
    "simulate",
]
